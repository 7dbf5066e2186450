/** Where instructions come from: functions, source lines, and the names of what instructions number. */
import { callTarget } from '../isa/control-flow.ts';
import type { DisassemblyNames } from '../isa/disassemble.ts';
import type { Instructions } from '../isa/instructions.ts';
import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../isa/opcodes.ts';
import { helperById } from '../kernel/tables/helpers.ts';
import type { LineInfo, Program, Subprogram } from '../object/program.ts';

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

/**
 * Per instruction: 1 where a line's code begins, coming from another line's. The compiler cuts a line into several pieces and
 * mixes them with others; each piece begins once.
 */
export function lineStarts(program: Program): Uint8Array {
  const starts = new Uint8Array(program.instructions.length);
  let before: LineInfo | undefined;
  for (const line of program.lineInfo) {
    const isEntry = program.subprograms.some(({ start }) => start === line.insn);
    if (isEntry || before?.line !== line.line || before.file !== line.file) starts[line.insn] = 1;
    before = line;
  }
  // Without line information every function begins somewhere at least.
  for (const { start } of program.subprograms) if (start < starts.length) starts[start] = 1;
  return starts;
}

/** Instructions at which the code of a line begins. */
export function insnsOfLine(program: Program, line: number, file: string | undefined): number[] {
  const starts = lineStarts(program);
  return program.lineInfo
    .filter(
      (entry) => entry.line === line && (file === undefined || isFile(entry.file, file)) && starts[entry.insn] === 1,
    )
    .map((entry) => entry.insn);
}

/** Whether a path is the file that somebody named: by its whole path or its end. */
export function isFile(path: string, name: string): boolean {
  return path === name || path.endsWith(`/${name}`);
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

/** `bpf_map_lookup_elem` for 1. */
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
