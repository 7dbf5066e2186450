/** Which instructions can change what: where watchpoints and "who wrote this" have to look. */
import { isExit } from '../isa/control-flow.ts';
import { memoryAccess, registersWritten } from '../isa/operands.ts';
import type { Machine } from '../machine/machine.ts';
import type { Program } from '../object/program.ts';
import { BPF_CALL, BPF_CLASS, BPF_JMP, BPF_OP } from '../isa/opcodes.ts';

/** Marks of a program's instructions, made once for each. */
export class Marks {
  readonly #test: (program: Program, insn: number) => boolean;
  readonly #made = new WeakMap<Program, Uint8Array>();

  constructor(test: (program: Program, insn: number) => boolean) {
    this.#test = test;
  }

  of(program: Program): Uint8Array {
    let marks = this.#made.get(program);
    if (marks === undefined) {
      const insns = program.instructions;
      marks = new Uint8Array(insns.length);
      for (let i = 0; i < insns.length; i += insns.slots(i)) if (this.#test(program, i)) marks[i] = 1;
      this.#made.set(program, marks);
    }
    return marks;
  }
}

export const everyInstruction = new Marks(() => true);

/** Stores, and calls, of which nobody knows what they store. */
export const memoryWriters = new Marks((program, i) => isCall(program, i) || isStore(program, i));

/** Instructions that write a register, or change frames and so what the register is. */
export function registerWriters(register: number): Marks {
  return new Marks(
    (program, i) =>
      (registersWritten(program.instructions, i) & (1 << register)) !== 0 ||
      isCall(program, i) ||
      isExit(program.instructions, i),
  );
}

export function isCall(program: Program, i: number): boolean {
  const code = program.instructions.code[i] ?? 0;
  return BPF_CLASS(code) === BPF_JMP && BPF_OP(code) === BPF_CALL;
}

function isStore(program: Program, i: number): boolean {
  const kind = memoryAccess(program.instructions, i)?.kind;
  return kind === 'store' || kind === 'atomic';
}

/** Whether the instruction that is next stores into a range; undefined for a call, which may. */
export function storesInto(machine: Machine, address: bigint, size: number): boolean | undefined {
  const at = machine.location;
  if (at === undefined) return false;
  if (isCall(at.program, at.insn)) return undefined;
  const access = memoryAccess(at.program.instructions, at.insn);
  if (access?.base === undefined || (access.kind !== 'store' && access.kind !== 'atomic')) return false;
  const start = BigInt.asUintN(64, (machine.registers[access.base] ?? 0n) + BigInt(access.offset));
  return start < address + BigInt(size) && address < start + BigInt(access.size);
}
