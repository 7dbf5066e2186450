/**
 * Instructions as text.
 *
 * `disassembleInsn` writes them as the kernel does, byte for byte: it is what the verifier's log shows after the opcode in
 * parentheses, and what `bpftool prog dump xlated` prints. Existing tools and eyes read that text, so its oddities stay: a space before
 * the offset and none after the sign (`*(u64 *)(r10 -8)`), decimal operands in arithmetic and hexadecimal ones in jumps, `call
 * unknown#99` for a helper that has no name.
 *
 * That text cannot tell everything (a map's pointer prints as a plain number), so `disassembleToSource` writes a whole program
 * in the same style with the pseudo forms spelled out and with labels; the assembler makes the same bytes of it.
 */
import { IMM64_FORMS, encodingAt } from './encodings.ts';
import { callTarget, isSubprogramCall, isSubprogramPointer, jumpTarget, subprogramStarts } from './control-flow.ts';
import type { Instructions } from './instructions.ts';
import * as op from './opcodes.ts';

/** Where a disassembly gets the names of things that the instructions only number. All parts are optional. */
export interface DisassemblyNames {
  /** Name of a helper, with its `bpf_`: 1 → `bpf_map_lookup_elem`. */
  helper?(id: number): string | undefined;
  /** Name of a kfunc, by the BTF id in the immediate and the module in the offset. */
  kfunc?(btfId: number, off: number): string | undefined;
  /** What stands after `call pc` for the call of a subprogram; the default is the signed distance: `+7`. */
  subprogram?(insns: Instructions, i: number): string | undefined;
  /** What a 64-bit immediate prints as; the default is the number in hexadecimal. */
  imm64?(insns: Instructions, i: number): string | undefined;
}

const NO_NAMES: DisassemblyNames = {};

// What C's printf makes of a missing string; only encodings that the kernel refuses print it.
const NULL = '(null)';

const ALU_SIGNS = [
  '+=',
  '-=',
  '*=',
  '/=',
  '|=',
  '&=',
  '<<=',
  '>>=',
  'neg',
  '%=',
  '^=',
  '=',
  's>>=',
  'endian',
  NULL,
  NULL,
];
const JUMP_SIGNS = ['jmp', '==', '>', '>=', '&', '!=', 's>', 's>=', 'call', 'exit', '<', '<=', 's<', 's<=', NULL, NULL];
const SIZE_NAMES = ['u32', 'u16', 'u8', 'u64'];
const SIGNED_SIZE_NAMES = ['s32', 's16', 's8', NULL];
const ATOMIC_NAMES = new Map([
  [op.BPF_ADD, 'add'],
  [op.BPF_OR, 'or'],
  [op.BPF_AND, 'and'],
  [op.BPF_XOR, 'xor'],
]);

/** `+5`, `-5`, `+0`. */
export function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

/** Two hexadecimal digits of an opcode, as the log puts them in parentheses. */
function hex2(code: number): string {
  return code.toString(16).padStart(2, '0');
}

/** The instruction at slot `i` as the kernel prints it, without the opcode in front: `r1 = 7`. */
export function disassembleInsn(insns: Instructions, i: number, names: DisassemblyNames = NO_NAMES): string {
  const code = insns.code[i] ?? 0;
  switch (op.BPF_CLASS(code)) {
    case op.BPF_ALU:
    case op.BPF_ALU64:
      return arithmetic(insns, i);
    case op.BPF_LD:
      return immediateOrPacketLoad(insns, i, names);
    case op.BPF_LDX:
      return load(insns, i);
    case op.BPF_ST:
      return storeImmediate(insns, i);
    case op.BPF_STX:
      return storeRegister(insns, i);
    default:
      return jump(insns, i, names);
  }
}

/** The instruction at slot `i` with its opcode in front, as a line of the log has it: `(b7) r1 = 7`. */
export function disassembleLine(insns: Instructions, i: number, names: DisassemblyNames = NO_NAMES): string {
  const text = disassembleInsn(insns, i, names);
  return text.startsWith('BUG_') ? text : `(${hex2(insns.code[i] ?? 0)}) ${text}`;
}

function arithmetic(insns: Instructions, i: number): string {
  const { code, dst, src, off, imm } = insns.at(i);
  const operation = op.BPF_OP(code);
  const is64 = op.BPF_CLASS(code) === op.BPF_ALU64;
  const r = is64 ? 'r' : 'w';
  if (operation === op.BPF_END) {
    const what = is64 ? 'bswap' : op.BPF_SRC(code) === op.BPF_TO_BE ? 'be' : 'le';
    return `r${dst} = ${what}${imm} r${dst}`;
  }
  if (operation === op.BPF_NEG) return `${r}${dst} = -${r}${dst}`;
  if (code === (op.BPF_ALU64 | op.BPF_MOV | op.BPF_X)) {
    if (off === op.BPF_ADDR_SPACE_CAST) return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`;
    if (off === op.BPF_ADDR_PERCPU) return `r${dst} = &(void __percpu *)(r${src})`;
  }
  const isSigned = off === 1 && (operation === op.BPF_DIV || operation === op.BPF_MOD);
  const sign = (isSigned ? 's' : '') + ALU_SIGNS[operation >> 4]!;
  if (op.BPF_SRC(code) === op.BPF_K) return `${r}${dst} ${sign} ${imm}`;
  const extends_ = operation === op.BPF_MOV && (off === 8 || off === 16 || off === 32);
  return `${r}${dst} ${sign} ${extends_ ? `(s${off})` : ''}${r}${src}`;
}

function sizeName(code: number): string {
  return SIZE_NAMES[op.BPF_SIZE(code) >> 3]!;
}

/** `*(u64 *)(r10 -8)`, or without the star in front where an atomic's argument is meant. */
function address(code: number, register: number, off: number): string {
  return `(${sizeName(code)} *)(r${register} ${signed(off)})`;
}

function storeRegister(insns: Instructions, i: number): string {
  const { code, dst, src, off, imm } = insns.at(i);
  const mode = op.BPF_MODE(code);
  const at = address(code, dst, off);
  if (mode === op.BPF_MEM) return `*${at} = r${src}`;
  if (mode !== op.BPF_ATOMIC) return `BUG_${hex2(code)}`;
  if (imm === op.BPF_LOAD_ACQ) return `r${dst} = load_acquire(${address(code, src, off)})`;
  if (imm === op.BPF_STORE_REL) return `store_release(${at}, r${src})`;
  const width = op.BPF_SIZE(code) === op.BPF_DW ? '64' : '';
  if (imm === op.BPF_CMPXCHG) return `r0 = atomic${width}_cmpxchg(${at}, r0, r${src})`;
  if (imm === op.BPF_XCHG) return `r${src} = atomic${width}_xchg(${at}, r${src})`;
  const name = ATOMIC_NAMES.get(imm & ~op.BPF_FETCH);
  if (name === undefined) return `BUG_${hex2(code)}`;
  if ((imm & op.BPF_FETCH) !== 0) return `r${src} = atomic${width}_fetch_${name}(${at}, r${src})`;
  return `lock *${at} ${ALU_SIGNS[imm >> 4]!} r${src}`;
}

function storeImmediate(insns: Instructions, i: number): string {
  const { code, dst, off, imm } = insns.at(i);
  if (op.BPF_MODE(code) === op.BPF_MEM) return `*${address(code, dst, off)} = ${imm}`;
  return op.BPF_MODE(code) === op.BPF_NOSPEC ? 'nospec' : `BUG_st_${hex2(code)}`;
}

function load(insns: Instructions, i: number): string {
  const { code, dst, src, off } = insns.at(i);
  const mode = op.BPF_MODE(code);
  if (mode === op.BPF_MEM) return `r${dst} = *${address(code, src, off)}`;
  if (mode !== op.BPF_MEMSX) return `BUG_ldx_${hex2(code)}`;
  return `r${dst} = *(${SIGNED_SIZE_NAMES[op.BPF_SIZE(code) >> 3]!} *)(r${src} ${signed(off)})`;
}

function immediateOrPacketLoad(insns: Instructions, i: number, names: DisassemblyNames): string {
  const { code, dst, src, imm } = insns.at(i);
  const mode = op.BPF_MODE(code);
  if (mode === op.BPF_ABS) return `r0 = *(${sizeName(code)} *)skb[${imm}]`;
  if (mode === op.BPF_IND) return `r0 = *(${sizeName(code)} *)skb[r${src} + ${imm}]`;
  if (code !== op.OPCODE_LD_IMM64) return `BUG_ld_${hex2(code)}`;
  return `r${dst} = ${names.imm64?.(insns, i) ?? `0x${insns.imm64(i).toString(16)}`}`;
}

function jump(insns: Instructions, i: number, names: DisassemblyNames): string {
  const { code, dst, src, off, imm } = insns.at(i);
  if (op.BPF_OP(code) === op.BPF_CALL) return `call ${callee(insns, i, names)}`;
  if (code === op.OPCODE_JA) return `goto pc${signed(off)}`;
  if (code === op.OPCODE_MAY_GOTO && src === op.BPF_MAY_GOTO) return `may_goto pc${signed(off)}`;
  if (code === op.OPCODE_GOTOL) return `gotol pc${signed(imm)}`;
  if (code === op.OPCODE_EXIT) return 'exit';
  const r = op.BPF_CLASS(code) === op.BPF_JMP32 ? 'w' : 'r';
  const other = op.BPF_SRC(code) === op.BPF_X ? `${r}${src}` : `0x${(imm >>> 0).toString(16)}`;
  return `if ${r}${dst} ${JUMP_SIGNS[op.BPF_OP(code) >> 4]!} ${other} goto pc${signed(off)}`;
}

function callee(insns: Instructions, i: number, names: DisassemblyNames): string {
  const { src, off, imm } = insns.at(i);
  switch (src) {
    case 0:
      return `${names.helper?.(imm) ?? 'unknown'}#${imm}`;
    case op.BPF_PSEUDO_CALL:
      return `pc${names.subprogram?.(insns, i) ?? signed(imm)}`;
    case op.BPF_PSEUDO_KFUNC_CALL:
      return `${names.kfunc?.(imm, off) ?? 'kernel-function'}#${imm}`;
    default:
      return `unknown#${imm}`;
  }
}

/** Names for `disassembleToSource`: besides the kernel's, what subprograms are called. */
export interface SourceNames extends Pick<DisassemblyNames, 'helper' | 'kfunc'> {
  /** Name of the subprogram that starts at this slot. */
  subprogramAt?(start: number): string | undefined;
}

const FORM_BY_SRC = new Map(IMM64_FORMS.map(([form, src]) => [src, form]));
const IDENTIFIER = /^[A-Za-z_$][\w.$]*$/;
/** Words that mean something else after `call` or `goto`. */
const RESERVED = /^(?:[rRwW]\d+|fp|pc|kfunc|local|helper|runtime|unknown)$/;

/** Whether the assembler takes this as a name. */
function isName(text: string | undefined): text is string {
  return text !== undefined && IDENTIFIER.test(text) && !RESERVED.test(text);
}

/**
 * A whole program as source for the assembler: labels, named subprograms, pseudo forms. Slots that are no instruction become
 * `.insn code, dst, src, off, imm`, so that any bytes whatever come back unchanged.
 */
export function disassembleToSource(insns: Instructions, names: SourceNames = {}): string {
  const labels = labelsOf(insns, names);
  const lines: string[] = [];
  for (let i = 0; i < insns.length; i++) {
    const label = labels.get(i);
    if (label !== undefined) lines.push(`${label}:`);
    lines.push(`    ${sourceLine(insns, i, labels, names)}`);
    if (encodingAt(insns, i)?.code === op.OPCODE_LD_IMM64) i++;
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Which slots get a label: subprograms by name, jump targets as `L` and the slot's number. */
function labelsOf(insns: Instructions, names: SourceNames): Map<number, string> {
  const secondSlots = new Set<number>();
  const labels = new Map<number, string>();
  const taken = new Set<string>();
  const add = (slot: number, wanted: string): void => {
    if (labels.has(slot) || slot < 0 || slot >= insns.length || secondSlots.has(slot)) return;
    const name = taken.has(wanted) ? `${wanted}_${slot}` : wanted;
    taken.add(name);
    labels.set(slot, name);
  };
  for (let i = 0; i < insns.length; i++) if (encodingAt(insns, i)?.code === op.OPCODE_LD_IMM64) secondSlots.add(++i);
  for (const start of subprogramStarts(insns)) {
    const name = names.subprogramAt?.(start);
    if (isName(name)) add(start, name);
    else if (start > 0) add(start, `sub_${start}`);
  }
  for (let i = 0; i < insns.length; i++) {
    const target = encodingAt(insns, i) === undefined ? undefined : jumpTarget(insns, i);
    if (target !== undefined) add(target, `L${target}`);
  }
  return labels;
}

function sourceLine(insns: Instructions, i: number, labels: ReadonlyMap<number, string>, names: SourceNames): string {
  const { code, dst, src, off, imm } = insns.at(i);
  if (encodingAt(insns, i) === undefined) return `.insn 0x${hex2(code)}, ${dst}, ${src}, ${off}, ${imm}`;
  if (code === op.OPCODE_LD_IMM64) return `r${dst} = ${sourceImm64(insns, i, labels)}`;
  if (code === op.OPCODE_CALL && src === op.BPF_PSEUDO_KFUNC_CALL) {
    const name = names.kfunc?.(imm, off);
    const module = off === 0 ? '' : ` off ${off}`;
    return isName(name) ? `call kfunc:${name}#${imm}${module}` : `call kfunc#${imm}${module}`;
  }
  if (isSubprogramCall(insns, i)) {
    const label = labels.get(callTarget(insns, i));
    return label === undefined ? `call pc${signed(imm)}` : `call ${label}`;
  }
  const text = disassembleInsn(insns, i, names);
  const target = jumpTarget(insns, i);
  const label = target === undefined ? undefined : labels.get(target);
  return label === undefined ? text : text.replace(/pc[+-]\d+$/, () => label);
}

function sourceImm64(insns: Instructions, i: number, labels: ReadonlyMap<number, string>): string {
  const src = insns.src[i]!;
  const low = insns.imm[i]!;
  const high = insns.imm[i + 1]!;
  if (src === 0) return `0x${insns.imm64(i).toString(16)} ll`;
  const label = isSubprogramPointer(insns, i) ? (labels.get(callTarget(insns, i)) ?? `pc${signed(low)}`) : String(low);
  const addend = high === 0 ? '' : ` ${high < 0 ? '-' : '+'} ${Math.abs(high)}`;
  return `${FORM_BY_SRC.get(src)!}[${label}]${addend}`;
}
