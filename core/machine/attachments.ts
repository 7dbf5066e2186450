/**
 * Programs that are attached to functions of the program that runs: fentry and fexit are run before and after a function,
 * freplace instead of it. Each is a program of its own, with its own frames and its own boundary: what it throws unwinds it
 * alone, and its result goes to whoever called it (docs/exceptions.md, "Boundaries").
 *
 * A function with attachments has a gate: one more instruction behind its program's code, to which calls of the function lead.
 * What waits at a gate is plain data, like everything that a checkpoint keeps. A function that is left by a throw returns to
 * nobody, so that its fexit programs do not run; those of a main program do, since that one returns after all.
 */
import type { Kernel } from '../kernel/kernel.ts';
import type { LedgerEntry } from '../kernel/ledger.ts';
import type { CurrentContext } from '../kernel/contexts/context.ts';
import { contextOf } from '../kernel/contexts/packets.ts';
import type { BpfAttachKind } from '../object/bpf-target.ts';
import type { Program } from '../object/program.ts';
import type { Engine } from './engine/engine.ts';
import {
  FLAG_BOUNDARY,
  FRAME_FLAGS,
  FRAME_FLOOR,
  FRAME_KIND,
  FRAME_PROGRAM,
  FRAME_STRIDE,
  INSN_SIZE,
  KIND_CALL,
  KIND_CALLBACK,
  KIND_TRACED,
  REGS,
} from './engine/layout.ts';
import { currentFrame, floorOf, hasRoom } from './frames.ts';
import type { LinearMemory } from './memory.ts';
import type { Programs } from './programs.ts';

/** One program and the function that it is attached to. */
export interface Attachment {
  readonly kind: Exclude<BpfAttachKind, 'fmod_ret'>;
  readonly program: Program;
  readonly target: Program;
  /** First instruction of the function. */
  readonly insn: number;
}

/** A function that is being traced: its fentry programs run, or its body, or its fexit programs. */
interface Traced {
  /** The function's frame, and what kind it is when nobody looks. */
  readonly frame: number;
  readonly frameKind: number;
  readonly program: Program;
  readonly insn: number;
  /** Address where it waits for tracing programs: of its gate, and then of its exit. */
  readonly at: number;
  readonly stage: 'before' | 'within' | 'after';
  /** Frame and number of the tracing program that runs. */
  readonly tracer: number;
  readonly next: number;
  readonly args: readonly bigint[];
  readonly result: bigint;
  /** Of the tracing programs: the arguments in memory, and behind them the result. */
  readonly context: number;
  /** The context of the program that is traced. */
  readonly outer: CurrentContext | undefined;
}

/** The first resource that was acquired by a program which others called: what is older is not its to release. */
interface Boundary {
  readonly frame: number;
  readonly firstId: number;
}

export interface AttachmentsState {
  readonly traced: readonly Traced[];
  readonly boundaries: readonly Boundary[];
}

export interface AttachmentsHost {
  readonly kernel: Kernel;
  readonly memory: LinearMemory;
  readonly programs: Programs;
  readonly engine: Engine;
  /** Ends the run at an instruction. */
  failAt(pc: number, code: string, message: string): number;
  /** Goes on at an address. */
  jump(address: number): number;
  /** The innermost frame returns R0. */
  exitFrame(pc: number): number;
  entered(kind: Attachment['kind'], program: Program): void;
}

const ARGUMENTS = 5;
const NO_FRAME = 0;

export class Attachments {
  readonly #host: AttachmentsHost;
  readonly #all: readonly Attachment[];
  #traced: readonly Traced[] = [];
  #boundaries: readonly Boundary[] = [];

  constructor(attachments: readonly Attachment[], host: AttachmentsHost) {
    this.#host = host;
    this.#all = attachments;
  }

  get state(): AttachmentsState {
    return { traced: this.#traced, boundaries: this.#boundaries };
  }

  set state(state: AttachmentsState) {
    this.#traced = state.traced;
    this.#boundaries = state.boundaries;
  }

  clear(): void {
    this.#traced = [];
    this.#boundaries = [];
  }

  /** What the program whose first frame this is has acquired: what is older is the business of whoever called it. */
  heldFrom(frame: number): readonly LedgerEntry[] {
    const first = this.#boundaries.findLast((boundary) => boundary.frame === frame)?.firstId ?? 0;
    return this.#host.kernel.ledger.held().filter(({ id }) => id >= first);
  }

  /** A function with attachments was called, and has its frame. */
  enter(pc: number, insn: number): number {
    const { memory, programs, kernel } = this.#host;
    const frame = currentFrame(memory);
    const program = programs.at(memory.readU32(frame + FRAME_PROGRAM))?.image.program;
    if (program === undefined) return this.#host.failAt(pc, 'MACHINE_INTERNAL', 'A gate stands in no program.');
    const own = this.#of(program, insn);
    const replacement = own.find(({ kind }) => kind === 'freplace');
    if (replacement !== undefined) return this.#replace(pc, frame, replacement.program);
    const args = Array.from({ length: ARGUMENTS }, (_, i) => memory.readU64(REGS + 8 + i * 8));
    const traced: Traced = {
      frame,
      frameKind: memory.readU32(frame + FRAME_KIND),
      program,
      insn,
      at: pc,
      stage: 'before',
      tracer: NO_FRAME,
      next: 0,
      args,
      result: 0n,
      context: memory.allocate((ARGUMENTS + 1) * 8, { access: 'ro', label: 'arguments of a traced function' }),
      outer: kernel.contexts.current,
    };
    this.#traced = [...this.#traced, traced];
    const count = argumentCount(program, insn);
    // A context is passed on as the kernel's own object behind it.
    args.forEach((value, i) => {
      if (i < count) memory.writeU64(traced.context + i * 8, kernel.contexts.kernelContext(value));
    });
    return this.#next(pc);
  }

  /** A frame of KIND_TRACED or of a tracing program returns R0; undefined when it is neither. */
  exit(pc: number): number | undefined {
    const { memory, engine, kernel } = this.#host;
    const traced = this.#traced.at(-1);
    if (traced === undefined) return undefined;
    const frame = currentFrame(memory);
    if (traced.tracer === frame) {
      // What a tracing program returns nobody asks for.
      engine.leave(frame);
      kernel.contexts.current = traced.outer;
      this.#update({ ...traced, tracer: NO_FRAME, next: traced.next + 1 });
      return this.#next(pc);
    }
    if (traced.frame !== frame || traced.stage !== 'within') return undefined;
    const result = memory.readU64(REGS);
    memory.writeU64(traced.context + argumentCount(traced.program, traced.insn) * 8, result);
    this.#update({ ...traced, at: pc, stage: 'after', next: 0, result });
    return this.#next(pc);
  }

  /** A throw has ended a frame. */
  forget(frame: number): void {
    const traced = this.#traced.at(-1);
    if (traced?.frame !== frame) return;
    this.#host.memory.free(traced.context);
    this.#traced = this.#traced.slice(0, -1);
  }

  #of(program: Program, insn: number): readonly Attachment[] {
    return this.#all.filter((attachment) => attachment.target === program && attachment.insn === insn);
  }

  #update(traced: Traced): void {
    this.#traced = [...this.#traced.slice(0, -1), traced];
  }

  /** Runs the next tracing program, or goes on where there is none left. */
  #next(pc: number): number {
    const { memory, kernel } = this.#host;
    const traced = this.#traced.at(-1);
    if (traced === undefined) return this.#host.failAt(pc, 'MACHINE_INTERNAL', 'Nothing is traced.');
    const own = this.#of(traced.program, traced.insn);
    const tracers = own.filter(({ kind }) => kind === (traced.stage === 'before' ? 'fentry' : 'fexit'));
    const tracer = tracers[traced.next];
    if (tracer !== undefined) return this.#run(pc, traced, tracer);
    const image = this.#host.programs.load(traced.program).image;
    if (traced.stage === 'before') {
      traced.args.forEach((value, i) => memory.writeU64(REGS + 8 + i * 8, value));
      // Only where somebody waits for the function's end does it matter how it ends.
      if (own.some(({ kind }) => kind === 'fexit')) {
        memory.writeU32(traced.frame + FRAME_KIND, KIND_TRACED);
        this.#update({ ...traced, stage: 'within', next: 0 });
      } else this.forget(traced.frame);
      return this.#host.jump(image.address(traced.insn));
    }
    memory.writeU64(REGS, traced.result);
    memory.writeU32(traced.frame + FRAME_KIND, traced.frameKind);
    kernel.contexts.current = traced.outer;
    this.forget(traced.frame);
    if (traced.frameKind !== KIND_CALL) return this.#host.exitFrame(pc);
    return this.#host.jump(this.#host.engine.leave(traced.frame) + INSN_SIZE);
  }

  #run(pc: number, traced: Traced, { program, kind }: Attachment): number {
    const { memory, programs, engine, kernel } = this.#host;
    const frame = currentFrame(memory);
    const inner = frame - FRAME_STRIDE;
    if (!hasRoom(inner))
      return this.#host.failAt(pc, 'MACHINE_CALL_DEPTH', 'The stack has no room for a tracing program.');
    const { image } = programs.load(program);
    // A program of its own may call as deep as any: how deep its target stands does not count.
    const floor = memory.readU32(frame + FRAME_FLOOR);
    memory.writeU32(frame + FRAME_FLOOR, Math.min(floor, inner));
    engine.enter(inner, KIND_CALLBACK, traced.at, image.index, 0);
    memory.writeU32(frame + FRAME_FLOOR, floor);
    memory.writeU32(inner + FRAME_FLOOR, floorOf(inner));
    memory.writeU32(inner + FRAME_FLAGS, FLAG_BOUNDARY);
    this.#begin(inner);
    this.#update({ ...traced, tracer: inner });
    const hasResult = kind === 'fexit';
    kernel.contexts.current = {
      ...contextOf(program, { offset: traced.context, hasResult }),
      arguments: argumentCount(traced.program, traced.insn),
    };
    memory.writeU64(REGS + 8, memory.pointer(traced.context));
    this.#host.entered(kind, program);
    return this.#host.jump(image.entry(0));
  }

  /** The replacement takes over the frame, as a tail call's target does; R1 to R5 are its arguments. */
  #replace(pc: number, frame: number, program: Program): number {
    const { memory, programs, engine } = this.#host;
    if (!hasRoom(frame)) return this.#host.failAt(pc, 'MACHINE_CALL_DEPTH', 'The stack has no room for a replacement.');
    const { image } = programs.load(program);
    engine.refresh(frame);
    memory.writeU32(frame + FRAME_PROGRAM, image.index);
    memory.writeU32(frame + FRAME_FLAGS, FLAG_BOUNDARY);
    memory.writeU32(frame + FRAME_FLOOR, floorOf(frame));
    this.#begin(frame);
    this.#host.entered('freplace', program);
    return this.#host.jump(image.entry(0));
  }

  #begin(frame: number): void {
    // The stack grows downwards: frames at and below this one are gone.
    const outer = this.#boundaries.filter((boundary) => boundary.frame > frame);
    this.#boundaries = [...outer, { frame, firstId: this.#host.kernel.ledger.nextId }];
  }
}

/** Functions of a program to which something is attached, by their first instructions. */
export function gatesOf(attachments: readonly Attachment[] | undefined, program: Program): readonly number[] {
  const own = attachments?.filter(({ target }) => target === program) ?? [];
  return [...new Set(own.map(({ insn }) => insn))];
}

/** Parameters of a function: of a main program its context; where there is no BTF as many as there are registers. */
function argumentCount(program: Program, insn: number): number {
  const { btf } = program;
  const func = program.subprograms.find(({ start }) => start === insn);
  if (btf === undefined || func === undefined || func.funcTypeId === 0) return insn === 0 ? 1 : ARGUMENTS;
  return Math.min(btf.count(btf.typeId(func.funcTypeId)), ARGUMENTS);
}
