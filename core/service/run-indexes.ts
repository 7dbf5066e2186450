/**
 * What is known of a timeline's runs. Of a short run that is all: when some of its events were only counted, it is heard again as a whole,
 * the first time that anybody asks. Of a long one it is what the timeline kept, and parts of it in full (run-parts.ts).
 */
import { BailoutError } from '../errors.ts';
import { eventCode } from '../trace/events.ts';
import type { EventIndex } from '../trace/events.ts';
import { EVENT_KINDS } from '../trace/events.ts';
import { countedFrom, estimateOf, hearPart, overflowOf } from '../trace/part.ts';
import type { Hits } from '../trace/hits.ts';
import type { Patience, Position, Timeline } from '../trace/timeline.ts';
import type { Throws } from './run-axis.ts';
import { RunAxis, throwsIn } from './run-axis.ts';
import type { RunColumns } from './run-columns.ts';
import { kfuncTest, runColumns } from './run-columns.ts';
import { RunIndex } from './run-index.ts';
import type { Again, KnownPart } from './run-parts.ts';
import { AGAIN, RunParts } from './run-parts.ts';

/** Runs that are known are so many at most, and of those that were heard again the events. */
const MAX_RUNS = 64;
const MAX_EVENTS = 400_000;
const PHASE = eventCode('phase');
/** Kinds of events that tell what becomes of resources. */
const RESOURCE_KINDS = new Set([eventCode('acquire'), eventCode('release'), eventCode('store')]);

interface KnownRun {
  /** How far the timeline was when it was made. */
  readonly events: number;
  readonly frontier: number;
  readonly over: boolean;
  readonly index: RunIndex;
  columns?: RunColumns;
  hits?: Hits;
}

/** Each as long as no event is added to it. */
export class RunIndexes {
  readonly #timeline: () => Timeline;
  /** In the order of use. */
  readonly #known = new Map<number, KnownRun>();
  readonly #parts: RunParts;
  readonly #again: Again;

  constructor(timeline: () => Timeline, again: Again = AGAIN) {
    this.#timeline = timeline;
    this.#again = again;
    this.#parts = new RunParts(timeline, again);
  }

  of(run: number): RunIndex {
    return this.#of(run).index;
  }

  /** Made when a picture is asked for. */
  columnsOf(run: number): RunColumns {
    const known = this.#of(run);
    const timeline = this.#timeline();
    known.columns ??= runColumns(timeline, known.index, kfuncTest(timeline.object.programs));
    return known.columns;
  }

  /** The tick from which on not every event is in {@link of}. Infinity when all are. */
  knownTo(run: number): number {
    const index = this.of(run);
    const step = countedFrom(index.events, run);
    return step === Infinity ? Infinity : index.tickOf({ step: Math.max(step, index.first.step), phase: 0 });
  }

  /** All that is known of the steps between two ticks; undefined when they are too many to be heard again. Throws CANCELLED. */
  partOf(run: number, from: number, to: number, patience: Patience = {}): KnownPart | undefined {
    const index = this.of(run);
    // What happens at a step happens on the way to the next; what ends with the first of them ends in the picture.
    const first = Math.max(index.positionOf(from).step - 1, index.first.step);
    return this.#parts.of(index, first, index.positionOf(to).step + 1, patience);
  }

  /**
   * What is known of the last steps before a moment, and so of what came and went there: of the run all that was kept, when nothing
   * about resources was only counted up to there, else of a part of it; what was kept, too, for who gives up.
   */
  leadingTo({ run, step }: Position, patience: Patience = {}): RunIndex {
    const index = this.of(run);
    if (step <= countedFrom(index.events, run, RESOURCE_KINDS)) return index;
    const from = Math.max(step - this.#again.leadingSteps, index.first.step);
    return unlessItFails(() => this.#parts.of(index, from, step, patience))?.index ?? index;
  }

  /** How often each instruction was executed, as far as that is known; `count` runs the run again for it, when it is over. */
  hitsOf(run: number, count: (() => Hits) | undefined): Hits | undefined {
    const known = this.#of(run);
    if (known.over && count !== undefined) known.hits ??= count();
    return known.hits;
  }

  #of(run: number): KnownRun {
    const timeline = this.#timeline();
    const found = this.#known.get(run);
    const events = timeline.events.length;
    const frontier = timeline.frontier.step;
    // A run that is over gets no events any more.
    if (found !== undefined && (found.over || (found.events === events && found.frontier === frontier))) {
      if (this.#known.size > 1) {
        this.#known.delete(run);
        this.#known.set(run, found);
      }
      return found;
    }
    const index = indexOf(timeline, run, this.#again);
    const known: KnownRun = { events, frontier, over: timeline.runs[run]?.end !== undefined, index };
    this.#known.delete(run);
    this.#known.set(run, known);
    this.#forget(timeline);
    return known;
  }

  /** Those that were used longest ago. */
  #forget({ events }: Timeline): void {
    const heard = ({ index }: KnownRun): number => (index.events === events ? 0 : index.events.length);
    let sum = [...this.#known.values()].reduce((all, known) => all + heard(known), 0);
    for (const [run, known] of this.#known) {
      if (this.#known.size <= 1 || (this.#known.size <= MAX_RUNS && sum <= MAX_EVENTS)) return;
      this.#known.delete(run);
      sum -= heard(known);
    }
  }

  clear(): void {
    this.#known.clear();
    this.#parts.clear();
  }
}

function indexOf(timeline: Timeline, run: number, again: Again): RunIndex {
  const first = timeline.runs[run]?.first ?? timeline.first;
  const all = allEventsOf(timeline, run, again);
  const events = all ?? timeline.events;
  const throws = throwsIn(events, run);
  return new RunIndex(events, new RunAxis(run, first, all === undefined ? withPhases(timeline, run, throws) : throws));
}

/** Every event of a run of which some were only counted, if it is over and short. */
function allEventsOf(timeline: Timeline, run: number, { wholeEvents, wholeSteps }: Again): EventIndex | undefined {
  const { events, runs } = timeline;
  const { first, last } = runs[run] ?? {};
  if (first === undefined || last === undefined || overflowOf(events, run) === undefined) return undefined;
  const bounds = { run, from: first.step, to: Infinity };
  if (last.step - first.step > wholeSteps || estimateOf(events, bounds) > wholeEvents) return undefined;
  return unlessItFails(() => hearPart(timeline, bounds)?.events);
}

/** A recording that does not replay still shows what it holds; whoever goes there is told. */
function unlessItFails<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof BailoutError)) throw error;
    return undefined;
  }
}

/** Throws are always kept, their phases may have been counted only: the machine knows how many each has. */
function withPhases(timeline: Timeline, run: number, throws: Throws): Throws {
  const { counts } = overflowOf(timeline.events, run) ?? { counts: [] };
  let counted = 0;
  for (let at = PHASE; at < counts.length; at += EVENT_KINDS.length) counted += counts[at]!;
  if (counted === 0) return throws;
  const { steps, phases } = throws;
  if (steps.length === 1) return { ...throws, phases: [phases[0]! + counted] };
  const { machine, frontier } = timeline;
  const last = timeline.runs[run]?.last ?? frontier;
  const planned = unlessItFails(() =>
    timeline.glance(last, () => {
      const plans = machine.throws.slice(-steps.length);
      // Of the last one, as far as it has come.
      return plans.map((plan) => (plan === machine.unwinding ? machine.phase : plan.steps.length));
    }),
  );
  return planned?.length === steps.length ? { ...throws, phases: planned } : throws;
}
