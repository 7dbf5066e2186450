/**
 * Ring buffers. The data area lies in memory twice as long as the ring, so that a record that crosses the ring's end is
 * still in one piece (the kernel maps its pages twice for this). Programs may touch only records that they reserved and
 * did not submit yet. User space reads when a run has ended.
 */
import { copyWithin, fillBytes, readBytes } from '../bytes.ts';
import type { MapSetup } from './map.ts';
import { BpfMap } from './map.ts';

const HEADER_SIZE = 8;
const BUSY = 0x8000_0000;
const DISCARD = 0x4000_0000;
const MAX_RECORD = 0x1fff_ffff;

/** Words of the header, 8 bytes each. */
const PRODUCER = 0;
const CONSUMER = 8;
const PENDING = 16;
const EMITTED = 24;

/** flags of bpf_ringbuf_query. */
const QUERY_AVAILABLE = 0n;
const QUERY_SIZE = 1n;
const QUERY_CONSUMER = 2n;
const QUERY_PRODUCER = 3n;

export class RingBufferMap extends BpfMap {
  readonly size: number;
  readonly #data: number;
  readonly #header: number;

  constructor(setup: MapSetup) {
    super(setup, 'bpf_ringbuf_map');
    this.size = this.maxEntries;
    this.#header = this.kernel.memory.allocate(32, { access: 'none', label: `positions of ${this.name}` });
    this.#data = this.kernel.memory.allocate(2 * this.size, { access: 'none', label: `ring buffer ${this.name}` });
  }

  /** A record that only the caller sees until it is submitted: its offset, or 0 when there is no room. */
  reserve(size: number): number {
    const memory = this.kernel.memory;
    if (size > MAX_RECORD) return 0;
    const length = recordLength(size);
    if (length > this.size) return 0;
    const producer = this.#position(PRODUCER);
    let pending = this.#position(PENDING);
    while (pending < producer) {
      const word = memory.readU32(this.#at(pending));
      if (word >= BUSY) break;
      pending += recordLength(word & MAX_RECORD);
    }
    this.#setPosition(PENDING, pending);
    const next = producer + length;
    if (next - this.#position(CONSUMER) > this.size - 1 || next - pending > this.size - 1) return 0;
    const at = this.#at(producer);
    memory.writeU32(at, (size | BUSY) >>> 0);
    memory.writeU32(at + 4, 0);
    this.#setPosition(PRODUCER, next);
    fillBytes(memory, at + HEADER_SIZE, length - HEADER_SIZE, 0);
    memory.protect(at + HEADER_SIZE, size, 'rw');
    return at + HEADER_SIZE;
  }

  /** Whether an offset lies in this ring's data. */
  contains(record: number): boolean {
    return record > this.#data && record < this.#data + 2 * this.size;
  }

  /** The size of a reserved record. */
  recordSize(record: number): number {
    return this.kernel.memory.readU32(record - HEADER_SIZE) & MAX_RECORD;
  }

  commit(record: number, discard: boolean): void {
    const memory = this.kernel.memory;
    const header = record - HEADER_SIZE;
    const size = this.recordSize(record);
    memory.writeU32(header, (size | (discard ? DISCARD : 0)) >>> 0);
    memory.protect(record, (size + 7) & ~7, 'none');
    this.#emit();
  }

  /** bpf_ringbuf_output: reserve, copy and submit in one. */
  output(from: number, size: number): boolean {
    const record = this.reserve(size);
    if (record === 0) return false;
    copyWithin(this.kernel.memory, record, from, size);
    this.commit(record, false);
    return true;
  }

  query(what: bigint): bigint {
    switch (what) {
      case QUERY_AVAILABLE:
        return BigInt(this.#position(PRODUCER) - this.#position(CONSUMER));
      case QUERY_SIZE:
        return BigInt(this.size);
      case QUERY_CONSUMER:
        return BigInt(this.#position(CONSUMER));
      case QUERY_PRODUCER:
        return BigInt(this.#position(PRODUCER));
      default:
        return 0n;
    }
  }

  /** User space takes everything up to the first record that is still reserved. */
  consume(): void {
    this.#setPosition(CONSUMER, this.#position(EMITTED));
  }

  /** Records reach user space in the order of reservation: one that is still busy holds back those behind it. */
  #emit(): void {
    const memory = this.kernel.memory;
    let at = this.#position(EMITTED);
    const producer = this.#position(PRODUCER);
    while (at < producer) {
      const word = memory.readU32(this.#at(at));
      if (word >= BUSY) break;
      const size = word & MAX_RECORD;
      if ((word & DISCARD) === 0)
        this.kernel.maps.emit(this, readBytes(memory, this.#at(at) + HEADER_SIZE, size), 'ringbuf');
      at += recordLength(size);
    }
    this.#setPosition(EMITTED, at);
  }

  #at(position: number): number {
    return this.#data + (position % this.size);
  }

  #position(word: number): number {
    return Number(this.kernel.memory.readU64(this.#header + word));
  }

  #setPosition(word: number, position: number): void {
    this.kernel.memory.writeU64(this.#header + word, BigInt(position));
  }
}

function recordLength(size: number): number {
  return (size + HEADER_SIZE + 7) & ~7;
}

/** The other direction: samples that user space wrote, taken from the scenario in order. */
export class UserRingBufferMap extends BpfMap {
  readonly #samples: readonly number[];
  readonly #sizes: readonly number[];
  /** Number of samples taken. */
  readonly #taken: number;

  constructor(setup: MapSetup, samples: readonly Uint8Array[]) {
    super(setup, 'bpf_ringbuf_map');
    const memory = this.kernel.memory;
    this.#taken = memory.allocate(8, { access: 'none', label: `position of ${this.name}` });
    this.#sizes = samples.map((sample) => sample.length);
    this.#samples = samples.map((sample) => {
      const at = memory.allocate(sample.length, { access: 'ro', label: `sample of ${this.name}` });
      memory.bytes.set(sample, at);
      memory.touch(at, sample.length);
      return at;
    });
  }

  /** The next sample, which is then taken. */
  take(): { readonly offset: number; readonly size: number } | undefined {
    const index = this.kernel.memory.readU32(this.#taken);
    const offset = this.#samples[index];
    const size = this.#sizes[index];
    if (offset === undefined || size === undefined) return undefined;
    this.kernel.memory.writeU32(this.#taken, index + 1);
    return { offset, size };
  }

  get waiting(): number {
    return this.#samples.length - this.kernel.memory.readU32(this.#taken);
  }
}
