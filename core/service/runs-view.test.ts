/** The list of runs as a page asks for it: filters, captures whose packets are run, and what is wrong with either. */
import { expect, test } from 'vitest';
import { answer } from './answers.ts';
import { Service } from './service.ts';
import { exampleFile, serviceWith, testHost } from './testing/host.ts';

/** A classic capture of so many frames, every third of which is cut off before its IP header. */
function capture(count: number): Uint8Array {
  const question = Buffer.from(
    '020000000001020000000002080045000039123400004011547e0a0000020a0000019c400035002500002a2a01000001000000000000076578616d706c65036f72670000010001',
    'hex',
  );
  const header = new Uint8Array(Uint32Array.of(0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1).buffer);
  const records = Array.from({ length: count }, (_, i) => {
    const data = i % 3 === 2 ? question.subarray(0, 20) : question;
    return Buffer.concat([new Uint8Array(Uint32Array.of(i, 0, data.length, data.length).buffer), data]);
  });
  return new Uint8Array(Buffer.concat([header, ...records]));
}

test('a capture that is dropped gives the next run its first packet, and `run --all` a run for each', () => {
  const host = testHost();
  const service = new Service(host);
  service.open(exampleFile('packet-parser.bpf.o'));
  service.open({ name: 'dns.pcap', bytes: capture(30) });
  expect(service.state().scenario.input).toBe('packet 1 of 30 (dns.pcap)');
  service.go({ kind: 'run' });
  expect(service.state().runs.current?.input).toBe('packet 1 of 30 (dns.pcap)');
  const { text, failed } = service.execute('run --all');
  expect([text.split('\n')[0], failed]).toEqual([
    '30 of 30 packets of dns.pcap were run: 30 returned 2. `info runs` lists them.',
    false,
  ]);
  expect(service.state().runs).toMatchObject({
    count: 31,
    current: { index: 30, input: 'packet 30 of 30 (dns.pcap)' },
  });
  expect(service.runs('', 3, 1).rows).toMatchObject([{ index: 3, input: 'packet 3 of 30 (dns.pcap)' }]);
  const short = service.runs('steps < 20', 2, 3);
  expect([short.total, short.rows.map(({ index }) => index)]).toEqual([10, [9, 12, 15]]);
  const before = service.state();
  expect(service.runs('options[0].packets[0] == 21', 0, 10).rows.map(({ index }) => index)).toEqual([29, 30]);
  expect(service.state()).toEqual(before);
});

test('a capture that is damaged changes nothing', () => {
  const service = serviceWith('packet-parser');
  service.open({ name: 'dns.pcap', bytes: capture(3) });
  const damaged = capture(3).subarray(0, 150);
  expect(answer(() => service.open({ name: 'dns.pcap', bytes: damaged }))).toMatchObject({
    ok: false,
    error: { code: 'PCAP_TRUNCATED' },
  });
  expect(service.state().scenario.input).toBe('packet 1 of 3 (dns.pcap)');
  expect(service.execute('run --all').text).toContain('3 of 3 packets');
});

test('a filter that makes no sense is an error with its place, and one that takes long can be cancelled', () => {
  const host = testHost();
  const service = new Service(host);
  service.open(exampleFile('packet-parser.bpf.o'));
  service.open({ name: 'dns.pcap', bytes: capture(5) });
  service.execute('run --all');
  expect(answer(() => service.runs('resutl == 2', 0, 10))).toMatchObject({
    ok: false,
    error: { code: 'EXPRESSION', hint: 'resutl == 2\n^' },
  });
  host.isCancelled = true;
  expect(answer(() => service.runs('options[0].packets[0] > 1', 0, 10))).toMatchObject({
    ok: false,
    error: { code: 'CANCELLED' },
  });
  host.isCancelled = false;
  expect(service.runs('options[0].packets[0] > 1', 0, 10).total).toBe(4);
});

test('cancelling `run --all` keeps what was run', () => {
  const host = testHost();
  const service = new Service(host);
  service.open(exampleFile('packet-parser.bpf.o'));
  service.open({ name: 'dns.pcap', bytes: capture(5) });
  service.execute('run');
  host.isCancelled = true;
  expect(service.execute('run --all').text).toContain('0 of 5 packets');
  expect(service.state().stop.why).toBe('cancelled');
  host.isCancelled = false;
  expect(service.execute('run --all').text).toContain('5 of 5 packets');
});
