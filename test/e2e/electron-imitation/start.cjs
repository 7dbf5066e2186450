/** Stands in for Electron's binary: see README.md. The arguments are those that Playwright gives to Electron. */
'use strict';
const { Module, createRequire } = require('node:module');
const { readFileSync } = require('node:fs');
const { resolve } = require('node:path');
const { Chromium } = require('./chromium.cjs');
const { makeElectron } = require('./double.cjs');

const args = process.argv.slice(2);
const requireOption = args.indexOf('-r');
const loader = requireOption < 0 ? undefined : args[requireOption + 1];
const root = resolve(args.find((arg, i) => !arg.startsWith('-') && args[i - 1] !== '-r') ?? '.');
// Electron's own argv has the switches, too; Playwright's loader cuts them off.
process.argv = [process.argv[0], ...args];

async function main() {
  const chromium = await Chromium.start();
  const electron = makeElectron(chromium, root);
  const load = Module._load;
  Module._load = (request, ...rest) => (request === 'electron' ? electron : load(request, ...rest));
  process.on('exit', () => chromium.tidy());
  process.on('SIGTERM', () => electron.app.quit());
  if (loader !== undefined) require(loader);
  await electron.start();
  process.stderr.write(`DevTools listening on ${chromium.address}\n`);
  const { main: entry } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));
  createRequire(resolve(root, 'package.json'))(resolve(root, entry));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
