/** A host for tests: the examples' files, the bundled kernel types, and a flag that cancels. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflate } from '../../../main/compression.ts';
import { bundledKernelBtf } from '../../../main/kernel-btf.ts';
import type { Progress } from '../../protocol/state.ts';
import type { ServiceHost } from '../host.ts';
import { Service } from '../service.ts';

const examples = fileURLToPath(new URL('../../../examples/', import.meta.url));

export interface TestHost extends ServiceHost {
  /** What was told. */
  readonly progress: (Progress | undefined)[];
  readonly written: Map<string, Uint8Array>;
  isCancelled: boolean;
}

export function testHost(): TestHost {
  const host: TestHost = {
    progress: [],
    written: new Map(),
    isCancelled: false,
    readFile: (path) => readFileSync(path),
    writeFile: (path, pieces) => void host.written.set(path, Buffer.concat(pieces)),
    kernelBtf: bundledKernelBtf,
    kernelTypes: 'bundled Linux 6.18',
    compression: deflate,
    readExample: (name) => readFileSync(examples + name),
    work: {
      begin: () => undefined,
      isCancelled: () => host.isCancelled,
      progress: (progress) => void host.progress.push(progress),
    },
  };
  return host;
}

export function exampleFile(name: string): { readonly name: string; readonly bytes: Uint8Array } {
  return { name, bytes: readFileSync(examples + name) };
}

/** A service with an example opened. */
export function serviceWith(example: string): Service {
  const service = new Service(testHost());
  service.openExample(example);
  return service;
}
