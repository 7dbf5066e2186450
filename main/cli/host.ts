/** What the commands need of the machine they run on. Tests give them another one. */
import type { Btf } from '../../core/object/btf/btf.ts';
import type { Style } from './format/style.ts';

export interface Host {
  /** Contents of a file. Throws a BailoutError with the code FILE_UNREADABLE. */
  readFile(path: string): Uint8Array;
  /** Makes a file, or empties it, and returns what appends to it. Throws a BailoutError with the code FILE_UNWRITABLE. */
  createFile(path: string): (bytes: Uint8Array) => void;
  /** Begins a file that has its name only once all of it is there. Throws a BailoutError with the code FILE_UNWRITABLE. */
  beginFile(path: string): FileUnderWay;
  kernelBtf(): Btf;
  write(text: string): void;
  /** Writes to the terminal that a person looks at while waiting; absent when nobody does. */
  readonly terminal?: (text: string) => void;
  readonly style: Style;
}

/** A file that is being written. Whatever had its name before is there until it is finished. */
export interface FileUnderWay {
  append(bytes: Uint8Array): void;
  finish(): void;
  /** As if it had never been begun. */
  abandon(): void;
}

/** 0: fine; 1: rejected, or ended by an error of the program; 2: wrong usage; 3: unreadable input; 130: ended by Ctrl-C. */
export type ExitStatus = 0 | 1 | 2 | 3 | 130;
