/**
 * A program with a few instructions more, as if they had been written into its source: so a suggestion can be tried by
 * verifying it, with all that follows from it. A throw, for one, is refused where something is held.
 */
import { BTF_KIND_FUNC } from '../../object/btf/kinds.ts';
import { callTarget, isSubprogramCall, isSubprogramPointer, jumpTarget } from '../../isa/control-flow.ts';
import type { Instruction } from '../../isa/instructions.ts';
import { Instructions } from '../../isa/instructions.ts';
import { BPF_PSEUDO_KFUNC_CALL, OPCODE_CALL, OPCODE_EXIT, OPCODE_GOTOL } from '../../isa/opcodes.ts';
import type { Program } from '../../object/program.ts';

const JUMP_LE = 0xb5;
const JUMP_LT_REG = 0xbd;
const JUMP_SGE = 0x75;
const JUMP_SLE = 0xd5;
const JUMP_NE = 0x55;
const MOV = 0xb7;
const MOV_REG = 0xbf;
const ADD = 0x07;
const LOAD_32 = 0x61;

/** Instructions written before another one. Undefined when a jump could then not reach its target. */
export function insertBefore(program: Program, at: number, rows: readonly Partial<Instruction>[]): Program | undefined {
  const old = program.instructions;
  const added = rows.length;
  /** Where an instruction is now. */
  const moved = (insn: number): number => (insn < at ? insn : insn + added);
  /** Where a jump to it leads: to what was inserted before it. */
  const target = (insn: number): number => (insn <= at ? insn : insn + added);
  const insns = new Instructions(old.length + added);
  rows.forEach((row, i) => insns.set(at + i, row));
  for (let i = 0; i < old.length; i++) {
    const to = moved(i);
    insns.set(to, old.at(i));
    if (isSubprogramCall(old, i) || isSubprogramPointer(old, i)) {
      insns.imm[to] = target(callTarget(old, i)) - to - 1;
    } else {
      const goal = jumpTarget(old, i);
      if (goal !== undefined) {
        const distance = target(goal) - to - 1;
        if (old.code[i] === OPCODE_GOTOL) insns.imm[to] = distance;
        else if (distance < -0x8000 || distance > 0x7fff) return undefined;
        else insns.off[to] = distance;
      }
    }
    if (old.isLdImm64(i) && i + 1 < old.length) {
      i++;
      insns.set(moved(i), old.at(i));
    }
  }
  return {
    ...program,
    instructions: insns,
    subprograms: program.subprograms.map((subprogram) => ({
      ...subprogram,
      start: target(subprogram.start),
      end: target(subprogram.end),
    })),
    lineInfo: program.lineInfo.map((line) => ({ ...line, insn: target(line.insn) })),
    poisoned: program.poisoned.map((poisoned) => ({ ...poisoned, insn: moved(poisoned.insn) })),
  };
}

/** How a failed test ends: two instructions. */
export type Ending = readonly Partial<Instruction>[];

/** `return 0;` */
export const RETURN_ZERO: Ending = [{ code: MOV, dst: 0, imm: 0 }, { code: OPCODE_EXIT }];

/** `bpf_throw(0)`; undefined when the kernel's types do not have it. */
export function throwing(program: Program): Ending | undefined {
  const id = program.kernelBtf.findByName('bpf_throw', BTF_KIND_FUNC);
  if (id <= 0) return undefined;
  return [
    { code: MOV, dst: 1, imm: 0 },
    { code: OPCODE_CALL, src: BPF_PSEUDO_KFUNC_CALL, imm: id },
  ];
}

const fits = (value: bigint): boolean => value >= -0x8000_0000n && value <= 0x7fff_ffffn;

/** `register <= max`, or with a signed lower bound `min <= register <= max`, or the end. */
export function boundTest(
  end: Ending,
  register: number,
  min: bigint | undefined,
  max: bigint,
): Partial<Instruction>[] | undefined {
  if (!fits(max) || (min !== undefined && !fits(min))) return undefined;
  if (min === undefined) return [{ code: JUMP_LE, dst: register, off: 2, imm: Number(max) }, ...end];
  return [
    { code: JUMP_SGE, dst: register, off: 2, imm: Number(min) },
    ...end,
    { code: JUMP_SLE, dst: register, off: 2, imm: Number(max) },
    ...end,
  ];
}

/** The pointer is not null, or the end. */
export function notNullTest(end: Ending, register: number): Partial<Instruction>[] {
  return [{ code: JUMP_NE, dst: register, off: 2, imm: 0 }, ...end];
}

/** Where the packet's end comes from: a register that has it, or the context's field. */
export type PacketEnd =
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'context'; readonly register: number; readonly offset: number; readonly scratch: number };

/** `pointer + bytes <= data_end`, or the end; with a register that is free. */
export function packetTest(
  fails: Ending,
  register: number,
  bytes: bigint,
  end: PacketEnd,
  scratch: number,
): Partial<Instruction>[] | undefined {
  if (!fits(bytes)) return undefined;
  const endRegister = end.kind === 'register' ? end.register : end.scratch;
  return [
    ...(end.kind === 'context' ? [{ code: LOAD_32, dst: end.scratch, src: end.register, off: end.offset }] : []),
    { code: MOV_REG, dst: scratch, src: register },
    { code: ADD, dst: scratch, imm: Number(bytes) },
    // Not: end < pointer + bytes.
    { code: JUMP_LT_REG, dst: endRegister, src: scratch, off: 1, imm: 0 },
    { code: 0x05, off: 2 },
    ...fails,
  ];
}
