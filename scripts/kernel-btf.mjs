/**
 * Packs a kernel's BTF for bundling: assets/vmlinux-VERSION.btf.gz.
 *
 *   node scripts/kernel-btf.mjs /sys/kernel/btf/vmlinux 6.18
 *   xz -dc vmlinux-6.18.btf.xz | node scripts/kernel-btf.mjs - 6.18
 *
 * The version must be the one that main/kernel-btf.ts names. An index is appended (core/object/btf/stored-index.ts), so that a command that has just begun
 * need not make one: that would cost it 30 ms, unpacking the index costs 2. gzip, because unpacking is paid at each start too: 5.5 MB take 12 ms
 * from gzip (1.7 MB), 24 ms from brotli (1.4 MB), and zstd needs a WebAssembly module first.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

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

/** Node cannot import TypeScript by itself, so the module that makes the index is bundled first. */
async function importBundled(entry) {
  const { build } = await import('vite');
  const folder = mkdtempSync(join(tmpdir(), 'kernel-btf-'));
  try {
    const root = fileURLToPath(new URL('..', import.meta.url));
    await build({
      root,
      configFile: false,
      logLevel: 'error',
      build: {
        ssr: join(root, entry),
        outDir: folder,
        emptyOutDir: true,
        rollupOptions: { output: { entryFileNames: 'entry.mjs' } },
      },
    });
    return await import(pathToFileURL(join(folder, 'entry.mjs')).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { addIndex } = await importBundled('core/object/btf/parse.ts');
const indexed = addIndex(new Uint8Array(raw));
const target = new URL(`../assets/vmlinux-${version}.btf.gz`, import.meta.url);
mkdirSync(new URL('.', target), { recursive: true });
const packed = gzipSync(indexed, { level: 9, memLevel: 9 });
packed[9] = 0xff; // The gzip header names no operating system, so that the file is the same wherever it is made.
writeFileSync(target, packed);
console.log(
  `assets/vmlinux-${version}.btf.gz: ${raw.length} bytes of BTF and ${indexed.length - raw.length} of index in ${packed.length}`,
);
