/**
 * A hash table that lies wholly in linear memory, so that the memory's checkpoints are its checkpoints.
 *
 * Elements keep their place as long as they live: programs hold pointers to their values. They are found through
 * buckets and also chained in the order of insertion, which is the order of iteration; for an LRU the same chain is the
 * order of use. Memory comes in slabs of growing size, and a removed element goes to a free list: as in the kernel, its
 * value stays accessible, for other holders of a pointer to it may be reading within their RCU section.
 */
import { alignUp, copyWithin, equalBytes, fillBytes, hashBytes } from '../bytes.ts';
import type { Memory } from '../memory.ts';

/** Words of the header, each 4 bytes. */
const COUNT = 0;
const HEAD = 4;
const TAIL = 8;
const FREE = 12;
const BUCKETS = 16;
const BUCKET_COUNT = 20;
const SLAB_SIZE = 24;
const HEADER_SIZE = 32;

/** Fields of an element before its key. */
const CHAIN = 0;
const HASH = 4;
const PREVIOUS = 8;
const NEXT = 12;
const KEY = 16;

const SLAB_MAX_BYTES = 1 << 16;

export class HashTable {
  readonly #memory: Memory;
  readonly #keySize: number;
  readonly #valueSize: number;
  readonly #valueOffset: number;
  readonly #elementSize: number;
  readonly #header: number;
  readonly #label: string;

  /** `valueSize` counts everything that belongs to one element: of per-CPU maps the values of all CPUs. */
  constructor(memory: Memory, keySize: number, valueSize: number, label: string) {
    this.#memory = memory;
    this.#keySize = keySize;
    this.#valueSize = valueSize;
    this.#valueOffset = KEY + alignUp(keySize, 8);
    this.#elementSize = this.#valueOffset + alignUp(valueSize, 8);
    this.#label = label;
    this.#header = memory.allocate(HEADER_SIZE, { access: 'none', label });
    memory.writeU32(this.#header + SLAB_SIZE, 4);
    this.#makeBuckets(8);
  }

  get count(): number {
    return this.#memory.readU32(this.#header + COUNT);
  }

  /** The element with a key, or 0. `key` is an offset in linear memory. */
  find(key: number): number {
    const memory = this.#memory;
    const hash = hashBytes(memory, key, this.#keySize);
    const buckets = memory.readU32(this.#header + BUCKETS);
    const mask = memory.readU32(this.#header + BUCKET_COUNT) - 1;
    let element = memory.readU32(buckets + 4 * (hash & mask));
    while (element !== 0) {
      if (memory.readU32(element + HASH) === hash && equalBytes(memory, element + KEY, key, this.#keySize))
        return element;
      element = memory.readU32(element + CHAIN);
    }
    return 0;
  }

  /** A new element at the end of the order, its value zero. The key must not be in the table. */
  insert(key: number): number {
    const memory = this.#memory;
    const header = this.#header;
    const element = this.#take();
    copyWithin(memory, element + KEY, key, this.#keySize);
    memory.writeU32(element + HASH, hashBytes(memory, key, this.#keySize));
    fillBytes(memory, element + this.#valueOffset, this.#valueSize, 0);
    this.#open(element);
    const count = this.count + 1;
    memory.writeU32(header + COUNT, count);
    if (count > memory.readU32(header + BUCKET_COUNT)) this.#grow();
    this.#enterBucket(element);
    this.#append(element);
    return element;
  }

  remove(element: number): void {
    this.#leaveBucket(element);
    this.#unlink(element);
    this.#memory.writeU32(this.#header + COUNT, this.count - 1);
    this.retire(element);
  }

  /** A new element, its value zero, in the place of an old one, which the caller passes to {@link retire} when it is done with it. */
  replace(old: number): number {
    const memory = this.#memory;
    const header = this.#header;
    const element = this.#take();
    copyWithin(memory, element + KEY, old + KEY, this.#keySize);
    memory.writeU32(element + HASH, memory.readU32(old + HASH));
    fillBytes(memory, element + this.#valueOffset, this.#valueSize, 0);
    this.#open(element);
    this.#leaveBucket(old);
    this.#enterBucket(element);
    const previous = memory.readU32(old + PREVIOUS);
    const next = memory.readU32(old + NEXT);
    memory.writeU32(element + PREVIOUS, previous);
    memory.writeU32(element + NEXT, next);
    memory.writeU32(previous === 0 ? header + HEAD : previous + NEXT, element);
    memory.writeU32(next === 0 ? header + TAIL : next + PREVIOUS, element);
    return element;
  }

  /** Puts an element that is in the table no more on the free list. */
  retire(element: number): void {
    this.#memory.writeU32(element + CHAIN, this.#memory.readU32(this.#header + FREE));
    this.#memory.writeU32(this.#header + FREE, element);
  }

  /** Moves an element to the end of the order: the most recently used one. */
  touch(element: number): void {
    if (this.#memory.readU32(this.#header + TAIL) === element) return;
    this.#unlink(element);
    this.#append(element);
  }

  /** The first element in order, or 0. */
  first(): number {
    return this.#memory.readU32(this.#header + HEAD);
  }

  next(element: number): number {
    return this.#memory.readU32(element + NEXT);
  }

  key(element: number): number {
    return element + KEY;
  }

  value(element: number): number {
    return element + this.#valueOffset;
  }

  /** The element whose value begins at an offset. */
  elementOfValue(value: number): number {
    return value - this.#valueOffset;
  }

  #take(): number {
    const memory = this.#memory;
    const header = this.#header;
    if (memory.readU32(header + FREE) === 0) {
      const wanted = memory.readU32(header + SLAB_SIZE);
      const elements = Math.max(1, Math.min(wanted, Math.floor(SLAB_MAX_BYTES / this.#elementSize)));
      const slab = memory.allocate(elements * this.#elementSize, { access: 'none', label: this.#label });
      // Backwards, so that elements are handed out by ascending address.
      for (let i = elements - 1; i >= 0; i--) {
        const element = slab + i * this.#elementSize;
        memory.writeU32(element + CHAIN, memory.readU32(header + FREE));
        memory.writeU32(header + FREE, element);
      }
      memory.writeU32(header + SLAB_SIZE, wanted * 2);
    }
    const element = memory.readU32(header + FREE);
    memory.writeU32(header + FREE, memory.readU32(element + CHAIN));
    return element;
  }

  /** Callbacks read the key; programs use the value. */
  #open(element: number): void {
    this.#memory.protect(element + KEY, this.#keySize, 'ro');
    this.#memory.protect(element + this.#valueOffset, this.#valueSize, 'rw');
  }

  #append(element: number): void {
    const memory = this.#memory;
    const header = this.#header;
    const tail = memory.readU32(header + TAIL);
    memory.writeU32(element + PREVIOUS, tail);
    memory.writeU32(element + NEXT, 0);
    memory.writeU32(tail === 0 ? header + HEAD : tail + NEXT, element);
    memory.writeU32(header + TAIL, element);
  }

  #unlink(element: number): void {
    const memory = this.#memory;
    const header = this.#header;
    const previous = memory.readU32(element + PREVIOUS);
    const next = memory.readU32(element + NEXT);
    memory.writeU32(previous === 0 ? header + HEAD : previous + NEXT, next);
    memory.writeU32(next === 0 ? header + TAIL : next + PREVIOUS, previous);
  }

  #leaveBucket(element: number): void {
    const memory = this.#memory;
    const mask = memory.readU32(this.#header + BUCKET_COUNT) - 1;
    let link = memory.readU32(this.#header + BUCKETS) + 4 * (memory.readU32(element + HASH) & mask);
    while (memory.readU32(link) !== element) link = memory.readU32(link) + CHAIN;
    memory.writeU32(link, memory.readU32(element + CHAIN));
  }

  #enterBucket(element: number): void {
    const memory = this.#memory;
    const mask = memory.readU32(this.#header + BUCKET_COUNT) - 1;
    const bucket = memory.readU32(this.#header + BUCKETS) + 4 * (memory.readU32(element + HASH) & mask);
    memory.writeU32(element + CHAIN, memory.readU32(bucket));
    memory.writeU32(bucket, element);
  }

  /** Twice the buckets; called before a new element enters its bucket. */
  #grow(): void {
    const memory = this.#memory;
    const old = memory.readU32(this.#header + BUCKETS);
    this.#makeBuckets(memory.readU32(this.#header + BUCKET_COUNT) * 2);
    memory.free(old);
    for (let element = this.first(); element !== 0; element = this.next(element)) this.#enterBucket(element);
  }

  #makeBuckets(count: number): void {
    const buckets = this.#memory.allocate(count * 4, { access: 'none', label: `${this.#label} (buckets)` });
    this.#memory.writeU32(this.#header + BUCKETS, buckets);
    this.#memory.writeU32(this.#header + BUCKET_COUNT, count);
  }
}
