/**
 * What the verifier claims beside what a machine holds. Of the states in which paths reach an instruction the one is shown that
 * holds what the machine holds; where none does, the values that lie outside of all of them are told.
 */
import { FIRST_FRAME, REGS } from '../machine/engine/layout.ts';
import type { Frame } from '../machine/frames.ts';
import { savedAt } from '../machine/frames.ts';
import type { Machine } from '../machine/machine.ts';
import type { Program } from '../object/program.ts';
import type { ClaimedFrame, ClaimedState, Claims } from '../verifier/claims/claims.ts';
import { CLAIMED_REGISTERS, registerClaim, registerRow, slotClaim, slotRow } from '../verifier/claims/claims.ts';
import { claimsOf } from '../verifier/claims/collect.ts';
import { sameRow } from '../verifier/claims/rows.ts';
import type { Verification } from '../verifier/verification.ts';
import { ConcreteState } from './claimed-values.ts';
import type { Session } from './session.ts';

const known = new WeakMap<Verification, Claims>();

/** Claims about a program of a session: collected when they are first asked for, and as long as its verification stands. */
export function sessionClaims(session: Session, program: Program, isCancelled?: () => boolean): Claims {
  const verification = session.verification(program);
  let claims = known.get(verification);
  if (claims === undefined) {
    claims = claimsOf(program, {
      profile: verification.profile,
      ...(isCancelled === undefined ? {} : { isCancelled }),
    });
    if (claims.incomplete !== 'cancelled') known.set(verification, claims);
  }
  return claims;
}

/** What is claimed of one register or stack slot. */
export interface ClaimView {
  /** As the log writes it. */
  readonly text: string;
  /** The value lies outside of the claims of all paths that lead here: a defect of the verifier, or of the machine. */
  readonly violated: boolean;
  /** Paths that reach the instruction with another claim about it. */
  readonly alternatives: number;
}

export interface FrameClaims {
  readonly insn: number;
  /** By register number; absent where nothing is said. */
  readonly registers: readonly (ClaimView | undefined)[];
  /** By distance from the frame pointer: -8, -16, … */
  readonly slots: ReadonlyMap<number, ClaimView>;
  /** States in which paths reach the instruction; none where the verifier never came, or forgot. */
  readonly states: number;
  /** One of them holds everything that the frame holds. */
  readonly contained: boolean;
  /** Whether a value outside of the claims is an error: the claims are complete, and the frame stands before its instruction. */
  readonly binding: boolean;
}

/** What is claimed about a frame (0 is the innermost) where the machine stands; undefined where it runs another program. */
export function claimAt(machine: Machine, claims: Claims, frame: number): FrameClaims | undefined {
  const all = machine.frames();
  const chosen = all[frame];
  if (chosen === undefined || chosen.image.program !== claims.program) return undefined;
  const { chain, inner } = chainOf(all, claims, frame);
  const states = (claims.states[chain.at(-1)!.insn] ?? []).filter(({ frames }) => standsAt(frames, chain));
  const index = chain.length - 1 - (frame - inner);
  const binding = claims.incomplete === undefined && standsBefore(machine);
  const place = new Place(machine, all, frame, inner > 0);
  const comparison = new Comparison(new ConcreteState(machine, claims, chain), place, index);
  for (const state of states) if (comparison.add(state)) break;
  return view(claims, chosen.insn, states, comparison, index, binding, place);
}

/** Whether the instruction has yet to run: at the end of a run it has, and an unwinding takes away what it found. */
function standsBefore({ unwinding, phase, end }: Machine): boolean {
  return end?.kind !== 'exit' && (unwinding === undefined || phase >= unwinding.steps.length);
}

/** The frames that are verified together with the chosen one, outermost first, and which frame is the innermost of them. */
function chainOf(all: readonly Frame[], claims: Claims, frame: number): { chain: Frame[]; inner: number } {
  let outer = frame;
  while (outer + 1 < all.length && !isRoot(all[outer]!, claims)) outer++;
  let inner = frame;
  while (inner > 0 && !isRoot(all[inner - 1]!, claims)) inner--;
  return { chain: all.slice(inner, outer + 1).reverse(), inner };
}

function isRoot(frame: Frame, claims: Claims): boolean {
  if (frame.boundary || frame.kind === 'main' || frame.kind === 'exception-callback') return true;
  const start = frame.image.subprogram(frame.subprogram)?.start ?? 0;
  return frame.kind !== 'callback' && claims.roots.has(start);
}

function standsAt(frames: readonly ClaimedFrame[], chain: readonly Frame[]): boolean {
  return frames.length === chain.length && frames.every(({ insn }, i) => insn === chain[i]!.insn);
}

/** Where a frame's registers and stack lie in linear memory. */
class Place {
  readonly framePointer: number;
  /** A function that is verified on its own runs on behalf of the frame: it may have written to the frame's stack. */
  readonly waits: boolean;
  readonly #machine: Machine;
  readonly #inner: Frame | undefined;

  constructor(machine: Machine, frames: readonly Frame[], index: number, waits: boolean) {
    this.framePointer = frames[index]?.framePointer ?? FIRST_FRAME;
    this.waits = waits;
    this.#machine = machine;
    this.#inner = frames[index - 1];
  }

  /** Where a register is; undefined when it is kept nowhere. */
  register(register: number): number | undefined {
    if (this.#inner === undefined) return REGS + register * 8;
    return register === 6 || register === 7 || register === 8 || register === 9
      ? this.#inner.framePointer + savedAt(register)
      : undefined;
  }

  low(at: number): number {
    return this.#machine.memory.view.getInt32(at, true);
  }
}

/** Looks for the state that holds a frame, and remembers which claims none of them meets. */
class Comparison {
  best: ClaimedFrame | undefined;
  isContained = false;
  /** Registers, and slots by number, that some state's claim about them holds or that a state says nothing about. */
  heldRegisters = 0;
  readonly heldSlots = new Set<number>();
  readonly #concrete: ConcreteState;
  readonly #place: Place;
  readonly #index: number;
  #fewest = Infinity;

  constructor(concrete: ConcreteState, place: Place, index: number) {
    this.#concrete = concrete;
    this.#place = place;
    this.#index = index;
  }

  /** @returns true when the state holds the frame, so that no other need be looked at. */
  add(state: ClaimedState): boolean {
    const frame = state.frames[this.#index]!;
    let misses = 0;
    for (let register = 0; register < CLAIMED_REGISTERS; register++) {
      if (this.#registerHolds(frame, register)) this.heldRegisters |= 1 << register;
      else misses++;
    }
    const said = new Set<number>();
    for (const [i, slot] of frame.slots.entries()) {
      said.add(slot);
      if (this.#slotHolds(frame, i, slot)) this.heldSlots.add(slot);
      else misses++;
    }
    for (let slot = 0; slot < 64; slot++) if (!said.has(slot)) this.heldSlots.add(slot);
    if (misses < this.#fewest) {
      this.#fewest = misses;
      this.best = frame;
    }
    this.isContained = misses === 0;
    return this.isContained;
  }

  #registerHolds(frame: ClaimedFrame, register: number): boolean {
    const row = registerRow(frame, register);
    const at = row === undefined ? undefined : this.#place.register(register);
    if (row === undefined || at === undefined) return true;
    return this.#concrete.holds(frame.w, row, this.#place.low(at), this.#place.low(at + 4));
  }

  #slotHolds(frame: ClaimedFrame, index: number, slot: number): boolean {
    if (this.#place.waits) return true;
    return this.#concrete.slotHolds(frame.w, slotRow(frame, index), this.#place.framePointer - 8 * (slot + 1));
  }
}

function view(
  claims: Claims,
  insn: number,
  states: readonly ClaimedState[],
  comparison: Comparison,
  index: number,
  binding: boolean,
  place: Place,
): FrameClaims {
  const { best, isContained, heldRegisters, heldSlots } = comparison;
  const registers: (ClaimView | undefined)[] = [];
  const slots = new Map<number, ClaimView>();
  const fails = binding && !isContained;
  if (best !== undefined) {
    const others = states.map(({ frames }) => frames[index]!).filter((frame) => frame !== best);
    for (let register = 0; register <= CLAIMED_REGISTERS; register++) {
      const text = registerClaim(claims.names, best, index, register);
      if (text === '') continue;
      const violated = fails && register < CLAIMED_REGISTERS && (heldRegisters & (1 << register)) === 0;
      const alternatives =
        register === CLAIMED_REGISTERS ? 0 : count(others, (frame) => registerDiffers(best, frame, register));
      registers[register] = { text, violated, alternatives };
    }
    for (const [i, slot] of place.waits ? [] : best.slots.entries()) {
      const text = slotClaim(claims.names, best, index, i);
      if (text === '') continue;
      const alternatives = count(others, (frame) => slotDiffers(best, i, frame, slot));
      slots.set(-8 * (slot + 1), { text, violated: fails && !heldSlots.has(slot), alternatives });
    }
  }
  return {
    insn,
    registers,
    slots,
    states: states.length,
    contained: isContained,
    binding,
  };
}

function count<T>(items: readonly T[], test: (item: T) => boolean): number {
  let found = 0;
  for (const item of items) if (test(item)) found++;
  return found;
}

function registerDiffers(a: ClaimedFrame, b: ClaimedFrame, register: number): boolean {
  const row = registerRow(a, register);
  const other = registerRow(b, register);
  return row === undefined || other === undefined ? row !== other : !sameRow(a.w, row, b.w, other);
}

function slotDiffers(a: ClaimedFrame, index: number, b: ClaimedFrame, slot: number): boolean {
  const other = b.slots.indexOf(slot);
  return other < 0 || !sameRow(a.w, slotRow(a, index), b.w, slotRow(b, other));
}
