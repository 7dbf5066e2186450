/** Going along a run, both ways, and stopping on the way. */
import { expect, test } from './fixtures.ts';
import { command, panel, runToThrow, where } from './page.ts';

test('steps forwards and as many backwards lead to where they began', async ({ bailout }) => {
  await command(bailout, 'Start at the first instruction');
  await expect(where(bailout)).toContainText('step 0 of');
  for (const key of ['F11', 'F11', 'Control+F11', 'F10']) await bailout.keyboard.press(key);
  await expect(where(bailout)).not.toContainText('step 0 of');
  for (let i = 0; i < 12; i++) await bailout.keyboard.press('Alt+F11');
  await expect(where(bailout)).toContainText('step 0 of');
});

test('a breakpoint is set by a click beside an instruction, stops a run, and is taken away by another', async ({
  bailout,
}) => {
  const code = panel(bailout, 'code');
  const row = code
    .getByRole('row')
    .filter({ hasText: 'bpf_cpumask_create' })
    .or(code.getByRole('option').filter({ hasText: 'bpf_cpumask_create' }));
  await row
    .first()
    .getByRole('button', { name: /breakpoint/i })
    .click();
  await bailout
    .getByRole('tab', { name: 'Breakpoints' })
    .or(bailout.getByText('Breakpoints', { exact: true }))
    .first()
    .click();
  await expect(panel(bailout, 'breakpoints')).toContainText('*');
  await bailout.keyboard.press('F5');
  await expect(where(bailout)).toContainText('step');
  const first = await where(bailout).innerText();
  await bailout.keyboard.press('F5');
  await expect(where(bailout)).not.toHaveText(first);
  await expect(panel(bailout, 'breakpoints')).toContainText('2');
});

test('the frame that is chosen is what Code, Registers and Stack show', async ({ bailout }) => {
  await runToThrow(bailout);
  await command(bailout, 'Frames');
  const frames = panel(bailout, 'frames');
  await frames.getByText('deep_throw').first().click();
  await expect(panel(bailout, 'registers')).toContainText('deep_throw');
});
