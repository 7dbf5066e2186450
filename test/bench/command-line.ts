/** How long the command line takes from a cold start, beside what Node itself takes to do nothing. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Limit, Row } from './report.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const ROUNDS = 15;
/** How often the time that Node needs to do nothing a cold `bailout verify` of a small object may take. */
const COLD_START_CEILING: Limit = { kind: 'at most', value: 8, text: '8 ×' };

const commands = [
  ['inspect', 'examples/deep-throw.bpf.o'],
  ['verify', 'examples/rejected.bpf.o', '--program', 'accepted'],
  ['run', 'examples/deep-throw.bpf.o', '--scenario', 'examples/deep-throw.json'],
];

export function benchCommandLine(): Row[] {
  // Through the command itself once, which builds what is older than its sources.
  spawnSync(process.execPath, ['main/cli/bailout.mjs', '--version'], { cwd: root });
  const nothing = milliseconds(['-e', '0']);
  const rows = commands.map((words) => {
    const time = milliseconds(['dist/bailout.mjs', ...words]);
    return {
      name: `bailout ${words[0]}`,
      what: `\`bailout ${words.join(' ')}\`, median of ${ROUNDS} cold starts`,
      value: time / nothing,
      text: `${time.toFixed(0)} ms, ${(time / nothing).toFixed(1)} × \`node -e 0\``,
      ...(words[0] === 'verify' ? { limit: COLD_START_CEILING } : {}),
    };
  });
  return [{ name: 'node', what: '`node -e 0`', value: 1, text: `${nothing.toFixed(0)} ms` }, ...rows];
}

/** The median wall time of a process. */
function milliseconds(words: string[]): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    spawnSync(process.execPath, words, { cwd: root, stdio: 'ignore' });
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0;
}
