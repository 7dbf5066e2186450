/**
 * Operands that both syntaxes of the assembler share.
 */
import type { ProgramBuilder, Target } from './assembly-builder.ts';
import { offsetField } from './assembly-builder.ts';
import type { Line } from './assembly-text.ts';
import { IMM64_FORMS } from './encodings.ts';
import * as op from './opcodes.ts';

/** An address: a register and a displacement. */
export interface Address {
  readonly base: number;
  readonly off: number;
}

/** `r10 -8`, `r10 + 0x8`, `r1`, up to the given closing sign. */
export function baseAndOffset(line: Line, close: ')' | ']' | ','): Address {
  const register = line.register();
  if (!register.is64) throw line.error('ASM_MIXED_WIDTH', 'An address is held by a 64-bit register', register.column);
  // LLVM writes the sign apart from the number, and may write "+ -8".
  if (line.sees('+', '-')) line.expect('+');
  const off = line.sees(close) ? 0 : offsetField(line);
  return { base: register.index, off };
}

/** Where a jump goes: `pc+2`, `+2`, a label. What disassemblers add in angle brackets is skipped. */
export function jumpTarget(line: Line): Target {
  const column = line.column;
  const target: Target =
    line.accept('pc') || line.seesNumber()
      ? { kind: 'distance', value: line.integer('a distance such as +2'), column }
      : { kind: 'label', name: line.word('a label, or a distance such as +2'), column };
  if (line.accept('<')) while (!line.accept('>')) line.take('">"');
  return target;
}

const SRC_BY_FORM = new Map(IMM64_FORMS);
const IMM32 = [-(2n ** 31n), 2n ** 32n - 1n] as const;

/** Whether a pseudo form of a 64-bit immediate comes next: `map_fd[3]`, `func[label]`, `map[NAME]`. */
export function seesImm64Form(line: Line): boolean {
  const word = line.peek();
  if (word?.kind !== 'word' || !line.sees(word.text, '[')) return false;
  return SRC_BY_FORM.has(word.text) || word.text === 'map' || word.text === 'subprog';
}

/**
 * A 64-bit immediate load of something that the loader resolves. Besides our own forms, those that bpftool prints: `map[id:5]`,
 * `map[id:5][0]+8`, `map[idx:0]+4`, `subprog[+3]`.
 */
export function emitImm64Form(line: Line, builder: ProgramBuilder, dst: number): void {
  const form = line.word();
  line.expect('[');
  if (form === 'func' || form === 'subprog') {
    const target = jumpTarget(line);
    line.expect(']');
    const high = addend(line);
    builder.emitRelative(line, { code: op.OPCODE_LD_IMM64, dst, src: op.BPF_PSEUDO_FUNC }, target);
    builder.emit(line, { imm: high });
    return;
  }
  if (form === 'map') {
    emitMapForm(line, builder, dst);
    return;
  }
  const low = line.integerIn(...IMM32, 'the 32-bit immediate') | 0;
  line.expect(']');
  builder.emitImm64Halves(line, dst, SRC_BY_FORM.get(form) ?? 0, low, addend(line));
}

function emitMapForm(line: Line, builder: ProgramBuilder, dst: number): void {
  const column = line.column;
  let map: number;
  let [pointer, value]: [number, number] = [op.BPF_PSEUDO_MAP_FD, op.BPF_PSEUDO_MAP_VALUE];
  const isIndex = line.sees('idx', ':');
  if (isIndex || line.sees('id', ':')) {
    line.word();
    line.expect(':');
    map = line.integerIn(...IMM32, 'the 32-bit immediate') | 0;
    if (isIndex) [pointer, value] = [op.BPF_PSEUDO_MAP_IDX, op.BPF_PSEUDO_MAP_IDX_VALUE];
  } else {
    const name = line.word('the name of a map');
    const known = builder.names.map?.(name);
    if (known === undefined)
      throw line.error('ASM_UNKNOWN_MAP', `There is no map called ${name}`, column, 'By number it is map_fd[3].');
    map = known;
  }
  line.expect(']');
  const isValue = line.accept('[', '0', ']') || line.sees('+') || line.sees('-');
  builder.emitImm64Halves(line, dst, isValue ? value : pointer, map, addend(line));
}

/** `+ 8` after the brackets: what goes into the second slot. */
function addend(line: Line): number {
  return line.isAtEnd ? 0 : line.integerIn(...IMM32, 'the 32-bit addend') | 0;
}

// Helpers are numbered without gaps, 0 to 211 since Linux 5.19, and no more will be added: kfuncs took their place. The BTF
// id of a kernel function is always larger, so the number alone tells which is meant when the name is not known.
const LAST_HELPER = 211;

/**
 * What stands after `call`: `5`, `bpf_ktime_get_ns`, `bpf_ktime_get_ns#5`, `pc+7`, a label, `kfunc:NAME`, `kfunc:NAME#812`,
 * `kfunc#812 off 1`; and `helper 5`, `local LABEL`, `runtime 812`.
 */
export function emitCall(line: Line, builder: ProgramBuilder): void {
  const code = op.OPCODE_CALL;
  const number = (): number => line.integerIn(...IMM32, 'the 32-bit immediate') | 0;
  if (line.sees('pc') || line.sees('+') || line.sees('-')) {
    builder.emitRelative(line, { code, src: op.BPF_PSEUDO_CALL }, jumpTarget(line));
    return;
  }
  if (line.seesNumber()) {
    builder.emit(line, { code, imm: number() });
    return;
  }
  if (line.sees('local') && line.peek(1) !== undefined) {
    line.word();
    builder.emitRelative(line, { code, src: op.BPF_PSEUDO_CALL }, jumpTarget(line));
    return;
  }
  if (line.sees('helper') && line.peek(1)?.kind === 'number') {
    line.word();
    builder.emit(line, { code, imm: number() });
    return;
  }
  if (line.sees('runtime') && line.peek(1)?.kind === 'number') {
    line.word();
    builder.emit(line, { code, src: op.BPF_PSEUDO_KFUNC_CALL, imm: number() });
    return;
  }
  const column = line.column;
  const first = line.word('what to call: a number, a name or a label');
  const isKfunc = first === 'kfunc' && line.accept(':');
  const name = isKfunc ? line.word('the name of a kfunc') : first;
  if (line.accept('#')) {
    const imm = number();
    const kfunc = isKfunc || isKfuncNumber(name, imm, builder);
    const off = line.accept('off') ? offsetField(line) : 0;
    builder.emit(line, { code, src: kfunc ? op.BPF_PSEUDO_KFUNC_CALL : 0, imm, off });
    return;
  }
  if (!isKfunc) {
    builder.emitCallByName(line, name, column);
    return;
  }
  const known = builder.names.kfunc?.(name);
  if (known === undefined)
    throw line.error('ASM_UNKNOWN_FUNCTION', `There is no kfunc called ${name}`, column, `By number it is kfunc#812.`);
  builder.emit(line, { code, src: op.BPF_PSEUDO_KFUNC_CALL, imm: known.btfId, off: known.off ?? 0 });
}

/** Whether `name#imm`, as disassemblers print both kinds of calls, is a kfunc. */
function isKfuncNumber(name: string, imm: number, builder: ProgramBuilder): boolean {
  if (name === 'kfunc' || name === 'kernel-function') return true;
  if (name === 'unknown' || builder.names.helper?.(name) !== undefined) return false;
  return builder.names.kfunc?.(name) !== undefined || imm < 0 || imm > LAST_HELPER;
}
