/**
 * A {@link Memory} over an ArrayBuffer, for the kernel's own tests: one access code per byte, no shadow encoding, and
 * nothing of the machine. Freed ranges are never used again.
 */
import { BailoutError } from '../../errors.ts';
import type { Access, Allocation, AllocationObserver, Fault, Memory, MemoryCheckpoint } from '../memory.ts';
import { POINTER_TAG } from '../memory.ts';

const CODES: Record<Access, number> = { none: 1, ro: 2, rw: 3, trap: 4 };
const FREED = 5;

interface Snapshot {
  readonly bytes: Uint8Array;
  readonly access: Uint8Array;
  readonly allocations: readonly Allocation[];
  readonly top: number;
}

export class TestMemory implements Memory {
  observer: AllocationObserver | undefined;
  bytes = new Uint8Array(1 << 20);
  view = new DataView(this.bytes.buffer);
  #access = new Uint8Array(1 << 20);
  #allocations: Allocation[] = [];
  #top = 64;

  allocate(size: number, options: { readonly access?: Access; readonly label?: string } = {}): number {
    const offset = this.#top;
    // A gap behind each allocation, so that running over its end is noticed.
    this.#top += ((size + 7) & ~7) + 16;
    if (this.#top > 1 << 28) throw new BailoutError('MEMORY_EXHAUSTED', 'The test memory is full.');
    if (this.#top > this.bytes.length) this.#grow(Math.max(this.#top, this.bytes.length * 2));
    this.#allocations.push({ offset, size, label: options.label ?? '', freed: false });
    this.protect(offset, size, options.access ?? 'rw');
    this.observer?.allocated(offset);
    return offset;
  }

  free(offset: number): void {
    const index = this.#allocations.findIndex((allocation) => allocation.offset === offset);
    const allocation = this.#allocations[index];
    if (allocation === undefined || allocation.freed) {
      throw new BailoutError('MEMORY_BAD_FREE', `Nothing to free at ${offset}.`);
    }
    this.#allocations[index] = { ...allocation, freed: true };
    this.#access.fill(FREED, offset, offset + allocation.size);
    this.observer?.freed(offset);
  }

  protect(offset: number, size: number, access: Access): void {
    this.#access.fill(CODES[access], offset, offset + size);
  }

  allocationAt(offset: number): Allocation | undefined {
    return this.#allocations.find((entry) => offset >= entry.offset && offset < entry.offset + Math.max(entry.size, 1));
  }

  pointer(offset: number): bigint {
    return (BigInt(POINTER_TAG) << 32n) | BigInt(offset);
  }

  offset(pointer: bigint): number | undefined {
    return pointer >> 32n === BigInt(POINTER_TAG) ? Number(pointer & 0xffffffffn) : undefined;
  }

  check(pointer: bigint, size: number, access: 'read' | 'write'): Fault | undefined {
    const fault = (kind: Fault['kind']): Fault => ({ kind, address: pointer, size, write: access === 'write' });
    if (pointer === 0n) return fault('null');
    const offset = this.offset(pointer);
    if (offset === undefined) return fault('wild');
    for (let i = offset; i < offset + size; i++) {
      const code = this.#access[i] ?? 0;
      if (code === FREED) return fault('freed');
      if (code === CODES.trap) return fault('trap');
      if (code !== CODES.rw && code !== CODES.ro) return fault('unmapped');
      if (code === CODES.ro && access === 'write') return fault('read-only');
    }
    return undefined;
  }

  readU8(offset: number): number {
    return this.view.getUint8(offset);
  }
  readU16(offset: number): number {
    return this.view.getUint16(offset, true);
  }
  readU32(offset: number): number {
    return this.view.getUint32(offset, true);
  }
  readU64(offset: number): bigint {
    return this.view.getBigUint64(offset, true);
  }
  writeU8(offset: number, value: number): void {
    this.view.setUint8(offset, value);
  }
  writeU16(offset: number, value: number): void {
    this.view.setUint16(offset, value, true);
  }
  writeU32(offset: number, value: number): void {
    this.view.setUint32(offset, value, true);
  }
  writeU64(offset: number, value: bigint): void {
    this.view.setBigUint64(offset, value, true);
  }

  touch(): void {
    // Each checkpoint copies everything.
  }

  checkpoint(): MemoryCheckpoint {
    const snapshot: Snapshot = {
      bytes: this.bytes.slice(0, this.#top),
      access: this.#access.slice(0, this.#top),
      allocations: [...this.#allocations],
      top: this.#top,
    };
    return snapshot;
  }

  restore(checkpoint: MemoryCheckpoint): void {
    const snapshot = checkpoint as Snapshot;
    this.bytes.fill(0).set(snapshot.bytes);
    this.#access.fill(0).set(snapshot.access);
    this.#allocations = [...snapshot.allocations];
    this.#top = snapshot.top;
  }

  #grow(size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    const access = new Uint8Array(size);
    access.set(this.#access);
    this.#access = access;
  }
}
