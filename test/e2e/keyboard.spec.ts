/** Everything without a mouse: no test here uses one. */
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures.ts';
import { command, go, panel, runToThrow, settled, where } from './page.ts';

/** The panel that the focus is in. */
function focusedPanel(page: Page): Promise<string | undefined> {
  return page.evaluate(() => document.activeElement?.closest<HTMLElement>('[data-panel]')?.dataset['panel']);
}

/** Whether what has the focus is marked: a line around it, a shadow, or a colour that the same without focus has not. */
async function focusIsSeen(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (!(element instanceof HTMLElement) || element === document.body) return false;
    const looks = (): string => {
      const all = [element, ...element.querySelectorAll('*')].slice(0, 200);
      return all
        .flatMap((one) => [getComputedStyle(one), getComputedStyle(one, '::after')])
        .map((style) => [style.outline, style.boxShadow, style.backgroundColor, style.borderColor].join())
        .join('\n');
    };
    // Transitions are not waited for.
    const still = document.createElement('style');
    still.textContent = '*, *::after { transition: none !important; }';
    document.head.append(still);
    const focused = looks();
    element.blur();
    const blurred = looks();
    element.focus();
    still.remove();
    return focused !== blurred;
  });
}

test('from the list of commands through a run, a breakpoint and a throw to what was held', async ({ bailout }) => {
  await command(bailout, 'Start at the first instruction');
  await expect(where(bailout)).toContainText('step 0 of');
  await go(bailout, 'F11');
  await go(bailout, 'F10');

  // A line of the code is found, and a breakpoint set there.
  await command(bailout, 'Code: source and instructions');
  await expect.poll(() => focusedPanel(bailout)).toBe('code');
  await bailout.keyboard.press('Control+f');
  await bailout.keyboard.type('call bpf_cpumask_create');
  await expect(panel(bailout, 'code').getByRole('search').getByRole('status')).toContainText('1 of 1');
  await bailout.keyboard.press('Escape');
  await bailout.keyboard.press('F9');
  const line = panel(bailout, 'code').getByRole('row', { selected: true });
  await expect(line.getByRole('button', { name: 'Breakpoint 1' })).toBeVisible();
  await go(bailout, 'F5');
  await expect(line).toHaveAttribute('aria-current', 'true');
  // With a condition that never holds the run goes past it.
  await bailout.keyboard.press('Shift+F9');
  await bailout.keyboard.type('r1 == 1');
  await bailout.keyboard.press('Enter');
  await expect(line.getByRole('button', { name: 'Breakpoint 1 if r1 == 1' })).toBeVisible();
  // Taken away again where it stands.
  await bailout.keyboard.press('F9');
  await expect(line.getByRole('button', { name: 'Set a breakpoint' })).toBeVisible();

  await go(bailout, 'F5');
  await expect(where(bailout)).toContainText('unwinding 0 of');
  await command(bailout, 'Unwind: a throw, frame by frame');
  const rail = panel(bailout, 'unwind').getByRole('list', { name: 'Phases of the unwinding' });
  await expect(panel(bailout, 'unwind')).toBeVisible();
  for (let i = 0; i < 40 && !(await rail.evaluate((element) => element === document.activeElement)); i++)
    await bailout.keyboard.press('Tab');
  await expect(rail).toBeFocused();
  await go(bailout, 'ArrowDown');
  await expect(where(bailout)).toContainText('unwinding 1 of');
});

test('F6 goes through all panels in sight, each shows where the focus is, and Shift+F6 goes back', async ({
  bailout,
}) => {
  await runToThrow(bailout);
  const first = new Set<string | undefined>();
  const order: (string | undefined)[] = [];
  for (let i = 0; i < 6; i++) {
    await bailout.keyboard.press('F6');
    const name = await focusedPanel(bailout);
    order.push(name);
    if (first.has(name)) break;
    first.add(name);
    // A terminal shows it by its cursor.
    if (name !== 'terminal') expect(await focusIsSeen(bailout), `the focus in ${name}`).toBe(true);
  }
  expect(first).toEqual(new Set(['code', 'unwind', 'registers', 'resources', 'timeline', 'terminal']));
  await bailout.keyboard.press('Shift+F6');
  expect(await focusedPanel(bailout)).toBe(order.at(-2));
});

test('Ctrl+F6 goes from tab to tab; Alt+1 to Alt+4 are the layouts', async ({ bailout }) => {
  await command(bailout, 'Code: source and instructions');
  await bailout.keyboard.press('Control+F6');
  await expect.poll(() => focusedPanel(bailout)).toBe('maps');
  for (const [key, name] of [
    ['Alt+1', 'Verify'],
    ['Alt+2', 'Debug'],
    ['Alt+4', 'Trace'],
    ['Alt+3', 'Unwind'],
  ] as const) {
    await bailout.keyboard.press(key);
    await expect(bailout.getByRole('button', { name, exact: true })).toHaveAttribute('aria-pressed', 'true');
  }
});

test('the sheet of keys opens with ? and gives the focus back', async ({ bailout }) => {
  await command(bailout, 'Code: source and instructions');
  await bailout.keyboard.press('?');
  const sheet = bailout.getByRole('dialog');
  await expect(sheet).toContainText('Step over');
  await expect(sheet).toContainText('F10');
  await bailout.keyboard.press('Escape');
  await expect(sheet).toBeHidden();
  await expect.poll(() => focusedPanel(bailout)).toBe('code');
});

test('menus open with Enter, are walked with arrows, and close with Escape', async ({ bailout }) => {
  const button = bailout.getByRole('button', { name: 'File and examples' });
  await button.focus();
  await bailout.keyboard.press('Enter');
  await expect(bailout.getByRole('menuitem', { name: /Open a file/ })).toBeFocused();
  await bailout.keyboard.press('End');
  await expect(bailout.getByRole('menuitem', { name: 'Examples…' })).toBeFocused();
  await bailout.keyboard.press('Escape');
  await expect(bailout.getByRole('menu', { name: 'File and examples' })).toBeHidden();
  await button.press('Enter');
  await bailout.keyboard.press('End');
  await bailout.keyboard.press('Enter');
  await expect(bailout.getByRole('heading', { name: 'Examples' })).toBeVisible();
});

test('Ctrl+G goes to a step by its number, and says what is no number', async ({ bailout }) => {
  await runToThrow(bailout);
  await bailout.keyboard.press('Control+g');
  const dialog = bailout.getByRole('dialog', { name: 'Go to' });
  await bailout.keyboard.type('somewhere');
  await bailout.keyboard.press('Enter');
  await expect(dialog.getByRole('alert')).not.toBeEmpty();
  await bailout.keyboard.press('Control+a');
  await bailout.keyboard.type('100');
  await bailout.keyboard.press('Enter');
  await expect(dialog).toBeHidden();
  await expect(where(bailout)).toContainText('step 100 of');
  await settled(bailout);
});
