/** Tests in a real browser: `npm run e2e`, and a part of `npm test`. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';

const root = fileURLToPath(new URL('../..', import.meta.url));

export default defineConfig({
  testDir: '.',
  testMatch: '**/*.spec.ts',
  outputDir: join(root, '.cache/e2e/failures'),
  // Each test starts a server and a browser page of its own; more of them than cores only wait for each other.
  workers: 2,
  fullyParallel: true,
  forbidOnly: process.env['CI'] !== undefined,
  // A machine that others slow down for seconds must not turn a build red; what passes only the second time is listed as flaky.
  retries: 1,
  // Looking at four layouts with axe takes half a minute, and a machine may be three times slower than this one.
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: [['line'], ['json', { outputFile: join(root, '.cache/reports/e2e.json') }]],
  use: {
    viewport: { width: 1600, height: 1000 },
    colorScheme: 'dark',
    // `npm run e2e -- --trace retain-on-failure` tells all of a failure, and takes half as long again.
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
