/** Rejections of the corpus are explained: a fixed sample of them here, all of them with `diagnose-corpus.ts`. */
import { describe, expect, test } from 'vitest';
import { coverage, explainAll } from './diagnosis.ts';
import { corpusFolder, readReference, sample } from './reference.ts';

const rows = sample(
  readReference().filter(({ verdict, insns }) => verdict === 'rejected' && insns < 5000),
  160,
);
const corpus = corpusFolder();
if (corpus === undefined) {
  console.log('skipped: explaining the corpus, since it is not in ~/.cache/bailout/selftests (build-corpus makes it)');
}

describe.skipIf(corpus === undefined)('what Linux 6.18 rejects', () => {
  test('is explained, placed, traced and advised upon', () => {
    const result = coverage(explainAll(corpus!, rows, { tryOut: false }));
    expect(result.programs).toBeGreaterThan(150);
    expect(result.diagnosed).toBe(result.programs);
    expect(result.titled / result.programs).toBeGreaterThan(0.98);
    expect(result.placed / result.atAnInstruction).toBeGreaterThan(0.98);
    expect(result.traced / result.namesRegister).toBeGreaterThan(0.98);
    expect(result.advised / result.programs).toBeGreaterThan(0.98);
  });
});
