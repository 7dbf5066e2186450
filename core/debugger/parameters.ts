/** Parameters of functions by their names in BTF: R1 to R5, for as long as no instruction on any way from the function's beginning wrote them. */
import { successors } from '../isa/control-flow.ts';
import { registersWritten } from '../isa/operands.ts';
import type { Frame } from '../machine/frames.ts';
import type { Program, Subprogram } from '../object/program.ts';
import type { CType } from './expressions/types.ts';
import { btfType } from './expressions/types.ts';
import { isCall } from './writes.ts';

/** R1 to R5: a call may change each of them. */
const ARGUMENTS = 0x3e;

export interface Parameter {
  readonly name: string;
  readonly type: CType;
  readonly register: number;
  /** False when some way to the instruction wrote the register. */
  readonly isThere: boolean;
}

/** Those of the function in a frame. What does not fit into registers is left out, with all that follows. */
export function parametersOf(frame: Frame): readonly Parameter[] {
  const { program } = frame.image;
  const subprogram = program.subprograms[frame.subprogram];
  const { btf } = program;
  if (btf === undefined || subprogram === undefined || subprogram.funcTypeId === 0) return [];
  const params = btf.params(btf.typeId(subprogram.funcTypeId)).slice(0, 5);
  const tooLarge = params.findIndex(({ typeId }) => (btf.resolveSize(typeId) ?? 0) > 8);
  const written = writtenBefore(program, subprogram)[frame.insn - subprogram.start] ?? ARGUMENTS;
  return (tooLarge < 0 ? params : params.slice(0, tooLarge)).map(({ name, typeId }, i) => ({
    name,
    type: btfType(btf, typeId),
    register: i + 1,
    isThere: (written & (1 << (i + 1))) === 0,
  }));
}

const known = new WeakMap<Subprogram, Uint16Array>();

/** For each instruction of a function: the registers that were written on some way to it. */
function writtenBefore(program: Program, subprogram: Subprogram): Uint16Array {
  let written = known.get(subprogram);
  if (written !== undefined) return written;
  const { start, end } = subprogram;
  const insns = program.instructions;
  written = new Uint16Array(end - start);
  const seen = new Uint8Array(end - start);
  const work = [start];
  seen[0] = 1;
  for (let insn = work.pop(); insn !== undefined; insn = work.pop()) {
    const own = registersWritten(insns, insn) | (isCall(program, insn) ? ARGUMENTS : 0);
    const after = written[insn - start]! | own;
    for (const next of successors(insns, insn)) {
      const at = next - start;
      if (next < start || next >= end || (seen[at] === 1 && (written[at]! | after) === written[at])) continue;
      seen[at] = 1;
      written[at]! |= after;
      work.push(next);
    }
  }
  known.set(subprogram, written);
  return written;
}
