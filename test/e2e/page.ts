/** Words for what a user does and sees in the page. */
import type { Locator, Page } from '@playwright/test';
import { expect } from '@playwright/test';

/** A panel by its name: `code`, `unwind`, `terminal`. It is on the screen when its tab is in front. */
export function panel(page: Page, name: string): Locator {
  return page.locator(`[data-panel="${name}"]`);
}

/** `step 163 of 164 · unwinding 3 of 14`, as the bar above says it. */
export function where(page: Page): Locator {
  return page.locator('.top-bar .position');
}

/** Chooses a command of the page by its name, as Ctrl+Shift+P offers it. */
export async function command(page: Page, name: string): Promise<void> {
  await page.keyboard.press('Control+Shift+P');
  const box = page.getByRole('combobox', { name: /command/i });
  await box.fill(name);
  await expect(page.getByRole('option').first()).toBeVisible();
  await page.keyboard.press('Enter');
}

/** Types a line into the terminal, and waits for the prompt after what it says. */
export async function type(page: Page, line: string): Promise<void> {
  const terminal = panel(page, 'terminal');
  const before = await prompts(terminal);
  await terminal.locator('textarea').focus();
  await page.keyboard.type(line);
  await page.keyboard.press('Enter');
  await expect.poll(() => prompts(terminal)).toBeGreaterThan(before);
}

/** What the terminal shows. */
export async function terminalText(page: Page): Promise<string> {
  return (await panel(page, 'terminal').locator('.xterm-rows').innerText()).replaceAll('\u00a0', ' ');
}

async function prompts(terminal: Locator): Promise<number> {
  const text = await terminal.locator('.xterm-rows').innerText();
  return text.split('bailout>').length;
}

/** Runs to the throw of the example that is open at the beginning. */
export async function runToThrow(page: Page): Promise<void> {
  await page.keyboard.press('F5');
  await expect(panel(page, 'unwind').getByRole('list', { name: 'Phases of the unwinding' })).toBeVisible();
  await expect(where(page)).toContainText('unwinding 0 of');
}
