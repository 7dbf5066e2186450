/** What every page knows all the time: sent whole after each change, so it is small. */
import type { ApiError } from './wire.ts';

/** A moment: in which run, after how many instructions, and of the unwinding that the last one began after how many phases. */
export interface Position {
  readonly run: number;
  readonly step: number;
  readonly phase: number;
}

export type Profile = 'proposal' | 'linux';
export type Direction = 'forwards' | 'backwards';

export interface ProgramSummary {
  readonly name: string;
  /** `xdp`, `sched_cls`, … */
  readonly type: string;
  readonly section: string;
  readonly insns: number;
  readonly functions: number;
  /** Why no loader would hand it to the verifier. */
  readonly loadError?: ApiError;
}

/** The verifier's word in a line; asked for when a program is selected. */
export interface VerdictSummary {
  readonly verdict: 'accepted' | 'rejected';
  /** The kernel's last line; empty when accepted. */
  readonly message: string;
  readonly profile: Profile;
  readonly insns: number;
  readonly states: number;
  readonly durationUs: number;
}

export interface ObjectSummary {
  readonly name: string;
  readonly programs: readonly ProgramSummary[];
  readonly maps: number;
  /** Where the kernel's types come from: `bundled Linux 6.18`, or a path. */
  readonly kernelTypes: string;
}

export type RunEndView =
  | { readonly kind: 'exit'; /** R0 as a signed 32-bit number. */ readonly value: number; readonly name?: string }
  | { readonly kind: 'fault'; readonly code: string; readonly message: string };

export interface RunSummary {
  readonly index: number;
  readonly program: string;
  readonly what: 'program' | 'timer' | 'workqueue' | 'task_work';
  readonly first: Position;
  /** Absent while nobody has seen its end. */
  readonly last?: Position;
  readonly end?: RunEndView;
  readonly throws: number;
  /** `packet 3 of 43 (http.pcap)`, when there is more than one input. */
  readonly input?: string;
}

/** Where the session stands, in words. */
export interface PlaceSummary {
  readonly program: string;
  readonly function: string;
  readonly insn: number;
  readonly file?: string;
  readonly line?: number;
}

export interface UnwindingSummary {
  /** Phases done, and all. */
  readonly phase: number;
  readonly phases: number;
  readonly cookie: string;
}

export type StopReason =
  'loaded' | 'step' | 'breakpoint' | 'watchpoint' | 'throw' | 'end' | 'start' | 'limit' | 'cancelled' | 'goto';

/** Why the session stands where it stands. */
export interface StopView {
  readonly why: StopReason;
  /** One line for people: `Breakpoint 1: any throw`. */
  readonly text: string;
  readonly breakpoints: readonly number[];
  readonly watchpoints: readonly { readonly id: number; readonly before: string; readonly after: string }[];
}

export interface BreakpointView {
  readonly id: number;
  readonly kind: 'breakpoint' | 'watchpoint';
  /** As it was written: `throw`, `46`, `*65`, `kfunc:bpf_task_acquire`; of a watchpoint the expression. */
  readonly text: string;
  readonly condition?: string;
  readonly enabled: boolean;
  readonly hits: number;
  /** The instructions that it means. */
  readonly places: readonly { readonly program: string; readonly insn: number }[];
}

export interface BookmarkView {
  readonly id: number;
  readonly name: string;
  readonly position: Position;
}

/** What is going on while the worker is busy. */
export interface Progress {
  /** `verifying classify`, `running`, `looking backwards`. */
  readonly what: string;
  /** Steps, instructions or bytes done; of `total` where that is known. */
  readonly done: number;
  readonly total?: number;
}

export interface SessionState {
  /** Grows with each change. */
  readonly revision: number;
  /** Grows whenever views at one and the same position may have changed: another object, a map edit, another profile. */
  readonly epoch: number;
  readonly object?: ObjectSummary;
  /** The selected program. */
  readonly program?: string;
  /** Chosen by hand; otherwise each program has the one that it was written for. */
  readonly profile?: Profile;
  readonly verdict?: VerdictSummary;
  readonly runs: { readonly count: number; readonly current?: RunSummary };
  /** Absent while no program has been run. */
  readonly position?: Position;
  /** Where {@link position} is on the axis of its run's timeline. */
  readonly tick?: number;
  readonly place?: PlaceSummary;
  readonly unwinding?: UnwindingSummary;
  readonly stop: StopView;
  /** Resources held now. */
  readonly held: number;
  readonly breakpoints: readonly BreakpointView[];
  readonly bookmarks: readonly BookmarkView[];
  /** A file that is looked at; it cannot be run on. */
  readonly recording?: { readonly name: string; readonly bytes: number; readonly complete: boolean };
  readonly checkpoints: number;
  readonly scenario: { readonly name: string; readonly seed: string; readonly input?: string };
}
