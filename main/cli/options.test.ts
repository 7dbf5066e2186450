import { describe, expect, it } from 'vitest';
import { BailoutError } from '../../core/errors.ts';
import { parseRequest } from './options.ts';

const read = (line: string) => parseRequest(line === '' ? [] : line.split(' '));

function complaint(line: string): string {
  try {
    read(line);
  } catch (error) {
    if (error instanceof BailoutError && error.code === 'USAGE') return error.message;
    throw error;
  }
  throw new Error(`no complaint about: ${line}`);
}

describe('reading the command line', () => {
  it('reads each command with its options, in any order', () => {
    expect(read('disasm a.o')).toEqual({ command: 'disasm', file: 'a.o' });
    expect(read('serve')).toEqual({ command: 'serve', port: 0, open: false });
    expect(read('serve a.bailout --port 8080 --open')).toEqual({
      command: 'serve',
      file: 'a.bailout',
      port: 8080,
      open: true,
    });
    expect(read('inspect a.o --json')).toEqual({ command: 'inspect', file: 'a.o', json: true });
    expect(read('verify --log 2 a.o --profile linux --program p')).toEqual({
      command: 'verify',
      file: 'a.o',
      program: 'p',
      profile: 'linux',
      log: 2,
      descriptors: false,
      json: false,
    });
    expect(read('run a.o -p p --packet 0011 --scenario s.json --max-steps 1_000 --json')).toEqual({
      command: 'run',
      file: 'a.o',
      program: 'p',
      packet: '0011',
      scenario: 's.json',
      globals: [],
      attach: [],
      maxSteps: 1000,
      phases: false,
      json: true,
    });
  });

  it('reads globals as C writes numbers', () => {
    const words = 'run a.o --global a=1 --global b=-2 --global c=0x10 --global d=0b11 --global e=true';
    const request = read(words);
    expect(request.command === 'run' && request.globals).toEqual([
      { name: 'a', value: 1n },
      { name: 'b', value: -2n },
      { name: 'c', value: 16n },
      { name: 'd', value: 3n },
      { name: 'e', value: 1n },
    ]);
    expect(complaint('run a.o --global a=x')).toBe('The value of --global a is a whole number, not `x`.');
    expect(complaint('run a.o --global a')).toBe('--global takes NAME=VALUE, not `a`.');
  });

  it('reads what is attached to which function', () => {
    const request = read('run a.o --attach log=parse --attach ../b.bpf.o:new=old');
    expect(request.command === 'run' && request.attach).toEqual([
      { program: 'log', function: 'parse' },
      { file: '../b.bpf.o', program: 'new', function: 'old' },
    ]);
    expect(complaint('run a.o --attach log')).toBe('--attach takes [FILE:]PROGRAM=FUNCTION, not `log`.');
  });

  it('helps with everything, and with one command', () => {
    for (const line of ['', '--help', '-h', 'help']) expect(read(line)).toEqual({ command: 'help' });
    for (const line of ['verify --help', 'verify a.o -h', 'help verify']) {
      expect(read(line)).toEqual({ command: 'help', about: 'verify' });
    }
  });

  it('says what is wrong, and what was probably meant', () => {
    expect(complaint('verfy a.o')).toBe('There is no command `verfy`. Did you mean `verify`?');
    expect(complaint('verify')).toBe('`verify` needs an object file.');
    expect(complaint('verify a.o b.o')).toBe('`verify` takes one object file; `b.o` is one too many.');
    expect(complaint('verify a.o --progam p')).toBe('`verify` has no option `--progam`. Did you mean `--program`?');
    expect(complaint('disasm a.o --json')).toBe('`disasm` has no option `--json`.');
    expect(complaint('verify a.o --profile windows')).toBe('`windows` is not a profile: proposal or linux.');
    expect(complaint('verify a.o --log 3')).toBe('The log level is 0, 1 or 2, not `3`.');
    expect(complaint('run a.o --max-steps 0')).toBe('--max-steps takes a number of instructions from 1 up, not `0`.');
    expect(complaint('run a.o --program')).toMatch(/argument missing/);
  });
});
