/**
 * Runs a TypeScript program of the project: `node scripts/run-ts.mjs test/bench/bench.ts [ARGUMENT…]`.
 *
 * It is bundled first, as the command line is, since Node 20 does not read TypeScript, and since a benchmark must measure
 * the code as it ships: loaders that transform each module by itself make every imported name a property access.
 * `import.meta.url` of each module still names its source file; the bundle itself is `process.argv[1]` (for workers).
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureInstalled, root } from './install.mjs';

const [entry, ...rest] = process.argv.slice(2);
if (entry === undefined || !existsSync(resolve(root, entry))) {
  console.error(
    entry === undefined ? 'Usage: node scripts/run-ts.mjs FILE.ts [ARGUMENT…]' : `There is no file ${entry}.`,
  );
  process.exit(2);
}
ensureInstalled();
const { buildEngine } = await import('./build.mjs');
buildEngine();

const keepUrls = {
  name: 'keep-import-meta-url',
  transform(code, id) {
    if (!code.includes('import.meta.url') || id.includes('node_modules')) return null;
    return { code: code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href)), map: null };
  },
};

const name = basename(entry, '.ts');
const outDir = join(root, '.cache/run', name);
const { build } = await import('vite');
await build({
  root,
  configFile: false,
  logLevel: 'error',
  plugins: [keepUrls],
  build: {
    ssr: resolve(root, entry),
    target: 'node20',
    outDir,
    emptyOutDir: true,
    minify: false,
    sourcemap: true,
    rolldownOptions: { output: { format: 'esm', entryFileNames: `${name}.mjs`, chunkFileNames: '[name]-[hash].mjs' } },
  },
});
const run = spawnSync(process.execPath, ['--enable-source-maps', join(outDir, `${name}.mjs`), ...rest], {
  stdio: 'inherit',
});
process.exit(run.status ?? 1);
