/** Is a build product older than what it is made of? Used before each run of the command line, so it is only stats. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The time of the last change to a file or to any file below a folder, in milliseconds; 0 when there is none. */
export function newestChange(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  let newest = 0;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    // A test does not end up in a product.
    if (entry.name.endsWith('.test.ts') || entry.name.endsWith('.md')) continue;
    newest = Math.max(newest, newestChange(join(path, entry.name)));
  }
  return newest;
}

/** Whether the product is missing or older than one of its sources. */
export function isStale(product, sources) {
  const made = statSync(product, { throwIfNoEntry: false })?.mtimeMs;
  return made === undefined || sources.some((source) => newestChange(source) > made);
}
