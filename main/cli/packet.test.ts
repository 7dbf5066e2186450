import { describe, expect, it } from 'vitest';
import { packetBytes } from './packet.ts';
import { testHost } from './testing/host.ts';

/** A classic capture, little-endian, of Ethernet frames. */
function capture(...packets: number[][]): Uint8Array {
  const words: number[] = [];
  const u32 = (...values: number[]) => {
    for (const value of values) words.push(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24);
  };
  u32(0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1);
  for (const packet of packets) {
    u32(0, 0, packet.length, packet.length);
    words.push(...packet);
  }
  return Uint8Array.from(words);
}

describe('--packet', () => {
  const host = testHost({ 'two.pcap': capture([1, 2, 3], [0xff, 0]) });

  it('takes hex digits, written in any of the usual ways', () => {
    for (const word of ['0a0B0c', '0x0a0b0c', '0a:0b:0c', '0a 0b 0c']) {
      expect(packetBytes(word, host).toLowerCase()).toBe('0a0b0c');
    }
  });

  it('takes a packet of a capture, the first one or by number', () => {
    expect(packetBytes('two.pcap', host)).toBe('010203');
    expect(packetBytes('two.pcap:2', host)).toBe('ff00');
    expect(() => packetBytes('two.pcap:3', host)).toThrow('two.pcap has no packet 3: it holds 2.');
  });

  it('says what is neither', () => {
    for (const word of ['abc', '', 'xyz0', 'file.txt']) {
      expect(() => packetBytes(word, host)).toThrow('--packet takes hex digits, two for each byte, or FILE.pcap[:N]');
    }
  });
});
