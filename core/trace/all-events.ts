/**
 * All events of a timeline, in the order of time: the kept ones where all are kept, and where some were only counted the stretch is run
 * again while somebody listens, piece by piece. So whoever goes through a hundred million instructions has one piece of them in memory,
 * and whoever wants the first few events lets little run again. Where nothing is omitted, nothing is run.
 */
import { Collector, EVERYTHING } from './collect.ts';
import type { EventIndex, EventKind, EventQuery, Overflow, TraceEvent } from './events.ts';
import { EVENT_KINDS, eventCode } from './events.ts';
import type { Patience, Position, Timeline, TimelineRun } from './timeline.ts';
import { NOTHING, cancelled, comparePositions, throwIfCancelled, withoutProgress } from './timeline.ts';

/** Whoever gives up gets CANCELLED. */
export interface AllEventsQuery extends EventQuery, Patience {}

/** Steps that are heard at once, to begin with: enough for the first few events. */
const FIRST_PIECE = 100_000;
const LONGEST_PIECE = 1_000_000;
/** A piece with fewer events is followed by a longer one, and one with more by a shorter one. */
const FEW = 20_000;
const MANY = 80_000;
/** To begin a run takes as long as so many steps. */
const RUN_STEPS = 20_000;
/** To run on through so many steps, all events of which are kept, takes no longer than to go to their end. */
const GAP_STEPS = 250_000;
/** Events that are taken out of their columns at once. */
const BATCH = 1000;

/** Events of what was run so far. The timeline stays where it is. */
export function* allEvents(timeline: Timeline, query: AllEventsQuery = {}): Generator<TraceEvent, void> {
  let left = query.limit ?? Infinity;
  if (left <= 0) return;
  for (const piece of eventPieces(timeline, query)) {
    for (const event of piece) {
      yield event;
      if (--left <= 0) return;
    }
  }
}

/** The same in pieces, some of them empty: whoever reads them is back in good time to do something else in between. */
export function* eventPieces(
  timeline: Timeline,
  query: Omit<AllEventsQuery, 'limit'> = {},
): Generator<readonly TraceEvent[], void> {
  const { events } = timeline;
  const { kinds, matches, isCancelled, onProgress } = query;
  const wanted = { ...(kinds === undefined ? {} : { kinds }), ...(matches === undefined ? {} : { matches }) };
  const from = query.from ?? timeline.first;
  const to = query.to ?? { run: timeline.runs.length, step: 0, phase: 0 };
  const count = stepCounter(timeline);
  const [begin, end] = [count(from), count(to)];
  for (const stretch of stretches(timeline, from, to, kinds)) {
    const pieces = stretch.isKept ? [{ events, until: stretch.to }] : heard(timeline, stretch, query);
    for (const piece of pieces) {
      for (const batch of batches(piece.events, { ...wanted, from: stretch.from, to: stretch.to })) {
        if (isCancelled?.() === true) throw cancelled();
        yield batch;
      }
      onProgress?.(count(piece.until) - begin, end - begin);
    }
  }
}

function* batches(events: EventIndex, query: EventQuery): Generator<readonly TraceEvent[], void> {
  let batch: TraceEvent[] = [];
  for (const event of events.events(query)) {
    batch.push(event);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

/** Instructions from the first one of all to a moment. */
function stepCounter({ runs, frontier }: Timeline): (position: Position) => number {
  let sum = 0;
  const before = runs.map((run) => {
    const here = sum;
    sum += lastStep(run, frontier) - run.first.step;
    return here;
  });
  return ({ run, step }) => {
    const known = runs[run];
    if (known === undefined) return run < 0 ? 0 : sum;
    return before[run]! + Math.min(Math.max(step, known.first.step), lastStep(known, frontier)) - known.first.step;
  };
}

function lastStep(run: TimelineRun, frontier: Position): number {
  return run.last?.step ?? (frontier.run === run.first.run ? frontier.step : run.first.step);
}

// ---- where events are kept ----------------------------------------------------------------------------------------------

/** A part of a timeline in which all events that are asked for are kept, or some were only counted. */
interface Stretch {
  readonly from: Position;
  /** Exclusive. */
  readonly to: Position;
  readonly isKept: boolean;
}

/** From one moment to another, kept ones and others in turns. */
function* stretches(
  timeline: Timeline,
  from: Position,
  to: Position,
  kinds: readonly EventKind[] | undefined,
): Generator<Stretch, void> {
  const count = stepCounter(timeline);
  /** In instructions, runs that begin included. */
  const work = (a: Position, b: Position): number => count(b) - count(a) + (b.run - a.run) * RUN_STEPS;
  let at = from;
  let open: { readonly from: Position; readonly to: Position } | undefined;
  for (const counted of countedStretches(timeline, kinds)) {
    const next = { from: later(counted.from, at), to: earlier(counted.to, to) };
    if (comparePositions(next.from, next.to) >= 0) continue;
    if (open !== undefined && work(open.to, next.from) <= GAP_STEPS) {
      open = { from: open.from, to: next.to };
      continue;
    }
    if (open !== undefined) {
      yield* upTo(at, open);
      at = open.to;
    }
    open = next;
  }
  if (open !== undefined) {
    yield* upTo(at, open);
    at = open.to;
  }
  if (comparePositions(at, to) < 0) yield { from: at, to, isKept: true };
}

/** What is kept before a stretch, and the stretch. */
function* upTo(at: Position, open: { readonly from: Position; readonly to: Position }): Generator<Stretch, void> {
  if (comparePositions(at, open.from) < 0) yield { from: at, to: open.from, isKept: true };
  yield { ...open, isKept: false };
}

/** Stretches in which one of the kinds was only counted, in the order of time. */
function* countedStretches(
  { events, runs }: Timeline,
  kinds: readonly EventKind[] = EVENT_KINDS,
): Generator<{ readonly from: Position; readonly to: Position }, void> {
  const codes = kinds.map(eventCode);
  for (const overflow of [...events.overflows].sort((a, b) => a.run - b.run)) {
    const { run } = overflow;
    const last = runs[run]?.last?.step ?? Infinity;
    let from: number | undefined;
    const stretch = (end: number): { from: Position; to: Position } => ({
      from: { run, step: from ?? 0, phase: 0 },
      to: end > last ? { run: run + 1, step: 0, phase: 0 } : { run, step: end, phase: 0 },
    });
    const size = 2 ** overflow.shift;
    const count = Math.ceil(overflow.counts.length / EVENT_KINDS.length);
    for (let bucket = 0; bucket < count; bucket++) {
      const some = hasAny(overflow, bucket, codes);
      if (some) from ??= bucket * size;
      else if (from !== undefined) {
        yield stretch(bucket * size);
        from = undefined;
      }
    }
    if (from !== undefined) yield stretch(count * size);
  }
}

function hasAny({ counts }: Overflow, bucket: number, codes: readonly number[]): boolean {
  return codes.some((code) => (counts[bucket * EVENT_KINDS.length + code] ?? 0) > 0);
}

function earlier(a: Position, b: Position): Position {
  return comparePositions(a, b) < 0 ? a : b;
}

function later(a: Position, b: Position): Position {
  return comparePositions(a, b) > 0 ? a : b;
}

// ---- running again ------------------------------------------------------------------------------------------------------

/** What was heard, up to where. */
interface Heard {
  readonly events: EventIndex;
  readonly until: Position;
}

function* heard(timeline: Timeline, stretch: Stretch, limits: Patience): Generator<Heard, void> {
  // What was never run is not run here: the timeline would hear it, too.
  const until = earlier(stretch.to, timeline.frontier);
  const patience = withoutProgress(limits);
  let steps = FIRST_PIECE;
  // What happens at a phase happens on the way to it.
  let at: Position | undefined = { ...stretch.from, phase: 0 };
  while (at !== undefined) {
    const piece: Listened = timeline.glance(at, () => listen(timeline, until, steps, patience), patience);
    yield { events: piece.events, until: piece.next ?? stretch.to };
    at = piece.next;
    if (piece.events.length < FEW) steps = Math.min(steps * 2, LONGEST_PIECE);
    else if (piece.events.length > MANY) steps = Math.ceil(steps / 2);
  }
}

/** What was heard at once, and where to go on: without that there is nothing left to hear. */
interface Listened {
  readonly events: EventIndex;
  readonly next?: Position;
}

/** Listens from the present moment on, for about so many steps. */
function listen(timeline: Timeline, until: Position, steps: number, limits: Patience): Listened {
  const { machine, runs } = timeline;
  const collector = new Collector(EVERYTHING);
  const { events } = collector;
  for (let left = steps; ;) {
    const { run, step } = timeline.position;
    const isCutOff = !hear(timeline, collector, earlier({ run, step: step + left, phase: 0 }, until), limits);
    const { position } = timeline;
    if (isCutOff) return { events };
    if (machine.end === undefined)
      return comparePositions(position, until) < 0 ? { events, next: position } : { events };
    left -= position.step - step + RUN_STEPS;
    const next = runs[run + 1]?.first;
    if (next === undefined || comparePositions(next, until) >= 0) return { events };
    if (left <= 0) return { events, next };
    // What the kernel does between two runs belongs to none of them: nobody listens.
    timeline.seek(next);
    throwIfCancelled(limits);
  }
}

/** Runs on within a run. False where it goes no further, although it has not come to its end. */
function hear(timeline: Timeline, collector: Collector, until: Position, limits: Patience): boolean {
  const { machine } = timeline;
  collector.enterRun(timeline.position.run);
  collector.attach(machine);
  try {
    const found = machine.end === undefined ? timeline.searchForward(NOTHING, { ...limits, until }) : 'until';
    if (found === 'cancelled') throw cancelled();
    if (machine.end !== undefined) collector.ended(machine.end, timeline.position);
    return found !== 'end' || machine.end !== undefined;
  } finally {
    collector.detach();
  }
}
