/** The run as a picture: looked at closer, moved along, selected from, searched, and clicked. */
import type { Locator, Page } from '@playwright/test';
import { expect, test } from './fixtures.ts';
import { go, panel, preset, runToThrow, settled, where } from './page.ts';

/** What the canvas is allowed to draw in one frame, whatever the run. */
const MOST_RECTS = 20_000;

interface Lanes {
  readonly application: Locator;
  readonly canvas: Locator;
  /** A point, as shares of the canvas. */
  at(x: number, y: number): Promise<{ x: number; y: number }>;
  /** The canvas as bytes: different pictures are different. */
  picture(): Promise<string>;
}

async function lanes(page: Page): Promise<Lanes> {
  await runToThrow(page);
  await preset(page, 'Trace');
  const application = page.getByRole('application', { name: 'Timeline of the run' });
  const canvas = application.locator('canvas');
  await expect(canvas).toHaveAttribute('data-rects', /^[1-9]/);
  const box = async (): Promise<{ x: number; y: number; width: number; height: number }> => {
    const found = await canvas.boundingBox();
    if (found === null) throw new Error('The timeline is not on the screen.');
    return found;
  };
  return {
    application,
    canvas,
    at: async (x, y) => {
      const { x: left, y: top, width, height } = await box();
      return { x: left + x * width, y: top + y * height };
    },
    picture: () => canvas.evaluate((element) => (element as HTMLCanvasElement).toDataURL()),
  };
}

/** Of the first cell of a row of Events: `▸ 164.3`. */
function stepOf(text: string): number {
  return Number.parseInt(text.replace(/[^\d.]/g, ''), 10);
}

/** The step that is told to those who do not see the picture. */
async function spokenStep(application: Locator): Promise<number> {
  const text = await application.getByRole('status').last().innerText();
  return Number(/^Step ([\d,]+) of/.exec(text)?.[1]?.replaceAll(',', ''));
}

test.afterEach(async ({ page }) => {
  const rects = page.getByRole('application', { name: 'Timeline of the run' }).locator('canvas');
  expect(Number(await rects.getAttribute('data-rects'))).toBeLessThanOrEqual(MOST_RECTS);
});

test('a click goes to the moment below the pointer', async ({ bailout }) => {
  const { application, at } = await lanes(bailout);
  const before = await spokenStep(application);
  const { x, y } = await at(0.3, 0.95);
  await bailout.mouse.click(x, y);
  await expect(where(bailout)).not.toContainText('unwinding');
  await settled(bailout);
  const after = await spokenStep(application);
  expect(after).toBeLessThan(before);
  // Further to the right is later.
  const later = await at(0.6, 0.95);
  await bailout.mouse.click(later.x, later.y);
  await expect.poll(() => spokenStep(application)).toBeGreaterThan(after);
});

test('the wheel looks closer around the pointer, and a click there is more exact; F shows the whole run again', async ({
  bailout,
}) => {
  const { application, at, picture } = await lanes(bailout);
  const whole = await picture();
  // On the axis, where nothing attracts the pointer.
  const left = await at(0.4, 0.01);
  const right = await at(0.6, 0.01);
  const clicked = async ({ x, y }: { x: number; y: number }): Promise<number> => {
    const before = await spokenStep(application);
    await bailout.mouse.click(x, y);
    await expect.poll(() => spokenStep(application)).not.toBe(before);
    await settled(bailout);
    return spokenStep(application);
  };
  const between = async (): Promise<number> => {
    const first = await clicked(left);
    return (await clicked(right)) - first;
  };
  const wide = await between();
  const middle = await at(0.5, 0.01);
  await bailout.mouse.move(middle.x, middle.y);
  for (let i = 0; i < 4; i++) await bailout.mouse.wheel(0, -200);
  await expect.poll(picture).not.toBe(whole);
  await expect.poll(between).toBeLessThan(wide / 2);
  await application.focus();
  await bailout.keyboard.press('f');
  await expect.poll(between).toBe(wide);
});

test('what was looked at closer stays in sight while the session steps', async ({ bailout }) => {
  const { application, at } = await lanes(bailout);
  const left = await at(0.4, 0.01);
  await bailout.mouse.move(left.x, left.y);
  for (let i = 0; i < 5; i++) await bailout.mouse.wheel(0, -200);
  await bailout.mouse.click(left.x, left.y);
  await expect(where(bailout)).not.toContainText('unwinding');
  await settled(bailout);
  const first = await spokenStep(application);
  await go(bailout, 'Control+F11');
  // The same place still means the same moment.
  await bailout.mouse.click(left.x, left.y);
  await expect.poll(() => spokenStep(application)).toBe(first);
});

test('dragging moves the picture, W and S zoom it, A and D move it', async ({ bailout }) => {
  const { application, at, picture } = await lanes(bailout);
  const middle = await at(0.5, 0.95);
  await bailout.mouse.move(middle.x, middle.y);
  for (let i = 0; i < 4; i++) await bailout.mouse.wheel(0, -200);
  const changesBy = async (gesture: () => Promise<void>): Promise<void> => {
    const before = await picture();
    await gesture();
    await expect.poll(picture).not.toBe(before);
  };
  const moment = await where(bailout).innerText();
  await changesBy(async () => {
    await bailout.mouse.down();
    await bailout.mouse.move(middle.x + 150, middle.y, { steps: 4 });
    await bailout.mouse.up();
  });
  await application.focus();
  // S comes last: a view that has grown to the whole run has nowhere to move.
  for (const key of ['w', 'a', 'd', 's']) {
    await changesBy(() => bailout.keyboard.down(key));
    await bailout.keyboard.up(key);
  }
  // Looking is not going.
  expect(await where(bailout).innerText()).toBe(moment);
});

test('the strip below is the whole run: a click there moves what is in sight', async ({ bailout }) => {
  const { at, picture } = await lanes(bailout);
  const middle = await at(0.2, 0.95);
  await bailout.mouse.move(middle.x, middle.y);
  for (let i = 0; i < 6; i++) await bailout.mouse.wheel(0, -200);
  const before = await picture();
  const strip = panel(bailout, 'timeline').locator('.below canvas');
  const box = await strip.boundingBox();
  if (box === null) throw new Error('There is no strip.');
  await bailout.mouse.click(box.x + box.width * 0.8, box.y + box.height / 2);
  await expect.poll(picture).not.toBe(before);
});

test('a range that is dragged with Shift is summed up, and Events lists what is in it', async ({ bailout }) => {
  const { application, at } = await lanes(bailout);
  const from = await at(0.3, 0.6);
  const to = await at(0.9, 0.6);
  const drag = async (): Promise<void> => {
    await bailout.keyboard.down('Shift');
    await bailout.mouse.move(from.x, from.y);
    await bailout.mouse.down();
    await bailout.mouse.move(to.x, to.y, { steps: 5 });
    await bailout.mouse.up();
    await bailout.keyboard.up('Shift');
  };
  await drag();
  const card = bailout.getByRole('region', { name: 'Selected range' });
  await expect(card).toContainText(/\d+ steps/);
  await expect(card).toContainText(/acquired/);
  await expect(card.getByRole('table')).toContainText('write_sample');
  const events = panel(bailout, 'events');
  const listed = events.getByText(/Selected in the timeline: steps \d+ – \d+/);
  await expect(listed).toBeVisible();
  const [first, last] = /steps (\d+) – (\d+)/
    .exec(await listed.innerText())!
    .slice(1)
    .map(Number);
  const grid = events.getByRole('grid');
  const isInRange = async (): Promise<boolean> => {
    const steps = await grid.locator('[role="row"] [role="gridcell"]:first-child').allInnerTexts();
    return steps.length > 0 && steps.map(stepOf).every((step) => step >= first! && step <= last! + 1);
  };
  await expect.poll(isInRange).toBe(true);
  const few = Number(await grid.getAttribute('aria-rowcount'));
  await events.getByRole('button', { name: 'Show all' }).click();
  await expect(card).toBeHidden();
  await expect.poll(async () => Number(await grid.getAttribute('aria-rowcount'))).toBeGreaterThan(few);

  await drag();
  await expect(card).toBeVisible();
  await application.focus();
  await bailout.keyboard.press('Escape');
  await expect(card).toBeHidden();
});

test('the search goes from one event to the next with N, and back with P', async ({ bailout }) => {
  const { application } = await lanes(bailout);
  await go(bailout, 'Control+Home');
  await application.focus();
  await bailout.keyboard.press('/');
  const search = panel(bailout, 'timeline').getByRole('searchbox');
  await expect(search).toBeFocused();
  await search.fill('kfunc:bpf_task_acquire');
  await search.press('Enter');
  await expect(panel(bailout, 'timeline').getByText('none after this')).toBeVisible();

  await search.fill('kfunc:bpf_task_from_pid');
  await search.press('Enter');
  const seen: number[] = [];
  const arrive = async (): Promise<void> => {
    const before = seen.at(-1) ?? 0;
    await expect.poll(() => spokenStep(application)).not.toBe(before);
    await settled(bailout);
    seen.push(await spokenStep(application));
  };
  await arrive();
  await application.focus();
  for (const key of ['n', 'n', 'p']) {
    await bailout.keyboard.press(key);
    await arrive();
  }
  expect(seen[1]!).toBeGreaterThan(seen[0]!);
  expect(seen[2]!).toBeGreaterThan(seen[1]!);
  expect(seen[3]).toBe(seen[1]);
});

test('the arrows take single steps, and what is there is told in words', async ({ bailout }) => {
  const { application } = await lanes(bailout);
  await go(bailout, 'Control+Home');
  await application.focus();
  await go(bailout, 'ArrowRight');
  await go(bailout, 'ArrowRight');
  await expect(application.getByRole('status')).toContainText(/^Step 2 of .* in deep_throw/);
  await go(bailout, 'ArrowLeft');
  await expect(application.getByRole('status')).toContainText(/^Step 1 of/);
});
