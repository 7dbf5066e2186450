/** How often each instruction was executed: a run is run again while somebody counts. */
import type { Program } from '../object/program.ts';
import type { Patience, Timeline } from './timeline.ts';
import { NOTHING, cancelled } from './timeline.ts';

/** How often each instruction was executed in a run. */
export interface Hits {
  readonly programs: ReadonlyMap<Program, Float64Array>;
  /** All together: the steps of the run. */
  readonly total: number;
}

/**
 * Runs a run again and counts; what was not run yet is run first. The timeline stays where it is. Whoever gives up gets an error,
 * as from {@link Timeline.glance}.
 */
export function countHits(timeline: Timeline, run: number, limits: Patience = {}): Hits {
  if (timeline.complete(limits) === 'cancelled') throw cancelled();
  const first = timeline.runs[run]?.first ?? { run, step: 0, phase: 0 };
  return timeline.glance(first, () => count(timeline, run, limits), limits);
}

function count(timeline: Timeline, run: number, limits: Patience): Hits {
  const { machine } = timeline;
  const programs = new Map<Program, Float64Array>();
  /** By address. Programs that are loaded while running stay where they are. */
  const places = new Map<number, { readonly counts: Float64Array; readonly insn: number }>();
  const place = (address: number): { readonly counts: Float64Array; readonly insn: number } | undefined => {
    const known = places.get(address);
    if (known !== undefined) return known;
    const at = machine.locate(address);
    if (at === undefined) return undefined;
    const counts = programs.get(at.program) ?? new Float64Array(at.program.instructions.length);
    programs.set(at.program, counts);
    const found = { counts, insn: at.insn };
    places.set(address, found);
    return found;
  };
  const { first, last } = timeline.runs[run] ?? {};
  const total = first === undefined || last === undefined ? undefined : last.step - first.step;
  let sum = 0;
  machine.observer = {
    hits: (address, hits) => {
      const at = place(address);
      if (at === undefined) return;
      at.counts[at.insn]! += hits;
      sum += hits;
    },
  };
  try {
    const found = timeline.searchForward(NOTHING, {
      ...(limits.isCancelled === undefined ? {} : { isCancelled: () => limits.isCancelled?.() === true }),
      onProgress: (done) => limits.onProgress?.(done, total),
    });
    if (found === 'cancelled') throw cancelled();
  } finally {
    machine.observer = {};
  }
  return { programs, total: sum };
}
