/** Rows of scalars and the sets of numbers that they stand for, for tests that compare abstract with concrete arithmetic. */
import fc from 'fast-check';
import {
  MASK,
  ROW,
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
  isConst,
} from '../state/state.ts';
import { SCALAR_VALUE } from '../state/types.ts';

export const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
export const s64 = (value: bigint): bigint => BigInt.asIntN(64, value);
export const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
export const s32 = (value: bigint): bigint => BigInt.asIntN(32, value);

export function put(w: Int32Array, at: number, value: bigint): void {
  w[at] = Number(s32(value));
  w[at + 1] = Number(s32(value >> 32n));
}

export function get(w: Int32Array, at: number): bigint {
  return (BigInt(w[at + 1]! >>> 0) << 32n) | BigInt(w[at]! >>> 0);
}

function span(values: readonly bigint[]): [min: bigint, max: bigint] {
  let [min, max] = [values[0]!, values[0]!];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [min, max];
}

/** The least that can be known of a register that holds one of the values. */
export function rowOf(values: readonly bigint[]): Int32Array {
  const w = new Int32Array(ROW);
  w[TYPE] = SCALAR_VALUE;
  const [umin, umax] = span(values.map(u64));
  const [smin, smax] = span(values.map(s64));
  const [u32min, u32max] = span(values.map(u32));
  const [s32min, s32max] = span(values.map(s32));
  put(w, UMIN, umin);
  put(w, UMAX, umax);
  put(w, SMIN, smin);
  put(w, SMAX, smax);
  w[U32_MIN] = Number(s32(u32min));
  w[U32_MAX] = Number(s32(u32max));
  w[S32_MIN] = Number(s32min);
  w[S32_MAX] = Number(s32max);
  let mask = 0n;
  for (const value of values) mask |= u64(value ^ values[0]!);
  put(w, MASK, mask);
  put(w, VALUE, u64(values[0]!) & ~mask);
  return w;
}

/** Why the row rules the value out, or ''. */
export function whyNot(w: Int32Array, value: bigint): string {
  const unsigned = u64(value);
  if ((unsigned & u64(~get(w, MASK))) !== get(w, VALUE)) return 'tnum';
  if (unsigned < get(w, UMIN) || unsigned > get(w, UMAX)) return 'u64';
  if (s64(value) < s64(get(w, SMIN)) || s64(value) > s64(get(w, SMAX))) return 's64';
  if (u32(value) < BigInt(w[U32_MIN]! >>> 0) || u32(value) > BigInt(w[U32_MAX]! >>> 0)) return 'u32';
  return s32(value) < BigInt(w[S32_MIN]!) || s32(value) > BigInt(w[S32_MAX]!) ? 's32' : '';
}

export function text(w: Int32Array): string {
  const hex = (at: number): string => get(w, at).toString(16);
  return `(${hex(VALUE)}; ${hex(MASK)}) u64 ${hex(UMIN)}..${hex(UMAX)} s64 ${s64(get(w, SMIN))}..${s64(get(w, SMAX))} u32 ${w[U32_MIN]! >>> 0}..${w[U32_MAX]! >>> 0} s32 ${w[S32_MIN]}..${w[S32_MAX]}`;
}

/** The value that the row is sure of. */
export function constant(w: Int32Array): bigint | undefined {
  return isConst(w, 0) ? get(w, VALUE) : undefined;
}

const EDGES = [0n, 1n, 7n, 0x7fffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 1n << 32n, (1n << 63n) - 1n, 1n << 63n];

/** 64-bit numbers, mostly near those where something wraps. */
export const anyValue: fc.Arbitrary<bigint> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...EDGES), fc.integer({ min: -9, max: 9 }))
      .map(([at, by]) => u64(at + BigInt(by))),
  },
  { weight: 2, arbitrary: fc.integer({ min: -64, max: 64 }).map((value) => u64(BigInt(value))) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }) },
);

/** Sets of numbers: a few scattered ones, or a run of neighbours. */
export const anyValues: fc.Arbitrary<bigint[]> = fc.oneof(
  fc.array(anyValue, { minLength: 1, maxLength: 4 }),
  fc
    .tuple(anyValue, fc.integer({ min: 1, max: 12 }), fc.constantFrom(1n, 2n, 8n, 1n << 32n))
    .map(([from, count, step]) => Array.from({ length: count }, (_, k) => u64(from + BigInt(k) * step))),
);
