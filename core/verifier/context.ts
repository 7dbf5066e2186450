/**
 * What every part of the verifier shares while one program is verified: the program, the state being changed, the
 * facts collected per instruction, and the way to say no.
 */
import type { Profile } from '../exceptions/profile.ts';
import type { MergeConflict } from '../exceptions/merge.ts';
import { DescriptorTable } from '../exceptions/merge.ts';
import type { Instructions } from '../isa/instructions.ts';
import type { DisassemblyNames } from '../isa/disassemble.ts';
import type { Btf } from '../object/btf/btf.ts';
import type { LineInfo, MapDefinition, Program } from '../object/program.ts';
import type { Assertions } from './throws/assertions.ts';
import type { Log } from './log.ts';
import type { PathObserver } from './paths/observer.ts';
import type { Pending } from './paths/push-state.ts';
import type { StateStore } from './paths/prune.ts';
import type { StackLiveness } from './flow/stack-liveness.ts';
import type { Frame, JumpHistoryEntry, State } from './state/state.ts';
import { ROW } from './state/state.ts';

/** Thrown to end the verification: the program is rejected. The reason is in the log. */
export class Rejection extends Error {
  override readonly name = 'Rejection';
}

/** BTF handles in AUX1 of a register. */
export const KERNEL_BTF = 0;
export const PROGRAM_BTF = 1;

/** What is known of one subprogram besides where it is. */
export interface SubprogramFacts {
  readonly name: string;
  readonly start: number;
  end: number;
  readonly linkage: 'static' | 'global' | 'extern';
  readonly funcTypeId: number;
  /** Deepest stack use seen, in bytes. */
  stackDepth: number;
  hasTailCall: boolean;
  tailCallReachable: boolean;
  hasLdAbs: boolean;
  isCallback: boolean;
  isAsyncCallback: boolean;
  isExceptionCallback: boolean;
  /** A call from the main program or from a verified global one reaches it, so a global one must be verified. */
  called: boolean;
  changesPacketData: boolean;
  mightSleep: boolean;
  mightThrow: boolean;
  keepFastcallStack: boolean;
  fastcallStackOff: number;
}

/** Facts per instruction (the kernel's insn_aux_data), as columns. */
export class InstructionFacts {
  /** A state is looked for (and kept) at this instruction. */
  readonly prunePoint: Uint8Array;
  readonly jumpPoint: Uint8Array;
  /** A state is always kept here: loops over iterators, may_goto, callbacks. */
  readonly forceCheckpoint: Uint8Array;
  readonly callsCallback: Uint8Array;
  readonly seen: Uint8Array;
  /** Pointer type that a load or store was done through, to refuse mixing kinds (0: none yet). */
  readonly pointerType: Int32Array;
  /** Registers live before the instruction, one bit each. */
  readonly liveBefore: Uint16Array;
  /** Strongly connected component of the control flow graph, 0 when not in a loop. */
  readonly scc: Int32Array;
  readonly isIterNext: Uint8Array;
  /** A spill or fill around a bpf_fastcall call; at the call, how many pairs there are. */
  readonly fastcallPattern: Uint8Array;
  readonly fastcallSpills: Uint8Array;

  constructor(length: number) {
    this.prunePoint = new Uint8Array(length);
    this.jumpPoint = new Uint8Array(length);
    this.forceCheckpoint = new Uint8Array(length);
    this.callsCallback = new Uint8Array(length);
    this.seen = new Uint8Array(length);
    this.pointerType = new Int32Array(length);
    this.liveBefore = new Uint16Array(length);
    this.scc = new Int32Array(length);
    this.isIterNext = new Uint8Array(length);
    this.fastcallPattern = new Uint8Array(length);
    this.fastcallSpills = new Uint8Array(length);
  }
}

export class Env {
  readonly program: Program;
  readonly profile: Profile;
  readonly insns: Instructions;
  readonly log: Log;
  /** By BTF handle: the kernel's, then the program's own (absent when the object has none). */
  readonly btfs: readonly [Btf, Btf | undefined];
  /** By map handle (AUX0 of map registers): the program's maps first, inner templates appended when met. */
  readonly maps: MapDefinition[];
  readonly facts: InstructionFacts;
  readonly subprograms: SubprogramFacts[];

  /** The state being changed. */
  state: State;
  /** Instruction being verified, and the one before it on this path. */
  insn = 0;
  prevInsn = 0;
  insnsProcessed = 0;
  #lastId = 0;

  /** The subprogram of the exception callback: found by tag, or set by the first call; -1 when none. */
  exceptionCallback = -1;
  exceptionCallbackHow: 'call' | 'tag' | undefined;
  /** What unwinding will have to release (profile `proposal`). */
  readonly descriptors = new DescriptorTable();
  /** Why that is impossible. */
  readonly conflicts: MergeConflict[] = [];
  /** Only one arena per program; its map handle, -1 when none. */
  arena = -1;
  /** The instruction calls that may change packet data were seen. */
  seenDirectWrite = false;
  /** Paths still to explore, the next one last. */
  readonly pending: Pending[] = [];
  /** The history entry of the instruction being verified, once it has one. */
  historyEntry: JumpHistoryEntry | undefined;
  /** Which stack slots may still be read; set before exploration. */
  liveness!: StackLiveness;
  /** Explored states and their counts; set before exploration. */
  exploration!: StateStore;
  /** What the tests before throws tell; set before exploration. */
  assertions!: Assertions;
  /** Looks on while paths are walked. */
  observer: PathObserver | undefined;
  /** Names for printing instructions. */
  disassembly: DisassemblyNames = {};
  /** The source line that was printed last. */
  previousLine: LineInfo | undefined;
  /** Registers and stack slots that the log prints after this instruction: those that it read or wrote. */
  scratchedRegisters = 0;
  scratchedSlotsLow = 0;
  scratchedSlotsHigh = 0;
  /** Free for calls/: memoised records, prototypes, per-insn call facts. */
  readonly callFacts = new Map<string, unknown>();

  constructor(program: Program, profile: Profile, log: Log, subprograms: SubprogramFacts[], state: State) {
    this.program = program;
    this.profile = profile;
    this.insns = program.instructions;
    this.log = log;
    this.btfs = [program.kernelBtf, program.btf];
    this.maps = [...program.maps];
    this.facts = new InstructionFacts(program.instructions.length);
    this.subprograms = subprograms;
    this.state = state;
  }

  /** The function being verified. */
  get frame(): Frame {
    const frames = this.state.frames;
    return frames[frames.length - 1]!;
  }

  /** A number that no other register, reference or iterator of this program has. */
  newId(): number {
    return ++this.#lastId;
  }

  get lastId(): number {
    return this.#lastId;
  }

  /** Adds text to the log (no newline is added). Not for hot paths: guard with `log.level` where the text costs. */
  verbose(text: string): void {
    this.log.write(text);
  }

  /** Rejects the program with a last line. */
  fail(line: string): never {
    this.log.write(line + '\n');
    throw new Rejection(line);
  }

  /** Rejects the program; the log already says why. */
  reject(): never {
    throw new Rejection(this.log.lastLine);
  }

  /** Map handle of a definition that is not one of the program's own (an inner map's template). */
  mapHandle(map: MapDefinition): number {
    const known = this.maps.indexOf(map);
    if (known >= 0) return known;
    this.maps.push(map);
    return this.maps.length - 1;
  }

  /** The line info that covers an instruction. */
  lineAt(insn: number): LineInfo | undefined {
    const lines = this.program.lineInfo;
    let low = 0;
    let high = lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lines[middle]!.insn <= insn) low = middle + 1;
      else high = middle;
    }
    return low > 0 ? lines[low - 1] : undefined;
  }

  scratchRegister(register: number): void {
    this.scratchedRegisters |= 1 << register;
  }

  scratchSlot(slot: number): void {
    if (slot < 32) this.scratchedSlotsLow |= 1 << slot;
    else this.scratchedSlotsHigh |= 1 << (slot - 32);
  }

  scratchAll(): void {
    this.scratchedRegisters = -1;
    this.scratchedSlotsLow = -1;
    this.scratchedSlotsHigh = -1;
  }

  scratchNone(): void {
    this.scratchedRegisters = 0;
    this.scratchedSlotsLow = 0;
    this.scratchedSlotsHigh = 0;
  }

  /** A frame of the current state, by its number. */
  frameAt(frameno: number): Frame {
    return this.state.frames[frameno]!;
  }
}

/** First word of a register's row. */
export function reg(number: number): number {
  return number * ROW;
}
