/**
 * The syntax with mnemonics, as ubpf and the conformance suites write it: `add r0, r1`, `ldxw r2, [r1+4]`, `jeq r1, 0, out`.
 *
 * The mnemonics are those of the table of encodings; the layout of the operands follows from which fields of an encoding are free.
 */
import type { ProgramBuilder } from './assembly-builder.ts';
import { signedImmediate, wideImmediate } from './assembly-builder.ts';
import type { Address } from './assembly-operands.ts';
import { baseAndOffset, emitImm64Form, jumpTarget, seesImm64Form } from './assembly-operands.ts';
import type { Line } from './assembly-text.ts';
import type { Encoding } from './encodings.ts';
import { ENCODINGS } from './encodings.ts';
import * as op from './opcodes.ts';

/** The forms of one mnemonic: with a register as the second operand, and with an immediate. */
interface Forms {
  readonly x?: Encoding;
  readonly k?: Encoding;
}

// Calls, exit and may_goto read the same in both syntaxes, and the pseudo forms of lddw are operands.
const NOT_MNEMONICS = /^(?:call|exit|may_goto|lddw_)/;

function tableOfForms(): Map<string, Forms> {
  const table = new Map<string, Forms>();
  for (const row of ENCODINGS) {
    if (NOT_MNEMONICS.test(row.mnemonic)) continue;
    const forms = table.get(row.mnemonic) ?? {};
    table.set(row.mnemonic, row.src === 'register' ? { ...forms, x: row } : { ...forms, k: row });
  }
  const alias = (name: string, of: string): void => {
    const forms = table.get(of);
    if (forms !== undefined) table.set(name, forms);
  };
  for (const bits of [16, 32, 64]) alias(`swap${bits}`, `bswap${bits}`);
  alias('gotol', 'ja32');
  // The explicit 64 that some assemblers write.
  for (const name of [...table.keys()])
    if (table.has(`${name}32`) && !/^(?:le|be|bswap|swap|movsx)/.test(name)) alias(`${name}64`, name);
  return table;
}

const FORMS = tableOfForms();
const ATOMIC_OPERATION = /^(?:add|or|and|xor|xchg|cmpxchg|fetch_add|fetch_or|fetch_and|fetch_xor)(?:32|64)?$/;

/** Whether the line reads as this syntax. */
export function isMnemonic(line: Line): boolean {
  const first = line.peek();
  return first?.kind === 'word' && (FORMS.has(first.text) || first.text === 'lock');
}

export function mnemonicStatement(line: Line, builder: ProgramBuilder): void {
  const column = line.column;
  const name = line.accept('lock') ? lockedOperation(line) : line.word();
  const forms = FORMS.get(name);
  const any = forms?.x ?? forms?.k;
  if (forms === undefined || any === undefined)
    throw line.error('ASM_UNKNOWN_INSTRUCTION', `There is no instruction "${name}"`, column);
  switch (op.BPF_CLASS(any.code)) {
    case op.BPF_ALU:
    case op.BPF_ALU64:
      arithmetic(line, builder, forms, any);
      return;
    case op.BPF_JMP:
    case op.BPF_JMP32:
      jump(line, builder, forms, any);
      return;
    case op.BPF_LD:
      immediateOrPacketLoad(line, builder, any);
      return;
    default:
      memoryAccess(line, builder, any);
  }
}

/** `lock add`, `lock fetch add`, `lock xchg32`: the table's `atomic_…`. */
function lockedOperation(line: Line): string {
  const column = line.column;
  const name = line.accept('fetch') ? `fetch_${line.word('an operation')}` : line.word('an atomic operation');
  if (!ATOMIC_OPERATION.test(name)) throw line.error('ASM_SYNTAX', `"${name}" is no atomic operation`, column);
  return `atomic_${name}`;
}

function fixed(rule: Encoding['imm']): number {
  return typeof rule === 'string' ? 0 : rule[0]!;
}

function arithmetic(line: Line, builder: ProgramBuilder, forms: Forms, any: Encoding): void {
  const dst = line.register().index;
  const isUnary = op.BPF_OP(any.code) === op.BPF_NEG || op.BPF_OP(any.code) === op.BPF_END;
  if (isUnary) {
    builder.emit(line, { code: any.code, dst, imm: fixed(any.imm) });
    return;
  }
  line.expect(',');
  if (any.mnemonic === 'addr_space_cast') {
    const src = line.register().index;
    line.expect(',');
    const to = line.integerIn(0n, 0xffffn, 'an address space');
    line.expect(',');
    const from = line.integerIn(0n, 0xffffn, 'an address space');
    builder.emit(line, { code: any.code, dst, src, off: fixed(any.off), imm: (to << 16) | from });
    return;
  }
  if (line.seesRegister() || forms.k === undefined) {
    const row = forms.x ?? any;
    builder.emit(line, { code: row.code, dst, src: line.register().index, off: fixed(row.off) });
    return;
  }
  const is64 = op.BPF_CLASS(forms.k.code) === op.BPF_ALU64;
  const imm = is64 ? signedImmediate(line) : wideImmediate(line);
  builder.emit(line, { code: forms.k.code, dst, off: fixed(forms.k.off), imm });
}

function jump(line: Line, builder: ProgramBuilder, forms: Forms, any: Encoding): void {
  if (any.code === op.OPCODE_GOTOL) {
    builder.emitRelative(line, { code: any.code }, jumpTarget(line));
    return;
  }
  if (any.code === op.OPCODE_JA) {
    builder.emitJump(line, { code: any.code }, jumpTarget(line));
    return;
  }
  const dst = line.register().index;
  line.expect(',');
  const row =
    line.seesRegister() && forms.x !== undefined
      ? { code: forms.x.code, dst, src: line.register().index }
      : { code: forms.k?.code ?? any.code, dst, imm: wideImmediate(line) };
  line.expect(',');
  builder.emitJump(line, row, jumpTarget(line));
}

function immediateOrPacketLoad(line: Line, builder: ProgramBuilder, any: Encoding): void {
  if (op.BPF_MODE(any.code) === op.BPF_ABS) {
    builder.emit(line, { code: any.code, imm: wideImmediate(line) });
    return;
  }
  const register = line.register().index;
  line.expect(',');
  if (op.BPF_MODE(any.code) === op.BPF_IND) {
    builder.emit(line, { code: any.code, src: register, imm: wideImmediate(line) });
    return;
  }
  if (seesImm64Form(line)) {
    emitImm64Form(line, builder, register);
    return;
  }
  const column = line.column;
  builder.emitImm64(line, register, line.integer(), column);
  line.accept('ll');
}

function addressInBrackets(line: Line): Address {
  line.expect('[');
  const address = baseAndOffset(line, ']');
  line.expect(']');
  return address;
}

function memoryAccess(line: Line, builder: ProgramBuilder, row: Encoding): void {
  const { code } = row;
  const imm = fixed(row.imm);
  const isLoad = op.BPF_CLASS(code) === op.BPF_LDX || (op.BPF_MODE(code) === op.BPF_ATOMIC && imm === op.BPF_LOAD_ACQ);
  if (isLoad) {
    const dst = line.register().index;
    line.expect(',');
    const { base, off } = addressInBrackets(line);
    builder.emit(line, { code, dst, src: base, off, imm });
    return;
  }
  const { base, off } = addressInBrackets(line);
  line.expect(',');
  if (op.BPF_CLASS(code) === op.BPF_STX) builder.emit(line, { code, dst: base, src: line.register().index, off, imm });
  else {
    const isWide = op.BPF_SIZE(code) === op.BPF_DW;
    builder.emit(line, { code, dst: base, off, imm: isWide ? signedImmediate(line) : wideImmediate(line) });
  }
}
