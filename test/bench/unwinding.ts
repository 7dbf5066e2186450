/**
 * What exceptions cost where none is thrown: a loop that calls a function with an assertion, while the caller holds two
 * things, with the table of frame descriptors and without. Nothing of the table is on that path, so both must be as fast.
 */
import type { DescriptorEntry, FrameDescriptor } from '../../core/exceptions/descriptor.ts';
import type { RunFacts } from '../../core/machine/machine.ts';
import { programOf, rig } from '../../core/machine/testing/programs.ts';
import type { Row } from './report.ts';
import { best } from './report.ts';

const SOURCE = `
r6 = 11
r9 = 12
*(u64 *)(r10 -8) = r9
r7 = 1
r1 = r7
call pc+2
r7 += 1
goto pc-4
r1 &= 63
if r1 < 64 goto pc+2
r1 = 5
call bpf_throw
r0 = r1
exit`;

const STEPS = 20_000_000;
const ROUNDS = 7;

const entry = (place: DescriptorEntry['place']): DescriptorEntry => ({
  place,
  resource: 'reference',
  typeName: 'struct task_struct',
  release: 'bpf_task_release',
  acquiredAt: [0],
  nullable: false,
});
const descriptors: readonly FrameDescriptor[] = [
  { subprogram: 0, insn: 5, entries: [entry({ kind: 'register', register: 6 }), entry({ kind: 'slot', offset: -8 })] },
  { subprogram: 1, insn: 11, entries: [] },
];

/** Milliseconds for the loop, without and with descriptors; rounds take turns, so that both meet the same noise. */
function measure(): { readonly without: number; readonly with: number } {
  const machineWith = (facts: Partial<RunFacts>) => {
    const kfuncs = ['bpf_throw'];
    const { machine } = rig({ kfuncs: { bpf_throw: () => ({ kind: 'throw', cookie: 0n }) }, facts });
    machine.start(programOf(SOURCE, { kfuncs }), 0n);
    machine.run({ fuel: STEPS });
    return machine;
  };
  const bare = machineWith({ profile: 'linux', descriptors: [] });
  const described = machineWith({ profile: 'proposal', descriptors });
  let without = Infinity;
  let withTable = Infinity;
  for (let i = 0; i < ROUNDS; i++) {
    without = Math.min(
      without,
      best(1, () => bare.run({ fuel: STEPS })),
    );
    withTable = Math.min(
      withTable,
      best(1, () => described.run({ fuel: STEPS })),
    );
  }
  return { without, with: withTable };
}

export function benchUnwinding(): Row[] {
  const { without, with: withTable } = measure();
  const rate = (milliseconds: number): number => STEPS / milliseconds / 1000;
  const what = 'calls of a function with an assertion that holds';
  return [
    { name: 'without descriptors', what, value: rate(without), text: `${rate(without).toFixed(0)} M insn/s` },
    {
      name: 'with descriptors',
      what: 'the same, two things held by the caller',
      value: rate(withTable),
      text: `${rate(withTable).toFixed(0)} M insn/s`,
    },
    {
      name: 'difference',
      what: 'what the table costs on the path that does not throw',
      value: withTable / without - 1,
      text: `${((withTable / without - 1) * 100).toFixed(1)} %`,
      // The noise of the measurement.
      limit: { kind: 'at most', value: 0.05, text: '5 %' },
    },
  ];
}
