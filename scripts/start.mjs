/**
 * `npm start`: sets up what is missing, builds, and runs the example with a throw three frames deep, so that the first
 * thing a newcomer sees is a program that bails out and everything it held being given back.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensureInstalled, root } from './install.mjs';

ensureInstalled();
const { buildCommandLine } = await import('./build.mjs');
await buildCommandLine();

const example = [
  'run',
  'examples/deep-throw.bpf.o',
  '--program',
  'deep_throw',
  '--scenario',
  'examples/deep-throw.json',
];
console.log(`$ bailout ${example.join(' ')}\n`);
const { status } = spawnSync(process.execPath, [join(root, 'dist/bailout.mjs'), ...example], {
  cwd: root,
  stdio: 'inherit',
});
console.log(`
Next:
  npm run --silent bailout -- inspect examples/deep-throw.bpf.o      what is in the object
  npm run --silent bailout -- verify examples/rejected.bpf.o         why a program is rejected
  npm run --silent bailout -- --help                                 everything else`);
process.exit(status ?? 1);
