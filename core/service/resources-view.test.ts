/** Resources at any moment of a run, where hardly an event was kept: what is held comes from the ledger, what went before is heard again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatedTimeline } from '../../test/fuzz/unwind/timelines.ts';
import { loops } from '../../test/bench/loops.ts';
import type { Session } from '../debugger/session.ts';
import type { ResourcesView } from '../protocol/views.ts';
import type { CollectorLimits } from '../trace/collect.ts';
import { EVERYTHING } from '../trace/collect.ts';
import type { Position, Timeline } from '../trace/timeline.ts';
import { resourcesView } from './resources-view.ts';
import { RunIndexes } from './run-indexes.ts';
import type { Again } from './run-parts.ts';
import { AGAIN } from './run-parts.ts';
import { SOURCES, replayOf } from './testing/timelines.ts';

const FEW: CollectorLimits = { flow: 4, calls: 3, rest: 3 };
/** No run is heard as a whole, and parts are short. */
const SHORT_PARTS: Again = {
  ...AGAIN,
  wholeSteps: -1,
  leastSteps: 16,
  leastEvents: 1,
  roomyEvents: 1,
  leadingSteps: 6,
};

/** One pair of calls after the other, that acquire and release. */
const PAIRS = loops(5000).find(({ name }) => name === 'acquire and release')!;

function viewsOf(timeline: Timeline, again?: Again): (position: Position) => ResourcesView {
  const runs = new RunIndexes(() => timeline, again);
  const { machine, object } = timeline;
  return (position) => {
    const index = runs.leadingTo(position);
    return timeline.glance(position, () => resourcesView({ machine, object, position } as Session, index));
  };
}

describe.each([
  ['cleanup', (limits: CollectorLimits): Timeline => replayOf(SOURCES['cleanup']!, limits)],
  ['resources', (limits: CollectorLimits): Timeline => replayOf(SOURCES['resources']!, limits)],
  ['pairs', (limits: CollectorLimits): Timeline => replayOf(PAIRS.source, limits)],
  ['generated', (limits: CollectorLimits): Timeline => generatedTimeline([21, 22, 23, 24], limits)],
] as const)('resources of %s', (name, timelineWith) => {
  const whole = timelineWith(EVERYTHING);
  const all = viewsOf(whole);
  const again = viewsOf(timelineWith(FEW), SHORT_PARTS);

  it('are those of a run of which everything was kept; what went long before is counted', () => {
    let mostNotListed = 0;
    fc.assert(
      fc.property(fc.nat(whole.runs.length - 1), fc.double({ min: 0, max: 1, noNaN: true }), (run, at) => {
        const { first, last } = whole.runs[run]!;
        const step = first.step + Math.round(at * ((last ?? whole.frontier).step - first.step));
        const position = { run, step, phase: 0 };
        const [wanted, found] = [all(position), again(position)];
        const { earlier = 0 } = found;
        expect(wanted.earlier).toBeUndefined();
        expect(earlier).toBe(wanted.resources.length - found.resources.length);
        mostNotListed = Math.max(mostNotListed, earlier);
        expect({ now: found.now, before: found.before }).toEqual({ now: wanted.now, before: wanted.before });
        const isHeld = ({ state }: ResourcesView['resources'][number]): boolean =>
          state === 'held' || state === 'leaked';
        const gone = wanted.resources.filter((one) => !isHeld(one)).slice(earlier);
        expect(found.resources.filter((one) => !isHeld(one))).toEqual(gone);
        expect(found.resources.filter(isHeld)).toEqual(wanted.resources.filter(isHeld));
      }),
      { numRuns: 60 },
    );
    // Where many are given back, few of them are listed.
    if (name === 'pairs') expect(mostNotListed).toBeGreaterThan(100);
  });

  it('were acquired at the steps at which events say that they were', () => {
    const index = new RunIndexes(() => whole);
    for (const [run, { last }] of whole.runs.entries()) {
      const { events, resources } = index.of(run);
      const acquired = new Map(resources.map((rows) => [rows.id, events.rest.position(rows.acquired)]));
      const step = Math.floor((last ?? whole.frontier).step / 2);
      for (const { id, before, acquiredAt } of all({ run, step, phase: 0 }).resources)
        expect(acquiredAt.position).toEqual(before ? undefined : acquired.get(id));
    }
  });
});
