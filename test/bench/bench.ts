/**
 * `npm run bench [-- machine|exceptions|checkpoints|recording|trace|going|runs|verifier|cli …]`: measures, prints, and writes docs/performance.md.
 * Says which figures miss what the project promises, and exits with 1 when one does. Each section is measured in a process of its own: what
 * the one before left in memory is not its business.
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { benchCommandLine } from './command-line.ts';
import { benchCheckpoints, benchMachine, benchSteps } from './machine.ts';
import { benchGoing } from './going.ts';
import { benchManyRuns } from './many-runs.ts';
import type { Row } from './report.ts';
import { isMissed, limitText, table, writeSection } from './report.ts';
import { benchRecording } from './recording.ts';
import { benchUnwinding } from './unwinding.ts';
import { benchTrace } from './trace.ts';
import { benchVerifier } from './verifier.ts';

const page = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const where = `${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.version}`;

interface Section {
  readonly title: string;
  /** Undefined when what is measured is not on this machine. */
  readonly measure: () => Row[] | undefined;
  /** In a sentence how it was measured, where the table alone does not say so. */
  readonly how?: string;
}

const SECTIONS: Readonly<Record<string, Section>> = {
  machine: { title: 'Interpreter', measure: () => [...benchMachine(), ...benchSteps()] },
  exceptions: { title: 'Exceptions that are not thrown', measure: benchUnwinding },
  checkpoints: { title: 'Checkpoints', measure: benchCheckpoints },
  recording: {
    title: 'What recording costs',
    measure: benchRecording,
    how: 'Time that one waits, recorded by unrecorded, in turns; of each the fastest round.',
  },
  trace: { title: 'Recordings', measure: benchTrace },
  going: { title: 'Going about in recordings', measure: benchGoing, how: 'Processor time.' },
  runs: { title: 'Recordings of many runs', measure: benchManyRuns },
  verifier: { title: 'Verifier', measure: benchVerifier },
  cli: { title: 'Command line', measure: benchCommandLine },
};

/** Measures a section, prints it and writes it down. False when a figure misses its limit. */
function bench({ title, measure, how = '' }: Section): boolean {
  const rows = measure();
  if (rows === undefined) {
    console.log(`${title}\n  skipped: the corpus is not on this machine (test/conformance/build-corpus builds it)`);
    return true;
  }
  const lines = rows.map((row) => `  ${row.name}: ${row.text}${row.limit === undefined ? '' : ` (${limitText(row)})`}`);
  console.log(`${title}\n${lines.join('\n')}`);
  writeSection(page, title, `${where}.${how === '' ? '' : ` ${how}`}\n\n${table(rows)}`);
  const missed = rows.filter(isMissed);
  for (const row of missed) {
    console.error(`MISSED ${title}: ${row.name} is ${row.text}, and has to be ${limitText(row)}.`);
  }
  return missed.length === 0;
}

function benchInProcess(name: string): boolean {
  const args = [...process.execArgv, process.argv[1] ?? '', name];
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status === 0;
}

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => SECTIONS[name] === undefined);
if (unknown !== undefined) {
  console.error(`There is no section ${unknown}: ${Object.keys(SECTIONS).join(', ')}.`);
  process.exit(2);
}
const names = wanted.length === 0 ? Object.keys(SECTIONS) : wanted;
const passed = names.length === 1 ? names.map((name) => bench(SECTIONS[name]!)) : names.map(benchInProcess);
if (passed.includes(false)) process.exitCode = 1;
