/**
 * Builds what runs: the interpreter's WebAssembly module and the command line as one file in dist/.
 *
 *   node scripts/build.mjs          builds what is older than its sources
 *   node scripts/build.mjs --force  builds everything
 *
 * The command line is bundled because loading one file costs a tenth of loading three hundred.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, root } from './install.mjs';
import { isStale } from './freshness.mjs';

const dist = join(root, 'dist');
const product = join(dist, 'bailout.mjs');
const sources = ['core', 'main/cli', 'package.json', 'scripts/build.mjs'].map((path) => join(root, path));
const engineBuild = join(root, 'core/machine/engine/build.mjs');

/** Compiles the AssemblyScript interpreter; its script knows by itself whether that is necessary. */
export function buildEngine(force = false) {
  if (!existsSync(engineBuild)) return;
  const { status } = spawnSync(process.execPath, [engineBuild, ...(force ? ['--force'] : [])], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new Error('The interpreter did not compile: see the output above.');
}

async function bundle() {
  const { build } = await import('vite');
  mkdirSync(dist, { recursive: true });
  // Two commands may build at once: each into a folder of its own, and what is complete is moved into place.
  const work = mkdtempSync(join(dist, '.build-'));
  try {
    await build({
      root,
      configFile: false,
      logLevel: 'error',
      build: {
        ssr: 'main/cli/main.ts',
        target: 'node20',
        outDir: work,
        emptyOutDir: false,
        minify: true,
        sourcemap: true,
        rolldownOptions: {
          output: { format: 'esm', entryFileNames: 'bailout.mjs', chunkFileNames: '[name]-[hash].mjs' },
        },
      },
    });
    // The entry file last: it is the one whose age says whether the build is fresh.
    const files = readdirSync(work).sort((a, b) => Number(a === 'bailout.mjs') - Number(b === 'bailout.mjs'));
    for (const file of files) renameSync(join(work, file), join(dist, file));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Builds the command line unless it is newer than its sources. */
export async function buildCommandLine({ force = false } = {}) {
  if (!force && !isStale(product, sources)) return;
  ensureInstalled();
  buildEngine(force);
  await bundle();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildCommandLine({ force: process.argv.includes('--force') });
}
