/** What several commands ask of a program: its parts by instruction, and the names of what its instructions number. */
import { BailoutError } from '../../core/errors.ts';
import type { CallbackForm } from '../../core/exceptions/profile.ts';
import { callTarget, isKfuncCall, isSubprogramPointer } from '../../core/isa/control-flow.ts';
import type { DisassemblyNames } from '../../core/isa/disassemble.ts';
import type { Instructions } from '../../core/isa/instructions.ts';
import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../../core/isa/opcodes.ts';
import { helperById } from '../../core/kernel/tables/helpers.ts';
import type { LineInfo, ObjectFile, Program, Subprogram } from '../../core/object/program.ts';
import { nearestWord } from './options.ts';

/** The program that a user named, or the only one there is. */
export function chooseProgram(object: ObjectFile, name: string | undefined): Program {
  const names = object.programs.map((program) => program.name);
  if (name === undefined) {
    const [only, second] = object.programs;
    if (only === undefined) throw new BailoutError('NO_PROGRAM', `${object.name} has no program.`);
    if (second === undefined) return only;
    throw new BailoutError('USAGE', `${object.name} has ${names.length} programs: which one?`, {
      hint: `--program ${list(names)}`,
    });
  }
  const program = object.programs.find((candidate) => candidate.name === name);
  if (program !== undefined) return program;
  const nearest = nearestWord(name, names);
  const guess = nearest === undefined ? '' : ` Did you mean \`${nearest}\`?`;
  throw new BailoutError('USAGE', `${object.name} has no program \`${name}\`.${guess}`, {
    hint: names.length === 0 ? undefined : `Programs: ${list(names)}.`,
  });
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 12).join(', ');
  return names.length > 12 ? `${shown}, … (${names.length - 12} more: \`bailout inspect\`)` : shown;
}

/** The function that an instruction belongs to. */
export function subprogramAt(program: Program, insn: number): Subprogram | undefined {
  return program.subprograms.find(({ start, end }) => insn >= start && insn < end);
}

/** A subprogram's name; a function without one is told by where it starts. */
export function subprogramName(program: Program, index: number): string {
  const subprogram = program.subprograms[index];
  return subprogram === undefined ? `subprogram ${index}` : subprogram.name || `func_${subprogram.start}`;
}

/** The source line of an instruction: the nearest entry before it in the same function. */
export function lineAt(program: Program, insn: number): LineInfo | undefined {
  const start = subprogramAt(program, insn)?.start ?? 0;
  const lines = program.lineInfo;
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle]!.insn <= insn) low = middle + 1;
    else high = middle;
  }
  const line = lines[low - 1];
  return line !== undefined && line.insn >= start ? line : undefined;
}

/** The last part of a path: what a person recognises a source file by. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Names for the disassembler: helpers from the table, kfuncs and variables from the kernel's BTF, maps and functions from the object. */
export function namesOf(program: Program): DisassemblyNames {
  return {
    helper: helperName,
    kfunc: (btfId, off) => (off === 0 && btfId > 0 ? program.kernelBtf.name(btfId) || undefined : undefined),
    subprogram: (insns, i) => {
      const target = callTarget(insns, i);
      const callee = program.subprograms.find(({ start }) => start === target);
      const distance = target - i - 1;
      return `${distance < 0 ? '' : '+'}${distance}${callee === undefined ? '' : `#${callee.name}`}`;
    },
    imm64: (insns, i) => imm64Name(program, insns, i),
  };
}

export function helperName(id: number): string | undefined {
  const row = helperById(id);
  return row === undefined ? undefined : `bpf_${row.name}`;
}

/** What a 64-bit immediate stands for, as `bpftool prog dump` writes it but with names for ids. */
function imm64Name(program: Program, insns: Instructions, i: number): string | undefined {
  const imm = insns.imm[i] ?? 0;
  switch (insns.src[i]) {
    case BPF_PSEUDO_MAP_FD:
      return `map[${program.maps[imm]?.name ?? imm}]`;
    case BPF_PSEUDO_MAP_VALUE:
      return `map[${program.maps[imm]?.name ?? imm}][0]+${insns.imm[i + 1] ?? 0}`;
    case BPF_PSEUDO_BTF_ID:
      return imm === 0 ? '0 (weak, not in this kernel)' : `ksym[${program.kernelBtf.name(imm)}]`;
    case BPF_PSEUDO_FUNC: {
      const target = callTarget(insns, i);
      const callee = program.subprograms.find(({ start }) => start === target);
      return `func[${callee?.name ?? `+${target - i - 1}`}]`;
    }
    default:
      return undefined;
  }
}

/** Where the functions begin whose address the program takes, to pass them as callbacks. */
export function callbackStarts(program: Program): ReadonlySet<number> {
  const insns = program.instructions;
  const starts = new Set<number>();
  for (let i = 0; i < insns.length; i++) {
    if (isSubprogramPointer(insns, i)) starts.add(callTarget(insns, i));
  }
  return starts;
}

export interface Callback {
  readonly name: string;
  readonly how: CallbackForm;
}

const TAG = 'exception_callback:';

/** The exception callback that a program names, in either form, as written: whether it is a legal one the verifier says. */
export function exceptionCallbackOf(program: Program): Callback | undefined {
  const main = program.subprograms[0];
  if (main !== undefined && main.funcTypeId !== 0 && program.btf !== undefined) {
    for (const tag of program.btf.declTags(main.funcTypeId)) {
      if (tag.component === -1 && tag.text.startsWith(TAG)) return { name: tag.text.slice(TAG.length), how: 'tag' };
    }
  }
  const insns = program.instructions;
  for (let i = 0; i < insns.length; i++) {
    if (isKfuncCall(insns, i) && kfuncName(program, i) === 'bpf_set_exception_callback') {
      return { name: callbackArgument(program, i) ?? '?', how: 'call' };
    }
  }
  return undefined;
}

function kfuncName(program: Program, i: number): string | undefined {
  const id = program.instructions.imm[i] ?? 0;
  return id > 0 ? program.kernelBtf.name(id) : undefined;
}

/** The function whose address was loaded into R1 last before a call. */
function callbackArgument(program: Program, call: number): string | undefined {
  const insns = program.instructions;
  for (let i = call - 1; i >= 0; i--) {
    if (insns.dst[i] === 1 && isSubprogramPointer(insns, i)) {
      const target = callTarget(insns, i);
      return program.subprograms.find(({ start }) => start === target)?.name;
    }
  }
  return undefined;
}
