import { describe, expect, it } from 'vitest';
import type { FrameDescriptor } from '../../../core/exceptions/descriptor.ts';
import type { Verification } from '../../../core/verifier/verification.ts';
import { fixtureProgram } from '../testing/fixture.ts';
import { conflictsJson, formatDescriptorTable, tableBytes } from './descriptors.ts';
import { PLAIN } from './style.ts';

const program = fixtureProgram();
const task = {
  place: { kind: 'register', register: 6 },
  resource: 'reference',
  typeName: 'struct task_struct',
  release: 'bpf_task_release',
  acquiredAt: [1, 4],
  nullable: true,
} as const;
const descriptors: readonly FrameDescriptor[] = [
  { subprogram: 0, insn: 2, entries: [task, { ...task, place: { kind: 'slot', offset: -16 }, nullable: false }] },
  { subprogram: 1, insn: 6, entries: [] },
];

const verification = (changes: Partial<Verification>): Verification => ({
  program,
  profile: 'proposal',
  verdict: 'accepted',
  message: '',
  log: '',
  insns: 7,
  states: 1,
  peakStates: 1,
  stackDepth: [0, 0],
  durationUs: 1,
  descriptors,
  merges: 3,
  conflicts: [],
  assertions: [],
  seen: new Uint8Array(0),
  probeMem: new Uint8Array(0),
  ...changes,
});

describe('the table of descriptors', () => {
  it('has a line per entry, and counts what it costs', () => {
    const text = formatDescriptorTable(verification({}), PLAIN).join('\n');
    expect(text).toMatch(/ 2 {2}main .* r6 +struct task_struct or null +bpf_task_release acquired at 1, 4\n/);
    expect(text).toMatch(/\n +fp-16 +struct task_struct +bpf_task_release/);
    expect(text).toMatch(/ 6 {2}.* – +nothing to release\n/);
    expect(text).toContain('2 places to unwind from · 2 entries · 24 bytes · 3 merges · 0 conflicts');
    expect(tableBytes(descriptors)).toBe(24);
  });

  it('shows what two paths have in one place', () => {
    const conflict = {
      insn: 2,
      subprogram: 0,
      place: { kind: 'slot', offset: -8 },
      old: 'struct task_struct released by bpf_task_release, acquired at insn 1',
      new: 'nothing that can be released',
    } as const;
    const refused = verification({ conflicts: [conflict] });
    const text = formatDescriptorTable(refused, PLAIN).join('\n');
    expect(text).toContain('Conflict at insn 2 of main, fp-8\n  one path:     struct task_struct released');
    expect(text).toContain('  another path: nothing that can be released');
    expect(conflictsJson(refused)).toEqual([
      { subprogram: 'main', insn: 2, place: 'fp-8', old: conflict.old, new: conflict.new },
    ]);
  });

  it('says that profile linux has none', () => {
    expect(formatDescriptorTable(verification({ profile: 'linux' }), PLAIN)).toEqual([
      'No descriptors: under linux a throw with something in hand is rejected.',
    ]);
  });
});
