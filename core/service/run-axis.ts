/**
 * The axis of the timeline, which counts ticks: an instruction is one, and each phase of an unwinding is one, so that a throw has a
 * width. A tick is a moment of the run, and each moment has one.
 */
import type { EventIndex, TraceEvent } from '../trace/events.ts';
import { eventCode } from '../trace/events.ts';
import type { Position } from '../trace/timeline.ts';

const THROW = eventCode('throw');
const PHASE = eventCode('phase');

/** The throws of a run. */
export interface Throws {
  /** Per throw: the step after which it unwinds, and its phases. */
  readonly steps: readonly number[];
  readonly phases: readonly number[];
  /** Rows of their events: a throw is always kept. */
  readonly rows: readonly number[];
  readonly events: EventIndex;
}

/** The throws that events tell of. Phases that were only counted are not among their phases. */
export function throwsIn(events: EventIndex, run: number): Throws {
  const steps: number[] = [];
  const phases: number[] = [];
  const rows: number[] = [];
  const { rest } = events;
  const { columns } = rest;
  const end = rest.firstFrom({ run: run + 1, step: 0, phase: 0 });
  for (let row = rest.firstFrom({ run, step: 0, phase: 0 }); row < end; row++) {
    const kind = columns.kind[row];
    if (kind === THROW) {
      // The event is of the call, the unwinding of the moment after it.
      steps.push((columns.step[row] ?? 0) + 1);
      phases.push(0);
      rows.push(row);
    } else if (kind === PHASE && phases.length > 0) {
      phases[phases.length - 1] = Math.max(phases.at(-1) ?? 0, columns.phase[row] ?? 0);
    }
  }
  return { steps, phases, rows, events };
}

export class RunAxis {
  readonly run: number;
  readonly first: Position;
  readonly throws: Throws;
  /** The phases of all throws before each. */
  readonly #phasesBefore: readonly number[];

  constructor(run: number, first: Position, throws: Throws) {
    this.run = run;
    this.first = first;
    this.throws = throws;
    let sum = 0;
    this.#phasesBefore = throws.phases.map((count) => {
      const before = sum;
      sum += count;
      return before;
    });
  }

  /** The event of a throw. */
  thrown(at: number): TraceEvent {
    const { rows, events } = this.throws;
    return events.rest.event(rows[at] ?? 0, events.names);
  }

  /** Of the last throw at or before a step; -1 when there is none. */
  throwBefore(step: number): number {
    let low = 0;
    let high = this.throws.steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.throws.steps[middle] ?? 0) <= step) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  tickOf({ step, phase }: { readonly step: number; readonly phase: number }): number {
    const at = this.throwBefore(step);
    const base = step - this.first.step;
    if (at < 0) return base + phase;
    const before = this.#phasesBefore[at] ?? 0;
    return base + before + (this.throws.steps[at] === step ? phase : (this.throws.phases[at] ?? 0));
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
    return at >= 0 && this.throws.steps[at] === step ? (this.throws.phases[at] ?? 0) : 0;
  }

  /** The moment of a tick. */
  positionOf(tick: number): Position {
    const whole = Math.max(Math.round(tick), 0);
    let low = 0;
    let high = this.throws.steps.length;
    // The last throw that began at or before the tick.
    while (low < high) {
      const middle = (low + high) >> 1;
      const began = (this.throws.steps[middle] ?? 0) - this.first.step + (this.#phasesBefore[middle] ?? 0);
      if (began <= whole) low = middle + 1;
      else high = middle;
    }
    const at = low - 1;
    if (at < 0) return { run: this.run, step: this.first.step + whole, phase: 0 };
    const step = this.throws.steps[at] ?? 0;
    const phases = this.throws.phases[at] ?? 0;
    const past = whole - (step - this.first.step + (this.#phasesBefore[at] ?? 0));
    return past <= phases
      ? { run: this.run, step, phase: past }
      : { run: this.run, step: step + past - phases, phase: 0 };
  }
}
