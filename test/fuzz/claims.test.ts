/** The short form of `npm run fuzz:claims`: whatever programs do lies within what the verifier claims. */
import { describe, expect, it } from 'vitest';
import type { Program } from '../../core/object/program.ts';
import { claimsOf } from '../../core/verifier/claims/collect.ts';
import { assembled } from '../../core/verifier/testing/assembled.ts';
import { verify } from '../../core/verifier/verify.ts';
import { arithmeticProgram } from './arithmetic.ts';
import type { ClaimsTally } from './claims.ts';
import { ClaimsBench, emptyClaimsTally, objectOf } from './claims.ts';
import { generate } from './unwind/generate.ts';
import { loadWorld, toProgram } from './unwind/world.ts';

function violation(bench: ClaimsBench, program: Program, seed: number, tally: ClaimsTally): string | undefined {
  const verification = verify(program, { logLevel: 0 });
  expect(verification.verdict).toBe('accepted');
  const claims = claimsOf(program);
  expect(claims.incomplete).toBeUndefined();
  const of = (target: Program): typeof claims | undefined => (target === program ? claims : undefined);
  return bench.firstViolation({ program, verification, claimsOf: of, seed, maxSteps: 20_000 }, tally);
}

describe('what runs find lies within what is claimed', () => {
  it('by programs that throw, in every frame', () => {
    const world = loadWorld();
    const bench = new ClaimsBench(world);
    const tally = emptyClaimsTally();
    for (let seed = 1; seed <= 12; seed++) {
      expect(violation(bench, toProgram(world, generate(seed)), seed, tally)).toBeUndefined();
    }
    expect(tally.throws).toBeGreaterThan(3);
    expect(tally.frames).toBeGreaterThan(tally.steps);
  });

  it('by programs that calculate', () => {
    const tally = emptyClaimsTally();
    const bench = new ClaimsBench(objectOf(assembled('exit')));
    for (let seed = 1; seed <= 40; seed++) {
      const program = assembled(arithmeticProgram(seed));
      expect(violation(bench, program, seed, tally)).toBeUndefined();
    }
    expect(tally.values).toBeGreaterThan(5_000);
  });
});
