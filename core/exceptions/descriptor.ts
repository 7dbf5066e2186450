/**
 * Frame descriptors: what one frame holds at one instruction from which an exception can come, and what
 * lets each thing go (docs/exceptions.md, "Frame descriptors and unwinding").
 *
 * The verifier makes them while it proves the program; nothing reads them until something is thrown.
 */

/** The callee-saved registers. Only these outlive a call, so only these can hold something for an outer frame. */
export type CalleeSaved = 6 | 7 | 8 | 9;

export const CALLEE_SAVED: readonly CalleeSaved[] = [6, 7, 8, 9];

/** Where in a frame the value that names a resource is found. */
export type Place =
  | { readonly kind: 'register'; readonly register: CalleeSaved }
  /** `offset` is relative to the frame pointer, negative, a multiple of 8. */
  | { readonly kind: 'slot'; readonly offset: number }
  /** A section of the program in which something holds (RCU, preemption, irq, a lock): the kernel knows it without a value. */
  | { readonly kind: 'region' };

export type ResourceType =
  | 'reference' // a counted reference to an object of the kernel
  | 'object' // an object that the program allocated
  | 'ringbuf_record'
  | 'dynptr'
  | 'iterator'
  | 'spin_lock'
  | 'res_spin_lock'
  | 'rcu'
  | 'preempt'
  | 'irq';

export interface DescriptorEntry {
  readonly place: Place;
  readonly resource: ResourceType;
  /** The type as C names it: `struct task_struct`, `iter_num`, `ringbuf record`. */
  readonly typeName: string;
  /** The helper, kfunc or region exit that lets the resource go. */
  readonly release: string;
  /** Instructions at which it was acquired, over all verified paths, ascending. */
  readonly acquiredAt: readonly number[];
  /** True when on some path the place is known to be null instead; a null found at run time is skipped. */
  readonly nullable: boolean;
}

export interface FrameDescriptor {
  readonly subprogram: number;
  /** The throw, or the call from which an exception can come. */
  readonly insn: number;
  /** Ordered by place: R6 to R9, slots from the frame pointer down, regions. */
  readonly entries: readonly DescriptorEntry[];
}

/** What a table of descriptors would take in memory, in the encoding below. */
const HEADER_BYTES = 8; // instruction u32, number of entries u16, subprogram u16
const ENTRY_BYTES = 8; // place s16, flags u16, index of the release function u32

/** The size in bytes of the descriptors that say something; one without entries costs nothing. */
export function descriptorBytes(descriptor: FrameDescriptor): number {
  return descriptor.entries.length === 0 ? 0 : HEADER_BYTES + ENTRY_BYTES * descriptor.entries.length;
}

/** `r6`, `fp-24` or `region`, as users read it. */
export function formatPlace(place: Place): string {
  switch (place.kind) {
    case 'register':
      return `r${place.register}`;
    case 'slot':
      return `fp${place.offset}`;
    case 'region':
      return 'region';
  }
}

/** Orders places as a descriptor lists them. */
export function comparePlaces(a: Place, b: Place): number {
  return placeRank(a) - placeRank(b);
}

function placeRank(place: Place): number {
  switch (place.kind) {
    case 'register':
      return place.register;
    case 'slot':
      return 16 - place.offset;
    case 'region':
      return Number.MAX_SAFE_INTEGER;
  }
}
