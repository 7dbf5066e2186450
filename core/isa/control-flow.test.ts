import { describe, expect, test } from 'vitest';
import { assemble } from './assemble.ts';
import * as flow from './control-flow.ts';

const program = (text: string) => assemble(text).instructions;

describe('where control goes', () => {
  test.each([
    ['r0 = 1', [1]],
    ['r0 = 1 ll', [2]],
    ['goto +3', [4]],
    ['gotol -7', [-6]],
    ['if r1 == 2 goto +3', [1, 4]],
    ['if w1 == w2 goto +0', [1]],
    ['may_goto +5', [1, 6]],
    ['call 5', [1]],
    ['call pc+9', [1]],
    ['exit', []],
  ])('%s', (text, successors) => {
    expect(flow.successors(program(text), 0)).toEqual(successors);
  });

  test('distances count from the slot after the jump', () => {
    const insns = program('a: r1 = 1 ll\n goto a');
    expect(flow.jumpTarget(insns, 2)).toBe(0);
    expect(flow.jumpTarget(insns, 0)).toBeUndefined();
    expect(flow.isUnconditionalJump(insns, 2)).toBe(true);
    expect(flow.isConditionalJump(insns, 2)).toBe(false);
  });

  test('what is called', () => {
    const insns = program('call 5\n call kfunc#812\n call pc+1\n r1 = func[pc-4]\n may_goto +1\n exit');
    expect([0, 1, 2].map((i) => flow.isHelperCall(insns, i))).toEqual([true, false, false]);
    expect([0, 1, 2].map((i) => flow.isKfuncCall(insns, i))).toEqual([false, true, false]);
    expect([0, 1, 2].map((i) => flow.isSubprogramCall(insns, i))).toEqual([false, false, true]);
    expect(flow.callTarget(insns, 2)).toBe(4);
    expect(flow.isSubprogramPointer(insns, 3)).toBe(true);
    expect(flow.callTarget(insns, 3)).toBe(0);
    expect(flow.isMayGoto(insns, 5)).toBe(true);
    expect(flow.isExit(insns, 6)).toBe(true);
  });
});

describe('subprograms', () => {
  test('start where something calls them or takes their address, and at 0', () => {
    const insns = program('r2 = func[b]\n call a\n exit\n a: exit\n b: call a\n exit');
    expect(flow.subprogramStarts(insns)).toEqual([0, 4, 5]);
  });

  test('targets outside the program are not counted', () => {
    expect(flow.subprogramStarts(program('call pc+100\n call pc-100\n exit'))).toEqual([0]);
  });

  test('the second slot of a 64-bit immediate is not mistaken for a call', () => {
    expect(flow.subprogramStarts(program('.insn 0x18, 0, 0, 0, 0\n .insn 0x85, 0, 1, 0, 1\n exit\n exit'))).toEqual([
      0,
    ]);
  });
});
