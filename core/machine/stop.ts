/** Why a machine stopped, and what went wrong when something did. Plain data: checkpoints and recordings keep it. */
import type { Fault } from '../kernel/memory.ts';
import type { Program } from '../object/program.ts';

/** A moment of a run: instructions executed, and within an unwinding how many of its phases are done. */
export interface MachinePosition {
  readonly step: number;
  readonly phase: number;
}

/** The program did what no verified program can do, or the simulated kernel refused to go on. */
export interface MachineFault {
  readonly code: string;
  /** One sentence: what, and why. */
  readonly message: string;
  readonly program: string;
  readonly subprogram: string;
  readonly insn: number;
  /** The access that was refused, where it was one. */
  readonly access?: Fault;
}

export type Stop =
  /** The fuel that was given is used up. */
  | { readonly kind: 'fuel' }
  /** Before an instruction with a breakpoint. */
  | { readonly kind: 'breakpoint'; readonly program: Program; readonly insn: number }
  /** A phase of an unwinding is done, and phases were asked for one by one. */
  | { readonly kind: 'phase' }
  | End;

/** The run is over; running on answers the same. */
export type End =
  | { readonly kind: 'exit'; /** R0. */ readonly value: bigint }
  | { readonly kind: 'fault'; readonly fault: MachineFault };
