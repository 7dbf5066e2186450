/**
 * What an instruction does with registers and memory, as data: for liveness, for the debugger's "who wrote this", for traces.
 *
 * Register sets are bit masks, bit 0 for r0 up to bit 10 for r10. The rules are those by which Linux 6.18 computes the live
 * registers that it prints at log level 2, so a call counts as reading all of r1 to r5 unless its prototype is known.
 */
import { BailoutError } from '../errors.ts';
import type { Instructions } from './instructions.ts';
import * as op from './opcodes.ts';

/** r1 to r5: the arguments of a call. */
export const ARGUMENT_REGISTERS = 0b11_1110;
/** r0 to r5: what a call may change. */
export const CALLER_SAVED_REGISTERS = 0b11_1111;

export type MemoryAccessKind =
  | 'none'
  | 'load'
  | 'store'
  /** Reads and writes in one step, with or without giving back the old value. */
  | 'atomic'
  /** `ld_abs` and `ld_ind`: reads the packet through the context in r6. */
  | 'packet';

/** Kinds by the number that stands for them in `OperandTable.memoryKind`. */
export const MEMORY_ACCESS_KINDS: readonly MemoryAccessKind[] = ['none', 'load', 'store', 'atomic', 'packet'];

export interface MemoryAccess {
  readonly kind: Exclude<MemoryAccessKind, 'none'>;
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: number;
  /** Register that holds the address; undefined for a packet load at a fixed offset. */
  readonly base: number | undefined;
  /** Added to the base; for a packet load, the offset in the packet. */
  readonly offset: number;
  /** Whether a load extends the sign. */
  readonly signed: boolean;
}

export interface Operands {
  readonly reads: number;
  /** Includes the registers that a call leaves undefined. */
  readonly writes: number;
  readonly memory: MemoryAccess | undefined;
}

/** How many arguments a call passes, where it is known: by helper, kfunc or subprogram. */
export type ArgumentCount = (insns: Instructions, i: number) => number | undefined;

const bit = (register: number): number => 1 << register;

/** Registers read by the instruction at slot `i`. */
export function registersRead(insns: Instructions, i: number, argumentCount?: ArgumentCount): number {
  const code = insns.code[i]!;
  const dst = bit(insns.dst[i]!);
  const src = bit(insns.src[i]!);
  switch (op.BPF_CLASS(code)) {
    case op.BPF_LD:
      switch (op.BPF_MODE(code)) {
        case op.BPF_ABS:
          return bit(op.BPF_REG_6);
        case op.BPF_IND:
          return bit(op.BPF_REG_6) | src;
        default:
          return 0;
      }
    case op.BPF_LDX:
      return src;
    case op.BPF_ST:
      return code === op.OPCODE_NOSPEC ? 0 : dst;
    case op.BPF_STX:
      if (op.BPF_MODE(code) !== op.BPF_ATOMIC) return dst | src;
      if (insns.imm[i] === op.BPF_LOAD_ACQ) return src;
      return insns.imm[i] === op.BPF_CMPXCHG ? dst | src | bit(op.BPF_REG_0) : dst | src;
    case op.BPF_ALU:
    case op.BPF_ALU64:
      switch (op.BPF_OP(code)) {
        case op.BPF_END:
        case op.BPF_NEG:
          return dst;
        case op.BPF_MOV:
          return op.BPF_SRC(code) === op.BPF_X ? src : 0;
        default:
          return op.BPF_SRC(code) === op.BPF_X ? dst | src : dst;
      }
    default:
      switch (op.BPF_OP(code)) {
        case op.BPF_JA:
        case op.BPF_JCOND:
          return 0;
        case op.BPF_EXIT:
          return bit(op.BPF_REG_0);
        case op.BPF_CALL: {
          const count = argumentCount?.(insns, i);
          return count === undefined ? ARGUMENT_REGISTERS : ((1 << Math.min(count, 5)) - 1) << 1;
        }
        default:
          return op.BPF_SRC(code) === op.BPF_X ? dst | src : dst;
      }
  }
}

/** Registers that the instruction at slot `i` writes or leaves undefined. */
export function registersWritten(insns: Instructions, i: number): number {
  const code = insns.code[i]!;
  const dst = bit(insns.dst[i]!);
  switch (op.BPF_CLASS(code)) {
    case op.BPF_LD:
      // A packet load is a call underneath: it leaves the argument registers undefined (RFC 9669, section 5.5).
      return op.BPF_MODE(code) === op.BPF_IMM ? dst : CALLER_SAVED_REGISTERS;
    case op.BPF_LDX:
    case op.BPF_ALU:
    case op.BPF_ALU64:
      return dst;
    case op.BPF_ST:
      return 0;
    case op.BPF_STX: {
      if (op.BPF_MODE(code) !== op.BPF_ATOMIC) return 0;
      const imm = insns.imm[i]!;
      if (imm === op.BPF_LOAD_ACQ) return dst;
      if (imm === op.BPF_STORE_REL) return 0;
      if (imm === op.BPF_CMPXCHG) return bit(op.BPF_REG_0);
      return (imm & op.BPF_FETCH) !== 0 ? bit(insns.src[i]!) : 0;
    }
    default:
      return op.BPF_OP(code) === op.BPF_CALL ? CALLER_SAVED_REGISTERS : 0;
  }
}

/** What the instruction at slot `i` reads or writes in memory; undefined when nothing. */
export function memoryAccess(insns: Instructions, i: number): MemoryAccess | undefined {
  const code = insns.code[i]!;
  const size = op.accessBytes(code);
  const mode = op.BPF_MODE(code);
  switch (op.BPF_CLASS(code)) {
    case op.BPF_LD:
      if (mode !== op.BPF_ABS && mode !== op.BPF_IND) return undefined;
      return {
        kind: 'packet',
        size,
        base: mode === op.BPF_IND ? insns.src[i]! : undefined,
        offset: insns.imm[i]!,
        signed: false,
      };
    case op.BPF_LDX:
      return { kind: 'load', size, base: insns.src[i]!, offset: insns.off[i]!, signed: mode === op.BPF_MEMSX };
    case op.BPF_ST:
      if (mode !== op.BPF_MEM) return undefined;
      return { kind: 'store', size, base: insns.dst[i]!, offset: insns.off[i]!, signed: false };
    case op.BPF_STX: {
      const offset = insns.off[i]!;
      if (mode !== op.BPF_ATOMIC) return { kind: 'store', size, base: insns.dst[i]!, offset, signed: false };
      if (insns.imm[i] === op.BPF_LOAD_ACQ) return { kind: 'load', size, base: insns.src[i]!, offset, signed: false };
      const kind = insns.imm[i] === op.BPF_STORE_REL ? 'store' : 'atomic';
      return { kind, size, base: insns.dst[i]!, offset, signed: false };
    }
    default:
      return undefined;
  }
}

/** Everything about the instruction at slot `i`. */
export function operandsOf(insns: Instructions, i: number, argumentCount?: ArgumentCount): Operands {
  if (i < 0 || i >= insns.length)
    throw new BailoutError('ISA_NO_SUCH_INSN', `There is no instruction ${i}: the program has ${insns.length} slots.`);
  return {
    reads: registersRead(insns, i, argumentCount),
    writes: registersWritten(insns, i),
    memory: memoryAccess(insns, i),
  };
}

/** The operands of a whole program as columns, for passes that visit each instruction many times. */
export interface OperandTable {
  readonly reads: Uint16Array;
  readonly writes: Uint16Array;
  /** Index into `MEMORY_ACCESS_KINDS`. */
  readonly memoryKind: Uint8Array;
  readonly memorySize: Uint8Array;
}

/** The table of all slots; the second slot of a 64-bit immediate load reads and writes nothing. */
export function operandTable(insns: Instructions, argumentCount?: ArgumentCount): OperandTable {
  const table: OperandTable = {
    reads: new Uint16Array(insns.length),
    writes: new Uint16Array(insns.length),
    memoryKind: new Uint8Array(insns.length),
    memorySize: new Uint8Array(insns.length),
  };
  for (let i = 0; i < insns.length; i += insns.slots(i)) {
    table.reads[i] = registersRead(insns, i, argumentCount);
    table.writes[i] = registersWritten(insns, i);
    const memory = memoryAccess(insns, i);
    if (memory === undefined) continue;
    table.memoryKind[i] = MEMORY_ACCESS_KINDS.indexOf(memory.kind);
    table.memorySize[i] = memory.size;
  }
  return table;
}

/** The registers of a mask, ascending. */
export function registersOf(mask: number): number[] {
  const registers: number[] = [];
  for (let register = 0; register < op.MAX_BPF_REG; register++)
    if ((mask & bit(register)) !== 0) registers.push(register);
  return registers;
}
