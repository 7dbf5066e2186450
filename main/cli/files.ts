/** The host of the real command line: files, standard output, the bundled kernel types. */
import { closeSync, openSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { BailoutError } from '../../core/errors.ts';
import { refusalOfSize } from '../../core/protocol/files.ts';
import { bundledKernelBtf } from '../kernel-btf.ts';
import { COLOURED, PLAIN, wantsColour } from './format/style.ts';
import type { FileUnderWay, Host } from './host.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
  ENOTDIR: 'a part of the path is not a directory',
};

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

export function readFile(path: string): Uint8Array {
  try {
    const refusal = refusalOfSize(path, statSync(path).size);
    if (refusal !== undefined) throw new BailoutError(refusal.code, refusal.message, { hint: refusal.hint });
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof BailoutError) throw cause;
    const code = errorCode(cause);
    throw new BailoutError('FILE_UNREADABLE', `${path} cannot be read: ${REASONS[code] ?? code}.`, { cause });
  }
}

/** Writes all of it, also into a pipe that is full for the moment; a reader that has gone away wants no more. */
export function writeTo(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      if (errorCode(error) === 'EAGAIN') continue;
      if (errorCode(error) === 'EPIPE') process.exit(0);
      throw error;
    }
  }
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const code = errorCode(cause);
    throw new BailoutError('FILE_UNWRITABLE', `${path} cannot be written: ${REASONS[code] ?? code}.`, { cause });
  }
}

function createFile(path: string): (bytes: Uint8Array) => void {
  const descriptor = guarded(path, () => openSync(path, 'w'));
  return (bytes) => guarded(path, () => writeAll(descriptor, bytes));
}

/**
 * Beside the file, under a name of its own until it is whole. What is no file (a pipe, a terminal) is written at once, and so is what
 * somebody else has opened (/dev/stdout).
 */
export function beginFile(path: string): FileUnderWay {
  const there = guarded(path, () => statSync(path, { throwIfNoEntry: false }));
  if (there?.isFile() === false || path.startsWith('/dev/'))
    return { append: createFile(path), finish: () => undefined, abandon: () => undefined };
  // What a link leads to is replaced, and not the link.
  const target = there === undefined ? path : guarded(path, () => realpathSync(path));
  const part = `${target}.${process.pid}.part`;
  const descriptor = guarded(path, () => openSync(part, 'w', there?.mode));
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  return {
    append: (bytes) => guarded(path, () => writeAll(descriptor, bytes)),
    finish: () =>
      guarded(path, () => {
        close();
        renameSync(part, target);
      }),
    abandon() {
      close();
      rmSync(part, { force: true });
    },
  };
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
}

export function nodeHost(): Host {
  return {
    readFile,
    createFile,
    beginFile,
    kernelBtf: bundledKernelBtf,
    write: (text) => writeTo(1, text),
    ...(process.stderr.isTTY === true ? { terminal: (text: string) => writeTo(2, text) } : {}),
    style: wantsColour(process.env, process.stdout.isTTY === true) ? COLOURED : PLAIN,
  };
}
