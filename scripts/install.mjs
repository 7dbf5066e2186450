/**
 * Makes `npm start` and `npm test` work on a fresh clone: installs the packages that the lock file names when they
 * are not there. Plain Node, since nothing else is there yet.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * Why an installation is needed, or undefined. Compares the lock file with the one that npm leaves in node_modules
 * once it is done, so an installation that was interrupted, or made for another lock file, is seen too.
 */
function whatIsMissing() {
  const installed = readPackages('node_modules/.package-lock.json');
  if (installed === undefined) return 'nothing is installed yet';
  const wanted = readPackages('package-lock.json') ?? {};
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    if (path === '' || optional || installed[path]?.version === version) continue;
    return `${path.replace(/^.*node_modules\//, '')} ${version} is not installed`;
  }
  return undefined;
}

/** Installs what the lock file names, when it is not installed. Ends the process when that fails. */
export function ensureInstalled() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Bailout needs Node 20.19 or later; this is ${process.version}.`);
    process.exit(2);
  }
  const reason = whatIsMissing();
  if (reason === undefined) return;
  console.error(`Installing packages (${reason}) …`);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status } = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    // Standard output belongs to the command that was asked for.
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error('`npm ci` failed: see its output above. Is the npm registry reachable?');
    process.exit(1);
  }
}
