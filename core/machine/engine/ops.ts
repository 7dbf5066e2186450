/**
 * Opcodes of the engine. Where an opcode byte of BPF means one thing only, it is the engine's too; what BPF tells apart
 * by offset, immediate or source register gets a byte that BPF leaves unused, so that one jump table decides all.
 */

export const OP_BREAK = 0x00;
/** Not an instruction, or one that no program may contain; the image knows why. */
export const OP_ILLEGAL = 0x08;

// 64-bit arithmetic
export const ADD64_K = 0x07;
export const ADD64_X = 0x0f;
export const SUB64_K = 0x17;
export const SUB64_X = 0x1f;
export const MUL64_K = 0x27;
export const MUL64_X = 0x2f;
export const DIV64_K = 0x37;
export const DIV64_X = 0x3f;
export const OR64_K = 0x47;
export const OR64_X = 0x4f;
export const AND64_K = 0x57;
export const AND64_X = 0x5f;
export const LSH64_K = 0x67;
export const LSH64_X = 0x6f;
export const RSH64_K = 0x77;
export const RSH64_X = 0x7f;
export const NEG64 = 0x87;
export const MOD64_K = 0x97;
export const MOD64_X = 0x9f;
export const XOR64_K = 0xa7;
export const XOR64_X = 0xaf;
export const MOV64_K = 0xb7;
export const MOV64_X = 0xbf;
export const ARSH64_K = 0xc7;
export const ARSH64_X = 0xcf;

// 32-bit arithmetic
export const ADD32_K = 0x04;
export const ADD32_X = 0x0c;
export const SUB32_K = 0x14;
export const SUB32_X = 0x1c;
export const MUL32_K = 0x24;
export const MUL32_X = 0x2c;
export const DIV32_K = 0x34;
export const DIV32_X = 0x3c;
export const OR32_K = 0x44;
export const OR32_X = 0x4c;
export const AND32_K = 0x54;
export const AND32_X = 0x5c;
export const LSH32_K = 0x64;
export const LSH32_X = 0x6c;
export const RSH32_K = 0x74;
export const RSH32_X = 0x7c;
export const NEG32 = 0x84;
export const MOD32_K = 0x94;
export const MOD32_X = 0x9c;
export const XOR32_K = 0xa4;
export const XOR32_X = 0xac;
export const MOV32_K = 0xb4;
export const MOV32_X = 0xbc;
export const ARSH32_K = 0xc4;
export const ARSH32_X = 0xcc;

// What BPF tells apart by the offset field
export const SDIV64_K = 0x10;
export const SDIV64_X = 0x38;
export const SDIV32_K = 0x58;
export const SDIV32_X = 0x60;
export const SMOD64_K = 0x68;
export const SMOD64_X = 0x70;
export const SMOD32_K = 0x78;
export const SMOD32_X = 0x80;
export const MOVSX64_8 = 0x88;
export const MOVSX64_16 = 0x90;
export const MOVSX64_32 = 0x98;
export const MOVSX32_8 = 0xa0;
export const MOVSX32_16 = 0xa8;
/** Arena pointers: from user space's view to the kernel's, and back. */
export const CAST_KERNEL = 0xb0;
export const CAST_USER = 0xb8;

// What BPF tells apart by the immediate
export const LE16 = 0xd4;
export const LE32 = 0xc0;
export const LE64 = 0xc8;
export const BE16 = 0xdc;
export const BE32 = 0xd0;
export const BE64 = 0xd8;
export const BSWAP16 = 0xd7;
export const BSWAP32 = 0xe0;
export const BSWAP64 = 0xe8;

// Loads and stores
export const LDX_W = 0x61;
export const LDX_H = 0x69;
export const LDX_B = 0x71;
export const LDX_DW = 0x79;
export const LDXSX_W = 0x81;
export const LDXSX_H = 0x89;
export const LDXSX_B = 0x91;
export const ST_W = 0x62;
export const ST_H = 0x6a;
export const ST_B = 0x72;
export const ST_DW = 0x7a;
export const STX_W = 0x63;
export const STX_H = 0x6b;
export const STX_B = 0x73;
export const STX_DW = 0x7b;
/** Atomic operations of 4 and 8 bytes, and load-acquire and store-release of 1 and 2; which one is in the immediate. */
export const ATOMIC_W = 0xc3;
export const ATOMIC_H = 0xcb;
export const ATOMIC_B = 0xd3;
export const ATOMIC_DW = 0xdb;
export const LD_IMM64 = 0x18;

// Jumps
export const JA = 0x05;
export const JEQ_K = 0x15;
export const JEQ_X = 0x1d;
export const JGT_K = 0x25;
export const JGT_X = 0x2d;
export const JGE_K = 0x35;
export const JGE_X = 0x3d;
export const JSET_K = 0x45;
export const JSET_X = 0x4d;
export const JNE_K = 0x55;
export const JNE_X = 0x5d;
export const JSGT_K = 0x65;
export const JSGT_X = 0x6d;
export const JSGE_K = 0x75;
export const JSGE_X = 0x7d;
export const JLT_K = 0xa5;
export const JLT_X = 0xad;
export const JLE_K = 0xb5;
export const JLE_X = 0xbd;
export const JSLT_K = 0xc5;
export const JSLT_X = 0xcd;
export const JSLE_K = 0xd5;
export const JSLE_X = 0xdd;
export const MAY_GOTO = 0xe5;
export const JEQ32_K = 0x16;
export const JEQ32_X = 0x1e;
export const JGT32_K = 0x26;
export const JGT32_X = 0x2e;
export const JGE32_K = 0x36;
export const JGE32_X = 0x3e;
export const JSET32_K = 0x46;
export const JSET32_X = 0x4e;
export const JNE32_K = 0x56;
export const JNE32_X = 0x5e;
export const JSGT32_K = 0x66;
export const JSGT32_X = 0x6e;
export const JSGE32_K = 0x76;
export const JSGE32_X = 0x7e;
export const JLT32_K = 0xa6;
export const JLT32_X = 0xae;
export const JLE32_K = 0xb6;
export const JLE32_X = 0xbe;
export const JSLT32_K = 0xc6;
export const JSLT32_X = 0xce;
export const JSLE32_K = 0xd6;
export const JSLE32_X = 0xde;

// Calls
/** A function of the same program. */
export const CALL_LOCAL = 0x8d;
/** Helper, kfunc or packet load: answered outside of the engine. */
export const CALL_OUT = 0x85;
export const EXIT = 0x95;
