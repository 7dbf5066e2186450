/** Timelines of programs that are made for one test, with nothing else on them. */
import { bundledKernelBtf } from '../../../main/kernel-btf.ts';
import type { Program } from '../../object/program.ts';
import type { LiveOptions } from '../live.ts';
import { LiveTimeline } from '../live.ts';

/** One run of a program, at its first instruction: not verified, with the maps that it names, and no longer than 500 instructions. */
export function programTimeline(made: Program, options: Partial<LiveOptions> = {}): LiveTimeline {
  const kernelBtf = bundledKernelBtf();
  const program = { ...made, kernelBtf };
  const { maps } = program;
  const timeline = new LiveTimeline({
    object: { name: 'made up', license: 'GPL', programs: [program], maps, kernelBtf, externs: [], notes: [] },
    scenario: {},
    profile: 'proposal',
    factsOf: () => undefined,
    maxSteps: 500,
    ...options,
  });
  timeline.begin(program, {});
  return timeline;
}
