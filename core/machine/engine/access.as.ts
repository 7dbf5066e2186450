/**
 * Access to memory off the fast path: objects that end within eight bytes, accesses across eight bytes, first writes to a
 * stack slot, context fields, and what is refused.
 */
import {
  ADDRESS_LIMIT,
  DIRTY,
  FAULT_ADDRESS,
  FAULT_SIZE,
  FAULT_WRITE,
  PAGE_SHIFT,
  SHADOW,
  SHADOW_COUNT,
  SHADOW_FREED,
  SHADOW_READ_ONLY,
  SHADOW_TRAP,
  SHADOW_UNINITIALISED,
  STRICT_UNINITIALISED,
  VALUE,
} from './layout';

/** The first tagged address; an address minus this is an offset if it is below {@link ADDRESS_LIMIT}. */
export const TAG_BASE: u64 = 0xffff888000000000;

/** Context fields, faults, probed loads: TypeScript finds or takes the value in VALUE, or stops the run (an OUT_* code). */
@external('env', 'access')
declare function askOutside(pc: u32): i32;

// @ts-ignore: decorator
@inline
export function markDirty(offset: u32): void {
  store<u8>(offset >>> PAGE_SHIFT, 1, DIRTY);
}

/** Whether all bytes are there and may be read, or written. */
function granted(offset: u32, size: u32, write: bool): bool {
  let refused: u32 = SHADOW_FREED | SHADOW_TRAP;
  if (write) refused |= SHADOW_READ_ONLY;
  else if (load<u32>(STRICT_UNINITIALISED)) refused |= SHADOW_UNINITIALISED;
  const first = offset & 7;
  const shadow: u32 = load<u8>(offset >>> 3, SHADOW);
  if (shadow & refused) return false;
  const end = first + size;
  if (end <= 8) return end <= (shadow & SHADOW_COUNT);
  if ((shadow & SHADOW_COUNT) != 8) return false;
  const next: u32 = load<u8>((offset >>> 3) + 1, SHADOW);
  return !(next & refused) && end - 8 <= (next & SHADOW_COUNT);
}

/** A write makes both granules that it touches initialised: what Linux tracks by byte is kept by eight bytes here. */
function initialise(offset: u32, size: u32): void {
  const last = (offset + size - 1) >>> 3;
  for (let at = offset >>> 3; at <= last; at++) {
    store<u8>(at, load<u8>(at, SHADOW) & ~(<u8>SHADOW_UNINITIALISED), SHADOW);
  }
  markDirty(offset);
  markDirty(offset + size - 1);
}

function refuse(pc: u32, address: u64, size: u32, write: bool): i32 {
  store<u64>(FAULT_ADDRESS, address);
  store<u32>(FAULT_SIZE, size);
  store<u32>(FAULT_WRITE, <u32>write);
  return askOutside(pc);
}

/** Loads 1, 2, 4 or 8 bytes into VALUE. 0, or the OUT_* code with which to stop. */
export function slowLoad(pc: u32, address: u64, size: u32): i32 {
  const distance = address - TAG_BASE;
  if (distance < <u64>ADDRESS_LIMIT) {
    const offset = <u32>distance;
    if (granted(offset, size, false)) {
      if (size == 8) store<u64>(VALUE, load<u64>(offset));
      else if (size == 4) store<u64>(VALUE, load<u32>(offset));
      else if (size == 2) store<u64>(VALUE, load<u16>(offset));
      else store<u64>(VALUE, load<u8>(offset));
      return 0;
    }
  }
  return refuse(pc, address, size, false);
}

/** Stores the lowest 1, 2, 4 or 8 bytes of a value. 0, or the OUT_* code with which to stop. */
export function slowStore(pc: u32, address: u64, size: u32, value: u64): i32 {
  const distance = address - TAG_BASE;
  if (distance < <u64>ADDRESS_LIMIT) {
    const offset = <u32>distance;
    if (granted(offset, size, true)) {
      if (size == 8) store<u64>(offset, value);
      else if (size == 4) store<u32>(offset, <u32>value);
      else if (size == 2) store<u16>(offset, <u16>value);
      else store<u8>(offset, <u8>value);
      initialise(offset, size);
      return 0;
    }
  }
  store<u64>(VALUE, value);
  return refuse(pc, address, size, true);
}

/** The offset of a range that may be read and written, or 0 when it may not; the caller has to stop then. */
export function writable(address: u64, size: u32): u32 {
  const distance = address - TAG_BASE;
  if (distance >= <u64>ADDRESS_LIMIT) return 0;
  const offset = <u32>distance;
  if (!granted(offset, size, true)) return 0;
  initialise(offset, size);
  return offset;
}

export function refuseWrite(pc: u32, address: u64, size: u32): i32 {
  return refuse(pc, address, size, true);
}
