/**
 * Tracked numbers: what is known of a value bit by bit. A bit set in the mask is unknown; others have the value's bit.
 *
 * A tnum is four words: value low, value high, mask low, mask high, at an index of an Int32Array (the first four words of
 * a register's row, or of a scratch row). Operations replace the first operand. The arithmetic is that of Vishwanathan et
 * al., "Sound, Precise, and Fast Abstract Interpretation with Tristate Numbers" (CGO 2022), which Linux uses; the
 * multiplication is the one of Linux 6.18 (join instead of add where a bit of the multiplier is unknown).
 */
import { add64, bitLength64, ltu, sar64, shl64, shr64, sub64 } from './wide.ts';

const t = new Int32Array(16);

/** a = a + b */
export function tnumAdd(a: Int32Array, i: number, b: Int32Array, j: number): void {
  add64(t, 0, a, i + 2, b, j + 2); // sm
  add64(t, 2, a, i, b, j); // sv
  add64(t, 4, t, 0, t, 2); // sigma
  const low = (t[4]! ^ t[2]!) | a[i + 2]! | b[j + 2]!;
  const high = (t[5]! ^ t[3]!) | a[i + 3]! | b[j + 3]!;
  a[i] = t[2]! & ~low;
  a[i + 1] = t[3]! & ~high;
  a[i + 2] = low;
  a[i + 3] = high;
}

/** a = a - b */
export function tnumSub(a: Int32Array, i: number, b: Int32Array, j: number): void {
  sub64(t, 0, a, i, b, j); // dv
  add64(t, 2, t, 0, a, i + 2); // alpha
  sub64(t, 4, t, 0, b, j + 2); // beta
  const low = (t[2]! ^ t[4]!) | a[i + 2]! | b[j + 2]!;
  const high = (t[3]! ^ t[5]!) | a[i + 3]! | b[j + 3]!;
  a[i] = t[0]! & ~low;
  a[i + 1] = t[1]! & ~high;
  a[i + 2] = low;
  a[i + 3] = high;
}

/** a = a & b */
export function tnumAnd(a: Int32Array, i: number, b: Int32Array, j: number): void {
  for (let k = 0; k < 2; k++) {
    const alpha = a[i + k]! | a[i + 2 + k]!;
    const beta = b[j + k]! | b[j + 2 + k]!;
    const value = a[i + k]! & b[j + k]!;
    a[i + k] = value;
    a[i + 2 + k] = alpha & beta & ~value;
  }
}

/** a = a | b */
export function tnumOr(a: Int32Array, i: number, b: Int32Array, j: number): void {
  for (let k = 0; k < 2; k++) {
    const value = a[i + k]! | b[j + k]!;
    const mask = a[i + 2 + k]! | b[j + 2 + k]!;
    a[i + k] = value;
    a[i + 2 + k] = mask & ~value;
  }
}

/** a = a ^ b */
export function tnumXor(a: Int32Array, i: number, b: Int32Array, j: number): void {
  for (let k = 0; k < 2; k++) {
    const value = a[i + k]! ^ b[j + k]!;
    const mask = a[i + 2 + k]! | b[j + 2 + k]!;
    a[i + k] = value & ~mask;
    a[i + 2 + k] = mask;
  }
}

/** a = what both a and b say; where they contradict each other, a known 1. */
export function tnumIntersect(a: Int32Array, i: number, b: Int32Array, j: number): void {
  for (let k = 0; k < 2; k++) {
    const value = a[i + k]! | b[j + k]!;
    const mask = a[i + 2 + k]! & b[j + 2 + k]!;
    a[i + k] = value & ~mask;
    a[i + 2 + k] = mask;
  }
}

/** a = the smallest tnum that holds every value of a and of b. */
export function tnumUnion(a: Int32Array, i: number, b: Int32Array, j: number): void {
  for (let k = 0; k < 2; k++) {
    const value = a[i + k]! & b[j + k]!;
    const mask = (a[i + k]! ^ b[j + k]!) | a[i + 2 + k]! | b[j + 2 + k]!;
    a[i + k] = value & ~mask;
    a[i + 2 + k] = mask;
  }
}

const multiplier = new Int32Array(4);
const multiplicand = new Int32Array(4);
const partial = new Int32Array(4);
const product = new Int32Array(4);

/** a = a * b */
export function tnumMul(a: Int32Array, i: number, b: Int32Array, j: number): void {
  for (let k = 0; k < 4; k++) {
    multiplier[k] = a[i + k]!;
    multiplicand[k] = b[j + k]!;
    product[k] = 0;
  }
  while ((multiplier[0]! | multiplier[1]! | multiplier[2]! | multiplier[3]!) !== 0) {
    if ((multiplier[0]! & 1) !== 0) tnumAdd(product, 0, multiplicand, 0);
    else if ((multiplier[2]! & 1) !== 0) {
      partial.set(product);
      tnumAdd(partial, 0, multiplicand, 0);
      tnumUnion(product, 0, partial, 0);
    }
    shr64(multiplier, 0, multiplier, 0, 1);
    shr64(multiplier, 2, multiplier, 2, 1);
    shl64(multiplicand, 0, multiplicand, 0, 1);
    shl64(multiplicand, 2, multiplicand, 2, 1);
  }
  for (let k = 0; k < 4; k++) a[i + k] = product[k]!;
}

/** a = a << n, 0 <= n < 64 */
export function tnumLeftShift(a: Int32Array, i: number, n: number): void {
  shl64(a, i, a, i, n);
  shl64(a, i + 2, a, i + 2, n);
}

/** a = a >> n with zeros coming in, 0 <= n < 64 */
export function tnumRightShift(a: Int32Array, i: number, n: number): void {
  shr64(a, i, a, i, n);
  shr64(a, i + 2, a, i + 2, n);
}

/** a = a >> n with the sign coming in, as a number of `bits` (32 or 64) bits; for 32 the result is zero-extended. */
export function tnumArithmeticShift(a: Int32Array, i: number, n: number, bits: 32 | 64): void {
  if (bits === 32) {
    a[i] = a[i]! >> n;
    a[i + 1] = 0;
    a[i + 2] = a[i + 2]! >> n;
    a[i + 3] = 0;
    return;
  }
  sar64(a, i, a, i, n);
  sar64(a, i + 2, a, i + 2, n);
}

/** a = -a */
export function tnumNegate(a: Int32Array, i: number): void {
  for (let k = 0; k < 4; k++) {
    multiplicand[k] = a[i + k]!;
    a[i + k] = 0;
  }
  tnumSub(a, i, multiplicand, 0);
}

function swap32(value: number): number {
  return ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** Reverses the lowest 16, 32 or 64 bits by bytes; what lies above becomes zero. */
export function tnumSwapBytes(a: Int32Array, i: number, bits: number): void {
  for (let at = i; at < i + 4; at += 2) {
    const low = a[at]!;
    const high = a[at + 1]!;
    a[at] = bits === 64 ? swap32(high) : bits === 32 ? swap32(low) : swap16(low);
    a[at + 1] = bits === 64 ? swap32(low) : 0;
  }
}

/** Cuts a to its lowest `size` bytes. */
export function tnumCast(a: Int32Array, i: number, size: number): void {
  if (size >= 8) return;
  a[i + 1] = 0;
  a[i + 3] = 0;
  if (size >= 4) return;
  const keep = (1 << (size * 8)) - 1;
  a[i] = a[i]! & keep;
  a[i + 2] = a[i + 2]! & keep;
}

/** to = the smallest tnum that holds every number from min to max (unsigned 64-bit, at (w, min) and (w, max)). */
export function tnumRange(to: Int32Array, i: number, w: Int32Array, min: number, max: number): void {
  t[0] = w[min]! ^ w[max]!;
  t[1] = w[min + 1]! ^ w[max + 1]!;
  const bits = bitLength64(t, 0);
  if (bits > 63) {
    to[i] = 0;
    to[i + 1] = 0;
    to[i + 2] = -1;
    to[i + 3] = -1;
    return;
  }
  const low = bits >= 32 ? -1 : (1 << bits) - 1;
  const high = bits > 32 ? (1 << (bits - 32)) - 1 : 0;
  to[i] = w[min]! & ~low;
  to[i + 1] = w[min + 1]! & ~high;
  to[i + 2] = low;
  to[i + 3] = high;
}

const stepScratch = new Int32Array(8);

/**
 * to = the smallest value of the tnum (a, i) that is greater than the number at (z, k); its greatest value when there is none.
 * Adding one to the distance from the smallest value must carry over the known bits: they are filled with ones for it.
 */
export function tnumStep(to: Int32Array, at: number, a: Int32Array, i: number, z: Int32Array, k: number): void {
  const maxLow = a[i]! | a[i + 2]!;
  const maxHigh = a[i + 1]! | a[i + 3]!;
  stepScratch[0] = maxLow;
  stepScratch[1] = maxHigh;
  if (!ltu(z, k, stepScratch, 0)) {
    to[at] = maxLow;
    to[at + 1] = maxHigh;
    return;
  }
  if (ltu(z, k, a, i)) {
    to[at] = a[i]!;
    to[at + 1] = a[i + 1]!;
    return;
  }
  sub64(stepScratch, 2, z, k, a, i);
  stepScratch[4] = stepScratch[2]! & ~a[i + 2]!;
  stepScratch[5] = stepScratch[3]! & ~a[i + 3]!;
  const bits = bitLength64(stepScratch, 4);
  const carryLow = bits >= 32 ? -1 : (1 << bits) - 1;
  const carryHigh = bits > 32 ? (bits >= 64 ? -1 : (1 << (bits - 32)) - 1) : 0;
  stepScratch[2] = stepScratch[2]! | carryLow | ~a[i + 2]!;
  stepScratch[3] = stepScratch[3]! | carryHigh | ~a[i + 3]!;
  const low = (stepScratch[2]! >>> 0) + 1;
  const high = stepScratch[3]! + (low > 0xffff_ffff ? 1 : 0);
  to[at] = a[i]! | (low & a[i + 2]!);
  to[at + 1] = a[i + 1]! | (high & a[i + 3]!);
}

/** Whether every value of b is one of a. */
export function tnumIn(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  if (((b[j + 2]! & ~a[i + 2]!) | (b[j + 3]! & ~a[i + 3]!)) !== 0) return false;
  return a[i] === (b[j]! & ~a[i + 2]!) && a[i + 1] === (b[j + 1]! & ~a[i + 3]!);
}

/** Whether a and b can hold the same value. */
export function tnumOverlap(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  const low = ~(a[i + 2]! | b[j + 2]!);
  const high = ~(a[i + 3]! | b[j + 3]!);
  return ((a[i]! ^ b[j]!) & low) === 0 && ((a[i + 1]! ^ b[j + 1]!) & high) === 0;
}

/** Whether every value is a multiple of `size`, a power of two up to 8 (or 0 for "anything goes"). */
export function tnumIsAligned(a: Int32Array, i: number, size: number): boolean {
  return size === 0 || ((a[i]! | a[i + 2]!) & (size - 1)) === 0;
}

export function tnumIsUnknown(a: Int32Array, i: number): boolean {
  return a[i + 2] === -1 && a[i + 3] === -1;
}
