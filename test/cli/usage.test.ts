/** Exit statuses, errors and help of the built command line. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bailout, inspectJson } from './bailout.ts';

const folder = mkdtempSync(join(tmpdir(), 'bailout-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

describe('help', () => {
  it('is there for everything, and for each command', () => {
    expect(bailout('--help')).toMatchObject({ status: 0, stderr: '' });
    for (const command of ['verify', 'run', 'disasm', 'inspect']) {
      const { status, stdout } = bailout(command, '--help');
      expect(status).toBe(0);
      expect(stdout).toContain(`Usage: bailout ${command} FILE`);
    }
    expect(bailout('--version').stdout).toMatch(/^bailout \d+\.\d+\.\d+\n$/);
  });
});

describe('the exit status', () => {
  it('is 2 for wrong usage, with a hint', () => {
    const { status, stdout, stderr } = bailout('verfy', 'x.o');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toBe(
      'bailout: There is no command `verfy`. Did you mean `verify`? [USAGE]\n' +
        'hint: Commands: verify, run, record, replay, shell, serve, disasm, inspect. `bailout --help` tells more.\n',
    );
    expect(bailout('verify').status).toBe(2);
    expect(bailout('run', 'examples/rejected.bpf.o').status).toBe(2);
    expect(bailout('run', 'examples/rejected.bpf.o', '--program', 'acepted').stderr).toContain(
      'Did you mean `accepted`?',
    );
    expect(bailout('run', 'examples/deep-throw.bpf.o', '--global', 'lowest=1').status).toBe(2);
    expect(bailout('run', 'examples/callback-by-tag.bpf.o', '--packet', '0').status).toBe(2);
  });

  it('is 3 for input that cannot be read', () => {
    const missing = bailout('inspect', join(folder, 'nothing.o'));
    expect(missing.status).toBe(3);
    expect(missing.stderr).toMatch(
      /^bailout: .*nothing\.o cannot be read: there is no such file\. \[FILE_UNREADABLE\]\n$/,
    );
    expect(bailout('verify', file('text.o', 'not an object\n')).status).toBe(3);
    expect(bailout('disasm', file('cut.o', readFileSync('examples/rejected.bpf.o').subarray(0, 100))).status).toBe(3);
    const scenario = bailout('run', 'examples/deep-throw.bpf.o', '--scenario', file('bad.json', '{ "tasks": 1 }'));
    expect(scenario.status).toBe(3);
    expect(scenario.stderr).toContain('bad.json:1:12');
  });

  it('is 1 for a program that is rejected, 0 when all are accepted', () => {
    expect(bailout('verify', 'examples/rejected.bpf.o').status).toBe(1);
    expect(bailout('verify', 'examples/rejected.bpf.o', '--program', 'accepted').status).toBe(0);
  });

  it('is 1 for a run that was cut short', () => {
    const { status, stdout } = bailout('run', 'examples/deep-throw.bpf.o', '--max-steps', '3');
    expect(status).toBe(1);
    expect(stdout).toContain('RUN_TOO_LONG');
  });
});

describe('text', () => {
  it('has no colours in a pipe, and no line ends in spaces', () => {
    for (const words of [
      ['inspect', 'examples/deep-throw.bpf.o'],
      ['disasm', 'examples/deep-throw.bpf.o'],
      ['verify', 'examples/rejected.bpf.o'],
      ['run', 'examples/deep-throw.bpf.o', '--scenario', 'examples/deep-throw.json'],
    ]) {
      const { stdout } = bailout(...words);
      expect(stdout).not.toContain('\u001b');
      expect(stdout).not.toMatch(/ \n/);
    }
  });

  it('shows a rejection with its source line, the way there, and what would do', () => {
    const { stdout } = bailout('verify', 'examples/rejected.bpf.o', '--program', 'rejected');
    expect(stdout).toContain('R0 unbounded memory access, make sure to bounds check any such access');
    expect(stdout).toContain('│ counters->packets[class]++;');
    expect(stdout).toContain('This read can go past the end of a value of map classes (128 bytes).');
    expect(stdout).toContain('bpf_assert_lt(class, 16);   tried: accepted');
  });
});

describe('inspect', () => {
  it('shows programs with their functions and callbacks, maps, and relocations', () => {
    const seen = inspectJson('examples/callback-by-call.bpf.o');
    expect(seen.programs.map(({ name, type, exception_callback }) => ({ name, type, exception_callback }))).toEqual([
      { name: 'by_call', type: 'xdp', exception_callback: { name: 'on_exception', how: 'call' } },
    ]);
    expect(seen.programs[0]?.subprograms.map(({ name }) => name)).toEqual(['by_call', 'on_exception', 'check_frame']);
    expect(seen.maps.map(({ name, type }) => ({ name, type }))).toEqual([{ name: 'thrown', type: 'array' }]);
    expect(seen.relocations.map(({ kind, target }) => `${kind} ${target}`)).toContain('call check_frame');
  });
});
