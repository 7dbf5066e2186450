/** From `record` to `replay` and its exports. */
import { expect, it } from 'vitest';
import { zstd } from '../../compression.ts';
import { writeRecording } from '../../../core/trace/file.ts';
import { recordingOf, timersSource } from '../../../core/trace/testing/recordings.ts';
import { parseRequest } from '../options.ts';
import { testHost } from '../testing/host.ts';
import { recordCommand } from './record.ts';
import { replayCommand } from './replay.ts';

const ATTACH = 'test/exceptions/attach.bpf.o';
const QUESTION = Buffer.from(
  '020000000001020000000002080045000039123400004011547e0a0000020a0000019c400035002500002a2a01000001000000000000076578616d706c65036f72670000010001',
  'hex',
);

/** A classic capture of Ethernet frames. */
function capture(packets: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(Uint32Array.of(0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1).buffer);
  const records = packets.flatMap((data, i) => [
    new Uint8Array(Uint32Array.of(i, 0, data.length, data.length).buffer),
    data,
  ]);
  return Buffer.concat([header, ...records]);
}

const RUNS = timersSource(12);
const host = testHost({
  'dns.pcap': capture([QUESTION, QUESTION.subarray(0, 20), QUESTION]),
  'whole.bailout': writeRecording(recordingOf(RUNS), zstd),
  'short.bailout': writeRecording(recordingOf(RUNS, { limits: { flow: 9, calls: 9, rest: 9 } }), zstd),
});

async function command(...words: string[]): Promise<{ status: number; text: string }> {
  const before = host.text().length;
  const request = parseRequest(words);
  let status = -1;
  if (request.command === 'record') status = await recordCommand(request, host);
  if (request.command === 'replay') status = await replayCommand(request, host);
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

it('records what is attached, of this and of another object', async () => {
  const words = ['-p', 'target', '--global', 'limit=1000'];
  const attach = ['--attach', 'throwing_replacement=global_part', '--attach', `${ATTACH}:on_exit=static_part`];
  const recorded = await command('record', ATTACH, ...words, ...attach, '-o', 'attached.bailout');
  expect(recorded.text).toMatch(/^attach\.bpf\.o: 1 run\nrun 0 · target · returned 60 · \d+ instructions · 1 throw\n/);
  const replayed = await command('replay', 'attached.bailout');
  expect(replayed).toEqual({ status: 0, text: `${recorded.text}The replay is the recorded run, to the last bit.\n` });
  const refused = await command('record', ATTACH, ...words, '--attach', 'replacement=static_part', '-o', 'no.bailout');
  expect(refused.status).toBe(1);
  expect(refused.text).toContain('static_part() is not a global function');
  expect(host.made.has('no.bailout')).toBe(false);
  const wrong = command('record', ATTACH, ...words, '--attach', 'target=static_part', '-o', 'no.bailout');
  await expect(wrong).rejects.toThrow('cannot be attached');
});

it('shows of many runs those that a filter lets through', async () => {
  const whole = 'examples/packet-parser.bpf.o';
  await command('record', whole, '--packet', 'dns.pcap', '-o', 'dns.bailout');
  const some = await command('replay', 'dns.bailout', '--runs', 'options[0].packets[0] == 2 || steps < 20');
  expect(some.text.split('\n').slice(0, 3)).toEqual([
    expect.stringMatching(/^packet-parser\.bpf\.o: 3 runs$/),
    expect.stringMatching(/^run 1 · parse_udp · returned 2 · \d instructions · packet 2 of 3 \(dns\.pcap\)$/),
    expect.stringMatching(/^run 2 · .* · packet 3 of 3 \(dns\.pcap\)$/),
  ]);
  const json = JSON.parse((await command('replay', 'dns.bailout', '--json', '--runs', 'steps < 20')).text) as object;
  expect(json).toMatchObject({ runs: [{ run: 1, retval: 2, input: 'packet 2 of 3 (dns.pcap)' }] });
  expect((await command('replay', 'dns.bailout', '--runs', 'fault')).text).toContain('None of them is like that.');
  const refused = command('replay', 'dns.bailout', '--runs', 'resutl == 2');
  await expect(refused).rejects.toMatchObject({ code: 'USAGE', hint: 'resutl == 2\n^' });
});

it('shows and exports what a recording only counted as if it had been kept', async () => {
  const both = async (...words: string[]): Promise<string[]> => {
    const texts: string[] = [];
    for (const name of ['whole', 'short']) {
      const { status, text } = await command('replay', `${name}.bailout`, ...words);
      expect(status).toBe(0);
      texts.push(text);
      const file = host.made.get('out');
      if (file !== undefined) texts[texts.length - 1] += new TextDecoder().decode(file);
    }
    return texts;
  };
  for (const words of [
    ['--run', '9'],
    ['--run', '9', '--from', '10', '--to', '2_0'],
    ['--run', '9', '--json'],
    ['--export', 'csv', '-o', 'out'],
    ['--export', 'folded', '-o', 'out', '--run', '10'],
    ['--export', 'perfetto', '-o', 'out', '--run', '9', '--from', '10', '--to', '30'],
  ]) {
    const [whole, short] = await both(...words);
    expect(short).toBe(whole);
  }
  const { list } = JSON.parse((await command('replay', 'short.bailout', '--run', '9', '--json')).text) as {
    list: { position: { run: number } }[];
  };
  expect(list.length).toBeGreaterThan(10);
  expect(new Set(list.map(({ position }) => position.run))).toEqual(new Set([9]));
  const none = await command('replay', 'short.bailout', '--run', '9', '--json', '--to', '1');
  expect(JSON.parse(none.text)).toMatchObject({ list: [] });
});

it('leaves no file when an export is ended', async () => {
  const begun = { ...host.beginFile('half') };
  const interrupted = {
    ...host,
    beginFile: () => ({
      ...begun,
      append(bytes: Uint8Array) {
        begun.append(bytes);
        // As Ctrl-C: the newest listener is the export's.
        process.listeners('SIGINT').at(-1)?.('SIGINT');
      },
    }),
  };
  const request = parseRequest(['replay', 'short.bailout', '--export', 'csv', '-o', 'half']);
  const before = process.listenerCount('SIGINT');
  expect(request.command === 'replay' && (await replayCommand(request, interrupted))).toBe(130);
  expect(process.listenerCount('SIGINT')).toBe(before);
  expect(host.made.has('half')).toBe(false);
  expect(host.text()).toMatch(/half is not written\.\n$/);
});

it('says what it was used wrongly for', async () => {
  await expect(command('record', 'examples/deep-throw.bpf.o')).rejects.toThrow('-o FILE.bailout');
  await expect(command('replay', 'examples/deep-throw.json')).rejects.toThrow('no recording');
  await expect(command('replay', 'x', '--export', 'svg', '-o', 'y')).rejects.toThrow('perfetto, csv, folded');
  await expect(command('replay', 'x', '--run', '1', '--runs', 'fault')).rejects.toThrow('one of them is enough');
  await expect(command('replay', 'deep.bailout', '--run', '7')).rejects.toThrow('There is no run 7');
  await expect(command('replay', 'x', '--from', '7')).rejects.toThrow('--from and --to are steps of the run');
  await expect(command('replay', 'x', '--run', '0', '--to', 'end')).rejects.toThrow('--to takes a step, not `end`');
  const csv = ['--export', 'csv', '-o', 'y'];
  await expect(command('replay', 'short.bailout', ...csv, '--to', '7')).rejects.toThrow('say which');
});
