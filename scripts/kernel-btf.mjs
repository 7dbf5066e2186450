/**
 * Packs a kernel's BTF for bundling: assets/vmlinux-VERSION.btf.gz.
 *
 *   node scripts/kernel-btf.mjs /sys/kernel/btf/vmlinux 6.18
 *   xz -dc vmlinux-6.18.btf.xz | node scripts/kernel-btf.mjs - 6.18
 *
 * The version must be the one that main/kernel-btf.ts names. gzip, because unpacking is paid at each start of the command line: 5.5 MB take 12 ms
 * from gzip (1.7 MB), 24 ms from brotli (1.4 MB), and zstd needs a WebAssembly module first. No index is stored: finding where each of the 126,000
 * types begins takes 4 ms, and the table of names is only made when a name is looked up (9 ms), which is less than unpacking an index would add.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, gzipSync } from 'node:zlib';

const [, , source, version] = process.argv;
if (source === undefined || !/^\d+\.\d+$/.test(version ?? '')) {
  console.error('usage: node scripts/kernel-btf.mjs FILE|- MAJOR.MINOR');
  process.exit(2);
}
const raw = readFileSync(source === '-' ? 0 : source);
if (raw.length < 24 || raw.readUInt16LE(0) !== 0xeb9f) {
  console.error(`${source} does not begin with the magic number of little-endian BTF.`);
  process.exit(3);
}
const target = new URL(`../assets/vmlinux-${version}.btf.gz`, import.meta.url);
mkdirSync(new URL('.', target), { recursive: true });
const packed = gzipSync(raw, { level: 9, memLevel: 9, strategy: constants.Z_DEFAULT_STRATEGY });
packed[9] = 0xff; // The gzip header names no operating system, so that the file is the same wherever it is made.
writeFileSync(target, packed);
console.log(`${target.pathname.split('/').slice(-2).join('/')}: ${raw.length} bytes of BTF in ${packed.length}`);
