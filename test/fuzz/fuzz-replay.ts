/**
 * `npm run fuzz:replay -- [--part K/N] [--steps N] [--only TEXT]`: is a replay the run that was recorded? Records each program of the examples and,
 * where it is on this machine, of the corpus, twice in a row with maps kept, as a file; replays it, and goes to random moments by many
 * checkpoints backwards and by few of them forwards: the states have to be the same, and some steps forwards and as many backwards have
 * to lead to where they began. What is exported has to be read by its reader. Exit status 1 when something differs, or when a program does what no program may: end with an error that is not of the project's own.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BailoutError } from '../../core/errors.ts';
import { FileWriter, readRecording } from '../../core/trace/file.ts';
import { EXPORT_FORMATS, exportBytes } from '../../core/trace/exports.ts';
import { historyOf } from '../../core/trace/history.ts';
import type { Recording, RecordingSource } from '../../core/trace/recording.ts';
import { loadSource, record } from '../../core/trace/recording.ts';
import { Replay } from '../../core/trace/replay.ts';
import { presentHash } from '../../core/trace/state-hash.ts';
import type { Position, Search, Timeline } from '../../core/trace/timeline.ts';
import { zstd } from '../../main/compression.ts';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { corpusFolder } from '../conformance/reference.ts';
import { Random } from './unwind/random.ts';

/** Moments of each recording that are gone to. */
const MOMENTS = 8;
/** Steps from some of them, forwards and back. */
const STEPS = 5;
/** Instructions between checkpoints where there are many of them. */
const NEAR = 1000;

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

const maxSteps = Number(option('steps', '300000'));
const [part = 1, parts = 1] = option('part', '1/1').split('/').map(Number);
const only = option('only', '');
const kernelBtf = bundledKernelBtf();
const problems: string[] = [];
let programs = 0;
let steps = 0;
let throws = 0;

function sourceOf(path: string, name: string, requests: readonly string[]): RecordingSource {
  return {
    objectName: name,
    objectBytes: new Uint8Array(readFileSync(path)),
    scenario: {},
    requests: requests.map((program) => ({ program, context: {} })),
    globals: [],
    maxSteps,
  };
}

/** Undefined for a program that cannot be recorded, which is said in the project's own words. */
function recorded(source: RecordingSource): Recording | undefined {
  const pieces: Uint8Array[] = [];
  const writer = new FileWriter((bytes) => pieces.push(bytes.slice()), zstd);
  try {
    record(source, { kernelBtf, writer });
  } catch (error) {
    if (!(error instanceof BailoutError) || error.code.includes('INTERNAL')) throw error;
    return undefined;
  }
  return readRecording(new Uint8Array(Buffer.concat(pieces)), zstd);
}

/** Some moments of all runs, in the order of time. */
function momentsOf({ runs, frontier }: Timeline, random: Random): Position[] {
  const moments = Array.from({ length: MOMENTS }, (): Position => {
    const run = random.below(runs.length);
    const { first, last } = runs[run]!;
    const end = last ?? frontier;
    return { run, step: first.step + random.below(Math.max(end.step - first.step, 0) + 1), phase: 0 };
  });
  return moments.sort((a, b) => a.run - b.run || a.step - b.step);
}

/** Stops at each instruction and at each phase of an unwinding. */
const EVERYWHERE: Search = {
  phases: true,
  stops: ({ instructions }) => new Uint8Array(instructions.length).fill(1),
  begin: () => 'step',
  test: () => 'hit',
};

/** Whether steps forwards and as many backwards, through the ends of runs, pass through the same states. */
function goesBackAsForth(timeline: Timeline): boolean {
  const states = [hashOf(timeline)];
  while (states.length <= STEPS && timeline.searchForward(EVERYWHERE) === 'hit') states.push(hashOf(timeline));
  for (const state of states.slice(0, -1).reverse()) {
    timeline.searchBackward(EVERYWHERE);
    if (hashOf(timeline) !== state) return false;
  }
  return true;
}

function hashOf({ machine, position }: Timeline): string {
  return `${position.run}:${position.step}.${position.phase} ${presentHash(machine)}`;
}

/** What is wrong with the replay of a recording; undefined when it is the run that was recorded. */
function differenceIn(recording: Recording, seed: number): string | undefined {
  const near = new Replay(recording, { kernelBtf, spacing: NEAR });
  near.complete();
  const far = new Replay(recording, { kernelBtf });
  const moments = momentsOf(near, new Random(seed));
  const states = moments.map((moment) => {
    far.seek(moment);
    return hashOf(far);
  });
  for (const [i, moment] of [...moments.entries()].reverse()) {
    near.seek(moment);
    if (hashOf(near) !== states[i]) return `another state at ${JSON.stringify(moment)}`;
    if (i % 4 === 0 && !goesBackAsForth(near)) return `another way back to ${JSON.stringify(moment)}`;
  }
  for (const format of EXPORT_FORMATS) {
    const text = Buffer.concat([...exportBytes(format, historyOf(near))]).toString();
    if (format === 'perfetto') JSON.parse(text);
  }
  return undefined;
}

function check(path: string, name: string): void {
  let names: readonly string[];
  try {
    const object = loadSource(sourceOf(path, name, []), kernelBtf);
    names = object.programs.filter(({ loadError }) => loadError === undefined).map((program) => program.name);
  } catch (error) {
    if (error instanceof BailoutError) return;
    throw error;
  }
  for (const program of names.filter((each) => `${name} ${each}`.includes(only))) {
    try {
      const recording = recorded(sourceOf(path, name, [program, program]));
      if (recording === undefined) continue;
      programs++;
      for (const run of recording.runs) {
        steps += (run.lastStep ?? run.firstStep) - run.firstStep;
        throws += run.throws;
      }
      const difference = differenceIn(recording, programs);
      if (difference !== undefined) problems.push(`${name} ${program}: ${difference}`);
    } catch (error) {
      problems.push(`${name} ${program}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
    }
  }
}

const began = performance.now();
const corpus = corpusFolder();
if (corpus === undefined)
  console.log('the corpus is not on this machine (test/conformance/build-corpus builds it): examples only');
const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
for (const folder of corpus === undefined ? [examples] : [examples, corpus]) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.bpf.o'));
  for (const [i, name] of files.entries()) if (i % parts === part - 1) check(join(folder, name), name);
}
for (const problem of problems.slice(0, 20)) console.log(problem);
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(
  `fuzz:replay: ${programs} programs, ${steps} steps, ${throws} throws, ${programs * MOMENTS} moments in ${seconds} s`,
);
console.log(problems.length === 0 ? 'no difference' : `${problems.length} differences`);
process.exitCode = problems.length === 0 ? 0 : 1;
