/**
 * 64-bit arithmetic on pairs of words (low, high) inside Int32Arrays.
 *
 * BigInt allocates on every operation that V8 does not manage to keep in a machine register; pairs of int32 never do.
 * Every function takes (array, index of the low word) per operand.
 */

/** Unsigned less than. */
export function ltu(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  const x = a[i + 1]! >>> 0;
  const y = b[j + 1]! >>> 0;
  return x !== y ? x < y : a[i]! >>> 0 < b[j]! >>> 0;
}

/** Signed less than. */
export function lts(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  const x = a[i + 1]!;
  const y = b[j + 1]!;
  return x !== y ? x < y : a[i]! >>> 0 < b[j]! >>> 0;
}

export function equal64(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  return a[i] === b[j] && a[i + 1] === b[j + 1];
}

export function copy64(to: Int32Array, i: number, from: Int32Array, j: number): void {
  to[i] = from[j]!;
  to[i + 1] = from[j + 1]!;
}

/** to = a + b, wrapping. `to` may be either operand. */
export function add64(to: Int32Array, t: number, a: Int32Array, i: number, b: Int32Array, j: number): void {
  const low = (a[i]! >>> 0) + (b[j]! >>> 0);
  const high = a[i + 1]! + b[j + 1]! + (low > 0xffff_ffff ? 1 : 0);
  to[t] = low | 0;
  to[t + 1] = high | 0;
}

/** to = a - b, wrapping. `to` may be either operand. */
export function sub64(to: Int32Array, t: number, a: Int32Array, i: number, b: Int32Array, j: number): void {
  const low = (a[i]! >>> 0) - (b[j]! >>> 0);
  const high = a[i + 1]! - b[j + 1]! - (low < 0 ? 1 : 0);
  to[t] = low | 0;
  to[t + 1] = high | 0;
}

/** to = a + b; true when the unsigned sum does not fit 64 bits. `to` may be either operand. */
export function addOverflowsU(to: Int32Array, t: number, a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  const low = (a[i]! >>> 0) + (b[j]! >>> 0);
  const high = (a[i + 1]! >>> 0) + (b[j + 1]! >>> 0) + (low > 0xffff_ffff ? 1 : 0);
  to[t] = low | 0;
  to[t + 1] = high | 0;
  return high > 0xffff_ffff;
}

/** to = a - b; true when the unsigned difference is negative. */
export function subOverflowsU(to: Int32Array, t: number, a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  const low = (a[i]! >>> 0) - (b[j]! >>> 0);
  const high = (a[i + 1]! >>> 0) - (b[j + 1]! >>> 0) - (low < 0 ? 1 : 0);
  to[t] = low | 0;
  to[t + 1] = high | 0;
  return high < 0;
}

/** to = a + b; true when the signed sum does not fit 64 bits. */
export function addOverflowsS(to: Int32Array, t: number, a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  const low = (a[i]! >>> 0) + (b[j]! >>> 0);
  const high = a[i + 1]! + b[j + 1]! + (low > 0xffff_ffff ? 1 : 0);
  to[t] = low | 0;
  to[t + 1] = high | 0;
  return high !== (high | 0);
}

/** to = a - b; true when the signed difference does not fit 64 bits. */
export function subOverflowsS(to: Int32Array, t: number, a: Int32Array, i: number, b: Int32Array, j: number): boolean {
  const low = (a[i]! >>> 0) - (b[j]! >>> 0);
  const high = a[i + 1]! - b[j + 1]! - (low < 0 ? 1 : 0);
  to[t] = low | 0;
  to[t + 1] = high | 0;
  return high !== (high | 0);
}

/** to = a << n for 0 <= n < 64. */
export function shl64(to: Int32Array, t: number, a: Int32Array, i: number, n: number): void {
  const low = a[i]!;
  const high = a[i + 1]!;
  if (n === 0) {
    to[t] = low;
    to[t + 1] = high;
  } else if (n < 32) {
    to[t] = low << n;
    to[t + 1] = (high << n) | (low >>> (32 - n));
  } else {
    to[t] = 0;
    to[t + 1] = low << (n - 32);
  }
}

/** to = a >>> n (zeros come in) for 0 <= n < 64. */
export function shr64(to: Int32Array, t: number, a: Int32Array, i: number, n: number): void {
  const low = a[i]!;
  const high = a[i + 1]!;
  if (n === 0) {
    to[t] = low;
    to[t + 1] = high;
  } else if (n < 32) {
    to[t] = (low >>> n) | (high << (32 - n));
    to[t + 1] = high >>> n;
  } else {
    to[t] = high >>> (n - 32);
    to[t + 1] = 0;
  }
}

/** to = a >> n (the sign comes in) for 0 <= n < 64. */
export function sar64(to: Int32Array, t: number, a: Int32Array, i: number, n: number): void {
  const low = a[i]!;
  const high = a[i + 1]!;
  if (n === 0) {
    to[t] = low;
    to[t + 1] = high;
  } else if (n < 32) {
    to[t] = (low >>> n) | (high << (32 - n));
    to[t + 1] = high >> n;
  } else {
    to[t] = high >> (n - 32);
    to[t + 1] = high >> 31;
  }
}

/** Number of the highest set bit plus one; 0 for zero (fls64). */
export function bitLength64(a: Int32Array, i: number): number {
  const high = a[i + 1]!;
  return high !== 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(a[i]!);
}
