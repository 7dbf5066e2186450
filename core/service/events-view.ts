/**
 * What happened in a run as a table: filtered, sorted, a page at a time. Of a run of which not all was kept, all that happened about the
 * present moment; and the search goes on where what was kept ends.
 */
import { BailoutError } from '../errors.ts';
import type { Direction, Position } from '../protocol/state.ts';
import type { EventPage, EventQuery, TickRange } from '../protocol/timeline.ts';
import type { EventIndex } from '../trace/events.ts';
import type { PartBounds } from '../trace/part.ts';
import { countedFrom, estimateOf } from '../trace/part.ts';
import type { Desk } from './desk.ts';
import { parseFilter } from './event-filter.ts';
import type { EventList, EventReader } from './event-reader.ts';
import { nearest, readerOf, rowAt } from './event-reader.ts';
import { findAgain } from './event-search.ts';
import type { Known } from './run-parts.ts';

/** Rows of one page at most. */
const MAX_ROWS = 2000;
/** Queries whose answers are kept, of each list. */
const KEPT = 4;
/** Events about the present moment that are listed where not all were kept, and steps in which they are. */
const MOST_LISTED = 8000;
const MOST_STEPS = 2 ** 21;
const LEAST_STEPS = 2 ** 6;

interface Found {
  /** In the order of time. */
  readonly byTime: Float64Array;
  sorted?: { readonly sort: EventQuery['sort']; readonly rows: Float64Array };
}

export class Events {
  readonly #desk: Desk;
  /** What filters found among the events of a run, or of a part of one. */
  #found = new WeakMap<EventIndex, Map<string, Found>>();
  /** The part of which events were listed last. */
  #listed: PartBounds | undefined;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  clear(): void {
    this.#found = new WeakMap();
    this.#listed = undefined;
  }

  page(query: EventQuery): EventPage {
    if (!this.#desk.isRunning) return { total: 0, rows: [], omitted: 0, all: 0 };
    const { timeline } = this.#desk.session;
    if (timeline.runs[query.run] === undefined) throw new BailoutError('NO_RUN', `There is no run ${query.run}.`);
    const list = this.#listAt(query.run, query);
    const reader = readerOf(this.#desk, list);
    const found = this.#find(reader, query.filter);
    const rows = this.#sorted(reader, found, query.sort);
    const total = rows.length;
    const from = Math.max(Math.floor(query.from), 0);
    const count = Math.min(Math.max(Math.floor(query.count), 0), MAX_ROWS, Math.max(total - from, 0));
    const page = Array.from({ length: count }, (_, i) => {
      const index = from + i;
      return reader.row(rows[query.descending ? total - 1 - index : index]!, index);
    });
    const { tick, range } = query;
    const isBeside = range !== undefined && tick !== undefined && (tick < range.from || tick > range.to);
    const at = tick === undefined || isBeside ? undefined : rowAt(reader, found.byTime, tick);
    const { events } = this.#desk.runs.of(query.run);
    const keptTo = countedFrom(events, query.run);
    return {
      total,
      rows: page,
      omitted: events.omitted(query.run),
      all: Math.round(estimateOf(events, { run: query.run, from: 0, to: Infinity })),
      ...(list.part === undefined ? {} : { part: list.part }),
      ...(keptTo === Infinity ? {} : { keptTo }),
      ...(at === undefined ? {} : { at }),
    };
  }

  /** The next event that a filter matches, after or before a tick. */
  find(run: number, filter: string, tick: number, direction: Direction): Position | null {
    const desk = this.#desk;
    if (!desk.isRunning || desk.session.timeline.runs[run] === undefined) return null;
    const reader = readerOf(desk, wholeList(desk, run));
    const knownTo = desk.runs.knownTo(run);
    const kept = (): Position | undefined =>
      nearest(reader, this.#find(reader, filter).byTime, { tick, direction, below: knownTo });
    if (knownTo === Infinity) return kept() ?? null;
    const beyond = (): Position | undefined => findAgain(desk, run, filter, tick, direction);
    const isFirst = direction === 'backwards' || tick >= knownTo;
    return (isFirst ? (beyond() ?? (direction === 'backwards' ? kept() : undefined)) : (kept() ?? beyond())) ?? null;
  }

  /** Of what events are listed: of the run, or where those about a moment were not all kept, of a part around it. */
  #listAt(run: number, { tick, step: wanted, range }: EventQuery): EventList {
    const desk = this.#desk;
    if (range !== undefined) return listIn(desk, run, range);
    const { runs } = desk;
    const index = runs.of(run);
    const step = wanted ?? (tick === undefined ? 0 : index.positionOf(tick).step);
    if (step < countedFrom(index.events, run)) return wholeList(desk, run);
    const listed = this.#listed;
    const bounds =
      listed?.run === run && listed.from <= step && step < listed.to ? listed : partAround(desk, run, step);
    const last = Math.min(bounds.to - 1, lastStep(desk, run));
    const [from, to] = [bounds.from, last].map((at) => index.tickOf({ step: at, phase: 0 }));
    const known = desk.workOrNot('listing events', (limits) => runs.partOf(run, from!, to!, limits));
    if (known === undefined) return wholeList(desk, run);
    this.#listed = bounds;
    return { known, run, bounds, part: { from: bounds.from, to: last } };
  }

  #find(reader: EventReader, filter: string): Found {
    const { events, list } = reader;
    const all = this.#found.get(events) ?? new Map<string, Found>();
    this.#found.set(events, all);
    // Of a run that goes on, the answer of before lacks what came since.
    const key = `${list.run} ${list.bounds.from} ${list.bounds.to} ${events.length} ${filter}`;
    const known = all.get(key);
    if (known !== undefined) return known;
    const found: Found = { byTime: reader.matching(parseFilter(filter)) };
    all.set(key, found);
    const [oldest] = all.keys();
    if (all.size > KEPT && oldest !== undefined) all.delete(oldest);
    return found;
  }

  #sorted(reader: EventReader, found: Found, sort: EventQuery['sort']): Float64Array {
    if (sort === 'time') return found.byTime;
    if (found.sorted?.sort !== sort) found.sorted = { sort, rows: reader.sorted(found.byTime, sort) };
    return found.sorted.rows;
  }
}

// ---- what is listed -----------------------------------------------------------------------------------------------------

function wholeList(desk: Desk, run: number): EventList {
  const { runs } = desk;
  const known: Known = {
    index: runs.of(run),
    get columns() {
      return runs.columnsOf(run);
    },
  };
  return { known, run, bounds: { run, from: 0, to: Infinity } };
}

/** Of a range of the run: all that happened there, or when that is too much, what was kept of it. */
function listIn(desk: Desk, run: number, range: TickRange): EventList {
  const { runs } = desk;
  const index = runs.of(run);
  const end = lastStep(desk, run);
  const part = { from: index.positionOf(range.from).step, to: Math.min(index.positionOf(range.to).step, end) };
  // What happens at the last moment of a run comes with its end.
  const bounds = { run, from: part.from, to: part.to === end ? Infinity : part.to + 1 };
  const whole = wholeList(desk, run);
  if (part.to < countedFrom(index.events, run)) return { ...whole, bounds, part };
  const known = desk.workOrNot('listing events', (limits) => runs.partOf(run, range.from, range.to, limits));
  return known === undefined ? { ...whole, bounds } : { known, run, bounds, part };
}

function lastStep({ session }: Desk, run: number): number {
  const { runs, frontier } = session.timeline;
  return (runs[run]?.last ?? frontier).step;
}

/** So many steps about one that their events make a list. */
function partAround(desk: Desk, run: number, step: number): PartBounds {
  const { events, first } = desk.runs.of(run);
  const around = (size: number): PartBounds => {
    const quarter = size / 4;
    const from = Math.floor((step - size / 2) / quarter) * quarter;
    return { run, from: Math.max(from, first.step), to: from + size + quarter };
  };
  let size = MOST_STEPS;
  while (size > LEAST_STEPS && estimateOf(events, around(size)) > MOST_LISTED) size /= 2;
  return around(size);
}
