/** The terminal: what gdb's users have in their fingers. */
import { expect, test } from './fixtures.ts';
import { go, panel, prompt, runToThrow, settled, stopped, terminal, terminalText, type, where } from './page.ts';

test('a command says what it did, and the page follows', async ({ bailout }) => {
  await type(bailout, 'break check');
  await expect.poll(() => terminalText(bailout)).toContain('Breakpoint 1: check, 1 place');
  await type(bailout, 'run');
  await expect(where(bailout)).toContainText('step 43');
  await expect(stopped(bailout)).toContainText('Breakpoint 1');
  await type(bailout, 'p *(u32 *)(r1 + 8)');
  await expect.poll(() => terminalText(bailout)).toMatch(/\$1 = 1/);
  // And what the page does is where the next command begins.
  await bailout.keyboard.press('Alt+F5');
  await expect(where(bailout)).toContainText('step 0 of');
  await type(bailout, 'stepi 3');
  await expect(where(bailout)).toContainText('step 3 of');
});

test('a word that is none is answered with the nearest one', async ({ bailout }) => {
  await type(bailout, 'brake check');
  await expect.poll(() => terminalText(bailout)).toMatch(/did you mean|break/i);
});

test('Tab completes commands, programs and functions; twice lists what fits', async ({ bailout }) => {
  await terminal(bailout);
  await bailout.keyboard.type('break write_s');
  await bailout.keyboard.press('Tab');
  await prompt(bailout, 'break write_sample');
  await bailout.keyboard.press('Control+c');
  await prompt(bailout);
  await bailout.keyboard.type('re');
  await bailout.keyboard.press('Tab');
  await bailout.keyboard.press('Tab');
  await expect.poll(() => terminalText(bailout)).toMatch(/record.*replay/s);
  await prompt(bailout, 're');
});

test('what was typed comes back by arrow and by Ctrl+R, after a reload, too', async ({ bailout }) => {
  await type(bailout, 'break check');
  await type(bailout, 'info break');
  await bailout.keyboard.press('ArrowUp');
  await bailout.keyboard.press('ArrowUp');
  await prompt(bailout, 'break check');
  await bailout.keyboard.press('ArrowDown');
  await prompt(bailout, 'info break');
  await bailout.keyboard.press('Control+c');
  await prompt(bailout);

  await bailout.reload();
  await bailout.locator('[data-session="open"]').waitFor();
  await terminal(bailout);
  await prompt(bailout);
  await bailout.keyboard.press('Control+r');
  await bailout.keyboard.type('chec');
  await expect.poll(() => terminalText(bailout)).toContain("search 'chec': break check");
  await bailout.keyboard.press('Enter');
  await expect.poll(() => terminalText(bailout)).toContain('Breakpoint 2: check');
});

test('a step in what was said is a link to that moment', async ({ bailout }) => {
  await runToThrow(bailout);
  await type(bailout, 'goto 43');
  await expect(where(bailout)).toContainText('step 43');
  const row = bailout
    .locator('.xterm-rows > div')
    .filter({ hasText: /^step\s43/ })
    .last();
  await go(bailout, 'Alt+F5');
  const box = await row.boundingBox();
  if (box === null) throw new Error('The line with the step is not on the screen.');
  await bailout.mouse.move(box.x + 20, box.y + box.height / 2);
  await bailout.mouse.move(box.x + 24, box.y + box.height / 2);
  await expect(bailout.locator('.xterm-cursor-pointer')).toBeVisible();
  await bailout.mouse.click(box.x + 24, box.y + box.height / 2);
  await expect(where(bailout)).toContainText('step 43');
  await settled(bailout);
});

test('Ctrl+C ends a run that goes on and on, and the session is there for the next command', async ({ bailout }) => {
  // Seven million tasks that there are not: more than a hundred million instructions.
  await type(bailout, 'map update .data 0 hex:e8030000c0cf6a008b000000');
  // On a slow machine the run may be over before the key is pressed: then once more.
  await expect(async () => {
    await terminal(bailout);
    await bailout.keyboard.type('run');
    await bailout.keyboard.press('Enter');
    await expect(
      bailout
        .getByRole('progressbar')
        .or(bailout.getByText(/running/i))
        .first(),
    ).toBeVisible();
    await bailout.keyboard.press('Control+c');
    await prompt(bailout);
    expect(await terminalText(bailout)).toMatch(/[Cc]ancelled|[Ii]nterrupted/);
  }).toPass();
  await type(bailout, 'p 6 * 7');
  await expect.poll(() => terminalText(bailout)).toContain('= 42');
  await expect(panel(bailout, 'terminal')).not.toContainText('TypeError');
});
