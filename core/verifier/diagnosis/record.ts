/**
 * The way to the error: which instructions the failing path went through, in bounded memory.
 *
 * Paths branch off one another, so a record is a stack: when a path has ended, it is cut back to where the next one
 * branched off. A path has no more instructions than the verifier processes (a million), at a few bytes each.
 */
import { isSubprogramCall } from '../../isa/control-flow.ts';
import { BPF_CALL, BPF_JCOND, BPF_JMP, BPF_JMP32 } from '../../isa/opcodes.ts';
import { memoryAccess } from '../../isa/operands.ts';
import type { Env } from '../context.ts';
import type { PathObserver } from '../paths/observer.ts';
import type { Pending } from '../paths/push-state.ts';
import { ID, FRAMENO, MASK, OFF, PRECISE, ROW, SLOT_ROWS, type State, TYPE, VALUE, slotBase } from '../state/state.ts';
import { PTR_TO_STACK } from '../state/types.ts';

/** A register or stack slot of a frame, as one number: `frame * 128 + register`, or `+ 16 + slot`. */
export type PlaceCode = number;

export const registerPlace = (frame: number, register: number): PlaceCode => frame * 128 + register;
export const slotPlace = (frame: number, slot: number): PlaceCode => frame * 128 + 16 + slot;
export const placeFrame = (place: PlaceCode): number => Math.floor(place / 128);
export const isSlotPlace = (place: PlaceCode): boolean => place % 128 >= 16;
/** Register or slot number. */
export const placeIndex = (place: PlaceCode): number => (isSlotPlace(place) ? (place % 128) - 16 : place % 128);
/** The first word of its row in the frame's words. */
export const placeBase = (place: PlaceCode): number =>
  isSlotPlace(place) ? slotBase(placeIndex(place)) : placeIndex(place) * ROW;

/** `r6`, `fp-16`. */
export function placeName(place: PlaceCode): string {
  return isSlotPlace(place) ? `fp-${8 * (placeIndex(place) + 1)}` : `r${placeIndex(place)}`;
}

/** What a memory access on the stack touches when that is not one known slot. */
export const SOME_SLOT = -2;
export const NO_SLOT = -1;

/** Words of a row that a comparison can change what is known by: precision and ids of links are bookkeeping. */
function rowsDiffer(a: Int32Array, b: Int32Array, base: number): boolean {
  for (let i = 0; i < ID; i++) if (a[base + i] !== b[base + i]) return true;
  for (let i = PRECISE + 1; i < ROW - 2; i++) if (a[base + i] !== b[base + i]) return true;
  return false;
}

export class PathRecorder implements PathObserver {
  #capacity = 1024;
  /** Per step: the instruction, how many instructions the verifier had processed, the frame, the stack slot touched. */
  insns = new Int32Array(this.#capacity);
  sequence = new Int32Array(this.#capacity);
  frames = new Uint8Array(this.#capacity);
  slots = new Int32Array(this.#capacity);
  length = 0;
  /** By step of a branch: the places of which it told something. */
  readonly narrowed = new Map<number, readonly PlaceCode[]>();
  /** By step of a call: the first slots of stack memory that it was given the addresses of. */
  readonly given = new Map<number, readonly PlaceCode[]>();
  /** The verifier's insides, once paths are walked. */
  env: Env | undefined;
  /** The registers of the innermost frame before the last instruction: what the check that failed has seen. */
  readonly registers = new Int32Array(SLOT_ROWS);
  /** Whether a path was being walked when verification ended. */
  isWalking = false;
  readonly #forks = new Map<Pending, number>();
  #lastFork: Pending | undefined;

  began(env: Env): void {
    this.env = env;
    this.length = 0;
    this.#forks.clear();
    this.#lastFork = undefined;
    this.isWalking = true;
  }

  step(env: Env): void {
    if (this.#lastFork !== undefined) this.#learn(env);
    const at = this.length;
    if (at === this.#capacity) this.#grow();
    const { insn, state } = env;
    this.insns[at] = insn;
    this.sequence[at] = env.insnsProcessed;
    this.frames[at] = state.frames.length - 1;
    this.slots[at] = NO_SLOT;
    if (this.narrowed.size > 0) this.narrowed.delete(at);
    if (this.given.size > 0) this.given.delete(at);
    const code = env.insns.code[insn]!;
    const cls = code & 7;
    if (cls >= 1 && cls <= 3) this.slots[at] = touchedSlot(env, insn);
    else if ((cls === BPF_JMP || cls === BPF_JMP32) && (code & 0xf0) === BPF_CALL) this.#noteArguments(env, at);
    this.registers.set(state.frame.w.subarray(0, SLOT_ROWS));
    this.length = at + 1;
  }

  queued(env: Env, pending: Pending): void {
    this.#forks.set(pending, this.length);
    const code = env.insns.code[env.insn]!;
    const cls = code & 7;
    const operation = code & 0xf0;
    const compares = (cls === BPF_JMP || cls === BPF_JMP32) && operation !== BPF_CALL && operation !== BPF_JCOND;
    this.#lastFork = compares ? pending : undefined;
  }

  pathEnded(env: Env, next: Pending | undefined): void {
    if (this.#lastFork !== undefined) this.#learn(env);
    if (next === undefined) {
      this.isWalking = false;
      return;
    }
    this.length = this.#forks.get(next) ?? 0;
    this.#forks.delete(next);
  }

  /** The last instruction of the path: the one at which verification stopped. */
  get lastInsn(): number | undefined {
    return this.isWalking && this.length > 0 ? this.insns[this.length - 1] : undefined;
  }

  /** Behind a comparison: what the two ways know differently is what it told. */
  #learn(env: Env): void {
    const fork = this.#lastFork!;
    this.#lastFork = undefined;
    const places = differences(env.state, fork.state);
    if (places.length > 0) this.narrowed.set(this.length - 1, places);
  }

  #noteArguments(env: Env, at: number): void {
    if (isSubprogramCall(env.insns, env.insn)) return;
    const { w } = env.frame;
    const places: PlaceCode[] = [];
    for (let register = 1; register <= 5; register++) {
      const base = register * ROW;
      if (w[base + TYPE] !== PTR_TO_STACK || (w[base + MASK]! | w[base + MASK + 1]!) !== 0) continue;
      const slot = (-(w[base + OFF]! + w[base + VALUE]!) - 1) >> 3;
      if (slot >= 0 && slot < 64) places.push(slotPlace(w[base + FRAMENO]!, slot));
    }
    if (places.length > 0) this.given.set(at, places);
  }

  #grow(): void {
    this.#capacity *= 2;
    const grown = <T extends Int32Array | Uint8Array>(old: T, fresh: T): T => {
      fresh.set(old);
      return fresh;
    };
    this.insns = grown(this.insns, new Int32Array(this.#capacity));
    this.sequence = grown(this.sequence, new Int32Array(this.#capacity));
    this.frames = grown(this.frames, new Uint8Array(this.#capacity));
    this.slots = grown(this.slots, new Int32Array(this.#capacity));
  }
}

/** The stack slot that a load or store touches, as a place; NO_SLOT when it is other memory. */
function touchedSlot(env: Env, insn: number): number {
  const access = memoryAccess(env.insns, insn);
  if (access?.base === undefined) return NO_SLOT;
  const { w } = env.frame;
  const base = access.base * ROW;
  if (w[base + TYPE] !== PTR_TO_STACK) return NO_SLOT;
  if ((w[base + MASK]! | w[base + MASK + 1]!) !== 0) return SOME_SLOT;
  const offset = w[base + OFF]! + w[base + VALUE]! + access.offset;
  const slot = (-offset - 1) >> 3;
  return slot >= 0 && slot < 64 ? slotPlace(w[base + FRAMENO]!, slot) : SOME_SLOT;
}

/** Places of which two states that were one know different things. */
function differences(a: State, b: State): PlaceCode[] {
  const places: PlaceCode[] = [];
  for (let number = Math.min(a.frames.length, b.frames.length) - 1; number >= 0; number--) {
    const one = a.frames[number]!;
    const other = b.frames[number]!;
    for (let register = 0; register < 10; register++)
      if (rowsDiffer(one.w, other.w, register * ROW)) places.push(registerPlace(number, register));
    const slots = Math.min(one.slots, other.slots);
    for (let slot = 0; slot < slots; slot++)
      if (rowsDiffer(one.w, other.w, SLOT_ROWS + slot * ROW)) places.push(slotPlace(number, slot));
  }
  return places;
}
