/**
 * Maps whose values name something else: programs, maps, sockets, devices, CPUs. Keyed by index or by hash.
 */
import { copyWithin } from '../bytes.ts';
import { E2BIG, EEXIST, EINVAL, ENOENT } from '../errno.ts';
import type { MapElement, MapSetup } from './map.ts';
import { BPF_EXIST, BPF_NOEXIST, BpfMap } from './map.ts';
import { HashTable } from './table.ts';

/**
 * What a value is in linear memory: the 8 bytes of a pointer or number (0 = empty) that user space never sees, or, of
 * device and CPU maps, the struct that programs read. A slot without a value does not exist for lookups.
 */
export type ReferenceKind = 'program' | 'map' | 'socket' | 'device' | 'cpu' | 'event';

export class ReferenceMap extends BpfMap {
  readonly kind: ReferenceKind;
  readonly #array: boolean;
  readonly #table: HashTable;
  readonly #slotSize: number;

  constructor(setup: MapSetup, kind: ReferenceKind, array: boolean) {
    super(setup, 'bpf_map');
    this.kind = kind;
    this.#array = array;
    this.#slotSize = Math.max(8, this.valueSize);
    this.#table = new HashTable(this.kernel.memory, this.keySize, this.#slotSize, `slots of ${this.name}`);
  }

  /** What a key refers to, as a number or pointer; 0n when the slot is empty. */
  target(key: number): bigint {
    const element = this.#table.find(key);
    return element === 0 ? 0n : this.kernel.memory.readU64(this.#table.value(element));
  }

  /** A lookup from a program: of map in map the inner map, of devices and CPUs the struct. */
  override lookup(key: number): number {
    const element = this.#table.find(key);
    if (element === 0) return 0;
    const value = this.#table.value(element);
    if (this.kind === 'device' || this.kind === 'cpu') return value;
    return this.kernel.memory.offset(this.kernel.memory.readU64(value)) ?? 0;
  }

  /** Sets a slot to a number or pointer. */
  setTarget(key: number, target: bigint, flags: bigint): number {
    const element = this.#slot(key, flags);
    if (element < 0) return element;
    this.kernel.memory.writeU64(this.#table.value(element), target);
    return 0;
  }

  override update(key: number, value: number, flags: bigint): number {
    const element = this.#slot(key, flags);
    if (element < 0) return element;
    copyWithin(this.kernel.memory, this.#table.value(element), value, this.valueSize);
    return 0;
  }

  override delete(key: number): number {
    if (this.#array && this.kernel.memory.readU32(key) >= this.maxEntries) return -EINVAL;
    const element = this.#table.find(key);
    if (element === 0) return -ENOENT;
    this.#table.remove(element);
    return 0;
  }

  override advance(cursor: number): number {
    return cursor === 0 ? this.#table.first() : this.#table.next(cursor);
  }

  override elementAt(cursor: number): MapElement {
    return { key: this.#table.key(cursor), value: this.#table.value(cursor) };
  }

  override get count(): number {
    return this.#table.count;
  }

  #slot(key: number, flags: bigint): number {
    if (flags > BPF_EXIST) return -EINVAL;
    if (this.#array && this.kernel.memory.readU32(key) >= this.maxEntries) return -E2BIG;
    const element = this.#table.find(key);
    if (element !== 0) return flags === BPF_NOEXIST ? -EEXIST : element;
    if (flags === BPF_EXIST) return -ENOENT;
    if (this.#table.count >= this.maxEntries) return -E2BIG;
    return this.#table.insert(key);
  }
}
