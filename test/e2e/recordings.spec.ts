/** Recordings and captures: what somebody else has sent. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine, example, expect, test } from './fixtures.ts';
import { choose, command, drop, go, notice, panel, settled, where } from './page.ts';

test('a recording that the command line made is opened, and every moment of it can be reached', async ({
  bailout,
  folder,
}) => {
  const recording = join(folder, 'deep-throw.bailout');
  const { status, errors } = commandLine(
    ...['record', example('deep-throw.bpf.o'), '--scenario', example('deep-throw.json'), '-o', recording],
  );
  expect(errors).not.toContain('bailout:');
  expect(status).toBe(0);
  await choose(bailout, recording);
  await expect(notice(bailout, 'Opened deep-throw.bailout: a recording')).toBeVisible();
  await expect(bailout.getByRole('contentinfo')).toContainText('recording deep-throw.bailout');

  await go(bailout, 'F5');
  await expect(where(bailout)).toContainText('unwinding 0 of');
  await expect(panel(bailout, 'unwind')).toContainText('bpf_assert_le_with(priority, lowest_priority, sample->pid)');
  await go(bailout, 'Control+End');
  await go(bailout, 'Control+Home');
  await expect(where(bailout)).toContainText('step 0 of');
  // It is looked at: what would begin a new run is out of reach.
  await bailout.keyboard.press('Control+Shift+P');
  await bailout.getByRole('combobox', { name: 'Command' }).fill('Run the program');
  const beginning = bailout.getByRole('option', { name: /Run the program/ });
  await expect(beginning.first()).toBeVisible();
  for (const option of await beginning.all()) await expect(option).toHaveAttribute('aria-disabled', 'true');
});

test('what was run in the page is saved, and replayed by the command line', async ({ bailout, folder }) => {
  await bailout.keyboard.press('F5');
  await expect(where(bailout)).toContainText('unwinding 0 of');
  const download = bailout.waitForEvent('download');
  await command(bailout, 'Save the recording');
  const file = await download;
  const path = join(folder, file.suggestedFilename());
  await file.saveAs(path);
  expect(path).toMatch(/\.bailout$/);
  expect(commandLine('replay', path)).toEqual({ status: 0, errors: '' });
});

/** A capture of Ethernet frames in the classic format. */
function capture(packets: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const records = packets.flatMap((packet, i) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_700_000_000 + i, 0);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    return [record, packet];
  });
  return Buffer.concat([header, ...records]);
}

/** A DNS question; the header's length says whether its IP header is whole. */
function packet(headerLength: '45' | '44'): Buffer {
  return Buffer.from(
    `0200000000010200000000020800${headerLength}000039123400004011547e0a0000020a0000019c400035002500002a2a` +
      '01000001000000000000076578616d706c65036f72670000010001',
    'hex',
  );
}

test('each packet of a capture is a run, and of many runs those that threw are found', async ({ bailout, folder }) => {
  const path = join(folder, 'questions.pcap');
  writeFileSync(path, capture([packet('45'), packet('45'), packet('44'), packet('45'), packet('44')]));
  const recording = join(folder, 'questions.bailout');
  expect(commandLine('record', example('packet-parser.bpf.o'), '--packet', path, '-o', recording).errors).toBe('');
  await drop(bailout, recording);
  await expect(notice(bailout, 'Opened questions.bailout: a recording')).toBeVisible();
  await command(bailout, 'Runs');
  const runs = panel(bailout, 'runs');
  const rows = runs.getByRole('listbox', { name: 'Runs' }).getByRole('option');
  await expect(rows).toHaveCount(5);
  await runs.getByRole('searchbox', { name: 'Filter of the runs' }).fill('throws > 0');
  await expect(rows).toHaveCount(2);
  await rows.nth(1).click();
  await expect(where(bailout)).toContainText('run 4');
  await settled(bailout);
  // And Code stands where it threw.
  await command(bailout, 'Go to the next throw');
  await expect(where(bailout)).toContainText('unwinding 0 of');
});

test('a capture that is dropped is the input of the next run', async ({ bailout, folder }) => {
  const path = join(folder, 'questions.pcap');
  writeFileSync(path, capture([packet('44'), packet('45')]));
  await drop(bailout, example('packet-parser.bpf.o'), path);
  await expect(notice(bailout, 'Opened questions.pcap: packets')).toBeVisible();
  await bailout.keyboard.press('F5');
  await expect(where(bailout)).toContainText('unwinding 0 of');
  await expect(bailout.getByRole('contentinfo')).toContainText('packet 1 of 2 (questions.pcap)');
});
