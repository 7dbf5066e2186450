/**
 * Whether everything that is safe in an old, verified state is safe in the current one, so that it need not be verified again.
 *
 * Old states have forgotten the registers and slots that nobody reads (prune.ts), and these match anything.
 */
import type { Env } from '../context.ts';
import { frameInsn } from './history.ts';
import { IdMap, hasConstantDistance } from './id-map.ts';
import { sameOwners } from '../throws/owners.ts';
import type { Frame, State } from './state.ts';
import {
  AUX0,
  AUX1,
  AUX2,
  FRAMENO,
  ID,
  OFF,
  PRECISE,
  REF_LOCK_MASK,
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
  isSpilledScalar,
  setUnknownScalar,
  slotBase,
  slotType,
} from './state.ts';
import { tnumIn } from '../values/tnum.ts';
import {
  BASE_TYPE_MASK,
  ITER_ACTIVE,
  MAX_BPF_REG,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BUF,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TO_TP_BUFFER,
  SCALAR_VALUE,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_IRQ_FLAG,
  STACK_ITER,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
} from './types.ts';
import { ltu, lts } from '../values/wide.ts';

/**
 * How alike two states must be. `safe`: what the old one proved holds for the new one. `range-within`: the same without use
 * of precision marks, which are not complete inside a loop. `exact`: nothing has changed.
 */
export type Exactness = 'safe' | 'range-within' | 'exact';

const idMap = new IdMap();

export function statesEqual(env: Env, old: State, current: State, exactness: Exactness): boolean {
  if (old.frames.length !== current.frames.length) return false;
  if (old.speculative && !current.speculative) return false;
  if (old.inSleepable !== current.inSleepable) return false;
  idMap.reset(env.lastId);
  if (!heldEqual(old, current)) return false;
  if (env.profile === 'proposal' && !sameOwners(old, current)) return false;
  for (let i = 0; i < old.frames.length; i++) {
    const oldFrame = old.frames[i]!;
    const frame = current.frames[i]!;
    if (oldFrame.callsite !== frame.callsite) return false;
    if (!framesEqual(oldFrame, frame, env.facts.liveBefore[frameInsn(old, i)]!, exactness)) return false;
  }
  return true;
}

/** References, locks and sections. */
function heldEqual(old: State, current: State): boolean {
  if (
    old.refs.length !== current.refs.length ||
    old.activeLocks !== current.activeLocks ||
    old.activePreemptLocks !== current.activePreemptLocks ||
    old.activeRcuLocks !== current.activeRcuLocks ||
    !idMap.match(old.activeIrqId, current.activeIrqId) ||
    !idMap.match(old.activeLockId, current.activeLockId) ||
    old.activeLockObject !== current.activeLockObject
  )
    return false;
  for (let i = 0; i < old.refs.length; i++) {
    const a = old.refs[i]!;
    const b = current.refs[i]!;
    if (!idMap.match(a.id, b.id) || a.kind !== b.kind) return false;
    if ((a.kind & REF_LOCK_MASK) !== 0 && a.object !== b.object) return false;
  }
  return true;
}

function framesEqual(old: Frame, current: Frame, liveRegisters: number, exactness: Exactness): boolean {
  if (old.callbackDepth > current.callbackDepth) return false;
  for (let register = 0; register < MAX_BPF_REG; register++) {
    if ((liveRegisters & (1 << register)) === 0) continue;
    if (!registerSafe(old.w, register * ROW, current.w, register * ROW, exactness)) return false;
  }
  return stackSafe(old, current, exactness);
}

/** Type, offset, what the type needs besides, value and bounds, with ids that match. */
function registersExact(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  for (let word = 0; word <= OFF; word++) if (a[i + word] !== b[j + word]) return false;
  return (
    sameAux(a, i, b, j) && idMap.match(a[i + ID]!, b[j + ID]!) && idMap.match(a[i + REF_OBJ_ID]!, b[j + REF_OBJ_ID]!)
  );
}

function sameAux(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  return a[i + AUX0] === b[j + AUX0] && a[i + AUX1] === b[j + AUX1] && a[i + AUX2] === b[j + AUX2];
}

/** Every value that the new register can have is one that the old one could have. */
export function valuesWithin(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  return (
    !ltu(b, j + UMIN, a, i + UMIN) &&
    !ltu(a, i + UMAX, b, j + UMAX) &&
    !lts(b, j + SMIN, a, i + SMIN) &&
    !lts(a, i + SMAX, b, j + SMAX) &&
    a[i + U32_MIN]! >>> 0 <= b[j + U32_MIN]! >>> 0 &&
    a[i + U32_MAX]! >>> 0 >= b[j + U32_MAX]! >>> 0 &&
    a[i + S32_MIN]! <= b[j + S32_MIN]! &&
    a[i + S32_MAX]! >= b[j + S32_MAX]! &&
    tnumIn(a, i, b, j)
  );
}

function registerSafe(old: Int32Array, i: number, current: Int32Array, j: number, exactness: Exactness): boolean {
  if (exactness === 'exact') return registersExact(old, i, current, j);
  const type = old[i + TYPE]!;
  const currentType = current[j + TYPE]!;
  if (type === NOT_INIT && (exactness === 'safe' || currentType === NOT_INIT)) return true;
  // A pointer that may be null is not served by one that is not: a null check would also have told about its copies.
  if (type !== currentType) return false;
  switch (type & BASE_TYPE_MASK) {
    case SCALAR_VALUE: {
      if (old[i + PRECISE] === 0 && exactness === 'safe') return true;
      const id = old[i + ID]!;
      const currentId = current[j + ID]!;
      // A scalar that was linked to nothing is served by one that is: links only narrow.
      if (id !== 0 && hasConstantDistance(id) !== hasConstantDistance(currentId)) return false;
      if (hasConstantDistance(id) && old[i + OFF] !== current[j + OFF]) return false;
      return idMap.matchScalar(id, currentId) && valuesWithin(old, i, current, j);
    }
    case PTR_TO_MAP_KEY:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MEM:
    case PTR_TO_BUF:
    case PTR_TO_TP_BUFFER:
      return (
        old[i + OFF] === current[j + OFF] &&
        sameAux(old, i, current, j) &&
        valuesWithin(old, i, current, j) &&
        idMap.match(old[i + ID]!, current[j + ID]!) &&
        idMap.match(old[i + REF_OBJ_ID]!, current[j + REF_OBJ_ID]!)
      );
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET: {
      // The new pointer must reach as far. Negative ranges are "at" and "beyond" the end, and only match themselves.
      const range = old[i + AUX0]!;
      const currentRange = current[j + AUX0]!;
      if (range < 0 || currentRange < 0 ? range !== currentRange : range > currentRange) return false;
      return (
        old[i + OFF] === current[j + OFF] &&
        idMap.match(old[i + ID]!, current[j + ID]!) &&
        valuesWithin(old, i, current, j)
      );
    }
    case PTR_TO_STACK:
      return registersExact(old, i, current, j) && old[i + FRAMENO] === current[j + FRAMENO];
    case PTR_TO_ARENA:
      return true;
    default:
      return registersExact(old, i, current, j);
  }
}

/** A slot of bytes that may be anything reads as an unknown number. */
const unknown = new Int32Array(ROW);
setUnknownScalar(unknown, 0);

/** Whether reading the whole slot gives a scalar: a spilled one, or bytes that may be anything. */
function isWholeSpilledScalar(w: Int32Array, base: number): boolean {
  return isSpilledScalar(w, base) && slotType(w, base, 0) === STACK_SPILL;
}

function isAllMisc(w: Int32Array, base: number): boolean {
  for (let byte = 0; byte < 8; byte++) {
    const type = slotType(w, base, byte);
    if (type !== STACK_MISC && type !== STACK_INVALID) return false;
  }
  return true;
}

function stackSafe(old: Frame, current: Frame, exactness: Exactness): boolean {
  for (let slot = 0; slot < old.slots; slot++) {
    if (!slotSafe(old, current, slot, exactness)) return false;
  }
  return true;
}

function slotSafe(old: Frame, current: Frame, slot: number, exactness: Exactness): boolean {
  const a = old.w;
  const b = current.w;
  const base = slotBase(slot);
  const exists = slot < current.slots;
  if (exactness !== 'safe') {
    if (!exists) return false;
    if (a[base + SLOT] !== b[base + SLOT] || a[base + SLOT + 1] !== b[base + SLOT + 1]) return false;
  }
  // With the right to read uninitialised stack, bytes that may be anything ask for nothing.
  if (isAllMisc(a, base)) return true;
  if (!exists) return false;
  const oldScalar = isWholeSpilledScalar(a, base);
  const currentScalar = isWholeSpilledScalar(b, base);
  if (oldScalar && (currentScalar || isAllMisc(b, base)))
    return registerSafe(a, base, currentScalar ? b : unknown, currentScalar ? base : 0, exactness);
  for (let byte = 0; byte < 8; byte++) {
    const type = slotType(a, base, byte);
    if (type === STACK_INVALID || type === STACK_MISC) continue;
    if (type !== slotType(b, base, byte)) return false;
  }
  switch (slotType(a, base, 7)) {
    case STACK_SPILL:
      return registerSafe(a, base, b, base, exactness);
    case STACK_DYNPTR:
      return (
        a[base + AUX0] === b[base + AUX0] &&
        a[base + AUX1] === b[base + AUX1] &&
        idMap.match(a[base + REF_OBJ_ID]!, b[base + REF_OBJ_ID]!)
      );
    case STACK_ITER:
      // How often the iterator has been asked (above the two bits of its state) does not matter.
      return (
        a[base + AUX0] === b[base + AUX0] &&
        a[base + AUX1] === b[base + AUX1] &&
        (a[base + AUX2]! & 3) === (b[base + AUX2]! & 3) &&
        idMap.match(a[base + REF_OBJ_ID]!, b[base + REF_OBJ_ID]!)
      );
    case STACK_IRQ_FLAG:
      return a[base + AUX0] === b[base + AUX0] && idMap.match(a[base + REF_OBJ_ID]!, b[base + REF_OBJ_ID]!);
    case STACK_MISC:
    case STACK_ZERO:
    case STACK_INVALID:
      return true;
    default:
      return false;
  }
}

/** A quick look before a real comparison: same registers in the innermost frame, ids included. */
export function maybeLooping(old: State, current: State): boolean {
  if (old.frames.length !== current.frames.length) return false;
  const a = old.frame.w;
  const b = current.frame.w;
  for (let base = 0; base < MAX_BPF_REG * ROW; base += ROW) {
    for (let word = 0; word <= REF_OBJ_ID; word++) if (a[base + word] !== b[base + word]) return false;
    if (!sameAux(a, base, b, base)) return false;
  }
  return true;
}

/** An iterator that is being walked stands elsewhere: the loop around it makes progress, whatever the registers say. */
export function activeIteratorsDiffer(old: State, current: State): boolean {
  for (let i = 0; i < old.frames.length; i++) {
    const frame = old.frames[i]!;
    const other = current.frames[i]!;
    for (let slot = 0; slot < frame.slots; slot++) {
      const base = slotBase(slot);
      if (slotType(frame.w, base, 0) !== STACK_ITER || (frame.w[base + AUX2]! & 3) !== ITER_ACTIVE) continue;
      if (other.w[base + AUX2]! >> 2 !== frame.w[base + AUX2]! >> 2) return true;
    }
  }
  return false;
}

/**
 * Before the next turn of a loop over an iterator: what differs from the turn before, and was not needed exactly so far, becomes unknown, so
 * that the loop converges.
 */
export function widenImpreciseScalars(env: Env, old: State, current: State): void {
  idMap.reset(env.lastId);
  for (let i = old.frames.length - 1; i >= 0; i--) {
    const a = old.frames[i]!;
    const b = current.frames[i]!;
    for (let register = 0; register < MAX_BPF_REG; register++) widen(a.w, b.w, register * ROW);
    const slots = Math.min(a.slots, b.slots);
    for (let slot = 0; slot < slots; slot++) {
      const base = slotBase(slot);
      if (slotType(a.w, base, 7) === STACK_SPILL && slotType(b.w, base, 7) === STACK_SPILL) widen(a.w, b.w, base);
    }
  }
}

function widen(old: Int32Array, current: Int32Array, base: number): void {
  if (old[base + TYPE] !== SCALAR_VALUE || current[base + TYPE] !== SCALAR_VALUE) return;
  if (old[base + PRECISE] !== 0 || current[base + PRECISE] !== 0 || registersExact(old, base, current, base)) return;
  setUnknownScalar(current, base);
}
