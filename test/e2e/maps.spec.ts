/** Maps: looked at, and changed between runs as user space would. */
import { expect, test } from './fixtures.ts';
import { go, openExample, openTab, runToThrow, stopped, where } from './page.ts';

test('a value that is changed between two runs is what the next run sees', async ({ bailout }) => {
  await runToThrow(bailout);
  await go(bailout, 'Control+End');
  const maps = await openTab(bailout, 'Maps');
  await maps.getByRole('option', { name: /\.data/ }).click();
  await maps.getByRole('button', { name: /^Edit/ }).click();
  // Tasks 5 to 4, which are none: nothing is sampled, nothing is thrown.
  await maps.getByRole('textbox', { name: 'Value' }).fill('hex:05000000040000008b000000');
  await bailout.keyboard.press('Enter');
  await expect(maps.getByRole('textbox', { name: 'Value' })).toBeHidden();

  await bailout.keyboard.press('Control+Shift+F5');
  await expect(stopped(bailout)).toHaveText('End of the run');
  await expect(where(bailout)).not.toContainText('unwinding');
  await expect(where(bailout)).toContainText('run 1');
});

test('what cannot be a value is said, and the field stays to be mended', async ({ bailout }) => {
  const maps = await openTab(bailout, 'Maps');
  await maps.getByRole('option', { name: /\.data/ }).click();
  await maps.getByRole('button', { name: /^Edit/ }).click();
  const field = maps.getByRole('textbox', { name: 'Value' });
  await field.fill('no_such_variable');
  await bailout.keyboard.press('Enter');
  await expect(maps.getByRole('alert')).not.toBeEmpty();
  await expect(field).toHaveValue('no_such_variable');
  await bailout.keyboard.press('Escape');
  await expect(field).toBeHidden();
});

test('values are shown as the types of the program have them, and as bytes', async ({ bailout }) => {
  await openExample(bailout, /bound|rejected/i, 'rejected');
  const maps = await openTab(bailout, 'Maps');
  await maps.getByRole('option', { name: /classes/ }).click();
  await expect(maps).toContainText('packets');
  await maps.getByRole('button', { name: 'hex' }).click();
  await expect(maps).toContainText('00 00 00 00');
});
