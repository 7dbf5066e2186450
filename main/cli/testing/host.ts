/** A host for tests: the examples' files, plain text, and what was written. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundledKernelBtf } from '../../kernel-btf.ts';
import { PLAIN } from '../format/style.ts';
import type { Host } from '../host.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface TestHost extends Host {
  /** All that was written. */
  text(): string;
  /** Files that were made. */
  readonly made: ReadonlyMap<string, Uint8Array>;
}

/** @param files contents of files that do not exist, by path */
export function testHost(files: Readonly<Record<string, Uint8Array | string>> = {}): TestHost {
  let written = '';
  const made = new Map<string, Uint8Array>();
  return {
    readFile: (path) => {
      const given = made.get(path) ?? files[path];
      if (given === undefined) return readFileSync(`${root}${path}`);
      return typeof given === 'string' ? new TextEncoder().encode(given) : given;
    },
    createFile: (path) => {
      made.set(path, new Uint8Array(0));
      return (bytes) => made.set(path, Buffer.concat([made.get(path) ?? new Uint8Array(0), bytes]));
    },
    beginFile: (path) => {
      const pieces: Uint8Array[] = [];
      return {
        append: (bytes) => void pieces.push(bytes),
        finish: () => void made.set(path, Buffer.concat(pieces)),
        abandon: () => undefined,
      };
    },
    kernelBtf: bundledKernelBtf,
    write: (text) => {
      written += text;
    },
    style: PLAIN,
    text: () => written,
    made,
  };
}
