/**
 * A fixed sample of the corpus, in `npm test`: each program agrees with the kernel in verdict, last line and instructions processed. The whole
 * corpus is `npm run conformance`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verify } from '../../core/verifier/verify.ts';
import { compare } from './compare.ts';
import { kernelBtf } from './kernel-btf.ts';
import { loadCorpusObject, referenceProgram } from './loading.ts';
import { corpusFolder, readReference, sample } from './reference.ts';

/** Long ones are for the full run. */
const rows = sample(
  readReference().filter(({ insns }) => insns < 5000),
  150,
);
const corpus = corpusFolder();
if (corpus === undefined) {
  console.log(
    'skipped: the conformance sample, since the corpus is not in ~/.cache/bailout/selftests (build-corpus makes it)',
  );
}

describe.skipIf(corpus === undefined)('as Linux 6.18 judged', () => {
  test.each(rows.map((row) => [`${row.object}:${row.program}`, row] as const))('%s', (_name, row) => {
    const object = loadCorpusObject(row.object, readFileSync(join(corpus!, row.object)), kernelBtf());
    const program = referenceProgram(object, row.program)!;
    expect(program.loadError).toBeUndefined();
    const { verdict, message, insns, states, durationUs, stackDepth } = verify(program, {
      profile: 'linux',
      logLevel: 0,
    });
    const comparison = compare(row, {
      kind: verdict,
      message,
      insns,
      states,
      durationUs,
      stackDepth: stackDepth.join('+'),
    });
    expect({ category: comparison.category, ours: `${verdict} ${message}` }).toEqual({
      category: 'agrees',
      ours: `${row.verdict} ${message}`,
    });
  });
});
