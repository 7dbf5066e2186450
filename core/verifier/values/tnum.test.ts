import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyValue, get, put, s32, s64, u64 } from '../testing/values.ts';
import * as tnum from './tnum.ts';

interface Tnum {
  readonly value: bigint;
  readonly mask: bigint;
}

const ALL = (1n << 64n) - 1n;

/** Every tnum of `bits` bits, at a place in the word. */
function every(bits: number, shift: bigint): Tnum[] {
  const found: Tnum[] = [];
  for (let mask = 0n; mask < 1n << BigInt(bits); mask++)
    for (let value = 0n; value < 1n << BigInt(bits); value++)
      if ((value & mask) === 0n) found.push({ value: u64(value << shift), mask: u64(mask << shift) });
  return found;
}

function members({ value, mask }: Tnum): bigint[] {
  const found = [value];
  for (let bit = 1n; bit <= mask; bit <<= 1n)
    if ((mask & bit) !== 0n) for (const v of found.slice()) found.push(v | bit);
  return found;
}

const has = (t: Tnum, v: bigint): boolean => (v & u64(~t.mask)) === t.value;

/** Of all tnums with these members, the one that tells most. */
function best(values: readonly bigint[]): Tnum {
  let mask = 0n;
  for (const v of values) mask |= v ^ values[0]!;
  return { mask, value: values[0]! & ~mask };
}

const a = new Int32Array(4);
const b = new Int32Array(4);

function load(w: Int32Array, t: Tnum): void {
  put(w, 0, t.value);
  put(w, 2, t.mask);
}

const read = (w: Int32Array): Tnum => ({ value: get(w, 0), mask: get(w, 2) });

type Binary = (a: Int32Array, i: number, b: Int32Array, j: number) => void;

const BINARY: readonly [string, Binary, (x: bigint, y: bigint) => bigint, boolean][] = [
  ['add', tnum.tnumAdd, (x, y) => u64(x + y), true],
  ['sub', tnum.tnumSub, (x, y) => u64(x - y), true],
  ['and', tnum.tnumAnd, (x, y) => x & y, true],
  ['or', tnum.tnumOr, (x, y) => x | y, true],
  ['xor', tnum.tnumXor, (x, y) => x ^ y, true],
  ['mul', tnum.tnumMul, (x, y) => u64(x * y), false],
];

describe('all tnums of 4 bits, against brute force', () => {
  describe.each([0n, 30n, 60n])('at bit %d', (shift) => {
    const all = every(4, shift).map((t) => ({ t, members: members(t) }));

    test.each(BINARY)('%s holds every result', (name, operation, concrete, isBest) => {
      const wrong: string[] = [];
      for (const x of all) {
        for (const y of all) {
          load(a, x.t);
          load(b, y.t);
          operation(a, 0, b, 0);
          const result = read(a);
          const values = x.members.flatMap((v) => y.members.map((w) => concrete(v, w)));
          const expected = best(values);
          const ok = isBest
            ? result.value === expected.value && result.mask === expected.mask
            : (expected.mask & ~result.mask) === 0n && has(result, expected.value);
          if (!ok) wrong.push(`${name} of ${JSON.stringify([x.t, y.t, result].map(String))}`);
          if ((result.value & result.mask) !== 0n) wrong.push(`${name}: value and mask overlap`);
        }
      }
      expect(wrong).toEqual([]);
    });

    test('union and intersection', () => {
      for (const x of all) {
        for (const y of all) {
          load(a, x.t);
          load(b, y.t);
          tnum.tnumUnion(a, 0, b, 0);
          expect(read(a)).toEqual(best([...x.members, ...y.members]));
          const shared = x.members.filter((v) => has(y.t, v));
          load(a, x.t);
          expect(tnum.tnumOverlap(a, 0, b, 0)).toBe(shared.length > 0);
          expect(tnum.tnumIn(a, 0, b, 0)).toBe(y.members.every((v) => has(x.t, v)));
          if (shared.length === 0) continue;
          tnum.tnumIntersect(a, 0, b, 0);
          expect(read(a)).toEqual(best(shared));
        }
      }
    });

    test('shifts by every count', () => {
      for (const x of all) {
        for (let n = 0; n < 64; n++) {
          const count = BigInt(n);
          load(a, x.t);
          tnum.tnumLeftShift(a, 0, n);
          expect(read(a)).toEqual(best(x.members.map((v) => u64(v << count))));
          load(a, x.t);
          tnum.tnumRightShift(a, 0, n);
          expect(read(a)).toEqual(best(x.members.map((v) => v >> count)));
          load(a, x.t);
          tnum.tnumArithmeticShift(a, 0, n, 64);
          expect(read(a)).toEqual(best(x.members.map((v) => u64(s64(v) >> count))));
        }
      }
    });

    test('negation', () => {
      for (const x of all) {
        load(a, x.t);
        tnum.tnumNegate(a, 0);
        expect(read(a)).toEqual(best(x.members.map((v) => u64(-v))));
      }
    });

    test.each([16, 32, 64])('swapping the bytes of %d bits', (bits) => {
      for (const x of all) {
        load(a, x.t);
        tnum.tnumSwapBytes(a, 0, bits);
        expect(read(a)).toEqual(best(x.members.map((v) => swapped(v, bits))));
      }
    });

    test('the least member above a number', () => {
      for (const x of all) {
        const sorted = x.members.slice().sort((v, w) => (v < w ? -1 : v > w ? 1 : 0));
        for (let z = 0n; z < 18n; z++) {
          load(a, x.t);
          put(b, 0, u64(z << shift));
          tnum.tnumStep(b, 0, a, 0, b, 0);
          // At or past the greatest there is no next, and the greatest is given.
          expect(get(b, 0)).toBe(sorted.find((v) => v > u64(z << shift)) ?? sorted.at(-1));
        }
      }
    });
  });

  test('arithmetic shifts of 32 bits keep to the lower half', () => {
    for (const x of every(4, 28n)) {
      for (let n = 0; n < 32; n++) {
        load(a, x);
        tnum.tnumArithmeticShift(a, 0, n, 32);
        expect(read(a)).toEqual(best(members(x).map((v) => BigInt.asUintN(32, s32(v) >> BigInt(n)))));
      }
    }
  });
});

function swapped(value: bigint, bits: number): bigint {
  let result = 0n;
  for (let k = 0; k < bits; k += 8) result = (result << 8n) | ((value >> BigInt(k)) & 0xffn);
  return result;
}

test('all tnums of 5 bits: multiplication holds every result and knows the parity', () => {
  const all = every(5, 0n).map((t) => ({ t, members: members(t) }));
  for (const x of all) {
    for (const y of all) {
      load(a, x.t);
      load(b, y.t);
      tnum.tnumMul(a, 0, b, 0);
      const { value, mask } = read(a);
      for (const v of x.members)
        for (const w of y.members) if (((v * w) & ~mask) !== value) throw new Error(`${v} * ${w}`);
      if (((x.t.mask | y.t.mask) & 1n) === 0n) expect(mask & 1n).toBe(0n);
    }
  }
});

test('a range becomes the tnum of the bits that its ends share', () => {
  fc.assert(
    fc.property(anyValue, anyValue, (x, y) => {
      const [min, max] = x < y ? [x, y] : [y, x];
      const ends = new Int32Array(4);
      put(ends, 0, min);
      put(ends, 2, max);
      tnum.tnumRange(a, 0, ends, 0, 2);
      const { value, mask } = read(a);
      const differing = min ^ max;
      let expected = 0n;
      while (expected < differing) expected = (expected << 1n) | 1n;
      expect(mask).toBe(expected);
      expect(value).toBe(min & ~expected);
    }),
  );
});

test('what is known of a truncated value is what was known of its lower bytes', () => {
  fc.assert(
    fc.property(anyValue, anyValue, fc.constantFrom(1, 2, 4, 8), (value, mask, size) => {
      const t = { value: value & ~mask & ALL, mask };
      load(a, t);
      tnum.tnumCast(a, 0, size);
      const low = (1n << BigInt(size * 8)) - 1n;
      expect(read(a)).toEqual({ value: t.value & low, mask: t.mask & low });
    }),
  );
});

test('alignment asks for the lower bits to be zero and known', () => {
  for (const t of every(4, 0n)) {
    for (const size of [1, 2, 4, 8]) {
      load(a, t);
      expect(tnum.tnumIsAligned(a, 0, size)).toBe(members(t).every((v) => v % BigInt(size) === 0n));
    }
  }
});
