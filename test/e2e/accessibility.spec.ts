/** What axe finds, in each layout and theme and with dialogs open; and that the theme follows the system until one is chosen. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures.ts';
import { command, go, openExample, preset, runToThrow, settled } from './page.ts';

/** Serious and critical findings, as lines that can be read. */
async function findings(page: Page): Promise<readonly string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html }) => `  ${html.slice(0, 160)}`).join('\n')}`);
}

for (const colorScheme of ['dark', 'light'] as const)
  test.describe(`in the ${colorScheme} theme`, () => {
    test.use({ colorScheme });

    test('no serious finding in any layout in the middle of an unwinding', async ({ bailout }) => {
      await runToThrow(bailout);
      await go(bailout, 'Control+F11');
      for (const name of ['Unwind', 'Debug', 'Trace']) {
        await preset(bailout, name);
        await settled(bailout);
        expect(await findings(bailout), name).toEqual([]);
      }
    });

    test('no serious finding where a rejection is explained', async ({ bailout }) => {
      await openExample(bailout, /bound|rejected/i, 'rejected');
      await preset(bailout, 'Verify');
      await expect(bailout.getByRole('heading', { level: 2 }).first()).toBeVisible();
      expect(await findings(bailout)).toEqual([]);
    });

    test('no serious finding with a dialog or a menu in front', async ({ bailout }) => {
      for (const key of ['Control+Shift+P', '?']) {
        await bailout.keyboard.press(key);
        await expect(bailout.getByRole('dialog')).toBeVisible();
        expect(await findings(bailout), key).toEqual([]);
        await bailout.keyboard.press('Escape');
        await expect(bailout.getByRole('dialog')).toBeHidden();
      }
      await bailout.getByRole('button', { name: 'View', exact: true }).click();
      await expect(bailout.getByRole('menu', { name: 'View' })).toBeVisible();
      expect(await findings(bailout), 'menu').toEqual([]);
      await bailout.keyboard.press('Escape');
      await command(bailout, 'Start: examples and files');
      expect(await findings(bailout), 'start').toEqual([]);
    });
  });

/** How light the page's background is, 0 to 255. */
async function lightness(page: Page): Promise<number> {
  const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return (red + green + blue) / 3;
}

test('the theme is the system’s, also when that changes, until one is chosen; what is chosen is kept', async ({
  bailout,
}) => {
  const isDark = (): Promise<boolean> => lightness(bailout).then((value) => value < 128);
  await bailout.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(isDark).toBe(true);
  await bailout.emulateMedia({ colorScheme: 'light' });
  await expect.poll(isDark).toBe(false);
  await command(bailout, 'Dark theme');
  await expect.poll(isDark).toBe(true);
  await bailout.reload();
  await bailout.locator('[data-session="open"]').waitFor();
  await expect.poll(isDark).toBe(true);
  await command(bailout, 'Theme of the system');
  await expect.poll(isDark).toBe(false);
});
