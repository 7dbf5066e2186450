/**
 * The syntax that the kernel and LLVM print: `r0 += r1`, `if r1 == 0 goto out`, `*(u64 *)(r10 -8) = r1`.
 */
import type { ProgramBuilder } from './assembly-builder.ts';
import { fitsSignedImmediate, signedImmediate, wideImmediate } from './assembly-builder.ts';
import type { Address } from './assembly-operands.ts';
import { baseAndOffset, emitCall, emitImm64Form, jumpTarget, seesImm64Form } from './assembly-operands.ts';
import type { Line, Register } from './assembly-text.ts';
import * as op from './opcodes.ts';

const ALU_BY_SIGN = new Map<string, { readonly operation: number; readonly off: number }>([
  ['+=', { operation: op.BPF_ADD, off: 0 }],
  ['-=', { operation: op.BPF_SUB, off: 0 }],
  ['*=', { operation: op.BPF_MUL, off: 0 }],
  ['/=', { operation: op.BPF_DIV, off: 0 }],
  ['s/=', { operation: op.BPF_DIV, off: 1 }],
  ['%=', { operation: op.BPF_MOD, off: 0 }],
  ['s%=', { operation: op.BPF_MOD, off: 1 }],
  ['|=', { operation: op.BPF_OR, off: 0 }],
  ['&=', { operation: op.BPF_AND, off: 0 }],
  ['^=', { operation: op.BPF_XOR, off: 0 }],
  ['<<=', { operation: op.BPF_LSH, off: 0 }],
  ['>>=', { operation: op.BPF_RSH, off: 0 }],
  ['s>>=', { operation: op.BPF_ARSH, off: 0 }],
]);

const JUMP_BY_SIGN = new Map<string, number>([
  ['==', op.BPF_JEQ],
  ['!=', op.BPF_JNE],
  ['>', op.BPF_JGT],
  ['>=', op.BPF_JGE],
  ['<', op.BPF_JLT],
  ['<=', op.BPF_JLE],
  ['s>', op.BPF_JSGT],
  ['s>=', op.BPF_JSGE],
  ['s<', op.BPF_JSLT],
  ['s<=', op.BPF_JSLE],
  ['&', op.BPF_JSET],
]);

const SIZE_BY_NAME = new Map<string, number>([
  ['8', op.BPF_B],
  ['16', op.BPF_H],
  ['32', op.BPF_W],
  ['64', op.BPF_DW],
]);

const ATOMIC_BY_NAME = new Map<string, number>([
  ['fetch_add', op.BPF_ADD | op.BPF_FETCH],
  ['fetch_or', op.BPF_OR | op.BPF_FETCH],
  ['fetch_and', op.BPF_AND | op.BPF_FETCH],
  ['fetch_xor', op.BPF_XOR | op.BPF_FETCH],
  ['xchg', op.BPF_XCHG],
  ['cmpxchg', op.BPF_CMPXCHG],
]);

const STATEMENT_WORDS = new Set(['if', 'goto', 'gotol', 'may_goto', 'call', 'exit', 'nospec', 'store_release']);

/** Whether the line reads as this syntax. */
export function isKernelStatement(line: Line): boolean {
  if (line.seesRegister() || line.sees('*') || line.sees('lock', '*')) return true;
  // `store_release_w [r1], r2` and `may_goto +2` are words too; the first is the other syntax, the second is both.
  const first = line.peek();
  return first?.kind === 'word' && STATEMENT_WORDS.has(first.text);
}

/** @param expected opcode that stands before the text in a log line: it tells `r1 = 0x5` of 64 bits from a move */
export function kernelStatement(line: Line, builder: ProgramBuilder, expected: number | undefined): void {
  if (line.seesRegister()) assignment(line, builder, line.register(), expected);
  else if (line.sees('*')) store(line, builder);
  else if (line.accept('lock')) lockedUpdate(line, builder);
  else if (line.accept('if')) conditionalJump(line, builder);
  else if (line.accept('goto')) builder.emitJump(line, { code: op.OPCODE_JA }, jumpTarget(line));
  else if (line.accept('gotol')) builder.emitRelative(line, { code: op.OPCODE_GOTOL }, jumpTarget(line));
  else if (line.accept('may_goto')) builder.emitJump(line, { code: op.OPCODE_MAY_GOTO }, jumpTarget(line));
  else if (line.accept('call')) emitCall(line, builder);
  else if (line.accept('exit')) builder.emit(line, { code: op.OPCODE_EXIT });
  else if (line.accept('nospec')) builder.emit(line, { code: op.OPCODE_NOSPEC });
  else if (line.accept('store_release')) storeRelease(line, builder);
  else throw line.unexpected('an instruction');
}

function aluClass(register: Register): number {
  return register.is64 ? op.BPF_ALU64 : op.BPF_ALU;
}

/** A register of the same width as another. */
function sameWidth(line: Line, other: Register): number {
  const register = line.register();
  if (register.is64 !== other.is64)
    throw line.error(
      'ASM_MIXED_WIDTH',
      'Both registers of an operation are 64-bit (r) or both 32-bit (w)',
      register.column,
    );
  return register.index;
}

/** The same register once more, as in `r1 = -r1`. */
function repeated(line: Line, register: Register): void {
  const column = line.column;
  if (sameWidth(line, register) !== register.index)
    throw line.error('ASM_NOT_SAME_REGISTER', 'This operation works in place: both registers must be the same', column);
}

function assignment(line: Line, builder: ProgramBuilder, dst: Register, expected: number | undefined): void {
  if (line.accept('=')) {
    assignedValue(line, builder, dst, expected);
    return;
  }
  const column = line.column;
  const sign = line.take('an assignment such as "="').text;
  const alu = ALU_BY_SIGN.get(sign);
  if (alu === undefined) throw line.error('ASM_SYNTAX', `"${sign}" is no assignment`, column);
  const row = { code: aluClass(dst) | alu.operation, dst: dst.index, off: alu.off };
  if (line.seesRegister()) builder.emit(line, { ...row, code: row.code | op.BPF_X, src: sameWidth(line, dst) });
  else builder.emit(line, { ...row, imm: dst.is64 ? signedImmediate(line) : wideImmediate(line) });
}

function assignedValue(line: Line, builder: ProgramBuilder, dst: Register, expected: number | undefined): void {
  const code = aluClass(dst) | op.BPF_MOV;
  if (line.seesRegister()) builder.emit(line, { code: code | op.BPF_X, dst: dst.index, src: sameWidth(line, dst) });
  else if (line.seesNumber()) constant(line, builder, dst, expected);
  else if (line.accept('(')) signExtension(line, builder, dst);
  else if (line.accept('-')) {
    repeated(line, dst);
    builder.emit(line, { code: aluClass(dst) | op.BPF_NEG, dst: dst.index });
  } else if (line.accept('*')) load(line, builder, dst);
  else if (line.accept('&', '(', 'void', '__percpu', '*', ')', '(')) {
    const src = sameWidth(line, dst);
    line.expect(')');
    builder.emit(line, { code: code | op.BPF_X, dst: dst.index, src, off: op.BPF_ADDR_PERCPU });
  } else if (seesImm64Form(line)) {
    only64(line, dst);
    emitImm64Form(line, builder, dst.index);
  } else namedOperation(line, builder, dst);
}

function only64(line: Line, register: Register): void {
  if (!register.is64) throw line.error('ASM_MIXED_WIDTH', 'This needs a 64-bit register (r)', register.column);
}

function constant(line: Line, builder: ProgramBuilder, dst: Register, expected: number | undefined): void {
  const column = line.column;
  if (!dst.is64) {
    builder.emit(line, { code: op.BPF_ALU | op.BPF_MOV, dst: dst.index, imm: wideImmediate(line) });
    return;
  }
  const value = line.integer();
  const isLong = line.accept('ll') || expected === op.OPCODE_LD_IMM64;
  // What is written is what the register gets: a number beyond a sign-extended 32-bit immediate takes the long form.
  if (isLong || !fitsSignedImmediate(value)) builder.emitImm64(line, dst.index, value, column);
  else builder.emit(line, { code: op.BPF_ALU64 | op.BPF_MOV, dst: dst.index, imm: Number(value) });
}

function signExtension(line: Line, builder: ProgramBuilder, dst: Register): void {
  const column = line.column;
  const bits = /^s(8|16|32)$/.exec(line.word('s8, s16 or s32'))?.[1];
  if (bits === undefined || (bits === '32' && !dst.is64))
    throw line.error(
      'ASM_SYNTAX',
      `A ${dst.is64 ? 64 : 32}-bit register is extended from s8, s16${dst.is64 ? ' or s32' : ''}`,
      column,
    );
  line.expect(')');
  const src = sameWidth(line, dst);
  builder.emit(line, { code: aluClass(dst) | op.BPF_MOV | op.BPF_X, dst: dst.index, src, off: Number(bits) });
}

/** `(u64 *)`: size, and whether the type is signed. */
function pointerType(line: Line): { size: number; isSigned: boolean } {
  line.expect('(');
  const column = line.column;
  const name = line.word('a type: u8, u16, u32 or u64');
  const size = SIZE_BY_NAME.get(name.slice(1));
  if (size === undefined || !/^[us]/.test(name) || name === 's64')
    throw line.error('ASM_SYNTAX', `"${name}" is no type of a memory access`, column);
  line.expect('*');
  line.expect(')');
  return { size, isSigned: name.startsWith('s') };
}

function unsignedPointerType(line: Line): number {
  const column = line.column;
  const { size, isSigned } = pointerType(line);
  if (isSigned) throw line.error('ASM_SYNTAX', 'Only a load can be signed', column);
  return size;
}

/** `(r10 -8)` */
function addressInParentheses(line: Line): Address {
  line.expect('(');
  const address = baseAndOffset(line, ')');
  line.expect(')');
  return address;
}

/** LLVM names the lower half for what moves at most 32 bits; the encoding is the same. */
function checkWidth(line: Line, register: Register, size: number): void {
  if (!register.is64 && size === op.BPF_DW)
    throw line.error('ASM_MIXED_WIDTH', 'A 64-bit access needs a 64-bit register (r)', register.column);
}

function load(line: Line, builder: ProgramBuilder, dst: Register): void {
  const { size, isSigned } = pointerType(line);
  if (line.accept('skb')) {
    packetLoad(line, builder, dst, size);
    return;
  }
  checkWidth(line, dst, size);
  const { base, off } = addressInParentheses(line);
  const mode = isSigned ? op.BPF_MEMSX : op.BPF_MEM;
  builder.emit(line, { code: op.BPF_LDX | mode | size, dst: dst.index, src: base, off });
}

function packetLoad(line: Line, builder: ProgramBuilder, dst: Register, size: number): void {
  if (dst.index !== 0 || size === op.BPF_DW)
    throw line.error('ASM_SYNTAX', 'A packet load puts 8, 16 or 32 bits into r0', dst.column);
  line.expect('[');
  if (line.seesRegister()) {
    const src = line.register().index;
    if (line.sees('+', '-')) line.expect('+');
    const imm = line.sees(']') ? 0 : wideImmediate(line);
    builder.emit(line, { code: op.BPF_LD | op.BPF_IND | size, src, imm });
  } else builder.emit(line, { code: op.BPF_LD | op.BPF_ABS | size, imm: wideImmediate(line) });
  line.expect(']');
}

function namedOperation(line: Line, builder: ProgramBuilder, dst: Register): void {
  const column = line.column;
  const name = line.word('a value');
  const swap = /^(le|be|bswap)(16|32|64)$/.exec(name);
  const atomic = /^atomic(64)?_(\w+)$/.exec(name);
  const llvmExchange = /^(xchg|cmpxchg)(?:_64|(32)_32)$/.exec(name);
  if (swap !== null) {
    repeated(line, dst);
    const cls = swap[1] === 'bswap' ? op.BPF_ALU64 : op.BPF_ALU;
    const source = swap[1] === 'be' ? op.BPF_TO_BE : op.BPF_TO_LE;
    builder.emit(line, { code: cls | op.BPF_END | source, dst: dst.index, imm: Number(swap[2]) });
  } else if (name === 'addr_space_cast') addressSpaceCast(line, builder, dst);
  else if (name === 'load_acquire') {
    line.expect('(');
    const size = unsignedPointerType(line);
    checkWidth(line, dst, size);
    const { base, off } = addressInParentheses(line);
    line.expect(')');
    builder.emit(line, {
      code: op.BPF_STX | op.BPF_ATOMIC | size,
      dst: dst.index,
      src: base,
      off,
      imm: op.BPF_LOAD_ACQ,
    });
  } else if (atomic !== null && ATOMIC_BY_NAME.has(atomic[2]!)) {
    line.expect('(');
    const typeColumn = line.column;
    const size = unsignedPointerType(line);
    if (size !== (atomic[1] === undefined ? op.BPF_W : op.BPF_DW))
      throw line.error('ASM_MIXED_WIDTH', `${name} works on ${atomic[1] === undefined ? 'u32' : 'u64'}`, typeColumn);
    const address = addressInParentheses(line);
    fetchingAtomic(line, builder, dst, atomic[2]!, size, address);
  } else if (llvmExchange !== null) {
    line.expect('(');
    const address = baseAndOffset(line, ',');
    fetchingAtomic(line, builder, dst, llvmExchange[1]!, llvmExchange[2] === undefined ? op.BPF_DW : op.BPF_W, address);
  } else throw line.error('ASM_SYNTAX', `"${name}" is no value`, column);
}

function addressSpaceCast(line: Line, builder: ProgramBuilder, dst: Register): void {
  only64(line, dst);
  line.expect('(');
  const src = sameWidth(line, dst);
  line.expect(',');
  const to = line.integerIn(0n, 0xffffn, 'an address space');
  line.expect(',');
  const from = line.integerIn(0n, 0xffffn, 'an address space');
  line.expect(')');
  const code = op.BPF_ALU64 | op.BPF_MOV | op.BPF_X;
  builder.emit(line, { code, dst: dst.index, src, off: op.BPF_ADDR_SPACE_CAST, imm: (to << 16) | from });
}

/** The rest of `r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)`, from after the address. */
function fetchingAtomic(
  line: Line,
  builder: ProgramBuilder,
  dst: Register,
  name: string,
  size: number,
  { base, off }: Address,
): void {
  checkWidth(line, dst, size);
  line.expect(',');
  let src: number;
  if (name === 'cmpxchg') {
    const column = line.column;
    if (dst.index !== 0 || sameWidth(line, dst) !== 0)
      throw line.error('ASM_SYNTAX', 'A compare and exchange compares with r0 and puts the old value there', column);
    line.expect(',');
    src = sameWidth(line, dst);
  } else {
    src = dst.index;
    repeated(line, dst);
  }
  line.expect(')');
  const imm = ATOMIC_BY_NAME.get(name) ?? 0;
  builder.emit(line, { code: op.BPF_STX | op.BPF_ATOMIC | size, dst: base, src, off, imm });
}

/** `*(u64 *)(r10 -8) = r1`, `*(u8 *)(r1 +0) = 7` */
function store(line: Line, builder: ProgramBuilder): void {
  line.expect('*');
  const size = unsignedPointerType(line);
  const { base, off } = addressInParentheses(line);
  line.expect('=');
  if (line.seesRegister()) {
    const src = line.register();
    checkWidth(line, src, size);
    builder.emit(line, { code: op.BPF_STX | op.BPF_MEM | size, dst: base, src: src.index, off });
    return;
  }
  const imm = size === op.BPF_DW ? signedImmediate(line) : wideImmediate(line);
  builder.emit(line, { code: op.BPF_ST | op.BPF_MEM | size, dst: base, off, imm });
}

/** `lock *(u64 *)(r1 +0) += r2`, after the word */
function lockedUpdate(line: Line, builder: ProgramBuilder): void {
  line.expect('*');
  const typeColumn = line.column;
  const size = unsignedPointerType(line);
  if (size !== op.BPF_W && size !== op.BPF_DW)
    throw line.error('ASM_MIXED_WIDTH', 'Atomic operations work on u32 and u64', typeColumn);
  const { base, off } = addressInParentheses(line);
  const column = line.column;
  const sign = line.take('+=, |=, &= or ^=').text;
  const imm = ALU_BY_SIGN.get(sign)?.operation;
  if (imm === undefined || !['+=', '|=', '&=', '^='].includes(sign))
    throw line.error('ASM_SYNTAX', `"${sign}" is no atomic operation`, column);
  const src = line.register();
  checkWidth(line, src, size);
  builder.emit(line, { code: op.BPF_STX | op.BPF_ATOMIC | size, dst: base, src: src.index, off, imm });
}

/** `store_release((u64 *)(r1 +0), r2)`, after the word */
function storeRelease(line: Line, builder: ProgramBuilder): void {
  line.expect('(');
  const size = unsignedPointerType(line);
  const { base, off } = addressInParentheses(line);
  line.expect(',');
  const src = line.register();
  checkWidth(line, src, size);
  line.expect(')');
  const imm = op.BPF_STORE_REL;
  builder.emit(line, { code: op.BPF_STX | op.BPF_ATOMIC | size, dst: base, src: src.index, off, imm });
}

/** `if r1 s> 7 goto out`, after the word */
function conditionalJump(line: Line, builder: ProgramBuilder): void {
  const dst = line.register();
  const column = line.column;
  const sign = line.take('a comparison').text;
  const operation = JUMP_BY_SIGN.get(sign);
  if (operation === undefined) throw line.error('ASM_SYNTAX', `"${sign}" is no comparison`, column);
  const code = (dst.is64 ? op.BPF_JMP : op.BPF_JMP32) | operation;
  const row = line.seesRegister()
    ? { code: code | op.BPF_X, dst: dst.index, src: sameWidth(line, dst) }
    : { code, dst: dst.index, imm: wideImmediate(line) };
  line.expect('goto');
  builder.emitJump(line, row, jumpTarget(line));
}
