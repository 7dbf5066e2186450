/** The service's ports on Node: files, the bundled kernel types, and a flag in shared memory by which work is cancelled. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BailoutError } from '../../core/errors.ts';
import type { Progress } from '../../core/protocol/state.ts';
import type { ServiceHost } from '../../core/service/host.ts';
import { beginFile, readFile } from '../cli/files.ts';
import { writeWhole } from '../cli/writing.ts';
import { zstd } from '../compression.ts';
import { bundledKernelBtf } from '../kernel-btf.ts';

export interface NodeHostOptions {
  /** Folder of the examples. */
  readonly examples: string;
  /** One number: 1 while whatever goes on is to end. */
  readonly cancel: Int32Array;
  progress(progress: Progress | undefined): void;
}

export function nodeServiceHost({ examples, cancel, progress }: NodeHostOptions): ServiceHost {
  return {
    readFile,
    writeFile: (path, pieces) => writeWhole(beginFile(path), pieces),
    kernelBtf: bundledKernelBtf,
    kernelTypes: 'bundled Linux 6.18',
    compression: zstd,
    readExample(name) {
      try {
        return readFileSync(join(examples, name));
      } catch (cause) {
        throw new BailoutError('FILE_UNREADABLE', `The example ${name} is not there.`, { cause });
      }
    },
    work: {
      begin: () => void Atomics.store(cancel, 0, 0),
      isCancelled: () => Atomics.load(cancel, 0) !== 0,
      progress,
    },
  };
}
