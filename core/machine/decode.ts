/**
 * From an instruction of BPF to the engine's opcode. What BPF tells apart by offset, immediate or source register is
 * decided here, once, and not each time it runs. Reserved fields that Linux refuses make an instruction illegal here too,
 * as far as it would mean something else; the verifier says the rest.
 */
import type { Instructions } from '../isa/instructions.ts';
import {
  BPF_ADD,
  BPF_ADDR_SPACE_CAST,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IMM,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MAY_GOTO,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MODE,
  BPF_MOV,
  BPF_NEG,
  BPF_OP,
  BPF_OR,
  BPF_PSEUDO_CALL,
  BPF_REG_FP,
  BPF_SIZE,
  BPF_SRC,
  BPF_STORE_REL,
  BPF_STX,
  BPF_W,
  BPF_DW,
  BPF_X,
  BPF_XCHG,
  BPF_XOR,
  MAX_BPF_REG,
  OPCODE_GOTOL,
  OPCODE_LD_IMM64,
} from '../isa/opcodes.ts';
import * as op from './engine/ops.ts';

/** An instruction that no program may contain: what is wrong with it. */
export interface Illegal {
  readonly illegal: string;
}

const ATOMIC_OPERATIONS = new Set([
  ...[BPF_ADD, BPF_OR, BPF_AND, BPF_XOR].flatMap((kind) => [kind, kind | BPF_FETCH]),
  BPF_XCHG,
  BPF_CMPXCHG,
]);

/** The engine's opcode of the instruction that begins at slot `i`. */
export function engineOpcode(insns: Instructions, i: number): number | Illegal {
  const code = insns.code[i] ?? 0;
  const dst = insns.dst[i] ?? 0;
  const src = insns.src[i] ?? 0;
  if (dst >= MAX_BPF_REG) return { illegal: `r${dst} is no register` };
  const isStore = BPF_CLASS(code) === BPF_STX || BPF_CLASS(code) === 0x02;
  const writesDst = BPF_CLASS(code) <= BPF_LDX || BPF_CLASS(code) === BPF_ALU || BPF_CLASS(code) === BPF_ALU64;
  if (writesDst && dst === BPF_REG_FP && !isLegacyLoad(code)) return { illegal: 'the frame pointer is read only' };
  if (readsSrc(code) && src >= MAX_BPF_REG) return { illegal: `r${src} is no register` };
  switch (BPF_CLASS(code)) {
    case BPF_ALU:
    case BPF_ALU64:
      return arithmetic(code, insns.off[i] ?? 0, insns.imm[i] ?? 0);
    case BPF_JMP:
    case BPF_JMP32:
      return jump(code, src);
    case BPF_LD:
      if (code === OPCODE_LD_IMM64) return op.LD_IMM64;
      return isLegacyLoad(code) ? op.CALL_OUT : illegal(code);
    default:
      return isStore && BPF_MODE(code) === BPF_ATOMIC ? atomic(code, insns.imm[i] ?? 0, dst, src) : access(code);
  }
}

function illegal(code: number): Illegal {
  return { illegal: `unknown opcode ${code.toString(16).padStart(2, '0')}` };
}

function isLegacyLoad(code: number): boolean {
  return BPF_CLASS(code) === BPF_LD && BPF_MODE(code) !== BPF_IMM;
}

function readsSrc(code: number): boolean {
  const cls = BPF_CLASS(code);
  if (cls === BPF_LDX || cls === BPF_STX) return true;
  if (cls === BPF_ALU || cls === BPF_ALU64) return BPF_SRC(code) === BPF_X && BPF_OP(code) !== BPF_END;
  if (cls === BPF_JMP || cls === BPF_JMP32) {
    const operation = BPF_OP(code);
    return BPF_SRC(code) === BPF_X && operation !== BPF_JA && operation !== BPF_CALL && operation !== BPF_EXIT;
  }
  return false;
}

const SIGNED_DIVISION: Readonly<Record<number, number>> = {
  0x37: op.SDIV64_K,
  0x3f: op.SDIV64_X,
  0x34: op.SDIV32_K,
  0x3c: op.SDIV32_X,
  0x97: op.SMOD64_K,
  0x9f: op.SMOD64_X,
  0x94: op.SMOD32_K,
  0x9c: op.SMOD32_X,
};

function arithmetic(code: number, off: number, imm: number): number | Illegal {
  const wide = BPF_CLASS(code) === BPF_ALU64;
  switch (BPF_OP(code)) {
    case BPF_END:
      return byteOrder(code, imm);
    case BPF_NEG:
      return BPF_SRC(code) === BPF_X ? illegal(code) : code;
    case BPF_DIV:
    case BPF_MOD:
      if (off === 0) return code;
      return off === 1 ? (SIGNED_DIVISION[code] ?? illegal(code)) : illegal(code);
    case BPF_MOV:
      if (off === 0) return code;
      if (BPF_SRC(code) !== BPF_X) return illegal(code);
      return (
        (wide ? moveWide(off, imm) : off === 8 ? op.MOVSX32_8 : off === 16 ? op.MOVSX32_16 : undefined) ?? illegal(code)
      );
    default:
      return BPF_OP(code) < BPF_END ? code : illegal(code);
  }
}

function moveWide(off: number, imm: number): number | undefined {
  if (off === 8) return op.MOVSX64_8;
  if (off === 16) return op.MOVSX64_16;
  if (off === 32) return op.MOVSX64_32;
  if (off !== BPF_ADDR_SPACE_CAST) return undefined;
  // The immediate is the address space of the destination, then of the source: 0 is the kernel's, 1 the arena's.
  if (imm === 1) return op.CAST_KERNEL;
  return imm === 0x10000 ? op.CAST_USER : undefined;
}

function byteOrder(code: number, imm: number): number | Illegal {
  const at = imm === 16 ? 0 : imm === 32 ? 1 : imm === 64 ? 2 : undefined;
  if (at === undefined) return illegal(code);
  if (code === op.BSWAP16) return [op.BSWAP16, op.BSWAP32, op.BSWAP64][at]!;
  if (code === op.LE16) return [op.LE16, op.LE32, op.LE64][at]!;
  if (code === op.BE16) return [op.BE16, op.BE32, op.BE64][at]!;
  return illegal(code);
}

function jump(code: number, src: number): number | Illegal {
  switch (BPF_OP(code)) {
    case BPF_JA:
      return code === op.JA || code === OPCODE_GOTOL ? op.JA : illegal(code);
    case BPF_CALL:
      if (code !== op.CALL_OUT) return illegal(code);
      return src === BPF_PSEUDO_CALL ? op.CALL_LOCAL : op.CALL_OUT;
    case BPF_EXIT:
      return code === op.EXIT ? op.EXIT : illegal(code);
    case BPF_JCOND:
      return code === op.MAY_GOTO && src === BPF_MAY_GOTO ? op.MAY_GOTO : illegal(code);
    default:
      return BPF_OP(code) < BPF_JCOND ? code : illegal(code);
  }
}

function access(code: number): number | Illegal {
  if (BPF_MODE(code) === BPF_MEM) return code;
  if (BPF_MODE(code) === BPF_MEMSX && BPF_CLASS(code) === BPF_LDX && BPF_SIZE(code) !== BPF_DW) return code;
  return illegal(code);
}

function atomic(code: number, imm: number, dst: number, src: number): number | Illegal {
  if (BPF_CLASS(code) !== BPF_STX) return illegal(code);
  const isWord = BPF_SIZE(code) === BPF_W || BPF_SIZE(code) === BPF_DW;
  const acquires = imm === BPF_LOAD_ACQ;
  if (!acquires && imm !== BPF_STORE_REL && !(isWord && ATOMIC_OPERATIONS.has(imm))) {
    return { illegal: `unknown atomic operation 0x${(imm >>> 0).toString(16)}` };
  }
  const written = acquires ? dst : imm & BPF_FETCH && imm !== BPF_CMPXCHG ? src : undefined;
  return written === BPF_REG_FP ? { illegal: 'the frame pointer is read only' } : code;
}
