/**
 * `npm run bench [-- machine|exceptions|checkpoints|verifier|cli]`: measures, prints, and writes docs/performance.md. Exits with 1 when a figure misses what
 * the project promises.
 */
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { benchCommandLine } from './command-line.ts';
import { benchCheckpoints, benchMachine, benchSteps } from './machine.ts';
import type { Row } from './report.ts';
import { table, writeSection } from './report.ts';
import { benchUnwinding } from './unwinding.ts';
import { benchTrace } from './trace.ts';
import { benchVerifier } from './verifier.ts';

const page = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const where = `${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.version}`;
const wanted = process.argv.slice(2);
/** Million instructions per second that the interpreter must reach on arithmetic. */
const ARITHMETIC_FLOOR = 150;
/** What frame descriptors may seem to cost where nothing is thrown: the noise of the measurement. */
const DESCRIPTOR_CEILING = 0.05;
/** How often the time that Node needs to do nothing a cold `bailout verify` of a small object may take. */
const COLD_START_CEILING = 8;

function section(name: string, title: string, measure: () => Row[] | undefined): Row[] {
  if (wanted.length > 0 && !wanted.includes(name)) return [];
  const rows = measure();
  if (rows === undefined) {
    console.log(`${title}\n  skipped: the corpus is not on this machine (test/conformance/build-corpus builds it)`);
    return [];
  }
  console.log(`${title}\n${rows.map((row) => `  ${row.name}: ${row.text}`).join('\n')}`);
  writeSection(page, title, `${where}.\n\n${table(rows)}`);
  return rows;
}

const interpreter = section('machine', 'Interpreter', () => [...benchMachine(), ...benchSteps()]);
const exceptions = section('exceptions', 'Exceptions that are not thrown', benchUnwinding);
section('checkpoints', 'Checkpoints', benchCheckpoints);
section('trace', 'Recordings', benchTrace);
section('verifier', 'Verifier', benchVerifier);
const commandLine = section('cli', 'Command line', benchCommandLine);

const arithmetic = interpreter.find((row) => row.name === 'arithmetic');
if (arithmetic !== undefined && arithmetic.value < ARITHMETIC_FLOOR) {
  console.error(`The interpreter must reach ${ARITHMETIC_FLOOR} M instructions per second on arithmetic.`);
  process.exitCode = 1;
}
const difference = exceptions.find((row) => row.name === 'difference');
if (difference !== undefined && difference.value > DESCRIPTOR_CEILING) {
  console.error('Frame descriptors must cost nothing where nothing is thrown.');
  process.exitCode = 1;
}
const coldStart = commandLine.find((row) => row.name === 'bailout verify');
if (coldStart !== undefined && coldStart.value > COLD_START_CEILING) {
  console.error(`A cold \`bailout verify\` must take at most ${COLD_START_CEILING} times as long as \`node -e 0\`.`);
  process.exitCode = 1;
}
