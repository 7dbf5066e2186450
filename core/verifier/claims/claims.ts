/**
 * What the verifier claims: for each instruction the states in which its paths reach it. Made on request by
 * {@link claimsOf} (collect.ts), since an ordinary verification forgets its states as soon as it may.
 *
 * A claim binds every run. When the claims are complete, each state in which a run can reach an instruction lies within
 * one of those written down here: a value that lies outside of all of them is a defect of the verifier or of the machine.
 */
import type { Profile } from '../../exceptions/profile.ts';
import { REGIONS } from '../../exceptions/releases.ts';
import type { Program } from '../../object/program.ts';
import { dynptrSlotText, iteratorSlotText, registerText, type StateNames } from '../print-state.ts';
import type { Reference, Region } from '../state/state.ts';
import { AUX1, PRECISE, REF_OBJ_ID, REF_POINTER, ROW, TYPE, slotKind, slotType } from '../state/state.ts';
import {
  BPF_REG_FP,
  MAX_BPF_REG,
  NOT_INIT,
  SLOT_LETTERS,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_ITER,
  STACK_SPILL,
} from '../state/types.ts';
import type { Change } from './changes.ts';
import type { ReferenceNames } from './held.ts';
import type { PathTree } from './paths.ts';

/** One frame of a state: the registers and stack slots that may still be read, and what is known of each. */
export interface ClaimedFrame {
  /** In the innermost frame the instruction that is reached, in the others the call that they wait for. */
  readonly insn: number;
  /** The registers that have a row, a bit each; R10 has none, since it is always the frame's own pointer. */
  readonly registers: number;
  /** Stack slots that have a row, in rising order: slot n lies at fp-8*(n+1). */
  readonly slots: readonly number[];
  /** Rows as in state/state.ts: those of the registers first. */
  readonly w: Int32Array;
}

/** A state in which some path reaches an instruction. */
export interface ClaimedState {
  /** The outermost frame first. It is the main program, or whatever else is verified on its own. */
  readonly frames: readonly ClaimedFrame[];
  readonly refs: readonly Reference[];
  readonly regions: readonly Region[];
}

/** Why claims do not bind: the program is rejected, a limit was reached, or somebody has cancelled. */
export type Incomplete = 'rejected' | 'instructions' | 'memory' | 'cancelled' | 'lost';

export interface Claims {
  readonly program: Program;
  readonly profile: Profile;
  readonly verdict: 'accepted' | 'rejected';
  /** Absent when the claims are complete. Where they are not, nothing that contradicts them is an error. */
  readonly incomplete?: Incomplete;
  /** Instructions verified to collect them. */
  readonly insns: number;
  /** Functions that are verified on their own, by their first instruction: a call of one begins a new chain of frames. */
  readonly roots: ReadonlySet<number>;
  /** By instruction; empty where no path comes. */
  readonly states: readonly (readonly ClaimedState[])[];
  /** How the ordinary verification went: what it says about `pruned` and `states` is what the log's last line counts. */
  readonly paths: PathTree;
  /** What instructions do to the register that they write, over all visits. */
  readonly changes: ReadonlyMap<number, Change>;
  readonly references: ReferenceNames;
  readonly names: StateNames;
}

/** What an instruction does to the register that it writes: `r6: umax 255 → 2040`. Undefined where nothing is gained by saying it. */
export function claimChange(claims: Claims, insn: number): string | undefined {
  return claims.changes.get(insn)?.text(claims.names);
}

/** Something that is held before an instruction. */
export interface HeldClaim {
  readonly typeName: string;
  readonly acquiredAt: number;
  /** On some of the paths that come here it is not. */
  readonly sometimes: boolean;
}

/** What is held before an instruction: references, locks, sections; in the order in which they were acquired. */
export function heldAt(claims: Claims, insn: number): HeldClaim[] {
  const states = claims.states[insn] ?? [];
  const found = new Map<string, { typeName: string; acquiredAt: number; states: number }>();
  for (const state of states) {
    const here = new Set<string>();
    const add = (typeName: string, acquiredAt: number): void => {
      const key = `${acquiredAt} ${typeName}`;
      if (here.has(key)) return;
      here.add(key);
      const known = found.get(key);
      if (known === undefined) found.set(key, { typeName, acquiredAt, states: 1 });
      else known.states++;
    };
    for (const ref of state.refs)
      if (ref.id !== 0 || ref.kind !== REF_POINTER) add(claims.references.nameOf(ref), ref.insn);
    for (const region of state.regions) add(REGIONS[region.kind].typeName, region.insn);
  }
  return [...found.values()].map(({ typeName, acquiredAt, states: count }) => ({
    typeName,
    acquiredAt,
    sometimes: count < states.length,
  }));
}

/** First word of a register's row in a frame's `w`; undefined where nothing is said about it. */
export function registerRow(frame: ClaimedFrame, register: number): number | undefined {
  const bit = 1 << register;
  if ((frame.registers & bit) === 0) return undefined;
  return bitCount(frame.registers & (bit - 1)) * ROW;
}

/** First word of the row of the n-th of a frame's slots (not: of slot n). */
export function slotRow(frame: ClaimedFrame, index: number): number {
  return (bitCount(frame.registers) + index) * ROW;
}

export function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** A register as the log writes it; empty where nothing is said. */
export function registerClaim(names: StateNames, frame: ClaimedFrame, frameno: number, register: number): string {
  if (register === BPF_REG_FP) return 'fp0';
  const row = registerRow(frame, register);
  return row === undefined ? '' : registerText(names, frameno, frame.w, row);
}

/** The n-th slot of a frame as the log writes it: `fp-24=iter_num(ref_id=4,state=active,depth=3)`; empty inside of an object that begins elsewhere. */
export function slotClaim(names: StateNames, frame: ClaimedFrame, frameno: number, index: number): string {
  const { w } = frame;
  const base = slotRow(frame, index);
  const at = `fp${-8 * (frame.slots[index]! + 1)}=`;
  switch (slotKind(w, base)) {
    case STACK_SPILL: {
      const letters = slotLetters(w, base);
      return at + letters.slice(0, letters.indexOf('r')) + registerText(names, frameno, w, base);
    }
    case STACK_DYNPTR:
      return w[base + AUX1] === 1 ? at + dynptrSlotText(w, base) : '';
    case STACK_ITER:
      return w[base + REF_OBJ_ID] === 0 ? '' : at + iteratorSlotText(names, w, base);
    default:
      return at + slotLetters(w, base);
  }
}

function slotLetters(w: Int32Array, base: number): string {
  let letters = '';
  for (let byte = 0; byte < 8; byte++) letters += SLOT_LETTERS[slotType(w, base, byte)]!;
  return letters;
}

/** Whether a row says that nothing was ever written there. */
export function isEmptyRow(w: Int32Array, base: number): boolean {
  if (w[base + TYPE] !== NOT_INIT) return false;
  for (let byte = 0; byte < 8; byte++) if (slotType(w, base, byte) !== STACK_INVALID) return false;
  return true;
}

/** All registers but R10. */
export const CLAIMED_REGISTERS = MAX_BPF_REG - 1;

/** Marks of precision say what the verifier needs, not what it claims. */
export function withoutMarks(w: Int32Array): void {
  for (let base = 0; base < w.length; base += ROW) w[base + PRECISE] = 0;
}
