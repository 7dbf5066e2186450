/** The short form of `npm run fuzz:unwind`; CI runs 100,000 programs. */
import { describe, expect, it } from 'vitest';
import { Checker } from './check.ts';
import { generate } from './generate.ts';
import { Mover } from './moving.ts';
import { loadWorld } from './world.ts';

const PROGRAMS = 200;
/** Each of their moments is looked at, so there are fewer. */
const MOVED = 40;
const seeds = Array.from({ length: PROGRAMS }, (_, i) => i + 1);

describe('generated programs that throw', () => {
  it('are the same for the same seed', () => {
    expect(generate(7)).toEqual(generate(7));
    expect(generate(7).source).not.toBe(generate(8).source);
  });

  it('are accepted, leave nothing behind, release everything once and in order, and run the same twice', () => {
    const checker = new Checker(loadWorld());
    expect(seeds.map((seed) => checker.check(seed)).filter((violation) => violation !== undefined)).toEqual([]);
    // A generator that never throws would check nothing.
    expect(checker.tally.throws).toBeGreaterThan(PROGRAMS / 2);
    expect(checker.tally.releases).toBeGreaterThan(PROGRAMS);
  });

  it('are caught when they leak: by the verifier in the program, by the run in the descriptors', () => {
    const checker = new Checker(loadWorld());
    expect(seeds.map((seed) => checker.checkPlanted(seed)).filter((violation) => violation !== undefined)).toEqual([]);
    expect(checker.tally.plantedLeaks).toBeGreaterThan(PROGRAMS);
  });

  it('can be gone through in both directions: one state for a moment, and the same stops there and back', () => {
    const mover = new Mover(loadWorld());
    const found = seeds.slice(0, MOVED).map((seed) => mover.check(seed));
    expect(found.filter((violation) => violation !== undefined)).toEqual([]);
    expect(mover.tally.phases).toBeGreaterThan(MOVED);
    expect(mover.tally.stops).toBeGreaterThan(10 * MOVED);
  });
});
