/**
 * Arena: pages that a program and user space share. A program's arena pointer keeps the offset in linear memory in its
 * lower half, and in its upper half what user space sees ({@link ArenaMap.userHigh}); the cast to the kernel's view
 * (addr_space_cast) puts the tag of all pointers there instead. A page that was not allocated reads as a fault.
 */
import { writeBytes } from '../bytes.ts';
import type { MapSetup } from './map.ts';
import { BpfMap } from './map.ts';

export const PAGE_SIZE = 4096;
/** Pages that an arena really gets, whatever it asks for: allocation fails beyond, as when memory is short. */
const MAX_PAGES = 4096;
const DEFAULT_USER_HIGH = 0x7f00;

export class ArenaMap extends BpfMap {
  readonly pages: number;
  readonly userHigh: number;
  readonly #base: number;
  /** One byte per page: 1 allocated, 2 reserved. */
  readonly #used: number;

  constructor(setup: MapSetup) {
    super(setup, 'bpf_arena');
    const memory = this.kernel.memory;
    this.pages = Math.min(this.maxEntries, MAX_PAGES);
    this.userHigh = Number(this.definition.extra >> 32n) || DEFAULT_USER_HIGH;
    const region = memory.allocate((this.pages + 1) * PAGE_SIZE, { access: 'none', label: `arena ${this.name}` });
    this.#base = Math.ceil(region / PAGE_SIZE) * PAGE_SIZE;
    this.#used = memory.allocate(this.pages, { access: 'none', label: `pages of ${this.name}` });
    const data = this.definition.initialData;
    if (data !== undefined && data.length > 0) {
      this.allocate(Math.ceil(data.length / PAGE_SIZE), 0);
      writeBytes(memory, this.#base, data);
    }
  }

  contains(offset: number): boolean {
    return offset >= this.#base && offset < this.#base + this.pages * PAGE_SIZE;
  }

  /** Pages in a row, at an address that was asked for (0: anywhere). Their offset, or 0. */
  allocate(count: number, address: number): number {
    const first = address === 0 ? this.#findFree(count) : (address - this.#base) / PAGE_SIZE;
    if (!Number.isInteger(first) || first < 0 || !this.#allUsedAre(first, count, 0)) return 0;
    const at = this.#base + first * PAGE_SIZE;
    const memory = this.kernel.memory;
    memory.bytes.fill(0, at, at + count * PAGE_SIZE);
    memory.touch(at, count * PAGE_SIZE);
    memory.protect(at, count * PAGE_SIZE, 'rw');
    for (let i = first; i < first + count; i++) memory.writeU8(this.#used + i, 1);
    return at;
  }

  free(address: number, count: number): void {
    const first = (address - this.#base) / PAGE_SIZE;
    if (!Number.isInteger(first) || first < 0) return;
    for (let i = first; i < Math.min(first + count, this.pages); i++) {
      this.kernel.memory.writeU8(this.#used + i, 0);
      this.kernel.memory.protect(this.#base + i * PAGE_SIZE, PAGE_SIZE, 'none');
    }
  }

  /** Keeps pages from being allocated; false when one is in use. */
  reserve(address: number, count: number): boolean {
    const first = (address - this.#base) / PAGE_SIZE;
    if (!Number.isInteger(first) || first < 0 || !this.#allUsedAre(first, count, 0)) return false;
    for (let i = first; i < first + count; i++) this.kernel.memory.writeU8(this.#used + i, 2);
    return true;
  }

  /** What the program sees as the address of an offset of the arena. */
  userPointer(offset: number): bigint {
    return (BigInt(this.userHigh) << 32n) | BigInt(offset);
  }

  override valueAddress(offset: number): bigint {
    return this.userPointer(this.#base + offset);
  }

  #findFree(count: number): number {
    for (let first = 0; first + count <= this.pages; first++) if (this.#allUsedAre(first, count, 0)) return first;
    return -1;
  }

  #allUsedAre(first: number, count: number, state: number): boolean {
    if (count <= 0 || first + count > this.pages) return false;
    for (let i = first; i < first + count; i++) if (this.kernel.memory.readU8(this.#used + i) !== state) return false;
    return true;
  }
}
