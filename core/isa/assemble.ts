/**
 * Source text to instructions, in either syntax, mixed as you like (docs/isa.md has the table):
 *
 *     r0 += r1                          add r0, r1
 *     r2 = *(u32 *)(r1 +4)              ldxw r2, [r1+4]
 *     if r2 s> 7 goto out               jsgt r2, 7, out
 *     lock *(u64 *)(r1 +0) += r2        lock add [r1], r2
 *
 * A line of the verifier's log or of `bpftool prog dump xlated` is source too: its number and the opcode in parentheses are
 * taken, the opcode as a check, and what follows `;` is a comment.
 */
import type { Assembled, AssemblyNames } from './assembly-builder.ts';
import { ProgramBuilder, offsetField, wideImmediate } from './assembly-builder.ts';
import { isMnemonic, mnemonicStatement } from './assembly-mnemonics.ts';
import { isKernelStatement, kernelStatement } from './assembly-kernel-style.ts';
import { Line } from './assembly-text.ts';

export type { Assembled, AssemblyNames } from './assembly-builder.ts';
export { AssemblyError } from './assembly-text.ts';

// What compilers put around the code in assembly files. Layout is the object file's business; here they mean nothing.
const IGNORED_DIRECTIVES = new Set(
  '.text .section .globl .global .local .weak .hidden .type .size .p2align .align .file .loc .ident .addrsig .cfi_startproc .cfi_endproc'.split(
    ' ',
  ),
);

/** Assembles a program, or throws an `AssemblyError` that names line and column. */
export function assemble(text: string, names: AssemblyNames = {}): Assembled {
  const builder = new ProgramBuilder(names);
  text.split(/\r\n|\r|\n/).forEach((source, i) => statement(new Line(source, i + 1), builder));
  return builder.finish();
}

function statement(line: Line, builder: ProgramBuilder): void {
  // The slot's number at the beginning of a log line.
  if (line.peek()?.kind === 'number' && line.peek(1)?.text === ':') {
    line.integer();
    line.expect(':');
  }
  while (line.peek()?.kind === 'word' && line.peek(1)?.text === ':') {
    const column = line.column;
    builder.label(line.word(), line, column);
    line.expect(':');
  }
  if (line.isAtEnd) return;
  const opcodeColumn = line.column;
  const expected = opcodeInParentheses(line);
  const slot = builder.length;
  instruction(line, builder, expected);
  line.expectEnd();
  const code = builder.codeAt(slot);
  if (expected !== undefined && code !== expected)
    throw line.error(
      'ASM_OPCODE_MISMATCH',
      `The text means opcode ${hex(code ?? 0)}, but ${hex(expected)} stands before it`,
      opcodeColumn,
    );
}

function hex(code: number): string {
  return code.toString(16).padStart(2, '0');
}

/** `(b7)`: two hexadecimal digits, which the scanner may see as a number, a word, or one after the other. */
function opcodeInParentheses(line: Line): number | undefined {
  if (!line.sees('(')) return undefined;
  const first = line.peek(1)?.text ?? '';
  const joined = line.peek(2)?.text === ')' ? first : first + (line.peek(2)?.text ?? '');
  if (!/^[0-9a-f]{2}$/.test(joined)) return undefined;
  line.expect('(');
  while (!line.accept(')')) line.take('")"');
  return Number.parseInt(joined, 16);
}

function instruction(line: Line, builder: ProgramBuilder, expected: number | undefined): void {
  const first = line.peek();
  if (first?.kind === 'word' && first.text.startsWith('.')) directive(line, builder);
  else if (isKernelStatement(line)) kernelStatement(line, builder, expected);
  else if (isMnemonic(line)) mnemonicStatement(line, builder);
  else
    throw line.error(
      'ASM_UNKNOWN_INSTRUCTION',
      `No instruction begins with "${first?.text ?? ''}"`,
      line.column,
      'Both "r0 += r1" and "add r0, r1" are understood; docs/isa.md lists all forms.',
    );
}

function directive(line: Line, builder: ProgramBuilder): void {
  const column = line.column;
  const name = line.word();
  if (IGNORED_DIRECTIVES.has(name)) {
    while (!line.isAtEnd) line.take('an operand');
    return;
  }
  if (name !== '.insn') throw line.error('ASM_UNKNOWN_DIRECTIVE', `There is no directive ${name}`, column);
  // Any slot whatever, field by field: also those that are no instruction.
  const code = line.integerIn(0n, 255n, 'the opcode');
  line.expect(',');
  const dst = line.integerIn(0n, 15n, 'a register field');
  line.expect(',');
  const src = line.integerIn(0n, 15n, 'a register field');
  line.expect(',');
  const off = offsetField(line);
  line.expect(',');
  const imm = wideImmediate(line);
  builder.emit(line, { code, dst, src, off, imm });
}
