/**
 * The memory that a program and the simulated kernel share, as the kernel sees it.
 *
 * Everything that a program can reach lives in one linear memory. A BPF pointer carries {@link POINTER_TAG} in its
 * upper half and the offset in linear memory in its lower half, so that it looks like a kernel address and is never
 * null. The kernel works with offsets (numbers) and hands out pointers (bigints). What may be done with a range is kept
 * in shadow bytes beside the memory: loads and stores of the program obey them, the kernel's own do not; before a
 * helper follows a pointer that it was given, it asks {@link Memory.check}.
 *
 * core/machine/memory.ts implements this port over a WebAssembly.Memory, core/kernel/testing/ over an ArrayBuffer.
 */

/** The upper half of each BPF pointer: looks like the kernel's direct map. */
export const POINTER_TAG = 0xffff8880;

/** What a program may do with a range. `none`: it belongs to the kernel; `trap`: each access is answered by {@link Kernel.contextLoad} and `contextStore`. */
export type Access = 'rw' | 'ro' | 'trap' | 'none';

/** Why an access is refused. */
export interface Fault {
  readonly kind: 'null' | 'wild' | 'unmapped' | 'freed' | 'read-only' | 'uninitialised' | 'trap';
  readonly address: bigint;
  readonly size: number;
  readonly write: boolean;
}

/** What is known about an allocation, for messages and for views. */
export interface Allocation {
  readonly offset: number;
  readonly size: number;
  readonly label: string;
  readonly freed: boolean;
}

/** State of the heap: plain data, whose unchanged pages are shared between checkpoints. Its shape is the implementation's own. */
export type MemoryCheckpoint = unknown;

/** Hears of each allocation, and of its end. */
export interface AllocationObserver {
  allocated(offset: number): void;
  freed(offset: number): void;
}

export interface Memory {
  observer: AllocationObserver | undefined;
  /** The whole linear memory. Both views are invalid once {@link allocate} has returned: fetch them again. */
  readonly bytes: Uint8Array;
  readonly view: DataView;

  /** A zeroed range, aligned to 8 bytes; its offset. Throws `MEMORY_EXHAUSTED` when the limit is reached. */
  allocate(size: number, options?: { readonly access?: Access; readonly label?: string }): number;
  /** Ends an allocation. Its range is kept aside for a while, so that later uses are caught instead of hitting a new owner. */
  free(offset: number): void;
  /** Changes what the program may do with a range. `offset` is a multiple of 8; the range may end anywhere. */
  protect(offset: number, size: number, access: Access): void;
  /** The allocation that an offset lies in, also when it has been freed. */
  allocationAt(offset: number): Allocation | undefined;

  pointer(offset: number): bigint;
  /** The offset of a tagged pointer, or undefined when the value is none. */
  offset(pointer: bigint): number | undefined;
  /** Whether the program may access a range; undefined when it may. */
  check(pointer: bigint, size: number, access: 'read' | 'write'): Fault | undefined;

  readU8(offset: number): number;
  readU16(offset: number): number;
  readU32(offset: number): number;
  readU64(offset: number): bigint;
  writeU8(offset: number, value: number): void;
  writeU16(offset: number, value: number): void;
  writeU32(offset: number, value: number): void;
  writeU64(offset: number, value: bigint): void;

  /** Says that a range was written through {@link bytes} or {@link view}: checkpoints must not share its pages. */
  touch(offset: number, size: number): void;

  checkpoint(): MemoryCheckpoint;
  restore(checkpoint: MemoryCheckpoint): void;
}

/** One sentence about a refused access, as the end of a message about who wanted it. */
export function describeFault(fault: Fault): string {
  const what = `${fault.write ? 'write' : 'read'} of ${fault.size} byte${fault.size === 1 ? '' : 's'} at 0x${BigInt.asUintN(64, fault.address).toString(16)}`;
  switch (fault.kind) {
    case 'null':
      return `${what}: null pointer`;
    case 'wild':
      return `${what}: not a pointer into the program's memory`;
    case 'unmapped':
      return `${what}: outside of what the program may see`;
    case 'freed':
      return `${what}: the memory has been freed`;
    case 'read-only':
      return `${what}: the memory is read-only`;
    case 'uninitialised':
      return `${what}: never written`;
    case 'trap':
      return `${what}: a context cannot be reached through a plain pointer`;
  }
}
