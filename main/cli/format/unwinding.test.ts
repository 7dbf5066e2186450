import { describe, expect, it } from 'vitest';
import type { UnwindStep } from '../../../core/exceptions/unwinder.ts';
import { fixtureProgram } from '../testing/fixture.ts';
import { PLAIN } from './style.ts';
import type { Throw } from './unwinding.ts';
import { formatUnwinding, throwJson } from './unwinding.ts';

const program = fixtureProgram();
const task = {
  id: 3,
  type: 'reference',
  typeName: 'struct task_struct',
  value: 0xffff888000001000n,
  at: { program: 'main', insn: 1, frame: 0, step: 1 },
  before: false,
} as const;
const entry = {
  place: { kind: 'register', register: 6 },
  resource: 'reference',
  typeName: 'struct task_struct',
  release: 'bpf_task_release',
  acquiredAt: [1],
  nullable: true,
} as const;
const main = { frame: 0, subprogram: 0, name: 'main', insn: 2 };
const check = { frame: 1, subprogram: 1, name: 'check', insn: 6 };
const steps: UnwindStep[] = [
  { kind: 'throw', cookie: 100n, insn: 6, subprogram: 1 },
  { kind: 'enter-frame', frame: check, entries: 0 },
  { kind: 'leave-frame', frame: check },
  { kind: 'enter-frame', frame: main, entries: 2 },
  { kind: 'skip', frame: 0, entry, place: 'r7', found: { kind: 'live-register' }, reason: 'empty' },
  {
    kind: 'release',
    frame: 0,
    entry,
    place: 'r6',
    value: task.value,
    found: { kind: 'saved-register', frame: 1, offset: -520 },
    resource: task,
  },
  { kind: 'leave-frame', frame: main },
  { kind: 'default-callback', value: 0n },
];
const thrown: Throw = {
  plan: { cookie: 100n, steps },
  program,
  assertion: {
    insn: 5,
    throwInsn: 6,
    condition: 'r1 > 0x3f',
    register: 1,
    before: 'scalar()',
    after: 'scalar(umin=64)',
  },
};

describe('an unwinding as text', () => {
  const text = formatUnwinding([thrown], PLAIN).join('\n');

  it('numbers its phases, and tells the ledger after each', () => {
    expect(text).toContain('8 phases');
    expect(text).toMatch(/held: #3 struct task_struct/);
    expect(text).toMatch(/1 {2}throw +cookie 100 .*holds #3\n/);
    expect(text).toMatch(
      /6 {4}release +struct task_struct #3 +bpf_task_release r6 = 0xffff888000001000, saved by frame 1 at fp-520 +ledger even\n/,
    );
    expect(text).toMatch(/8 {2}callback +the default one +returns 0 +ledger even$/);
  });

  it('says which assertion was not true', () => {
    expect(text).toMatch(/not true: r1 > 0x3f at .* \(behind it: scalar\(umin=64\)\)/);
  });

  it('says why a place is passed over', () => {
    expect(text).toMatch(/5 {4}skip +struct task_struct +r7: null on this path/);
  });
});

describe('an unwinding as data', () => {
  it('has the same phases', () => {
    const json = throwJson(thrown);
    expect(json).toMatchObject({ insn: 6, cookie: '100', held: [{ id: 3 }], assertion: { condition: 'r1 > 0x3f' } });
    expect(json.phases.map(({ phase, kind, ledger }) => [phase, kind, ledger])).toEqual([
      [1, 'throw', [3]],
      [2, 'enter-frame', [3]],
      [3, 'leave-frame', [3]],
      [4, 'enter-frame', [3]],
      [5, 'skip', [3]],
      [6, 'release', []],
      [7, 'leave-frame', []],
      [8, 'default-callback', []],
    ]);
    expect(json.phases[5]).toMatchObject({
      place: 'r6',
      id: 3,
      release: 'bpf_task_release',
      value: '0xffff888000001000',
      found: { in: 'saved-register', frame: 1, offset: -520 },
    });
  });
});
