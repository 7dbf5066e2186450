/**
 * What a run's events tell at a glance, made once for each run: its throws, and with them the axis of the timeline.
 *
 * The axis counts ticks: an instruction is one, and each phase of an unwinding is one.
 */
import { eventCode } from '../trace/events.ts';
import type { EventIndex } from '../trace/events.ts';
import type { Hits } from '../trace/stretch.ts';
import type { Position, Timeline } from '../trace/timeline.ts';
import type { RunColumns } from './run-columns.ts';
import { kfuncTest, runColumns } from './run-columns.ts';

const THROW = eventCode('throw');
const PHASE = eventCode('phase');
const ACQUIRE = eventCode('acquire');
const RELEASE = eventCode('release');
const STORE = eventCode('store');

/** A resource that was acquired in a run: rows of its events in {@link EventIndex.rest}; -1 where there is none. */
export interface ResourceRows {
  readonly id: number;
  readonly acquired: number;
  /** Released, or stored in a map. */
  readonly gone: number;
}

export class RunIndex {
  readonly run: number;
  readonly #first: Position;
  /** Per throw: the step after which it unwinds, its phases, and the phases of all throws before it. */
  readonly throwSteps: readonly number[];
  readonly throwPhases: readonly number[];
  readonly #phasesBefore: readonly number[];
  /** Rows of the throws' events. */
  readonly throwRows: readonly number[];
  /** In the order of acquisition. */
  readonly resources: readonly ResourceRows[];
  readonly #resourceAt = new Map<number, number>();

  constructor(events: EventIndex, run: number, first: Position) {
    this.run = run;
    this.#first = first;
    const steps: number[] = [];
    const phases: number[] = [];
    const throwRows: number[] = [];
    const resources: { id: number; acquired: number; gone: number }[] = [];
    const { rest } = events;
    const { columns } = rest;
    const end = rest.firstFrom({ run: run + 1, step: 0, phase: 0 });
    for (let row = rest.firstFrom({ run, step: 0, phase: 0 }); row < end; row++) {
      const kind = columns.kind[row];
      if (kind === THROW) {
        // The event is of the call, the unwinding of the moment after it.
        steps.push((columns.step[row] ?? 0) + 1);
        phases.push(0);
        throwRows.push(row);
      } else if (kind === PHASE && phases.length > 0) {
        phases[phases.length - 1] = Math.max(phases.at(-1) ?? 0, columns.phase[row] ?? 0);
      } else if (kind === ACQUIRE) {
        const id = columns.resource[row] ?? 0;
        this.#resourceAt.set(id, resources.push({ id, acquired: row, gone: -1 }) - 1);
      } else if (kind === RELEASE || kind === STORE) {
        const id = columns.resource[row] ?? 0;
        const known = resources[this.#resourceAt.get(id) ?? -1];
        if (known !== undefined) known.gone = row;
      }
    }
    let sum = 0;
    this.throwSteps = steps;
    this.throwPhases = phases;
    this.throwRows = throwRows;
    this.resources = resources;
    this.#phasesBefore = phases.map((count) => {
      const before = sum;
      sum += count;
      return before;
    });
  }

  resource(id: number): ResourceRows | undefined {
    return this.resources[this.#resourceAt.get(id) ?? -1];
  }

  /** Of the last throw at or before a step; -1 when there is none. */
  throwBefore(step: number): number {
    let low = 0;
    let high = this.throwSteps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.throwSteps[middle] ?? 0) <= step) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  tickOf({ step, phase }: { readonly step: number; readonly phase: number }): number {
    const at = this.throwBefore(step);
    const base = step - this.#first.step;
    if (at < 0) return base + phase;
    const before = this.#phasesBefore[at] ?? 0;
    return base + before + (this.throwSteps[at] === step ? phase : (this.throwPhases[at] ?? 0));
  }

  /**
   * Where an event is on the axis. Events that are no phases carry the number of instructions before them: at the step of a throw they
   * come after its unwinding, since the throw itself is the instruction before.
   */
  eventTick({ step, phase }: { readonly step: number; readonly phase: number }): number {
    return this.tickOf({ step, phase: phase > 0 ? phase : this.phasesAt(step) });
  }

  /** Phases of the unwinding that begins at a step; 0 when none does. */
  phasesAt(step: number): number {
    const at = this.throwBefore(step);
    return at >= 0 && this.throwSteps[at] === step ? (this.throwPhases[at] ?? 0) : 0;
  }

  /** The moment of a tick. */
  positionOf(tick: number): Position {
    const whole = Math.max(Math.round(tick), 0);
    let low = 0;
    let high = this.throwSteps.length;
    // The last throw that began at or before the tick.
    while (low < high) {
      const middle = (low + high) >> 1;
      const began = (this.throwSteps[middle] ?? 0) - this.#first.step + (this.#phasesBefore[middle] ?? 0);
      if (began <= whole) low = middle + 1;
      else high = middle;
    }
    const at = low - 1;
    if (at < 0) return { run: this.run, step: this.#first.step + whole, phase: 0 };
    const step = this.throwSteps[at] ?? 0;
    const phases = this.throwPhases[at] ?? 0;
    const past = whole - (step - this.#first.step + (this.#phasesBefore[at] ?? 0));
    return past <= phases
      ? { run: this.run, step, phase: past }
      : { run: this.run, step: step + past - phases, phase: 0 };
  }
}

interface Known {
  /** How far the timeline was when it was made. */
  readonly events: number;
  readonly frontier: number;
  readonly over: boolean;
  readonly index: RunIndex;
  columns?: RunColumns;
  hits?: Hits;
}

/** The indexes of a timeline's runs, each as long as no event is added to it. */
export class RunIndexes {
  readonly #timeline: () => Timeline;
  readonly #known = new Map<number, Known>();

  constructor(timeline: () => Timeline) {
    this.#timeline = timeline;
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

  /** How often each instruction was executed, as far as that is known; `count` runs the run again for it, when it is over. */
  hitsOf(run: number, count: (() => Hits) | undefined): Hits | undefined {
    const known = this.#of(run);
    if (known.over && count !== undefined) known.hits ??= count();
    return known.hits;
  }

  #of(run: number): Known {
    const timeline = this.#timeline();
    const found = this.#known.get(run);
    const events = timeline.events.length;
    const frontier = timeline.frontier.step;
    // A run that is over gets no events any more.
    if (found !== undefined && (found.over || (found.events === events && found.frontier === frontier))) return found;
    const first = timeline.runs[run]?.first ?? timeline.first;
    const index = new RunIndex(timeline.events, run, first);
    const known: Known = { events, frontier, over: timeline.runs[run]?.end !== undefined, index };
    this.#known.set(run, known);
    return known;
  }

  clear(): void {
    this.#known.clear();
  }
}
