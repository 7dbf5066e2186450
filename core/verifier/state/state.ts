/**
 * The abstract state of a program at one instruction, in flat arrays.
 *
 * A frame is one Int32Array. Row 0 to 10 are the registers R0 to R10; row 11 + n is stack slot n, that is the eight bytes
 * at fp-8*(n+1). A row is ROW words; 64-bit quantities are two words, low first, so that a BigInt64Array over the same
 * buffer reads them too (`wide`). Copying a state is a `slice`, comparing one a loop over words, and nothing is
 * allocated while an instruction is verified. "A register" in this folder is therefore a pair (frame, base), where
 * base is the index of the row's first word: `reg * ROW`, or `slotBase(n)`.
 */
import { MAX_BPF_REG, NOT_INIT, SCALAR_VALUE, STACK_INVALID, STACK_SPILL } from './types.ts';

/** Words in a row. */
export const ROW = 28;

// 64-bit fields (low word; the high word follows).
export const VALUE = 0; // tnum: the known bits' values
export const MASK = 2; // tnum: the unknown bits
export const SMIN = 4;
export const SMAX = 6;
export const UMIN = 8;
export const UMAX = 10;
// 32-bit bounds of the lower half.
export const S32_MIN = 12;
export const S32_MAX = 13;
export const U32_MIN = 14;
export const U32_MAX = 15;
/** Register type and flags (types.ts). */
export const TYPE = 16;
/** Constant part of a pointer's offset, or constant distance between linked scalars. */
export const OFF = 17;
export const ID = 18;
export const REF_OBJ_ID = 19;
export const PRECISE = 20;
/** For a stack pointer: the frame that owns the stack. */
export const FRAMENO = 21;
/**
 * What the type needs besides; zero where unused, so that whole rows can be compared.
 *   packet: AUX0 = range
 *   map pointer, value, key: AUX0 = map handle (Env.maps), AUX1 = map_uid
 *   BTF pointer: AUX0 = type id, AUX1 = BTF handle (Env.btfs)
 *   memory, buffer: AUX0 = size, AUX1 = id of the dynptr that the slice came from
 *   function: AUX0 = subprogram
 *   dynptr (register or slot): AUX0 = dynptr type, AUX1 = 1 in the first slot
 *   iterator slot: AUX0 = type id, AUX1 = BTF handle, AUX2 = state | depth << 2
 *   irq flag slot: AUX0 = 1 native, 2 lock
 */
export const AUX0 = 22;
export const AUX1 = 23;
export const AUX2 = 24;
/** Eight slot type bytes (two words); only in rows of stack slots. */
export const SLOT = 26;

export const SLOT_ROWS = MAX_BPF_REG * ROW;

/** Index of the first word of stack slot n (fp-8*(n+1)). */
export function slotBase(slot: number): number {
  return SLOT_ROWS + slot * ROW;
}

/** Lower and upper bound of a return value, as s32. */
export interface ReturnRange {
  readonly min: number;
  readonly max: number;
}

/** One function activation: registers, stack, and how it was entered. */
export class Frame {
  w: Int32Array;
  /** Stack slots in use (allocated stack in bytes / 8). */
  slots = 0;
  /** The call instruction that entered this frame; -1 for the outermost. */
  callsite: number;
  frameno: number;
  subprogram: number;
  asyncEntryCount = 0;
  callbackReturn: ReturnRange | undefined;
  inCallback = false;
  inAsyncCallback = false;
  inExceptionCallback = false;
  /** How often the callback of the frame above has been simulated (bpf_loop). */
  callbackDepth = 0;
  #wide: BigInt64Array | undefined;

  constructor(callsite: number, frameno: number, subprogram: number, words?: Int32Array) {
    this.callsite = callsite;
    this.frameno = frameno;
    this.subprogram = subprogram;
    this.w = words ?? new Int32Array(SLOT_ROWS);
  }

  /** The same words seen as 64-bit integers: index is `word >> 1`. For messages and rare paths, not for hot ones. */
  get wide(): BigInt64Array {
    let wide = this.#wide;
    if (wide === undefined || wide.buffer !== this.w.buffer) {
      wide = new BigInt64Array(this.w.buffer, 0, this.w.length >> 1);
      this.#wide = wide;
    }
    return wide;
  }

  /** Makes room for stack slots 0 to count-1. New slots are invalid. */
  growStack(count: number): void {
    if (count <= this.slots) return;
    const needed = SLOT_ROWS + count * ROW;
    if (needed > this.w.length) {
      const rows = Math.min(64, Math.max(count, 2 * this.slots, 4));
      const grown = new Int32Array(SLOT_ROWS + Math.max(rows, count) * ROW);
      grown.set(this.w);
      this.w = grown;
    }
    this.w.fill(0, SLOT_ROWS + this.slots * ROW, needed);
    this.slots = count;
  }

  /** A compact copy; callback depth and flags included. */
  clone(): Frame {
    const copy = new Frame(this.callsite, this.frameno, this.subprogram, this.w.slice(0, SLOT_ROWS + this.slots * ROW));
    copy.slots = this.slots;
    copy.asyncEntryCount = this.asyncEntryCount;
    copy.callbackReturn = this.callbackReturn;
    copy.inCallback = this.inCallback;
    copy.inAsyncCallback = this.inAsyncCallback;
    copy.inExceptionCallback = this.inExceptionCallback;
    copy.callbackDepth = this.callbackDepth;
    return copy;
  }
}

/** What an entry of `State.refs` stands for. */
export const REF_POINTER = 1;
export const REF_IRQ = 2;
export const REF_LOCK = 4;
export const REF_RES_LOCK = 8;
export const REF_RES_LOCK_IRQ = 16;
export const REF_LOCK_MASK = REF_LOCK | REF_RES_LOCK | REF_RES_LOCK_IRQ;

/** A resource that the program holds: an acquired object, a disabled-interrupts section, or a lock. Never changed in place. */
export interface Reference {
  readonly kind: number;
  readonly id: number;
  /** Where it was acquired. */
  readonly insn: number;
  /** For locks: which object holds the lock (map handle or BTF handle). */
  readonly object: string;
  /** The frame that acquired it, or where that one has returned its caller: who lets it go when the stack is unwound. */
  readonly frameno: number;
}

/** An RCU read section or a section with preemption disabled. Only unwinding asks where it began. */
export interface Region {
  readonly kind: 'rcu' | 'preempt';
  readonly insn: number;
  /** As in Reference. */
  readonly frameno: number;
}

/** One remembered step of the way to a state, for precision backtracking. */
export interface JumpHistoryEntry {
  insn: number;
  prev: number;
  /** HISTORY_* */
  flags: number;
  /** Registers and slots linked at a branch, as in linked-registers.ts, or undefined. */
  linked: readonly LinkedRegister[] | undefined;
}

export interface LinkedRegister {
  readonly frameno: number;
  /** Register number, or slot number when `isSlot`. */
  readonly index: number;
  readonly isSlot: boolean;
}

export const HISTORY_STACK_ACCESS = 1 << 9;
export const HISTORY_FRAME_MASK = 0x7;
export const HISTORY_SLOT_SHIFT = 3;
export const HISTORY_SLOT_MASK = 0x3f;
export const HISTORY_DST_REG_STACK = 1 << 10;
export const HISTORY_SRC_REG_STACK = 1 << 11;

/**
 * A verifier state: the frames, what is held, and its place in the tree of explored states.
 * `frames[frames.length - 1]` is the function being verified.
 */
export class State {
  frames: Frame[] = [];
  /** Replaced, never mutated, so that copying a state shares it. */
  refs: readonly Reference[] = [];
  /** Replaced, never mutated, as refs. activeRcuLocks and activePreemptLocks count the same sections. */
  regions: readonly Region[] = [];
  activeLocks = 0;
  activeLockId = 0;
  activeLockObject = '';
  activePreemptLocks = 0;
  activeIrqId = 0;
  activeRcuLocks = 0;
  inSleepable = false;
  speculative = false;

  parent: State | undefined;
  branches = 0;
  insn = 0;
  firstInsn = 0;
  lastInsn = 0;
  /** History of jumps and stack accesses since the parent. */
  history: JumpHistoryEntry[] = [];
  /** The state that this one was found equal to, when pruned inside a loop. */
  equalState: State | undefined;
  dfsDepth = 0;
  callbackUnrollDepth = 0;
  mayGotoDepth = 0;
  cleaned = false;
  usedAsLoopEntry = false;

  get frame(): Frame {
    return this.frames[this.frames.length - 1]!;
  }

  /** A deep copy of what a program can change; the history is copied too, the place in the tree is shared. */
  clone(): State {
    const copy = new State();
    const frames = new Array<Frame>(this.frames.length);
    for (let i = 0; i < frames.length; i++) frames[i] = this.frames[i]!.clone();
    copy.frames = frames;
    copy.refs = this.refs;
    copy.regions = this.regions;
    copy.activeLocks = this.activeLocks;
    copy.activeLockId = this.activeLockId;
    copy.activeLockObject = this.activeLockObject;
    copy.activePreemptLocks = this.activePreemptLocks;
    copy.activeIrqId = this.activeIrqId;
    copy.activeRcuLocks = this.activeRcuLocks;
    copy.inSleepable = this.inSleepable;
    copy.speculative = this.speculative;
    copy.parent = this.parent;
    copy.branches = this.branches;
    copy.insn = this.insn;
    copy.firstInsn = this.firstInsn;
    copy.lastInsn = this.lastInsn;
    copy.history = this.history.slice();
    copy.equalState = this.equalState;
    copy.dfsDepth = this.dfsDepth;
    copy.callbackUnrollDepth = this.callbackUnrollDepth;
    copy.mayGotoDepth = this.mayGotoDepth;
    return copy;
  }
}

// --- reading and writing single fields -------------------------------------------------------------------------------

/**
 * The type of one byte of a stack slot. Bytes are counted down from the frame pointer, as slots are: byte 0 is the one at the
 * highest address, byte 7 the one at the lowest, where a narrow spill lies.
 */
export function slotType(w: Int32Array, base: number, byte: number): number {
  return (w[base + SLOT + (byte >> 2)]! >> ((byte & 3) << 3)) & 0xff;
}

export function setSlotType(w: Int32Array, base: number, byte: number, type: number): void {
  const at = base + SLOT + (byte >> 2);
  const shift = (byte & 3) << 3;
  w[at] = (w[at]! & ~(0xff << shift)) | (type << shift);
}

/** Gives all eight bytes of a slot one type. */
export function fillSlot(w: Int32Array, base: number, type: number): void {
  const four = type * 0x01010101;
  w[base + SLOT] = four;
  w[base + SLOT + 1] = four;
}

/** True when the slot holds a spilled register, whole or narrow (the byte at its lowest address says so). */
export function isSpilledRegister(w: Int32Array, base: number): boolean {
  return w[base + SLOT + 1]! >>> 24 === STACK_SPILL;
}

export function isSpilledScalar(w: Int32Array, base: number): boolean {
  return w[base + SLOT + 1]! >>> 24 === STACK_SPILL && w[base + TYPE] === SCALAR_VALUE;
}

/** The type of a slot's byte 7, which decides what dynptr, iterator and flag slots are. */
export function slotKind(w: Int32Array, base: number): number {
  return w[base + SLOT + 1]! >>> 24;
}

export function clearSlot(w: Int32Array, base: number): void {
  fillSlot(w, base, STACK_INVALID);
}

/** Copies a register row, leaving the slot bytes of the destination alone. */
export function copyRegister(to: Int32Array, toBase: number, from: Int32Array, fromBase: number): void {
  if (to === from) {
    to.copyWithin(toBase, fromBase, fromBase + SLOT);
    return;
  }
  for (let i = 0; i < SLOT; i++) to[toBase + i] = from[fromBase + i]!;
}

/** A signed 64-bit field as a bigint. */
export function getS64(w: Int32Array, at: number): bigint {
  return (BigInt(w[at + 1]!) << 32n) | BigInt(w[at]! >>> 0);
}

/** An unsigned 64-bit field as a bigint. */
export function getU64(w: Int32Array, at: number): bigint {
  return (BigInt(w[at + 1]! >>> 0) << 32n) | BigInt(w[at]! >>> 0);
}

export function set64(w: Int32Array, at: number, value: bigint): void {
  w[at] = Number(BigInt.asIntN(32, value));
  w[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** True when the register's value (or the variable part of its offset) is one known number. */
export function isConst(w: Int32Array, base: number): boolean {
  return (w[base + MASK]! | w[base + MASK + 1]!) === 0;
}

/** True for a scalar known to be exactly zero. */
export function isNull(w: Int32Array, base: number): boolean {
  return (
    w[base + TYPE] === SCALAR_VALUE &&
    (w[base + MASK]! | w[base + MASK + 1]! | w[base + VALUE]! | w[base + VALUE + 1]!) === 0
  );
}

/** A 64-bit signed field as a double: exact within ±2^53, which all offsets and sizes that pass checks are. */
export function s64Number(w: Int32Array, at: number): number {
  return w[at + 1]! * 0x1_0000_0000 + (w[at]! >>> 0);
}

/** A 64-bit unsigned field as a double; see s64Number. */
export function u64Number(w: Int32Array, at: number): number {
  return (w[at + 1]! >>> 0) * 0x1_0000_0000 + (w[at]! >>> 0);
}

/** A register that nothing was written to. */
export function markNotInit(w: Int32Array, base: number): void {
  w.fill(0, base, base + SLOT);
  w[base + TYPE] = NOT_INIT;
  setUnbounded(w, base);
}

/** Value and bounds: anything. */
export function setUnbounded(w: Int32Array, base: number): void {
  w[base + VALUE] = 0;
  w[base + VALUE + 1] = 0;
  w[base + MASK] = -1;
  w[base + MASK + 1] = -1;
  setBoundsUnbounded(w, base);
}

/** Bounds: anything; the tnum is left. */
export function setBoundsUnbounded(w: Int32Array, base: number): void {
  w[base + SMIN] = 0;
  w[base + SMIN + 1] = -0x8000_0000;
  w[base + SMAX] = -1;
  w[base + SMAX + 1] = 0x7fff_ffff;
  w[base + UMIN] = 0;
  w[base + UMIN + 1] = 0;
  w[base + UMAX] = -1;
  w[base + UMAX + 1] = -1;
  w[base + S32_MIN] = -0x8000_0000;
  w[base + S32_MAX] = 0x7fff_ffff;
  w[base + U32_MIN] = 0;
  w[base + U32_MAX] = -1;
}

/** Value and all bounds: one constant, given as two words. Type and the rest are left. */
export function setKnown(w: Int32Array, base: number, low: number, high: number): void {
  w[base + VALUE] = low;
  w[base + VALUE + 1] = high;
  w[base + MASK] = 0;
  w[base + MASK + 1] = 0;
  w[base + SMIN] = low;
  w[base + SMIN + 1] = high;
  w[base + SMAX] = low;
  w[base + SMAX + 1] = high;
  w[base + UMIN] = low;
  w[base + UMIN + 1] = high;
  w[base + UMAX] = low;
  w[base + UMAX + 1] = high;
  w[base + S32_MIN] = low;
  w[base + S32_MAX] = low;
  w[base + U32_MIN] = low;
  w[base + U32_MAX] = low;
}

/** Makes the row a scalar about which nothing is known (and which nobody has asked to be precise). */
export function setUnknownScalar(w: Int32Array, base: number): void {
  w.fill(0, base + TYPE, base + SLOT);
  w[base + TYPE] = SCALAR_VALUE;
  setUnbounded(w, base);
}

/** Makes the row a known scalar. */
export function setKnownScalar(w: Int32Array, base: number, low: number, high: number): void {
  w.fill(0, base + TYPE, base + SLOT);
  w[base + TYPE] = SCALAR_VALUE;
  setKnown(w, base, low, high);
}

/** Makes the row a pointer of a type with offset 0; the caller fills AUX and ids. */
export function setPointer(w: Int32Array, base: number, type: number): void {
  w.fill(0, base, base + SLOT);
  w[base + TYPE] = type;
}
