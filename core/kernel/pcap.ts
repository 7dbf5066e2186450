/**
 * Packets out of capture files: pcap in all its byte orders and time units, and pcapng.
 *
 * Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. Lengths are checked before they are used, so a file that
 * is cut off or lies about a length is an error with the place of it, and costs no more memory than its own size.
 */
import { BailoutError } from '../errors.ts';

export interface CapturedPacket {
  /** As captured: maybe less than what was on the wire. A view into the file's bytes. */
  readonly data: Uint8Array;
  /** Bytes on the wire. */
  readonly originalLength: number;
  /** Nanoseconds since the epoch; undefined where the format has no time (simple packet blocks). */
  readonly time: bigint | undefined;
  /** LINKTYPE_* number: what the data begins with; 1 is Ethernet. */
  readonly linkType: number;
}

// File magics, as read in little-endian order.
const PCAP_MICROSECONDS = 0xa1b2c3d4;
const PCAP_NANOSECONDS = 0xa1b23c4d;
const PCAP_MICROSECONDS_SWAPPED = 0xd4c3b2a1;
const PCAP_NANOSECONDS_SWAPPED = 0x4d3cb2a1;
const PCAP_MODIFIED = 0xa1b2cd34;
const PCAP_MODIFIED_SWAPPED = 0x34cdb2a1;
const PCAP_HEADER_SIZE = 24;
const PCAP_RECORD_SIZE = 16;

const BLOCK_SECTION = 0x0a0d0d0a;
const BLOCK_INTERFACE = 1;
const BLOCK_OLD_PACKET = 2;
const BLOCK_SIMPLE_PACKET = 3;
const BLOCK_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_END = 0;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;

const GZIP_MAGIC = 0x8b1f;
const NS_PER_SECOND = 1_000_000_000n;

/** The packets of a capture file, one after the other; what follows a packet is not looked at before the next is asked for. */
export function capturedPackets(bytes: Uint8Array, name = 'the capture'): Generator<CapturedPacket, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4)
    throw new BailoutError('PCAP_TRUNCATED', `${name} has ${bytes.length} bytes: too few to be a capture.`, {
      offset: 0,
    });
  const magic = view.getUint32(0, true);
  switch (magic) {
    case PCAP_MICROSECONDS:
    case PCAP_NANOSECONDS:
      return classicPackets(view, name, true, magic === PCAP_NANOSECONDS);
    case PCAP_MICROSECONDS_SWAPPED:
    case PCAP_NANOSECONDS_SWAPPED:
      return classicPackets(view, name, false, magic === PCAP_NANOSECONDS_SWAPPED);
    case BLOCK_SECTION:
      return new NextGeneration(view, name).packets();
    case PCAP_MODIFIED:
    case PCAP_MODIFIED_SWAPPED:
      throw new BailoutError('PCAP_UNSUPPORTED', `${name} is in the "modified" pcap format, which is not read here.`, {
        offset: 0,
        hint: 'Convert it: editcap -F pcapng IN OUT.',
      });
    default:
      if ((magic & 0xffff) === GZIP_MAGIC)
        throw new BailoutError('PCAP_COMPRESSED', `${name} is compressed.`, {
          offset: 0,
          hint: 'Unpack it with gunzip.',
        });
      throw new BailoutError('PCAP_NOT_A_CAPTURE', `${name} is neither pcap nor pcapng.`, { offset: 0 });
  }
}

/** Packet `number` of a capture, counted from 1 as Wireshark and tcpdump do. */
export function packetOfCapture(bytes: Uint8Array, number: number, name = 'the capture'): CapturedPacket {
  let count = 0;
  for (const packet of capturedPackets(bytes, name)) if (++count === number) return packet;
  throw new BailoutError('PCAP_NO_SUCH_PACKET', `${name} has no packet ${number}: it holds ${count}.`, {
    hint: count === 0 ? 'The capture is empty.' : `Give a number from 1 to ${count}.`,
  });
}

function truncated(name: string, offset: number, what: string): BailoutError {
  return new BailoutError('PCAP_TRUNCATED', `${name} is cut off at byte ${offset}, in ${what}.`, { offset });
}

function part(view: DataView, offset: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, length);
}

function* classicPackets(
  view: DataView,
  name: string,
  little: boolean,
  isNano: boolean,
): Generator<CapturedPacket, void> {
  const size = view.byteLength;
  if (size < PCAP_HEADER_SIZE) throw truncated(name, size, 'the header');
  // The upper half holds the length of a checksum that few captures keep.
  const linkType = view.getUint32(20, little) & 0xffff;
  for (let at = PCAP_HEADER_SIZE, number = 1; at < size; number++) {
    if (at + PCAP_RECORD_SIZE > size) throw truncated(name, at, `the header of packet ${number}`);
    const seconds = view.getUint32(at, little);
    const fraction = view.getUint32(at + 4, little);
    const length = view.getUint32(at + 8, little);
    if (length > size - at - PCAP_RECORD_SIZE)
      throw truncated(name, at + 8, `packet ${number}, which says that it has ${length} bytes`);
    yield {
      data: part(view, at + PCAP_RECORD_SIZE, length),
      originalLength: view.getUint32(at + 12, little),
      time: BigInt(seconds) * NS_PER_SECOND + BigInt(fraction) * (isNano ? 1n : 1000n),
      linkType,
    };
    at += PCAP_RECORD_SIZE + length;
  }
}

/** An interface of a pcapng section: what its packets begin with and how it counts time. */
interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly unitsPerSecond: bigint;
  readonly offsetSeconds: bigint;
}

/** A pcapng file: blocks, in sections that each have their own byte order and interfaces. */
class NextGeneration {
  readonly #view: DataView;
  readonly #name: string;
  #little = true;
  #interfaces: Interface[] = [];

  constructor(view: DataView, name: string) {
    this.#view = view;
    this.#name = name;
  }

  *packets(): Generator<CapturedPacket, void> {
    const size = this.#view.byteLength;
    for (let at = 0; at < size;) {
      if (size - at < 12) throw truncated(this.#name, at, 'the header of a block');
      const type = this.#u32(at);
      if (type === BLOCK_SECTION) this.#beginSection(at);
      const length = this.#u32(at + 4);
      if (length < 12 || length % 4 !== 0)
        throw this.#bad(at + 4, `a block of ${length} bytes: lengths are multiples of 4, from 12`);
      if (length > size - at) throw truncated(this.#name, at + 4, `a block that says that it has ${length} bytes`);
      if (this.#u32(at + length - 4) !== length)
        throw this.#bad(
          at + length - 4,
          `a block whose length at its end differs from the one at its beginning, ${length}`,
        );
      const packet = this.#block(type, at + 8, at + length - 4);
      if (packet !== undefined) yield packet;
      at += length;
    }
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, this.#little);
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, this.#little);
  }

  #bad(offset: number, what: string): BailoutError {
    return new BailoutError('PCAP_BAD_BLOCK', `${this.#name} has, at byte ${offset}, ${what}.`, { offset });
  }

  #need(from: number, end: number, bytes: number, what: string): void {
    if (end - from < bytes) throw this.#bad(from, `${what} of ${end - from} bytes, which is too short`);
  }

  #beginSection(at: number): void {
    if (this.#view.byteLength - at < 28) throw truncated(this.#name, at, 'the header of a section');
    if (this.#view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) this.#little = true;
    else if (this.#view.getUint32(at + 8, false) === BYTE_ORDER_MAGIC) this.#little = false;
    else throw this.#bad(at + 8, 'a section without the mark of its byte order');
    this.#interfaces = [];
  }

  /** What a block whose body lies from `from` to `end` adds: a packet, or an interface, or nothing. */
  #block(type: number, from: number, end: number): CapturedPacket | undefined {
    switch (type) {
      case BLOCK_INTERFACE:
        this.#need(from, end, 8, 'an interface description');
        this.#interfaces.push(this.#interface(from, end));
        return undefined;
      case BLOCK_PACKET:
        this.#need(from, end, 20, 'a packet block');
        return this.#packet(from, end, this.#u32(from));
      case BLOCK_OLD_PACKET:
        this.#need(from, end, 20, 'a packet block');
        return this.#packet(from, end, this.#u16(from));
      case BLOCK_SIMPLE_PACKET: {
        this.#need(from, end, 4, 'a simple packet block');
        const owner = this.#interfaceOf(0, from);
        const originalLength = this.#u32(from);
        const limit = owner.snapLength === 0 ? originalLength : Math.min(originalLength, owner.snapLength);
        const length = Math.min(limit, end - from - 4);
        return { data: part(this.#view, from + 4, length), originalLength, time: undefined, linkType: owner.linkType };
      }
      default:
        return undefined;
    }
  }

  #interfaceOf(index: number, at: number): Interface {
    const found = this.#interfaces[index];
    if (found === undefined) throw this.#bad(at, `a packet of interface ${index}, which is not described before it`);
    return found;
  }

  #packet(from: number, end: number, index: number): CapturedPacket {
    const owner = this.#interfaceOf(index, from);
    const length = this.#u32(from + 12);
    if (length > end - from - 20)
      throw this.#bad(from + 12, `a packet of ${length} bytes in a block that has room for ${end - from - 20}`);
    const units = (BigInt(this.#u32(from + 4)) << 32n) | BigInt(this.#u32(from + 8));
    return {
      data: part(this.#view, from + 20, length),
      originalLength: this.#u32(from + 16),
      time: (units * NS_PER_SECOND) / owner.unitsPerSecond + owner.offsetSeconds * NS_PER_SECOND,
      linkType: owner.linkType,
    };
  }

  #interface(from: number, end: number): Interface {
    let unitsPerSecond = 1_000_000n;
    let offsetSeconds = 0n;
    for (let at = from + 8; at + 4 <= end;) {
      const option = this.#u16(at);
      const length = this.#u16(at + 2);
      if (option === OPTION_END) break;
      if (length > end - at - 4) throw this.#bad(at, `an option of ${length} bytes that reaches beyond its block`);
      if (option === OPTION_TIME_RESOLUTION && length >= 1) {
        // The upper bit chooses between powers of two and of ten.
        const exponent = this.#view.getUint8(at + 4);
        unitsPerSecond = exponent < 128 ? 10n ** BigInt(exponent) : 1n << BigInt(exponent & 0x7f);
      }
      if (option === OPTION_TIME_OFFSET && length >= 8) offsetSeconds = this.#view.getBigInt64(at + 4, this.#little);
      at += 4 + length + (-length & 3);
    }
    return { linkType: this.#u16(from), snapLength: this.#u32(from + 4), unitsPerSecond, offsetSeconds };
  }
}

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

/**
 * A packet as an Ethernet frame, which is what a simulated device receives: captures of raw IP, of a loopback device or of
 * "any" get a header with addresses of zero.
 */
export function ethernetFrame(packet: CapturedPacket, name = 'the capture'): Uint8Array {
  const { data, linkType } = packet;
  const u16 = (at: number): number => ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
  switch (linkType) {
    case 1: // ETHERNET
      return data;
    case 12: // RAW, as some systems number it
    case 14:
    case 101: // RAW
    case 228: // IPV4
    case 229: // IPV6
      return withHeader(data, 0, ipEthertype(data, 0));
    case 0: // NULL: an address family of 32 bits in the byte order of the capturing machine
    case 108: // LOOP
      return withHeader(data, 4, ipEthertype(data, 4));
    case 113: // LINUX_SLL
      return withHeader(data, 16, u16(14));
    case 276: // LINUX_SLL2
      return withHeader(data, 20, u16(0));
    default:
      throw new BailoutError(
        'PCAP_LINK_TYPE',
        `${name} holds packets of link type ${linkType}, which cannot be made into Ethernet frames.`,
        { hint: 'Capture on an Ethernet device, or give the packet as hex digits.' },
      );
  }
}

function ipEthertype(data: Uint8Array, at: number): number {
  return (data[at] ?? 0) >> 4 === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
}

function withHeader(data: Uint8Array, skip: number, ethertype: number): Uint8Array {
  const payload = data.subarray(skip);
  const frame = new Uint8Array(14 + payload.length);
  frame[12] = ethertype >> 8;
  frame[13] = ethertype & 0xff;
  frame.set(payload, 14);
  return frame;
}
