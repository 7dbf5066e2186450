/**
 * The numbers of the instruction set, named as `linux/bpf.h` names them, and the functions that take an opcode apart.
 *
 * An opcode byte is either of two layouts (RFC 9669, sections 3 and 4.1):
 *
 *     arithmetic and jumps       loads and stores
 *     7..4 operation             7..5 mode
 *     3    source (K or X)       4..3 size
 *     2..0 class                 2..0 class
 */

// Classes (RFC 9669, section 3.2)
export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_JMP32 = 0x06;
export const BPF_ALU64 = 0x07;

// Where the second operand comes from: the immediate or a register
export const BPF_K = 0x00;
export const BPF_X = 0x08;

// Arithmetic operations (RFC 9669, section 4.1)
export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_MOV = 0xb0;
export const BPF_ARSH = 0xc0;
export const BPF_END = 0xd0;

// The "source" bit of BPF_END in class ALU; in class ALU64 it is 0 and the operation swaps unconditionally
export const BPF_TO_LE = 0x00;
export const BPF_TO_BE = 0x08;

/** Offset of a 64-bit register move that changes the address space of an arena pointer. */
export const BPF_ADDR_SPACE_CAST = 1;
/** Offset of a 64-bit register move that the kernel itself emits to reach per-CPU data; not legal in a program. */
export const BPF_ADDR_PERCPU = -1;

// Jump operations (RFC 9669, section 4.3)
export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_JNE = 0x50;
export const BPF_JSGT = 0x60;
export const BPF_JSGE = 0x70;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;
export const BPF_JLT = 0xa0;
export const BPF_JLE = 0xb0;
export const BPF_JSLT = 0xc0;
export const BPF_JSLE = 0xd0;
export const BPF_JCOND = 0xe0;

/** Source register of a BPF_JCOND: what kind of conditional pseudo jump it is. */
export const BPF_MAY_GOTO = 0;

// Sizes of loads and stores
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_DW = 0x18;

// Modes of loads and stores (RFC 9669, section 5)
export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
export const BPF_MEMSX = 0x80;
export const BPF_ATOMIC = 0xc0;
/** The old name of BPF_ATOMIC, from when it could only add. */
export const BPF_XADD = 0xc0;
/** Mode of a store that stops speculation; the kernel inserts it and refuses it in a program. */
export const BPF_NOSPEC = 0xc0;

// Atomic operations, in the immediate (RFC 9669, section 5.3); the arithmetic ones are BPF_ADD, BPF_OR, BPF_AND, BPF_XOR
export const BPF_FETCH = 0x01;
export const BPF_XCHG = 0xe0 | BPF_FETCH;
export const BPF_CMPXCHG = 0xf0 | BPF_FETCH;
export const BPF_LOAD_ACQ = 0x100;
export const BPF_STORE_REL = 0x110;

// Source register of a 64-bit immediate load: what the immediate stands for (RFC 9669, section 5.4)
export const BPF_PSEUDO_MAP_FD = 1;
export const BPF_PSEUDO_MAP_VALUE = 2;
export const BPF_PSEUDO_BTF_ID = 3;
export const BPF_PSEUDO_FUNC = 4;
export const BPF_PSEUDO_MAP_IDX = 5;
export const BPF_PSEUDO_MAP_IDX_VALUE = 6;

// Source register of a call: what is called (RFC 9669, section 4.3.1); 0 is a helper by number
export const BPF_PSEUDO_CALL = 1;
export const BPF_PSEUDO_KFUNC_CALL = 2;

// Registers
export const BPF_REG_0 = 0;
export const BPF_REG_1 = 1;
export const BPF_REG_2 = 2;
export const BPF_REG_3 = 3;
export const BPF_REG_4 = 4;
export const BPF_REG_5 = 5;
export const BPF_REG_6 = 6;
export const BPF_REG_7 = 7;
export const BPF_REG_8 = 8;
export const BPF_REG_9 = 9;
export const BPF_REG_10 = 10;
export const BPF_REG_FP = 10;
/** Registers that a program can name: r0 to r10. */
export const MAX_BPF_REG = 11;

// Opcodes whole, for those that are recognised by one comparison
export const OPCODE_LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW;
export const OPCODE_CALL = BPF_JMP | BPF_CALL;
/** Call through a register: never legal in Linux, but compilers can be made to emit it. */
export const OPCODE_CALLX = BPF_JMP | BPF_CALL | BPF_X;
export const OPCODE_EXIT = BPF_JMP | BPF_EXIT;
export const OPCODE_JA = BPF_JMP | BPF_JA;
export const OPCODE_GOTOL = BPF_JMP32 | BPF_JA;
export const OPCODE_MAY_GOTO = BPF_JMP | BPF_JCOND;
export const OPCODE_NOSPEC = BPF_ST | BPF_NOSPEC;

/** Bytes of one instruction slot. */
export const SLOT_SIZE = 8;

export function BPF_CLASS(code: number): number {
  return code & 0x07;
}

export function BPF_SIZE(code: number): number {
  return code & 0x18;
}

export function BPF_MODE(code: number): number {
  return code & 0xe0;
}

export function BPF_OP(code: number): number {
  return code & 0xf0;
}

export function BPF_SRC(code: number): number {
  return code & 0x08;
}

const BYTES_BY_SIZE = Uint8Array.of(4, 2, 1, 8);

/** Bytes that a load or store with this opcode moves: 1, 2, 4 or 8. */
export function accessBytes(code: number): number {
  return BYTES_BY_SIZE[(code & 0x18) >> 3] as number;
}

/** Whether the class of this opcode is arithmetic, 32 or 64 bits. */
export function isAluClass(code: number): boolean {
  const cls = code & 0x07;
  return cls === BPF_ALU || cls === BPF_ALU64;
}

/** Whether the class of this opcode is a jump, comparing 32 or 64 bits. */
export function isJumpClass(code: number): boolean {
  const cls = code & 0x07;
  return cls === BPF_JMP || cls === BPF_JMP32;
}
