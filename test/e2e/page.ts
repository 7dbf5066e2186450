/** Words for what a user does and sees in the page. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { expect } from '@playwright/test';

/** A panel by its name: `code`, `unwind`, `terminal`. It is on the screen when its tab is in front. */
export function panel(page: Page, name: string): Locator {
  return page.locator(`[data-panel="${name}"]`);
}

/** Brings a panel to the front by its tab, and gives it. */
export async function openTab(page: Page, title: string, name = title.toLowerCase()): Promise<Locator> {
  await page.getByRole('tab', { name: title, exact: true }).first().click();
  const opened = panel(page, name);
  await expect(opened).toBeVisible();
  return opened;
}

/** One of the four layouts: `Verify`, `Debug`, `Unwind`, `Trace`. */
export async function preset(page: Page, name: string): Promise<void> {
  const button = page.getByRole('group', { name: 'Layout' }).getByRole('button', { name });
  await button.click();
  await expect(button).toHaveAttribute('aria-pressed', 'true');
}

/** `step 163 of 164 · unwinding 3 of 14`, as the bar above says it. */
export function where(page: Page): Locator {
  return page.getByRole('banner').locator('.position');
}

/** The line below: why the session stands where it stands. */
export function stopped(page: Page): Locator {
  return page.getByRole('contentinfo').getByRole('status').first();
}

/** Errors and messages over the page. */
export function notice(page: Page, text: string | RegExp): Locator {
  return page.getByRole('alert').or(page.getByRole('status')).filter({ hasText: text });
}

/** The moment that panels show: `run:step.phase`. */
async function moment(page: Page): Promise<string> {
  return (await page.locator('[data-session]').getAttribute('data-moment')) ?? '';
}

/** Waits until the panels show the step and phase that the bar above says. */
export async function settled(page: Page): Promise<void> {
  await expect
    .poll(async () => {
      const [, step, phase = '0'] =
        /step ([\d,]+)(?:.*unwinding ([\d,]+) of)?/.exec(await where(page).innerText()) ?? [];
      return (await moment(page)).endsWith(`:${step?.replaceAll(',', '')}.${phase.replaceAll(',', '')}`);
    })
    .toBe(true);
}

/** Presses a key that moves the session, and waits until the panels show where it has come to. */
export async function go(page: Page, key: string): Promise<void> {
  await settled(page);
  const before = await moment(page);
  await page.keyboard.press(key);
  await expect.poll(() => moment(page)).not.toBe(before);
  await settled(page);
}

/** Chooses a command of the page by its name, as Ctrl+Shift+P offers it. */
export async function command(page: Page, name: string): Promise<void> {
  await page.keyboard.press('Control+Shift+P');
  await page.getByRole('combobox', { name: 'Command' }).fill(name);
  const first = page.getByRole('listbox', { name: 'Commands' }).getByRole('option').first();
  await expect(first).toContainText(name);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'All commands' })).toBeHidden();
}

/** Opens an example by the page of the beginning. */
export async function openExample(page: Page, title: RegExp, program: string): Promise<void> {
  await command(page, 'Start: examples and files');
  await page.getByRole('button', { name: title }).click();
  await expect(page.getByRole('navigation', { name: 'Object and program' })).toContainText(program);
}

// ---- the terminal -------------------------------------------------------------------------------------------------------

/** What the terminal shows: its last rows, without what is empty below. */
export async function terminalText(page: Page): Promise<string> {
  return (await panel(page, 'terminal').locator('.xterm-rows').innerText()).replaceAll('\u00a0', ' ').trimEnd();
}

/** Waits for a prompt with nothing behind it but `text`. */
export async function prompt(page: Page, text = ''): Promise<void> {
  await expect.poll(async () => (await terminalText(page)).split('\n').at(-1)?.trim()).toBe(`bailout> ${text}`.trim());
}

/** Puts the focus where commands are written. */
export async function terminal(page: Page): Promise<void> {
  const command = page.getByRole('textbox', { name: 'Command' });
  // A panel that is still being loaded cannot have the focus.
  await expect(async () => {
    await page.keyboard.press('Control+`');
    await expect(command).toBeFocused({ timeout: 500 });
  }).toPass();
}

/** Types a line into the terminal, and waits for the prompt after what it says. */
export async function type(page: Page, line: string): Promise<void> {
  await terminal(page);
  await prompt(page);
  await page.keyboard.type(line);
  await page.keyboard.press('Enter');
  // The line is history once the next prompt is empty.
  await expect.poll(() => terminalText(page)).toContain(line.slice(0, 60));
  await prompt(page);
}

// ---- files --------------------------------------------------------------------------------------------------------------

/** Drops files on the page as the desktop would. */
export async function drop(page: Page, ...paths: string[]): Promise<void> {
  const files = paths.map((path) => ({ name: basename(path), base64: readFileSync(path).toString('base64') }));
  const dataTransfer = await page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const { name, base64 } of list) {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name));
    }
    return transfer;
  }, files);
  const target = page.getByRole('main');
  for (const kind of ['dragenter', 'dragover', 'drop']) await target.dispatchEvent(kind, { dataTransfer });
}

/** Opens a file by the menu, as one that is chosen in the system's dialog. */
export async function choose(page: Page, path: string): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'File and examples' }).click();
  await page.getByRole('menuitem', { name: /Open a file/ }).click();
  await (await chooser).setFiles(path);
}

// ---- stories that many tests begin with ---------------------------------------------------------------------------------

/** Runs to the throw of the example that is open at the beginning. */
export async function runToThrow(page: Page): Promise<void> {
  await page.keyboard.press('F5');
  await expect(panel(page, 'unwind').getByRole('list', { name: 'Phases of the unwinding' })).toBeVisible();
  await expect(where(page)).toContainText('unwinding 0 of');
  await settled(page);
}
