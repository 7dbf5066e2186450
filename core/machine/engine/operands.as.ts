/** How an instruction reaches its operands, and the fast path of the check on memory: one shadow byte says it all. */
import {
  ADDRESS_LIMIT,
  INSN_DST,
  INSN_IMM,
  INSN_OFFSET,
  INSN_SRC,
  REGS,
  SHADOW,
  SHADOW_FULL,
  SHADOW_READ_ONLY,
} from './layout';
import { TAG_BASE } from './access.as';

// @ts-ignore: decorator
@inline
export function dst(pc: u32): u64 {
  return load<u64>(<u32>load<u8>(pc, INSN_DST), REGS);
}

// @ts-ignore: decorator
@inline
export function src(pc: u32): u64 {
  return load<u64>(<u32>load<u8>(pc, INSN_SRC), REGS);
}

// @ts-ignore: decorator
@inline
export function imm(pc: u32): u64 {
  return load<u64>(pc, INSN_IMM);
}

// @ts-ignore: decorator
@inline
export function setDst(pc: u32, value: u64): void {
  store<u64>(<u32>load<u8>(pc, INSN_DST), value, REGS);
}

// @ts-ignore: decorator
@inline
export function dst32(pc: u32): u32 {
  return load<u32>(<u32>load<u8>(pc, INSN_DST), REGS);
}

// @ts-ignore: decorator
@inline
export function src32(pc: u32): u32 {
  return load<u32>(<u32>load<u8>(pc, INSN_SRC), REGS);
}

// @ts-ignore: decorator
@inline
export function imm32(pc: u32): u32 {
  return load<u32>(pc, INSN_IMM);
}

// @ts-ignore: decorator
@inline
export function setDst32(pc: u32, value: u32): void {
  setDst(pc, <u64>value);
}

// @ts-ignore: decorator
@inline
export function target(pc: u32): u32 {
  return load<u32>(pc, INSN_OFFSET);
}

// @ts-ignore: decorator
@inline
export function distance(pc: u32): u64 {
  return <u64>(<i64>load<i32>(pc, INSN_OFFSET));
}

/** Whether all of an access lies in eight bytes that exist and may be read. */
// @ts-ignore: decorator
@inline
export function readable(address: u64, size: u32): bool {
  const offset = address - TAG_BASE;
  if (offset >= <u64>ADDRESS_LIMIT) return false;
  const at = <u32>offset;
  return (
    ((<u32>load<u8>(at >>> 3, SHADOW) & ~SHADOW_READ_ONLY) == SHADOW_FULL) & (size == 1 || (at & 7) <= 8 - size)
  );
}

/** Whether all of an access lies in eight bytes that exist, may be written, and have been before. */
// @ts-ignore: decorator
@inline
export function open(address: u64, size: u32): bool {
  const offset = address - TAG_BASE;
  if (offset >= <u64>ADDRESS_LIMIT) return false;
  const at = <u32>offset;
  return (<u32>load<u8>(at >>> 3, SHADOW) == SHADOW_FULL) & (size == 1 || (at & 7) <= 8 - size);
}
