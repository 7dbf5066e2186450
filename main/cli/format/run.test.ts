import { describe, expect, it } from 'vitest';
import type { UnwindStep } from '../../../core/exceptions/unwinder.ts';
import type { LedgerEntry } from '../../../core/kernel/ledger.ts';
import { fixtureProgram } from '../testing/fixture.ts';
import type { RunReport } from './run.ts';
import { formatRun, jsonInteger, returnName, runJson, unwoundFrames } from './run.ts';
import { PLAIN } from './style.ts';

const program = fixtureProgram();

const returned: RunReport = {
  program,
  profile: 'proposal',
  verdict: 'accepted',
  retval: 2,
  steps: 7,
  ledger: { before: [], after: [] },
  output: [],
  async: [],
};

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
const frame = (index: number, name: string, insn: number) => ({ frame: index, subprogram: index, name, insn });
const steps: UnwindStep[] = [
  { kind: 'throw', cookie: 100n, insn: 6, subprogram: 1 },
  { kind: 'enter-frame', frame: frame(1, 'check', 6), entries: 0 },
  { kind: 'leave-frame', frame: frame(1, 'check', 6) },
  { kind: 'enter-frame', frame: frame(0, 'main', 2), entries: 2 },
  { kind: 'skip', frame: 0, entry, place: 'r7', found: { kind: 'live-register' }, reason: 'empty' },
  {
    kind: 'release',
    frame: 0,
    entry,
    place: 'r6',
    value: task.value,
    found: { kind: 'saved-register', frame: 1, offset: -16 },
    resource: task,
  },
  { kind: 'leave-frame', frame: frame(0, 'main', 2) },
  { kind: 'default-callback', value: 0n },
];

const threw: RunReport = {
  ...returned,
  retval: 0,
  thrown: { cookie: 100n, insn: 6, program, unwound: unwoundFrames(steps) },
};

const left: LedgerEntry = {
  ...task,
  by: 'bpf_task_acquire',
  release: 'bpf_task_release',
};

describe('what run says', () => {
  it('names what the return value means', () => {
    expect(formatRun(returned, PLAIN)).toEqual([
      'main  xdp  profile proposal',
      '',
      'Returned 2 (XDP_PASS) after 7 instructions',
      'Ledger: nothing left behind',
    ]);
    expect(returnName('sched_cls', 2)).toBe('TC_ACT_SHOT');
    expect(returnName('syscall', 2)).toBeUndefined();
  });

  it('shows a throw frame by frame, where each value was found and what released it', () => {
    expect(formatRun(threw, PLAIN)).toEqual([
      'main  xdp  profile proposal',
      '',
      'Threw cookie 100 (0x64)',
      '  --> fixture.bpf.c:5:3 in check',
      '    │',
      '  5 │ return 0;',
      '    │ ^',
      '    = 6: (b7) r0 = 0',
      '',
      'Unwound',
      '  check  insn 6  –   nothing held',
      '  main   insn 2  r6  struct task_struct  bpf_task_release #3       saved by check',
      '                 r7  struct task_struct  null: nothing to release',
      '',
      'Callback none: under proposal the program returns 0',
      '',
      'Returned 0 (XDP_ABORTED) after 7 instructions',
      'Ledger: nothing left behind',
    ]);
  });

  it('names the callback that took the cookie', () => {
    const { thrown } = threw;
    if (thrown === undefined) throw new Error('the fixture throws');
    const report: RunReport = { ...threw, thrown: { ...thrown, callback: { name: 'on_exception', how: 'tag' } } };
    expect(formatRun(report, PLAIN)).toContain('Callback on_exception (by tag) got cookie 100 (0x64)');
    expect(runJson(report).callback).toBe('on_exception');
  });

  it('says where a run ended that did not return', () => {
    const { retval: _, ...unfinished } = returned;
    const report: RunReport = {
      ...unfinished,
      error: { code: 'FAULT', message: 'read of 8 bytes at 0x0: null pointer', insn: 0 },
    };
    const lines = formatRun(report, PLAIN);
    expect(lines).toContain('  FAULT: read of 8 bytes at 0x0: null pointer');
    expect(lines).toContain('    = 0: (61) r6 = *(u32 *)(r1 +0)'.replace('    =', '     ='));
    expect(lines).toContain('Did not return after 7 instructions');
  });

  it('shows the timers that ran after the program', () => {
    const report: RunReport = { ...returned, async: [{ kind: 'timer', program: 'main', insn: 5, value: 0n }] };
    expect(formatRun(report, PLAIN)).toContain('Then a timer of main ran from insn 5 and returned 0');
    expect(runJson(report).async).toEqual([{ kind: 'timer', insn: 5, retval: 0 }]);
  });

  it('shows what was printed and sent, and what was left behind', () => {
    const report: RunReport = {
      ...returned,
      ledger: { before: [], after: [left] },
      output: [
        { kind: 'trace', text: 'hello\n', at: left.at },
        { kind: 'ringbuf', text: '', map: 'events', bytes: Uint8Array.of(1, 0xff), at: left.at },
      ],
    };
    const lines = formatRun(report, PLAIN);
    expect(lines.slice(2, 5)).toEqual(['Output', '  hello', '  events: 01 ff']);
    expect(lines.at(-1)).toBe('Ledger: 1 resource left behind: struct task_struct #3 (insn 1)');
  });
});

describe('the JSON of run', () => {
  it('has the documented form', () => {
    expect(runJson(threw)).toEqual({
      program: 'main',
      profile: 'proposal',
      verdict: 'accepted',
      retval: 0,
      thrown: true,
      cookie: 100,
      steps: 7,
      callback: null,
      unwound: [
        { subprogram: 'check', insn: 6, released: [] },
        {
          subprogram: 'main',
          insn: 2,
          released: [{ place: 'r6', type: 'struct task_struct', id: 3, by: 'bpf_task_release' }],
        },
      ],
      throws: [],
      ledger: { before: [], after: [] },
      output: [],
      async: [],
      error: null,
    });
  });

  it('is null where nothing was thrown or returned', () => {
    const { retval: _, ...unfinished } = returned;
    expect(runJson({ ...unfinished, error: { code: 'X', message: 'm' } })).toMatchObject({
      retval: null,
      thrown: false,
      cookie: null,
      callback: null,
      unwound: [],
      error: { code: 'X', message: 'm', insn: null },
    });
  });

  it('writes numbers as numbers where those are exact', () => {
    expect(jsonInteger(5n)).toBe(5);
    expect(jsonInteger(0xffffffffffffffffn)).toBe('18446744073709551615');
  });

  it('writes bytes as hex digits, and held resources with who acquired them', () => {
    const output = [{ kind: 'ringbuf', text: '', map: 'events', bytes: Uint8Array.of(1, 255), at: left.at }] as const;
    const json = runJson({ ...returned, output, ledger: { before: [], after: [left] } });
    expect(json.output).toEqual([{ kind: 'ringbuf', text: '', map: 'events', bytes: '01ff' }]);
    expect(json.ledger.after).toEqual([{ id: 3, type: 'struct task_struct', by: 'bpf_task_acquire', insn: 1 }]);
  });
});
