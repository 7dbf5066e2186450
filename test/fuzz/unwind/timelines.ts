/** Timelines of generated programs, for tests of what is made of the events of a run. */
import type { Program } from '../../../core/object/program.ts';
import type { CollectorLimits } from '../../../core/trace/collect.ts';
import { LiveTimeline } from '../../../core/trace/live.ts';
import { verify } from '../../../core/verifier/verify.ts';
import { generate } from './generate.ts';
import { loadWorld, toProgram } from './world.ts';

const world = loadWorld();

/** Runs of generated programs, one for each seed, with throws, callbacks and resources of all kinds. */
export function generatedTimeline(seeds: readonly number[], events: CollectorLimits): LiveTimeline {
  const programs = seeds.map((seed) => toProgram(world, generate(seed)));
  const facts = new Map(programs.map((program) => [program, verify(program, { profile: 'proposal', logLevel: 0 })]));
  const timeline = new LiveTimeline({
    object: { ...world, programs },
    scenario: { seed: seeds[0] ?? 0 },
    profile: 'proposal',
    factsOf: (program: Program) => facts.get(program),
    maxSteps: 20_000,
    events,
  });
  for (const program of programs) {
    timeline.begin(program, {});
    // One that runs for too long is the last one, cut off.
    if (timeline.complete() !== 'end') break;
  }
  return timeline;
}
