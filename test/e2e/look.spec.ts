/** Pictures of each layout in both themes, kept in .cache/e2e/screenshots; and that nothing is too wide for the window. */
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { SCREENSHOTS, expect, test } from './fixtures.ts';
import { go, openExample, panel, preset, runToThrow, settled } from './page.ts';

async function picture(page: Page, name: string): Promise<void> {
  await page.mouse.move(2, 500);
  // Messages that something was opened go by themselves; a picture is of the page.
  for (const button of await page.getByRole('button', { name: 'Dismiss' }).all()) await button.click();
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
  // What does not fit is scrolled in its panel, never with the page.
  const { width, height } = page.viewportSize()!;
  const needed = await page.evaluate(() => {
    const { scrollWidth, scrollHeight } = document.documentElement;
    return { width: scrollWidth, height: scrollHeight };
  });
  expect(needed).toEqual({ width, height });
}

/** In the middle: two of four things are let go. */
async function halfUnwound(page: Page): Promise<void> {
  await runToThrow(page);
  while (!/2 of 4 let go/.test(await panel(page, 'unwind').innerText())) await go(page, 'Control+F11');
}

for (const theme of ['dark', 'light'] as const)
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test('a rejection', async ({ bailout }) => {
      await openExample(bailout, /bound|rejected/i, 'rejected');
      await preset(bailout, 'Verify');
      await expect(panel(bailout, 'why').getByRole('heading', { level: 2 })).toBeVisible();
      await expect(panel(bailout, 'exploration').locator('canvas')).toHaveAttribute('data-nodes', /[1-9]/);
      await picture(bailout, `verify-${theme}`);
    });

    test('an unwinding, in three sizes', async ({ bailout }) => {
      await halfUnwound(bailout);
      for (const [width, height, name] of [
        [1600, 1000, `unwind-${theme}`],
        [1280, 800, `unwind-1280-${theme}`],
        [2560, 1440, `unwind-2560-${theme}`],
      ] as const) {
        await bailout.setViewportSize({ width, height });
        await expect(panel(bailout, 'timeline').locator('canvas').first()).toHaveAttribute('data-rects', /[1-9]/);
        await settled(bailout);
        await picture(bailout, name);
      }
    });

    test('stepping, and the whole run', async ({ bailout }) => {
      await halfUnwound(bailout);
      await preset(bailout, 'Trace');
      await expect(panel(bailout, 'events').getByRole('row').nth(3)).toBeVisible();
      await picture(bailout, `trace-${theme}`);
      await preset(bailout, 'Debug');
      await go(bailout, 'Control+F11');
      await picture(bailout, `debug-${theme}`);
    });
  });
