/** A capture as the input of runs: one packet, or a run for each. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { zstd } from '../../main/compression.ts';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { Console } from './console.ts';
import { runsLike } from '../debugger/runs.ts';

const root = new URL('../../', import.meta.url);

/** A classic capture of Ethernet frames. */
function pcap(packets: readonly Uint8Array[]): Uint8Array {
  const header = Uint32Array.of(0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1);
  const records = packets.map((data, i) =>
    Buffer.concat([new Uint8Array(Uint32Array.of(i, 0, data.length, data.length).buffer), data]),
  );
  return Buffer.concat([new Uint8Array(header.buffer), ...records]);
}

/** DNS over UDP, and frames that are cut off so early that the parser lets them pass. */
const DNS = Buffer.from(
  '020000000001020000000002080045000039123400004011547e0a0000020a0000019c400035002500002a2a01000001000000000000076578616d706c65036f72670000010001',
  'hex',
);
const PACKETS = [DNS, DNS.subarray(0, 20), DNS, DNS, DNS.subarray(0, 30)];

function consoleWith(files: Readonly<Record<string, Uint8Array>>): Console {
  const console = new Console({
    readFile: (path) => files[path] ?? readFileSync(new URL(path, root)),
    kernelBtf: bundledKernelBtf,
    writeFile: () => undefined,
    compression: zstd,
  });
  console.execute('load examples/packet-parser.bpf.o');
  return console;
}

it('takes the first packet, or the one that is named', () => {
  const console = consoleWith({ 'in/dns.pcap': pcap(PACKETS) });
  expect(console.execute('packet in/dns.pcap').text).toBe(
    'The next run gets packet 1 of 5 (dns.pcap), 71 bytes. `run --all` runs the program with each.',
  );
  expect(console.execute('packet in/dns.pcap:2').data).toEqual({
    bytes: 20,
    input: 'packet 2 of 5 (dns.pcap)',
    packets: 5,
  });
  console.execute('run');
  console.execute('packet 0011');
  console.execute('run');
  const { session } = console;
  expect(session.timeline.runs.map((run) => session.inputOf(run))).toEqual(['packet 2 of 5 (dns.pcap)', 'packet 0011']);
  expect(() => console.execute('run --all')).toThrow('No capture');
  expect(() => console.execute('packet in/dns.pcap:6')).toThrow('holds 5');
});

it('runs all packets one after the other, maps kept between them', () => {
  const console = consoleWith({ 'dns.pcap': pcap(PACKETS) });
  console.execute('packet dns.pcap');
  console.execute('break parse_udp');
  const progress: (readonly [number, number | undefined])[] = [];
  const { text, data } = console.execute('run --all', {
    limits: { onProgress: (done, total) => void progress.push([done, total]) },
  });
  expect(text).toMatch(/^5 of 5 packets of dns\.pcap were run: \d returned .*\. `info runs` lists them\.\n/);
  expect(data).toEqual({ packets: 5, runs: 5, from: 0, complete: true });
  expect(progress.filter(([, total]) => total === 5).map(([done]) => done)).toEqual([1, 2, 3, 4, 5]);
  const { session } = console;
  const { runs } = session.timeline;
  expect(runs.map((run) => session.inputOf(run))).toEqual(
    PACKETS.map((_packet, i) => `packet ${i + 1} of 5 (dns.pcap)`),
  );
  expect(session.position).toEqual(runs.at(-1)!.last);
  expect(runsLike(session, 'options[0].packets[0] == 3')).toEqual([3, 4]);
  expect(runsLike(session, 'steps > 20 && options[0].packets[0] == 2')).toEqual([2]);
  // A second time it goes on where the maps are.
  console.execute('run --all');
  expect(runsLike(session, 'options[0].packets[0] == 6')).toEqual([8, 9]);
  expect(session.requests).toHaveLength(10);
});

it('stops where it is cancelled, and keeps the runs so far', () => {
  const console = consoleWith({ 'dns.pcap': pcap(PACKETS) });
  console.execute('packet dns.pcap');
  let done = 0;
  const limits = { onProgress: (count: number) => void (done = count), isCancelled: () => done >= 2 };
  const { text, data } = console.execute('run --all', { limits });
  expect(data).toEqual({ packets: 5, runs: 2, from: 0, complete: false });
  expect(text).toContain('2 of 5');
  expect(console.session.timeline.runs).toHaveLength(2);
  expect(console.session.lastStop?.why).toBe('cancelled');
  expect(() =>
    consoleWith({ 'dns.pcap': pcap(PACKETS) }).execute('run --all', { limits: { isCancelled: () => true } }),
  ).toThrow('No capture');
});
