/**
 * Bounds of a register: signed and unsigned, 64 and 32 bits wide, and how they, and the tnum, teach each other.
 *
 * Five descriptions of one value stand side by side. After anything was learned in one of them, `syncBounds` lets it
 * flow into the others. Each step only intersects, so the order does not matter for soundness; it does matter for
 * having the same result as Linux 6.18, whose order this is.
 */
import { MASK, S32_MAX, S32_MIN, SMAX, SMIN, U32_MAX, U32_MIN, UMAX, UMIN, VALUE, setKnown } from '../state/state.ts';
import { tnumIntersect, tnumRange, tnumStep } from './tnum.ts';
import { copy64, equal64, lts, ltu } from './wide.ts';

const s = new Int32Array(16);

function maxS(w: Int32Array, at: number, v: Int32Array, i: number): void {
  if (lts(w, at, v, i)) copy64(w, at, v, i);
}

function minS(w: Int32Array, at: number, v: Int32Array, i: number): void {
  if (lts(v, i, w, at)) copy64(w, at, v, i);
}

function maxU(w: Int32Array, at: number, v: Int32Array, i: number): void {
  if (ltu(w, at, v, i)) copy64(w, at, v, i);
}

function minU(w: Int32Array, at: number, v: Int32Array, i: number): void {
  if (ltu(v, i, w, at)) copy64(w, at, v, i);
}

function raiseS32(w: Int32Array, b: number, value: number): void {
  if (w[b + S32_MIN]! < value) w[b + S32_MIN] = value;
}

function lowerS32(w: Int32Array, b: number, value: number): void {
  if (w[b + S32_MAX]! > value) w[b + S32_MAX] = value;
}

function raiseU32(w: Int32Array, b: number, value: number): void {
  if (w[b + U32_MIN]! >>> 0 < value >>> 0) w[b + U32_MIN] = value;
}

function lowerU32(w: Int32Array, b: number, value: number): void {
  if (w[b + U32_MAX]! >>> 0 > value >>> 0) w[b + U32_MAX] = value;
}

/** 32-bit bounds from the tnum. */
function bounds32FromTnum(w: Int32Array, b: number): void {
  const value = w[b + VALUE]!;
  const mask = w[b + MASK]!;
  raiseS32(w, b, value | (mask & -0x8000_0000));
  lowerS32(w, b, value | (mask & 0x7fff_ffff));
  raiseU32(w, b, value);
  lowerU32(w, b, value | mask);
}

/** 64-bit bounds from the tnum. */
function bounds64FromTnum(w: Int32Array, b: number): void {
  s[0] = w[b + VALUE]!;
  s[1] = w[b + VALUE + 1]! | (w[b + MASK + 1]! & -0x8000_0000);
  maxS(w, b + SMIN, s, 0);
  s[0] = w[b + VALUE]! | w[b + MASK]!;
  s[1] = w[b + VALUE + 1]! | (w[b + MASK + 1]! & 0x7fff_ffff);
  minS(w, b + SMAX, s, 0);
  maxU(w, b + UMIN, w, b + VALUE);
  s[1] = w[b + VALUE + 1]! | w[b + MASK + 1]!;
  minU(w, b + UMAX, s, 0);
  onlyCommonValue(w, b);
}

/** Where the unsigned range and the tnum have just one value in common, that is the value. */
function onlyCommonValue(w: Int32Array, b: number): void {
  const low = w[b + UMIN]!;
  const high = w[b + UMIN + 1]!;
  const minIsValue = (low & ~w[b + MASK]!) === w[b + VALUE] && (high & ~w[b + MASK + 1]!) === w[b + VALUE + 1];
  tnumStep(s, 2, w, b + VALUE, w, b + UMIN);
  if (minIsValue) {
    if (ltu(w, b + UMAX, s, 2)) setKnown(w, b, low, high);
    return;
  }
  if (s[2] === s[0] && s[3] === s[1]) {
    setKnown(w, b, s[0]!, s[1]!);
    return;
  }
  if (ltu(w, b + UMAX, s, 2)) return;
  tnumStep(s, 4, w, b + VALUE, s, 2);
  if (ltu(w, b + UMAX, s, 4)) setKnown(w, b, s[2]!, s[3]!);
}

export function boundsFromTnum(w: Int32Array, b: number): void {
  bounds32FromTnum(w, b);
  bounds64FromTnum(w, b);
}

/** 32-bit bounds from the 64-bit ones, and from each other. */
function deduce32(w: Int32Array, b: number): void {
  const uminHigh = w[b + UMIN + 1]!;
  const umaxHigh = w[b + UMAX + 1]!;
  const sminHigh = w[b + SMIN + 1]!;
  const smaxHigh = w[b + SMAX + 1]!;
  const uminLow = w[b + UMIN]!;
  const umaxLow = w[b + UMAX]!;
  const sminLow = w[b + SMIN]!;
  const smaxLow = w[b + SMAX]!;
  // Equal upper halves: the lower halves of the 64-bit bounds are bounds of the lower half.
  if (uminHigh === umaxHigh) {
    raiseU32(w, b, uminLow);
    lowerU32(w, b, umaxLow);
    if (uminLow <= umaxLow) {
      raiseS32(w, b, uminLow);
      lowerS32(w, b, umaxLow);
    }
  }
  if (sminHigh === smaxHigh) {
    if (sminLow >>> 0 <= smaxLow >>> 0) {
      raiseU32(w, b, sminLow);
      lowerU32(w, b, smaxLow);
    }
    if (sminLow <= smaxLow) {
      raiseS32(w, b, sminLow);
      lowerS32(w, b, smaxLow);
    }
  }
  // Upper halves that differ by one, lower ones from negative to positive: a signed range around zero.
  if (((uminHigh + 1) | 0) === umaxHigh && uminLow < 0 && umaxLow >= 0) {
    raiseS32(w, b, uminLow);
    lowerS32(w, b, umaxLow);
  }
  if (((sminHigh + 1) | 0) === smaxHigh && sminLow < 0 && smaxLow >= 0) {
    raiseS32(w, b, sminLow);
    lowerS32(w, b, smaxLow);
  }
  // A range that does not cross the sign boundary is the same range in both readings.
  if (w[b + U32_MIN]! <= w[b + U32_MAX]!) {
    raiseS32(w, b, w[b + U32_MIN]!);
    lowerS32(w, b, w[b + U32_MAX]!);
  }
  if (w[b + S32_MIN]! >>> 0 <= w[b + S32_MAX]! >>> 0) {
    raiseU32(w, b, w[b + S32_MIN]!);
    lowerU32(w, b, w[b + S32_MAX]!);
  } else if (w[b + U32_MAX]! >>> 0 < w[b + S32_MIN]! >>> 0) {
    // The signed range wraps around the sign boundary, and the unsigned one meets only its upper part…
    w[b + S32_MIN] = w[b + U32_MIN]!;
    lowerU32(w, b, w[b + S32_MAX]!);
  } else if (w[b + S32_MAX]! >>> 0 < w[b + U32_MIN]! >>> 0) {
    // … or only its lower part.
    w[b + S32_MAX] = w[b + U32_MAX]!;
    raiseU32(w, b, w[b + S32_MIN]!);
  }
}

/** 64-bit bounds from each other. */
function deduce64(w: Int32Array, b: number): void {
  const smin = b + SMIN;
  const smax = b + SMAX;
  const umin = b + UMIN;
  const umax = b + UMAX;
  if (!lts(w, umax, w, umin)) {
    maxS(w, smin, w, umin);
    minS(w, smax, w, umax);
  }
  if (!ltu(w, smax, w, smin)) {
    maxU(w, umin, w, smin);
    minU(w, umax, w, smax);
  } else if (ltu(w, umax, w, smin)) {
    // The signed range is two pieces of the unsigned one; the unsigned range meets only the one from zero up.
    copy64(w, smin, w, umin);
    minU(w, umax, w, smax);
  } else if (ltu(w, smax, w, umin)) {
    // ... and here only the one that ends at the top.
    copy64(w, smax, w, umax);
    maxU(w, umin, w, smin);
  }
}

/** 64-bit bounds from the 32-bit ones. */
function deduceMixed(w: Int32Array, b: number): void {
  s[0] = w[b + U32_MIN]!;
  s[1] = w[b + UMIN + 1]!;
  s[2] = w[b + U32_MAX]!;
  s[3] = w[b + UMAX + 1]!;
  maxU(w, b + UMIN, s, 0);
  minU(w, b + UMAX, s, 2);
  s[1] = w[b + SMIN + 1]!;
  s[3] = w[b + SMAX + 1]!;
  maxS(w, b + SMIN, s, 0);
  minS(w, b + SMAX, s, 2);
  // After a sign-extending load: 64-bit range within s32, and the lower half is not negative.
  if (w[b + S32_MIN]! < 0) return;
  s[0] = -0x8000_0000;
  s[1] = -1;
  s[2] = 0x7fff_ffff;
  s[3] = 0;
  if (lts(w, b + SMIN, s, 0) || lts(s, 2, w, b + SMAX)) return;
  const low = w[b + S32_MIN]!;
  const high = w[b + S32_MAX]!;
  const sign = high >> 31;
  w[b + SMIN] = low;
  w[b + SMIN + 1] = 0;
  w[b + SMAX] = high;
  w[b + SMAX + 1] = sign;
  w[b + UMIN] = low;
  w[b + UMIN + 1] = 0;
  w[b + UMAX] = high;
  w[b + UMAX + 1] = sign;
  tnumRange(s, 4, w, b + SMIN, b + SMAX);
  tnumIntersect(w, b + VALUE, s, 4);
}

/** Tnum from the unsigned bounds. */
function tnumFromBounds(w: Int32Array, b: number): void {
  tnumRange(s, 0, w, b + UMIN, b + UMAX);
  tnumIntersect(w, b + VALUE, s, 0);
  s[8] = w[b + U32_MIN]!;
  s[9] = 0;
  s[10] = w[b + U32_MAX]!;
  s[11] = 0;
  tnumRange(s, 4, s, 8, 10);
  const mask = w[b + MASK]! & s[6]!;
  w[b + VALUE] = (w[b + VALUE]! | s[4]!) & ~mask;
  w[b + MASK] = mask;
}

function deduce(w: Int32Array, b: number): void {
  deduce32(w, b);
  deduce64(w, b);
  deduceMixed(w, b);
}

/** The value and all bounds of a register, one word each for comparison: VALUE up to and including U32_MAX. */
const DESCRIPTION_WORDS = 16;
const before = new Int32Array(DESCRIPTION_WORDS);

/** Lets every description of the value learn from the others (reg_bounds_sync). */
export function syncBounds(w: Int32Array, b: number): void {
  if (isSettled(w, b)) return;
  boundsFromTnum(w, b);
  // Three rounds; once a round brings nothing new, the next ones would not either.
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < DESCRIPTION_WORDS; i++) before[i] = w[b + i]!;
    deduce(w, b);
    let changed = false;
    for (let i = 0; i < DESCRIPTION_WORDS && !changed; i++) changed = before[i] !== w[b + i];
    if (!changed) break;
  }
  tnumFromBounds(w, b);
  boundsFromTnum(w, b);
}

/**
 * Whether nothing can be learned, in the commonest cases: nothing at all is known of the value, or only that its upper half
 * is zero, or it is a constant within its bounds (which then become exact here).
 */
function isSettled(w: Int32Array, b: number): boolean {
  const maskLow = w[b + MASK]!;
  const maskHigh = w[b + MASK + 1]!;
  if (maskLow === -1) {
    if (w[b + U32_MIN] !== 0 || w[b + U32_MAX] !== -1) return false;
    if (w[b + S32_MIN] !== -0x8000_0000 || w[b + S32_MAX] !== 0x7fff_ffff) return false;
    if ((w[b + UMIN]! | w[b + UMIN + 1]! | w[b + SMIN]!) !== 0 || (w[b + UMAX]! & w[b + SMAX]!) !== -1) return false;
    if (maskHigh === 0) {
      return (w[b + VALUE + 1]! | w[b + SMIN + 1]! | w[b + UMAX + 1]! | w[b + SMAX + 1]!) === 0;
    }
    return (
      maskHigh === -1 && w[b + UMAX + 1] === -1 && w[b + SMIN + 1] === -0x8000_0000 && w[b + SMAX + 1] === 0x7fff_ffff
    );
  }
  if ((maskLow | maskHigh) !== 0) return false;
  const at = b + VALUE;
  const low = w[at]!;
  if (ltu(w, at, w, b + UMIN) || ltu(w, b + UMAX, w, at) || lts(w, at, w, b + SMIN) || lts(w, b + SMAX, w, at))
    return false;
  if (low >>> 0 < w[b + U32_MIN]! >>> 0 || low >>> 0 > w[b + U32_MAX]! >>> 0) return false;
  if (low < w[b + S32_MIN]! || low > w[b + S32_MAX]!) return false;
  setKnown(w, b, low, w[at + 1]!);
  return true;
}

/** What is inconsistent about the bounds, or '' (reg_bounds_sanity_check). */
export function boundsViolation(w: Int32Array, b: number): string {
  if (
    ltu(w, b + UMAX, w, b + UMIN) ||
    lts(w, b + SMAX, w, b + SMIN) ||
    w[b + U32_MAX]! >>> 0 < w[b + U32_MIN]! >>> 0 ||
    w[b + S32_MAX]! < w[b + S32_MIN]!
  )
    return 'range bounds violation';
  if ((w[b + MASK]! | w[b + MASK + 1]!) === 0) {
    for (const at of [UMIN, UMAX, SMIN, SMAX])
      if (!equal64(w, b + at, w, b + VALUE)) return 'const tnum out of sync with range bounds';
  }
  if (w[b + MASK] === 0) {
    for (const at of [U32_MIN, U32_MAX, S32_MIN, S32_MAX])
      if (w[b + at] !== w[b + VALUE]) return 'const subreg tnum out of sync with range bounds';
  }
  return '';
}

/** Forgets the 64-bit bounds; the 32-bit ones and the tnum stay. */
export function forgetBounds64(w: Int32Array, b: number): void {
  w[b + SMIN] = 0;
  w[b + SMIN + 1] = -0x8000_0000;
  w[b + SMAX] = -1;
  w[b + SMAX + 1] = 0x7fff_ffff;
  w[b + UMIN] = 0;
  w[b + UMIN + 1] = 0;
  w[b + UMAX] = -1;
  w[b + UMAX + 1] = -1;
}

/** Forgets the 32-bit bounds. */
export function forgetBounds32(w: Int32Array, b: number): void {
  w[b + S32_MIN] = -0x8000_0000;
  w[b + S32_MAX] = 0x7fff_ffff;
  w[b + U32_MIN] = 0;
  w[b + U32_MAX] = -1;
}

/**
 * 64-bit bounds of a register whose upper half has just become zero (zext_32_to_64): the u32 bounds are exact, the s32
 * ones only when they do not cross zero. The caller syncs.
 */
export function zeroExtendBounds(w: Int32Array, b: number): void {
  w[b + VALUE + 1] = 0;
  w[b + MASK + 1] = 0;
  w[b + UMIN] = w[b + U32_MIN]!;
  w[b + UMIN + 1] = 0;
  w[b + UMAX] = w[b + U32_MAX]!;
  w[b + UMAX + 1] = 0;
  const min = w[b + S32_MIN]!;
  const max = w[b + S32_MAX]!;
  if (min >= 0 && max >= 0) {
    w[b + SMIN] = min;
    w[b + SMIN + 1] = 0;
    w[b + SMAX] = max;
    w[b + SMAX + 1] = 0;
  } else {
    w[b + SMIN] = 0;
    w[b + SMIN + 1] = 0;
    w[b + SMAX] = -1;
    w[b + SMAX + 1] = 0;
  }
}
