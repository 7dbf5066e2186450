/**
 * Looks for an event where events were only counted: the run is heard again, piece by piece, from the present moment on or back. The
 * counts tell where nothing of the kinds that are looked for happened; there nothing is run.
 */
import type { Direction, Position } from '../protocol/state.ts';
import { EVENT_KINDS, eventCode } from '../trace/events.ts';
import type { PartBounds } from '../trace/part.ts';
import { estimateOf, hearOn } from '../trace/part.ts';
import type { Limits } from '../trace/timeline.ts';
import { throwIfCancelled, withoutProgress } from '../trace/timeline.ts';
import type { Desk } from './desk.ts';
import type { EventTest } from './event-filter.ts';
import { askedBy, parseFilter } from './event-filter.ts';
import { nearest, readerOf } from './event-reader.ts';
import type { Known } from './run-parts.ts';
import { hearKnown } from './run-parts.ts';

/** What is heard at once: first little, since the next event is often near, then more. */
const FIRST_STEPS = 1 << 14;
const MOST_STEPS = 1 << 22;
const MOST_EVENTS = 100_000;
const LEAST_STEPS = 1 << 10;

/** The next event that a filter matches, among those that were only counted. Throws CANCELLED. */
export function findAgain(
  desk: Desk,
  run: number,
  filter: string,
  tick: number,
  direction: Direction,
): Position | undefined {
  return desk.work('searching events', (limits) => {
    const { timeline } = desk.session;
    const search = new EventSearch(desk, run, filter, tick, direction);
    return search.near(limits) ?? timeline.glance(timeline.position, () => search.further(limits));
  });
}

class EventSearch {
  readonly #desk: Desk;
  readonly #run: number;
  readonly #test: EventTest;
  readonly #tick: number;
  readonly #direction: Direction;
  /** Kinds that may pass, and whether calls and returns have to be heard for it. */
  readonly #kinds: ReadonlySet<number> | undefined;
  readonly #flow: boolean;
  /** Steps in which something was only counted, the first and the one after the last. */
  readonly #lowest: number;
  readonly #end: number;
  /** From here on, or before it, nothing was looked at yet. */
  #at: number;

  constructor(desk: Desk, run: number, filter: string, tick: number, direction: Direction) {
    const { runs, session } = desk;
    const { kinds, frames } = askedBy(filter);
    const index = runs.of(run);
    const { step } = index.positionOf(tick);
    this.#desk = desk;
    this.#run = run;
    this.#test = parseFilter(filter);
    this.#tick = tick;
    this.#direction = direction;
    this.#kinds = kinds === undefined ? undefined : new Set([...kinds].map(eventCode));
    this.#flow = frames || kinds === undefined || kinds.has('call') || kinds.has('return');
    this.#lowest = index.positionOf(runs.knownTo(run)).step;
    this.#end = (session.timeline.runs[run]?.last ?? session.timeline.frontier).step + 1;
    this.#at = direction === 'forwards' ? Math.max(step, this.#lowest) : Math.min(step + 1, this.#end);
  }

  /** In a part that is known already, or will be for who goes there. */
  near(limits: Limits): Position | undefined {
    const { runs } = this.#desk;
    const index = runs.of(this.#run);
    const isForwards = this.#direction === 'forwards';
    const [from, to] = isForwards
      ? [this.#at, Math.min(this.#at + FIRST_STEPS, this.#end - 1)]
      : [Math.max(this.#at - FIRST_STEPS, this.#lowest), this.#at - 1];
    if (from > to || !this.#mayHave({ run: this.#run, from, to })) return undefined;
    const [first, last] = [from, to].map((step) => index.tickOf({ step, phase: 0 }));
    const part = runs.partOf(this.#run, first!, last!, limits);
    if (part === undefined) return undefined;
    const { bounds } = part;
    const found = this.#in(part, bounds);
    this.#at = isForwards ? Math.min(bounds.to, this.#end) : Math.max(bounds.from, this.#lowest);
    return found;
  }

  /** One piece after the other. The timeline is left where it gets to. */
  further(limits: Limits): Position | undefined {
    const began = this.#at;
    const total = this.#direction === 'forwards' ? this.#end - began : began - this.#lowest;
    for (let size = FIRST_STEPS; ; size = Math.min(size * 4, MOST_STEPS)) {
      throwIfCancelled(limits);
      const piece = this.#piece(size);
      if (piece === undefined) return undefined;
      const found = this.#mayHave(piece) ? this.#heard(piece, limits) : undefined;
      if (found !== undefined) return found;
      this.#at = this.#direction === 'forwards' ? Math.min(piece.to, this.#end) : piece.from;
      limits.onProgress?.(Math.abs(this.#at - began), total);
    }
  }

  /** The next steps, not more than happen events that are heard. */
  #piece(size: number): PartBounds | undefined {
    const isForwards = this.#direction === 'forwards';
    if (isForwards ? this.#at >= this.#end : this.#at <= this.#lowest) return undefined;
    const { events } = this.#desk.runs.of(this.#run);
    for (;;) {
      const from = isForwards ? this.#at : Math.max(this.#at - size, this.#lowest);
      const to = isForwards ? this.#at + size : this.#at;
      const piece = { run: this.#run, from, to: to >= this.#end ? Infinity : to };
      // Where nothing can be found nothing is heard, however long that is.
      if (size <= LEAST_STEPS || !this.#mayHave(piece)) return piece;
      if (estimateOf(events, piece, this.#heardKinds()) <= MOST_EVENTS) return piece;
      size /= 2;
    }
  }

  #heardKinds(): ReadonlySet<number> | undefined {
    return this.#flow ? undefined : WITHOUT_FLOW;
  }

  #mayHave(bounds: PartBounds): boolean {
    return estimateOf(this.#desk.runs.of(this.#run).events, bounds, this.#kinds) > 0;
  }

  #heard(piece: PartBounds, limits: Limits): Position | undefined {
    const { timeline } = this.#desk.session;
    const known = hearKnown(
      timeline,
      this.#desk.runs.of(this.#run),
      piece,
      { ...withoutProgress(limits), flow: this.#flow },
      hearOn,
    );
    return known === undefined ? undefined : this.#in(known, piece);
  }

  #in(known: Known, bounds: PartBounds): Position | undefined {
    const reader = readerOf(this.#desk, { known, run: this.#run, bounds });
    const order = { tick: this.#tick, direction: this.#direction, below: Infinity };
    return nearest(reader, reader.matching(this.#test), order);
  }
}

const WITHOUT_FLOW: ReadonlySet<number> = new Set(
  EVENT_KINDS.filter((kind) => kind !== 'call' && kind !== 'return').map(eventCode),
);
