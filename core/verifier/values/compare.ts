/** What a comparison of two values can come out as, and what each outcome teaches about them. */
import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_X,
} from '../../isa/opcodes.ts';
import { pointerNotNull } from '../state/registers.ts';
import {
  AUX0,
  MASK,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
  setBoundsUnbounded,
} from '../state/state.ts';
import { tnumIntersect, tnumOverlap } from './tnum.ts';
import { PTR_TO_PACKET, PTR_TO_PACKET_END, PTR_TO_PACKET_META, SCALAR_VALUE } from '../state/types.ts';
import { copy64, equal64, lts, ltu } from './wide.ts';

/** Packet range values that say where a pointer lies relative to the packet's end. */
export const AT_PKT_END = -1;
export const BEYOND_PKT_END = -2;

/** `a <op> b` as `b <flipped> a`. */
export function flipOpcode(operation: number): number {
  switch (operation) {
    case BPF_JGE:
      return BPF_JLE;
    case BPF_JGT:
      return BPF_JLT;
    case BPF_JLE:
      return BPF_JGE;
    case BPF_JLT:
      return BPF_JGT;
    case BPF_JSGE:
      return BPF_JSLE;
    case BPF_JSGT:
      return BPF_JSLT;
    case BPF_JSLE:
      return BPF_JSGE;
    case BPF_JSLT:
      return BPF_JSGT;
    default:
      return operation;
  }
}

/** The negation of a comparison; that of JSET has no opcode and is marked with BPF_X. */
export function reverseOpcode(operation: number): number {
  switch (operation) {
    case BPF_JEQ:
      return BPF_JNE;
    case BPF_JNE:
      return BPF_JEQ;
    case BPF_JSET:
      return BPF_JSET | BPF_X;
    case BPF_JGE:
      return BPF_JLT;
    case BPF_JGT:
      return BPF_JLE;
    case BPF_JLE:
      return BPF_JGT;
    case BPF_JLT:
      return BPF_JGE;
    case BPF_JSGE:
      return BPF_JSLT;
    case BPF_JSGT:
      return BPF_JSLE;
    case BPF_JSLE:
      return BPF_JSGT;
    case BPF_JSLT:
      return BPF_JSGE;
    default:
      return operation;
  }
}

export function isPacketPointerAny(type: number): boolean {
  return type === PTR_TO_PACKET || type === PTR_TO_PACKET_META || type === PTR_TO_PACKET_END;
}

function isConstant(w: Int32Array, b: number, narrow: boolean): boolean {
  return w[b + TYPE] === SCALAR_VALUE && w[b + MASK] === 0 && (narrow || w[b + MASK + 1] === 0);
}

const AT = 8;
const t = new Int32Array(16);

/** Lower half of a tnum, in scratch. */
function narrowTnum(at: number, w: Int32Array, b: number): void {
  t[at] = w[b + VALUE]!;
  t[at + 1] = 0;
  t[at + 2] = w[b + MASK]!;
  t[at + 3] = 0;
}

function wideTnum(at: number, w: Int32Array, b: number): void {
  for (let k = 0; k < 4; k++) t[at + k] = w[b + VALUE + k]!;
}

/** Is every a below every b? field pairs: max of a, min of b. */
function below(a: Int32Array, i: number, b: Int32Array, j: number, narrow: boolean, signed: boolean): boolean {
  if (narrow) {
    return signed ? a[i + S32_MAX]! < b[j + S32_MIN]! : a[i + U32_MAX]! >>> 0 < b[j + U32_MIN]! >>> 0;
  }
  return signed ? lts(a, i + SMAX, b, j + SMIN) : ltu(a, i + UMAX, b, j + UMIN);
}

/** Is every a at or above every b? min of a >= max of b. */
function atLeast(a: Int32Array, i: number, b: Int32Array, j: number, narrow: boolean, signed: boolean): boolean {
  if (narrow) {
    return signed ? a[i + S32_MIN]! >= b[j + S32_MAX]! : a[i + U32_MIN]! >>> 0 >= b[j + U32_MAX]! >>> 0;
  }
  return signed ? !lts(a, i + SMIN, b, j + SMAX) : !ltu(a, i + UMIN, b, j + UMAX);
}

function disjoint(a: Int32Array, i: number, b: Int32Array, j: number, narrow: boolean): boolean {
  return (
    below(a, i, b, j, narrow, false) ||
    below(b, j, a, i, narrow, false) ||
    below(a, i, b, j, narrow, true) ||
    below(b, j, a, i, narrow, true)
  );
}

/** 1: equal, 0: not equal, -1: may be. */
function equality(a: Int32Array, i: number, b: Int32Array, j: number, narrow: boolean): number {
  if (narrow) {
    narrowTnum(0, a, i);
    narrowTnum(AT, b, j);
  } else {
    wideTnum(0, a, i);
    wideTnum(AT, b, j);
  }
  if ((t[2]! | t[3]! | t[AT + 2]! | t[AT + 3]!) === 0) return t[0] === t[AT] && t[1] === t[AT + 1] ? 1 : 0;
  if (!tnumOverlap(t, 0, t, AT)) return 0;
  if (disjoint(a, i, b, j, narrow)) return 0;
  if (!narrow && disjoint(a, i, b, j, true)) return 0;
  return -1;
}

function scalarBranch(a: Int32Array, i: number, b: Int32Array, j: number, operation: number, narrow: boolean): number {
  const signed = operation === BPF_JSGT || operation === BPF_JSLT || operation === BPF_JSGE || operation === BPF_JSLE;
  switch (operation) {
    case BPF_JEQ:
      return equality(a, i, b, j, narrow);
    case BPF_JNE: {
      const equal = equality(a, i, b, j, narrow);
      return equal < 0 ? -1 : 1 - equal;
    }
    case BPF_JSET: {
      if (!isConstant(b, j, narrow)) {
        [a, i, b, j] = [b, j, a, i];
        if (!isConstant(b, j, narrow)) return -1;
      }
      const high = narrow ? 0 : b[j + VALUE + 1]!;
      const low = b[j + VALUE]!;
      if (((a[i + VALUE]! & low) | (a[i + VALUE + 1]! & high)) !== 0) return 1;
      const reach = ((a[i + VALUE]! | a[i + MASK]!) & low) | ((a[i + VALUE + 1]! | a[i + MASK + 1]!) & high);
      return reach === 0 ? 0 : -1;
    }
    case BPF_JGT:
    case BPF_JSGT:
      if (below(b, j, a, i, narrow, signed)) return 1;
      return atLeast(b, j, a, i, narrow, signed) ? 0 : -1;
    case BPF_JLT:
    case BPF_JSLT:
      if (below(a, i, b, j, narrow, signed)) return 1;
      return atLeast(a, i, b, j, narrow, signed) ? 0 : -1;
    case BPF_JGE:
    case BPF_JSGE:
      if (atLeast(a, i, b, j, narrow, signed)) return 1;
      return below(a, i, b, j, narrow, signed) ? 0 : -1;
    case BPF_JLE:
    case BPF_JSLE:
      if (atLeast(b, j, a, i, narrow, signed)) return 1;
      return below(b, j, a, i, narrow, signed) ? 0 : -1;
    default:
      return -1;
  }
}

/** Comparison of a packet pointer with the packet's end, where earlier comparisons have decided it. */
function packetBranch(a: Int32Array, i: number, b: Int32Array, j: number, operation: number): number {
  let w = a;
  let base = i;
  if (b[j + TYPE] !== PTR_TO_PACKET_END) {
    if (a[i + TYPE] !== PTR_TO_PACKET_END) return -1;
    w = b;
    base = j;
    operation = flipOpcode(operation);
  }
  const range = w[base + AUX0]!;
  if (range >= 0) return -1;
  if (operation === BPF_JLE || operation === BPF_JGT)
    return range === BEYOND_PKT_END ? (operation === BPF_JGT ? 1 : 0) : -1;
  if (operation === BPF_JLT || operation === BPF_JGE) return operation === BPF_JGE ? 1 : 0;
  return -1;
}

/** 1: the branch is always taken, 0: never, -1: both ways are possible. */
export function branchTaken(
  a: Int32Array,
  i: number,
  b: Int32Array,
  j: number,
  operation: number,
  narrow: boolean,
): number {
  const aType = a[i + TYPE]!;
  const bType = b[j + TYPE]!;
  if (isPacketPointerAny(aType) && isPacketPointerAny(bType) && !narrow) return packetBranch(a, i, b, j, operation);
  if (aType === SCALAR_VALUE && bType === SCALAR_VALUE) return scalarBranch(a, i, b, j, operation, narrow);
  // A pointer against a constant: only "is it null" can be answered.
  let pointer = a;
  let at = i;
  let constant = b;
  let c = j;
  if (!isConstant(b, j, narrow)) {
    pointer = b;
    at = j;
    constant = a;
    c = i;
    if (!isConstant(a, i, narrow)) return -1;
  }
  if (!pointerNotNull(pointer, at)) return -1;
  if (constant[c + VALUE] !== 0 || (!narrow && constant[c + VALUE + 1] !== 0)) return -1;
  if (operation === BPF_JEQ) return 0;
  return operation === BPF_JNE ? 1 : -1;
}

function refineEqual(a: Int32Array, i: number, b: Int32Array, j: number, narrow: boolean): void {
  if (narrow) {
    const umin = Math.max(a[i + U32_MIN]! >>> 0, b[j + U32_MIN]! >>> 0) | 0;
    const umax = Math.min(a[i + U32_MAX]! >>> 0, b[j + U32_MAX]! >>> 0) | 0;
    const smin = Math.max(a[i + S32_MIN]!, b[j + S32_MIN]!);
    const smax = Math.min(a[i + S32_MAX]!, b[j + S32_MAX]!);
    narrowTnum(0, a, i);
    narrowTnum(AT, b, j);
    tnumIntersect(t, 0, t, AT);
    for (const [w, base] of [
      [a, i],
      [b, j],
    ] as const) {
      w[base + U32_MIN] = umin;
      w[base + U32_MAX] = umax;
      w[base + S32_MIN] = smin;
      w[base + S32_MAX] = smax;
      w[base + VALUE] = t[0]!;
      w[base + MASK] = t[2]!;
    }
    return;
  }
  if (ltu(a, i + UMIN, b, j + UMIN)) copy64(a, i + UMIN, b, j + UMIN);
  if (ltu(b, j + UMAX, a, i + UMAX)) copy64(a, i + UMAX, b, j + UMAX);
  if (lts(a, i + SMIN, b, j + SMIN)) copy64(a, i + SMIN, b, j + SMIN);
  if (lts(b, j + SMAX, a, i + SMAX)) copy64(a, i + SMAX, b, j + SMAX);
  tnumIntersect(a, i + VALUE, b, j + VALUE);
  for (let k = 0; k < S32_MIN; k++) b[j + k] = a[i + k]!;
}

/** Adds 1 or -1 to a 64-bit field. */
function step(w: Int32Array, at: number, by: number): void {
  const low = (w[at]! >>> 0) + by;
  w[at] = low | 0;
  if (low < 0) w[at + 1] = (w[at + 1]! - 1) | 0;
  else if (low > 0xffff_ffff) w[at + 1] = (w[at + 1]! + 1) | 0;
}

function refineNotEqual(a: Int32Array, i: number, b: Int32Array, j: number, narrow: boolean): void {
  if (!isConstant(b, j, narrow)) {
    [a, i, b, j] = [b, j, a, i];
    if (!isConstant(b, j, narrow)) return;
  }
  if (narrow) {
    const value = b[j + VALUE]!;
    if (a[i + U32_MIN] === value) a[i + U32_MIN] = (value + 1) | 0;
    if (a[i + U32_MAX] === value) a[i + U32_MAX] = (value - 1) | 0;
    if (a[i + S32_MIN] === value) a[i + S32_MIN] = (value + 1) | 0;
    if (a[i + S32_MAX] === value) a[i + S32_MAX] = (value - 1) | 0;
    return;
  }
  if (equal64(a, i + UMIN, b, j + VALUE)) step(a, i + UMIN, 1);
  if (equal64(a, i + UMAX, b, j + VALUE)) step(a, i + UMAX, -1);
  if (equal64(a, i + SMIN, b, j + VALUE)) step(a, i + SMIN, 1);
  if (equal64(a, i + SMAX, b, j + VALUE)) step(a, i + SMAX, -1);
}

/** After `a & K` was true (one bit only) or, reversed, false. */
function refineBits(a: Int32Array, i: number, b: Int32Array, j: number, narrow: boolean, reversed: boolean): void {
  if (!isConstant(b, j, narrow)) {
    [a, i, b, j] = [b, j, a, i];
    if (!isConstant(b, j, narrow)) return;
  }
  const low = b[j + VALUE]!;
  const high = narrow ? 0 : b[j + VALUE + 1]!;
  if (reversed) {
    // On a branch that is dead without our knowing it, the old ranges would contradict the bits.
    setBoundsUnbounded(a, i);
    a[i + VALUE] = a[i + VALUE]! & ~low;
    a[i + MASK] = a[i + MASK]! & ~low;
    a[i + VALUE + 1] = a[i + VALUE + 1]! & ~high;
    a[i + MASK + 1] = a[i + MASK + 1]! & ~high;
    return;
  }
  const single =
    (low !== 0 && high === 0 && (low & (low - 1)) === 0) || (low === 0 && high !== 0 && (high & (high - 1)) === 0);
  if (!single) return;
  a[i + VALUE] = a[i + VALUE]! | low;
  a[i + MASK] = a[i + MASK]! & ~low;
  a[i + VALUE + 1] = a[i + VALUE + 1]! | high;
  a[i + MASK + 1] = a[i + MASK + 1]! & ~high;
}

function refineLess(
  a: Int32Array,
  i: number,
  b: Int32Array,
  j: number,
  narrow: boolean,
  signed: boolean,
  strict: boolean,
): void {
  const by = strict ? 1 : 0;
  if (narrow) {
    if (signed) {
      a[i + S32_MAX] = Math.min(a[i + S32_MAX]!, (b[j + S32_MAX]! - by) | 0);
      b[j + S32_MIN] = Math.max((a[i + S32_MIN]! + by) | 0, b[j + S32_MIN]!);
    } else {
      a[i + U32_MAX] = Math.min(a[i + U32_MAX]! >>> 0, (b[j + U32_MAX]! - by) >>> 0) | 0;
      b[j + U32_MIN] = Math.max((a[i + U32_MIN]! + by) >>> 0, b[j + U32_MIN]! >>> 0) | 0;
    }
    return;
  }
  const max = signed ? SMAX : UMAX;
  const min = signed ? SMIN : UMIN;
  const less = signed ? lts : ltu;
  copy64(t, 0, b, j + max);
  if (strict) step(t, 0, -1);
  if (less(t, 0, a, i + max)) copy64(a, i + max, t, 0);
  copy64(t, 0, a, i + min);
  if (strict) step(t, 0, 1);
  if (less(b, j + min, t, 0)) copy64(b, j + min, t, 0);
}

/** Narrows a and b by the knowledge that `a <operation> b` holds; the caller syncs the bounds. */
export function refineByComparison(
  a: Int32Array,
  i: number,
  b: Int32Array,
  j: number,
  operation: number,
  narrow: boolean,
): void {
  switch (operation) {
    case BPF_JEQ:
      refineEqual(a, i, b, j, narrow);
      break;
    case BPF_JNE:
      refineNotEqual(a, i, b, j, narrow);
      break;
    case BPF_JSET:
      refineBits(a, i, b, j, narrow, false);
      break;
    case BPF_JSET | BPF_X:
      refineBits(a, i, b, j, narrow, true);
      break;
    case BPF_JLE:
      refineLess(a, i, b, j, narrow, false, false);
      break;
    case BPF_JLT:
      refineLess(a, i, b, j, narrow, false, true);
      break;
    case BPF_JSLE:
      refineLess(a, i, b, j, narrow, true, false);
      break;
    case BPF_JSLT:
      refineLess(a, i, b, j, narrow, true, true);
      break;
    case BPF_JGE:
      refineLess(b, j, a, i, narrow, false, false);
      break;
    case BPF_JGT:
      refineLess(b, j, a, i, narrow, false, true);
      break;
    case BPF_JSGE:
      refineLess(b, j, a, i, narrow, true, false);
      break;
    case BPF_JSGT:
      refineLess(b, j, a, i, narrow, true, true);
      break;
  }
}
