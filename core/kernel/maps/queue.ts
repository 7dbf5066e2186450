/** Maps without keys: queue, stack and bloom filter. */
import { alignUp, copyWithin, fillBytes, hashBytes } from '../bytes.ts';
import { E2BIG, EINVAL, ENOENT } from '../errno.ts';
import type { MapElement, MapSetup } from './map.ts';
import { BPF_ANY, BPF_EXIST, BpfMap } from './map.ts';

/** A ring of max_entries + 1 places; the header holds the places of head (next push) and tail (oldest). */
export class QueueMap extends BpfMap {
  readonly #stack: boolean;
  readonly #header: number;
  readonly #values: number;
  readonly #places: number;

  constructor(setup: MapSetup, stack: boolean) {
    super(setup, 'bpf_queue_stack');
    this.#stack = stack;
    this.#places = this.maxEntries + 1;
    this.#header = this.kernel.memory.allocate(8, { access: 'none', label: `header of ${this.name}` });
    const size = this.#places * this.valueSize;
    this.#values = this.kernel.memory.allocate(size, { access: 'none', label: `values of ${this.name}` });
  }

  override push(value: number, flags: bigint): number {
    if (flags !== BPF_ANY && flags !== BPF_EXIST) return -EINVAL;
    const memory = this.kernel.memory;
    const head = memory.readU32(this.#header);
    const next = (head + 1) % this.#places;
    const tail = memory.readU32(this.#header + 4);
    if (next === tail) {
      // BPF_EXIST lets the oldest element make room.
      if (flags !== BPF_EXIST) return -E2BIG;
      memory.writeU32(this.#header + 4, (tail + 1) % this.#places);
    }
    copyWithin(memory, this.#at(head), value, this.valueSize);
    memory.writeU32(this.#header, next);
    return 0;
  }

  override peek(value: number, remove: boolean): number {
    const memory = this.kernel.memory;
    const head = memory.readU32(this.#header);
    const tail = memory.readU32(this.#header + 4);
    if (head === tail) {
      fillBytes(memory, value, this.valueSize, 0);
      return -ENOENT;
    }
    const index = this.#stack ? (head + this.#places - 1) % this.#places : tail;
    copyWithin(memory, value, this.#at(index), this.valueSize);
    if (remove) {
      if (this.#stack) memory.writeU32(this.#header, index);
      else memory.writeU32(this.#header + 4, (tail + 1) % this.#places);
    }
    return 0;
  }

  override update(_key: number, value: number, flags: bigint): number {
    return this.push(value, flags);
  }

  /** A cursor counts places from the oldest one, from 1. */
  override advance(cursor: number): number {
    return cursor < this.count ? cursor + 1 : 0;
  }

  override elementAt(cursor: number): MapElement {
    return { key: 0, value: this.#at((this.kernel.memory.readU32(this.#header + 4) + cursor - 1) % this.#places) };
  }

  override get count(): number {
    const memory = this.kernel.memory;
    return (memory.readU32(this.#header) + this.#places - memory.readU32(this.#header + 4)) % this.#places;
  }

  #at(index: number): number {
    return this.#values + index * this.valueSize;
  }
}

const DEFAULT_HASHES = 5;

/** A bitset; each value sets as many bits as map_extra says. It may find what was never pushed, and never misses what was. */
export class BloomFilterMap extends BpfMap {
  readonly #bits: number;
  readonly #mask: number;
  readonly #hashes: number;

  constructor(setup: MapSetup) {
    super(setup, 'bpf_bloom_filter');
    this.#hashes = Number(this.definition.extra & 0xfn) || DEFAULT_HASHES;
    // The optimal number of bits is entries * hashes / ln 2, rounded up to a power of two (kernel: bloom_map_alloc).
    const wanted = Math.floor((this.maxEntries * this.#hashes) / 5) * 7;
    let bits = 64;
    while (bits < wanted && bits < 2 ** 31) bits *= 2;
    this.#mask = bits - 1;
    this.#bits = this.kernel.memory.allocate(bits / 8, { access: 'none', label: `bits of ${this.name}` });
  }

  override push(value: number, flags: bigint): number {
    if (flags !== BPF_ANY) return -EINVAL;
    const memory = this.kernel.memory;
    for (let i = 0; i < this.#hashes; i++) {
      const bit = this.#bit(value, i);
      memory.writeU8(this.#bits + (bit >>> 3), memory.readU8(this.#bits + (bit >>> 3)) | (1 << (bit & 7)));
    }
    return 0;
  }

  override peek(value: number): number {
    for (let i = 0; i < this.#hashes; i++) {
      const bit = this.#bit(value, i);
      if ((this.kernel.memory.readU8(this.#bits + (bit >>> 3)) & (1 << (bit & 7))) === 0) return -ENOENT;
    }
    return 0;
  }

  override update(_key: number, value: number, flags: bigint): number {
    return this.push(value, flags);
  }

  #bit(value: number, hash: number): number {
    return hashBytes(this.kernel.memory, value, alignUp(this.valueSize, 1), hash + 1) & this.#mask;
  }
}
