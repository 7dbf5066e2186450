/**
 * `node scripts/run-ts.mjs test/conformance/diagnose-corpus.ts [PATTERN]`: explains every rejected program of the corpus and
 * counts what the explanations have; with a pattern, prints those whose `object:program` or message contains it.
 */
import { formatDiagnosis, UNPAINTED } from '../../core/verifier/diagnosis/format.ts';
import { coverage, explainAll } from './diagnosis.ts';
import { corpusFolder, readReference } from './reference.ts';

const [pattern] = process.argv.slice(2);
const corpus = corpusFolder();
if (corpus === undefined) {
  console.error('The corpus is not in ~/.cache/bailout/selftests: test/conformance/build-corpus makes it.');
  process.exit(2);
}
const rows = readReference().filter(
  ({ object, program, message }) => pattern === undefined || `${object}:${program} ${message}`.includes(pattern),
);
const all = [...explainAll(corpus, rows)];
if (pattern !== undefined) {
  for (const { name, message, diagnosis } of all) {
    const lines = diagnosis === undefined ? ['no diagnosis'] : formatDiagnosis(diagnosis, UNPAINTED);
    console.log([name, message, ...lines.map((line) => `  ${line}`), ''].join('\n'));
  }
}
const { missing, ...counts } = coverage(all);
const share = (part: number, of: number): string => `${part} of ${of} (${((100 * part) / of).toFixed(1)} %)`;
const took = all.map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b);
console.log(`explained        ${share(counts.diagnosed, counts.programs)}
own title        ${share(counts.titled, counts.programs)}
figures          ${share(counts.reasoned, counts.programs)}
place            ${share(counts.placed, counts.atAnInstruction)} of those that stopped at an instruction
causal path      ${share(counts.traced, counts.namesRegister)} of those whose message names a register
advice           ${share(counts.advised, counts.programs)}
tried            ${counts.tried}, of which ${counts.accepted} are then accepted
milliseconds     ${took[took.length >> 1]?.toFixed(1)} in the middle, ${took.at(-1)?.toFixed(0)} at most`);
for (const line of missing) console.log(`missing: ${line}`);
