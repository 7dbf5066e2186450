/**
 * Hash tables: plain, per-CPU, LRU and both at once; and, with numbers of maps as values, hash of maps.
 *
 * An update of an existing key makes a new element and lets the old one go, as in the kernel: a pointer to the old
 * value goes on seeing the old value. Iteration is in the order of insertion (a replaced element keeps its place); an
 * LRU table is ordered by use, and evicts exactly the element that was not used for longest.
 */
import { alignUp, copyWithin } from '../bytes.ts';
import { E2BIG, EEXIST, EINVAL, ENOENT } from '../errno.ts';
import { copyValue } from '../fields.ts';
import type { MapElement, MapSetup } from './map.ts';
import { BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST, BpfMap } from './map.ts';
import { HashTable } from './table.ts';

export class HashMap extends BpfMap {
  readonly table: HashTable;
  readonly stride: number;
  readonly #lru: boolean;
  readonly #perCpu: boolean;

  constructor(setup: MapSetup, kind: { readonly lru: boolean; readonly perCpu: boolean }) {
    super(setup, 'bpf_htab');
    this.#lru = kind.lru;
    this.#perCpu = kind.perCpu;
    this.stride = alignUp(this.valueSize, 8);
    const size = kind.perCpu ? this.stride * this.kernel.cpus : this.valueSize;
    this.table = new HashTable(this.kernel.memory, this.keySize, size, `elements of ${this.name}`);
  }

  override lookup(key: number): number {
    return this.lookupCpu(key, this.kernel.cpu);
  }

  override valueOf(key: number): number {
    const element = this.table.find(key);
    return element === 0 ? 0 : this.#value(element, this.kernel.cpu);
  }

  override lookupCpu(key: number, cpu: number): number {
    const element = this.table.find(key);
    if (element === 0 || cpu >= this.kernel.cpus) return 0;
    if (this.#lru) this.table.touch(element);
    return this.#value(element, cpu);
  }

  override update(key: number, value: number, flags: bigint): number {
    const memory = this.kernel.memory;
    if (this.badUpdateFlags(flags)) return -EINVAL;
    const old = this.table.find(key);
    if (old !== 0 && (flags & 3n) === BPF_NOEXIST) return -EEXIST;
    if (old === 0 && (flags & 3n) === BPF_EXIST) return -ENOENT;
    if (old !== 0 && (this.#perCpu || (flags & BPF_F_LOCK) !== 0n)) {
      copyValue(memory, this.#value(old, this.kernel.cpu), value, this.valueSize, this.fields);
      if (this.#perCpu) this.kernel.heap.freeFields(this.#value(old, this.kernel.cpu), this.fields);
      if (this.#lru) this.table.touch(old);
      return 0;
    }
    if (old === 0 && this.table.count >= this.maxEntries) {
      if (!this.#lru) return -E2BIG;
      const victim = this.table.first();
      this.#freeFields(victim);
      this.table.remove(victim);
    }
    // The new element exists beside the old one for a moment: a value that lies in the old one is still whole when it is copied.
    const element = old === 0 ? this.table.insert(key) : this.table.replace(old);
    copyValue(memory, this.#value(element, this.kernel.cpu), value, this.valueSize, this.fields);
    if (old !== 0) {
      this.#freeFields(old);
      this.table.retire(old);
      if (this.#lru) this.table.touch(element);
    }
    return 0;
  }

  override delete(key: number): number {
    const element = this.table.find(key);
    if (element === 0) return -ENOENT;
    this.#freeFields(element);
    this.table.remove(element);
    return 0;
  }

  /** bpf_map_pop_elem does not know hash tables, but user space can look up and delete at once. */
  lookupAndDelete(key: number, to: number): number {
    const value = this.lookup(key);
    if (value === 0) return -ENOENT;
    copyWithin(this.kernel.memory, to, value, this.valueSize);
    return this.delete(key);
  }

  override advance(cursor: number): number {
    return cursor === 0 ? this.table.first() : this.table.next(cursor);
  }

  override elementAt(cursor: number): MapElement {
    return { key: this.table.key(cursor), value: this.#value(cursor, this.kernel.cpu) };
  }

  override keyOfValue(value: number): number {
    return this.table.key(this.table.elementOfValue(value));
  }

  override get count(): number {
    return this.table.count;
  }

  #value(element: number, cpu: number): number {
    return this.table.value(element) + (this.#perCpu ? cpu * this.stride : 0);
  }

  #freeFields(element: number): void {
    if (this.fields.length === 0) return;
    for (let cpu = 0; cpu < (this.#perCpu ? this.kernel.cpus : 1); cpu++) {
      this.kernel.heap.freeFields(this.#value(element, cpu), this.fields);
    }
  }
}
