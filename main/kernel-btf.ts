/** Where a Node host finds the kernel's types: bundled with Bailout, or of the kernel that runs. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { BailoutError } from '../core/errors.ts';
import { openKernelBtf } from '../core/object/kernel-btf.ts';
import type { Btf } from '../core/object/btf/btf.ts';

// Seen from here as from the built command line in dist/, the assets lie one folder up.
const bundled = new URL('../assets/vmlinux-6.18.btf.gz', import.meta.url);
const running = '/sys/kernel/btf/vmlinux';
/** Larger than any kernel's BTF; a chunk of the output's size makes unpacking twice as fast. */
const CHUNK = 8 << 20;

let opened: Btf | undefined;

/** The types of Linux 6.18 on x86-64, as bundled. Opened once. */
export function bundledKernelBtf(): Btf {
  opened ??= openKernelBtf(gunzipSync(readFileSync(bundled), { chunkSize: CHUNK }));
  return opened;
}

/** The types of the kernel that runs here. */
export function runningKernelBtf(): Btf {
  return kernelBtfFromFile(running);
}

/** Whether the kernel that runs here offers its types. */
export function hasRunningKernelBtf(): boolean {
  return existsSync(running);
}

/** A kernel's types from a file of raw BTF, or one packed with gzip. */
export function kernelBtfFromFile(path: string): Btf {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new BailoutError('KERNEL_BTF_UNREADABLE', `The kernel's types cannot be read from ${path}.`, {
      cause,
      hint: 'Without this option, Bailout uses the types of Linux 6.18 that it brings along.',
    });
  }
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return openKernelBtf(packed ? unpack(bytes, path) : bytes);
}

function unpack(bytes: Uint8Array, path: string): Uint8Array {
  try {
    return gunzipSync(bytes, { chunkSize: CHUNK, maxOutputLength: 1 << 28 });
  } catch (cause) {
    throw new BailoutError('KERNEL_BTF_UNREADABLE', `${path} is not a complete gzip file.`, { cause });
  }
}
