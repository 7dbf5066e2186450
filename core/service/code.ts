/** A program's code as rows: functions, source lines and instructions, interleaved. Made once for each program. */
import { BailoutError } from '../errors.ts';
import { baseName, namesOf, subprogramName } from '../debugger/source.ts';
import { callTarget, isSubprogramCall, isSubprogramPointer, jumpTarget } from '../isa/control-flow.ts';
import { disassembleInsn } from '../isa/disassemble.ts';
import type { Program } from '../object/program.ts';
import type { CodeMode, CodeRow, CodeSummary, SearchResult } from '../protocol/code.ts';
import { searchRows } from './search.ts';

const FUNCTION = 0;
const SOURCE = 1;
const INSN = 2;

/** Rows as two columns, so that a program of any size costs eight bytes a row; texts are made when they are asked for. */
interface Rows {
  readonly kinds: Uint8Array;
  /** Of a function its index, of a source line its index in the line information, of an instruction its number. */
  readonly values: Int32Array;
  /** The row of each instruction, and of each function. */
  readonly rowOfInsn: Int32Array;
  readonly rowOfFunction: Int32Array;
}

export class Code {
  readonly #program: Program;
  /** Per instruction: 1 when some path of the verifier reaches it. Undefined where that is not known of all. */
  readonly #seen: Uint8Array | undefined;
  readonly #names: ReturnType<typeof namesOf>;
  readonly #rows = new Map<CodeMode, Rows>();
  readonly #texts = new Map<CodeMode, readonly string[]>();

  constructor(program: Program, seen: Uint8Array | undefined) {
    this.#program = program;
    this.#seen = seen;
    this.#names = namesOf(program);
  }

  summary(mode: CodeMode = 'all'): CodeSummary {
    const program = this.#program;
    const rows = this.#rowsOf(mode);
    const hasSource = program.lineInfo.length > 0;
    return {
      program: program.name,
      rows: rows.kinds.length,
      insns: program.instructions.length,
      functions: program.subprograms.map(({ start }, i) => ({
        name: subprogramName(program, i),
        insn: start,
        row: rows.rowOfFunction[i] ?? 0,
      })),
      source: hasSource
        ? 'source from BTF'
        : program.btf === undefined
          ? 'no source: the object has no BTF; compile with -g'
          : 'no source: the object has no line information; compile with -g',
      hasSource,
    };
  }

  rows(from: number, to: number, mode: CodeMode = 'all'): CodeRow[] {
    const { kinds } = this.#rowsOf(mode);
    const rows: CodeRow[] = [];
    for (let row = Math.max(from, 0); row < Math.min(to, kinds.length); row++) rows.push(this.#row(row, mode));
    return rows;
  }

  rowOf(insn: number, mode: CodeMode = 'all'): number {
    return this.#rowsOf(mode).rowOfInsn[insn] ?? 0;
  }

  rowsOfLine(file: string, line: number): number[] {
    const { kinds, values } = this.#rowsOf('all');
    const rows: number[] = [];
    for (let row = 0; row < kinds.length; row++) {
      if (kinds[row] !== SOURCE) continue;
      const info = this.#program.lineInfo[values[row]!];
      if (info?.line === line && (file === '' || baseName(info.file) === baseName(file))) rows.push(row);
    }
    return rows;
  }

  search(text: string, mode: CodeMode = 'all'): SearchResult {
    let texts = this.#texts.get(mode);
    if (texts === undefined) {
      const { kinds } = this.#rowsOf(mode);
      texts = Array.from(kinds, (_, row) => textOf(this.#row(row, mode)));
      this.#texts.set(mode, texts);
    }
    return searchRows(texts.length, (row) => texts[row] ?? '', text);
  }

  // ---- rows -----------------------------------------------------------------------------------------------------------

  #row(row: number, mode: CodeMode): CodeRow {
    const { kinds, values } = this.#rowsOf(mode);
    const value = values[row] ?? 0;
    const program = this.#program;
    switch (kinds[row]) {
      case FUNCTION: {
        const subprogram = program.subprograms[value];
        return {
          kind: 'function',
          name: subprogramName(program, value),
          insn: subprogram?.start ?? 0,
          linkage: value === 0 ? 'main' : subprogram?.linkage === 'global' ? 'global' : 'static',
        };
      }
      case SOURCE: {
        const info = program.lineInfo[value];
        return {
          kind: 'source',
          file: baseName(info?.file ?? ''),
          line: info?.line ?? 0,
          text: (info?.text ?? '').replaceAll('\t', '    ').trimEnd(),
        };
      }
      default: {
        const target = this.#target(value);
        return {
          kind: 'insn',
          insn: value,
          text: disassembleInsn(program.instructions, value, this.#names),
          ...(target === undefined ? {} : { target }),
          dead: this.#seen !== undefined && this.#seen[value] === 0,
        };
      }
    }
  }

  #target(insn: number): number | undefined {
    const insns = this.#program.instructions;
    if (isSubprogramCall(insns, insn) || isSubprogramPointer(insns, insn)) return callTarget(insns, insn);
    return jumpTarget(insns, insn);
  }

  #rowsOf(mode: CodeMode): Rows {
    let rows = this.#rows.get(mode);
    if (rows === undefined) this.#rows.set(mode, (rows = layOut(this.#program, mode)));
    return rows;
  }
}

function textOf(row: CodeRow): string {
  switch (row.kind) {
    case 'function':
      return row.name;
    case 'source':
      return `${row.line} ${row.text}`;
    case 'insn':
      return `${row.insn} ${row.text}`;
  }
}

function layOut(program: Program, mode: CodeMode): Rows {
  const { instructions: insns, subprograms, lineInfo } = program;
  const most = insns.length + subprograms.length + (mode === 'all' ? lineInfo.length : 0);
  const kinds = new Uint8Array(most);
  const values = new Int32Array(most);
  const rowOfInsn = new Int32Array(insns.length);
  const rowOfFunction = new Int32Array(subprograms.length);
  let count = 0;
  const add = (kind: number, value: number): number => {
    kinds[count] = kind;
    values[count] = value;
    return count++;
  };
  let line = 0;
  let subprogram = 0;
  let shown = -1;
  for (let insn = 0; insn < insns.length; insn += insns.slots(insn)) {
    while (subprogram < subprograms.length && (subprograms[subprogram]?.start ?? 0) <= insn) {
      rowOfFunction[subprogram] = add(FUNCTION, subprogram);
      subprogram++;
      shown = -1;
    }
    while (line < lineInfo.length && (lineInfo[line]?.insn ?? 0) <= insn) {
      if (mode === 'all' && !isSameLine(lineInfo[line], lineInfo[shown])) add(SOURCE, (shown = line));
      line++;
    }
    rowOfInsn[insn] = add(INSN, insn);
    // The second half of a 64-bit load is no row of its own.
    if (insns.slots(insn) === 2 && insn + 1 < rowOfInsn.length) rowOfInsn[insn + 1] = rowOfInsn[insn]!;
  }
  return { kinds: kinds.slice(0, count), values: values.slice(0, count), rowOfInsn, rowOfFunction };
}

function isSameLine(a: Program['lineInfo'][number] | undefined, b: Program['lineInfo'][number] | undefined): boolean {
  return a !== undefined && b !== undefined && a.line === b.line && a.file === b.file;
}

export function programNamed(programs: readonly Program[], name: string): Program {
  const program = programs.find((candidate) => candidate.name === name);
  if (program === undefined) throw new BailoutError('NO_PROGRAM', `There is no program \`${name}\`.`);
  return program;
}
