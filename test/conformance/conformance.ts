/** `npm run conformance`: see README.md beside this file for the flags. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { figures } from './compare.ts';
import { readAllObjects } from './objects.ts';
import type { Result } from './pool.ts';
import { verifyAll } from './pool.ts';
import type { ReferenceRow } from './reference.ts';
import { corpusFolder, readReference, sample } from './reference.ts';
import { conformancePage, objectsLine, threeFigures, workingSummary } from './report.ts';
import type { WorkerSettings } from './worker.ts';
import { serve } from './worker.ts';

function chosenRows(only: string | undefined, short: string | undefined): ReferenceRow[] {
  let rows = readReference();
  if (only !== undefined) {
    const [object = '', program] = only.split(':');
    const file = object.endsWith('.bpf.o') ? object : `${object}.bpf.o`;
    rows = rows.filter((row) => row.object === file && (program === undefined || row.program === program));
  }
  return short === undefined ? rows : sample(rows, Number(short));
}

function printDifferences(results: readonly Result[]): void {
  for (const { comparison, divergence } of results) {
    if (divergence === undefined) continue;
    console.log(`\n${comparison.reference.object}:${comparison.reference.program}  line ${divergence.line}`);
    for (const line of divergence.before) console.log(`    ${line}`);
    console.log(`  - ${divergence.kernel}\n  + ${divergence.ours}`);
  }
}

function printDisagreements(results: readonly Result[]): void {
  for (const { comparison, log } of results) {
    const { reference, outcome, category } = comparison;
    if (log !== undefined) console.log(log);
    if (category === 'agrees' && log === undefined) continue;
    console.log(`${category.padEnd(12)} ${reference.object}:${reference.program}`);
    console.log(
      `    kernel: ${reference.verdict} ${reference.insns} insns ${reference.states} states  ${reference.message}`,
    );
    const counts = 'insns' in outcome ? `${outcome.insns} insns ${outcome.states} states  ` : '';
    console.log(`    ours:   ${outcome.kind} ${counts}${outcome.message}`);
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      short: { type: 'string' },
      oracle: { type: 'string' },
      diff: { type: 'boolean', default: false },
      json: { type: 'string' },
      summary: { type: 'string' },
      workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
      timeout: { type: 'string', default: '30' },
    },
  });
  const corpus = corpusFolder();
  if (corpus === undefined) {
    console.error(
      'The corpus is not on this machine: build it into ~/.cache/bailout/selftests, or set BAILOUT_CORPUS.',
    );
    return 2;
  }
  const rows = chosenRows(values.only, values.short);
  if (rows.length === 0) {
    console.error(`The reference has no program ${values.only}.`);
    return 2;
  }
  const everything = values.only === undefined && values.short === undefined;
  const objects = everything ? readAllObjects(corpus) : undefined;
  for (const crash of objects?.crashed ?? []) console.log(crash);
  const started = performance.now();
  const workers = Math.min(Number(values.workers), rows.length);
  const interactive = process.stderr.isTTY;
  const results = await verifyAll(rows, {
    corpus,
    script: process.argv[1]!,
    workers,
    timeout: Number(values.timeout),
    keepLog: rows.length === 1 && !values.diff,
    ...(values.diff && values.oracle !== undefined ? { oracle: values.oracle } : {}),
    onResult: (_result, done) => {
      if (interactive && done % 20 === 0) process.stderr.write(`\r${done} of ${rows.length}`);
    },
  });
  if (interactive) process.stderr.write('\r');
  const run = {
    results,
    workers,
    ...(objects === undefined ? {} : { objects }),
    wallSeconds: (performance.now() - started) / 1000,
  };

  if (values.only !== undefined) printDisagreements(results);
  if (values.diff && rows.length < 200) printDifferences(results);
  console.log(threeFigures(results).join('\n'));
  console.log(`${run.wallSeconds.toFixed(1)} s`);
  if (objects !== undefined) console.log(objectsLine(objects));
  if (values.summary !== undefined) writeFileSync(values.summary, workingSummary(run));
  if (values.json !== undefined) {
    const data = results.map(({ comparison, divergence }) => ({ ...comparison, divergence }));
    writeFileSync(
      values.json,
      `${JSON.stringify({ figures: figures(results.map((r) => r.comparison)), results: data })}\n`,
    );
  }
  if (everything) {
    const page = resolve(fileURLToPath(new URL('../../docs/conformance.md', import.meta.url)));
    mkdirSync(dirname(page), { recursive: true });
    writeFileSync(page, conformancePage(run));
  }
  return objects !== undefined && objects.crashed.length > 0 ? 1 : 0;
}

if (isMainThread) process.exitCode = await main();
else serve(parentPort!, workerData as WorkerSettings);
