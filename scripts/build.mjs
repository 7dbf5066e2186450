/**
 * Builds what runs: the interpreter's WebAssembly module, the command line as one file in dist/, the worker of its page's sessions
 * as another, and the page.
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
const worker = join(dist, 'worker.mjs');
const page = join(dist, 'page/index.html');
const below = (...paths) => paths.map((path) => join(root, path));
const sources = below('core', 'main', 'package.json', 'scripts/build.mjs');
const desktop = join(root, 'dist/desktop/main.cjs');
const desktopSources = below('main', 'preload', 'core/protocol', 'electron.vite.config.ts', 'package.json');
const pageSources = below('renderer', 'core/protocol', 'package.json');
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

/** Bundles an entry, packages and all: what is published has no dependencies. */
async function bundle(entry, name) {
  const { build } = await import('vite');
  mkdirSync(dist, { recursive: true });
  // Two commands may build at once: each into a folder of its own, and what is complete is moved into place.
  const work = mkdtempSync(join(dist, '.build-'));
  try {
    await build({
      root,
      configFile: false,
      logLevel: 'error',
      ssr: { noExternal: true },
      build: {
        ssr: entry,
        target: 'node20',
        outDir: work,
        emptyOutDir: false,
        minify: true,
        sourcemap: true,
        rolldownOptions: {
          // What ws would take if it were there.
          external: ['bufferutil', 'utf-8-validate'],
          output: { format: 'esm', entryFileNames: name, chunkFileNames: '[name].mjs' },
        },
      },
    });
    // The entry file last: it is the one whose age says whether the build is fresh.
    const files = readdirSync(work).sort((a, b) => Number(a === name) - Number(b === name));
    for (const file of files) renameSync(join(work, file), join(dist, file));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Builds the command line and the worker unless they are newer than their sources. */
export async function buildCommandLine({ force = false } = {}) {
  if (!force && !isStale(product, sources) && existsSync(worker)) return;
  ensureInstalled();
  buildEngine(force);
  // The command line last: its age is what is looked at.
  await bundle('main/worker/worker.ts', 'worker.mjs');
  await bundle('main/cli/main.ts', 'bailout.mjs');
}

/** Builds the page unless it is newer than its sources. */
export async function buildPage({ force = false } = {}) {
  if (!force && !isStale(page, pageSources)) return;
  ensureInstalled();
  const { build } = await import('vite');
  mkdirSync(dist, { recursive: true });
  // A page that does not build leaves the last one that did.
  const work = mkdtempSync(join(dist, '.page-'));
  try {
    await build({
      configFile: join(root, 'renderer/vite.config.ts'),
      logLevel: 'error',
      build: { outDir: work, emptyOutDir: true },
    });
    rmSync(join(dist, 'page'), { recursive: true, force: true });
    renameSync(work, join(dist, 'page'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Builds the desktop, its page included, unless it is newer than its sources: the main process as Electron loads it. */
export async function buildDesktop({ force = false } = {}) {
  await buildCommandLine({ force });
  if (!force && !isStale(desktop, desktopSources) && !isStale(page, pageSources)) return;
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/electron-vite/bin/electron-vite.js'), 'build', '--logLevel', 'error'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
    },
  );
  if (status !== 0) throw new Error('The desktop did not build: see the output above.');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const force = process.argv.includes('--force');
  await buildCommandLine({ force });
  await (process.argv.includes('--desktop') ? buildDesktop({ force }) : buildPage({ force }));
}
