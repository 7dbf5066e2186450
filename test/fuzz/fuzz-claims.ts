/**
 * `npm run fuzz:claims -- [--runs N] [--seed S] [--calculations N] [--steps N] [--worlds N] [--only TEXT] [--no-corpus]`: does what the verifier claims hold? Verifies and runs the
 * examples, generated programs with throws and with arithmetic, and the corpus where it is on this machine, and compares every register and stack slot of every frame at every
 * step. Exit status 1 when a value lies outside of what was claimed.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseScenario } from '../../core/kernel/scenario-file.ts';
import { loadObject } from '../../core/object/object.ts';
import type { Scenario } from '../../core/kernel/scenario.ts';
import type { ObjectFile, Program } from '../../core/object/program.ts';
import { claimsOf } from '../../core/verifier/claims/collect.ts';
import type { Claims } from '../../core/verifier/claims/claims.ts';
import { verify } from '../../core/verifier/verify.ts';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { kernelBtf } from '../conformance/kernel-btf.ts';
import { loadCorpusObject } from '../conformance/loading.ts';
import { corpusFolder } from '../conformance/reference.ts';
import { assembled } from '../../core/verifier/testing/assembled.ts';
import { arithmeticProgram } from './arithmetic.ts';
import { ClaimsBench, emptyClaimsTally, objectOf } from './claims.ts';
import { generate } from './unwind/generate.ts';
import { Random } from './unwind/random.ts';
import { loadWorld, toProgram } from './unwind/world.ts';

function option(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

const runs = option('runs', 500);
const firstSeed = option('seed', 1);
const maxSteps = option('steps', 2000);
const onlyAt = process.argv.indexOf('--only');
const only = onlyAt < 0 ? '' : (process.argv[onlyAt + 1] ?? '');
const tally = emptyClaimsTally();
const incomplete = new Map<string, number>();
const found: string[] = [];
let programs = 0;
let collecting = 0;

/** Verifies a program, collects its claims and runs it in each world; what is found is added to the list. */
function check(
  benches: readonly ClaimsBench[],
  object: ObjectFile,
  program: Program,
  seed: number | undefined,
  steps: number,
): void {
  if (program.loadError !== undefined || !`${object.name} ${program.name}`.includes(only)) return;
  const verification = verify(program, { logLevel: 0 });
  if (verification.verdict === 'rejected') return;
  programs++;
  const began = performance.now();
  const claims = claimsOf(program);
  collecting += performance.now() - began;
  const why = claims.incomplete;
  if (why !== undefined) incomplete.set(why, (incomplete.get(why) ?? 0) + 1);
  if (why !== undefined && process.argv.includes('--verbose')) console.log(`${object.name} ${program.name}: ${why}`);
  const of = (target: Program): Claims | undefined => (target === program ? claims : undefined);
  const run = { program, verification, claimsOf: of, maxSteps: steps, ...(seed === undefined ? {} : { seed }) };
  try {
    for (const bench of benches) {
      const violation = bench.firstViolation(run, tally);
      if (violation === undefined) continue;
      found.push(`${object.name} ${violation}`);
      return;
    }
  } catch (error) {
    found.push(`${object.name} ${program.name}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
  }
}

/** The first world is the default one; others have packets of their own, and bytes where there are records. */
function worldOf(index: number, seed: number): Scenario {
  if (index === 0) return {};
  const random = new Random(seed + index);
  const bytes = (count: number): string =>
    Array.from({ length: count }, () => random.below(256).toString(16).padStart(2, '0')).join('');
  const protocol = random.pick(['06', '11', '01', '2b']);
  const ip = random.pick([
    `08004500${bytes(7)}${protocol}${bytes(10)}`,
    `86dd60${bytes(5)}${protocol}${bytes(33)}`,
    bytes(42),
  ]);
  const data = `020000000002020000000001${ip}${bytes(random.below(120))}`;
  const fields = { mark: random.below(2 ** 31), priority: random.below(256) };
  // Arguments are left to the kernel: a number in place of a trusted pointer would contradict what the verifier may rely on.
  return { context: { packet: { data, ...fields }, bytes: bytes(64) } };
}

const examples = new URL('../../examples/', import.meta.url);
const names = readdirSync(examples);
for (const name of names.filter((each) => each.endsWith('.bpf.o'))) {
  const object = loadObject(readFileSync(new URL(name, examples)), { name, kernelBtf: bundledKernelBtf() });
  for (const file of names.filter((each) => each.endsWith('.json'))) {
    const scenario = parseScenario(readFileSync(new URL(file, examples), 'utf8'), file);
    if (name.startsWith(file.replace(/\.json$/, '').split('-malformed')[0] ?? ''))
      for (const program of object.programs)
        check([new ClaimsBench(object, scenario)], object, program, undefined, 100_000);
  }
}
console.log(`examples: ${tally.steps} steps`);
const world = loadWorld();
const worldBench = new ClaimsBench(world);
for (let seed = firstSeed; seed < firstSeed + runs; seed++)
  check([worldBench], world, toProgram(world, generate(seed)), seed, 100_000);
console.log(`generated: ${tally.steps} steps, ${tally.throws} throws`);
let calculator: ClaimsBench | undefined;
const calculations = option('calculations', 2 * runs);
for (let seed = firstSeed; seed < firstSeed + calculations; seed++) {
  const program = assembled(arithmeticProgram(seed), { name: `arithmetic_${seed}` });
  calculator ??= new ClaimsBench(objectOf(program));
  check([calculator], objectOf(program), program, seed, 1000);
}
console.log(`with arithmetic: ${tally.steps} steps`);
const corpus = corpusFolder();
if (corpus !== undefined && !process.argv.includes('--no-corpus')) {
  const btf = kernelBtf();
  for (const name of readdirSync(corpus).filter((each) => each.endsWith('.bpf.o'))) {
    const object = loadCorpusObject(name, readFileSync(join(corpus, name)), btf);
    const worlds = Array.from(
      { length: option('worlds', 2) },
      (_, i) => new ClaimsBench(object, worldOf(i, firstSeed)),
    );
    for (const program of object.programs) check(worlds, object, program, undefined, maxSteps);
  }
}
for (const violation of found.slice(0, option('show', 20))) console.log(violation);
console.log(
  `${programs} programs, claims collected in ${(collecting / 1000).toFixed(1)} s; ${tally.steps} steps, ${tally.frames} frames, ${tally.values} values, ${tally.throws} throws`,
);
console.log(`incomplete: ${[...incomplete].map(([why, count]) => `${why} ${count}`).join(', ') || 'none'}`);
console.log(found.length === 0 ? 'no violation' : `${found.length} violations`);
process.exitCode = found.length === 0 ? 0 : 1;
