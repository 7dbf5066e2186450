/** Going along a run, both ways, and stopping on the way. */
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures.ts';
import { command, go, openTab, panel, runToThrow, stopped, where } from './page.ts';

test('steps forwards and as many backwards lead to where they began', async ({ bailout }) => {
  await command(bailout, 'Start at the first instruction');
  await expect(where(bailout)).toContainText('step 0 of');
  for (let i = 0; i < 12; i++) await go(bailout, 'Control+F11');
  await expect(where(bailout)).toContainText('step 12 of');
  for (let i = 0; i < 12; i++) await go(bailout, 'Alt+Control+F11');
  await expect(where(bailout)).toContainText('step 0 of');
});

test('into, over and out of a function, and the same way back', async ({ bailout }) => {
  const here = panel(bailout, 'code').locator('[aria-current=true]');
  const steps = ['F11', 'F11', 'F11', 'F10', 'Shift+F11'];
  await command(bailout, 'Start at the first instruction');
  await expect(here).toBeVisible();
  const seen: string[] = [];
  for (const key of steps) {
    await go(bailout, key);
    seen.push(await where(bailout).innerText());
  }
  expect(new Set(seen).size).toBe(steps.length);
  // To the end and to the start: the edges of the run.
  await go(bailout, 'Control+End');
  await expect(stopped(bailout)).toHaveText('End of the run');
  await go(bailout, 'Control+Home');
  await expect(where(bailout)).toContainText('step 0 of');
});

/** The row of an instruction, found by its words. */
async function row(page: Page, text: string): Promise<ReturnType<Page['locator']>> {
  const code = panel(page, 'code');
  await code.getByRole('grid').focus();
  await page.keyboard.press('Control+f');
  await code.getByRole('textbox', { name: 'Search source and instructions' }).fill(text);
  await expect(code.getByRole('search').getByRole('status')).toContainText('1 of');
  const found = code.getByRole('row').filter({ hasText: text }).first();
  await expect(found).toBeVisible();
  return found;
}

test('a breakpoint is set by a click beside an instruction, stops runs at each hit, and is deleted', async ({
  bailout,
}) => {
  const call = await row(bailout, 'call bpf_cpumask_create');
  await call.getByRole('button', { name: 'Set a breakpoint' }).click();
  await expect(call.getByRole('button', { name: 'Breakpoint 1' })).toHaveAttribute('aria-pressed', 'true');
  const list = await openTab(bailout, 'Breakpoints');
  const item = list.getByRole('listitem').filter({ hasText: 'insn 41' });
  await expect(item).toContainText('0 hits');

  await bailout.keyboard.press('F5');
  await expect(item).toContainText('1 hit');
  await expect(call).toHaveAttribute('aria-current', 'true');
  const first = await where(bailout).innerText();
  await go(bailout, 'F5');
  await expect(item).toContainText('2 hits');
  await expect(where(bailout)).not.toHaveText(first, { useInnerText: true });
  await expect(call).toHaveAttribute('aria-current', 'true');

  await item.getByRole('button', { name: 'Delete breakpoint 1' }).click();
  await expect(list).toContainText('Nothing stops a run');
  await expect(call.getByRole('button', { name: 'Set a breakpoint' })).toHaveAttribute('aria-pressed', 'false');
  await go(bailout, 'F5');
  await expect(where(bailout)).toContainText('unwinding 0 of');
});

test('a breakpoint with a condition stops only where it holds', async ({ bailout }) => {
  const list = await openTab(bailout, 'Breakpoints');
  await list.getByRole('textbox', { name: 'Where to stop' }).fill('check');
  await list.getByRole('textbox', { name: 'Only if' }).fill('*(u32 *)(r1 + 8) == 2');
  await list.getByRole('button', { name: 'Add' }).click();
  const item = list.getByRole('listitem').filter({ hasText: 'check' });
  await expect(item).toContainText('if *(u32 *)(r1 + 8) == 2');
  await bailout.keyboard.press('F5');
  await expect(item).toContainText('1 hit');
  await expect(stopped(bailout)).toContainText('reakpoint 1');
  await go(bailout, 'F5');
  // Of three calls one. Who has set breakpoints is stopped by nothing else.
  await expect(stopped(bailout)).toHaveText('End of the run');
  await expect(item).toContainText('1 hit');
});

test('words that are no place or no expression are explained beside the field, and stay there', async ({ bailout }) => {
  const list = await openTab(bailout, 'Breakpoints');
  const field = list.getByRole('textbox', { name: 'Where to stop' });
  await field.fill('deep_thrwo');
  await list.getByRole('button', { name: 'Add' }).click();
  await expect(list.getByRole('alert')).toContainText('deep_thrwo');
  await expect(field).toHaveValue('deep_thrwo');
  await expect(list.getByRole('listitem')).toHaveCount(0);
});

test('a watchpoint stops where what it watches changes, with the values before and after', async ({ bailout }) => {
  await command(bailout, 'Start at the first instruction');
  const list = await openTab(bailout, 'Breakpoints');
  await list.getByRole('combobox', { name: 'What to add' }).selectOption('watch');
  await list.getByRole('textbox', { name: 'What to watch' }).fill('r6');
  await list.getByRole('button', { name: 'Add' }).click();
  await expect(list.getByRole('listitem')).toContainText('watch r6');
  await go(bailout, 'F5');
  await expect(stopped(bailout)).toContainText('r6');
  await expect(list.getByRole('listitem')).toContainText('1 hit');
  const at = await where(bailout).innerText();
  await go(bailout, 'F5');
  await expect(where(bailout)).not.toHaveText(at, { useInnerText: true });
  await go(bailout, 'Alt+F5');
  await expect(stopped(bailout)).toContainText('r6');
});

test('the frame that is chosen is what Code, Registers and Stack show', async ({ bailout }) => {
  await runToThrow(bailout);
  const frames = await openTab(bailout, 'Frames');
  await frames.getByRole('option', { name: /#2 sample_task/ }).click();
  await expect(frames.getByRole('option', { selected: true })).toContainText('sample_task');
  await expect(panel(bailout, 'code').locator('[aria-current=true]').last()).toContainText('write_sample');
  const registers = await openTab(bailout, 'Registers');
  await expect(registers.getByRole('row', { name: /^r6/ })).toContainText('task_struct');
});
