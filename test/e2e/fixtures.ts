/**
 * What the tests in a browser share: a server of its own for each, as a user would start it, and a page on it. Nothing of
 * Bailout's insides is used here: what a test sees is what a user sees.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { test as base } from '@playwright/test';

export { expect } from '@playwright/test';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const SCREENSHOTS = join(ROOT, '.cache/e2e/screenshots');

export function example(name: string): string {
  return join(ROOT, 'examples', name);
}

/** A running `bailout serve`. */
export interface Served {
  readonly address: string;
  readonly process: ChildProcess;
}

/** What the command line prints of something: the same bundle, another way in. */
export function commandLine(...args: string[]): { readonly status: number | null; readonly errors: string } {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'dist/bailout.mjs'), ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { status, errors: stderr };
}

/** Starts the host, and waits for the line with its address. */
export async function serve(...args: string[]): Promise<Served> {
  const child = spawn(process.execPath, [join(ROOT, 'dist/bailout.mjs'), 'serve', '--port', '0', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const address = await new Promise<string>((resolve, reject) => {
    let said = '';
    const hear = (data: Buffer): void => {
      said += data.toString();
      const match = /(http:\/\/127\.0\.0\.1:\d+\/\S*)/.exec(said);
      if (match?.[1] !== undefined) resolve(match[1]);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', (status) => reject(new Error(`bailout serve ended with status ${status}:\n${said}`)));
  });
  return { address, process: child };
}

interface Fixtures {
  /** Arguments of `bailout serve`: a file to open. */
  readonly serveArgs: string[];
  readonly served: Served;
  /** A page with the session open and its first state shown. */
  readonly bailout: Page;
  /** A folder for files of the test. */
  readonly folder: string;
}

export const test = base.extend<Fixtures>({
  serveArgs: [[], { option: true }],
  served: async ({ serveArgs }, use) => {
    const served = await serve(...serveArgs);
    await use(served);
    served.process.kill('SIGTERM');
  },
  bailout: async ({ page, served }, use) => {
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await page.goto(served.address);
    await page.locator('[data-session="open"]').waitFor();
    await use(page);
    // An error that nobody looked at is a failure of its own. A connection that a test cuts is none.
    const unexpected = problems.filter((problem) => !/WebSocket|ERR_CONNECTION/.test(problem));
    if (unexpected.length > 0) throw new Error(`The page reported errors:\n${unexpected.join('\n')}`);
  },
  // eslint-disable-next-line no-empty-pattern -- the runner reads the pattern to learn what is needed
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'bailout-e2e-'));
    await use(folder);
    rmSync(folder, { recursive: true, force: true });
  },
});
