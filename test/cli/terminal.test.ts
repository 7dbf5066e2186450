/** What only a terminal has: Ctrl-C, Ctrl-D, and a line that says how far something is. `script` gives the command one. */
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readRecording } from '../../core/trace/file.ts';
import { endlessSource } from '../../core/trace/testing/recordings.ts';
import { zstd } from '../../main/compression.ts';
import { bailout } from './bailout.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'bailout-terminal-'));
afterAll(() => rmSync(work, { recursive: true }));

const endless = join(work, 'endless.bpf.o');
writeFileSync(endless, endlessSource().objectBytes);

const hasScript = spawnSync('script', ['--version']).status === 0;
if (!hasScript) console.log('skipped: there is no `script` (util-linux) to give a command a terminal');

/** A command and the terminal that it runs on. */
class Conversation {
  text = '';
  readonly #process: ChildProcess;
  readonly status: Promise<number | null>;
  #look: (() => void) | undefined;

  constructor(...words: string[]) {
    const line = [process.execPath, 'dist/bailout.mjs', ...words].map((word) => `'${word}'`).join(' ');
    this.#process = spawn('script', ['-qefc', line, '/dev/null'], {
      cwd: root,
      env: { ...process.env, XDG_STATE_HOME: work, NO_COLOR: '1', TERM: 'dumb' },
    });
    this.#process.stdout?.on('data', (piece: Buffer) => {
      this.text += piece.toString();
      this.#look?.();
    });
    this.status = new Promise((resolve) => this.#process.on('close', resolve));
  }

  type(text: string): void {
    this.#process.stdin?.write(text);
  }

  /** Waits for something that was not there at the last wait, and gives all that was said up to it. */
  until(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => {
      this.#look = () => {
        const found = pattern.exec(this.text);
        if (found === null) return;
        const said = this.text.slice(0, found.index + found[0].length);
        this.text = this.text.slice(said.length);
        this.#look = undefined;
        resolve(said);
      };
      this.#look();
    });
  }
}

describe.skipIf(!hasScript)('on a terminal', () => {
  it('Ctrl-C ends the command that runs, says where it stands, and the conversation goes on', async () => {
    const shell = new Conversation('shell', '--object', endless);
    await shell.until(/\(bailout\) /);
    shell.type('set max-steps 1000000000000\r');
    await shell.until(/max-steps 1000000000000[^]*\(bailout\) /);
    shell.type('run\r');
    await shell.until(/running: [\d,]+ instructions · Ctrl-C stops/);
    shell.type('\x03');
    const said = await shell.until(/\(bailout\) /);
    expect(said).toMatch(/Cancelled at:\s+step [\d,]+ · \w+/);
    // Going back over so many steps takes long, too.
    shell.type('who r5\r');
    shell.type('\x03');
    await shell.until(/\(bailout\) /);
    shell.type('print $run + 41\r');
    await shell.until(/= 41/);
    shell.type('quit\r');
    expect(await shell.status).toBe(0);
  });

  it('Ctrl-C at the prompt clears the line, and Ctrl-D leaves', async () => {
    const shell = new Conversation('shell');
    await shell.until(/\(bailout\) /);
    shell.type('no such thing');
    await shell.until(/no such thing/);
    shell.type('\x03');
    await shell.until(/\(bailout\) /);
    shell.type('print 6 * 7\r');
    expect(await shell.until(/\r?\n[^]*\(bailout\) /)).not.toContain('no such');
    shell.type('\x04');
    expect(await shell.status).toBe(0);
  });

  it('a recording says how far it is; Ctrl-C ends it as a whole file', async () => {
    const file = join(work, 'cut.bailout');
    const recording = new Conversation('record', endless, '--max-steps', '1000000000000', '-o', file);
    await recording.until(/recording: [\d,]+ instructions · Ctrl-C stops/);
    recording.type('\x03');
    await recording.until(/1 run \(cut off\)/);
    expect(await recording.status).toBe(130);
    const read = readRecording(readFileSync(file), zstd);
    expect(read.complete).toBe(false);
    expect(read.runs.map(({ end }) => end.kind)).toEqual(['unfinished']);
    expect(bailout('replay', file).stdout).toContain('The replay is the recorded run');
  });
});

describe('without a terminal', () => {
  it('an interrupt ends a recording in the same way, and nothing is said on the way', async () => {
    const file = join(work, 'silent.bailout');
    const words = ['dist/bailout.mjs', 'record', endless, '--max-steps', '1000000000000', '-o', file];
    const command = spawn(process.execPath, words, { cwd: root });
    let errors = '';
    command.stderr.on('data', (piece: Buffer) => (errors += piece.toString()));
    const ended = new Promise((resolve) => command.on('close', resolve));
    // Its writer writes twice a second: what is there then is more than the source.
    const grown = (): boolean => {
      try {
        return readRecording(readFileSync(file), zstd).runs.length > 0;
      } catch {
        return false;
      }
    };
    while (!grown()) await new Promise((resolve) => setTimeout(resolve, 20));
    command.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(errors).toBe('');
    expect(readRecording(readFileSync(file), zstd).runs[0]!.lastStep).toBeGreaterThan(1000);
  });
});
