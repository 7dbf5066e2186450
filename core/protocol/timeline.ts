/**
 * The picture of a run, at a level of detail, and lists of what happened in it.
 *
 * The axis counts ticks: an instruction is one, and each phase of an unwinding is one, so that a throw has a width. A tick
 * is a moment; `moment` and `tickOf` turn one into the other.
 */
import type { Position, RunSummary } from './state.ts';

/** A function that ran: a bar of the flame chart. Narrower ones than a pixel are joined. */
export interface CallSpan {
  readonly from: number;
  readonly to: number;
  /** It began earlier, or goes on, beyond what is known: nobody has looked when. */
  readonly startsBefore?: true;
  readonly endsAfter?: true;
  readonly depth: number;
  readonly name: string;
  readonly kind: 'program' | 'subprogram' | 'callback' | 'exception' | 'attached';
  /** How many calls are joined in it. */
  readonly count: number;
}

/** A call of a helper or kfunc, or several in one place. */
export interface PointMark {
  readonly tick: number;
  readonly name: string;
  readonly kind: 'helper' | 'kfunc' | 'map' | 'print' | 'lock';
  readonly count: number;
  /** Whether it acquired something. */
  readonly acquires: boolean;
}

/** A resource, from acquisition to release. */
export interface ResourceSpan {
  readonly from: number;
  /** Absent when it was never let go. */
  readonly to?: number;
  /** As of a {@link CallSpan}. */
  readonly startsBefore?: true;
  readonly endsAfter?: true;
  readonly id: number;
  readonly row: number;
  readonly name: string;
  /** Let go by an unwinding. */
  readonly unwound: boolean;
  readonly releasedBy: string;
  readonly count: number;
}

/** A throw with its unwinding. */
export interface ThrowSpan {
  readonly from: number;
  readonly to: number;
  readonly cookie: string;
  readonly count: number;
}

export interface TimelineMark {
  readonly tick: number;
  readonly kind: 'bookmark' | 'breakpoint' | 'fault' | 'exit';
  readonly label: string;
}

/** A part of a run as a picture of so many pixels. */
export interface TimelineView {
  readonly run: number;
  readonly from: number;
  readonly to: number;
  /** The run's whole axis. */
  readonly first: number;
  readonly last: number;
  readonly calls: readonly CallSpan[];
  readonly depth: number;
  readonly points: readonly PointMark[];
  readonly resources: readonly ResourceSpan[];
  readonly resourceRows: number;
  readonly throws: readonly ThrowSpan[];
  readonly marks: readonly TimelineMark[];
  /** Events in so many equal stretches of `from` to `to`: for the minimap, and where single ones are too many. */
  readonly density: readonly number[];
  /** From here on single events were only counted, and are too many to be had again: closer views have them. */
  readonly countedFrom?: number;
}

export interface RangeSummary {
  readonly steps: number;
  readonly events: readonly { readonly kind: string; readonly count: number }[];
  readonly functions: readonly { readonly name: string; readonly calls: number; readonly steps: number }[];
  readonly acquired: number;
  readonly released: number;
  readonly throws: number;
  /** Some events were only counted, and are too many to be had again: nobody knows of whose functions they are. */
  readonly isCounted?: true;
}

export interface EventRow {
  readonly index: number;
  readonly position: Position;
  readonly tick: number;
  readonly kind: string;
  readonly program: string;
  readonly function: string;
  readonly insn: number;
  readonly frame: number;
  readonly name: string;
  readonly detail: string;
  readonly value?: string;
  readonly args?: readonly string[];
  readonly line?: number;
}

/** From one tick of a run's axis to another. */
export interface TickRange {
  readonly from: number;
  readonly to: number;
}

/** `kfunc:bpf_task_acquire -frame:0`: see docs/guide.md. */
export interface EventQuery {
  readonly run: number;
  readonly filter: string;
  readonly sort: 'time' | 'kind' | 'name' | 'insn';
  readonly descending: boolean;
  readonly from: number;
  readonly count: number;
  /** Asks where this moment is among the rows. Where not all events were kept those about it are listed. */
  readonly tick?: number;
  /** Those about this step instead. */
  readonly step?: number;
  /** Only those at steps of this range; all of them, unless they are too many to be had again. */
  readonly range?: TickRange;
}

export interface EventPart {
  readonly from: number;
  /** The last of them. */
  readonly to: number;
}

export interface EventPage {
  readonly total: number;
  readonly rows: readonly EventRow[];
  /** Events of the run that were counted and not kept. */
  readonly omitted: number;
  /** All events of the run. */
  readonly all: number;
  /** The list is of these steps, with all that happened in them; absent when it is of what was kept of the whole run. */
  readonly part?: EventPart;
  /** From this step on not all events were kept. */
  readonly keptTo?: number;
  /** Of the query's `tick`: the row of the last event, in the order of time, that is not after it; absent when there is none. */
  readonly at?: number;
}

export interface RunPage {
  readonly total: number;
  readonly rows: readonly RunSummary[];
}
