/** Claimed states as sets: whether one lies within another, and the smallest that holds two. Ids are left out: they only say what is linked. */
import type { Reference, Region } from '../state/state.ts';
import {
  AUX0,
  AUX1,
  AUX2,
  FRAMENO,
  ID,
  OFF,
  REF_OBJ_ID,
  ROW,
  S32_MAX,
  S32_MIN,
  SLOT,
  SMAX,
  SMIN,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  fillSlot,
  setUnknownScalar,
  slotKind,
  slotType,
} from '../state/state.ts';
import { valuesWithin } from '../state/states-equal.ts';
import { NOT_INIT, SCALAR_VALUE, STACK_INVALID, STACK_MISC, STACK_SPILL } from '../state/types.ts';
import { tnumUnion } from '../values/tnum.ts';
import { lts, ltu } from '../values/wide.ts';
import type { ClaimedFrame, ClaimedState } from './claims.ts';
import { bitCount, registerRow, slotRow } from './claims.ts';

/** Whether the frames stand at the same instructions. */
export function sameChain(a: readonly ClaimedFrame[], b: readonly ClaimedFrame[]): boolean {
  if (a.length !== b.length) return false;
  // From the inside: outer frames wait at the same calls more often than not.
  for (let i = a.length - 1; i >= 0; i--) if (a[i]!.insn !== b[i]!.insn) return false;
  return true;
}

/** Everything that `inner` allows `outer` allows too. Both are of one chain. */
export function stateWithin(inner: ClaimedState, outer: ClaimedState): boolean {
  if (!sameHeld(inner, outer)) return false;
  for (let i = inner.frames.length - 1; i >= 0; i--) {
    if (inner.frames[i] !== outer.frames[i] && !frameWithin(inner.frames[i]!, outer.frames[i]!)) return false;
  }
  return true;
}

export function sameHeld(a: ClaimedState, b: ClaimedState): boolean {
  return sameList(a.refs, b.refs) && sameList(a.regions, b.regions);
}

function sameList(a: readonly (Reference | Region)[], b: readonly (Reference | Region)[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((held, i) => held.insn === b[i]!.insn && held.kind === b[i]!.kind);
}

function frameWithin(inner: ClaimedFrame, outer: ClaimedFrame): boolean {
  if ((outer.registers & ~inner.registers) !== 0) return false;
  let row = 0;
  for (let register = 0; row < bitCount(outer.registers) * ROW; register++) {
    if ((outer.registers & (1 << register)) === 0) continue;
    if (!rowWithin(inner.w, registerRow(inner, register)!, outer.w, row)) return false;
    row += ROW;
  }
  for (const [index, slot] of outer.slots.entries()) {
    const base = slotRow(outer, index);
    if (saysNothing(outer.w, base)) continue;
    const at = inner.slots.indexOf(slot);
    if (at < 0 || !slotWithin(inner.w, slotRow(inner, at), outer.w, base)) return false;
  }
  return true;
}

/** Bytes that may be anything. */
function saysNothing(w: Int32Array, base: number): boolean {
  for (let byte = 0; byte < 8; byte++) {
    const type = slotType(w, base, byte);
    if (type !== STACK_MISC && type !== STACK_INVALID) return false;
  }
  return true;
}

function sameKind(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  if (a[i + TYPE] !== b[j + TYPE] || a[i + AUX1] !== b[j + AUX1] || a[i + AUX2] !== b[j + AUX2]) return false;
  if (a[i + AUX0] !== b[j + AUX0] || a[i + FRAMENO] !== b[j + FRAMENO]) return false;
  return a[i + TYPE] === SCALAR_VALUE || a[i + OFF] === b[j + OFF];
}

function rowWithin(inner: Int32Array, i: number, outer: Int32Array, o: number): boolean {
  if (outer[o + TYPE] === NOT_INIT) return true;
  return sameKind(inner, i, outer, o) && valuesWithin(outer, o, inner, i);
}

function slotWithin(inner: Int32Array, i: number, outer: Int32Array, o: number): boolean {
  if (inner[i + SLOT] !== outer[o + SLOT] || inner[i + SLOT + 1] !== outer[o + SLOT + 1]) return false;
  return rowWithin(inner, i, outer, o);
}

/** Whether two rows say the same, but for the numbers by which things are linked. */
export function sameRow(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  for (let word = 0; word < ROW; word++) {
    if (word === ID || word === REF_OBJ_ID) continue;
    if (a[i + word] !== b[j + word]) return false;
  }
  return true;
}

/**
 * The smallest state, of those that can be written down, that holds both. Registers of two kinds are left out of it: nothing
 * is said of them any more.
 */
export function joinStates(a: ClaimedState, b: ClaimedState): ClaimedState {
  return {
    frames: a.frames.map((frame, i) => (frame === b.frames[i] ? frame : joinFrames(frame, b.frames[i]!))),
    refs: a.refs,
    regions: a.regions,
  };
}

function joinFrames(a: ClaimedFrame, b: ClaimedFrame): ClaimedFrame {
  let registers = 0;
  const slots: number[] = [];
  const rows: Int32Array[] = [];
  for (let register = 0; register <= 10; register++) {
    const row = registerRow(a, register);
    const other = registerRow(b, register);
    if (row === undefined || other === undefined) continue;
    const joined = joinRows(a.w, row, b.w, other);
    if (joined === undefined) continue;
    registers |= 1 << register;
    rows.push(joined);
  }
  for (const [index, slot] of a.slots.entries()) {
    const at = b.slots.indexOf(slot);
    if (at < 0) continue;
    const joined = joinSlots(a.w, slotRow(a, index), b.w, slotRow(b, at));
    if (joined === undefined) continue;
    slots.push(slot);
    rows.push(joined);
  }
  const w = new Int32Array(rows.length * ROW);
  rows.forEach((row, i) => w.set(row, i * ROW));
  return { insn: a.insn, registers, slots, w };
}

export function joinRows(a: Int32Array, i: number, b: Int32Array, j: number): Int32Array | undefined {
  if (!sameKind(a, i, b, j)) return undefined;
  const row = a.slice(i, i + ROW);
  tnumUnion(row, 0, b, j);
  if (ltu(b, j + UMIN, row, UMIN)) copy(row, UMIN, b, j);
  if (ltu(row, UMAX, b, j + UMAX)) copy(row, UMAX, b, j);
  if (lts(b, j + SMIN, row, SMIN)) copy(row, SMIN, b, j);
  if (lts(row, SMAX, b, j + SMAX)) copy(row, SMAX, b, j);
  if (b[j + U32_MIN]! >>> 0 < row[U32_MIN]! >>> 0) row[U32_MIN] = b[j + U32_MIN]!;
  if (b[j + U32_MAX]! >>> 0 > row[U32_MAX]! >>> 0) row[U32_MAX] = b[j + U32_MAX]!;
  row[S32_MIN] = Math.min(row[S32_MIN]!, b[j + S32_MIN]!);
  row[S32_MAX] = Math.max(row[S32_MAX]!, b[j + S32_MAX]!);
  row[ID] = 0;
  if (row[REF_OBJ_ID] !== b[j + REF_OBJ_ID]) row[REF_OBJ_ID] = 0;
  return row;
}

function copy(row: Int32Array, field: number, from: Int32Array, base: number): void {
  row[field] = from[base + field]!;
  row[field + 1] = from[base + field + 1]!;
}

function joinSlots(a: Int32Array, i: number, b: Int32Array, j: number): Int32Array | undefined {
  if (a[i + SLOT] === b[j + SLOT] && a[i + SLOT + 1] === b[j + SLOT + 1]) {
    const joined = joinRows(a, i, b, j);
    if (joined !== undefined) return joined;
  }
  // Bytes that hold one thing here and another there.
  if (slotKind(a, i) > STACK_SPILL && slotKind(b, j) > STACK_SPILL && slotKind(a, i) !== slotKind(b, j))
    return undefined;
  const row = new Int32Array(ROW);
  setUnknownScalar(row, 0);
  row[TYPE] = NOT_INIT;
  fillSlot(row, 0, STACK_MISC);
  return row;
}
