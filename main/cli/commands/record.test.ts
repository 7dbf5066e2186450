/** From `record` to `replay` and its exports. */
import { expect, it } from 'vitest';
import { parseRequest } from '../options.ts';
import { testHost } from '../testing/host.ts';
import { recordCommand } from './record.ts';
import { replayCommand } from './replay.ts';

const host = testHost();

async function command(...words: string[]): Promise<{ status: number; text: string }> {
  const before = host.text().length;
  const request = parseRequest(words);
  let status = -1;
  if (request.command === 'record') status = await recordCommand(request, host);
  if (request.command === 'replay') status = replayCommand(request, host);
  return { status, text: host.text().slice(before) };
}

it('records, replays and exports a program that throws', async () => {
  const words = ['record', 'examples/deep-throw.bpf.o', '--scenario', 'examples/deep-throw.json', '-o', 'deep.bailout'];
  const recorded = await command(...words);
  expect(recorded.status).toBe(0);
  expect(recorded.text).toMatch(
    /^deep-throw\.bpf\.o: 1 run\nrun 0 · \w+ · returned -?\d+ · [\d,]+ instructions · 1 throw\nevents: call \d+, /,
  );
  const replayed = await command('replay', 'deep.bailout');
  expect(replayed).toEqual({ status: 0, text: `${recorded.text}The replay is the recorded run, to the last bit.\n` });
  expect((await command('replay', 'deep.bailout', '--run', '0')).text).toMatch(/ phase +release/);
  const json = JSON.parse((await command('replay', 'deep.bailout', '--json', '--run', '0')).text) as {
    runs: unknown[];
    list: unknown[];
  };
  expect(json.runs).toMatchObject([{ run: 0, throws: 1 }]);
  expect(json.list.length).toBeGreaterThan(10);
  for (const format of ['perfetto', 'csv', 'folded']) {
    expect((await command('replay', 'deep.bailout', '--export', format, '-o', `deep.${format}`)).status).toBe(0);
    expect(host.made.get(`deep.${format}`)!.length).toBeGreaterThan(50);
  }
  JSON.parse(new TextDecoder().decode(host.made.get('deep.perfetto')));
});

it('says what it was used wrongly for', async () => {
  await expect(command('record', 'examples/deep-throw.bpf.o')).rejects.toThrow('-o FILE.bailout');
  await expect(command('replay', 'examples/deep-throw.json')).rejects.toThrow('no recording');
  await expect(command('replay', 'x', '--export', 'svg', '-o', 'y')).rejects.toThrow('perfetto, csv, folded');
  await expect(command('replay', 'deep.bailout', '--run', '7')).rejects.toThrow('There is no run 7');
});
