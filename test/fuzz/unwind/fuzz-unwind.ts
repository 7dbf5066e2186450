/**
 * `npm run fuzz:unwind -- --runs N --seed S [--plant | --move] [--workers W]`: generated programs, checked (check.ts; moving.ts). Exit status 1 at the first
 * violation of any worker; the seed repeats it.
 */
import { availableParallelism } from 'node:os';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { Tally, Violation } from './check.ts';
import { Checker, emptyTally } from './check.ts';
import { generate } from './generate.ts';
import type { Moved } from './moving.ts';
import { Mover } from './moving.ts';
import { loadWorld } from './world.ts';

interface Share {
  readonly first: number;
  readonly count: number;
  readonly how: 'run' | 'plant' | 'move';
}

interface Report {
  readonly tally: Tally & Moved;
  readonly violations: readonly Violation[];
}

/** After so many the cause is known well enough. */
const MAX_VIOLATIONS = 5;

function work({ first, count, how }: Share): Report {
  const checker = new Checker(loadWorld());
  const mover = new Mover(loadWorld());
  const violations: Violation[] = [];
  for (let seed = first; seed < first + count && violations.length < MAX_VIOLATIONS; seed++) {
    const violation =
      how === 'move' ? mover.check(seed) : how === 'plant' ? checker.checkPlanted(seed) : checker.check(seed);
    if (violation !== undefined) violations.push(violation);
  }
  return { tally: { ...checker.tally, ...mover.tally, runs: checker.tally.runs + mover.tally.runs }, violations };
}

function number(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const value = at < 0 ? fallback : Number(process.argv[at + 1]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} takes a whole number.`);
  process.exit(2);
}

async function main(): Promise<void> {
  const runs = number('runs', 1000);
  const seed = number('seed', 1);
  const workers = Math.max(1, number('workers', Math.min(availableParallelism(), 8)));
  const how = process.argv.includes('--plant') ? 'plant' : process.argv.includes('--move') ? 'move' : 'run';
  const start = performance.now();
  const share = Math.ceil(runs / workers);
  const reports = await Promise.all(
    Array.from({ length: workers }, (_, i) => {
      const first = seed + i * share;
      return inThread({ first, count: Math.max(0, Math.min(share, seed + runs - first)), how });
    }),
  );
  const tally = { ...emptyTally(), moments: 0, phases: 0, stops: 0 };
  for (const report of reports) {
    tally.programs += report.tally.programs;
    tally.runs += report.tally.runs;
    tally.throws += report.tally.throws;
    tally.releases += report.tally.releases;
    tally.plantedLeaks += report.tally.plantedLeaks;
    tally.moments += report.tally.moments;
    tally.phases += report.tally.phases;
    tally.stops += report.tally.stops;
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const done = {
    plant: `${tally.plantedLeaks} planted leaks in ${runs} programs`,
    move: `${tally.runs} runs gone through in both directions, ${tally.moments} moments, ${tally.phases} phases, ${tally.stops} stops`,
    run: `${tally.programs} programs, ${tally.runs} runs (each repeated), ${tally.throws} throws, ${tally.releases} releases`,
  }[how];
  console.log(`fuzz:unwind: ${done} in ${seconds} s, seeds ${seed} to ${seed + runs - 1}`);
  const violations = reports.flatMap((report) => report.violations);
  for (const { seed: of, what } of violations.slice(0, MAX_VIOLATIONS)) console.error(`seed ${of}: ${what}`);
  if (violations[0] !== undefined && process.argv.includes('--show'))
    console.error(generate(violations[0].seed).source);
  console.log(violations.length === 0 ? 'no violation' : `${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

function inThread(share: Share): Promise<Report> {
  return new Promise((resolve, reject) => {
    const script = process.argv[1];
    if (script === undefined) throw new Error('no script to start a thread with');
    const worker = new Worker(script, { workerData: share });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

if (isMainThread) await main();
else parentPort?.postMessage(work(workerData as Share));
