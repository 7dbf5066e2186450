/**
 * `npm start`: sets up what is missing, builds, and opens Bailout with an example that throws three frames deep: on the desktop where
 * Electron can run, else in a browser, and says which. `npm start -- FILE` opens a file instead.
 */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { ensureInstalled, root } from './install.mjs';

ensureInstalled();
const { buildCommandLine, buildDesktop, buildPage } = await import('./build.mjs');
const { findDesktop } = await import('./desktop.mjs');

// npm runs scripts in the project's folder; a path is meant from where somebody typed it.
const files = process.argv
  .slice(2)
  .map((word) => (word.startsWith('-') ? word : resolve(process.env.INIT_CWD ?? '.', word)));
const [desktop] = await Promise.all([findDesktop(), buildCommandLine()]);

let program;
if ('binary' in desktop) {
  await buildDesktop();
  program = [desktop.binary, root, ...files];
} else {
  await buildPage();
  console.error(`The page is served for a browser, since ${desktop.why}.`);
  program = [process.execPath, join(root, 'dist/bailout.mjs'), 'serve', ...files];
}
const child = spawn(program[0], program.slice(1), { cwd: root, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (status, signal) => process.exit(signal === null ? (status ?? 1) : 0));
