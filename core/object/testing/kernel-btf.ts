/** The bundled kernel types, for tests. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Btf } from '../btf/btf.ts';
import { openKernelBtf } from '../kernel-btf.ts';

let opened: Btf | undefined;

export function bundledKernelBtf(): Btf {
  opened ??= openKernelBtf(gunzipSync(readFileSync(new URL('../../../assets/vmlinux-6.18.btf.gz', import.meta.url))));
  return opened;
}
