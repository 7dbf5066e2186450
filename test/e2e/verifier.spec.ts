/** A program that the verifier rejects: why, where, how it came to that, and what would do. */
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures.ts';
import { openExample, openTab, panel, preset, stopped, where } from './page.ts';

/** The example `rejected`, looked at in the layout that is made for it. */
async function lookAtRejected(page: Page): Promise<void> {
  await openExample(page, /^An index the verifier cannot bound|rejected/i, 'rejected');
  await preset(page, 'Verify');
  await expect(page.getByRole('button', { name: /The verifier's verdict: rejected/ })).toBeVisible();
}

test('a rejection is explained: what is wrong, the kernel’s words, the place with a caret', async ({ bailout }) => {
  await lookAtRejected(bailout);
  const why = panel(bailout, 'why');
  await expect(why.getByRole('heading', { level: 2 })).toContainText('This read can go past the end');
  await expect(why).toContainText('R0 unbounded memory access, make sure to bounds check any such access');
  await expect(why).toContainText('For this 8-byte read it must be at most 120');
  await expect(why).toContainText('rejected.bpf.c:64');
  await expect(why).toContainText('counters->packets[class]++;');
  // The caret stands under the first letter of what is meant.
  const [line = '', caret = ''] = (await why.locator('.place .line').first().innerText()).split('\n');
  expect(caret.trim()).toMatch(/^\^~+$/);
  expect(caret.indexOf('^')).toBe(line.indexOf('counters'));
});

test('the causal path goes from where the value was read to the check that failed; each step leads to Code', async ({
  bailout,
}) => {
  await lookAtRejected(bailout);
  const steps = panel(bailout, 'why').getByRole('list').first().getByRole('listitem');
  await expect(steps).toContainText(['bpf_map_lookup_elem', '*meta', 'r1 <<= 3', 'r0 += r1', 'must be ≤ 120']);
  await steps.nth(1).getByRole('button', { name: 'insn 13' }).click();
  const chosen = panel(bailout, 'code').getByRole('row', { selected: true });
  await expect(chosen).toContainText('13');
  await expect(chosen).toContainText('*(u32 *)');
  // And what the verifier knew before that instruction.
  const known = await openTab(bailout, 'Known here', 'known');
  await expect(known).toContainText('map_value');
});

test('a suggestion has been tried before it is shown', async ({ bailout }) => {
  await lookAtRejected(bailout);
  const why = panel(bailout, 'why');
  await expect(why).toContainText('bpf_assert_lt(class, 16);');
  await expect(why).toContainText(/accepted/);
  await why.getByRole('button', { name: /Other places/ }).click();
  await expect(why).toContainText('bpf_assert_lt(r1, 121)');
});

test('a rejected program can be run all the same, and shows what the verifier was afraid of', async ({ bailout }) => {
  await lookAtRejected(bailout);
  await panel(bailout, 'why').getByRole('button', { name: 'Run anyway, see what happens' }).click();
  await expect(where(bailout)).toContainText('step');
  await expect(stopped(bailout)).not.toBeEmpty();
});

test('the log has levels, a search, and links to Code', async ({ bailout }) => {
  await lookAtRejected(bailout);
  const log = await openTab(bailout, 'Log');
  const level = (name: string): ReturnType<Page['getByRole']> =>
    log.getByRole('group', { name: 'Level' }).getByRole('button', { name, exact: true });
  const lines = async (): Promise<number> => {
    const text = await bailout
      .getByText(/level \d · [\d,]+ lines?/)
      .first()
      .innerText();
    return Number(/· ([\d,]+)/.exec(text)?.[1]?.replaceAll(',', ''));
  };
  await expect(level('1')).toHaveAttribute('aria-pressed', 'true');
  await expect(log).toContainText('R0 unbounded memory access');
  const counts: number[] = [];
  for (const name of ['0', '1', '2']) {
    await level(name).click();
    await expect(level(name)).toHaveAttribute('aria-pressed', 'true');
    await expect(bailout.getByText(new RegExp(`level ${name} · `)).first()).toBeVisible();
    counts.push(await lines());
  }
  expect(counts[0]!).toBeLessThan(counts[1]!);
  expect(counts[1]!).toBeLessThanOrEqual(counts[2]!);

  await log.getByRole('searchbox', { name: 'Search the log' }).fill('map_value');
  const found = log.getByRole('search').getByRole('status');
  await expect(found).toContainText(/1 of \d/);
  await bailout.keyboard.press('Enter');
  await expect(found).toContainText(/2 of \d/);
  await expect(log.locator('mark').first()).toHaveText('map_value');
  await log.getByRole('searchbox', { name: 'Search the log' }).fill('no such words');
  await expect(found).toContainText(/none|nothing|no /i);

  await log.getByRole('searchbox', { name: 'Search the log' }).fill('');
  await log.getByRole('button', { name: 'To the error' }).click();
  await log
    .getByRole('button', { name: /^(insn )?17/ })
    .last()
    .click();
  await expect(panel(bailout, 'code').getByRole('row', { selected: true })).toContainText('r1 = *(u64 *)(r0 +0)');
});

test('exploration is a tree of paths that is walked with the keys, the failed one first', async ({ bailout }) => {
  await lookAtRejected(bailout);
  const tree = panel(bailout, 'exploration').getByRole('tree', { name: 'Paths of the verifier' });
  await tree.focus();
  const item = tree.getByRole('treeitem');
  const failed = await item.innerText();
  expect(failed).toMatch(/R0 unbounded|fail|reject/i);
  await bailout.keyboard.press('ArrowLeft');
  await expect(item).not.toHaveText(failed, { useInnerText: true });
  const drawn = Number(await tree.locator('canvas').getAttribute('data-nodes'));
  expect(drawn).toBeGreaterThan(1);
});

test('the program with the assertion is accepted, and it is told what the assertion bought', async ({ bailout }) => {
  await lookAtRejected(bailout);
  await bailout.getByRole('button', { name: 'Select a program' }).click();
  await bailout.getByRole('menuitemradio', { name: /^accepted/ }).click();
  await expect(bailout.getByRole('button', { name: /The verifier's verdict: accepted/ })).toBeVisible();
  const why = panel(bailout, 'why');
  await expect(why).toContainText(/Assertions bought.*line 77.*r8 < 0x10/s);
  await expect(why.getByRole('heading', { level: 2 })).toContainText(/accepted/i);
});
