/**
 * The interpreter: one loop over decoded instructions in linear memory (layout.ts), with a step counted for each.
 *
 * A decoded instruction is 16 bytes, so that no field has to be taken apart while running. Jumps hold the address of the
 * instruction *before* their target, since every instruction ends with going on to the next. A breakpoint replaces the
 * opcode and costs nothing elsewhere. Whatever the engine cannot answer (helpers, context fields, faults, ends of frames
 * that are not a plain call's) is asked of TypeScript through imports.
 *
 * The file is long because the loop is one switch: only so does it become one jump table.
 */
import {
  ARENA_USER_HIGH,
  FLOW_COUNTS,
  FRAME_KIND,
  FRAME_MAY_GOTO,
  INSN_ORIGINAL,
  INSN_SIZE,
  KIND_CALL,
  LOG_END,
  OUT_EXIT,
  OUT_FAULT,
  OUT_JUMPED,
  OUT_NEXT,
  OUT_STOP,
  PC,
  REGS,
  SKIP_BREAK,
  STEP,
  STEP_LIMIT,
  STOP_BREAK,
  STOP_CALLED_OUT,
  STOP_DEPTH,
  STOP_FUEL,
  STOP_ILLEGAL,
  VALUE,
} from './layout';
import * as op from './ops';
import { TAG_BASE, markDirty, slowLoad, slowStore } from './access.as';
import { atomic } from './atomics.as';
import { div32, div64, mod32, mod64, sdiv32, sdiv64, smod32, smod64 } from './divide.as';
import { call, leave, log } from './frames.as';
import { hit } from './hits.as';
import { distance, dst, dst32, imm, imm32, open, readable, setDst, setDst32, src, src32, target } from './operands.as';

export { enter, leave, refresh } from './frames.as';
export { hashFourPages, hashPage } from './hash.as';

/** A helper, a kfunc or a packet load: the call site's index is in the instruction. An OUT_* code. */
@external('env', 'call')
declare function callOutside(pc: u32, site: u32): i32;

/** A frame that is not a plain call's has reached its exit. An OUT_* code. */
@external('env', 'exit')
declare function exitOutside(pc: u32): i32;

/** Leaves the loop; how many calls and exits there were that have no row in the log is added to what was counted before. */
function leaveLoop(pc: u32, steps: u64, why: i32, calls: u32, exits: u32): i32 {
  store<u32>(PC, pc);
  store<u64>(STEP, steps);
  store<u32>(FLOW_COUNTS, load<u32>(FLOW_COUNTS) + calls);
  store<u32>(FLOW_COUNTS + 4, load<u32>(FLOW_COUNTS + 4) + exits);
  return why;
}

/** Runs from PC until STEP_LIMIT, or until something has to be said to whoever runs the program; a STOP_* code. */
export function run(): i32 {
  return loop<void>();
}

/** The same, and counts how often each instruction is executed. */
export function runCounting(): i32 {
  return loop<bool>();
}

/** Compiled twice, since even a test of whether to count would be felt in each step: `Counting` is bool or void. */
function loop<Counting>(): i32 {
  let pc = load<u32>(PC);
  let steps = load<u64>(STEP);
  const limit = load<u64>(STEP_LIMIT);
  /** Whether each of them has a row of its own; otherwise they are counted here, where it costs nothing. */
  const hasRows = load<u32>(LOG_END) != 0;
  let calls: u32 = 0;
  let exits: u32 = 0;
  let opcode: u32 = load<u8>(pc);
  while (steps != limit) {
    const at = pc;
    switch (opcode) {
      case op.OP_BREAK:
        if (steps != load<u64>(SKIP_BREAK)) return leaveLoop(pc, steps, STOP_BREAK, calls, exits);
        opcode = load<u8>(pc, INSN_ORIGINAL);
        continue;
      // 64-bit arithmetic
      case op.ADD64_K:
        setDst(pc, dst(pc) + imm(pc));
        break;
      case op.ADD64_X:
        setDst(pc, dst(pc) + src(pc));
        break;
      case op.SUB64_K:
        setDst(pc, dst(pc) - imm(pc));
        break;
      case op.SUB64_X:
        setDst(pc, dst(pc) - src(pc));
        break;
      case op.MUL64_K:
        setDst(pc, dst(pc) * imm(pc));
        break;
      case op.MUL64_X:
        setDst(pc, dst(pc) * src(pc));
        break;
      case op.OR64_K:
        setDst(pc, dst(pc) | imm(pc));
        break;
      case op.OR64_X:
        setDst(pc, dst(pc) | src(pc));
        break;
      case op.AND64_K:
        setDst(pc, dst(pc) & imm(pc));
        break;
      case op.AND64_X:
        setDst(pc, dst(pc) & src(pc));
        break;
      case op.XOR64_K:
        setDst(pc, dst(pc) ^ imm(pc));
        break;
      case op.XOR64_X:
        setDst(pc, dst(pc) ^ src(pc));
        break;
      case op.MOV64_K:
        setDst(pc, imm(pc));
        break;
      case op.LSH64_K:
        setDst(pc, dst(pc) << (imm(pc) & 63));
        break;
      case op.RSH64_K:
        setDst(pc, dst(pc) >> (imm(pc) & 63));
        break;
      case op.ARSH64_K:
        setDst(pc, <u64>(<i64>dst(pc) >> (<i64>imm(pc) & 63)));
        break;
      case op.DIV64_K:
        setDst(pc, div64(dst(pc), imm(pc)));
        break;
      case op.MOD64_K:
        setDst(pc, mod64(dst(pc), imm(pc)));
        break;
      case op.SDIV64_K:
        setDst(pc, sdiv64(<i64>dst(pc), <i64>imm(pc)));
        break;
      case op.SMOD64_K:
        setDst(pc, smod64(<i64>dst(pc), <i64>imm(pc)));
        break;
      case op.MOV64_X:
        setDst(pc, src(pc));
        break;
      case op.LSH64_X:
        setDst(pc, dst(pc) << (src(pc) & 63));
        break;
      case op.RSH64_X:
        setDst(pc, dst(pc) >> (src(pc) & 63));
        break;
      case op.ARSH64_X:
        setDst(pc, <u64>(<i64>dst(pc) >> (<i64>src(pc) & 63)));
        break;
      case op.DIV64_X:
        setDst(pc, div64(dst(pc), src(pc)));
        break;
      case op.MOD64_X:
        setDst(pc, mod64(dst(pc), src(pc)));
        break;
      case op.SDIV64_X:
        setDst(pc, sdiv64(<i64>dst(pc), <i64>src(pc)));
        break;
      case op.SMOD64_X:
        setDst(pc, smod64(<i64>dst(pc), <i64>src(pc)));
        break;
      case op.NEG64:
        setDst(pc, 0 - dst(pc));
        break;
      case op.MOVSX64_8:
        setDst(pc, <u64>(<i64>(<i8>src(pc))));
        break;
      case op.MOVSX64_16:
        setDst(pc, <u64>(<i64>(<i16>src(pc))));
        break;
      case op.MOVSX64_32:
        setDst(pc, <u64>(<i64>(<i32>src(pc))));
        break;
      // 32-bit arithmetic: the upper half of the destination becomes zero
      case op.ADD32_K:
        setDst32(pc, dst32(pc) + imm32(pc));
        break;
      case op.ADD32_X:
        setDst32(pc, dst32(pc) + src32(pc));
        break;
      case op.SUB32_K:
        setDst32(pc, dst32(pc) - imm32(pc));
        break;
      case op.SUB32_X:
        setDst32(pc, dst32(pc) - src32(pc));
        break;
      case op.MUL32_K:
        setDst32(pc, dst32(pc) * imm32(pc));
        break;
      case op.MUL32_X:
        setDst32(pc, dst32(pc) * src32(pc));
        break;
      case op.OR32_K:
        setDst32(pc, dst32(pc) | imm32(pc));
        break;
      case op.OR32_X:
        setDst32(pc, dst32(pc) | src32(pc));
        break;
      case op.AND32_K:
        setDst32(pc, dst32(pc) & imm32(pc));
        break;
      case op.AND32_X:
        setDst32(pc, dst32(pc) & src32(pc));
        break;
      case op.XOR32_K:
        setDst32(pc, dst32(pc) ^ imm32(pc));
        break;
      case op.XOR32_X:
        setDst32(pc, dst32(pc) ^ src32(pc));
        break;
      case op.MOV32_K:
        setDst32(pc, imm32(pc));
        break;
      case op.LSH32_K:
        setDst32(pc, dst32(pc) << (imm32(pc) & 31));
        break;
      case op.RSH32_K:
        setDst32(pc, dst32(pc) >> (imm32(pc) & 31));
        break;
      case op.ARSH32_K:
        setDst32(pc, <u32>(<i32>dst32(pc) >> (<i32>imm32(pc) & 31)));
        break;
      case op.DIV32_K:
        setDst32(pc, div32(dst32(pc), imm32(pc)));
        break;
      case op.MOD32_K:
        setDst32(pc, mod32(dst32(pc), imm32(pc)));
        break;
      case op.SDIV32_K:
        setDst32(pc, sdiv32(<i32>dst32(pc), <i32>imm32(pc)));
        break;
      case op.SMOD32_K:
        setDst32(pc, smod32(<i32>dst32(pc), <i32>imm32(pc)));
        break;
      case op.MOV32_X:
        setDst32(pc, src32(pc));
        break;
      case op.LSH32_X:
        setDst32(pc, dst32(pc) << (src32(pc) & 31));
        break;
      case op.RSH32_X:
        setDst32(pc, dst32(pc) >> (src32(pc) & 31));
        break;
      case op.ARSH32_X:
        setDst32(pc, <u32>(<i32>dst32(pc) >> (<i32>src32(pc) & 31)));
        break;
      case op.DIV32_X:
        setDst32(pc, div32(dst32(pc), src32(pc)));
        break;
      case op.MOD32_X:
        setDst32(pc, mod32(dst32(pc), src32(pc)));
        break;
      case op.SDIV32_X:
        setDst32(pc, sdiv32(<i32>dst32(pc), <i32>src32(pc)));
        break;
      case op.SMOD32_X:
        setDst32(pc, smod32(<i32>dst32(pc), <i32>src32(pc)));
        break;
      case op.NEG32:
        setDst32(pc, 0 - dst32(pc));
        break;
      case op.MOVSX32_8:
        setDst32(pc, <u32>(<i32>(<i8>src32(pc))));
        break;
      case op.MOVSX32_16:
        setDst32(pc, <u32>(<i32>(<i16>src32(pc))));
        break;
      // Byte order: linear memory is little-endian, as the target is
      case op.LE16:
        setDst(pc, dst(pc) & 0xffff);
        break;
      case op.LE32:
        setDst(pc, dst(pc) & 0xffffffff);
        break;
      case op.LE64:
        break;
      case op.BE16:
      case op.BSWAP16:
        setDst(pc, <u64>bswap<u16>(<u16>dst(pc)));
        break;
      case op.BE32:
      case op.BSWAP32:
        setDst(pc, <u64>bswap<u32>(<u32>dst(pc)));
        break;
      case op.BE64:
      case op.BSWAP64:
        setDst(pc, <u64>bswap<u64>(<u64>dst(pc)));
        break;
      // Address spaces: an arena is at the same lower half in both views
      case op.CAST_KERNEL:
        setDst(pc, src32(pc) ? TAG_BASE | <u64>src32(pc) : 0);
        break;
      case op.CAST_USER:
        setDst(pc, src32(pc) ? (<u64>load<u32>(ARENA_USER_HIGH) << 32) | <u64>src32(pc) : 0);
        break;
      // Loads and stores
      case op.LDX_B: {
        const address = src(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (readable(address, 1)) {
          setDst(pc, <u64>load<u8>(at));
        } else {
          store<u64>(STEP, steps);
          const out = slowLoad(pc, address, 1);
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
          setDst(pc, load<u64>(VALUE));
        }
        break;
      }
      case op.LDXSX_B: {
        const address = src(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (readable(address, 1)) {
          setDst(pc, <u64>(<i64>load<i8>(at)));
        } else {
          store<u64>(STEP, steps);
          const out = slowLoad(pc, address, 1);
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
          setDst(pc, <u64>(<i64>load<i8>(VALUE)));
        }
        break;
      }
      case op.LDX_H: {
        const address = src(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (readable(address, 2)) {
          setDst(pc, <u64>load<u16>(at));
        } else {
          store<u64>(STEP, steps);
          const out = slowLoad(pc, address, 2);
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
          setDst(pc, load<u64>(VALUE));
        }
        break;
      }
      case op.LDXSX_H: {
        const address = src(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (readable(address, 2)) {
          setDst(pc, <u64>(<i64>load<i16>(at)));
        } else {
          store<u64>(STEP, steps);
          const out = slowLoad(pc, address, 2);
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
          setDst(pc, <u64>(<i64>load<i16>(VALUE)));
        }
        break;
      }
      case op.LDX_W: {
        const address = src(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (readable(address, 4)) {
          setDst(pc, <u64>load<u32>(at));
        } else {
          store<u64>(STEP, steps);
          const out = slowLoad(pc, address, 4);
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
          setDst(pc, load<u64>(VALUE));
        }
        break;
      }
      case op.LDXSX_W: {
        const address = src(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (readable(address, 4)) {
          setDst(pc, <u64>(<i64>load<i32>(at)));
        } else {
          store<u64>(STEP, steps);
          const out = slowLoad(pc, address, 4);
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
          setDst(pc, <u64>(<i64>load<i32>(VALUE)));
        }
        break;
      }
      case op.LDX_DW: {
        const address = src(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (readable(address, 8)) {
          setDst(pc, load<u64>(at));
        } else {
          store<u64>(STEP, steps);
          const out = slowLoad(pc, address, 8);
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
          setDst(pc, load<u64>(VALUE));
        }
        break;
      }
      case op.ST_B: {
        const address = dst(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (open(address, 1)) {
          store<u8>(at, <u8>imm(pc));
          markDirty(at);
        } else {
          store<u64>(STEP, steps);
          const out = slowStore(pc, address, 1, imm(pc));
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        }
        break;
      }
      case op.STX_B: {
        const address = dst(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (open(address, 1)) {
          store<u8>(at, <u8>src(pc));
          markDirty(at);
        } else {
          store<u64>(STEP, steps);
          const out = slowStore(pc, address, 1, src(pc));
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        }
        break;
      }
      case op.ST_H: {
        const address = dst(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (open(address, 2)) {
          store<u16>(at, <u16>imm(pc));
          markDirty(at);
        } else {
          store<u64>(STEP, steps);
          const out = slowStore(pc, address, 2, imm(pc));
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        }
        break;
      }
      case op.STX_H: {
        const address = dst(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (open(address, 2)) {
          store<u16>(at, <u16>src(pc));
          markDirty(at);
        } else {
          store<u64>(STEP, steps);
          const out = slowStore(pc, address, 2, src(pc));
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        }
        break;
      }
      case op.ST_W: {
        const address = dst(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (open(address, 4)) {
          store<u32>(at, <u32>imm(pc));
          markDirty(at);
        } else {
          store<u64>(STEP, steps);
          const out = slowStore(pc, address, 4, imm(pc));
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        }
        break;
      }
      case op.STX_W: {
        const address = dst(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (open(address, 4)) {
          store<u32>(at, <u32>src(pc));
          markDirty(at);
        } else {
          store<u64>(STEP, steps);
          const out = slowStore(pc, address, 4, src(pc));
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        }
        break;
      }
      case op.ST_DW: {
        const address = dst(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (open(address, 8)) {
          store<u64>(at, imm(pc));
          markDirty(at);
        } else {
          store<u64>(STEP, steps);
          const out = slowStore(pc, address, 8, imm(pc));
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        }
        break;
      }
      case op.STX_DW: {
        const address = dst(pc) + distance(pc);
        const at = <u32>(address - TAG_BASE);
        if (open(address, 8)) {
          store<u64>(at, src(pc));
          markDirty(at);
        } else {
          store<u64>(STEP, steps);
          const out = slowStore(pc, address, 8, src(pc));
          if (out) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        }
        break;
      }
      case op.ATOMIC_B:
        store<u64>(STEP, steps);
        if (atomic(pc, 1)) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        break;
      case op.ATOMIC_H:
        store<u64>(STEP, steps);
        if (atomic(pc, 2)) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        break;
      case op.ATOMIC_W:
        store<u64>(STEP, steps);
        if (atomic(pc, 4)) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        break;
      case op.ATOMIC_DW:
        store<u64>(STEP, steps);
        if (atomic(pc, 8)) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        break;
      case op.LD_IMM64:
        setDst(pc, imm(pc));
        pc += INSN_SIZE;
        break;
      // Jumps
      case op.JA:
        pc = target(pc);
        break;
      case op.JEQ_K:
        if (dst(pc) == imm(pc)) pc = target(pc);
        break;
      case op.JEQ_X:
        if (dst(pc) == src(pc)) pc = target(pc);
        break;
      case op.JEQ32_K:
        if (dst32(pc) == imm32(pc)) pc = target(pc);
        break;
      case op.JEQ32_X:
        if (dst32(pc) == src32(pc)) pc = target(pc);
        break;
      case op.JNE_K:
        if (dst(pc) != imm(pc)) pc = target(pc);
        break;
      case op.JNE_X:
        if (dst(pc) != src(pc)) pc = target(pc);
        break;
      case op.JNE32_K:
        if (dst32(pc) != imm32(pc)) pc = target(pc);
        break;
      case op.JNE32_X:
        if (dst32(pc) != src32(pc)) pc = target(pc);
        break;
      case op.JGT_K:
        if (dst(pc) > imm(pc)) pc = target(pc);
        break;
      case op.JGT_X:
        if (dst(pc) > src(pc)) pc = target(pc);
        break;
      case op.JGT32_K:
        if (dst32(pc) > imm32(pc)) pc = target(pc);
        break;
      case op.JGT32_X:
        if (dst32(pc) > src32(pc)) pc = target(pc);
        break;
      case op.JGE_K:
        if (dst(pc) >= imm(pc)) pc = target(pc);
        break;
      case op.JGE_X:
        if (dst(pc) >= src(pc)) pc = target(pc);
        break;
      case op.JGE32_K:
        if (dst32(pc) >= imm32(pc)) pc = target(pc);
        break;
      case op.JGE32_X:
        if (dst32(pc) >= src32(pc)) pc = target(pc);
        break;
      case op.JLT_K:
        if (dst(pc) < imm(pc)) pc = target(pc);
        break;
      case op.JLT_X:
        if (dst(pc) < src(pc)) pc = target(pc);
        break;
      case op.JLT32_K:
        if (dst32(pc) < imm32(pc)) pc = target(pc);
        break;
      case op.JLT32_X:
        if (dst32(pc) < src32(pc)) pc = target(pc);
        break;
      case op.JLE_K:
        if (dst(pc) <= imm(pc)) pc = target(pc);
        break;
      case op.JLE_X:
        if (dst(pc) <= src(pc)) pc = target(pc);
        break;
      case op.JLE32_K:
        if (dst32(pc) <= imm32(pc)) pc = target(pc);
        break;
      case op.JLE32_X:
        if (dst32(pc) <= src32(pc)) pc = target(pc);
        break;
      case op.JSGT_K:
        if (<i64>dst(pc) > <i64>imm(pc)) pc = target(pc);
        break;
      case op.JSGT_X:
        if (<i64>dst(pc) > <i64>src(pc)) pc = target(pc);
        break;
      case op.JSGT32_K:
        if (<i32>dst32(pc) > <i32>imm32(pc)) pc = target(pc);
        break;
      case op.JSGT32_X:
        if (<i32>dst32(pc) > <i32>src32(pc)) pc = target(pc);
        break;
      case op.JSGE_K:
        if (<i64>dst(pc) >= <i64>imm(pc)) pc = target(pc);
        break;
      case op.JSGE_X:
        if (<i64>dst(pc) >= <i64>src(pc)) pc = target(pc);
        break;
      case op.JSGE32_K:
        if (<i32>dst32(pc) >= <i32>imm32(pc)) pc = target(pc);
        break;
      case op.JSGE32_X:
        if (<i32>dst32(pc) >= <i32>src32(pc)) pc = target(pc);
        break;
      case op.JSLT_K:
        if (<i64>dst(pc) < <i64>imm(pc)) pc = target(pc);
        break;
      case op.JSLT_X:
        if (<i64>dst(pc) < <i64>src(pc)) pc = target(pc);
        break;
      case op.JSLT32_K:
        if (<i32>dst32(pc) < <i32>imm32(pc)) pc = target(pc);
        break;
      case op.JSLT32_X:
        if (<i32>dst32(pc) < <i32>src32(pc)) pc = target(pc);
        break;
      case op.JSLE_K:
        if (<i64>dst(pc) <= <i64>imm(pc)) pc = target(pc);
        break;
      case op.JSLE_X:
        if (<i64>dst(pc) <= <i64>src(pc)) pc = target(pc);
        break;
      case op.JSLE32_K:
        if (<i32>dst32(pc) <= <i32>imm32(pc)) pc = target(pc);
        break;
      case op.JSLE32_X:
        if (<i32>dst32(pc) <= <i32>src32(pc)) pc = target(pc);
        break;
      case op.JSET_K:
        if ((dst(pc) & imm(pc)) != 0) pc = target(pc);
        break;
      case op.JSET_X:
        if ((dst(pc) & src(pc)) != 0) pc = target(pc);
        break;
      case op.JSET32_K:
        if ((dst32(pc) & imm32(pc)) != 0) pc = target(pc);
        break;
      case op.JSET32_X:
        if ((dst32(pc) & src32(pc)) != 0) pc = target(pc);
        break;
      case op.MAY_GOTO: {
        const left = <u32>load<u64>(REGS + 80) + FRAME_MAY_GOTO;
        const count = load<u64>(left);
        if (count) {
          store<u64>(left, count - 1);
          markDirty(left);
        } else pc = target(pc);
        break;
      }
      // Calls
      case op.CALL_LOCAL:
        if (!hasRows || !log(steps, pc, 0)) calls++;
        if (!call(KIND_CALL, pc)) return leaveLoop(pc, steps, STOP_DEPTH, calls, exits);
        pc = target(pc);
        break;
      case op.CALL_OUT: {
        store<u64>(STEP, steps);
        const out = callOutside(pc, target(pc));
        if (out == OUT_NEXT) break;
        if (out == OUT_JUMPED) {
          pc = load<u32>(PC) - INSN_SIZE;
          break;
        }
        if (out == OUT_STOP) {
          if (isBoolean<Counting>()) hit(at);
          return leaveLoop(pc, steps + 1, STOP_CALLED_OUT, calls, exits);
        }
        if (out != OUT_EXIT) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        opcode = op.EXIT;
        continue;
      }
      case op.EXIT: {
        const frame = <u32>load<u64>(REGS + 80);
        if (!hasRows || !log(steps, pc, 1)) exits++;
        if (load<u32>(frame + FRAME_KIND) == KIND_CALL) {
          pc = leave(frame);
          break;
        }
        store<u64>(STEP, steps);
        const out = exitOutside(pc);
        if (out == OUT_JUMPED) {
          pc = load<u32>(PC) - INSN_SIZE;
          break;
        }
        if (out == OUT_FAULT) return leaveLoop(pc, steps, STOP_CALLED_OUT, calls, exits);
        if (isBoolean<Counting>()) hit(at);
        return leaveLoop(pc, steps + 1, STOP_CALLED_OUT, calls, exits);
      }
      default:
        return leaveLoop(pc, steps, STOP_ILLEGAL, calls, exits);
    }
    if (isBoolean<Counting>()) hit(at);
    pc += INSN_SIZE;
    steps++;
    opcode = load<u8>(pc);
  }
  return leaveLoop(pc, steps, STOP_FUEL, calls, exits);
}
