/** What a command of the terminal is: its words, its help, and what it says, as text and as data. */
import { BailoutError } from '../errors.ts';
import type { Btf } from '../object/btf/btf.ts';
import type { Session } from '../debugger/session.ts';
import type { Compression } from '../trace/bytes.ts';
import type { Patience } from '../trace/timeline.ts';

/** What commands need of the machine they run on. */
export interface CommandHost {
  /** Contents of a file. Throws a BailoutError with the code FILE_UNREADABLE. */
  readFile(path: string): Uint8Array;
  kernelBtf(): Btf;
  writeFile(path: string, pieces: readonly Uint8Array[]): void;
  /**
   * Writes a file as its pieces come, which may be more than memory holds. It has its name once all of them are there: when one of them
   * fails, there is no file. Where this is absent, all pieces are held and given to {@link writeFile}.
   */
  streamFile?(path: string, pieces: Iterable<Uint8Array>): void;
  /** Of recordings. */
  readonly compression: Compression;
}

export interface Output {
  /** Lines for a person. */
  readonly text: string;
  /** The same for a program: plain data, of which `bigint` is left out. */
  readonly data?: unknown;
  /** The conversation is over. */
  readonly quit?: true;
}

/** What commands share. */
export interface Context {
  readonly host: CommandHost;
  /** The session with an object; an error that says how to get one when there is none. */
  readonly session: Session;
  readonly hasSession: boolean;
  /** Begins a session. */
  open(session: Session, path: string): void;
  /** Who waits for the present command: what takes long tells how far it is, and ends when it is cancelled. */
  readonly limits: Patience;
  /** Instructions that `list` and `x` go on from. */
  readonly memory: Map<string, string>;
}

export type Group = 'Programs' | 'Running' | 'Stopping' | 'Looking' | 'Maps and the world' | 'Other';

export interface Command {
  readonly name: string;
  /** gdb's short names. */
  readonly aliases: readonly string[];
  readonly group: Group;
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  /** Further lines. */
  readonly details?: string;
  /** Repeated by an empty line, as in gdb. */
  readonly repeats?: boolean;
  run(args: string, context: Context): Output;
  /** Words that may stand where the last word begins. */
  complete?(args: readonly string[], context: Context): readonly string[];
}

/** Words of an argument list; quotes keep spaces. */
export function words(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
}

export function usageError(command: Pick<Command, 'usage'>, problem: string): BailoutError {
  return new BailoutError('USAGE', problem, { hint: `Usage: ${command.usage}` });
}

/** A count from 1 up, or the default when nothing stands there. */
export function countOf(text: string, fallback: number, command: Pick<Command, 'usage'>): number {
  const word = text.trim().replaceAll(/[_,]/g, '');
  if (word === '') return fallback;
  const count = Number(word);
  if (!Number.isSafeInteger(count) || count < 1) throw usageError(command, `\`${text.trim()}\` is no count.`);
  return count;
}

/** Columns that line up; the last one is not padded. */
export function table(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows
    .map((row) => (indent + row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')).trimEnd())
    .join('\n');
}
