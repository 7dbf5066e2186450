/**
 * The memory of one simulated machine: a WebAssembly.Memory laid out as engine/layout.ts says, in which shadow bytes
 * say what a program may do (docs/machine.md).
 *
 * A shadow byte speaks for eight bytes. Its low four bits count the bytes that exist, from the first on; above them are
 * flags: read-only, never written, answered by TypeScript (trap), freed. 8 means: all there, to read and write; the
 * engine's fast path is a comparison with it.
 */
import { BailoutError } from '../errors.ts';
import { KernelFault } from '../kernel/behaviour.ts';
import type { Access, Allocation, AllocationObserver, Fault, Memory } from '../kernel/memory.ts';
import { POINTER_TAG } from '../kernel/memory.ts';
import { Allocator } from './allocator.ts';
import {
  ADDRESS_LIMIT,
  DIRTY,
  HEAP_BASE,
  MARK_HASHED,
  MARK_SHADED,
  MARK_WRITTEN,
  PAGE_SHIFT,
  REGS,
  SHADOW,
  SHADOW_COUNT,
  SHADOW_FREED,
  SHADOW_FULL,
  SHADOW_READ_ONLY,
  SHADOW_TRAP,
  SHADOW_UNINITIALISED,
  STACK_BASE,
  STACK_LOW,
  STACK_TOP,
  STRICT_UNINITIALISED,
} from './engine/layout.ts';
import type { PageTree } from './page-tree.ts';
import type { PageHasher } from './pages.ts';
import type { WasmMemory } from './webassembly.ts';
import { newMemory } from './webassembly.ts';
import { Pages } from './pages.ts';
import { SetAsideMoment } from './set-aside.ts';

const WASM_PAGE = 65536;
const INITIAL_PAGES = (HEAP_BASE + 0x100000) / WASM_PAGE;
/** Addresses below this are null pointers with a member's offset added. */
const NULL_RANGE = 4096n;
/** A 64-bit value and its halves, on a little-endian host as all that run this are. */
const whole = new BigUint64Array(1);
const halves = new Uint32Array(whole.buffer);

const SHADOW_OF: Readonly<Record<Access, number>> = { rw: 0, ro: SHADOW_READ_ONLY, trap: SHADOW_TRAP, none: 0 };

export class LinearMemory implements Memory {
  observer: AllocationObserver | undefined;
  readonly wasm: WasmMemory;
  #bytes: Uint8Array;
  #view: DataView;
  readonly #allocator: Allocator;
  readonly #pages = new Pages();

  constructor() {
    this.wasm = newMemory(INITIAL_PAGES, ADDRESS_LIMIT / WASM_PAGE);
    this.#bytes = new Uint8Array(this.wasm.buffer);
    this.#view = new DataView(this.wasm.buffer);
    this.#view.setUint32(STACK_LOW, STACK_TOP, true);
    this.#allocator = new Allocator(this);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get view(): DataView {
    return this.#view;
  }

  /** Bytes that checkpoints have copied so far. */
  get checkpointBytes(): number {
    return this.#pages.copiedBytes;
  }

  /** Bytes that the next checkpoint will copy, at the most. */
  get dirtyBytes(): number {
    return this.#pages.dirtyBytes(this.#bytes);
  }

  /** Bytes that the next {@link hash} will look at, at the most. */
  get unhashedBytes(): number {
    return this.#pages.unhashedBytes(this.#bytes);
  }

  allocate(size: number, options: { readonly access?: Access; readonly label?: string } = {}): number {
    const { offset, used } = this.#allocator.allocate(size, options.label ?? '');
    if (used) {
      this.#bytes.fill(0, offset, offset + size);
      this.#mark(offset, size);
      this.#shade(offset, Math.ceil(size / 8) * 8, 0, 0);
    }
    this.protect(offset, size, options.access ?? 'rw');
    this.observer?.allocated(offset);
    return offset;
  }

  free(offset: number): void {
    const size = this.#allocator.free(offset);
    if (size === undefined) {
      throw new BailoutError(
        'MEMORY_BAD_FREE',
        `There is no live allocation at offset 0x${offset.toString(16)} to be freed.`,
      );
    }
    this.#shade(offset, size, SHADOW_FREED, 8);
    this.observer?.freed(offset);
  }

  protect(offset: number, size: number, access: Access): void {
    this.#shade(offset, size, SHADOW_OF[access], access === 'none' ? 0 : 8);
  }

  allocationAt(offset: number): Allocation | undefined {
    return this.#allocator.at(offset);
  }

  pointer(offset: number): bigint {
    halves[0] = offset;
    halves[1] = POINTER_TAG;
    return whole[0]!;
  }

  offset(pointer: bigint): number | undefined {
    // Through typed arrays: arithmetic on bigints would allocate at each call of a helper.
    whole[0] = pointer;
    const low = halves[0]!;
    return halves[1] === POINTER_TAG && low < ADDRESS_LIMIT ? low : undefined;
  }

  check(pointer: bigint, size: number, access: 'read' | 'write'): Fault | undefined {
    if (size === 0) return undefined;
    const kind = this.#refusal(pointer, size, access === 'write');
    return kind === undefined
      ? undefined
      : { kind, address: BigInt.asUintN(64, pointer), size, write: access === 'write' };
  }

  #refusal(pointer: bigint, size: number, write: boolean): Fault['kind'] | undefined {
    const offset = this.offset(pointer);
    if (offset === undefined) return BigInt.asUintN(64, pointer) < NULL_RANGE ? 'null' : 'wild';
    const end = offset + size;
    if (end > this.#bytes.length) return 'unmapped';
    const strict = this.#view.getUint32(STRICT_UNINITIALISED, true) !== 0;
    for (let granule = offset >>> 3; granule <= (end - 1) >>> 3; granule++) {
      const shadow = this.#bytes[SHADOW + granule]!;
      if (shadow & SHADOW_FREED) return 'freed';
      if (Math.min(end - granule * 8, 8) > (shadow & SHADOW_COUNT)) return 'unmapped';
      if (shadow & SHADOW_TRAP) return 'trap';
      if (write && shadow & SHADOW_READ_ONLY) return 'read-only';
      if (!write && strict && shadow & SHADOW_UNINITIALISED) return 'uninitialised';
    }
    return undefined;
  }

  /** The shadow byte of the eight bytes around an offset, for views of memory. */
  shadowAt(offset: number): number {
    return this.#bytes[SHADOW + (offset >>> 3)] ?? 0;
  }

  /** Whether reading bytes that were never written is a fault. */
  set strict(strict: boolean) {
    this.#view.setUint32(STRICT_UNINITIALISED, strict ? 1 : 0, true);
    this.#mark(REGS, 1);
  }

  readU8(offset: number): number {
    if (!(offset >= 0 && offset + 1 <= this.#bytes.length)) throw outside(offset, 1);
    return this.#view.getUint8(offset);
  }

  readU16(offset: number): number {
    if (!(offset >= 0 && offset + 2 <= this.#bytes.length)) throw outside(offset, 2);
    return this.#view.getUint16(offset, true);
  }

  readU32(offset: number): number {
    if (!(offset >= 0 && offset + 4 <= this.#bytes.length)) throw outside(offset, 4);
    return this.#view.getUint32(offset, true);
  }

  readU64(offset: number): bigint {
    if (!(offset >= 0 && offset + 8 <= this.#bytes.length)) throw outside(offset, 8);
    return this.#view.getBigUint64(offset, true);
  }

  writeU8(offset: number, value: number): void {
    if (!(offset >= 0 && offset + 1 <= this.#bytes.length)) throw outside(offset, 1);
    this.#view.setUint8(offset, value);
    this.touch(offset, 1);
  }

  writeU16(offset: number, value: number): void {
    if (!(offset >= 0 && offset + 2 <= this.#bytes.length)) throw outside(offset, 2);
    this.#view.setUint16(offset, value, true);
    this.touch(offset, 2);
  }

  writeU32(offset: number, value: number): void {
    if (!(offset >= 0 && offset + 4 <= this.#bytes.length)) throw outside(offset, 4);
    this.#view.setUint32(offset, value, true);
    this.touch(offset, 4);
  }

  writeU64(offset: number, value: bigint): void {
    if (!(offset >= 0 && offset + 8 <= this.#bytes.length)) throw outside(offset, 8);
    this.#view.setBigUint64(offset, value, true);
    this.touch(offset, 8);
  }

  touch(offset: number, size: number): void {
    if (size === 0) return;
    this.#mark(offset, size);
    if (offset >= STACK_BASE && offset < STACK_TOP) {
      // What a helper writes into a program's buffer is initialised from then on.
      for (let granule = offset >>> 3; granule <= (offset + size - 1) >>> 3; granule++) {
        this.#bytes[SHADOW + granule]! &= ~SHADOW_UNINITIALISED;
      }
    }
  }

  /** Marks pages as changed without saying that their bytes were written: the stack is made as new. */
  touchPages(offset: number, size: number): void {
    this.#mark(offset, size);
  }

  checkpoint(): PageTree {
    this.#mark(REGS, 1);
    return this.#pages.capture(this.#bytes);
  }

  /** A checkpoint that costs less, and is good until the next one of its sort is taken. */
  setAside(): SetAsideMoment {
    this.#mark(REGS, 1);
    return this.#pages.setAside(this.#bytes);
  }

  restore(checkpoint: unknown): void {
    this.#mark(REGS, 1);
    if (checkpoint instanceof SetAsideMoment) this.#pages.restoreAside(this.#bytes, checkpoint);
    else this.#pages.restore(this.#bytes, checkpoint as PageTree);
  }

  /** Of memory as it is: the same as of a checkpoint of it, and nothing is copied. */
  hash(hasher: PageHasher): string {
    this.#mark(REGS, 1);
    return this.#pages.hash(this.#bytes, hasher);
  }

  #mark(offset: number, size: number): void {
    const last = (offset + size - 1) >>> PAGE_SHIFT;
    for (let page = offset >>> PAGE_SHIFT; page <= last; page++) this.#bytes[DIRTY + page] = MARK_WRITTEN;
  }

  /** Only what may be done there has changed: who never wrote to a page need not look whether it is empty. */
  #markShaded(offset: number, size: number): void {
    const last = DIRTY + ((offset + size - 1) >>> PAGE_SHIFT);
    const bytes = this.#bytes;
    for (let at = DIRTY + (offset >>> PAGE_SHIFT); at <= last; at++) {
      const mark = bytes[at]! & ~MARK_HASHED;
      bytes[at] = mark === 0 ? MARK_SHADED : mark;
    }
  }

  /** Writes the shadow of a range that may end within eight bytes. */
  #shade(offset: number, size: number, flags: number, count: number): void {
    if (size === 0) return;
    const first = SHADOW + (offset >>> 3);
    const whole = size >>> 3;
    const rest = size & 7;
    this.#bytes.fill(count === 0 ? 0 : flags | SHADOW_FULL, first, first + whole);
    if (rest > 0) this.#bytes[first + whole] = count === 0 ? 0 : flags | rest;
    this.#markShaded(offset, size);
  }

  /** Makes memory reach at least to `end`. */
  reach(end: number): void {
    const missing = end - this.#bytes.length;
    if (missing <= 0) return;
    const limit = ADDRESS_LIMIT - this.#bytes.length;
    // By a quarter of the heap at least, so that many small steps do not copy views over and over.
    const step = Math.min(limit, Math.max(missing, (this.#bytes.length - HEAP_BASE) >> 2));
    try {
      this.wasm.grow(Math.ceil(step / WASM_PAGE));
    } catch (cause) {
      throw new BailoutError(
        'MEMORY_EXHAUSTED',
        `The host has no room for ${missing} more bytes of the program's memory.`,
        { cause },
      );
    }
    this.#bytes = new Uint8Array(this.wasm.buffer);
    this.#view = new DataView(this.wasm.buffer);
  }
}

/** The kernel followed a pointer of the program's to where no memory is: the program's fault, not the kernel's. */
function outside(offset: number, size: number): KernelFault {
  const at = `0x${offset.toString(16)}`;
  return new KernelFault(
    'BAD_POINTER',
    `The kernel was led to ${size} bytes at offset ${at}, where there is no memory.`,
  );
}
