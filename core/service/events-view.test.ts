/** The table of events and the search, where little was kept and all has to be had again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatedTimeline } from '../../test/fuzz/unwind/timelines.ts';
import type { EventPage, EventQuery, EventRow } from '../protocol/timeline.ts';
import { longRun } from '../../test/e2e/long-run.ts';
import { Events } from './events-view.ts';
import type { Again } from './run-parts.ts';
import { AGAIN } from './run-parts.ts';
import { SOURCES, deskOf, replayOf } from './testing/timelines.ts';
import type { CollectorLimits } from '../trace/collect.ts';
import { EVERYTHING } from '../trace/collect.ts';
import type { Timeline } from '../trace/timeline.ts';

const FEW: CollectorLimits = { flow: 9, calls: 6, rest: 8 };
/** No run is heard as a whole. */
const IN_PARTS: Again = { ...AGAIN, wholeSteps: -1 };
const FILTERS = ['', 'helper', 'call', 'frame:1', 'acquire', 'phase', '-helper -call', 'throw', 'fn:helper', 'insn:13'];

function ask(events: Events, query: Partial<EventQuery>): EventPage {
  return events.page({ run: 0, filter: '', sort: 'time', descending: false, from: 0, count: 2000, ...query });
}

const timelines: readonly (readonly [string, (limits: CollectorLimits) => Timeline])[] = [
  ...(['cleanup', 'resources', 'attached', 'loop'] as const).map(
    (name) => [name, (limits: CollectorLimits): Timeline => replayOf(SOURCES[name]!, limits)] as const,
  ),
  ['generated', (limits): Timeline => generatedTimeline([21, 22, 23, 24], limits)],
];

describe.each(timelines)('events of %s', (_name, timelineWith) => {
  const [whole, few] = [timelineWith(EVERYTHING), timelineWith(FEW)];
  const full = new Events(deskOf(whole));
  const again = new Events(deskOf(few, IN_PARTS));
  const runs = deskOf(few, IN_PARTS).runs;
  const anyRun = fc.nat(whole.runs.length - 1);
  const moment = fc.double({ min: 0, max: 1, noNaN: true });
  const lastOf = (run: number): number => runs.columnsOf(run).last;

  it('of a range are all that happened at its steps', () => {
    fc.assert(
      fc.property(anyRun, moment, moment, fc.constantFrom(...FILTERS), (run, a, b, filter) => {
        const [from, to] = [a, b].sort((x, y) => x - y).map((at) => Math.floor(at * lastOf(run)));
        const range = { from: from!, to: to! };
        const page = ask(again, { run, filter, range });
        const index = runs.of(run);
        const part = { from: index.positionOf(range.from).step, to: index.positionOf(range.to).step };
        expect(page.part).toEqual(part);
        const isLast = part.to === (whole.runs[run]!.last ?? whole.frontier).step;
        const inRange = ({ position, kind }: EventRow): boolean => {
          // A throw stands at the moment after its call.
          const step = kind === 'throw' ? position.step - 1 : position.step;
          return step >= part.from && (step <= part.to || isLast);
        };
        const strip = (list: readonly EventRow[]): unknown[] => list.map(({ index: _, ...row }) => row);
        expect(strip(page.rows)).toEqual(strip(ask(full, { run, filter }).rows.filter(inRange)));
      }),
      { numRuns: 60 },
    );
  });

  it('are listed about the present moment, all of them, in any order', () => {
    const sorts = fc.constantFrom('time' as const, 'kind' as const, 'insn' as const);
    fc.assert(
      fc.property(
        anyRun,
        moment,
        fc.constantFrom(...FILTERS),
        sorts,
        fc.boolean(),
        (run, at, filter, sort, descending) => {
          const tick = Math.floor(at * lastOf(run));
          const query = { run, filter, sort, descending, tick };
          const page = ask(again, query);
          const { part } = page;
          expect(page.all).toBe(ask(full, { run }).total);
          const inPart = ({ position }: EventRow): boolean =>
            part === undefined || (position.step >= part.from && position.step <= part.to + 1);
          const rows = ask(full, query).rows.filter(inPart);
          const strip = (list: readonly EventRow[]): unknown[] => list.map(({ index: _, ...row }) => row);
          if (part === undefined) {
            // What was kept: not all, when something was only counted.
            if (page.omitted === 0) expect(page.total).toBe(ask(full, query).total);
            return;
          }
          expect(page.total).toBe(page.rows.length);
          expect(strip(rows)).toEqual(expect.arrayContaining(strip(page.rows)));
          expect(rows.length - page.rows.length).toBeLessThanOrEqual(4);
          const { at: present } = page;
          if (sort !== 'time' || descending || present === undefined) return;
          expect(page.rows[present]!.tick).toBeLessThanOrEqual(tick);
          expect(page.rows[present + 1]?.tick ?? Infinity).toBeGreaterThan(tick);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('are found in either direction', () => {
    const directions = fc.constantFrom('forwards' as const, 'backwards' as const);
    fc.assert(
      fc.property(anyRun, moment, fc.constantFrom(...FILTERS), directions, (run, at, filter, direction) => {
        const tick = Math.floor(at * lastOf(run));
        expect(again.find(run, filter, tick, direction)).toEqual(full.find(run, filter, tick, direction));
      }),
      { numRuns: 120 },
    );
  });

  it('leave the session where it is', () => {
    few.seek({ run: 0, step: 5, phase: 0 });
    const here = few.position;
    ask(again, { tick: lastOf(0) });
    again.find(0, 'throw', 0, 'forwards');
    again.find(0, 'no such event', 0, 'forwards');
    expect(few.position).toEqual(here);
  });
});

describe('looking for an event', () => {
  const source = SOURCES['loop']!;

  it('tells how far it is, and can be left off', () => {
    const replay = replayOf(source, FEW);
    replay.seek({ run: 0, step: 77, phase: 0 });
    const told: (readonly [number, number | undefined])[] = [];
    let isCancelled = false;
    const desk = deskOf(replay, IN_PARTS, {
      onProgress: (done, total) => told.push([done, total]),
      isCancelled: () => isCancelled,
    });
    const events = new Events(desk);
    expect(events.find(0, 'fn:nothing', 77, 'forwards')).toBeNull();
    expect(told.length).toBeGreaterThan(3);
    const [done, total] = told.at(-1)!;
    expect(done).toBe(total);
    isCancelled = true;
    expect(() => events.find(0, 'fn:nothing', 77, 'backwards')).toThrow(expect.objectContaining({ code: 'CANCELLED' }));
    expect(replay.position).toEqual({ run: 0, step: 77, phase: 0 });
  });

  it('hears nothing where the counts say that there is nothing of its kind', () => {
    const replay = replayOf(source, { flow: 0, calls: 0, rest: 0 });
    const events = new Events(deskOf(replay, IN_PARTS));
    const before = replay.checkpoints;
    expect(events.find(0, 'print', 0, 'forwards')).toBeNull();
    expect(replay.checkpoints).toBe(before);
  });
});

describe('stepping beside a list', () => {
  it('hears nothing again as long as the list has the present moment', () => {
    const source = { ...SOURCES['loop']!, objectBytes: longRun(60, 1000) };
    const replay = replayOf(source, FEW);
    const events = new Events(deskOf(replay, IN_PARTS));
    const tick = 200_000;
    const { part } = ask(events, { tick });
    expect(part!.from).toBeGreaterThan(0);
    expect(part!.to).toBeGreaterThan(tick);
    let glances = 0;
    const { glance } = replay;
    replay.glance = (...args) => {
      glances++;
      return glance.apply(replay, args) as never;
    };
    for (let step = tick; step < part!.to; step += 511) expect(ask(events, { tick: step }).part).toEqual(part);
    expect(glances).toBe(0);
    expect(ask(events, { tick: part!.to + 1 }).part).not.toEqual(part);
    expect(ask(events, { tick, step: 0 }).part!.from).toBe(0);
  });
});
