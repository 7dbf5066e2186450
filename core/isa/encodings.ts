/**
 * Which encodings are instructions: one row per instruction, with what each of its fields may hold.
 *
 * The table is the instruction set: the check for a CPU version reads it, the assembler's mnemonics come from it, and the
 * property tests walk it to be sure that nothing is left out. What the kernel's verifier *says* about a wrong encoding, in its
 * own order and words, is the verifier's business.
 *
 * An opcode byte alone does not tell the instruction: the offset makes a division signed and a move sign-extending, the
 * immediate selects the atomic operation and the width of a byte swap, and the source register selects the kind of call and of
 * 64-bit immediate (RFC 9669, sections 4 and 5). A row therefore fixes some fields and leaves others free.
 */
import type { Instructions } from './instructions.ts';
import * as op from './opcodes.ts';

/** What clang's `-mcpu` calls v1 to v4. */
export type CpuVersion = 1 | 2 | 3 | 4;

/** The conformance groups of RFC 9669, section 2.4; `linux` holds what only Linux has. */
export type ConformanceGroup =
  'base32' | 'base64' | 'atomic32' | 'atomic64' | 'divmul32' | 'divmul64' | 'packet' | 'linux';

/** What a field may hold: a register r0 to r10, any number, or one of these numbers (mostly: only 0). */
export type FieldRule = 'register' | 'any' | readonly number[];

export interface Encoding {
  /** The name in the mnemonic syntax, unique together with the operands: `add`, `jeq32`, `ldxw`, `fetch_add`. */
  readonly mnemonic: string;
  readonly code: number;
  readonly dst: FieldRule;
  readonly src: FieldRule;
  readonly off: FieldRule;
  readonly imm: FieldRule;
  readonly group: ConformanceGroup;
  /** The first CPU version that has it. */
  readonly since: CpuVersion;
}

const ZERO: readonly number[] = [0];

/** The ten two-operand arithmetic operations that take no offset, by mnemonic. */
export const ALU_OPERATIONS: readonly (readonly [mnemonic: string, operation: number])[] = [
  ['add', op.BPF_ADD],
  ['sub', op.BPF_SUB],
  ['mul', op.BPF_MUL],
  ['div', op.BPF_DIV],
  ['or', op.BPF_OR],
  ['and', op.BPF_AND],
  ['lsh', op.BPF_LSH],
  ['rsh', op.BPF_RSH],
  ['mod', op.BPF_MOD],
  ['xor', op.BPF_XOR],
  ['mov', op.BPF_MOV],
  ['arsh', op.BPF_ARSH],
];

/** The conditional jumps by mnemonic, with the CPU version that brought the 64-bit form. */
export const JUMP_OPERATIONS: readonly (readonly [mnemonic: string, operation: number, since: CpuVersion])[] = [
  ['jeq', op.BPF_JEQ, 1],
  ['jgt', op.BPF_JGT, 1],
  ['jge', op.BPF_JGE, 1],
  ['jset', op.BPF_JSET, 1],
  ['jne', op.BPF_JNE, 1],
  ['jsgt', op.BPF_JSGT, 1],
  ['jsge', op.BPF_JSGE, 1],
  ['jlt', op.BPF_JLT, 2],
  ['jle', op.BPF_JLE, 2],
  ['jslt', op.BPF_JSLT, 2],
  ['jsle', op.BPF_JSLE, 2],
];

/** Suffix of a load's or store's mnemonic, and the size. */
export const SIZES: readonly (readonly [suffix: string, size: number])[] = [
  ['b', op.BPF_B],
  ['h', op.BPF_H],
  ['w', op.BPF_W],
  ['dw', op.BPF_DW],
];

/** What a 64-bit immediate stands for, by source register; 0 is the number itself. */
export const IMM64_FORMS: readonly (readonly [form: string, src: number])[] = [
  ['map_fd', op.BPF_PSEUDO_MAP_FD],
  ['map_value', op.BPF_PSEUDO_MAP_VALUE],
  ['btf_id', op.BPF_PSEUDO_BTF_ID],
  ['func', op.BPF_PSEUDO_FUNC],
  ['map_idx', op.BPF_PSEUDO_MAP_IDX],
  ['map_idx_value', op.BPF_PSEUDO_MAP_IDX_VALUE],
];

function arithmetic(): Encoding[] {
  const rows: Encoding[] = [];
  for (const [cls, suffix, width] of [
    [op.BPF_ALU64, '', 64],
    [op.BPF_ALU, '32', 32],
  ] as const) {
    const base = width === 64 ? 'base64' : 'base32';
    const divmul = width === 64 ? 'divmul64' : 'divmul32';
    for (const [name, operation] of ALU_OPERATIONS) {
      const isDivision = operation === op.BPF_DIV || operation === op.BPF_MOD;
      const group = isDivision || operation === op.BPF_MUL ? divmul : base;
      const k = { code: cls | operation | op.BPF_K, dst: 'register', src: ZERO, imm: 'any', group } as const;
      const x = { code: cls | operation | op.BPF_X, dst: 'register', src: 'register', imm: ZERO, group } as const;
      rows.push(
        { ...k, mnemonic: name + suffix, off: ZERO, since: 1 },
        { ...x, mnemonic: name + suffix, off: ZERO, since: 1 },
      );
      if (isDivision)
        rows.push(
          { ...k, mnemonic: `s${name}${suffix}`, off: [1], since: 4 },
          { ...x, mnemonic: `s${name}${suffix}`, off: [1], since: 4 },
        );
      if (operation === op.BPF_MOV)
        for (const bits of width === 64 ? [8, 16, 32] : [8, 16])
          rows.push({ ...x, mnemonic: `movsx${bits}${width}`, off: [bits], since: 4 });
    }
    rows.push({
      mnemonic: `neg${suffix}`,
      code: cls | op.BPF_NEG,
      dst: 'register',
      src: ZERO,
      off: ZERO,
      imm: ZERO,
      group: base,
      since: 1,
    });
  }
  for (const bits of [16, 32, 64]) {
    const swap = {
      dst: 'register',
      src: ZERO,
      off: ZERO,
      imm: [bits],
      group: bits === 64 ? 'base64' : 'base32',
    } as const;
    rows.push(
      { ...swap, mnemonic: `le${bits}`, code: op.BPF_ALU | op.BPF_END | op.BPF_TO_LE, since: 1 },
      { ...swap, mnemonic: `be${bits}`, code: op.BPF_ALU | op.BPF_END | op.BPF_TO_BE, since: 1 },
      { ...swap, mnemonic: `bswap${bits}`, code: op.BPF_ALU64 | op.BPF_END, since: 4 },
    );
  }
  rows.push({
    mnemonic: 'addr_space_cast',
    code: op.BPF_ALU64 | op.BPF_MOV | op.BPF_X,
    dst: 'register',
    src: 'register',
    off: [op.BPF_ADDR_SPACE_CAST],
    // Between the arena's address space, 1, and the kernel's, 0: target above, origin below.
    imm: [1, 1 << 16],
    group: 'linux',
    since: 1,
  });
  return rows;
}

function jumps(): Encoding[] {
  const rows: Encoding[] = [];
  for (const [name, operation, since] of JUMP_OPERATIONS) {
    for (const [cls, suffix, first, group] of [
      [op.BPF_JMP, '', since, 'base64'],
      [op.BPF_JMP32, '32', 3, 'base32'],
    ] as const) {
      const any = { mnemonic: name + suffix, dst: 'register', off: 'any', group, since: first } as const;
      rows.push(
        { ...any, code: cls | operation | op.BPF_K, src: ZERO, imm: 'any' },
        { ...any, code: cls | operation | op.BPF_X, src: 'register', imm: ZERO },
      );
    }
  }
  const plain = { dst: ZERO, src: ZERO, off: ZERO, imm: ZERO, since: 1 } as const;
  rows.push(
    { ...plain, mnemonic: 'ja', code: op.OPCODE_JA, off: 'any', group: 'base32' },
    { ...plain, mnemonic: 'ja32', code: op.OPCODE_GOTOL, imm: 'any', group: 'base32', since: 4 },
    { ...plain, mnemonic: 'may_goto', code: op.OPCODE_MAY_GOTO, src: [op.BPF_MAY_GOTO], off: 'any', group: 'linux' },
    { ...plain, mnemonic: 'exit', code: op.OPCODE_EXIT, group: 'base32' },
    { ...plain, mnemonic: 'call', code: op.OPCODE_CALL, imm: 'any', group: 'base32' },
    { ...plain, mnemonic: 'call_local', code: op.OPCODE_CALL, src: [op.BPF_PSEUDO_CALL], imm: 'any', group: 'base32' },
    // The offset of a kfunc call picks the module whose BTF the immediate means (Linux 5.16).
    {
      ...plain,
      mnemonic: 'call_kfunc',
      code: op.OPCODE_CALL,
      src: [op.BPF_PSEUDO_KFUNC_CALL],
      off: 'any',
      imm: 'any',
      group: 'base32',
    },
  );
  return rows;
}

function loadsAndStores(): Encoding[] {
  const rows: Encoding[] = [];
  for (const [suffix, size] of SIZES) {
    const group = size === op.BPF_DW ? 'base64' : 'base32';
    const load = {
      code: op.BPF_LDX | op.BPF_MEM | size,
      dst: 'register',
      src: 'register',
      off: 'any',
      imm: ZERO,
    } as const;
    rows.push(
      { ...load, mnemonic: `ldx${suffix}`, group, since: 1 },
      { ...load, mnemonic: `stx${suffix}`, code: op.BPF_STX | op.BPF_MEM | size, group, since: 1 },
      { ...load, mnemonic: `st${suffix}`, code: op.BPF_ST | op.BPF_MEM | size, src: ZERO, imm: 'any', group, since: 1 },
      {
        ...load,
        mnemonic: `load_acquire_${suffix}`,
        code: op.BPF_STX | op.BPF_ATOMIC | size,
        imm: [op.BPF_LOAD_ACQ],
        group: 'linux',
        since: 4,
      },
      {
        ...load,
        mnemonic: `store_release_${suffix}`,
        code: op.BPF_STX | op.BPF_ATOMIC | size,
        imm: [op.BPF_STORE_REL],
        group: 'linux',
        since: 4,
      },
    );
    if (size !== op.BPF_DW) {
      const packet = { dst: ZERO, off: ZERO, imm: 'any', group: 'packet', since: 1 } as const;
      rows.push(
        { ...load, mnemonic: `ldxs${suffix}`, code: op.BPF_LDX | op.BPF_MEMSX | size, group: 'base64', since: 4 },
        { ...packet, mnemonic: `ldabs${suffix}`, code: op.BPF_LD | op.BPF_ABS | size, src: ZERO },
        { ...packet, mnemonic: `ldind${suffix}`, code: op.BPF_LD | op.BPF_IND | size, src: 'register' },
      );
    }
  }
  for (const [form, src] of [['', 0], ...IMM64_FORMS] as const)
    rows.push({
      mnemonic: form === '' ? 'lddw' : `lddw_${form}`,
      code: op.OPCODE_LD_IMM64,
      dst: 'register',
      src: [src],
      off: ZERO,
      imm: 'any',
      group: 'base64',
      since: 1,
    });
  return rows;
}

function atomics(): Encoding[] {
  const rows: Encoding[] = [];
  for (const [size, suffix, group] of [
    [op.BPF_DW, '', 'atomic64'],
    [op.BPF_W, '32', 'atomic32'],
  ] as const) {
    const row = (mnemonic: string, imm: number, since: CpuVersion): Encoding => ({
      mnemonic: mnemonic + suffix,
      code: op.BPF_STX | op.BPF_ATOMIC | size,
      dst: 'register',
      src: 'register',
      off: 'any',
      imm: [imm],
      group,
      since,
    });
    for (const [name, operation] of [
      ['add', op.BPF_ADD],
      ['or', op.BPF_OR],
      ['and', op.BPF_AND],
      ['xor', op.BPF_XOR],
    ] as const)
      rows.push(
        // Adding is as old as the instruction set (BPF_XADD); the rest came with v3.
        row(`atomic_${name}`, operation, operation === op.BPF_ADD ? 1 : 3),
        row(`atomic_fetch_${name}`, operation | op.BPF_FETCH, 3),
      );
    rows.push(row('atomic_xchg', op.BPF_XCHG, 3), row('atomic_cmpxchg', op.BPF_CMPXCHG, 3));
  }
  return rows;
}

/** The instruction set. */
export const ENCODINGS: readonly Encoding[] = [...arithmetic(), ...jumps(), ...loadsAndStores(), ...atomics()];

const NONE: readonly Encoding[] = [];
const BY_CODE: readonly (readonly Encoding[])[] = Array.from({ length: 256 }, (_, code) => {
  const rows = ENCODINGS.filter((row) => row.code === code);
  return rows.length === 0 ? NONE : rows;
});

/** The rows with this opcode byte; none when no instruction has it. */
export function encodingsOf(code: number): readonly Encoding[] {
  return BY_CODE[code] ?? NONE;
}

function obeys(rule: FieldRule, value: number): boolean {
  if (rule === 'any') return true;
  if (rule === 'register') return value < op.MAX_BPF_REG;
  return rule.includes(value);
}

/** The row that slot `i` is an instance of; undefined when it is no instruction. */
export function encodingAt(insns: Instructions, i: number): Encoding | undefined {
  const row = encodingsOf(insns.code[i] ?? 0).find(
    (candidate) =>
      obeys(candidate.dst, insns.dst[i]!) &&
      obeys(candidate.src, insns.src[i]!) &&
      obeys(candidate.off, insns.off[i]!) &&
      obeys(candidate.imm, insns.imm[i]!),
  );
  if (row?.code !== op.OPCODE_LD_IMM64) return row;
  return i + 1 < insns.length && isSecondSlot(insns, i + 1) ? row : undefined;
}

function isSecondSlot(insns: Instructions, i: number): boolean {
  return insns.code[i] === 0 && insns.dst[i] === 0 && insns.src[i] === 0 && insns.off[i] === 0;
}

/** Why a slot is no instruction of a CPU version. */
export interface IllegalEncoding {
  readonly insn: number;
  readonly code:
    'ISA_UNKNOWN_OPCODE' | 'ISA_RESERVED_FIELD' | 'ISA_BAD_REGISTER' | 'ISA_HALF_IMM64' | 'ISA_NEEDS_NEWER_CPU';
  /** One sentence, without the instruction's number. */
  readonly message: string;
}

const FIELDS = ['dst', 'src', 'off', 'imm'] as const;
const FIELD_NAMES = { dst: 'destination register', src: 'source register', off: 'offset', imm: 'immediate' } as const;

/** What is wrong with the instruction that begins at slot `i`, for programs of this CPU version; undefined when nothing is. */
export function illegalEncodingAt(
  insns: Instructions,
  i: number,
  version: CpuVersion = 4,
): IllegalEncoding | undefined {
  const { code, ...fields } = insns.at(i);
  const rows = encodingsOf(code);
  const hex = `0x${code.toString(16).padStart(2, '0')}`;
  if (rows.length === 0)
    return { insn: i, code: 'ISA_UNKNOWN_OPCODE', message: `No instruction has the opcode ${hex}.` };
  const row = encodingAt(insns, i);
  if (row !== undefined) {
    if (row.since <= version) return undefined;
    return {
      insn: i,
      code: 'ISA_NEEDS_NEWER_CPU',
      message: `The instruction ${row.mnemonic} needs cpu v${row.since}; this program is for v${version}.`,
    };
  }
  for (const field of ['dst', 'src'] as const)
    if (fields[field] >= op.MAX_BPF_REG)
      return { insn: i, code: 'ISA_BAD_REGISTER', message: `There is no register r${fields[field]}.` };
  if (
    code === op.OPCODE_LD_IMM64 &&
    rows.some((candidate) => FIELDS.every((field) => obeys(candidate[field], fields[field])))
  )
    return {
      insn: i,
      code: 'ISA_HALF_IMM64',
      message: 'The second slot of this 64-bit immediate load is missing or holds more than an immediate.',
    };
  // The row that comes closest says which field is at fault.
  const faults = rows.map((candidate) => FIELDS.filter((field) => !obeys(candidate[field], fields[field])));
  const nearest = faults.reduce((best, each) => (each.length < best.length ? each : best));
  const field = nearest[0] ?? 'imm';
  return {
    insn: i,
    code: 'ISA_RESERVED_FIELD',
    message: `The ${FIELD_NAMES[field]} of an instruction with opcode ${hex} cannot be ${fields[field]}.`,
  };
}

/** All that is wrong with a program's encodings, in order. */
export function illegalEncodings(insns: Instructions, version: CpuVersion = 4): IllegalEncoding[] {
  const found: IllegalEncoding[] = [];
  for (let i = 0; i < insns.length; i++) {
    const problem = illegalEncodingAt(insns, i, version);
    if (problem !== undefined) found.push(problem);
    else if (insns.isLdImm64(i)) i++;
  }
  return found;
}
