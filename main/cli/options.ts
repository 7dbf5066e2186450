/** What stands on the command line, as data. Everything that is wrong with it is an error that says what would be right. */
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import { BailoutError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import type { ExportFormat } from '../../core/trace/exports.ts';
import { EXPORT_FORMATS } from '../../core/trace/exports.ts';
import type { Profile } from '../../core/exceptions/profile.ts';
import { PROFILES, isProfile } from '../../core/exceptions/profile.ts';

export type LogLevel = 0 | 1 | 2;

export interface DisasmRequest {
  readonly command: 'disasm';
  readonly file: string;
  readonly program?: string;
}

export interface InspectRequest {
  readonly command: 'inspect';
  readonly file: string;
  readonly json: boolean;
}

export interface VerifyRequest {
  readonly command: 'verify';
  readonly file: string;
  readonly program?: string;
  readonly profile?: Profile;
  readonly log: LogLevel;
  /** The table of frame descriptors of each program. */
  readonly descriptors: boolean;
  readonly json: boolean;
}

export interface GlobalAssignment {
  readonly name: string;
  readonly value: bigint;
}

/** A program that is attached to a function of the one that runs. */
export interface AttachOption {
  /** The object that it is in; absent: the same one. */
  readonly file?: string;
  readonly program: string;
  readonly function: string;
}

export interface RunRequest {
  readonly command: 'run';
  readonly file: string;
  readonly program?: string;
  readonly profile?: Profile;
  /** As given: hex digits, or a pcap file and the number of a packet. */
  readonly packet?: string;
  readonly scenario?: string;
  readonly globals: readonly GlobalAssignment[];
  readonly attach: readonly AttachOption[];
  readonly maxSteps: number;
  /** Each phase of an unwinding. */
  readonly phases: boolean;
  readonly json: boolean;
}

export interface ShellRequest {
  readonly command: 'shell';
  /** Commands to carry out, one a line; without it they come from the terminal or a pipe. */
  readonly script?: string;
  /** Loaded before anything else. */
  readonly object?: string;
  readonly json: boolean;
}

export interface RecordRequest extends Omit<RunRequest, 'command' | 'phases' | 'json'> {
  readonly command: 'record';
  readonly output: string;
}

export interface ReplayRequest {
  readonly command: 'replay';
  /** A recording. */
  readonly file: string;
  readonly run?: number;
  /** Of many runs only those that it lets through: `throws > 0`. */
  readonly runs?: string;
  /** Of one run the first step that is listed or exported, and the one after the last. */
  readonly from?: number;
  readonly to?: number;
  readonly exportTo?: { readonly format: ExportFormat; readonly path: string };
  readonly json: boolean;
}

export interface ServeRequest {
  readonly command: 'serve';
  /** An object or a recording; absent: the example with a throw. */
  readonly file?: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Shows the page in the user's browser. */
  readonly open: boolean;
}

export type CommandName = 'disasm' | 'verify' | 'run' | 'record' | 'replay' | 'inspect' | 'shell' | 'serve';
export type Request =
  | DisasmRequest
  | InspectRequest
  | VerifyRequest
  | RunRequest
  | ShellRequest
  | RecordRequest
  | ReplayRequest
  | ServeRequest
  | { readonly command: 'help'; readonly about?: CommandName }
  | { readonly command: 'version' };

export const COMMANDS: readonly CommandName[] = [
  'verify',
  'run',
  'record',
  'replay',
  'shell',
  'serve',
  'disasm',
  'inspect',
];
export const DEFAULT_MAX_STEPS = 100_000_000;

/** Which options each command takes. */
const OPTIONS: Readonly<Record<CommandName, NonNullable<ParseArgsConfig['options']>>> = {
  disasm: { program: { type: 'string', short: 'p' } },
  inspect: { json: { type: 'boolean' } },
  record: {
    program: { type: 'string', short: 'p' },
    profile: { type: 'string' },
    packet: { type: 'string' },
    scenario: { type: 'string' },
    global: { type: 'string', multiple: true },
    attach: { type: 'string', multiple: true },
    'max-steps': { type: 'string' },
    output: { type: 'string', short: 'o' },
  },
  replay: {
    run: { type: 'string' },
    runs: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    export: { type: 'string' },
    output: { type: 'string', short: 'o' },
    json: { type: 'boolean' },
  },
  shell: { json: { type: 'boolean' }, object: { type: 'string', short: 'o' } },
  serve: { port: { type: 'string' }, open: { type: 'boolean' } },
  verify: {
    program: { type: 'string', short: 'p' },
    profile: { type: 'string' },
    log: { type: 'string' },
    descriptors: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run: {
    program: { type: 'string', short: 'p' },
    profile: { type: 'string' },
    packet: { type: 'string' },
    scenario: { type: 'string' },
    global: { type: 'string', multiple: true },
    attach: { type: 'string', multiple: true },
    'max-steps': { type: 'string' },
    phases: { type: 'boolean' },
    json: { type: 'boolean' },
  },
};

/** Reads the words after `bailout`. */
export function parseRequest(words: readonly string[]): Request {
  const [first, ...rest] = words;
  if (first === undefined || first === '--help' || first === '-h') return { command: 'help' };
  if (first === '--version' || first === '-V') return { command: 'version' };
  if (first === 'help') {
    const about = rest[0];
    return about === undefined ? { command: 'help' } : { command: 'help', about: commandName(about) };
  }
  const command = commandName(first);
  if (rest.includes('--help') || rest.includes('-h')) return { command: 'help', about: command };
  const { values, positionals } = parseWords(command, rest);
  const [file, extra] = positionals;
  if (command === 'shell') {
    if (extra !== undefined) throw usage(`\`shell\` takes one script; \`${extra}\` is one too many.`, command);
    const object = text(values['object']);
    return {
      command,
      ...(file === undefined ? {} : { script: file }),
      ...(object === undefined ? {} : { object }),
      json: values['json'] === true,
    };
  }
  if (command === 'serve') {
    if (extra !== undefined) throw usage(`\`serve\` opens one file; \`${extra}\` is one too many.`, command);
    return {
      command,
      ...(file === undefined ? {} : { file }),
      port: port(text(values['port'])),
      open: values['open'] === true,
    };
  }
  if (file === undefined) throw usage(`\`${command}\` needs an object file.`, command);
  if (extra !== undefined) throw usage(`\`${command}\` takes one object file; \`${extra}\` is one too many.`, command);
  const program = text(values['program']);
  const named = program === undefined ? {} : { program };
  switch (command) {
    case 'disasm':
      return { command, file, ...named };
    case 'inspect':
      return { command, file, json: values['json'] === true };
    case 'verify':
      return {
        command,
        file,
        ...named,
        ...profileOption(values['profile']),
        log: logLevel(text(values['log'])),
        descriptors: values['descriptors'] === true,
        json: values['json'] === true,
      };
    case 'record':
      return recordRequest(file, values, named);
    case 'replay':
      return replayRequest(file, values);
    case 'run': {
      const packet = text(values['packet']);
      const scenario = text(values['scenario']);
      return {
        command,
        file,
        ...named,
        ...profileOption(values['profile']),
        ...(packet === undefined ? {} : { packet }),
        ...(scenario === undefined ? {} : { scenario }),
        globals: texts(values['global']).map(globalAssignment),
        attach: texts(values['attach']).map(attachOption),
        maxSteps: maxSteps(text(values['max-steps'])),
        phases: values['phases'] === true,
        json: values['json'] === true,
      };
    }
  }
}

function recordRequest(file: string, values: Values, named: { program?: string }): RecordRequest {
  const packet = text(values['packet']);
  const scenario = text(values['scenario']);
  const output = text(values['output']);
  if (output === undefined) throw usage('`record` needs a file to write: `-o FILE.bailout`.', 'record');
  return {
    command: 'record',
    file,
    output,
    ...named,
    ...profileOption(values['profile']),
    ...(packet === undefined ? {} : { packet }),
    ...(scenario === undefined ? {} : { scenario }),
    globals: texts(values['global']).map(globalAssignment),
    attach: texts(values['attach']).map(attachOption),
    maxSteps: maxSteps(text(values['max-steps'])),
  };
}

function replayRequest(file: string, values: Values): ReplayRequest {
  const run = text(values['run']);
  if (run !== undefined && !/^\d{1,9}$/.test(run))
    throw usage(`--run takes the number of a run, from 0 on, not \`${run}\`.`, 'replay');
  const runs = text(values['runs']);
  if (run !== undefined && runs !== undefined)
    throw usage('--run N is one run, and --runs FILTER are several: one of them is enough.', 'replay');
  const wanted = text(values['export']);
  const format = EXPORT_FORMATS.find((name) => name === wanted);
  const path = text(values['output']);
  if (wanted !== undefined && format === undefined)
    throw usage(`\`${wanted}\` is no export: ${EXPORT_FORMATS.join(', ')}.`, 'replay');
  if ((format === undefined) !== (path === undefined))
    throw usage('--export FORMAT and -o FILE go together.', 'replay');
  const [from, to] = [step(values, 'from'), step(values, 'to')];
  if ((from ?? to) !== undefined && run === undefined && format === undefined)
    throw usage('--from and --to are steps of the run that --run N lists, or --export writes.', 'replay');
  return {
    command: 'replay',
    file,
    ...(run === undefined ? {} : { run: Number(run) }),
    ...(runs === undefined ? {} : { runs }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(format === undefined || path === undefined ? {} : { exportTo: { format, path } }),
    json: values['json'] === true,
  };
}

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

function parseWords(command: CommandName, words: readonly string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args: [...words], options: OPTIONS[command], allowPositionals: true, strict: true });
  } catch (error) {
    // Node says what is wrong in its first sentence, and what to do in general behind it.
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    const unknown = /^Unknown option '(-*)([^']+)'/.exec(sentence);
    if (unknown === null) throw usage(`${sentence.replace(/\.$/, '')}.`, command);
    const meant = nearest(unknown[2] ?? '', Object.keys(OPTIONS[command]));
    const guess = meant === undefined ? '' : ` Did you mean \`--${meant}\`?`;
    throw usage(`\`${command}\` has no option \`${unknown[1]}${unknown[2]}\`.${guess}`, command);
  }
}

function commandName(word: string): CommandName {
  const found = COMMANDS.find((name) => name === word);
  if (found !== undefined) return found;
  const meant = nearest(word, COMMANDS);
  const guess = meant === undefined ? '' : ` Did you mean \`${meant}\`?`;
  throw new BailoutError('USAGE', `There is no command \`${word}\`.${guess}`, {
    hint: `Commands: ${COMMANDS.join(', ')}. \`bailout --help\` tells more.`,
  });
}

function usage(message: string, command: CommandName): BailoutError {
  return new BailoutError('USAGE', message, { hint: `\`bailout ${command} --help\` shows how it is used.` });
}

function text(value: Values[string]): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function texts(value: Values[string]): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function profileOption(value: Values[string]): { profile?: Profile } {
  const word = text(value);
  if (word === undefined) return {};
  if (!isProfile(word)) {
    throw usage(`\`${word}\` is not a profile: ${PROFILES.join(' or ')}.`, 'verify');
  }
  return { profile: word };
}

function logLevel(word = '0'): LogLevel {
  if (word === '0' || word === '1' || word === '2') return Number(word) as LogLevel;
  throw usage(`The log level is 0, 1 or 2, not \`${word}\`.`, 'verify');
}

function maxSteps(word: string | undefined): number {
  if (word === undefined) return DEFAULT_MAX_STEPS;
  const steps = Number(word.replaceAll('_', ''));
  if (!/^[\d_]+$/.test(word) || !Number.isSafeInteger(steps) || steps < 1) {
    throw usage(`--max-steps takes a number of instructions from 1 up, not \`${word}\`.`, 'run');
  }
  return steps;
}

function step(values: Values, name: 'from' | 'to'): number | undefined {
  const word = text(values[name]);
  if (word === undefined) return undefined;
  if (!/^\d[\d_,]{0,18}$/.test(word)) throw usage(`--${name} takes a step, not \`${word}\`.`, 'replay');
  return Number(word.replaceAll(/[_,]/g, ''));
}

function port(word: string | undefined): number {
  if (word === undefined) return 0;
  const number = Number(word);
  if (!/^\d{1,5}$/.test(word) || number > 65535)
    throw usage(`--port takes a number from 0 to 65535, not \`${word}\`.`, 'serve');
  return number;
}

/** `NAME=VALUE`, the value a whole number: decimal, 0x…, 0b…, negative or not, or true and false. */
function globalAssignment(word: string): GlobalAssignment {
  const [, name, value = ''] = /^([^=]+)=(.*)$/.exec(word) ?? [];
  if (name === undefined) throw usage(`--global takes NAME=VALUE, not \`${word}\`.`, 'run');
  if (value === 'true' || value === 'false') return { name, value: value === 'true' ? 1n : 0n };
  if (!/^-?(\d+|0[xX][0-9a-fA-F]+|0[bB][01]+)$/.test(value)) {
    throw usage(`The value of --global ${name} is a whole number, not \`${value}\`.`, 'run');
  }
  return { name, value: value.startsWith('-') ? -BigInt(value.slice(1)) : BigInt(value) };
}

/** `[FILE:]PROGRAM=FUNCTION` */
function attachOption(word: string): AttachOption {
  const [, file, program, func] = /^(?:(.+):)?([^:=]+)=([^:=]+)$/.exec(word) ?? [];
  if (program === undefined || func === undefined) {
    throw usage(`--attach takes [FILE:]PROGRAM=FUNCTION, not \`${word}\`.`, 'run');
  }
  return { ...(file === undefined ? {} : { file }), program, function: func };
}
