/** Runs with more events than are kept: what was only counted is there as soon as somebody looks at it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { SCREENSHOTS, commandLine, example, expect, test } from './fixtures.ts';
import { longRun } from './long-run.ts';
import { choose, command, go, notice, panel, preset, settled, where } from './page.ts';

const timeline = (page: Page): ReturnType<Page['getByRole']> =>
  page.getByRole('application', { name: 'Timeline of the run' });

/** A run of 4.5 M steps and 2.5 M events, opened at a moment far beyond those that were kept, and looked at closely. */
async function openFarInside(page: Page, folder: string): Promise<void> {
  const object = join(folder, 'long.bpf.o');
  const recording = join(folder, 'long.bailout');
  writeFileSync(object, longRun(500, 1000));
  expect(commandLine('record', object, '-o', recording).status).toBe(0);
  await choose(page, recording);
  await expect(notice(page, 'Opened long.bailout: a recording')).toBeVisible();
  await preset(page, 'Trace');
  await expect(timeline(page).locator('canvas')).toHaveAttribute('data-rects', /^[1-9]/);
  const events = panel(page, 'events');
  await expect(events.getByRole('status')).toContainText('of later ones what was kept');
  await goToStep(page, 3_141_592);
}

async function goToStep(page: Page, step: number): Promise<void> {
  await page.keyboard.press('Control+g');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').fill(String(step));
  await page.keyboard.press('Enter');
  await expect(where(page)).toContainText(`step ${step.toLocaleString('en-US')}`);
  await settled(page);
}

/** Holds the key around the present moment until functions can be told. */
async function zoomIn(page: Page): Promise<void> {
  await page.mouse.move(2, 500);
  await timeline(page).focus();
  await page.keyboard.down('w');
  await expect(timeline(page).getByRole('status').last()).toContainText(/in (inner|mix)/);
  await page.waitForTimeout(1500);
  await page.keyboard.up('w');
  await settled(page);
}

async function picture(page: Page, name: string): Promise<void> {
  const dismiss = page.getByRole('button', { name: 'Dismiss' });
  while ((await dismiss.count()) > 0) await dismiss.first().click();
  await page.mouse.move(2, 500);
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
}

test('calls far beyond those that were kept have their names, and their depth', async ({ bailout, folder }) => {
  await openFarInside(bailout, folder);
  const spoken = timeline(bailout).getByRole('status').last();
  await expect(spoken).toContainText('in main');
  await zoomIn(bailout);
  // A pointer on a bar of the deepest functions tells which it is.
  const box = (await timeline(bailout).locator('canvas').boundingBox())!;
  await bailout.mouse.move(box.x + box.width / 2, box.y + 32 + 2 * 20 + 8);
  await expect(timeline(bailout).getByText(/callback · [\d,]+ steps?/)).toBeVisible();
});

test('the table lists what happens around a moment, and what happens before and after', async ({ bailout, folder }) => {
  await openFarInside(bailout, folder);
  const events = panel(bailout, 'events');
  const listed = events.getByRole('status');
  await expect(listed).toContainText(
    /Steps 3,1[\d,]+ – 3,1[\d,]+, all that happened there · 2,501,503 events in the run/,
  );
  const present = events.locator('[aria-current=true]');
  await expect(present).toContainText(/3,141,5(8|9)\d/);
  await expect(present).toContainText(/inner|mix/);

  // A step does not list anything anew.
  const before = await listed.innerText();
  await go(bailout, 'Control+F11');
  expect(await listed.innerText()).toBe(before);

  await events.getByLabel('Filter events').fill('helper');
  await expect(events.getByRole('row').filter({ hasText: 'bpf_get_prandom_u32' }).first()).toBeVisible();
  await expect(events.getByRole('row').filter({ hasText: 'callback' })).toHaveCount(0);
  await events.getByRole('button', { name: 'Later' }).click();
  await expect(listed).not.toHaveText(before);
  const row = events.getByRole('row').filter({ hasText: 'bpf_get_prandom_u32' }).nth(2);
  await expect(row).toBeVisible();
  const step = (await row.getByRole('gridcell').first().innerText()).replaceAll(/[^\d,]/g, '');
  await row.getByRole('gridcell').first().click();
  await expect(where(bailout)).toContainText(`step ${step} of`);
  await settled(bailout);
  await expect(present).toContainText(step);
});

test('the search finds what was only counted, in both directions', async ({ bailout, folder }) => {
  await openFarInside(bailout, folder);
  const search = panel(bailout, 'timeline').getByRole('searchbox');
  await search.fill('helper:bpf_loop');
  const step = async (): Promise<number> =>
    Number(/step ([\d,]+)/.exec(await where(bailout).innerText())?.[1]?.replaceAll(',', ''));
  await search.press('Enter');
  await expect.poll(step).toBeGreaterThan(3_141_592);
  const next = await step();
  await search.press('Shift+Enter');
  await expect.poll(step).toBeLessThan(3_141_592);
  const previous = await step();
  // Each turn of `outer` is one call of bpf_loop.
  expect(next - previous).toBe(9007);
});

/** A capture of questions of which every third has a header that is not whole. */
function manyPackets(count: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const records = Array.from({ length: count }, (_, i) => {
    const packet = Buffer.from(
      `0200000000010200000000020800${i % 3 === 2 ? '44' : '45'}000039123400004011547e0a0000020a0000019c40003500250000` +
        '2a2a01000001000000000000076578616d706c65036f72670000010001',
      'hex',
    );
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_700_000_000 + i, 0);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    return [record, packet];
  });
  return Buffer.concat([header, ...records.flat()]);
}

test('the last of many runs has its events, and the phases of its throw', async ({ bailout, folder }) => {
  const path = join(folder, 'questions.pcap');
  const recording = join(folder, 'questions.bailout');
  writeFileSync(path, manyPackets(6000));
  expect(commandLine('record', example('packet-parser.bpf.o'), '--packet', path, '-o', recording).status).toBe(0);
  await choose(bailout, recording);
  await expect(notice(bailout, 'Opened questions.bailout: a recording')).toBeVisible();
  await command(bailout, 'Runs');
  const runs = panel(bailout, 'runs');
  await runs.getByRole('searchbox', { name: 'Filter of the runs' }).fill('run == 5999');
  const found = runs.getByRole('listbox', { name: 'Runs' }).getByRole('option');
  await expect(found).toHaveCount(1);
  await found.click();
  await expect(where(bailout)).toContainText('run 5,999');
  await command(bailout, 'Go to the next throw');
  await expect(where(bailout)).toContainText('unwinding 0 of');
  await preset(bailout, 'Trace');
  const events = panel(bailout, 'events');
  await expect(events.locator('[aria-current=true]')).toContainText('throw');
  await events.getByLabel('Filter events').fill('phase');
  await expect(events.getByRole('row').filter({ hasText: 'leave-frame' }).first()).toBeVisible();
  await expect(timeline(bailout).getByRole('status').last()).toContainText('unwinding bpf_throw');
});

for (const theme of ['dark', 'light'] as const)
  test.describe(`in the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test('what was only counted says so, and closer it is all there', async ({ bailout, folder }) => {
      await openFarInside(bailout, folder);
      await picture(bailout, `counted-${theme}`);
      await zoomIn(bailout);
      await picture(bailout, `counted-closer-${theme}`);
    });
  });
