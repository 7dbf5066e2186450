import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
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
} from '../../isa/opcodes.ts';
import { syncBounds } from './bounds.ts';
import { branchTaken, flipOpcode, refineByComparison, reverseOpcode } from './compare.ts';
import { anyValues, rowOf, s32, s64, text, u32, u64, whyNot } from '../testing/values.ts';

type Test = (u: bigint, v: bigint, su: bigint, sv: bigint) => boolean;

const COMPARISONS: readonly [name: string, operation: number, holds: Test][] = [
  ['==', BPF_JEQ, (u, v) => u === v],
  ['!=', BPF_JNE, (u, v) => u !== v],
  ['&', BPF_JSET, (u, v) => (u & v) !== 0n],
  ['>', BPF_JGT, (u, v) => u > v],
  ['>=', BPF_JGE, (u, v) => u >= v],
  ['<', BPF_JLT, (u, v) => u < v],
  ['<=', BPF_JLE, (u, v) => u <= v],
  ['s>', BPF_JSGT, (_u, _v, su, sv) => su > sv],
  ['s>=', BPF_JSGE, (_u, _v, su, sv) => su >= sv],
  ['s<', BPF_JSLT, (_u, _v, su, sv) => su < sv],
  ['s<=', BPF_JSLE, (_u, _v, su, sv) => su <= sv],
];

const SMALL: bigint[][] = [];
for (let from = -4; from <= 4; from++)
  for (let to = from; to <= 4; to++) SMALL.push(Array.from({ length: to - from + 1 }, (_, k) => u64(BigInt(from + k))));

function check(operation: number, holds: Test, narrow: boolean, xs: readonly bigint[], ys: readonly bigint[]): number {
  const a = rowOf(xs);
  const b = rowOf(ys);
  const taken = branchTaken(a, 0, b, 0, operation, narrow);
  const pairs = xs.flatMap((x) =>
    ys.map((y) => ({
      x,
      y,
      jumps: narrow ? holds(u32(x), u32(y), s32(x), s32(y)) : holds(u64(x), u64(y), s64(x), s64(y)),
    })),
  );
  for (const { x, y, jumps } of pairs)
    if (taken >= 0 && jumps !== (taken === 1)) throw new Error(`taken ${taken}, but ${x}, ${y}`);
  if (taken >= 0) return taken;
  for (const jumps of [true, false]) {
    const left = rowOf(xs);
    const right = rowOf(ys);
    refineByComparison(left, 0, right, 0, jumps ? operation : reverseOpcode(operation), narrow);
    syncBounds(left, 0);
    syncBounds(right, 0);
    for (const pair of pairs) {
      if (pair.jumps !== jumps) continue;
      const why = whyNot(left, pair.x) || whyNot(right, pair.y);
      if (why !== '')
        throw new Error(`${jumps}: ${pair.x}, ${pair.y} ruled out by ${why}: ${text(left)} and ${text(right)}`);
    }
  }
  return taken;
}

describe.each([
  ['64 bits', false],
  ['32 bits', true],
] as const)('comparing %s', (_, narrow) => {
  describe.each(COMPARISONS)('%s', (_name, operation, holds) => {
    test('of all small ranges decides only what is certain, and keeps what can be', () => {
      for (const xs of SMALL) for (const ys of SMALL) check(operation, holds, narrow, xs, ys);
      expect(SMALL).toHaveLength(45);
    });

    test('of any values too', () => {
      fc.assert(
        fc.property(anyValues, anyValues, (xs, ys) => void check(operation, holds, narrow, xs, ys)),
        { numRuns: 2000 },
      );
    });

    test('of constants is always decided', () => {
      fc.assert(
        fc.property(anyValues, anyValues, ([x = 0n], [y = 0n]) => {
          expect(check(operation, holds, narrow, [x], [y])).toBeGreaterThanOrEqual(0);
        }),
      );
    });
  });
});

describe('opcodes', () => {
  test.each(COMPARISONS.filter(([name]) => name !== '&'))(
    '%s has an opposite and a mirror image',
    (_n, operation, holds) => {
      const test1 = (code: number): Test => COMPARISONS.find(([, other]) => other === code)![2];
      for (const x of [-2n, 0n, 3n]) {
        for (const y of [-2n, 0n, 3n]) {
          const [u, v] = [u64(x), u64(y)];
          expect(test1(reverseOpcode(operation))(u, v, x, y)).toBe(!holds(u, v, x, y));
          expect(test1(flipOpcode(operation))(v, u, y, x)).toBe(holds(u, v, x, y));
        }
      }
    },
  );
});
