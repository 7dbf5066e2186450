/** A verifier with a wrong rule is caught by the first program that runs into it: each test puts one in. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { BPF_ADD, BPF_AND, BPF_JGT, BPF_RSH } from '../../core/isa/opcodes.ts';
import type { Program } from '../../core/object/program.ts';
import { claimsOf } from '../../core/verifier/claims/collect.ts';
import { MASK, SMAX, UMAX, UMIN, getU64, isConst, set64 } from '../../core/verifier/state/state.ts';
import { assembled } from '../../core/verifier/testing/assembled.ts';
import { verify } from '../../core/verifier/verify.ts';
import { arithmeticProgram } from './arithmetic.ts';
import { ClaimsBench, emptyClaimsTally, objectOf } from './claims.ts';

type Defect = 'none' | 'and' | 'shift' | 'add' | 'greater' | 'packet';
const planted = vi.hoisted((): { defect: string } => ({ defect: 'none' }));

vi.mock(import('../../core/verifier/values/scalar-arithmetic.ts'), async (original) => {
  const actual = await original();
  return {
    ...actual,
    scalarArithmetic(...args: Parameters<typeof actual.scalarArithmetic>) {
      const [operation, , w, d] = args;
      const umax = getU64(w, d + UMAX);
      actual.scalarArithmetic(...args);
      if (isConst(w, d)) return;
      // What x & K can be at most, one too small.
      if (planted.defect === 'and' && operation === BPF_AND) {
        const most = getU64(w, d + UMAX);
        if (most > getU64(w, d + UMIN) && most < 0x7fff_ffffn) {
          set64(w, d + UMAX, most - 1n);
          set64(w, d + SMAX, most - 1n);
        }
      }
      // A shift that is forgotten in the bits that are known.
      if (planted.defect === 'shift' && operation === BPF_RSH) set64(w, d + MASK, getU64(w, d + MASK) >> 1n);
      // An overflow that is not seen.
      if (planted.defect === 'add' && operation === BPF_ADD && umax < 1n << 32n) set64(w, d + UMAX, umax);
    },
  };
});

vi.mock(import('../../core/verifier/values/compare.ts'), async (original) => {
  const actual = await original();
  return {
    ...actual,
    refineByComparison(...args: Parameters<typeof actual.refineByComparison>) {
      const [w, i, , , operation, narrow] = args;
      actual.refineByComparison(...args);
      // Greater by two.
      if (planted.defect === 'greater' && operation === BPF_JGT && !narrow) {
        const least = getU64(w, i + UMIN);
        if (least + 1n < getU64(w, i + UMAX)) set64(w, i + UMIN, least + 1n);
      }
    },
  };
});

vi.mock(import('../../core/verifier/calls/packet.ts'), async (original) => {
  const actual = await original();
  return {
    ...actual,
    clearAllPacketPointers(...args: Parameters<typeof actual.clearAllPacketPointers>) {
      if (planted.defect !== 'packet') actual.clearAllPacketPointers(...args);
    },
  };
});

const bench = new ClaimsBench(objectOf(assembled('exit')));

/** What is found about a program by a verifier with a defect. */
function found(defect: Defect, program: Program, seed: number): string | undefined {
  planted.defect = defect;
  const verification = verify(program, { logLevel: 0 });
  if (verification.verdict === 'rejected') return `rejected: ${verification.message}`;
  const claims = claimsOf(program);
  const of = (target: Program): typeof claims | undefined => (target === program ? claims : undefined);
  return bench.firstViolation({ program, verification, claimsOf: of, seed, maxSteps: 5000 }, emptyClaimsTally());
}

beforeEach(() => {
  planted.defect = 'none';
});

describe('a wrong rule', () => {
  it('about the upper bound of a mask is caught where the mask is reached', () => {
    const program = assembled(
      `call 7
       r0 |= 3
       r0 &= 7
       r6 = r0
       r6 += 1
       r0 = 0
       exit`,
    );
    const seeds = Array.from({ length: 12 }, (_, i) => i + 1);
    expect(seeds.map((seed) => found('none', program, seed)).filter((each) => each !== undefined)).toEqual([]);
    const caught = seeds.map((seed) => found('and', program, seed)).find((each) => each !== undefined);
    expect(caught).toMatch(/insn 3, step 3: not within 1 states/);
    expect(caught).toContain('! r0 = 0x7');
  });

  it('about a comparison is caught on the way that it lets through', () => {
    const program = assembled(
      `call 7
       r0 &= 7
       if r0 > 1 goto above
       r0 = 0
       exit
       above:
       r6 = r0
       r0 = 0
       exit`,
    );
    const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
    expect(seeds.map((seed) => found('none', program, seed)).filter((each) => each !== undefined)).toEqual([]);
    expect(seeds.map((seed) => found('greater', program, seed)).join('')).toMatch(/insn 5, [^]*! r0 = 0x2: /);
  });

  it('about packet pointers after the packet has moved is caught at the next instruction', () => {
    const program = assembled(
      `r6 = r1
       r7 = *(u32 *)(r1 + 0)
       r8 = *(u32 *)(r1 + 4)
       r2 = 14
       call 44
       r0 = r7
       r0 += 1
       r0 = r8
       r0 = 1
       exit`,
      { type: 'xdp' },
    );
    expect(found('none', program, 1)).toBeUndefined();
    expect(found('packet', program, 1)).toMatch(/insn 5, step 5[^]*! r7 = /);
  });

  it.each<Defect>(['and', 'shift', 'add'])('of arithmetic (%s) is caught by generated programs', (defect) => {
    let caught: string | undefined;
    let seed = 0;
    while (caught?.includes('not within') !== true && seed < 60) {
      seed++;
      const program = assembled(arithmeticProgram(seed));
      expect(found('none', program, seed)).toBeUndefined();
      caught = found(defect, program, seed);
    }
    expect(caught).toMatch(/not within \d+ states/);
  });
});
