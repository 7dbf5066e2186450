/**
 * What a helper or kfunc does when a program calls it, and how it hands control back to the machine.
 *
 * A behaviour is a plain function from a call to the value of R0. Where it needs the machine (a callback of the
 * program, a tail call, a throw), it returns a {@link Suspension} instead. A callback names the continuation that goes
 * on when it has returned, with all of its state as plain data, so that a checkpoint can be taken within.
 */
import type { Program } from '../object/program.ts';
import type { Kernel } from './kernel.ts';
import type { Position } from './ledger.ts';

/** One call. The machine reuses the object from call to call: behaviours copy what they want to keep. */
export interface Call {
  readonly kernel: Kernel;
  /** R1 to R5. */
  readonly args: BigUint64Array;
  readonly program: Program;
  /** Name of the helper or kfunc that is called. */
  readonly name: string;
  readonly insn: number;
  /** Depth of the calling frame, 0 = the main program's. */
  readonly frame: number;
  /** The instruction that a function pointer (ld_imm64 BPF_PSEUDO_FUNC) means in this program. */
  functionAt(pointer: bigint): number | undefined;
}

/** Plain data: what a checkpoint keeps of a continuation. */
export type Plain =
  bigint | number | string | boolean | null | undefined | readonly Plain[] | { readonly [key: string]: Plain };

/** Runs a function of the program in a new frame, and then goes on with the named continuation. */
export interface CallbackSuspension {
  readonly kind: 'callback';
  /** First instruction of the callback. */
  readonly subprogramInsn: number;
  /** R1 to R5; missing ones are 0. */
  readonly args: readonly bigint[];
  readonly continuation: { readonly name: string; readonly state: Plain };
}

/** Replaces the running program by another one, which begins with the same context. */
export interface TailCallSuspension {
  readonly kind: 'tail-call';
  readonly map: number;
  readonly index: number;
  readonly program: Program;
}

export interface ThrowSuspension {
  readonly kind: 'throw';
  readonly cookie: bigint;
}

/** The run ends here: the program did what no verified program can do, or a resource was mishandled. */
export interface FaultSuspension {
  readonly kind: 'fault';
  readonly code: string;
  readonly message: string;
}

export type Suspension = CallbackSuspension | TailCallSuspension | ThrowSuspension | FaultSuspension;

export type Behaviour = (call: Call) => bigint | Suspension;

/** Goes on after a callback has returned `r0`. */
export type Continuation = (kernel: Kernel, state: Plain, r0: bigint) => bigint | Suspension;

/** A callback that runs on its own, after the program: of a timer or a work queue. */
export interface AsyncCallback {
  readonly id: number;
  readonly kind: 'timer' | 'workqueue' | 'task_work';
  /** When, on the virtual clock. */
  readonly due: bigint;
  readonly program: Program;
  readonly subprogramInsn: number;
  readonly args: readonly bigint[];
}

export type MapOperation = 'update' | 'delete' | 'push' | 'pop';

/** Hears what happens in the kernel, in order; the recording is made from this. */
export interface KernelObserver {
  readonly mapChanged?: (map: number, operation: MapOperation, address: bigint) => void;
  /** In the place of {@link mapChanged}, for who wants to know only how often: which value it is takes a search. */
  readonly mapCounted?: () => void;
  readonly printed?: (line: OutputLine) => void;
  readonly locked?: (address: bigint, taken: boolean) => void;
  /** A record reached user space through a ring buffer or perf event array. */
  readonly emitted?: (map: number, bytes: Uint8Array) => void;
}

/** An observer with all that it might have: `undefined` where it does not want to hear. */
export type CompleteKernelObserver = {
  readonly [K in keyof Required<KernelObserver>]: KernelObserver[K] | undefined;
};

/** What a program says to the outside. */
export interface OutputLine {
  readonly kind: 'trace' | 'stdout' | 'stderr' | 'seq' | 'ringbuf' | 'perf';
  readonly text: string;
  /** For ring buffers and perf events: the map's name and the record. */
  readonly map?: string;
  readonly bytes?: Uint8Array;
  readonly at: Position;
}

/** The fault that a behaviour throws where going on makes no sense; the kernel turns it into a suspension. */
export class KernelFault extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Minus an errno as a program sees it in R0. */
export function errno(number: number): bigint {
  return BigInt.asUintN(64, BigInt(-number));
}
