/** Arrays: all elements exist from the start, zeroed, and none can be deleted. Also the global data of an object. */
import { alignUp, fillBytes, writeBytes } from '../bytes.ts';
import { E2BIG, EEXIST, EINVAL } from '../errno.ts';
import { copyValue } from '../fields.ts';
import type { MapElement, MapSetup } from './map.ts';
import { BPF_F_LOCK, BPF_NOEXIST, BpfMap } from './map.ts';

export class ArrayMap extends BpfMap {
  readonly values: number;
  readonly stride: number;
  readonly #copies: number;

  constructor(setup: MapSetup, perCpu: boolean) {
    super(setup, 'bpf_array');
    this.stride = alignUp(this.valueSize, 8);
    this.#copies = perCpu ? this.kernel.cpus : 1;
    const size = this.stride * this.#copies * this.maxEntries;
    const data = this.definition.initialData;
    this.values = this.kernel.memory.allocate(size, { label: `values of ${this.name}` });
    if (data !== undefined) writeBytes(this.kernel.memory, this.values, data.subarray(0, size));
    if (this.stride !== this.valueSize && this.maxEntries * this.#copies <= 65536) this.#protectPadding();
  }

  override lookup(key: number): number {
    return this.lookupCpu(key, this.kernel.cpu);
  }

  override lookupCpu(key: number, cpu: number): number {
    const index = this.kernel.memory.readU32(key);
    if (index >= this.maxEntries || cpu >= this.kernel.cpus) return 0;
    return this.#at(index, cpu);
  }

  override update(key: number, value: number, flags: bigint): number {
    if ((flags & ~BPF_F_LOCK) > 2n) return -EINVAL;
    const index = this.kernel.memory.readU32(key);
    if (index >= this.maxEntries) return -E2BIG;
    if ((flags & BPF_NOEXIST) !== 0n) return -EEXIST;
    if (this.badUpdateFlags(flags)) return -EINVAL;
    const at = this.#at(index, this.kernel.cpu);
    copyValue(this.kernel.memory, at, value, this.valueSize, this.fields);
    if ((flags & BPF_F_LOCK) === 0n) this.kernel.heap.freeFields(at, this.fields);
    return 0;
  }

  override delete(): number {
    return -EINVAL;
  }

  override advance(cursor: number): number {
    return cursor < this.maxEntries ? cursor + 1 : 0;
  }

  override elementAt(cursor: number): MapElement {
    const key = this.kernel.scratch(8);
    this.kernel.memory.writeU32(key, cursor - 1);
    return { key, value: this.#at(cursor - 1, this.kernel.cpu) };
  }

  override keyOfValue(value: number): number {
    const key = this.kernel.scratch(8);
    this.kernel.memory.writeU32(key, Math.floor((value - this.values) / (this.stride * this.#copies)));
    return key;
  }

  override valueAddress(offset: number): bigint {
    return this.kernel.memory.pointer(this.values) + BigInt(offset);
  }

  override get count(): number {
    return this.maxEntries;
  }

  /** The loader has set it up and freezes it (`.rodata`). */
  freeze(): void {
    this.kernel.memory.protect(this.values, this.stride * this.#copies * this.maxEntries, 'ro');
  }

  /** Back to what the object said. */
  reset(): void {
    const size = this.stride * this.#copies * this.maxEntries;
    fillBytes(this.kernel.memory, this.values, size, 0);
    const data = this.definition.initialData;
    if (data !== undefined) writeBytes(this.kernel.memory, this.values, data.subarray(0, size));
  }

  #at(index: number, cpu: number): number {
    return this.values + (index * this.#copies + (this.#copies === 1 ? 0 : cpu)) * this.stride;
  }

  /** Reading past an element of odd size is noticed even though the next one follows. */
  #protectPadding(): void {
    const memory = this.kernel.memory;
    for (let i = 0; i < this.maxEntries * this.#copies; i++) {
      const at = this.values + i * this.stride;
      memory.protect(at, this.stride, 'none');
      memory.protect(at, this.valueSize, 'rw');
    }
  }
}
