/**
 * Whether the desktop can be started here: Electron's binary is not a part of its package, but fetched on first use. Says why
 * not in a few words.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install.mjs';

/** Where the binary comes from; the mirror that Electron's own installer takes, too. */
const SOURCE = process.env.ELECTRON_MIRROR ?? process.env.npm_config_electron_mirror ?? 'https://github.com';
/** Somebody waits: an answer that takes longer is none. */
const PATIENCE_MS = 1000;

/** The path of Electron's binary, or undefined while it has not been fetched. */
export function electronBinary() {
  const folder = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  const pathFile = join(root, 'node_modules/electron/path.txt');
  const name = existsSync(pathFile) ? readFileSync(pathFile, 'utf8') : 'electron';
  const path = folder === undefined ? join(root, 'node_modules/electron/dist', name) : join(folder, name);
  return existsSync(path) ? path : undefined;
}

/** Why no window can be opened on this machine, whatever is installed; undefined when one can. */
function whyNoWindow() {
  const { platform, env } = process;
  if (platform === 'linux' && !env.DISPLAY && !env.WAYLAND_DISPLAY) return 'there is no display';
  if (platform === 'linux' && process.getuid?.() === 0) return 'Electron does not run as root';
  return undefined;
}

async function canFetch() {
  try {
    await fetch(SOURCE, { method: 'HEAD', signal: AbortSignal.timeout(PATIENCE_MS) });
    return true;
  } catch {
    return false;
  }
}

/**
 * What to start the desktop with.
 *
 * @returns {Promise<{ binary: string } | { why: string }>}
 */
export async function findDesktop() {
  const noWindow = whyNoWindow();
  if (noWindow !== undefined) return { why: noWindow };
  const present = electronBinary();
  if (present !== undefined) return { binary: present };
  if (!(await canFetch())) return { why: "Electron's binary is not here and cannot be fetched" };
  console.error('Fetching Electron …');
  spawnSync(process.execPath, [join(root, 'node_modules/electron/install.js')], { cwd: root, stdio: ['ignore', 2, 2] });
  const fetched = electronBinary();
  return fetched === undefined ? { why: "Electron's binary could not be fetched" } : { binary: fetched };
}
