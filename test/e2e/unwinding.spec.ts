/** The show-piece: the throw, frames that come off one by one with what each held, and all of it backwards. */
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures.ts';
import { go, panel, runToThrow, settled, where } from './page.ts';

/** How many resources the ledger says are held. */
async function held(page: Page): Promise<number> {
  await settled(page);
  return Number(/now (\d+)/.exec(await panel(page, 'resources').innerText())?.[1]);
}

test('the first thing that a newcomer sees: F5, and the example stands at its throw', async ({ bailout }) => {
  await runToThrow(bailout);
  const unwind = panel(bailout, 'unwind');
  await expect(unwind).toContainText('bpf_assert_le_with(priority, lowest_priority, sample->pid)');
  await expect(unwind).toContainText('0 of 4 let go');
  // The innermost frame on top, the main program at the bottom, then the callback and what is returned.
  const cards = unwind.getByRole('list', { name: 'Phases of the unwinding' }).locator('> li');
  await expect(cards).toContainText([
    'bpf_throw(3)',
    'check',
    'write_sample',
    'sample_task',
    'deep_throw',
    'callback',
    'returns',
  ]);
});

test('phase by phase the frames are left, what they hold is released, and backwards it is held again', async ({
  bailout,
}) => {
  await runToThrow(bailout);
  const unwind = panel(bailout, 'unwind');
  const phases = Number(/unwinding \d+ of (\d+)/.exec(await where(bailout).innerText())?.[1]);
  expect(phases).toBeGreaterThan(8);
  const seen = [await held(bailout)];
  expect(seen).toEqual([4]);

  await unwind.getByRole('list', { name: 'Phases of the unwinding' }).focus();
  for (let phase = 1; phase < phases; phase++) {
    await go(bailout, 'ArrowDown');
    await expect(where(bailout)).toContainText(`unwinding ${phase} of ${phases}`);
    seen.push(await held(bailout));
  }
  // One after the other, never more than before, and nothing is left.
  for (const [i, count] of seen.slice(1).entries()) expect([seen[i]!, seen[i]! - 1]).toContain(count);
  expect(seen.at(-1)).toBe(0);
  await expect(unwind).toContainText('4 of 4 let go');

  for (let phase = phases - 2; phase >= 0; phase--) {
    await go(bailout, 'ArrowUp');
    await expect(where(bailout)).toContainText(`unwinding ${phase} of ${phases}`);
    expect(await held(bailout)).toBe(seen[phase]);
  }
  await expect(unwind).toContainText('0 of 4 let go');
});

test('a resource is told where it is held, who lets it go, and when it was', async ({ bailout }) => {
  await runToThrow(bailout);
  const record = panel(bailout, 'resources').locator('[data-resource]', { hasText: 'ringbuf record' }).last();
  await expect(record).toContainText('held');
  await expect(record).toContainText('write_sample r9');
  // A click on its entry goes to the phase that lets it go.
  await panel(bailout, 'unwind')
    .getByRole('button', { name: /ringbuf record .* Go to where bpf_ringbuf_discard/ })
    .click();
  await expect(record).toContainText('releasing');
  await expect(where(bailout)).not.toContainText('unwinding 0 of');
  await panel(bailout, 'unwind').getByRole('list', { name: 'Phases of the unwinding' }).focus();
  await go(bailout, 'ArrowDown');
  await expect(record).toContainText('bpf_ringbuf_discard');
});

test('where a resource was acquired is a click away', async ({ bailout }) => {
  await runToThrow(bailout);
  const record = panel(bailout, 'resources').locator('[data-resource]', { hasText: 'ringbuf record' }).last();
  await record.getByRole('button', { name: /insn 52/ }).click();
  await expect(panel(bailout, 'code').getByRole('row', { selected: true })).toContainText('bpf_ringbuf_reserve');
  await record.getByRole('button', { name: 'acquired' }).click();
  await expect(where(bailout)).not.toContainText('unwinding');
  await expect(panel(bailout, 'code').locator('[aria-current=true]')).toContainText('bpf_ringbuf_reserve');
});

test('F5 goes on to the end, Alt+F5 back to the throw and to the start', async ({ bailout }) => {
  await runToThrow(bailout);
  const thrown = await where(bailout).innerText();
  await go(bailout, 'F5');
  await expect(where(bailout)).not.toContainText('unwinding 0 of');
  await go(bailout, 'Alt+F5');
  await expect(where(bailout)).toHaveText(thrown, { useInnerText: true });
  await go(bailout, 'Alt+F5');
  await expect(where(bailout)).toContainText('step 0 of');
});
