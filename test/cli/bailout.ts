/** Runs the built command line, as a user or a script does. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RunJson } from '../../main/cli/format/run.ts';
import type { VerifyJson } from '../../main/cli/format/verify.ts';
import type { InspectJson } from '../../main/cli/format/inspect.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function bailout(...words: string[]): Ended {
  const { FORCE_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/bailout.mjs', ...words], {
    cwd: root,
    encoding: 'utf8',
    env,
  });
  return { status, stdout, stderr };
}

/** What a command says with `--json`, and its exit status. */
function json<T>(words: string[]): T & { status: number | null } {
  const { status, stdout, stderr } = bailout(...words, '--json');
  if (stdout === '') throw new Error(`no JSON from \`${words.join(' ')}\`: ${stderr}`);
  return { ...(JSON.parse(stdout) as T), status };
}

export const verifyJson = (...words: string[]) => json<VerifyJson>(['verify', ...words]);
export const runJson = (...words: string[]) => json<RunJson>(['run', ...words]);
export const inspectJson = (...words: string[]) => json<InspectJson>(['inspect', ...words]);
