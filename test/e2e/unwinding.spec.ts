/** The show-piece: the throw, frames that come off one by one with what each held, and all of it backwards. */
import { expect, test } from './fixtures.ts';
import { panel, runToThrow, where } from './page.ts';

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
  const resources = panel(bailout, 'resources');
  const held = async (): Promise<number> => Number(/now (\d+)/.exec(await resources.innerText())?.[1]);
  expect(await held()).toBe(4);

  const rail = unwind.getByRole('list', { name: 'Phases of the unwinding' });
  await rail.focus();
  const seen: number[] = [await held()];
  const phases = Number(/unwinding \d+ of (\d+)/.exec(await where(bailout).innerText())?.[1]);
  expect(phases).toBeGreaterThan(8);
  for (let phase = 1; phase <= phases - 1; phase++) {
    await rail.press('ArrowDown');
    await expect(where(bailout)).toContainText(`unwinding ${phase} of ${phases}`);
    await expect(unwind)
      .toContainText(`phase ${phase} of ${phases}`, { useInnerText: true })
      .catch(() => undefined);
    seen.push(await held());
  }
  // Never more than before, and nothing is left.
  expect(seen.every((count, i) => i === 0 || count <= seen[i - 1]!)).toBe(true);
  expect(seen.at(-1)).toBe(0);
  await expect(unwind).toContainText('4 of 4 let go');

  for (let phase = phases - 2; phase >= 0; phase--) {
    await rail.press('ArrowUp');
    await expect(where(bailout)).toContainText(`unwinding ${phase} of ${phases}`);
    await expect.poll(held).toBe(seen[phase]);
  }
});

test('a resource is told where it is held, who lets it go, and when it was', async ({ bailout }) => {
  await runToThrow(bailout);
  const resources = panel(bailout, 'resources');
  const record = resources.locator('[data-resource]', { hasText: 'ringbuf record' }).last();
  await expect(record).toContainText('held');
  await expect(record).toContainText('write_sample r9');
  // A click on the entry goes to the phase that lets it go.
  const entry = panel(bailout, 'unwind').getByRole('button', {
    name: /ringbuf record .* Go to where bpf_ringbuf_discard/,
  });
  await entry.click();
  await expect(record).toContainText('bpf_ringbuf_discard');
});

test('F5 goes on to the end, Alt+F5 back to the throw and to the start', async ({ bailout }) => {
  await runToThrow(bailout);
  const thrown = await where(bailout).innerText();
  await bailout.keyboard.press('F5');
  await expect(where(bailout)).not.toContainText('unwinding 0 of');
  await bailout.keyboard.press('Alt+F5');
  await expect(where(bailout)).toHaveText(thrown, { useInnerText: true });
  await bailout.keyboard.press('Alt+F5');
  await expect(where(bailout)).toContainText('step 0 of');
});
