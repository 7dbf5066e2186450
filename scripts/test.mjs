/**
 * `npm test`: types, lint, formatting, import rules, then every test suite; one summary at the end.
 *
 *   npm test                 everything
 *   npm test -- types unit   only these steps
 *
 * The output of a step is shown when it fails. The runners' JSON reports stay in .cache/reports, where .ci/run reads them.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, root } from './install.mjs';

ensureInstalled();
const { buildEngine, buildCommandLine, buildDesktop } = await import('./build.mjs');

const reports = join(root, '.cache/reports');
const bin = (name) => join(root, 'node_modules', name);
const folders = (...names) => names.filter((name) => existsSync(join(root, name)));

function hasTests(folder) {
  const path = join(root, folder);
  return existsSync(path) && readdirSync(path, { recursive: true }).some((name) => name.endsWith('.test.ts'));
}

/** A Vitest suite over some folders. Only suites leave a report. */
function suite(name, what, ...tested) {
  const withTests = tested.filter(hasTests);
  if (withTests.length === 0) return [];
  const report = join(reports, `${name}.json`);
  // The slash keeps `test/` from matching every path with the word in it.
  const filters = withTests.map((folder) => `${folder}/`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  return [{ name, what, report, run: [bin('vitest/vitest.mjs'), 'run', ...filters, ...reporters] }];
}

const checks = [
  { name: 'types', what: 'TypeScript, strict', run: [bin('typescript/bin/tsc'), '--noEmit', '-p', '.'] },
  // What runs in a page knows other names than what runs in Node.
  { name: 'e2e-types', what: 'tests in a browser', run: [bin('typescript/bin/tsc'), '--noEmit', '-p', 'test/e2e'] },
  { name: 'page-types', what: 'the page', run: [bin('vue-tsc/bin/vue-tsc.js'), '--noEmit', '-p', 'renderer'] },
  {
    name: 'lint',
    what: 'ESLint',
    run: [bin('eslint/bin/eslint.js'), '.', '--max-warnings', '0', '--cache', '--cache-location', '.cache/eslint'],
  },
  {
    name: 'format',
    what: 'Prettier',
    run: [
      bin('prettier/bin/prettier.cjs'),
      '--check',
      '.',
      '--cache',
      '--cache-location',
      '.cache/prettier',
      '--log-level',
      'warn',
    ],
  },
  {
    name: 'rules',
    what: 'who may import whom',
    run: [
      bin('dependency-cruiser/bin/dependency-cruise.mjs'),
      '--config',
      '.dependency-cruiser.mjs',
      ...folders('core', 'main', 'preload', 'renderer'),
    ],
  },
];

/** Suites that stand in test/, one a folder, in this order; what is not named here comes last. */
const described = {
  cli: 'the built command line',
  exceptions: 'throws, frame by frame',
  fuzz: 'hostile input',
  conformance: 'against Linux 6.18',
};
const inTest = readdirSync(join(root, 'test'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
const order = [...new Set([...Object.keys(described), ...inTest.map(({ name }) => name)])];

/** Tests in a real browser, by Playwright; a machine without Chromium says that they are left out. */
const chromium = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const browserSuite = {
  name: 'e2e',
  what: 'as a user, in a browser',
  report: join(reports, 'e2e.json'),
  count: countPlaywright,
  run: existsSync(chromium)
    ? [bin('@playwright/test/cli.js'), 'test', '--config', 'test/e2e/playwright.config.ts']
    : ['-e', `console.log('skipped: no Chromium at ${chromium} (apt-get install chromium, or set CHROMIUM_PATH)')`],
};

const suites = [
  ...suite('unit', 'beside the sources', 'core', 'main', 'preload', 'renderer', 'examples', 'scripts'),
  ...order.flatMap((name) => suite(name, described[name] ?? name, `test/${name}`)),
  browserSuite,
];

const colour = process.stdout.isTTY && process.env.NO_COLOR === undefined;
const { FORCE_COLOR: _, ...inherited } = process.env;
const environment = { ...inherited, ...(colour ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }) };
const paint = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);

/** Runs one step; its output is kept, whatever it is. */
function execute({ run }) {
  return new Promise((done) => {
    const child = spawn(process.execPath, run, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment,
    });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => done({ status: 1, output: String(error) }));
    child.on('close', (status) => done({ status: status ?? 1, output: Buffer.concat(chunks).toString() }));
  });
}

/** What a Vitest report says. A file that could not even be loaded has no tests, and counts as one that failed. */
function count(path) {
  if (!existsSync(path)) return { passed: 0, failed: 1, skipped: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(path, 'utf8'),
  );
  const unloadable = testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: numPassedTests,
    failed: numFailedTests + unloadable.length,
    skipped: numPendingTests + numTodoTests,
  };
}

/** What a Playwright report says: none is there when the suite was left out. What passed the second time only is counted apart. */
function countPlaywright(path) {
  if (!existsSync(path)) return { passed: 0, failed: 0, skipped: 0 };
  const { stats, errors } = JSON.parse(readFileSync(path, 'utf8'));
  const { expected, unexpected, flaky, skipped } = stats;
  return { passed: expected + flaky, failed: unexpected + errors.length, skipped, flaky };
}

/** Lines in which a test says why it did not run, so that a skip is never silent. */
const skipReasons = (output) => [...new Set(output.split('\n').filter((line) => /\bskipp(ed|ing):/i.test(line)))];

async function perform(step) {
  const started = performance.now();
  const { status, output } = await execute(step);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const result = { name: step.name, ok: status === 0, ...(step.report ? (step.count ?? count)(step.report) : {}) };
  const counts = step.report
    ? `${result.passed} passed${result.failed > 0 ? `, ${result.failed} failed` : ''}${result.skipped > 0 ? `, ${result.skipped} skipped` : ''}${result.flaky > 0 ? `, ${result.flaky} only the second time` : ''}`
    : step.what;
  const mark = result.ok ? paint(32, '✓') : paint(31, '✗');
  console.log(`${mark} ${step.name.padEnd(12)} ${counts.padEnd(40)} ${paint(2, `${seconds} s`)}`);
  for (const line of skipReasons(output)) console.log(`    ${paint(33, line.trim())}`);
  if (!result.ok) console.log(`\n${output.trimEnd()}\n`);
  return result;
}

const wanted = process.argv.slice(2);
const known = [...checks, ...suites].map(({ name }) => name);
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`There is no step ${unknown.join(', ')}. Steps: ${known.join(', ')}.`);
  process.exit(2);
}
const chosen = (steps) => steps.filter(({ name }) => wanted.length === 0 || wanted.includes(name));

rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const started = performance.now();
const results = [];
try {
  buildEngine();
  if (chosen(suites).length > 0) await buildCommandLine();
  // Its page is the one that browsers get.
  if (chosen([browserSuite]).length > 0 && existsSync(chromium)) await buildDesktop();
} catch (error) {
  console.log(`${paint(31, '✗')} build\n\n${error instanceof Error ? error.message : String(error)}\n`);
  results.push({ name: 'build', ok: false });
}
// The checks use one core each, so two at a time; a suite uses all cores by itself.
const queue = chosen(checks);
const worker = async () => {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) results.push(await perform(step));
};
await Promise.all([worker(), worker()]);
for (const step of chosen(suites)) results.push(await perform(step));

const failed = results.filter(({ ok }) => !ok).map(({ name }) => name);
const passed = results.reduce((sum, result) => sum + (result.passed ?? 0), 0);
writeFileSync(join(reports, 'summary.json'), `${JSON.stringify({ results }, null, 2)}\n`);
const time = `${((performance.now() - started) / 1000).toFixed(0)} s`;
if (failed.length === 0) console.log(`\n${paint(32, 'All good')}: ${passed} tests in ${time}.`);
else console.log(`\n${paint(31, 'Failed')}: ${failed.join(', ')} (${passed} tests passed, ${time}).`);
process.exit(failed.length === 0 ? 0 : 1);
