/** What happens to single registers: reading, overwriting, becoming null or not null, shrinking to a narrower value. */
import { forgetBounds32, syncBounds } from '../values/bounds.ts';
import { mapHasDeferredWork } from '../calls/records.ts';
import type { Env } from '../context.ts';
import {
  AUX0,
  AUX1,
  AUX2,
  type Frame,
  ID,
  MASK,
  OFF,
  REF_OBJ_ID,
  ROW,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  type State,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
  isConst,
  isSpilledRegister,
  markNotInit,
  s64Number,
  setKnown,
  setPointer,
  setUnknownScalar,
  slotBase,
} from './state.ts';
import { tnumCast, tnumRange } from '../values/tnum.ts';
import {
  BASE_TYPE_MASK,
  BPF_REG_FP,
  CONST_PTR_TO_MAP,
  ID_ADD_CONST,
  MAX_BPF_REG,
  BPF_MAX_VAR_OFF,
  MEM_RCU,
  NOT_INIT,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_UNTRUSTED,
  SCALAR_VALUE,
  TRUSTED_FLAGS,
} from './types.ts';
import { bitLength64 } from '../values/wide.ts';

/** How an instruction uses a register. */
export const SRC_OP = 0;
export const DST_OP = 1;
/** Written, but what the register holds afterwards is for the caller to say. */
export const DST_OP_NO_MARK = 2;

const BPF_MAP_TYPE_XSKMAP = 17;
const BPF_MAP_TYPE_SOCKMAP = 15;
const BPF_MAP_TYPE_SOCKHASH = 18;

/** Checks that an instruction may use a register in this way; a destination becomes an unknown scalar. */
export function checkRegArg(env: Env, register: number, use: number): void {
  if (register >= MAX_BPF_REG) env.fail(`R${register} is invalid`);
  env.scratchRegister(register);
  const w = env.frame.w;
  const base = register * ROW;
  if (use === SRC_OP) {
    if (w[base + TYPE] === NOT_INIT) env.fail(`R${register} !read_ok`);
    return;
  }
  if (register === BPF_REG_FP) env.fail('frame pointer is read only');
  if (use === DST_OP) setUnknownScalar(w, base);
}

/** Known value; ids, offset and AUX go, type and precision stay (__mark_reg_known). */
export function markKnown(w: Int32Array, base: number, low: number, high: number): void {
  w[base + OFF] = 0;
  w[base + AUX0] = 0;
  w[base + AUX1] = 0;
  w[base + AUX2] = 0;
  w[base + ID] = 0;
  w[base + REF_OBJ_ID] = 0;
  setKnown(w, base, low, high);
}

/** The lower half is known; nothing else changes. */
export function markKnown32(w: Int32Array, base: number, value: number): void {
  w[base + VALUE] = value;
  w[base + MASK] = 0;
  w[base + S32_MIN] = value;
  w[base + S32_MAX] = value;
  w[base + U32_MIN] = value;
  w[base + U32_MAX] = value;
}

/** Registers that a call leaves unreadable: R0 to R5. */
export function clearCallerSaved(env: Env, frame: Frame): void {
  for (let register = 0; register < 6; register++) {
    markNotInit(frame.w, register * ROW);
    env.scratchRegister(register);
  }
}

/** A register that was loaded from, or returned as, a BTF-typed pointer; an unknown scalar for anything else. */
export function markBtfRegister(
  env: Env,
  frame: Frame,
  register: number,
  type: number,
  btf: number,
  btfId: number,
  flags: number,
): void {
  const w = frame.w;
  const base = register * ROW;
  if ((type & BASE_TYPE_MASK) === SCALAR_VALUE) {
    setUnknownScalar(w, base);
    return;
  }
  setPointer(w, base, (PTR_TO_BTF_ID | flags) >>> 0);
  w[base + AUX0] = btfId;
  w[base + AUX1] = btf;
  if ((flags & PTR_MAYBE_NULL) !== 0) w[base + ID] = env.newId();
}

/** Takes "may be null" off a pointer; a value of a map of maps becomes a map, one of a socket map a socket. */
export function markPtrNotNull(env: Env, w: Int32Array, base: number): void {
  const type = w[base + TYPE]!;
  if ((type & BASE_TYPE_MASK) === PTR_TO_MAP_VALUE) {
    const map = env.maps[w[base + AUX0]!]!;
    if (map.inner !== undefined) {
      w[base + TYPE] = CONST_PTR_TO_MAP;
      w[base + AUX0] = env.mapHandle(map.inner);
      // Tells inner maps that came out of different lookups apart, where their values must not be mixed.
      if (mapHasDeferredWork(env, map.inner)) w[base + AUX1] = w[base + ID]!;
    } else if (map.type === BPF_MAP_TYPE_XSKMAP) markSocketOfMap(w, base, PTR_TO_XDP_SOCK);
    else if (map.type === BPF_MAP_TYPE_SOCKMAP || map.type === BPF_MAP_TYPE_SOCKHASH)
      markSocketOfMap(w, base, PTR_TO_SOCKET);
    else w[base + TYPE] = PTR_TO_MAP_VALUE;
    return;
  }
  w[base + TYPE] = type & ~PTR_MAYBE_NULL;
}

/** A socket out of a map is not taken for one from elsewhere, or from another map, when states are compared. */
function markSocketOfMap(w: Int32Array, base: number, type: number): void {
  w[base + TYPE] = type;
  w[base + AUX0] = ~w[base + AUX0]!;
}

/** All registers and spilled registers of all frames. */
export function forEachRegister(state: State, visit: (frame: Frame, base: number) => void): void {
  for (const frame of state.frames) {
    for (let register = 0; register < MAX_BPF_REG; register++) visit(frame, register * ROW);
    for (let slot = 0; slot < frame.slots; slot++) {
      const base = slotBase(slot);
      if (isSpilledRegister(frame.w, base)) visit(frame, base);
    }
  }
}

/** What a pointer whose object is gone becomes: an unknown scalar (the program may leak pointers). */
export function markRegInvalid(_env: Env, w: Int32Array, base: number): void {
  setUnknownScalar(w, base);
}

/** An object behind an RCU-protected pointer may be there or not until tested. */
export function isRcuRegister(type: number): boolean {
  return (type & MEM_RCU) !== 0;
}

/** Whether a pointer is known to be good as what its type says: referenced, or trusted and nothing more. */
export function isTrustedRegister(w: Int32Array, base: number): boolean {
  if (w[base + REF_OBJ_ID] !== 0) return true;
  const type = w[base + TYPE]!;
  const flags = type & ~BASE_TYPE_MASK;
  const unsafe = (flags & ~TRUSTED_FLAGS) !== 0;
  const kind = type & BASE_TYPE_MASK;
  if (
    (kind === PTR_TO_SOCKET || kind === PTR_TO_SOCK_COMMON || kind === PTR_TO_TCP_SOCK || kind === CONST_PTR_TO_MAP) &&
    !unsafe
  )
    return true;
  return (flags & TRUSTED_FLAGS) !== 0 && !unsafe;
}

/** Whether a pointer cannot be null, its variable offset included (an unbounded one could wrap to zero). */
export function pointerNotNull(w: Int32Array, base: number): boolean {
  const type = w[base + TYPE]!;
  if ((type & PTR_MAYBE_NULL) !== 0) return false;
  if (s64Number(w, base + SMIN) <= -BPF_MAX_VAR_OFF || s64Number(w, base + SMAX) >= BPF_MAX_VAR_OFF) return false;
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_SOCKET:
    case PTR_TO_TCP_SOCK:
    case PTR_TO_XDP_SOCK:
    case PTR_TO_BUF:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MAP_KEY:
    case PTR_TO_SOCK_COMMON:
    case CONST_PTR_TO_MAP:
      return true;
    case PTR_TO_MEM:
      return (type & PTR_UNTRUSTED) === 0;
    case PTR_TO_BTF_ID:
      return isTrustedRegister(w, base);
    default:
      return false;
  }
}

/** Forgets that a scalar is linked to others. */
export function clearScalarId(w: Int32Array, base: number): void {
  w[base + ID] = 0;
  w[base + OFF] = 0;
}

/** Gives an unknown scalar an id before it is copied, so that what is learned of one copy is learned of the other. */
export function assignScalarId(env: Env, w: Int32Array, base: number): void {
  if (w[base + TYPE] !== SCALAR_VALUE) return;
  if ((w[base + ID]! & ID_ADD_CONST) !== 0) clearScalarId(w, base);
  if (w[base + ID] === 0 && !isConst(w, base)) w[base + ID] = env.newId();
}

/** Bits that a scalar can use. */
export function registerWidth(w: Int32Array, base: number): number {
  return bitLength64(w, base + UMAX);
}

/** Cuts a scalar to its lowest `size` bytes, zero-extended (coerce_reg_to_size). */
export function coerceToSize(w: Int32Array, base: number, size: number): void {
  tnumCast(w, base + VALUE, size);
  const lowMask = size >= 4 ? -1 : (1 << (size * 8)) - 1;
  if (w[base + UMIN + 1] === w[base + UMAX + 1] && (w[base + UMIN]! & ~lowMask) === (w[base + UMAX]! & ~lowMask)) {
    w[base + UMIN] = w[base + UMIN]! & lowMask;
    w[base + UMAX] = w[base + UMAX]! & lowMask;
  } else {
    w[base + UMIN] = 0;
    w[base + UMAX] = lowMask;
  }
  w[base + UMIN + 1] = 0;
  w[base + UMAX + 1] = 0;
  w[base + SMIN] = w[base + UMIN]!;
  w[base + SMIN + 1] = 0;
  w[base + SMAX] = w[base + UMAX]!;
  w[base + SMAX + 1] = 0;
  if (size < 4) forgetBounds32(w, base);
  syncBounds(w, base);
}

function signExtend(value: number, size: number): number {
  const shift = 32 - size * 8;
  return (value << shift) >> shift;
}

function putS64(w: Int32Array, at: number, value: number): void {
  w[at] = value;
  w[at + 1] = value >> 31;
}

/** Sign-extends the lowest `size` bytes to 64 bits (coerce_reg_to_size_sx). */
export function coerceToSizeSigned(w: Int32Array, base: number, size: number): void {
  if (isConst(w, base)) {
    const value = signExtend(w[base + VALUE]!, size);
    setKnown(w, base, value, value >> 31);
    return;
  }
  const keep = size >= 4 ? 0 : ~((1 << (size * 8)) - 1);
  const sameTop = w[base + SMAX + 1] === w[base + SMIN + 1] && (w[base + SMAX]! & keep) === (w[base + SMIN]! & keep);
  if (sameTop) {
    const fromMax = signExtend(w[base + SMAX]!, size);
    const fromMin = signExtend(w[base + SMIN]!, size);
    const max = Math.max(fromMax, fromMin);
    const min = Math.min(fromMax, fromMin);
    if (max >= 0 === min >= 0) {
      putS64(w, base + SMIN, min);
      putS64(w, base + SMAX, max);
      putS64(w, base + UMIN, min);
      putS64(w, base + UMAX, max);
      w[base + S32_MIN] = min;
      w[base + S32_MAX] = max;
      w[base + U32_MIN] = min;
      w[base + U32_MAX] = max;
      tnumRange(w, base + VALUE, w, base + SMIN, base + SMAX);
      return;
    }
  }
  const low = -(2 ** (size * 8 - 1));
  putS64(w, base + SMIN, low);
  putS64(w, base + SMAX, -low - 1);
  w[base + S32_MIN] = low;
  w[base + S32_MAX] = -low - 1;
  putS64(w, base + UMIN, 0);
  putS64(w, base + UMAX, -1);
  w[base + U32_MIN] = 0;
  w[base + U32_MAX] = -1;
  w[base + VALUE] = 0;
  w[base + VALUE + 1] = 0;
  w[base + MASK] = -1;
  w[base + MASK + 1] = -1;
}

/** Sign-extends the lowest one or two bytes to 32 bits; the upper half is the caller's (coerce_subreg_to_size_sx). */
export function coerceSubregisterSigned(w: Int32Array, base: number, size: number): void {
  if (isConst(w, base)) {
    const value = signExtend(w[base + VALUE]!, size);
    w[base + VALUE] = value;
    w[base + VALUE + 1] = value >> 31;
    w[base + S32_MIN] = value;
    w[base + S32_MAX] = value;
    w[base + U32_MIN] = value;
    w[base + U32_MAX] = value;
    return;
  }
  const keep = ~((1 << (size * 8)) - 1);
  if ((w[base + S32_MAX]! & keep) === (w[base + S32_MIN]! & keep)) {
    const fromMax = signExtend(w[base + S32_MAX]!, size);
    const fromMin = signExtend(w[base + S32_MIN]!, size);
    const max = Math.max(fromMax, fromMin);
    const min = Math.min(fromMax, fromMin);
    if (max >= 0 === min >= 0) {
      w[base + S32_MIN] = min;
      w[base + S32_MAX] = max;
      w[base + U32_MIN] = min;
      w[base + U32_MAX] = max;
      const chi = min ^ max;
      const delta = chi === 0 ? 0 : -1 >>> Math.clz32(chi);
      w[base + VALUE] = min & ~delta;
      w[base + VALUE + 1] = 0;
      w[base + MASK] = delta;
      w[base + MASK + 1] = 0;
      return;
    }
  }
  const low = -(2 ** (size * 8 - 1));
  w[base + S32_MIN] = low;
  w[base + S32_MAX] = -low - 1;
  w[base + U32_MIN] = 0;
  w[base + U32_MAX] = -1;
  w[base + VALUE] = 0;
  w[base + VALUE + 1] = 0;
  w[base + MASK] = -1;
  w[base + MASK + 1] = 0;
}
