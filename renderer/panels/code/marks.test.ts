import type { CodeNote } from '../../../core/protocol/code.ts';
import { describe, expect, it } from 'vitest';
import type { CodeRow } from '../../../core/protocol/code.ts';
import type { BreakpointView } from '../../../core/protocol/state.ts';
import { arrowPart, breakpointMarks, insnAt, insnsOf, nextRow, notesByInsn } from './marks.ts';

function breakpoint(id: number, insn: number, more: Partial<BreakpointView> = {}): BreakpointView {
  return {
    id,
    kind: 'breakpoint',
    text: `*${insn}`,
    enabled: true,
    hits: 0,
    places: [{ program: 'p', insn }],
    ...more,
  };
}

describe('breakpoints beside code', () => {
  it('joins those of one instruction, and leaves out other programs and watchpoints', () => {
    const marks = breakpointMarks(
      [
        breakpoint(1, 5, { enabled: false }),
        breakpoint(2, 5, { condition: 'r1 > 2' }),
        breakpoint(3, 6, { kind: 'watchpoint' }),
        breakpoint(4, 7, { places: [{ program: 'other', insn: 7 }] }),
      ],
      'p',
    );
    expect([...marks]).toEqual([[5, { ids: [1, 2], enabled: true, condition: 'r1 > 2' }]]);
  });
});

const rows: readonly CodeRow[] = [
  { kind: 'function', name: 'f', insn: 4, linkage: 'static' },
  { kind: 'source', file: 'a.c', line: 3, text: 'x = 1;' },
  { kind: 'insn', insn: 4, text: 'r1 = 1', dead: false },
  { kind: 'insn', insn: 6, text: 'exit', dead: false },
];
const at = (row: number): CodeRow | undefined => rows[row];

describe('rows and instructions', () => {
  it('takes a source line for the first instruction below', () => {
    expect([0, 1, 2, 3, 4].map((row) => insnAt(row, at, rows.length))).toEqual([4, 4, 4, 6, undefined]);
  });

  it('finds the instructions in sight', () => {
    expect(insnsOf(rows)).toEqual({ from: 4, to: 7 });
    expect(insnsOf([undefined, rows[1]])).toBeUndefined();
  });

  it('puts notes and counts beside their instruction', () => {
    const notes = notesByInsn({ hits: [3, 0], notes: [{ insn: 5, kind: 'value', text: 'r1 = 2' }] }, 4);
    expect(notes.get(4)).toEqual({ hits: 3, notes: [] });
    expect(notes.get(5)?.notes).toHaveLength(1);
  });
});

describe('the arrow of a jump', () => {
  it('goes down or up, row by row', () => {
    expect([1, 2, 3, 4, 5].map((row) => arrowPart(row, 2, 4))).toEqual([
      undefined,
      'start-down',
      'through',
      'end-down',
      undefined,
    ]);
    expect([2, 3, 4].map((row) => arrowPart(row, 4, 2))).toEqual(['end-up', 'through', 'start-up']);
    expect(arrowPart(3, 3, 3)).toBeUndefined();
  });
});

describe('going through places', () => {
  it('goes round at the ends', () => {
    expect(nextRow([2, 5, 9], 5, 1)).toBe(9);
    expect(nextRow([2, 5, 9], 9, 1)).toBe(2);
    expect(nextRow([2, 5, 9], 1, -1)).toBe(9);
    expect(nextRow([], 1, 1)).toBeUndefined();
  });
});

it('rows whose notes are as they were keep them: nothing is drawn again for nothing', () => {
  const note = (text: string): CodeNote => ({ insn: 8, kind: 'value', text });
  const first = notesByInsn({ hits: [1, 2], notes: [note('r1 = 7')] }, 7);
  const second = notesByInsn({ hits: [1, 2], notes: [note('r1 = 8')] }, 7, first);
  expect(second.get(7)).toBe(first.get(7));
  expect(second.get(8)).toEqual({ hits: 2, notes: [note('r1 = 8')] });
  const third = notesByInsn({ hits: [1, 3], notes: [note('r1 = 8')] }, 7, second);
  expect(third.get(8)?.hits).toBe(3);
});
