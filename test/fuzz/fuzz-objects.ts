/**
 * `npm run fuzz:object [-- MUTATIONS [OBJECT…]]`: a thousand mutations each of ten objects of the corpus.
 *
 * Prints what went wrong with the seed that shows it again, and ends with 1 if anything did.
 */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { corpusFolder } from '../conformance/reference.ts';
import { fuzzObject } from './object-fuzz.ts';

/** Each has something that the others lack. */
const objects = [
  'exceptions.bpf.o', // exception callbacks by tag, freplace, a program array
  'linked_list.bpf.o', // kernel objects in maps, many programs
  'test_core_reloc_nesting.bpf.o', // CO-RE
  'test_ksyms_btf.bpf.o', // kernel variables by type
  'bpf_dctcp.bpf.o', // struct_ops
  'test_btf_map_in_map.bpf.o', // inner maps with values
  'core_kern.bpf.o', // large, many relocations
  'test_global_func1.bpf.o', // subprograms
  'test_core_extern.bpf.o', // kconfig
  'arena_list.bpf.o', // arena, address spaces
];

const corpus = corpusFolder();
const [mutations = '1000', ...chosen] = process.argv.slice(2);
if (corpus === undefined && chosen.length === 0) {
  console.error('The corpus is not on this machine: build it into ~/.cache/bailout/selftests, or name object files.');
  process.exit(2);
}
const files = chosen.length > 0 ? chosen : objects.map((name) => join(corpus!, name));
const started = performance.now();
let failures = 0;
for (const file of files) {
  const summary = fuzzObject(basename(file), readFileSync(file), bundledKernelBtf(), Number(mutations));
  const { loaded, refused, findings, slowestMs } = summary;
  console.log(
    `${basename(file).padEnd(34)} ${loaded} loaded, ${refused} refused, slowest ${slowestMs.toFixed(0)} ms, ${findings.length} findings`,
  );
  for (const { seed, what } of findings.slice(0, 5)) console.log(`  seed ${seed}: ${what}`);
  failures += findings.length;
}
console.log(`${files.length} objects in ${((performance.now() - started) / 1000).toFixed(1)} s, ${failures} findings`);
process.exit(failures === 0 ? 0 : 1);
