/**
 * Carries out an unwinding, one phase after the other. core/exceptions writes the plan at the throw; here each of its
 * steps becomes something that happens to frames, registers and the kernel.
 */
import { BailoutError, assertNever } from '../errors.ts';
import type { HeldResource, UnwindPlan, UnwindStep } from '../exceptions/unwinder.ts';
import { isDefect } from '../exceptions/unwinder.ts';
import { KernelFault } from '../kernel/behaviour.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { releaseResource } from '../kernel/release.ts';
import type { Engine } from './engine/engine.ts';
import {
  FLAG_BOUNDARY,
  FLAG_EXCEPTION_CALLBACK,
  FRAME_CALL,
  FRAME_FLAGS,
  FRAME_KIND,
  FRAME_PROGRAM,
  INSN_SIZE,
  KIND_CALL,
  PC,
  REGS,
} from './engine/layout.ts';
import { currentFrame, unwindPort } from './frames.ts';
import type { LinearMemory } from './memory.ts';
import type { Programs } from './programs.ts';

/** What an unwinding needs of the machine around it. */
export interface UnwindingHost {
  readonly kernel: Kernel;
  readonly memory: LinearMemory;
  readonly programs: Programs;
  readonly engine: Engine;
  /** Ends the run where it stands. */
  fail(code: string, message: string): void;
  /** What is held and the business of the program that begins at a frame. */
  heldFrom(frame: number): readonly HeldResource[];
  /** A frame is gone: whoever waited for what it returns does not any more. */
  forget(frame: number): void;
  /** The innermost frame, which is no plain call's, returns R0. */
  exitFrame(pc: number): void;
  setArguments(args: readonly bigint[]): void;
  enteredCallback(insn: number): void;
}

/** Plain data for checkpoints. */
export interface UnwindingState {
  readonly plan: UnwindPlan | undefined;
  readonly phase: number;
  readonly throws: readonly UnwindPlan[];
}

export class Unwinding {
  readonly #host: UnwindingHost;
  #plan: UnwindPlan | undefined;
  #phase = 0;
  #throws: readonly UnwindPlan[] = [];

  constructor(host: UnwindingHost) {
    this.#host = host;
  }

  get plan(): UnwindPlan | undefined {
    return this.#plan;
  }

  /** Phases that are done. */
  get phase(): number {
    return this.#phase;
  }

  get throws(): readonly UnwindPlan[] {
    return this.#throws;
  }

  /** Whether phases are left before the next instruction. */
  get isPending(): boolean {
    return this.#plan !== undefined && this.#phase < this.#plan.steps.length;
  }

  get state(): UnwindingState {
    return { plan: this.#plan, phase: this.#phase, throws: this.#throws };
  }

  set state(state: UnwindingState) {
    this.#plan = state.plan;
    this.#phase = state.phase;
    this.#throws = state.throws;
  }

  /** A run begins. */
  clear(): void {
    this.finish();
    this.#throws = [];
  }

  /** An instruction runs: its position has no phase. */
  finish(): void {
    this.#plan = undefined;
    this.#phase = 0;
  }

  /** The program throws at an instruction. The plan, or why there can be none. */
  begin(cookie: bigint, pc: number): UnwindPlan | { readonly code: string; readonly message: string } {
    const { memory, programs, kernel } = this.#host;
    // From here on the throw is the instruction at which the innermost frame stands.
    memory.view.setUint32(PC, pc, true);
    const port = unwindPort(memory, programs.images(), {
      heldFrom: (frame) => this.#host.heldFrom(frame),
      nameOf: (value) => kernel.resourceValue(value),
    });
    const boundary = port.stack.at(-1);
    const strategy = boundary === undefined ? undefined : programs.at(boundary.image.index)?.strategy;
    if (strategy === undefined) return { code: 'MACHINE_INTERNAL', message: 'A throw has no program around it.' };
    const plan = strategy.plan(port, cookie);
    if (isDefect(plan)) return { code: plan.code, message: `Unwinding cannot begin: ${plan.message}.` };
    this.#plan = plan;
    this.#phase = 0;
    this.#throws = [...this.#throws, plan];
    return plan;
  }

  /** Carries out the next phase, and returns it. */
  advance(): UnwindStep | undefined {
    const step = this.#plan?.steps[this.#phase];
    if (step === undefined) return undefined;
    this.#phase++;
    switch (step.kind) {
      case 'throw':
      case 'enter-frame':
      case 'skip':
        break;
      case 'release':
        this.#release(step);
        break;
      case 'leave-frame':
        // The outermost frame stays: the callback runs on it.
        if (step.frame.frame > 0) this.#leave();
        break;
      case 'callback':
        this.#enterCallback(step.subprogram, step.cookie);
        break;
      case 'default-callback':
        this.#return(step.value);
        break;
      default:
        assertNever(step);
    }
    return step;
  }

  #release(step: Extract<UnwindStep, { kind: 'release' }>): void {
    const { kernel } = this.#host;
    try {
      const entry = kernel.ledger.entry(step.resource.id);
      if (entry === undefined) throw new KernelFault('UNWIND_NOT_HELD', `${step.resource.typeName} is not held`);
      releaseResource(kernel, entry);
    } catch (error) {
      if (!(error instanceof KernelFault || error instanceof BailoutError)) throw error;
      this.#host.fail(error.code, `Unwinding cannot go on: ${error.message}`);
    }
  }

  /** Ends the innermost frame: the caller's registers are back, and it stands at its call. */
  #leave(): void {
    const { memory, engine } = this.#host;
    const frame = currentFrame(memory);
    this.#host.forget(frame);
    memory.view.setUint32(PC, engine.leave(frame), true);
  }

  #enterCallback(subprogram: number, cookie: bigint): void {
    const { memory, programs, engine } = this.#host;
    const frame = currentFrame(memory);
    const image = programs.at(memory.readU32(frame + FRAME_PROGRAM))?.image;
    const start = image?.subprogram(subprogram)?.start;
    if (image === undefined || start === undefined) {
      this.#host.fail('MACHINE_INTERNAL', 'The exception callback is no function of the program.');
      return;
    }
    engine.refresh(frame);
    memory.view.setUint32(frame + FRAME_FLAGS, FLAG_BOUNDARY | FLAG_EXCEPTION_CALLBACK, true);
    this.#host.setArguments([cookie]);
    memory.view.setUint32(PC, image.address(start), true);
    this.#host.enteredCallback(start);
  }

  /** The program returns: to whoever called it by a tail call, or out of the machine. */
  #return(value: bigint): void {
    const { memory, engine } = this.#host;
    const { view } = memory;
    const frame = currentFrame(memory);
    view.setBigUint64(REGS, BigInt.asUintN(64, value), true);
    if (view.getUint32(frame + FRAME_KIND, true) !== KIND_CALL) {
      this.#host.exitFrame(view.getUint32(PC, true));
      return;
    }
    const call = view.getUint32(frame + FRAME_CALL, true);
    engine.leave(frame);
    view.setUint32(PC, call + INSN_SIZE, true);
  }
}
