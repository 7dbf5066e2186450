/** What happened, as a picture and as a table; why a program was rejected, and every path that led there. */
import type { Page } from '@playwright/test';
import { example, expect, test } from './fixtures.ts';
import { panel, runToThrow, where } from './page.ts';

async function preset(page: Page, name: string): Promise<void> {
  await page
    .getByRole('group', { name: /layout|preset/i })
    .or(page.locator('.top-bar'))
    .first()
    .getByText(name, { exact: true })
    .click();
}

/** The present step, as the bar above says it. */
async function step(page: Page): Promise<number> {
  return Number(/step ([\d,]+)/.exec(await where(page).innerText())?.[1]?.replaceAll(',', ''));
}

test.describe('the timeline', () => {
  test.beforeEach(async ({ bailout }) => {
    await runToThrow(bailout);
    await preset(bailout, 'Trace');
    await expect(panel(bailout, 'timeline').locator('.lanes canvas')).toHaveAttribute('data-rects', /[1-9]/);
  });

  test('tells in words what it shows', async ({ bailout }) => {
    const status = panel(bailout, 'timeline').locator('.lanes [role=status]');
    await expect(status).toContainText('in check, unwinding bpf_throw(3)');
    await expect(status).toContainText('holds struct bpf_iter_num, struct task_struct, struct bpf_cpumask and 1 other');
  });

  test('goes to where it is clicked, and steps with the arrows', async ({ bailout }) => {
    const canvas = panel(bailout, 'timeline').locator('.lanes canvas');
    const box = (await canvas.boundingBox())!;
    await canvas.click({ position: { x: 92 + (box.width - 104) / 2, y: box.height - 10 } });
    await expect.poll(() => step(bailout)).toBeLessThan(110);
    const clicked = await step(bailout);
    expect(clicked).toBeGreaterThan(60);
    await panel(bailout, 'timeline').getByRole('application').press('ArrowRight');
    await expect.poll(() => step(bailout)).toBe(clicked + 1);
    await panel(bailout, 'timeline').getByRole('application').press('ArrowLeft');
    await expect.poll(() => step(bailout)).toBe(clicked);
  });

  test('finds events, one after the other and back', async ({ bailout }) => {
    const lanes = panel(bailout, 'timeline').getByRole('application');
    await lanes.press('/');
    await expect(panel(bailout, 'timeline').getByRole('searchbox')).toBeFocused();
    await bailout.keyboard.type('kfunc:bpf_task_from_pid');
    await lanes.press('p');
    await expect.poll(() => step(bailout)).toBeLessThan(164);
    const last = await step(bailout);
    await lanes.press('p');
    await expect.poll(() => step(bailout)).toBeLessThan(last);
    await lanes.press('n');
    await expect.poll(() => step(bailout)).toBe(last);
    await lanes.press('n');
    await expect(panel(bailout, 'timeline')).toContainText('none after this');
  });

  test('says what happened in a range', async ({ bailout }) => {
    const canvas = panel(bailout, 'timeline').locator('.lanes canvas');
    const box = (await canvas.boundingBox())!;
    const y = box.y + box.height - 10;
    await bailout.mouse.move(box.x + 95, y);
    await bailout.keyboard.down('Shift');
    await bailout.mouse.down();
    await bailout.mouse.move(box.x + box.width - 15, y, { steps: 4 });
    await bailout.mouse.up();
    await bailout.keyboard.up('Shift');
    const card = bailout.getByRole('region', { name: 'Selected range' });
    await expect(card).toContainText('1 throw');
    await expect(card).toContainText('10 acquired · 10 released');
    await expect(card.getByRole('row', { name: /write_sample/ })).toBeVisible();
    await panel(bailout, 'timeline').getByRole('application').press('Escape');
    await expect(card).toBeHidden();
  });

  test('zooms and fits with the keys', async ({ bailout }) => {
    const lanes = panel(bailout, 'timeline').getByRole('application');
    const drawn = async (): Promise<number> => Number(await lanes.locator('canvas').getAttribute('data-rects'));
    const whole = await drawn();
    await lanes.focus();
    await bailout.keyboard.down('w');
    await expect.poll(drawn).toBeLessThan(whole);
    await bailout.keyboard.up('w');
    await lanes.press('f');
    await expect.poll(drawn).toBe(whole);
  });
});

test.describe('the events', () => {
  test.beforeEach(async ({ bailout }) => {
    await runToThrow(bailout);
    await preset(bailout, 'Trace');
    await expect(panel(bailout, 'events').getByRole('row').nth(1)).toBeVisible();
  });

  test('have the present moment among them, and a click goes to another', async ({ bailout }) => {
    const events = panel(bailout, 'events');
    await expect(events.locator('[aria-current=true]')).toContainText('throw');
    await events.getByLabel('Filter events').fill('kfunc:bpf_task_from_pid');
    const rows = events.getByRole('row').filter({ hasText: 'bpf_task_from_pid' });
    await expect(rows).toHaveCount(3);
    await rows.first().click();
    await expect.poll(() => step(bailout)).toBeLessThan(30);
    await expect(events.locator('[aria-current=true]')).toContainText('bpf_task_from_pid');
  });

  test('say what is wrong with a filter', async ({ bailout }) => {
    const events = panel(bailout, 'events');
    await events.getByLabel('Filter events').fill('frame:many');
    await expect(events.getByRole('alert')).toBeVisible();
    await events.getByLabel('Filter events').fill('');
    await expect(events.getByRole('alert')).toBeHidden();
  });

  test('are sorted by a column, and gone through with the keys', async ({ bailout }) => {
    const events = panel(bailout, 'events');
    await events.getByTitle('Sort by step').click();
    await expect(events.getByRole('columnheader').first()).toHaveAttribute('aria-sort', 'descending');
    const list = events.locator('.virtual-rows');
    await list.press('Home');
    await list.press('Enter');
    await expect(where(bailout)).toContainText(/step (\d+) of \1/);
  });
});

test.describe('a rejection', () => {
  test.use({ serveArgs: [example('rejected.bpf.o')] });

  test('is explained from its reason to what would do', async ({ bailout }) => {
    await preset(bailout, 'Verify');
    const why = panel(bailout, 'why');
    await expect(why.getByRole('heading', { level: 2 })).toContainText('past the end of a value of map classes');
    await expect(why).toContainText('R0 unbounded memory access, make sure to bounds check any such access');
    await expect(why.locator('.causal-path li').last()).toContainText('must be ≤ 120');
    await expect(why).toContainText('bpf_assert_lt(class, 16);');
    await expect(why).toContainText('tried: accepted');
    await why.getByRole('button', { name: /Other places/ }).click();
    await expect(why.locator('.suggestion li').first()).toBeVisible();
    // A link of the path leads to Code, and to what is known there.
    await why.getByRole('button', { name: 'insn 15' }).first().click();
    await expect(panel(bailout, 'log@2').locator('.current')).toContainText('15: (67) r1 <<= 3');
    await bailout.getByRole('tab', { name: 'Known here' }).click();
    await expect(panel(bailout, 'known')).toContainText('map_value(map=classes,ks=4,vs=128)');
  });

  test('can be run anyway', async ({ bailout }) => {
    await preset(bailout, 'Verify');
    await panel(bailout, 'why')
      .getByRole('button', { name: /Run anyway/ })
      .click();
    await expect(where(bailout)).toContainText(/step [\d,]+ of/);
  });

  test('has its path drawn, which keys walk through', async ({ bailout }) => {
    await preset(bailout, 'Verify');
    const tree = panel(bailout, 'exploration').getByRole('tree');
    await tree.focus();
    await expect(tree.getByRole('treeitem')).toContainText('insn 17: rejected, on the failing path');
    await tree.press('ArrowLeft');
    await expect(tree.getByRole('treeitem')).toContainText('then a fork');
    await tree.press('Enter');
    await expect(panel(bailout, 'log@2').locator('.current')).toContainText('12: (2d) if r4 > r3');
  });

  test('ends the log, in which words are found', async ({ bailout }) => {
    await preset(bailout, 'Verify');
    const log = panel(bailout, 'log@2');
    await expect(log.locator('.error')).toContainText('R0 unbounded memory access');
    await log.getByRole('searchbox').fill('map_value');
    await expect(log.getByRole('status')).toHaveText(/^\d+ of \d+$/);
    await expect(log.locator('mark').first()).toHaveText('map_value');
    const before = await log.getByRole('status').innerText();
    await log.getByRole('searchbox').press('Enter');
    await expect(log.getByRole('status')).not.toHaveText(before);
    await log.getByRole('button', { name: '2', exact: true }).click();
    await expect(log.getByRole('list')).toHaveAttribute('aria-label', /lines/);
  });
});
