import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
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
import { boundsViolation, syncBounds } from './bounds.ts';
import { scalarArithmetic } from './scalar-arithmetic.ts';
import { MASK, S32_MIN, SMIN, U32_MAX, U32_MIN, UMAX, UMIN, VALUE } from '../state/state.ts';
import { anyValues, constant, get, put, rowOf, s32, s64, text, u32, u64, whyNot } from '../testing/values.ts';

type Concrete = (x: bigint, y: bigint, wide: boolean) => bigint;

const OPERATIONS: readonly [name: string, operation: number, concrete: Concrete][] = [
  ['+', BPF_ADD, (x, y) => x + y],
  ['-', BPF_SUB, (x, y) => x - y],
  ['*', BPF_MUL, (x, y) => x * y],
  ['&', BPF_AND, (x, y) => x & y],
  ['|', BPF_OR, (x, y) => x | y],
  ['^', BPF_XOR, (x, y) => x ^ y],
  ['negation', BPF_NEG, (x) => -x],
];

const SHIFTS: typeof OPERATIONS = [
  ['<<', BPF_LSH, (x, y) => x << y],
  ['>>', BPF_RSH, (x, y) => x >> y],
  ['s>>', BPF_ARSH, (x, y, wide) => (wide ? s64(x) : s32(x)) >> y],
];

function check(
  operation: number,
  wide: boolean,
  xs: readonly bigint[],
  ys: readonly bigint[],
  concrete: Concrete,
): void {
  const row = rowOf(xs);
  const source = rowOf(ys);
  scalarArithmetic(operation, wide, row, 0, source, 0);
  if (boundsViolation(row, 0) !== '') throw new Error(`${boundsViolation(row, 0)}: ${text(row)}`);
  for (const x of xs) {
    for (const y of ys) {
      const value = wide ? u64(concrete(u64(x), u64(y), true)) : u32(concrete(u32(x), u32(y), false));
      const why = whyNot(row, value);
      if (why !== '') throw new Error(`${x}, ${y}: ${value.toString(16)} is ruled out by ${why} of ${text(row)}`);
    }
  }
}

describe.each([
  ['64 bits', true],
  ['32 bits', false],
] as const)('with %s', (_, wide) => {
  describe.each(OPERATIONS)('%s', (name, operation, concrete) => {
    test('of all small ranges around zero holds every result', () => {
      const ranges: bigint[][] = [];
      for (let from = -5; from <= 5; from++)
        for (let to = from; to <= 5; to++)
          ranges.push(Array.from({ length: to - from + 1 }, (_unused, k) => u64(BigInt(from + k))));
      for (const xs of ranges) for (const ys of ranges) check(operation, wide, xs, ys, concrete);
      expect(ranges).toHaveLength(66);
    });

    test('of any values holds every result', () => {
      fc.assert(
        fc.property(anyValues, anyValues, (xs, ys) => check(operation, wide, xs, ys, concrete)),
        { numRuns: 1500 },
      );
    });

    test('of constants is the constant', () => {
      fc.assert(
        fc.property(anyValues, anyValues, ([x = 0n], [y = 0n]) => {
          const row = rowOf([x]);
          scalarArithmetic(operation, wide, row, 0, rowOf([y]), 0);
          const value = wide ? u64(concrete(x, y, true)) : u32(concrete(u32(x), u32(y), false));
          expect(constant(row), name).toBe(value);
        }),
      );
    });
  });

  test.each(SHIFTS)('%s by every count holds every result', (_name, operation, concrete) => {
    fc.assert(
      fc.property(anyValues, fc.integer({ min: 0, max: wide ? 63 : 31 }), (xs, count) =>
        check(operation, wide, xs, [BigInt(count)], concrete),
      ),
      { numRuns: 1500 },
    );
  });

  test.each(SHIFTS)('nothing is known of %s by a count that may be too large', (_name, operation) => {
    for (const counts of [[wide ? 64n : 32n], [0n, 1n, 200n], [1n, 2n]]) {
      const row = rowOf([1n, 2n]);
      scalarArithmetic(operation, wide, row, 0, rowOf(counts), 0);
      const top = wide ? (1n << 64n) - 1n : (1n << 32n) - 1n;
      for (const value of [0n, 1n, top, top >> 1n]) expect(whyNot(row, value)).toBe('');
    }
  });
});

describe('the bounds of one description follow from the others', () => {
  test('and never lose a value', () => {
    fc.assert(
      fc.property(anyValues, fc.integer({ min: 0, max: 31 }), (values, forget) => {
        const row = rowOf(values);
        const nothing = rowOf([0n, 1n << 63n, (1n << 63n) - 1n, (1n << 64n) - 1n, 0x8000_0000n, 0x7fff_ffffn]);
        // Words of the tnum, s64, u64, s32 and u32, each forgotten or not.
        [
          [VALUE, 4],
          [SMIN, 4],
          [UMIN, 4],
          [S32_MIN, 2],
          [U32_MIN, 2],
        ].forEach(([at = 0, count = 0], k) => {
          if ((forget & (1 << k)) !== 0) for (let i = at; i < at + count; i++) row[i] = nothing[i]!;
        });
        const before = row.slice();
        syncBounds(row, 0);
        for (const value of values) {
          const why = whyNot(row, value);
          if (why !== '')
            throw new Error(`${value.toString(16)} ruled out by ${why}: ${text(before)} became ${text(row)}`);
        }
        expect(boundsViolation(row, 0)).toBe('');
      }),
      { numRuns: 5000 },
    );
  });

  test('a range and a tnum with one value in common are that value', () => {
    const row = rowOf([0x10n, 0x11n, 0x12n, 0x13n, 0x14n, 0x15n, 0x16n, 0x17n, 0x18n]);
    put(row, VALUE, 5n);
    put(row, MASK, 0xf0n);
    syncBounds(row, 0);
    expect(constant(row)).toBe(0x15n);
  });

  test('a 32-bit range that fits both ends of the 64-bit one gives it its ends', () => {
    const row = rowOf([0x1_0000_0000n, 0x1_0000_001fn]);
    row[U32_MIN] = 4;
    row[U32_MAX] = 8;
    syncBounds(row, 0);
    expect(get(row, UMIN)).toBe(0x1_0000_0004n);
    expect(get(row, UMAX)).toBe(0x1_0000_0008n);
  });
});
