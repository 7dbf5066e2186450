/**
 * `npm run bench [-- machine|exceptions|checkpoints|recording|trace|going|runs|verifier|cli]`: measures, prints, and writes docs/performance.md. Says
 * which figures miss what the project promises, and exits with 1 when one does.
 */
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
const wanted = process.argv.slice(2);
const missed: string[] = [];

/** `how` says in a sentence how it was measured, where the table alone does not. */
function section(name: string, title: string, measure: () => Row[] | undefined, how = ''): void {
  if (wanted.length > 0 && !wanted.includes(name)) return;
  const rows = measure();
  if (rows === undefined) {
    console.log(`${title}\n  skipped: the corpus is not on this machine (test/conformance/build-corpus builds it)`);
    return;
  }
  const lines = rows.map((row) => `  ${row.name}: ${row.text}${row.limit === undefined ? '' : ` (${limitText(row)})`}`);
  console.log(`${title}\n${lines.join('\n')}`);
  writeSection(page, title, `${where}.${how === '' ? '' : ` ${how}`}\n\n${table(rows)}`);
  for (const row of rows.filter(isMissed)) {
    missed.push(`${title}: ${row.name} is ${row.text}, and has to be ${limitText(row)}.`);
  }
}

section('machine', 'Interpreter', () => [...benchMachine(), ...benchSteps()]);
section('exceptions', 'Exceptions that are not thrown', benchUnwinding);
section('checkpoints', 'Checkpoints', benchCheckpoints);
section(
  'recording',
  'What recording costs',
  benchRecording,
  'Time that one waits, recorded by unrecorded, in turns; of each the fastest round.',
);
section('trace', 'Recordings', benchTrace);
section('going', 'Going about in recordings', benchGoing, 'Processor time.');
section('runs', 'Recordings of many runs', benchManyRuns);
section('verifier', 'Verifier', benchVerifier);
section('cli', 'Command line', benchCommandLine);

for (const line of missed) console.error(`MISSED ${line}`);
if (missed.length > 0) process.exitCode = 1;
