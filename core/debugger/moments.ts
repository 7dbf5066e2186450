/** From one moment to the next and to the one before: instructions, and the phases of unwindings that lie between them. */
import type { Patience, Search, Timeline } from '../trace/timeline.ts';

const ANY_PHASE: Search = { phases: true, stops: () => undefined, test: () => 'hit' };

/** So many moments further: what lies between two throws is run in one go. */
export function forwards(
  timeline: Timeline,
  count: number,
  limits: Patience = {},
): 'step' | 'end' | 'limit' | 'cancelled' {
  const { machine } = timeline;
  for (let done = 0; done < count;) {
    const { run, step, phase } = timeline.position;
    if (machine.end !== undefined) {
      const next = timeline.runs[run + 1];
      if (next === undefined) return 'end';
      timeline.seek(next.first, limits);
      done++;
      continue;
    }
    if (machine.unwinding !== undefined && phase < machine.unwinding.steps.length) {
      timeline.seek({ run, step, phase: phase + 1 });
      done++;
      continue;
    }
    const until = { run, step: step + count - done, phase: 0 };
    const found = timeline.searchForward(ANY_PHASE, {
      until,
      ...(limits.isCancelled === undefined ? {} : { isCancelled: () => limits.isCancelled?.() === true }),
      onProgress: (steps) => limits.onProgress?.(done + steps, count),
    });
    if (found === 'cancelled') return 'cancelled';
    done += timeline.position.step - step + timeline.position.phase;
    if (found === 'end') return machine.end === undefined ? 'limit' : 'end';
  }
  return machine.end === undefined ? 'step' : 'end';
}

/** To the moment before; false at the very first one. */
export function backwards(timeline: Timeline): boolean {
  const { run, step, phase } = timeline.position;
  if (phase > 0) {
    timeline.seek({ run, step, phase: phase - 1 });
    return true;
  }
  const first = timeline.runs[run]?.first ?? timeline.first;
  if (step <= first.step) {
    const last = timeline.runs[run - 1]?.last;
    if (last === undefined) return false;
    timeline.seek(last);
    return true;
  }
  timeline.seek({ run, step: step - 1, phase: 0 });
  // Before the next instruction all phases of an unwinding are done.
  const phases = timeline.machine.unwinding?.steps.length ?? 0;
  if (phases > 0) timeline.seek({ run, step: step - 1, phase: phases });
  return true;
}
