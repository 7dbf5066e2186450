/** Where instructions come from: functions and source lines. */
import type { LineInfo, Program, Subprogram } from './program.ts';

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
