/** Who watches a machine: recordings, traces, statistics. */
import type { Attachment } from './attachments.ts';
import type { UnwindPlan, UnwindStep } from '../exceptions/unwinder.ts';
import type { Call, Suspension } from '../kernel/behaviour.ts';
import type { MachinePosition } from './stop.ts';

/** Hears what happens, as it happens. Nothing here changes the run. Functions are called without a `this`. */
export interface MachineObserver {
  /** A helper or kfunc is about to run. The call object is reused. */
  readonly calling?: (call: Call, step: number) => void;
  readonly called?: (call: Call, result: bigint | Suspension, step: number) => void;
  /** A callback's frame, a tail call's target or an exception callback begins. */
  readonly entered?: (kind: Entered, insn: number, step: number) => void;
  readonly thrown?: (plan: UnwindPlan, step: number) => void;
  readonly phase?: (step: UnwindStep, position: MachinePosition) => void;
  /** Calls and exits of functions, in order, when the engine's log is full and at the end of a run. */
  readonly flow?: (log: FlowLog) => void;
  /**
   * Hears how many there are of what is not heard one by one: calls and exits of functions without {@link flow}, calls of helpers
   * and kfuncs without {@link calling}, what begins without {@link entered}.
   */
  readonly counter?: Counter;
  /**
   * How often the instruction at an address was executed (`Machine.locate` says where that is): from time to time, and at the
   * end of a run. While somebody wants to know, instructions take about twice as long.
   */
  readonly hits?: (address: number, count: number) => void;
}

/** An observer with all that it might have: `undefined` where it does not want to hear. */
export type CompleteObserver = {
  readonly [K in keyof Required<MachineObserver>]: MachineObserver[K] | undefined;
};

/**
 * The host's compiler makes code for objects that look alike, and makes it anew when one looks otherwise. So observers look alike, whatever
 * they want to hear: each call of a helper asks what that is.
 */
export function completed(observer: MachineObserver): CompleteObserver {
  return {
    calling: observer.calling,
    called: observer.called,
    entered: observer.entered,
    thrown: observer.thrown,
    phase: observer.phase,
    flow: observer.flow,
    counter: observer.counter,
    hits: observer.hits,
  };
}

export interface Counter {
  /**
   * The first step after a given one that belongs to another stretch: what is counted is counted by stretches. Asked before the
   * machine runs on, and the one moment at which an observer may be replaced while it runs.
   */
  stretchEnd(step: number): number;
  /** So many of a sort in the stretch of a step: all since the last time. */
  add(step: number, what: Counted, count: number): void;
  /** Nothing more is added of what happened since a step: the machine stands. */
  passed(step: number): void;
}

/** What begins at an instruction that nobody calls. */
export type Entered = 'callback' | 'tail-call' | 'exception-callback' | Attachment['kind'];

/** What a {@link Counter} counts: calls and exits of functions, calls of helpers and kfuncs, and what begins. */
export type Counted = 'call' | 'return' | 'helper' | Entered;

/**
 * Rows of 16 bytes: step (u64), address of the call or exit (u32; `Machine.locate` says where), 0 for a call and 1 for an exit
 * (u32). Only there until the observer returns.
 */
export interface FlowLog {
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
}
