/**
 * Prints `N passed, N failed` from what `npm test` left in .cache/reports; a failed check counts as one failure. The
 * argument is the number of failures of steps that leave no report.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install.mjs';

let passed = 0;
let failed = Number(process.argv[2] ?? 0);
try {
  const { results } = JSON.parse(readFileSync(join(root, '.cache/reports/summary.json'), 'utf8'));
  for (const result of results) {
    passed += result.passed ?? 0;
    // A suite may fail without a failing test, by an unhandled error for one.
    failed += Math.max(result.failed ?? 0, result.ok ? 0 : 1);
  }
} catch (error) {
  console.error(`No test results: ${error instanceof Error ? error.message : String(error)}`);
  failed += 1;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
