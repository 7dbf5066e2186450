#!/usr/bin/env node
/**
 * The `bailout` command. In a clone it first brings dist/ up to date, which costs a few milliseconds of stats when it
 * is; a published package has no sources, so it starts at once.
 */
import { existsSync } from 'node:fs';

if (existsSync(new URL('../../core/errors.ts', import.meta.url))) {
  const { buildCommandLine, buildPage } = await import('../../scripts/build.mjs');
  await buildCommandLine();
  if (process.argv[2] === 'serve') await buildPage();
}
await import('../../dist/bailout.mjs');
