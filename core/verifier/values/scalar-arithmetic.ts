/**
 * Arithmetic on scalars about which only bounds and a tnum are known.
 *
 * Both widths are kept for the operations where each half follows its own rule (add, sub, mul, and, or, xor); shifts of
 * one width forget the bounds of the other and let `syncBounds` find them again from the tnum. The result must contain
 * every value that the operation can give: scalar-arithmetic.test.ts checks that against brute force.
 */
import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_LSH,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_XOR,
} from '../../isa/opcodes.ts';
import { boundsFromTnum, forgetBounds32, forgetBounds64, syncBounds, zeroExtendBounds } from './bounds.ts';
import { markKnown, markKnown32 } from '../state/registers.ts';
import {
  MASK,
  ROW,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
  getS64,
  getU64,
  set64,
  setKnown,
  setUnknownScalar,
} from '../state/state.ts';
import {
  tnumAdd,
  tnumAnd,
  tnumArithmeticShift,
  tnumLeftShift,
  tnumMul,
  tnumNegate,
  tnumOr,
  tnumRightShift,
  tnumSub,
  tnumXor,
} from './tnum.ts';
import {
  add64,
  addOverflowsS,
  addOverflowsU,
  copy64,
  equal64,
  ltu,
  sar64,
  shl64,
  shr64,
  sub64,
  subOverflowsS,
  subOverflowsU,
} from './wide.ts';

const S64_LOW = -0x8000_0000;
const S64_HIGH = 0x7fff_ffff;
const tmp = new Int32Array(2 * ROW);
const fake = new Int32Array(ROW);

function unboundSigned64(d: Int32Array, i: number): void {
  d[i + SMIN] = 0;
  d[i + SMIN + 1] = S64_LOW;
  d[i + SMAX] = -1;
  d[i + SMAX + 1] = S64_HIGH;
}

function unboundUnsigned64(d: Int32Array, i: number): void {
  d[i + UMIN] = 0;
  d[i + UMIN + 1] = 0;
  d[i + UMAX] = -1;
  d[i + UMAX + 1] = -1;
}

function unboundSigned32(d: Int32Array, i: number): void {
  d[i + S32_MIN] = S64_LOW;
  d[i + S32_MAX] = S64_HIGH;
}

/** d += s in the 32-bit bounds. */
export function addBounds32(d: Int32Array, i: number, s: Int32Array, j: number): void {
  const smin = d[i + S32_MIN]! + s[j + S32_MIN]!;
  const smax = d[i + S32_MAX]! + s[j + S32_MAX]!;
  if (smin !== (smin | 0) || smax !== (smax | 0)) unboundSigned32(d, i);
  else {
    d[i + S32_MIN] = smin;
    d[i + S32_MAX] = smax;
  }
  const umin = (d[i + U32_MIN]! >>> 0) + (s[j + U32_MIN]! >>> 0);
  const umax = (d[i + U32_MAX]! >>> 0) + (s[j + U32_MAX]! >>> 0);
  // When both ends wrap, the range has wrapped as a whole and is still one.
  if (umin <= 0xffff_ffff && umax > 0xffff_ffff) {
    d[i + U32_MIN] = 0;
    d[i + U32_MAX] = -1;
  } else {
    d[i + U32_MIN] = umin | 0;
    d[i + U32_MAX] = umax | 0;
  }
}

/** d += s in the 64-bit bounds. */
export function addBounds64(d: Int32Array, i: number, s: Int32Array, j: number): void {
  if (addOverflowsS(d, i + SMIN, d, i + SMIN, s, j + SMIN) || addOverflowsS(d, i + SMAX, d, i + SMAX, s, j + SMAX))
    unboundSigned64(d, i);
  const low = addOverflowsU(d, i + UMIN, d, i + UMIN, s, j + UMIN);
  const high = addOverflowsU(d, i + UMAX, d, i + UMAX, s, j + UMAX);
  if (!low && high) unboundUnsigned64(d, i);
}

function subBounds32(d: Int32Array, i: number, s: Int32Array, j: number): void {
  const smin = d[i + S32_MIN]! - s[j + S32_MAX]!;
  const smax = d[i + S32_MAX]! - s[j + S32_MIN]!;
  if (smin !== (smin | 0) || smax !== (smax | 0)) unboundSigned32(d, i);
  else {
    d[i + S32_MIN] = smin;
    d[i + S32_MAX] = smax;
  }
  const umin = (d[i + U32_MIN]! >>> 0) - (s[j + U32_MAX]! >>> 0);
  const umax = (d[i + U32_MAX]! >>> 0) - (s[j + U32_MIN]! >>> 0);
  if (umin < 0 && umax >= 0) {
    d[i + U32_MIN] = 0;
    d[i + U32_MAX] = -1;
  } else {
    d[i + U32_MIN] = umin | 0;
    d[i + U32_MAX] = umax | 0;
  }
}

function subBounds64(d: Int32Array, i: number, s: Int32Array, j: number): void {
  if (subOverflowsS(d, i + SMIN, d, i + SMIN, s, j + SMAX) || subOverflowsS(d, i + SMAX, d, i + SMAX, s, j + SMIN))
    unboundSigned64(d, i);
  const low = subOverflowsU(d, i + UMIN, d, i + UMIN, s, j + UMAX);
  const high = subOverflowsU(d, i + UMAX, d, i + UMAX, s, j + UMIN);
  if (low && !high) unboundUnsigned64(d, i);
}

function mulBounds32(d: Int32Array, i: number, s: Int32Array, j: number): void {
  const umin = (d[i + U32_MIN]! >>> 0) * (s[j + U32_MIN]! >>> 0);
  const umax = (d[i + U32_MAX]! >>> 0) * (s[j + U32_MAX]! >>> 0);
  if (umin > 0xffff_ffff || umax > 0xffff_ffff) {
    d[i + U32_MIN] = 0;
    d[i + U32_MAX] = -1;
  } else {
    d[i + U32_MIN] = umin | 0;
    d[i + U32_MAX] = umax | 0;
  }
  // Products of int32 are below 2^62: a double rounds them, but never across the int32 range.
  const a = d[i + S32_MIN]! * s[j + S32_MIN]!;
  const b = d[i + S32_MIN]! * s[j + S32_MAX]!;
  const c = d[i + S32_MAX]! * s[j + S32_MIN]!;
  const e = d[i + S32_MAX]! * s[j + S32_MAX]!;
  const min = Math.min(a, b, c, e);
  const max = Math.max(a, b, c, e);
  if (min < S64_LOW || max > S64_HIGH) unboundSigned32(d, i);
  else {
    d[i + S32_MIN] = min;
    d[i + S32_MAX] = max;
  }
}

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const S64_MIN_BIG = -0x8000_0000_0000_0000n;
const S64_MAX_BIG = 0x7fff_ffff_ffff_ffffn;

/** Multiplication is rare enough for bigint. */
function mulBounds64(d: Int32Array, i: number, s: Int32Array, j: number): void {
  const umax = getU64(d, i + UMAX) * getU64(s, j + UMAX);
  const umin = getU64(d, i + UMIN) * getU64(s, j + UMIN);
  if (umax > U64_MAX || umin > U64_MAX) unboundUnsigned64(d, i);
  else {
    set64(d, i + UMIN, umin);
    set64(d, i + UMAX, umax);
  }
  const dmin = getS64(d, i + SMIN);
  const dmax = getS64(d, i + SMAX);
  const smin = getS64(s, j + SMIN);
  const smax = getS64(s, j + SMAX);
  let min = dmin * smin;
  let max = min;
  for (const product of [dmin * smax, dmax * smin, dmax * smax]) {
    if (product < min) min = product;
    if (product > max) max = product;
  }
  if (min < S64_MIN_BIG || max > S64_MAX_BIG) unboundSigned64(d, i);
  else {
    set64(d, i + SMIN, min);
    set64(d, i + SMAX, max);
  }
}

/** Signed bounds that equal the unsigned ones where those do not cross the sign boundary. */
function signedFromUnsigned32(d: Int32Array, i: number): void {
  if (d[i + U32_MIN]! <= d[i + U32_MAX]!) {
    d[i + S32_MIN] = d[i + U32_MIN]!;
    d[i + S32_MAX] = d[i + U32_MAX]!;
  } else unboundSigned32(d, i);
}

function signedFromUnsigned64(d: Int32Array, i: number): void {
  const minHigh = d[i + UMIN + 1]!;
  const maxHigh = d[i + UMAX + 1]!;
  if (minHigh < maxHigh || (minHigh === maxHigh && d[i + UMIN]! >>> 0 <= d[i + UMAX]! >>> 0)) {
    copy64(d, i + SMIN, d, i + UMIN);
    copy64(d, i + SMAX, d, i + UMAX);
  } else unboundSigned64(d, i);
}

/** Bounds after a bitwise operation; the tnum of d is already the result's. */
function bitwiseBounds(operation: number, d: Int32Array, i: number, s: Int32Array, j: number): void {
  const value = d[i + VALUE]!;
  const mask = d[i + MASK]!;
  if (s[j + MASK] === 0 && mask === 0) markKnown32(d, i, value);
  else {
    if (operation === BPF_AND) {
      d[i + U32_MIN] = value;
      if (s[j + U32_MAX]! >>> 0 < d[i + U32_MAX]! >>> 0) d[i + U32_MAX] = s[j + U32_MAX]!;
    } else if (operation === BPF_OR) {
      if (s[j + U32_MIN]! >>> 0 > d[i + U32_MIN]! >>> 0) d[i + U32_MIN] = s[j + U32_MIN]!;
      d[i + U32_MAX] = value | mask;
    } else {
      d[i + U32_MIN] = value;
      d[i + U32_MAX] = value | mask;
    }
    signedFromUnsigned32(d, i);
  }
  const highMask = d[i + MASK + 1]!;
  const highValue = d[i + VALUE + 1]!;
  if ((s[j + MASK]! | s[j + MASK + 1]! | mask | highMask) === 0) {
    markKnown(d, i, value, highValue);
    return;
  }
  if (operation === BPF_AND) {
    copy64(d, i + UMIN, d, i + VALUE);
    if (ltu(s, j + UMAX, d, i + UMAX)) copy64(d, i + UMAX, s, j + UMAX);
  } else if (operation === BPF_OR) {
    if (ltu(d, i + UMIN, s, j + UMIN)) copy64(d, i + UMIN, s, j + UMIN);
    d[i + UMAX] = value | mask;
    d[i + UMAX + 1] = highValue | highMask;
  } else {
    copy64(d, i + UMIN, d, i + VALUE);
    d[i + UMAX] = value | mask;
    d[i + UMAX + 1] = highValue | highMask;
  }
  signedFromUnsigned64(d, i);
  boundsFromTnum(d, i);
}

function leftShiftBounds32(d: Int32Array, i: number, n: number): void {
  unboundSigned32(d, i);
  if (n > 31 || d[i + U32_MAX]! >>> 0 > 2 ** (31 - n)) {
    d[i + U32_MIN] = 0;
    d[i + U32_MAX] = -1;
  } else {
    d[i + U32_MIN] = d[i + U32_MIN]! << n;
    d[i + U32_MAX] = d[i + U32_MAX]! << n;
  }
}

function leftShift64(d: Int32Array, i: number, n: number): void {
  if (n === 32) {
    // `<< 32, s>> 32` is how compilers sign-extend: shifting by 32 keeps the lower half's order.
    d[i + SMAX + 1] = d[i + S32_MAX]!;
    d[i + SMAX] = 0;
    d[i + SMIN + 1] = d[i + S32_MIN]!;
    d[i + SMIN] = 0;
  } else unboundSigned64(d, i);
  tmp[0] = 1;
  tmp[1] = 0;
  shl64(tmp, 0, tmp, 0, 63 - n);
  if (ltu(tmp, 0, d, i + UMAX)) unboundUnsigned64(d, i);
  else {
    shl64(d, i + UMIN, d, i + UMIN, n);
    shl64(d, i + UMAX, d, i + UMAX, n);
  }
  leftShiftBounds32(d, i, n);
  tnumLeftShift(d, i, n);
  boundsFromTnum(d, i);
}

function cutTnum32(d: Int32Array, i: number): void {
  d[i + VALUE + 1] = 0;
  d[i + MASK + 1] = 0;
}

function bounds32FromTnum(d: Int32Array, i: number): void {
  // boundsFromTnum touches the 64-bit bounds too, which a 32-bit shift has just made as wide as they go.
  boundsFromTnum(d, i);
  forgetBounds64(d, i);
}

function shift32(operation: number, d: Int32Array, i: number, n: number): void {
  if (operation === BPF_LSH) {
    leftShiftBounds32(d, i, n);
    cutTnum32(d, i);
    tnumLeftShift(d, i, n);
    cutTnum32(d, i);
  } else if (operation === BPF_RSH) {
    unboundSigned32(d, i);
    cutTnum32(d, i);
    tnumRightShift(d, i, n);
    d[i + U32_MIN] = d[i + U32_MIN]! >>> n;
    d[i + U32_MAX] = d[i + U32_MAX]! >>> n;
  } else {
    d[i + S32_MIN] = d[i + S32_MIN]! >> n;
    d[i + S32_MAX] = d[i + S32_MAX]! >> n;
    tnumArithmeticShift(d, i, n, 32);
    d[i + U32_MIN] = 0;
    d[i + U32_MAX] = -1;
  }
  forgetBounds64(d, i);
  bounds32FromTnum(d, i);
}

function shift64(operation: number, d: Int32Array, i: number, n: number): void {
  if (operation === BPF_LSH) {
    leftShift64(d, i, n);
    return;
  }
  if (operation === BPF_RSH) {
    unboundSigned64(d, i);
    tnumRightShift(d, i, n);
    shr64(d, i + UMIN, d, i + UMIN, n);
    shr64(d, i + UMAX, d, i + UMAX, n);
  } else {
    sar64(d, i + SMIN, d, i + SMIN, n);
    sar64(d, i + SMAX, d, i + SMAX, n);
    tnumArithmeticShift(d, i, n, 64);
    unboundUnsigned64(d, i);
  }
  forgetBounds32(d, i);
  boundsFromTnum(d, i);
}

function isExact64(w: Int32Array, b: number): boolean {
  return (
    (w[b + MASK]! | w[b + MASK + 1]!) === 0 &&
    equal64(w, b + SMIN, w, b + SMAX) &&
    equal64(w, b + UMIN, w, b + UMAX) &&
    equal64(w, b + SMIN, w, b + VALUE) &&
    equal64(w, b + UMIN, w, b + VALUE) &&
    w[b + S32_MIN] === w[b + VALUE] &&
    w[b + S32_MAX] === w[b + VALUE] &&
    w[b + U32_MIN] === w[b + VALUE] &&
    w[b + U32_MAX] === w[b + VALUE]
  );
}

/** Whether the range of the result can be computed at all, given the operand s. */
function isComputable(operation: number, wide: boolean, s: Int32Array, j: number): boolean {
  switch (operation) {
    case BPF_ADD:
    case BPF_SUB:
    case BPF_NEG:
    case BPF_AND:
    case BPF_XOR:
    case BPF_OR:
    case BPF_MUL:
      return true;
    case BPF_LSH:
    case BPF_RSH:
    case BPF_ARSH: {
      const known = wide
        ? (s[j + MASK]! | s[j + MASK + 1]!) === 0 &&
          equal64(s, j + SMIN, s, j + SMAX) &&
          equal64(s, j + UMIN, s, j + UMAX)
        : s[j + MASK] === 0 && s[j + S32_MIN] === s[j + S32_MAX] && s[j + U32_MIN] === s[j + U32_MAX];
      return known && s[j + UMAX + 1] === 0 && s[j + UMAX]! >>> 0 < (wide ? 64 : 32);
    }
    default:
      return false;
  }
}

/**
 * d = d <operation> s for scalars; `wide` for the 64-bit instruction. Ids, offsets and precision of d are left to the
 * caller, but for operations with a result that nothing is known about, which reset the row.
 */
export function scalarArithmetic(
  operation: number,
  wide: boolean,
  d: Int32Array,
  i: number,
  s: Int32Array,
  j: number,
): void {
  if (!isComputable(operation, wide, s, j)) {
    setUnknownScalar(d, i);
    return;
  }
  if (wide && (operation === BPF_ADD || operation === BPF_SUB) && isExact64(d, i) && isExact64(s, j)) {
    // Constants are common and need no deduction.
    if (operation === BPF_ADD) add64(tmp, 0, d, i + VALUE, s, j + VALUE);
    else sub64(tmp, 0, d, i + VALUE, s, j + VALUE);
    setKnown(d, i, tmp[0]!, tmp[1]!);
    return;
  }
  switch (operation) {
    case BPF_ADD:
      addBounds32(d, i, s, j);
      addBounds64(d, i, s, j);
      tnumAdd(d, i, s, j);
      break;
    case BPF_SUB:
      subBounds32(d, i, s, j);
      subBounds64(d, i, s, j);
      tnumSub(d, i, s, j);
      break;
    case BPF_NEG:
      for (let k = 0; k < ROW; k++) fake[k] = d[i + k]!;
      markKnown(d, i, 0, 0);
      subBounds32(d, i, fake, 0);
      subBounds64(d, i, fake, 0);
      for (let k = 0; k < 4; k++) d[i + k] = fake[k]!;
      tnumNegate(d, i);
      break;
    case BPF_MUL:
      tnumMul(d, i, s, j);
      mulBounds32(d, i, s, j);
      mulBounds64(d, i, s, j);
      break;
    case BPF_AND:
      tnumAnd(d, i, s, j);
      bitwiseBounds(operation, d, i, s, j);
      break;
    case BPF_OR:
      tnumOr(d, i, s, j);
      bitwiseBounds(operation, d, i, s, j);
      break;
    case BPF_XOR:
      tnumXor(d, i, s, j);
      bitwiseBounds(operation, d, i, s, j);
      break;
    default: {
      const n = wide ? s[j + UMIN]! : s[j + U32_MIN]!;
      if (wide) shift64(operation, d, i, n);
      else shift32(operation, d, i, n);
    }
  }
  if (!wide) zeroExtendBounds(d, i);
  syncBounds(d, i);
}
