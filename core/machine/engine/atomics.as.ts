/**
 * Atomic operations (RFC 9669, section 5.3), and load-acquire and store-release. One program runs at a time, so they
 * are plain reads and writes; what is left is the arithmetic and which register gets the old value.
 */
import { INSN_DST, INSN_IMM, INSN_OFFSET, INSN_SRC, REGS, VALUE } from './layout';
import { refuseWrite, slowLoad, slowStore, writable } from './access.as';

const FETCH: u32 = 0x01;
const ADD: u32 = 0x00;
const OR: u32 = 0x40;
const AND: u32 = 0x50;
const XOR: u32 = 0xa0;
const XCHG: u32 = 0xe1;
const CMPXCHG: u32 = 0xf1;
const LOAD_ACQ: u32 = 0x100;
const STORE_REL: u32 = 0x110;

/** 0, or the OUT_* code with which to stop. */
export function atomic(pc: u32, size: u32): i32 {
  const operation = load<u32>(pc, INSN_IMM);
  const dst: u32 = load<u8>(pc, INSN_DST);
  const src: u32 = load<u8>(pc, INSN_SRC);
  const distance = <i64>load<i32>(pc, INSN_OFFSET);
  if (operation == LOAD_ACQ) {
    const out = slowLoad(pc, load<u64>(src, REGS) + distance, size);
    if (!out) store<u64>(dst, load<u64>(VALUE), REGS);
    return out;
  }
  const address = load<u64>(dst, REGS) + distance;
  const operand = load<u64>(src, REGS);
  if (operation == STORE_REL) return slowStore(pc, address, size, operand);
  const offset = writable(address, size);
  if (!offset) return refuseWrite(pc, address, size);
  const old: u64 = size == 8 ? load<u64>(offset) : <u64>load<u32>(offset);
  let value = operand;
  if (operation == CMPXCHG) {
    let expected = load<u64>(REGS);
    if (size == 4) expected = <u64>(<u32>expected);
    if (old != expected) value = old;
    store<u64>(REGS, old);
  } else {
    const kind = operation & ~FETCH;
    if (operation == XCHG) value = operand;
    else if (kind == ADD) value = old + operand;
    else if (kind == OR) value = old | operand;
    else if (kind == AND) value = old & operand;
    else if (kind == XOR) value = old ^ operand;
    if (operation & FETCH) store<u64>(src, old, REGS);
  }
  if (size == 8) store<u64>(offset, value);
  else store<u32>(offset, <u32>value);
  return 0;
}
