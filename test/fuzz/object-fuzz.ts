/** Feeds damaged objects to the loader: whatever the bytes, it answers with an object or a BailoutError, and soon. */
import { BailoutError } from '../../core/errors.ts';
import type { Btf } from '../../core/object/btf/btf.ts';
import { loadObject } from '../../core/object/object.ts';
import { hotRanges, mutate, randomSource } from './mutate.ts';

export interface Finding {
  readonly object: string;
  /** Reproduces the damage: {@link damagedObject} with the same original. */
  readonly seed: number;
  readonly what: string;
}

export interface FuzzSummary {
  readonly mutations: number;
  readonly loaded: number;
  readonly refused: number;
  readonly findings: readonly Finding[];
  readonly slowestMs: number;
}

/** The damaged copy that belongs to a seed. */
export function damagedObject(bytes: Uint8Array, seed: number): Uint8Array {
  return mutate(bytes, hotRanges(bytes), randomSource(seed));
}

/** A load that takes longer than this has a loop or a size in it that nobody checked. */
const TOO_SLOW_MS = 5000;

export function fuzzObject(
  name: string,
  bytes: Uint8Array,
  kernelBtf: Btf,
  mutations: number,
  firstSeed = 1,
): FuzzSummary {
  const ranges = hotRanges(bytes);
  const findings: Finding[] = [];
  let loaded = 0;
  let refused = 0;
  let slowestMs = 0;
  for (let seed = firstSeed; seed < firstSeed + mutations; seed++) {
    const damaged = mutate(bytes, ranges, randomSource(seed));
    const started = performance.now();
    try {
      loadObject(damaged, { name, kernelBtf });
      loaded++;
    } catch (error) {
      if (error instanceof BailoutError) refused++;
      else findings.push({ object: name, seed, what: describe(error) });
    }
    const took = performance.now() - started;
    slowestMs = Math.max(slowestMs, took);
    if (took > TOO_SLOW_MS) findings.push({ object: name, seed, what: `took ${(took / 1000).toFixed(1)} s` });
  }
  return { mutations, loaded, refused, findings, slowestMs };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error.stack ?? error.message).split('\n').slice(0, 4).join('\n');
}
