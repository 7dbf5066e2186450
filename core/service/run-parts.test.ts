/** Whatever a timeline keeps of its events, views show the same: a run that is short as a whole, a long one part by part. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatedTimeline } from '../../test/fuzz/unwind/timelines.ts';
import { programOf } from '../machine/testing/programs.ts';
import type { TimelineView } from '../protocol/timeline.ts';
import type { CollectorLimits } from '../trace/collect.ts';
import { EVERYTHING } from '../trace/collect.ts';
import { programTimeline } from '../trace/testing/timelines.ts';
import type { Timeline } from '../trace/timeline.ts';
import type { Again } from './run-parts.ts';
import { AGAIN } from './run-parts.ts';
import { SOURCES, deskOf, replayOf } from './testing/timelines.ts';
import { rangeSummary, timelineView } from './timeline-view.ts';

const NOTHING: CollectorLimits = { flow: 0, calls: 0, rest: 0 };
const some = fc.record({ flow: fc.nat(30), calls: fc.nat(10), rest: fc.nat(20) });
/** No run is heard as a whole, however short it is. */
const IN_PARTS: Again = { ...AGAIN, wholeSteps: -1, leastSteps: 1 };

/** Each kind of timeline, with limits on what it keeps. */
const kinds: readonly (readonly [string, (limits: CollectorLimits) => Timeline])[] = [
  ...Object.entries(SOURCES).map(
    ([name, source]) => [name, (limits: CollectorLimits): Timeline => replayOf(source, limits)] as const,
  ),
  ...Array.from(
    { length: 5 },
    (_, group) =>
      [
        `generated programs ${group}`,
        (limits: CollectorLimits): Timeline =>
          generatedTimeline(
            [1, 2, 3, 4].map((i) => group * 4 + i),
            limits,
          ),
      ] as const,
  ),
];

/** Without what a picture of a part cannot know: how long ago began what was under way, and which row of its kind something has. */
function shown({ calls, resources, resourceRows: _, depth: __, density, ...view }: TimelineView): unknown {
  const { from, to } = view;
  const clipped = <Span extends { from: number; to?: number; startsBefore?: true; endsAfter?: true }>(
    span: Span,
  ): unknown => {
    const { startsBefore: _startsBefore, endsAfter: _endsAfter, ...rest } = span;
    return { ...rest, from: Math.max(span.from, from), to: Math.min(span.to ?? Infinity, to) };
  };
  return {
    ...view,
    calls: calls.map(clipped),
    resources: resources
      .filter((span) => span.from < to && (span.to ?? Infinity) > from)
      .map(({ row: _row, unwound, releasedBy, ...span }) => ({
        ...span,
        // Who lets it go is not known before that.
        ...((span.to ?? Infinity) > to ? {} : { unwound, releasedBy }),
      }))
      .map(clipped)
      .sort((a, b) => (a as { id: number }).id - (b as { id: number }).id),
    events: Math.round(density.reduce((sum, count) => sum + count, 0)),
  };
}

describe.each(kinds)('%s', (_name, timelineWith) => {
  const whole = timelineWith(EVERYTHING);
  const full = deskOf(whole);
  const nothing = timelineWith(NOTHING);
  const count = whole.runs.length;

  it('has runs that are known in full, of which less was kept', () => {
    const limited = [nothing, timelineWith({ flow: 7, calls: 5, rest: 9 })];
    for (const timeline of limited) {
      const here = timeline.position;
      const desk = deskOf(timeline);
      const { runs } = desk;
      for (let run = 0; run < count; run++) {
        const [of, at] = [
          { run, step: 0, phase: 0 },
          { run: run + 1, step: 0, phase: 0 },
        ];
        if (whole.runs[run]!.last === undefined) continue;
        expect([...runs.of(run).events.events({ from: of, to: at })]).toEqual([
          ...whole.events.events({ from: of, to: at }),
        ]);
        expect(runs.knownTo(run)).toBe(Infinity);
        expect(timelineView(desk, run, 0, Infinity, 5000)).toEqual(timelineView(full, run, 0, Infinity, 5000));
      }
      expect(timeline.position).toEqual(here);
    }
  });

  it('has the same axis where phases were only counted', () => {
    const { runs } = deskOf(nothing, IN_PARTS);
    for (let run = 0; run < count; run++) {
      expect(runs.of(run).throws.steps).toEqual(full.runs.of(run).throws.steps);
      expect(runs.of(run).throws.phases).toEqual(full.runs.of(run).throws.phases);
    }
  });

  it('has pictures of parts as if all had been kept', () => {
    const desks = [nothing, timelineWith({ flow: 7, calls: 5, rest: 9 })].map((timeline) => deskOf(timeline, IN_PARTS));
    fc.assert(
      fc.property(fc.nat(count - 1), fc.nat(10_000), fc.nat(10_000), fc.nat(1), (run, a, b, which) => {
        const { last } = full.runs.columnsOf(run);
        const [from, to] = [Math.min(a, b), Math.max(a, b)].map((part) => Math.floor((part / 10_000) * last));
        fc.pre(from! < to!);
        const pixels = to! - from! + 1;
        const [seen, wanted] = [desks[which]!, full].map((desk) => timelineView(desk, run, from!, to!, pixels));
        expect(shown(seen!)).toEqual(shown(wanted!));
        expect(rangeSummary(desks[which]!, run, from!, to!)).toEqual(rangeSummary(full, run, from!, to!));
      }),
      { numRuns: 40 },
    );
  });

  it('has pictures of what is too large to be heard again, which say from where on', () => {
    fc.assert(
      fc.property(fc.nat(count - 1), some, (run, limits) => {
        const desk = deskOf(timelineWith(limits), { ...IN_PARTS, partSteps: -1 });
        const view = timelineView(desk, run, 0, Infinity, 1000);
        const wanted = timelineView(full, run, 0, Infinity, 1000);
        const { countedFrom = Infinity } = view;
        expect(view.last).toBe(wanted.last);
        expect(view.throws).toEqual(wanted.throws);
        for (const { to, depth, endsAfter } of view.calls)
          if (depth > 0 && endsAfter === undefined) expect(to).toBeLessThanOrEqual(view.last);
        // What was kept is where it was.
        const before = ({ points }: TimelineView): number[] =>
          points.filter(({ tick }) => tick < countedFrom).map(({ tick }) => tick);
        expect(before(view)).toEqual(before(wanted));
      }),
      { numRuns: 4 },
    );
  });
});

describe('a run that goes on', () => {
  it('is known as far as it has come, and is not taken further', () => {
    const text = 'r6 = 5000\ncall pc+3\nr6 += -1\nif r6 != 0 goto pc-3\nexit\nr0 = r6\nexit';
    const begun = (events: CollectorLimits): Timeline => programTimeline(programOf(text), { maxSteps: 1e6, events });
    const [whole, few] = [begun(EVERYTHING), begun({ flow: 10, calls: 0, rest: 0 })];
    const [full, again] = [deskOf(whole), deskOf(few)];
    for (const step of [3000, 9000, 20_000]) {
      for (const timeline of [whole, few]) timeline.seek({ run: 0, step, phase: 0 });
      const [seen, wanted] = [again, full].map((desk) => timelineView(desk, 0, step - 500, step, 501));
      expect(shown(seen!)).toEqual(shown(wanted!));
      expect(few.frontier).toEqual(whole.frontier);
      expect(few.position).toEqual(whole.position);
    }
    for (const timeline of [whole, few]) timeline.complete();
    expect(few.events.totals()).toEqual(whole.events.totals());
  });
});
