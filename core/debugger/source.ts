/** Lines of the source as places to stop at; where instructions come from is core/object/places.ts. */
import type { LineInfo, Program } from '../object/program.ts';

export { helperName, namesOf } from '../kernel/tables/disassembly-names.ts';
export { baseName, lineAt, subprogramAt, subprogramName } from '../object/places.ts';

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
