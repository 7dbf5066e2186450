/**
 * The machine: runs one program, with the functions it calls back into, the programs it tail calls and the unwinding of
 * what it throws, on a simulated kernel.
 *
 * The engine executes instructions; this class answers what the engine asks (helpers, context fields, ends of frames)
 * and decides what happens between instructions. All state lies in linear memory, but for the few values of
 * {@link MachineCheckpoint}; nothing is on the host's stack when run() has returned, so a run can be left and resumed at
 * any instruction, and at any phase of an unwinding.
 */
import { BailoutError, assertNever } from '../errors.ts';
import type { Profile } from '../exceptions/profile.ts';
import type { UnwindPlan } from '../exceptions/unwinder.ts';
import type { AsyncCallback, CallbackSuspension, Suspension, TailCallSuspension } from '../kernel/behaviour.ts';
import type { Kernel, KernelCheckpoint, KernelState } from '../kernel/kernel.ts';
import type { Fault } from '../kernel/memory.ts';
import type { Program } from '../object/program.ts';
import { CurrentCall } from './current-call.ts';
import type { Attachment, AttachmentsState } from './attachments.ts';
import { Attachments, gatesOf } from './attachments.ts';
import type { Engine } from './engine/engine.ts';
import { newEngine } from './engine/engine.ts';
import {
  FIRST_FRAME,
  FLAG_BOUNDARY,
  FRAME_FLAGS,
  FRAME_FLOOR,
  FRAME_KIND,
  FRAME_PROGRAM,
  FRAME_STRIDE,
  INSN_SIZE,
  KIND_CALLBACK,
  KIND_MAIN,
  OUT_EXIT,
  OUT_FAULT,
  OUT_JUMPED,
  OUT_NEXT,
  OUT_STOP,
  PC,
  REGS,
  SHADOW,
  SKIP_BREAK,
  STACK_LOW,
  STACK_TOP,
  STEP,
  STEP_LIMIT,
  STOP_BREAK,
  STOP_CALLED_OUT,
  STOP_DEPTH,
  STOP_FUEL,
  STOP_ILLEGAL,
} from './engine/layout.ts';
import type { Frame } from './frames.ts';
import { currentFrame, floorOf, hasRoom, isFrame, readFrames } from './frames.ts';
import type { CallSite, Image } from './image.ts';
import type { LinearMemory } from './memory.ts';
import type { ProgramsState, RunFacts } from './programs.ts';
import { Programs } from './programs.ts';
import type { CompleteObserver, MachineObserver } from './observer.ts';
import { completed } from './observer.ts';
import type { End, MachineFault, MachinePosition, Stop } from './stop.ts';
import type { UnwindingState } from './unwinding.ts';
import type { AccessHost } from './refused-access.ts';
import { answerAccess, answerKernelError } from './refused-access.ts';
import { Unwinding } from './unwinding.ts';
import { Watching } from './watching.ts';

export type { MachineObserver } from './observer.ts';
export type { RunFacts } from './programs.ts';

export interface MachineOptions {
  readonly kernel: Kernel;
  /** The kernel's. */
  readonly memory: LinearMemory;
  /** The rules for programs of which {@link MachineOptions.factsOf} knows nothing. */
  readonly profile: Profile;
  /** Programs that are run before, after or instead of functions of others. */
  readonly attachments?: readonly Attachment[];
  /** Asked once for each program that is loaded; tail calls load programs while running. */
  factsOf?(program: Program): RunFacts | undefined;
}

export interface RunOptions {
  /** Instructions at most. */
  readonly fuel: number;
  /** Stop after each phase of an unwinding. */
  readonly phases?: boolean;
  /** Whether a breakpoint on the next instruction counts. When absent: unless the last run stopped at it. */
  readonly breakHere?: boolean;
}

/** Where a helper that waits for a callback goes on. */
interface Waiting {
  /** Frame pointer of the callback's frame. */
  readonly frame: number;
  readonly continuation: CallbackSuspension['continuation'];
}

/** The state of a machine and its kernel at a moment, with memory or without; what did not change since another is shared with it. */
export interface MachineState<K extends KernelState> {
  readonly kernel: K;
  readonly waiting: readonly Waiting[];
  readonly unwinding: UnwindingState;
  readonly attachments: AttachmentsState;
  readonly end: End | undefined;
  readonly ticked: number;
  readonly programs: ProgramsState;
}

export type MachineCheckpoint = MachineState<KernelCheckpoint>;

/** Instructions between two visits of the host. The compiler's better code for a hot loop is used from the next visit on. */
const SLICE = 1_000_000;

export class Machine {
  readonly kernel: Kernel;
  readonly memory: LinearMemory;
  readonly #engine: Engine;
  readonly #programs: Programs;
  readonly #unwinding: Unwinding;
  readonly #attachments: Attachments;
  readonly #call: CurrentCall;
  readonly #accessHost: AccessHost;
  #observer = completed({});
  readonly #watching = new Watching(this);
  #waiting: readonly Waiting[] = [];
  #end: End | undefined;
  /** The step up to which the kernel's clock has been moved on. */
  #ticked = 0;
  /** The step before which the last run stopped at a breakpoint, or -1. */
  #stoppedAt = -1;

  constructor(options: MachineOptions) {
    const { kernel, memory } = options;
    this.kernel = kernel;
    this.memory = memory;
    this.#call = new CurrentCall(kernel, memory);
    this.#engine = newEngine(memory.wasm, {
      call: (pc, site) => this.#callOut(pc, site),
      access: (pc) => answerAccess(this.#accessHost, pc),
      exit: (pc) => this.#exit(pc),
      drain: () => this.#watching.drain(),
      spill: (address, count) => this.#watching.spill(address, count),
    });
    this.#programs = new Programs(
      kernel,
      memory,
      options.profile,
      (program) => options.factsOf?.(program),
      (program) => gatesOf(options.attachments, program),
    );
    this.#accessHost = {
      kernel,
      memory,
      programs: this.#programs,
      failAt: (pc, code, message, access) => this.#failAt(pc, code, message, access),
      tick: () => this.#tick(),
    };
    this.#attachments = new Attachments(options.attachments ?? [], {
      kernel,
      memory,
      programs: this.#programs,
      engine: this.#engine,
      failAt: (pc, code, message) => this.#failAt(pc, code, message),
      jump: (address) => this.#jump(address),
      exitFrame: (pc) => this.#exit(pc),
      entered: (kind) => this.#watching.entered(kind, 0),
    });
    this.#unwinding = new Unwinding({
      kernel,
      memory,
      programs: this.#programs,
      engine: this.#engine,
      fail: (code, message) => this.#fail(code, message),
      heldFrom: (frame) => this.#attachments.heldFrom(frame),
      forget: (frame) => this.#forget(frame),
      exitFrame: (pc) => this.#exit(pc),
      setArguments: (args) => this.#setArguments(args),
      enteredCallback: (insn) => this.#watching.entered('exception-callback', insn),
    });
  }

  // ---- running --------------------------------------------------------------------------------------------------------

  /** Puts a program at its first instruction, with R1 as given: the address of its context. */
  start(program: Program, context: bigint): void {
    this.memory.view.setBigUint64(STEP, 0n, true);
    this.#ticked = 0;
    this.kernel.step = 0;
    this.#unwinding.clear();
    this.#begin(program, 0, [context]);
  }

  /** Puts a timer's or work queue's callback at its first instruction. Steps are counted on from the program before. */
  startAsync(callback: AsyncCallback): void {
    this.#begin(callback.program, callback.subprogramInsn, callback.args);
  }

  /** Runs on from where the machine stands. */
  run(options: RunOptions): Stop {
    if (this.#end !== undefined) return this.#end;
    const { view } = this.memory;
    const start = this.step;
    const limit = start + options.fuel;
    const breakHere = options.breakHere ?? this.#stoppedAt !== start;
    view.setBigUint64(SKIP_BREAK, breakHere ? 0xffffffffffffffffn : BigInt(start), true);
    this.#stoppedAt = -1;
    this.#programs.applyBreakpoints(true);
    this.#watching.begin();
    try {
      return this.#runUntil(limit, options.phases === true);
    } finally {
      this.#programs.applyBreakpoints(false);
      this.#watching.end();
      // How the run was cut into slices is no part of its state.
      this.memory.view.setBigUint64(SKIP_BREAK, 0n, true);
      this.memory.view.setBigUint64(STEP_LIMIT, 0n, true);
    }
  }

  /** Goes forward to a position; fewer instructions when the run ends or stops before. */
  runTo(position: MachinePosition): Stop {
    const before = this.step;
    if (before < position.step) {
      const stop = this.run({ fuel: position.step - before, breakHere: false });
      if (stop.kind !== 'fuel') return stop;
    }
    while (this.phase < position.phase && this.#end === undefined && this.#unwinding.isPending) this.#advance();
    return this.#end ?? { kind: 'fuel' };
  }

  /** Who hears what happens. May be replaced while the machine stands, and when its counter is asked where a stretch ends. */
  get observer(): CompleteObserver {
    return this.#observer;
  }

  set observer(observer: MachineObserver) {
    this.#observer = completed(observer);
  }

  get step(): number {
    const { view } = this.memory;
    // Two halves, since a BigInt for each call of a helper costs as much as the call.
    return view.getUint32(STEP + 4, true) * 0x100000000 + view.getUint32(STEP, true);
  }

  /** Phases of the present unwinding that are done; 0 outside of one. */
  get phase(): number {
    return this.#unwinding.phase;
  }

  get position(): MachinePosition {
    return { step: this.step, phase: this.#unwinding.phase };
  }

  get end(): End | undefined {
    return this.#end;
  }

  /** The unwinding that is under way: steps before {@link phase} are done. */
  get unwinding(): UnwindPlan | undefined {
    return this.#unwinding.plan;
  }

  /** Every throw of this run, in order. */
  get throws(): readonly UnwindPlan[] {
    return this.#unwinding.throws;
  }

  // ---- looking --------------------------------------------------------------------------------------------------------

  /** R0 to R10 as they are now. A copy. */
  get registers(): BigUint64Array {
    return new BigUint64Array(this.memory.bytes.buffer, REGS, 11).slice();
  }

  /** From the innermost frame to the outermost. */
  frames(): readonly Frame[] {
    return readFrames(this.memory, this.#programs.images());
  }

  /** The instruction that runs next, and its program. */
  get location(): { readonly program: Program; readonly insn: number } | undefined {
    const { memory } = this;
    const framePointer = currentFrame(memory);
    if (!isFrame(framePointer)) return undefined;
    const image = this.#programs.at(memory.readU32(framePointer + FRAME_PROGRAM))?.image;
    return image === undefined ? undefined : { program: image.program, insn: image.insnAt(memory.readU32(PC)) ?? 0 };
  }

  /** The instruction at an address of decoded code. */
  locate(address: number): { readonly program: Program; readonly insn: number } | undefined {
    for (const image of this.#programs.images()) {
      const insn = image.insnAt(address);
      if (insn !== undefined) return { program: image.program, insn };
    }
    return undefined;
  }

  /** Stops before each instruction whose byte is not 0; undefined takes all breakpoints of the program away. */
  setBreakpoints(program: Program, insns: Uint8Array | undefined): void {
    this.#programs.setBreakpoints(program, insns);
  }

  // ---- checkpoints ----------------------------------------------------------------------------------------------------

  checkpoint(): MachineCheckpoint {
    return this.#stateWith(this.kernel.checkpoint());
  }

  /** As a checkpoint, for less, and good only until the next moment is set aside: memory's part of it is not kept for longer. */
  setAside(): MachineCheckpoint {
    return this.#stateWith({ memory: this.memory.setAside(), ...this.kernel.stateBesideMemory() });
  }

  /** For who needs no copy of memory. */
  stateBesideMemory(): MachineState<KernelState> {
    return this.#stateWith(this.kernel.stateBesideMemory());
  }

  #stateWith<K extends KernelState>(kernel: K): MachineState<K> {
    return {
      kernel,
      waiting: this.#waiting,
      unwinding: this.#unwinding.state,
      attachments: this.#attachments.state,
      end: this.#end,
      ticked: this.#ticked,
      programs: this.#programs.state,
    };
  }

  /** Of memory as it is now: what pageTreeHash says of a checkpoint's. */
  memoryHash(): string {
    return this.memory.hash(this.#engine);
  }

  restore(checkpoint: MachineCheckpoint): void {
    this.kernel.restore(checkpoint.kernel);
    this.#waiting = checkpoint.waiting;
    this.#unwinding.state = checkpoint.unwinding;
    this.#attachments.state = checkpoint.attachments;
    this.#end = checkpoint.end;
    this.#ticked = checkpoint.ticked;
    this.kernel.step = checkpoint.ticked;
    this.#stoppedAt = -1;
    this.#programs.state = checkpoint.programs;
  }

  // ---- loading --------------------------------------------------------------------------------------------------------

  /** Puts a program into memory, once. */
  load(program: Program): Image {
    return this.#programs.load(program).image;
  }

  #begin(program: Program, insn: number, args: readonly bigint[]): void {
    const { image } = this.#programs.load(program);
    const { view, bytes } = this.memory;
    const low = view.getUint32(STACK_LOW, true) - FRAME_STRIDE;
    if (low < STACK_TOP - FRAME_STRIDE) {
      bytes.fill(0, low, STACK_TOP);
      bytes.fill(0, SHADOW + (low >> 3), SHADOW + (STACK_TOP >> 3));
      this.memory.touchPages(low, STACK_TOP - low);
    }
    view.setUint32(STACK_LOW, STACK_TOP, true);
    bytes.fill(0, REGS, REGS + 11 * 8);
    args.slice(0, 5).forEach((value, i) => view.setBigUint64(REGS + 8 + i * 8, BigInt.asUintN(64, value), true));
    this.#engine.enter(FIRST_FRAME, KIND_MAIN, 0, image.index, floorOf(FIRST_FRAME));
    view.setUint32(FIRST_FRAME + FRAME_FLAGS, FLAG_BOUNDARY, true);
    view.setUint32(PC, image.entry(insn), true);
    this.#attachments.clear();
    this.#waiting = [];
    this.#unwinding.finish();
    this.#end = undefined;
    this.#stoppedAt = -1;
  }

  // ---- the loop -------------------------------------------------------------------------------------------------------

  #runUntil(limit: number, phases: boolean): Stop {
    for (;;) {
      if (this.#end !== undefined) return this.#end;
      const step = this.step;
      if (step >= limit) return { kind: 'fuel' };
      if (this.#unwinding.isPending) {
        this.#advance();
        if (phases) return this.#end ?? { kind: 'phase' };
        continue;
      }
      this.#unwinding.finish();
      const until = Math.min(limit, step + SLICE, this.#watching.limit(step));
      this.memory.view.setBigUint64(STEP_LIMIT, BigInt(until), true);
      const stop = this.#stopped(this.#watching.run(this.#engine));
      if (stop !== undefined) return stop;
    }
  }

  #stopped(why: number): Stop | undefined {
    switch (why) {
      case STOP_FUEL:
      case STOP_CALLED_OUT:
        return undefined;
      case STOP_BREAK: {
        const at = this.location;
        this.#stoppedAt = this.step;
        return at === undefined ? undefined : { kind: 'breakpoint', ...at };
      }
      case STOP_ILLEGAL: {
        const frame = this.frames()[0];
        const reason = frame?.image.reason(frame.insn) ?? 'no program runs';
        this.#fail('MACHINE_ILLEGAL', `Insn ${frame?.insn ?? 0} cannot run: ${reason}.`);
        return undefined;
      }
      case STOP_DEPTH:
        this.#fail('MACHINE_CALL_DEPTH', 'The call stack is deeper than 8 frames.');
        return undefined;
      default:
        throw new BailoutError('MACHINE_INTERNAL', `The engine stopped with the unknown code ${why}.`);
    }
  }

  /** Ends the run where it stands. */
  #fail(code: string, message: string, access?: Fault): void {
    const frame = this.frames()[0];
    const fault: MachineFault = {
      code,
      message,
      program: frame?.image.program.name ?? '',
      subprogram: frame?.name ?? '',
      insn: frame?.insn ?? 0,
      ...(access === undefined ? {} : { access }),
    };
    this.#end = { kind: 'fault', fault };
  }

  #failAt(pc: number, code: string, message: string, access?: Fault): number {
    this.memory.view.setUint32(PC, pc, true);
    this.#fail(code, message, access);
    return OUT_FAULT;
  }

  /** The virtual clock goes with the instructions; it is moved on before anybody can look at it. */
  #tick(): void {
    const step = this.step;
    if (step !== this.#ticked) {
      this.kernel.tick(step - this.#ticked);
      this.kernel.step = step;
      this.#ticked = step;
    }
  }

  // ---- what the engine asks -------------------------------------------------------------------------------------------

  #callOut(pc: number, index: number): number {
    const site = this.#programs.site(index);
    const framePointer = currentFrame(this.memory);
    const loaded = this.#programs.at(this.memory.readU32(framePointer + FRAME_PROGRAM));
    if (site === undefined || loaded === undefined) return this.#failAt(pc, 'MACHINE_INTERNAL', 'A call has no site.');
    this.#tick();
    if (site.kind === 'packet') return this.#loadPacket(pc, site);
    if (site.kind === 'gate') return this.#attachments.enter(pc, site.insn);
    if (site.behaviour === undefined) {
      const what = site.name === '' ? 'an unknown function' : site.name;
      return this.#failAt(pc, 'MACHINE_NO_BEHAVIOUR', `The simulated kernel has no ${site.kind} ${what}.`);
    }
    const call = this.#call;
    // Growing memory takes the view of the old one away.
    if (call.args.length === 0) call.args = new BigUint64Array(this.memory.bytes.buffer, REGS + 8, 5);
    call.image = loaded.image;
    call.name = site.name;
    call.pc = pc;
    call.framePointer = framePointer;
    const observer = this.#observer;
    if (observer.calling !== undefined) observer.calling(call, this.step);
    else this.#watching.helpers++;
    const result = this.kernel.invoke(site.behaviour, call);
    if (observer.called !== undefined) observer.called(call, result, this.step);
    if (typeof result === 'bigint') {
      this.memory.view.setBigUint64(REGS, result, true);
      return OUT_NEXT;
    }
    return this.#suspend(result, pc);
  }

  /** ld_abs, ld_ind: where the packet ends, so does the function, with 0. */
  #loadPacket(pc: number, site: Extract<CallSite, { kind: 'packet' }>): number {
    const { view } = this.memory;
    const index = site.index === undefined ? 0 : view.getUint32(REGS + site.index * 8, true);
    try {
      const value = this.kernel.legacyLoad(view.getBigUint64(REGS + 48, true), (site.offset + index) | 0, site.size);
      this.memory.view.setBigUint64(REGS, value ?? 0n, true);
      return value === undefined ? OUT_EXIT : OUT_NEXT;
    } catch (error) {
      return answerKernelError(this.#accessHost, pc, error);
    }
  }

  #suspend(result: Suspension, pc: number): number {
    switch (result.kind) {
      case 'callback':
        return this.#enterCallback(result, pc);
      case 'tail-call':
        return this.#tailCall(result, pc);
      case 'throw':
        return this.#throw(result.cookie, pc);
      case 'fault':
        return this.#failAt(pc, result.code, result.message);
      default:
        return assertNever(result);
    }
  }

  #enterCallback(callback: CallbackSuspension, pc: number): number {
    const frame = currentFrame(this.memory);
    const image = this.#programs.at(this.memory.readU32(frame + FRAME_PROGRAM))?.image;
    const inner = frame - FRAME_STRIDE;
    if (image === undefined || this.#engine.enter(inner, KIND_CALLBACK, pc, image.index, 0) === 0) {
      return this.#failAt(pc, 'MACHINE_CALL_DEPTH', 'The call stack is deeper than 8 frames.');
    }
    this.#waiting = [...this.#waiting, { frame: inner, continuation: callback.continuation }];
    this.#setArguments(callback.args);
    this.#watching.entered('callback', callback.subprogramInsn);
    return this.#jump(image.entry(callback.subprogramInsn));
  }

  #setArguments(args: readonly bigint[]): void {
    const { view } = this.memory;
    for (let i = 0; i < 5; i++) view.setBigUint64(REGS + 8 + i * 8, args[i] ?? 0n, true);
  }

  #jump(address: number): number {
    this.memory.view.setUint32(PC, address, true);
    return OUT_JUMPED;
  }

  /** The target takes the place of the calling frame, and is the first frame of a program of its own. */
  #tailCall(call: TailCallSuspension, pc: number): number {
    const frame = currentFrame(this.memory);
    if (!hasRoom(frame)) return this.#failAt(pc, 'MACHINE_CALL_DEPTH', 'The stack has no room for the tail call.');
    const { image } = this.#programs.load(call.program);
    const { view } = this.memory;
    this.#engine.refresh(frame);
    view.setUint32(frame + FRAME_PROGRAM, image.index, true);
    view.setUint32(frame + FRAME_FLAGS, FLAG_BOUNDARY, true);
    view.setUint32(frame + FRAME_FLOOR, floorOf(frame), true);
    this.#watching.entered('tail-call', 0);
    return this.#jump(image.entry(0));
  }

  #exit(pc: number): number {
    const traced = this.#attachments.exit(pc);
    if (traced !== undefined) return traced;
    const frame = currentFrame(this.memory);
    const value = this.memory.readU64(REGS);
    if (this.memory.readU32(frame + FRAME_KIND) === KIND_MAIN) {
      this.#end = { kind: 'exit', value };
      return OUT_STOP;
    }
    const waiting = this.#waiting.at(-1);
    if (waiting === undefined || waiting.frame !== frame) {
      return this.#failAt(pc, 'MACHINE_INTERNAL', 'A callback returns to nobody.');
    }
    this.#waiting = this.#waiting.slice(0, -1);
    const call = this.#engine.leave(frame);
    this.#tick();
    const result = this.kernel.resume(waiting.continuation, value);
    if (typeof result !== 'bigint') return this.#suspend(result, call);
    this.memory.view.setBigUint64(REGS, result, true);
    return this.#jump(call + INSN_SIZE);
  }

  // ---- exceptions -----------------------------------------------------------------------------------------------------

  #throw(cookie: bigint, pc: number): number {
    const plan = this.#unwinding.begin(cookie, pc);
    if ('code' in plan) return this.#failAt(pc, plan.code, plan.message);
    this.observer.thrown?.(plan, this.step);
    return OUT_STOP;
  }

  /** Carries out the next phase of the unwinding. */
  #advance(): void {
    this.#tick();
    const step = this.#unwinding.advance();
    if (step !== undefined) this.observer.phase?.(step, this.position);
  }

  #forget(frame: number): void {
    this.#attachments.forget(frame);
    if (this.#waiting.at(-1)?.frame === frame) this.#waiting = this.#waiting.slice(0, -1);
  }
}
