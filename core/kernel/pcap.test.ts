import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BailoutError } from '../errors.ts';
import { capturedPackets, ethernetFrame, packetOfCapture } from './pcap.ts';

/** Bytes from numbers: `u16`, `u32` in the given order, raw bytes as they are. */
function writer(little: boolean) {
  const number = (value: number, size: number): number[] => {
    const bytes = Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) & 0xff);
    return little ? bytes : bytes.reverse();
  };
  return { u16: (value: number) => number(value, 2), u32: (value: number) => number(value, 4) };
}

function pcap(
  packets: readonly (readonly number[])[],
  { little = true, magic = 0xa1b2c3d4, linkType = 1, fraction = 5 } = {},
): Uint8Array {
  const { u16, u32 } = writer(little);
  const header = [...u32(magic), ...u16(2), ...u16(4), ...u32(0), ...u32(0), ...u32(65535), ...u32(linkType)];
  const records = packets.flatMap((data) => [
    ...u32(100),
    ...u32(fraction),
    ...u32(data.length),
    ...u32(data.length + 2),
    ...data,
  ]);
  return Uint8Array.from([...header, ...records]);
}

function block(little: boolean, type: number, body: readonly number[]): number[] {
  const { u32 } = writer(little);
  const padded = [...body, ...Array<number>(-body.length & 3).fill(0)];
  return [...u32(type), ...u32(padded.length + 12), ...padded, ...u32(padded.length + 12)];
}

function section(little = true): number[] {
  const { u16, u32 } = writer(little);
  return block(little, 0x0a0d0d0a, [...u32(0x1a2b3c4d), ...u16(1), ...u16(0), ...u32(0xffffffff), ...u32(0xffffffff)]);
}

function device(little = true, linkType = 1, options: readonly number[] = [], snapLength = 0): number[] {
  const { u16, u32 } = writer(little);
  return block(little, 1, [...u16(linkType), ...u16(0), ...u32(snapLength), ...options]);
}

function packetBlock(data: readonly number[], { little = true, index = 0, high = 0, low = 7 } = {}): number[] {
  const { u32 } = writer(little);
  return block(little, 6, [...u32(index), ...u32(high), ...u32(low), ...u32(data.length), ...u32(99), ...data]);
}

const all = (bytes: Uint8Array) => [...capturedPackets(bytes, 'a.pcap')];
const failure = (bytes: Uint8Array): BailoutError => {
  try {
    all(bytes);
  } catch (caught) {
    if (caught instanceof BailoutError) return caught;
    throw caught;
  }
  throw new Error('it was read');
};

describe('pcap', () => {
  test.each([
    ['microseconds, little-endian', { little: true, magic: 0xa1b2c3d4 }, 100_000_005_000n],
    ['microseconds, big-endian', { little: false, magic: 0xa1b2c3d4 }, 100_000_005_000n],
    ['nanoseconds, little-endian', { little: true, magic: 0xa1b23c4d }, 100_000_000_005n],
    ['nanoseconds, big-endian', { little: false, magic: 0xa1b23c4d }, 100_000_000_005n],
  ])('%s', (_, options, time) => {
    const packets = all(pcap([[1, 2, 3], []], options));
    expect(packets.map((packet) => [...packet.data])).toEqual([[1, 2, 3], []]);
    expect(packets[0]).toMatchObject({ originalLength: 5, time, linkType: 1 });
  });

  test('a packet by its number, from 1', () => {
    const capture = pcap([[1], [2]]);
    expect([...packetOfCapture(capture, 2).data]).toEqual([2]);
    expect(() => packetOfCapture(capture, 3, 'a.pcap')).toThrow('a.pcap has no packet 3: it holds 2.');
    expect(() => packetOfCapture(capture, 0)).toThrow(expect.objectContaining({ code: 'PCAP_NO_SUCH_PACKET' }));
  });

  test('what follows the wanted packet may be broken', () => {
    expect([...packetOfCapture(pcap([[1], [2]]).subarray(0, -1), 1).data]).toEqual([1]);
  });
});

describe('pcapng', () => {
  test.each([true, false])('sections, interfaces and packets (little-endian: %s)', (little) => {
    const bytes = Uint8Array.from([
      ...section(little),
      ...device(little),
      ...packetBlock([1, 2, 3], { little }),
      ...block(little, 99, [1]),
    ]);
    const [packet] = all(bytes);
    expect([...(packet?.data ?? [])]).toEqual([1, 2, 3]);
    expect(packet).toMatchObject({ originalLength: 99, time: 7_000n, linkType: 1 });
  });

  test('the units of time are an interface’s own', () => {
    const { u16 } = writer(true);
    const nano = [...u16(9), ...u16(1), 9, 0, 0, 0];
    const half = [...u16(9), ...u16(1), 0x81, 0, 0, 0];
    const later = [...u16(14), ...u16(8), 2, 0, 0, 0, 0, 0, 0, 0, ...u16(0), ...u16(0)];
    const times = [nano, half, later].map(
      (options) => all(Uint8Array.from([...section(), ...device(true, 1, options), ...packetBlock([])]))[0]?.time,
    );
    expect(times).toEqual([7n, 3_500_000_000n, 2_000_007_000n]);
  });

  test('simple packets have no time and may be cut by the snap length', () => {
    const { u32 } = writer(true);
    const bytes = Uint8Array.from([...section(), ...device(true, 101, [], 2), ...block(true, 3, [...u32(3), 1, 2, 3])]);
    expect(all(bytes)[0]).toMatchObject({
      data: Uint8Array.of(1, 2),
      originalLength: 3,
      time: undefined,
      linkType: 101,
    });
  });

  test('packet blocks of old files', () => {
    const { u16, u32 } = writer(true);
    const old = block(true, 2, [...u16(0), ...u16(0), ...u32(0), ...u32(1), ...u32(1), ...u32(1), 9]);
    expect([...(all(Uint8Array.from([...section(), ...device(), ...old]))[0]?.data ?? [])]).toEqual([9]);
  });

  test('each section has its own byte order and interfaces', () => {
    const bytes = Uint8Array.from([
      ...section(true),
      ...device(true, 1),
      ...packetBlock([1]),
      ...section(false),
      ...device(false, 101),
      ...packetBlock([2], { little: false }),
    ]);
    expect(all(bytes).map((packet) => packet.linkType)).toEqual([1, 101]);
  });
});

describe('files that are not what they should be', () => {
  const bytes = (...parts: readonly number[][]) => Uint8Array.from(parts.flat());
  test.each([
    ['nothing', bytes(), 'PCAP_TRUNCATED', 0],
    ['something else', bytes([1, 2, 3, 4, 5]), 'PCAP_NOT_A_CAPTURE', 0],
    ['gzip', bytes([0x1f, 0x8b, 8, 0]), 'PCAP_COMPRESSED', 0],
    ['the modified format', bytes([0x34, 0xcd, 0xb2, 0xa1]), 'PCAP_UNSUPPORTED', 0],
    ['half a header', pcap([]).subarray(0, 20), 'PCAP_TRUNCATED', 20],
    ['half a record', pcap([[1]]).subarray(0, 30), 'PCAP_TRUNCATED', 24],
    ['half a packet', pcap([[1, 2]]).subarray(0, 41), 'PCAP_TRUNCATED', 32],
    ['a block without its length', bytes(section(), [1, 0, 0, 0]), 'PCAP_TRUNCATED', 28],
    ['a block of length 0', bytes(section(), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 'PCAP_BAD_BLOCK', 32],
    ['a block that is too long', bytes(section(), [1, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0]), 'PCAP_TRUNCATED', 32],
    ['two lengths that differ', bytes(section(), [1, 0, 0, 0, 12, 0, 0, 0, 16, 0, 0, 0]), 'PCAP_BAD_BLOCK', 36],
    ['a section of no byte order', bytes(block(true, 0x0a0d0d0a, Array<number>(16).fill(0))), 'PCAP_BAD_BLOCK', 8],
    ['a packet of no interface', bytes(section(), packetBlock([1])), 'PCAP_BAD_BLOCK', 36],
    ['a short packet block', bytes(section(), device(), block(true, 6, [0, 0, 0, 0])), 'PCAP_BAD_BLOCK', 56],
    ['an option beyond its block', bytes(section(), device(true, 1, [9, 0, 200, 0])), 'PCAP_BAD_BLOCK', 44],
  ])('%s', (_, input, code, offset) => {
    expect(failure(input)).toMatchObject({ code, offset });
  });

  test('a packet that is longer than its block', () => {
    const broken = packetBlock([1, 2, 3, 4]);
    broken[20] = 200;
    expect(failure(bytes(section(), device(), broken))).toMatchObject({ code: 'PCAP_BAD_BLOCK' });
  });

  test('no damage makes it fail in any other way, or go on forever', () => {
    const good = [
      pcap([[1, 2, 3], [4]]),
      bytes(
        section(),
        device(true, 1, [9, 0, 1, 0, 9, 0, 0, 0]),
        packetBlock([1, 2, 3]),
        block(true, 3, [1, 0, 0, 0, 5]),
      ),
    ];
    const damage = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...good), damage, fc.nat(200), (input, changes, cut) => {
        const copy = input.slice(0, Math.max(0, input.length - (cut > 100 ? 0 : cut)));
        for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
        try {
          expect(all(copy).length).toBeLessThan(100);
        } catch (caught) {
          expect(caught).toBeInstanceOf(BailoutError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a packet as an Ethernet frame', () => {
  const frame = (linkType: number, data: readonly number[]) =>
    Buffer.from(
      ethernetFrame({ data: Uint8Array.from(data), originalLength: data.length, time: 0n, linkType }),
    ).toString('hex');
  const zeros = '00'.repeat(12);
  test.each([
    ['Ethernet as it is', 1, [1, 2], '0102'],
    ['raw IPv4', 101, [0x45, 1], `${zeros}08004501`],
    ['raw IPv6', 101, [0x60, 1], `${zeros}86dd6001`],
    ['loopback', 0, [2, 0, 0, 0, 0x45], `${zeros}080045`],
    ['any, first version', 113, [...Array<number>(14).fill(0), 0x86, 0xdd, 0x60], `${zeros}86dd60`],
    ['any, second version', 276, [8, 6, ...Array<number>(18).fill(0), 7], `${zeros}080607`],
  ])('%s', (_, linkType, data, expected) => {
    expect(frame(linkType, data)).toBe(expected);
  });

  test('others are refused', () => {
    expect(() => frame(147, [])).toThrow(expect.objectContaining({ code: 'PCAP_LINK_TYPE' }));
  });
});
