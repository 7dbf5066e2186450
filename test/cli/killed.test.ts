/** Whoever is killed while it exports leaves nothing behind: what had the file's name before has it still, and there is no half. */
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { endlessSource } from '../../core/trace/testing/recordings.ts';
import { bailout } from './bailout.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'bailout-killed-'));
const home = mkdtempSync(join(tmpdir(), 'bailout-home-'));
afterAll(() => [work, home].forEach((folder) => rmSync(folder, { recursive: true })));

const endless = join(work, 'endless.bpf.o');
writeFileSync(endless, endlessSource().objectBytes);
const recording = join(work, 'long.bailout');
// To export all of it takes longer than anybody waits here.
bailout('record', endless, '--max-steps', '12000000', '-o', recording);
const out = join(work, 'out.csv');
const script = join(work, 'script');
writeFileSync(script, `replay ${recording}\nexport csv ${out}\nprint 6 * 7\n`);

const hasTerminal = spawnSync('script', ['--version']).status === 0;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
}

function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  child.stdout?.on('data', (piece: Buffer) => (stdout += piece.toString()));
  return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, stdout })));
}

/** The process that writes the file, once some of it is written: its number is in the name. */
async function writer(): Promise<number> {
  for (;;) {
    const part = readdirSync(work).find((name) => name.endsWith('.part'));
    if (part !== undefined && statSync(join(work, part)).size > 0) return Number(part.split('.').at(-2));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Starts to export in some way and is killed while it does. */
async function killed(signal: NodeJS.Signals, child: ChildProcess): Promise<Ended> {
  writeFileSync(out, 'before');
  const names = readdirSync(work);
  const end = ended(child);
  process.kill(await writer(), signal);
  const how = await end;
  expect(readdirSync(work)).toEqual(names);
  expect(readFileSync(out, 'utf8')).toBe('before');
  return how;
}

describe.each(SIGNALS)('%s', (signal) => {
  const start = (...words: string[]): ChildProcess =>
    spawn(process.execPath, ['dist/bailout.mjs', ...words], { cwd: root });

  it.each([
    ['replay', ['replay', recording, '--export', 'csv', '-o', out]],
    ['a script', ['shell', script]],
  ])('ends an export of %s', async (_what, words) => {
    const how = await killed(signal, start(...words));
    if (signal === 'SIGINT') {
      expect(how.status).toBe(130);
      expect(how.stdout).toMatch(/out\.csv is not written\.\n$/);
    } else expect(how.signal).toBe(signal);
    expect(how.stdout).not.toContain('is written');
    expect(how.stdout).not.toContain('42');
  });
});

describe.skipIf(!hasTerminal)('on a terminal', () => {
  it.each(['SIGTERM', 'SIGHUP'] as const)('%s ends the export and the conversation', async (signal) => {
    const line = `'${process.execPath}' dist/bailout.mjs shell`;
    const child = spawn('script', ['-qefc', line, '/dev/null'], {
      cwd: root,
      env: { ...process.env, XDG_STATE_HOME: home, NO_COLOR: '1', TERM: 'dumb' },
    });
    child.stdin.write(`replay ${recording}\rexport csv ${out}\r`);
    const how = await killed(signal, child);
    expect(how.stdout).not.toContain('is written');
    // As a shell says it.
    expect(how.status).toBe(128 + constants.signals[signal]);
  });
});
