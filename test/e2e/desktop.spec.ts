/** The desktop: the bundles that are shipped, on real Electron where its binary is there, else on an imitation of it. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ElectronApplication, Page } from '@playwright/test';
import { _electron } from '@playwright/test';
import { ROOT, test as base, example, expect } from './fixtures.ts';
import { panel, runToThrow, where } from './page.ts';

const REAL = join(ROOT, 'node_modules/electron/path.txt');
const IMITATION = join(ROOT, 'test/e2e/electron-imitation');
const isReal = existsSync(REAL);

const test = base.extend<{ app: ElectronApplication; window: Page }>({
  // eslint-disable-next-line no-empty-pattern -- the runner reads the pattern to learn what is needed
  app: async ({}, use) => {
    const userData = mkdtempSync(join(tmpdir(), 'bailout-desktop-'));
    const environment = Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const app = await _electron.launch({
      cwd: ROOT,
      args: [...(isReal ? ['--no-sandbox', `--user-data-dir=${userData}`] : []), '.'],
      env: {
        ...Object.fromEntries(environment),
        BAILOUT_TEST_USER_DATA: userData,
        ...(isReal ? {} : { ELECTRON_OVERRIDE_DIST_PATH: IMITATION }),
      },
      ...(isReal ? {} : { executablePath: join(IMITATION, 'electron') }),
    });
    await use(app);
    await app.close().catch(() => undefined);
    rmSync(userData, { recursive: true, force: true, maxRetries: 5 });
  },
  window: async ({ app }, use) => {
    const window = await app.firstWindow();
    await window.locator('[data-session="open"]').waitFor();
    await use(window);
  },
});

test.beforeAll(() => {
  console.log(`desktop: on ${isReal ? 'real Electron' : 'the imitation of Electron; its binary is not installed'}`);
});

/** Chooses an item of the application's menu by its id, as a click there does. */
async function menu(app: ElectronApplication, id: string): Promise<void> {
  await app.evaluate(({ Menu }, wanted) => {
    const item = Menu.getApplicationMenu()?.getMenuItemById(wanted);
    if (item == null) throw new Error(`There is no ${wanted} in the menu.`);
    item.click();
  }, id);
}

/** The dialog in which the system asks for a file answers with this one. */
async function chooseNext(app: ElectronApplication, path: string): Promise<void> {
  await app.evaluate(({ dialog }, chosen) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] });
  }, path);
}

const crumb = (window: Page): ReturnType<Page['getByRole']> =>
  window.getByRole('navigation', { name: 'Object and program' });

test('it starts with the example, and F5 stands at the throw', async ({ window }) => {
  await expect(crumb(window)).toContainText('deep-throw.bpf.o');
  await runToThrow(window);
  await expect(panel(window, 'unwind')).toContainText('0 of 4 let go');
});

test('the menu carries out the page’s commands', async ({ app, window }) => {
  await menu(app, 'run.continue');
  await expect(where(window)).toContainText('unwinding 0 of');
  await menu(app, 'view.trace');
  await expect(window.getByRole('button', { name: 'Trace' })).toHaveAttribute('aria-pressed', 'true');
  await menu(app, 'view.keys');
  await expect(window.getByRole('dialog')).toContainText('Step over');
});

test('a file is opened by the menu, and is found again among the recent ones', async ({ app, window }) => {
  await chooseNext(app, example('rejected.bpf.o'));
  await menu(app, 'open');
  await expect(crumb(window)).toContainText('rejected.bpf.o');
  await chooseNext(app, example('packet-parser.bpf.o'));
  await menu(app, 'open');
  await expect(crumb(window)).toContainText('packet-parser.bpf.o');
  // Newest first; the older of the two is chosen.
  const recent = await app.evaluate(({ Menu }) => {
    const file = Menu.getApplicationMenu()?.items.find(({ submenu }) => submenu?.getMenuItemById('open') != null);
    const items = file?.submenu?.items.find(({ label }) => /Recent/.test(label))?.submenu?.items ?? [];
    const labels = items.map(({ label }) => label);
    items.find(({ label }) => label.endsWith('rejected.bpf.o'))?.click();
    return labels;
  });
  expect(recent.slice(0, 2)).toEqual([example('packet-parser.bpf.o'), example('rejected.bpf.o')]);
  await expect(crumb(window)).toContainText('rejected.bpf.o');
});

test('a second window looks at the same session', async ({ app, window }) => {
  const opened = app.waitForEvent('window');
  await menu(app, 'new-window');
  const second = await opened;
  await second.locator('[data-session="open"]').waitFor();
  await runToThrow(window);
  await expect(where(second)).toContainText('unwinding 0 of');
  // Closing one leaves the session to the other.
  await second.close();
  await window.keyboard.press('Alt+F5');
  await expect(where(window)).toContainText('step 0 of');
});

test('a window that is reloaded finds its session again', async ({ window }) => {
  await runToThrow(window);
  await window.reload();
  await window.locator('[data-session="open"]').waitFor();
  await expect(where(window)).toContainText('unwinding 0 of');
});

test('with its last window the application ends, and its sessions with it', async ({ app, window }) => {
  await runToThrow(window);
  const ended = new Promise<number | null>((resolve) => app.process().once('exit', resolve));
  await app.evaluate(({ BrowserWindow }) => {
    for (const one of BrowserWindow.getAllWindows()) one.close();
  });
  expect(await ended).toBe(0);
});
