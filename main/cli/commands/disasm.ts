/** `bailout disasm`: programs as their source lines and instructions. */
import { disassembleLine } from '../../../core/isa/disassemble.ts';
import type { DisassemblyNames } from '../../../core/isa/disassemble.ts';
import type { Program, Subprogram } from '../../../core/object/program.ts';
import type { ExitStatus, Host } from '../host.ts';
import { loadFile } from '../load.ts';
import type { DisasmRequest } from '../options.ts';
import type { Style } from '../format/style.ts';
import { baseName, chooseProgram, namesOf } from '../program.ts';

export function disasm(request: DisasmRequest, host: Host): ExitStatus {
  const object = loadFile(host, request.file);
  const programs = request.program === undefined ? object.programs : [chooseProgram(object, request.program)];
  programs.forEach((program, index) => {
    host.write(`${index === 0 ? '' : '\n'}${disassembleProgram(program, host.style).join('\n')}\n`);
  });
  return 0;
}

/** One program with a heading per function; a source line stands once before the instructions that it became. */
export function disassembleProgram(program: Program, style: Style): string[] {
  const out: string[] = [];
  const names = namesOf(program);
  const digits = String(Math.max(program.instructions.length - 1, 0)).length;
  program.subprograms.forEach((subprogram, index) => {
    if (index > 0) out.push('');
    out.push(`${heading(program, subprogram, index, style)}:`);
    out.push(...disassembleSubprogram(program, subprogram, names, digits, style));
  });
  return out;
}

function heading(program: Program, subprogram: Subprogram, index: number, style: Style): string {
  const name = style.bold(style.name(subprogram.name));
  return index === 0
    ? `${name} ${style.dim(`(${program.section}, ${program.type})`)}`
    : `${name} ${style.dim(`(${subprogram.linkage} function)`)}`;
}

function disassembleSubprogram(
  program: Program,
  { start, end }: Subprogram,
  names: DisassemblyNames,
  digits: number,
  style: Style,
): string[] {
  const out: string[] = [];
  const insns = program.instructions;
  const lines = program.lineInfo;
  let next = lines.findIndex(({ insn }) => insn >= start);
  if (next < 0) next = lines.length;
  let shown = '';
  for (let i = start; i < end; i++) {
    for (; next < lines.length && lines[next]!.insn <= i; next++) {
      const { file, line, text } = lines[next]!;
      const comment = text === '' ? '' : `; ${text.trim()} @ ${baseName(file)}:${line}`;
      if (comment !== '' && comment !== shown) out.push(style.good(comment));
      shown = comment;
    }
    out.push(`${style.dim(String(i).padStart(digits + 2))}: ${disassembleLine(insns, i, names)}`);
    // The second half of a 64-bit load is a slot of its own that nobody executes.
    if (insns.isLdImm64(i)) i++;
  }
  return out;
}
