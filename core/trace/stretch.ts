/**
 * What happened in a stretch of a timeline, in full: the stretch is run again while somebody listens. So events that were only
 * counted can be listed, wherever one stands.
 */
import type { Program } from '../object/program.ts';
import { Collector } from './collect.ts';
import type { EventKind, TraceEvent } from './events.ts';
import type { Found, Patience, Position, Search, Timeline } from './timeline.ts';
import { cancelled, comparePositions } from './timeline.ts';

export interface StretchQuery extends Patience {
  /** All when absent. */
  readonly kinds?: readonly EventKind[];
  /** Events at most. */
  readonly limit: number;
  matches?(event: TraceEvent): boolean;
}

export interface StretchEvents {
  /** In the order of time, from the beginning of the stretch on. */
  readonly events: readonly TraceEvent[];
  /** Up to where these are all: the end of the stretch, or where the limit was reached or somebody gave up. */
  readonly until: Position;
  readonly ended: 'complete' | 'limit' | 'cancelled';
}

/** How often each instruction was executed in a run. */
export interface Hits {
  readonly programs: ReadonlyMap<Program, Float64Array>;
  /** All together: the steps of the run. */
  readonly total: number;
}

const NOTHING: Search = { phases: false, stops: () => undefined, test: () => 'miss' };
const EVERYTHING = { flow: Infinity, calls: Infinity, rest: Infinity };
/** Steps that are heard at once: what happens in so many of them is held in memory. */
const PIECE = 100_000;

/** Events from a position on, before another. The timeline stays where it is. */
export function eventsOfStretch(timeline: Timeline, from: Position, to: Position, query: StretchQuery): StretchEvents {
  // Going to the end first: what is run for the first time is heard by the timeline itself.
  return timeline.glance(to, () => new StretchReader(timeline, from, to, query).read(), query);
}

class StretchReader {
  readonly #timeline: Timeline;
  readonly #from: Position;
  readonly #to: Position;
  readonly #query: StretchQuery;
  readonly #events: TraceEvent[] = [];

  constructor(timeline: Timeline, from: Position, to: Position, query: StretchQuery) {
    this.#timeline = timeline;
    this.#from = from;
    this.#to = to;
    this.#query = query;
  }

  read(): StretchEvents {
    const timeline = this.#timeline;
    const { limit, isCancelled } = this.#query;
    // What happens at a phase happens on the way to it.
    timeline.seek({ ...this.#from, phase: Math.max(this.#from.phase - 1, 0) });
    const [first, events] = [timeline.position.step, this.#events];
    for (;;) {
      const { position } = timeline;
      if (isCancelled?.() === true) return { events, until: position, ended: 'cancelled' };
      const isOver = timeline.machine.end !== undefined;
      const next = isOver ? timeline.runs[position.run + 1]?.first : position;
      if (next === undefined || comparePositions(next, this.#to) >= 0) {
        return { events, until: this.#to, ended: 'complete' };
      }
      const found = this.#piece(next);
      if (events.length > limit) {
        events.length = limit;
        return { events, until: events.at(-1)?.position ?? this.#from, ended: 'limit' };
      }
      // A run that reached the greatest number of steps, or a recording that was cut off, goes no further.
      if (found === 'end' && timeline.machine.end === undefined) {
        return { events, until: timeline.position, ended: 'complete' };
      }
      if (next.run === this.#to.run) this.#query.onProgress?.(timeline.position.step - first, this.#to.step - first);
    }
  }

  /** Listens to the next piece, which begins at a position. */
  #piece(next: Position): Found {
    const timeline = this.#timeline;
    const { machine } = timeline;
    const end = { run: next.run, step: next.step + PIECE, phase: 0 };
    const until = comparePositions(end, this.#to) < 0 ? end : this.#to;
    const collector = new Collector(EVERYTHING);
    collector.enterRun(next.run);
    collector.attach(machine);
    let found: Found;
    try {
      found = timeline.searchForward(NOTHING, { until });
      if (machine.end !== undefined) collector.ended(machine.end, timeline.position);
    } finally {
      collector.detach();
    }
    const { kinds, matches, limit } = this.#query;
    const wanted = {
      from: this.#from,
      to: this.#to,
      limit: limit + 1 - this.#events.length,
      ...(kinds === undefined ? {} : { kinds }),
      ...(matches === undefined ? {} : { matches }),
    };
    this.#events.push(...collector.events.events(wanted));
    return found;
  }
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
