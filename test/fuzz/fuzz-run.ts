/** `node scripts/run-ts.mjs test/fuzz/fuzz-run.ts [SECONDS] [SEED]`: mutated programs of the whole corpus, run without verification. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { kernelBtf } from '../conformance/kernel-btf.ts';
import { loadCorpusObject } from '../conformance/loading.ts';
import { corpusFolder } from '../conformance/reference.ts';
import { mutated, randomNumbers, runUnverified } from './run-fuzz.ts';

const seconds = Number(process.argv[2] ?? 60);
const seed = Number(process.argv[3] ?? 1);
const corpus = corpusFolder();
if (corpus === undefined) {
  console.log('The corpus is not on this machine (test/conformance/README.md).');
  process.exit(2);
}
const random = randomNumbers(seed);
const btf = kernelBtf();
const names = readdirSync(corpus).filter((name) => name.endsWith('.bpf.o'));
const ends = new Map<string, number>();
const defects: string[] = [];
const until = performance.now() + seconds * 1000;
while (performance.now() < until) {
  const name = names[random(names.length)]!;
  const object = loadCorpusObject(name, readFileSync(join(corpus, name)), btf);
  for (let i = 0; i < 4 && object.programs.length > 0; i++) {
    const program = mutated(object.programs[random(object.programs.length)]!, random);
    try {
      const end = runUnverified(object, program);
      ends.set(end, (ends.get(end) ?? 0) + 1);
    } catch (error) {
      defects.push(
        `${name}:${program.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }
}
for (const [end, count] of [...ends].sort((a, b) => b[1] - a[1])) console.log(`${String(count).padStart(7)} ${end}`);
for (const defect of defects.slice(0, 10)) console.log(defect);
console.log(`seed ${seed}: ${defects.length} defects`);
process.exitCode = defects.length === 0 ? 0 : 1;
