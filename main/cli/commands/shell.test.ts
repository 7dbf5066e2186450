/** Scripts of `bailout shell`: what they print, and how they end. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Console } from '../../../core/commands/console.ts';
import { BailoutError } from '../../../core/errors.ts';
import { zstd } from '../../compression.ts';
import { bundledKernelBtf } from '../../kernel-btf.ts';
import { writeRecording } from '../../../core/trace/file.ts';
import { recordingOf, timersSource } from '../../../core/trace/testing/recordings.ts';
import { PLAIN } from '../format/style.ts';
import { testHost } from '../testing/host.ts';
import { commandHost } from '../shell/console-host.ts';
import { runScript } from './shell.ts';

async function play(script: string, json = false): Promise<{ status: number; text: string }> {
  let text = '';
  const readFile = (path: string): Uint8Array => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new BailoutError('FILE_UNREADABLE', `${path} cannot be read.`, { cause });
    }
  };
  const host = { readFile, kernelBtf: bundledKernelBtf, writeFile: () => undefined, compression: zstd };
  const write = (piece: string): void => void (text += piece);
  const console = new Console(host);
  const status = await runScript(
    { console, files: [] },
    script,
    { json },
    { ...testHost(), ...host, write, style: PLAIN },
  );
  return { status, text };
}

describe('a script', () => {
  it('says each command and its answer', async () => {
    const { status, text } = await play(
      '# an example\nload examples/deep-throw.bpf.o\n\nprint 6 * 7\nquit\nnever reached\n',
    );
    expect(text).toBe(
      '(bailout) load examples/deep-throw.bpf.o\ndeep-throw.bpf.o: 1 program, 2 maps, deep_throw is selected\n(bailout) print 6 * 7\n$1 = 42\n(bailout) quit\n',
    );
    expect(status).toBe(0);
  });

  it('ends at the first command that fails', async () => {
    const wrong = await play('load examples/deep-throw.bpf.o\nbogus\nprint 1');
    expect(wrong.status).toBe(2);
    expect(wrong.text).toContain('There is no command `bogus`');
    expect(wrong.text).not.toContain('$1');
    expect((await play('load nowhere.o')).status).toBe(3);
  });

  it('is data with --json: one line for each command', async () => {
    const { text } = await play('load examples/deep-throw.bpf.o\nstart\nprint $step\nbreak nowhere', true);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { command: string; data?: unknown; error?: { code: string } });
    expect(lines.map(({ command }) => command)).toEqual([
      'load examples/deep-throw.bpf.o',
      'start',
      'print $step',
      'break nowhere',
    ]);
    expect(lines[2]!.data).toEqual({ expression: '$step', type: 'long', value: '0' });
    expect(lines[3]!.error?.code).toBe('BREAK_LOCATION');
  });
});

describe('every command', () => {
  const console = new Console({
    readFile: (path) => readFileSync(path),
    kernelBtf: bundledKernelBtf,
    writeFile: () => undefined,
    compression: zstd,
  });

  it('has help, and a name of its own', () => {
    const names = console.commands.flatMap(({ name, aliases }) => [name, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, usage } of console.commands) expect(console.execute(`help ${name}`).text).toContain(usage);
  });

  it('is completed', () => {
    expect(console.complete('rst').words).toEqual(['rstep', 'rstepi']);
    expect(console.complete('info re').words).toEqual(['regs', 'resources'].filter((word) => word.startsWith('re')));
    console.execute('load examples/deep-throw.bpf.o');
    expect(console.complete('break che').words).toEqual(['check']);
    expect(console.complete('map dump sam').words).toEqual(['samples']);
    expect(console.complete('print last').words).toEqual(['last_pid']);
  });

  it('an empty line repeats a step', () => {
    console.execute('start');
    console.execute('stepi', { interactive: true });
    expect(console.execute('', { interactive: true }).text).toContain('step 2');
  });
});

describe('a command that takes long', () => {
  const few = recordingOf(timersSource(40), { limits: { flow: 0, calls: 0, rest: 0 } });
  const host = testHost({ 'few.bailout': writeRecording(few, zstd) });
  const console = new Console(commandHost(host));
  console.execute('replay few.bailout');
  const given = (line: string, questions: number): unknown => {
    let asked = 0;
    try {
      return console.execute(line, { limits: { isCancelled: () => ++asked > questions } }).data;
    } catch (error) {
      return error instanceof BailoutError ? error.code : error;
    }
  };

  it('can be ended, and leaves neither a file nor another moment', () => {
    console.execute('goto 7:0');
    const here = console.session.position;
    for (const line of ['export csv all.csv', 'events call return helper']) expect(given(line, 3)).toBe('CANCELLED');
    expect(host.made.size).toBe(0);
    expect(console.session.position).toEqual(here);
    expect(given('export csv all.csv', Infinity)).toEqual({ file: 'all.csv', format: 'csv' });
    const rows = new TextDecoder().decode(host.made.get('all.csv')).split('\r\n');
    expect(rows).toHaveLength(few.events.length + few.events.omitted() + 2);
    expect(given('events helper', Infinity)).toHaveLength(100);
    expect(console.session.position).toEqual(here);
  });
});
