/** A part of a run as a picture of so many pixels, and what happened in a part in figures. */
import { BailoutError } from '../errors.ts';
import type {
  CallSpan,
  PointMark,
  RangeSummary,
  ResourceSpan,
  ThrowSpan,
  TimelineMark,
  TimelineView,
} from '../protocol/timeline.ts';
import type { EventTable, Overflow } from '../trace/events.ts';
import { EVENT_KINDS, eventCode } from '../trace/events.ts';
import type { TimelineRun } from '../trace/timeline.ts';
import type { Desk } from './desk.ts';
import { notRunning } from './desk.ts';
import type { RunColumns } from './run-columns.ts';
import { CALL_KINDS, MAX_RESOURCE_ROWS, POINT_KINDS } from './run-columns.ts';
import type { RunIndex } from './run-index.ts';
import type { Known } from './run-parts.ts';
import type { Drawn, SpanTrack } from './span-track.ts';
import { endView } from './state-view.ts';

/** Spans of one kind that a picture may have: with more pixels or lanes each covers more than one. */
const MAX_CALLS = 8000;
const MAX_POINTS = 1500;
const MAX_RESOURCES = 2000;
const MAX_THROWS = 400;
const MAX_STRETCHES = 512;
const MAX_PIXELS = 16_384;
const MAX_FUNCTIONS = 200;

export function timelineView(desk: Desk, run: number, from: number, to: number, pixels: number): TimelineView {
  const found = runOf(desk, run);
  const { first, last } = desk.runs.columnsOf(run);
  const start = clamp(from, first, last);
  const end = Math.max(clamp(to, first, last), start);
  const { index, columns, countedFrom } = knownOf(desk, run, start, end);
  const width = Math.min(Math.max(Math.floor(pixels) || 1, 1), MAX_PIXELS);
  const range: Range = { from: start, to: end, pixels: width };
  return {
    run,
    from: start,
    to: end,
    first,
    last,
    calls: callSpans(columns, range),
    depth: columns.calls.length,
    points: pointMarks(index, columns, range),
    resources: resourceSpans(index, columns, range),
    resourceRows: Math.min(columns.resourceRows, MAX_RESOURCE_ROWS),
    throws: throwSpans(index, columns, range),
    marks: marks(desk, index, found, run, last),
    density: density(index, range),
    ...(countedFrom === undefined ? {} : { countedFrom }),
  };
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly pixels: number;
}

function runOf(desk: Desk, run: number): TimelineRun {
  if (!desk.isRunning) throw notRunning();
  const found = desk.session.timeline.runs[run];
  if (found === undefined) throw new BailoutError('NO_RUN', `There is no run ${run}.`);
  return found;
}

/** What is known of a part of a run: all, or where that is too much, what was kept, and from where on that is not all. */
function knownOf(desk: Desk, run: number, from: number, to: number): Known & { readonly countedFrom?: number } {
  const { runs } = desk;
  const knownTo = runs.knownTo(run);
  const kept = { index: runs.of(run), columns: runs.columnsOf(run) };
  if (to < knownTo) return kept;
  // Who does not want to wait sees what there is.
  const part = desk.workOrNot('looking closer', (limits) => runs.partOf(run, from, to, limits));
  return part === undefined ? { ...kept, countedFrom: knownTo } : { index: part.index, columns: part.columns };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(Number.isFinite(value) ? value : low, low), high);
}

/** Ticks of one pixel, where so many lanes may have so many spans in all: each pixel may begin two. */
function pixelOf({ from, to, pixels }: Range, lanes: number, most: number): number {
  const columns = Math.max(Math.min(pixels, Math.floor(most / (2 * Math.max(lanes, 1)))), 1);
  return Math.max((to - from) / columns, 1e-9);
}

// ---- lanes ------------------------------------------------------------------------------------------------------------

function callSpans({ calls, names, from: first, to: end, callsTo }: RunColumns, range: Range): CallSpan[] {
  const pixel = pixelOf(range, calls.length, MAX_CALLS);
  return calls.flatMap((track, depth) =>
    spansOf(track, range, pixel, first, depth === 0 ? end : callsTo).map(({ first: one, last, ...span }): CallSpan => {
      const item = track.items[one]!;
      const name = names[Math.floor(item / CALL_KINDS.length)] ?? '';
      return {
        ...span,
        depth,
        name: isSame(track, one, last) ? name : `${name}, …`,
        kind: CALL_KINDS[item % CALL_KINDS.length] ?? 'subprogram',
        count: last - one + 1,
      };
    }),
  );
}

/** What is drawn of a track: spans without a beginning or an end, as far as anything is known of them. */
function spansOf(
  track: SpanTrack,
  range: Range,
  pixel: number,
  first: number,
  end: number,
): (Drawn & { readonly startsBefore?: true; readonly endsAfter?: true })[] {
  return track
    .draw(range.from, range.to, pixel)
    .map((drawn) => ({
      ...drawn,
      from: Math.max(drawn.from, first),
      to: Math.min(drawn.to, Math.max(end, drawn.from)),
      ...(drawn.from === -Infinity ? { startsBefore: true as const } : {}),
      ...(drawn.to === Infinity ? { endsAfter: true as const } : {}),
    }))
    .filter(({ to }) => to >= range.from);
}

/** Whether joined spans are all one thing; of very many the first ones are asked. */
function isSame({ items }: SpanTrack, first: number, last: number): boolean {
  for (let i = first + 1; i <= Math.min(last, first + 16); i++) if (items[i] !== items[first]) return false;
  return true;
}

function pointMarks({ events }: RunIndex, columns: RunColumns, range: Range): PointMark[] {
  const { points, pointKinds, acquiresBefore } = columns;
  const { rest, names } = events;
  return points.draw(range.from, range.to, pixelOf(range, 1, MAX_POINTS)).map(({ from, first, last }): PointMark => {
    const row = points.items[first]!;
    const name = names.text(rest.columns.name[row] ?? 0);
    return {
      tick: from,
      name: first === last ? name : `${name}, …`,
      kind: POINT_KINDS[pointKinds[first]!] ?? 'helper',
      count: last - first + 1,
      acquires: acquiresBefore[last + 1]! > acquiresBefore[first]!,
    };
  });
}

function resourceSpans(index: RunIndex, columns: RunColumns, range: Range): ResourceSpan[] {
  const { rest, names } = index.events;
  const pixel = pixelOf(range, columns.resources.length, MAX_RESOURCES);
  return columns.resources.flatMap((track, row) =>
    spansOf(track, range, pixel, columns.from, columns.resourcesTo).map(
      ({ first, last, to, ...span }): ResourceSpan => {
        const rows = index.resources[track.items[first]!]!;
        const gone = rows.gone < 0 ? undefined : rest.event(rows.gone, names);
        const isHeld = first === last && gone === undefined && span.endsAfter === undefined;
        return {
          ...span,
          ...(isHeld ? {} : { to }),
          id: rows.id,
          row,
          name: rows.typeName,
          unwound: gone !== undefined && gone.position.phase > 0,
          releasedBy: gone?.detail ?? '',
          count: last - first + 1,
        };
      },
    ),
  );
}

function throwSpans(index: RunIndex, { throws }: RunColumns, range: Range): ThrowSpan[] {
  return throws.draw(range.from, range.to, pixelOf(range, 1, MAX_THROWS)).map(({ from, to, first, last }: Drawn) => ({
    from,
    to,
    cookie: String(index.thrown(throws.items[first]!).value ?? 0n),
    count: last - first + 1,
  }));
}

function marks(desk: Desk, index: RunIndex, found: TimelineRun, run: number, last: number): TimelineMark[] {
  const bookmarks = desk.session.bookmarks
    .filter(({ position }) => position.run === run)
    .map(({ name, position }): TimelineMark => ({ tick: index.tickOf(position), kind: 'bookmark', label: name }));
  const hits = desk.hitsIn(run).map(({ id, text, position }): TimelineMark => {
    return { tick: index.tickOf(position), kind: 'breakpoint', label: `breakpoint ${id}: ${text}` };
  });
  const marked = [...bookmarks, ...hits];
  if (found.end === undefined) return marked;
  const end = endView(found);
  const label = end.kind === 'fault' ? end.code : `returns ${end.name ?? end.value}`;
  return [...marked, { tick: last, kind: end.kind, label }];
}

// ---- how much ---------------------------------------------------------------------------------------------------------

/** Events in equal stretches, those among them that were only counted. */
function density(index: RunIndex, { from, to, pixels }: Range): number[] {
  const stretches = Math.min(pixels, MAX_STRETCHES);
  const counts = new Float64Array(stretches);
  const width = (to - from) / stretches;
  const { flow, rest, overflows } = index.events;
  const edges = Array.from({ length: stretches + 1 }, (_, i) =>
    i === stretches ? to + 1 : i === 0 ? from : from + i * width,
  );
  for (const table of [flow, rest]) {
    let before = rowAt(table, index, edges[0]!);
    for (let i = 0; i < stretches; i++) {
      const next = rowAt(table, index, edges[i + 1]!);
      counts[i]! += next - before;
      before = next;
    }
  }
  for (const overflow of overflows) if (overflow.run === index.run) spread(overflow, index, from, to, counts);
  return [...counts];
}

function rowAt(table: EventTable, index: RunIndex, tick: number): number {
  return table.firstFrom(index.positionOf(Math.ceil(tick)));
}

/** What was counted is spread evenly over the stretches that its own one covers. */
function spread(overflow: Overflow, index: RunIndex, from: number, to: number, counts: Float64Array): void {
  const kinds = EVENT_KINDS.length;
  const size = 2 ** overflow.shift;
  const width = Math.max((to - from) / counts.length, 1e-9);
  const firstBucket = Math.max(Math.floor(index.positionOf(from).step / size), 0);
  const lastBucket = Math.min(Math.floor(index.positionOf(to).step / size), overflow.counts.length / kinds - 1);
  for (let bucket = firstBucket; bucket <= lastBucket; bucket++) {
    let sum = 0;
    for (let kind = 0; kind < kinds; kind++) sum += overflow.counts[bucket * kinds + kind]!;
    if (sum === 0) continue;
    const start = index.eventTick({ step: bucket * size, phase: 0 });
    const a = (start - from) / width;
    const b = (start + size - from) / width;
    const perStretch = sum / Math.max(b - a, 1e-9);
    if (b - a <= 1) {
      const at = Math.floor(a);
      if (at >= 0 && at < counts.length) counts[at]! += sum;
      continue;
    }
    for (let i = Math.max(Math.floor(a), 0); i < Math.min(Math.ceil(b), counts.length); i++)
      counts[i]! += perStretch * (Math.min(b, i + 1) - Math.max(a, i));
  }
}

// ---- figures ----------------------------------------------------------------------------------------------------------

export function rangeSummary(desk: Desk, run: number, from: number, to: number): RangeSummary {
  runOf(desk, run);
  const { first, last } = desk.runs.columnsOf(run);
  const start = clamp(Math.min(from, to), first, last);
  const end = clamp(Math.max(from, to), first, last);
  const { index, columns, countedFrom } = knownOf(desk, run, start, end);
  const steps = (a: number, b: number): number => Math.max(index.positionOf(b).step - index.positionOf(a).step, 0);
  const { step: firstStep } = index.positionOf(start);
  const { step: endStep } = index.positionOf(end);
  const [bucket] = index.events.buckets(run, firstStep, endStep + 1, 1);
  const counts = bucket?.counts ?? new Uint32Array(EVENT_KINDS.length);
  const count = (kind: (typeof EVENT_KINDS)[number]): number => counts[eventCode(kind)] ?? 0;
  return {
    steps: steps(start, end),
    events: EVENT_KINDS.map((kind) => ({ kind, count: count(kind) }))
      .filter((one) => one.count > 0)
      .sort((a, b) => b.count - a.count),
    // Of calls that were only counted nobody knows whose they are.
    functions: countedFrom === undefined ? functionsOf(columns, start, end, steps) : [],
    acquired: count('acquire'),
    released: count('release') + count('store'),
    throws: count('throw'),
    ...(countedFrom === undefined ? {} : { isCounted: true }),
  };
}

/** Calls of each function that were under way, and the instructions that are its own: those of the functions it calls are theirs. */
function functionsOf(
  { calls, names }: RunColumns,
  from: number,
  to: number,
  steps: (from: number, to: number) => number,
): RangeSummary['functions'] {
  const sums = new Map<number, { calls: number; steps: number }>();
  const sumOf = (name: number): { calls: number; steps: number } => {
    let sum = sums.get(name);
    if (sum === undefined) sums.set(name, (sum = { calls: 0, steps: 0 }));
    return sum;
  };
  for (const [depth, track] of calls.entries()) {
    const outer = calls[depth - 1];
    let caller = 0;
    for (let i = 0; i < track.length && track.from[i]! <= to; i++) {
      if (track.to[i]! < from) continue;
      const spent = steps(Math.max(track.from[i]!, from), Math.min(track.to[i]!, to));
      const sum = sumOf(Math.floor(track.items[i]! / CALL_KINDS.length));
      sum.calls++;
      sum.steps += spent;
      if (outer === undefined) continue;
      while (caller + 1 < outer.length && outer.from[caller + 1]! <= track.from[i]!) caller++;
      sumOf(Math.floor(outer.items[caller]! / CALL_KINDS.length)).steps -= spent;
    }
  }
  return [...sums]
    .map(([name, sum]) => ({ name: names[name] ?? '', calls: sum.calls, steps: Math.max(sum.steps, 0) }))
    .sort((a, b) => b.steps - a.steps)
    .slice(0, MAX_FUNCTIONS);
}
