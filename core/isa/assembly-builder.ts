/**
 * The program that an assembler is making: slots so far, and the places that wait for a label.
 */
import type { Line } from './assembly-text.ts';
import { AssemblyError } from './assembly-text.ts';
import type { Instruction } from './instructions.ts';
import { Instructions } from './instructions.ts';
import * as op from './opcodes.ts';

/** Where an assembler gets the numbers of things that the source names. All parts are optional. */
export interface AssemblyNames {
  /** Number of a helper: `bpf_map_lookup_elem` → 1. */
  helper?(name: string): number | undefined;
  /** BTF id of a kfunc, and the offset that picks its module (0: the kernel itself). */
  kfunc?(name: string): { readonly btfId: number; readonly off?: number } | undefined;
  /** What `map[NAME]` stands for in a 64-bit immediate: a file descriptor, or an index, as the program's owner counts. */
  map?(name: string): number | undefined;
}

export interface Assembled {
  readonly instructions: Instructions;
  /** Slot of each label. */
  readonly labels: ReadonlyMap<string, number>;
  /** Source line, from 1, of each slot. */
  readonly lines: Int32Array;
}

/** Where a jump goes, as written. */
export type Target =
  | { readonly kind: 'distance'; readonly value: bigint; readonly column: number }
  | { readonly kind: 'label'; readonly name: string; readonly column: number };

interface Fixup {
  readonly slot: number;
  readonly name: string;
  readonly line: number;
  readonly column: number;
  /** `jump`: 16-bit offset; `relative`: 32-bit immediate; `callee`: label, helper or kfunc, whichever has the name. */
  readonly kind: 'jump' | 'relative' | 'callee';
}

const INT16_MIN = -(2n ** 15n);
const INT16_MAX = 2n ** 15n - 1n;
const INT32_MIN = -(2n ** 31n);
const INT32_MAX = 2n ** 31n - 1n;
const UINT32_MAX = 2n ** 32n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MIN = -(2n ** 63n);

const FAR_JUMP_HINT = 'Use gotol, which has 32 bits for the distance.';

/** An offset field. */
export function offsetField(line: Line): number {
  return line.integerIn(INT16_MIN, INT16_MAX, 'the 16-bit offset');
}

/** An immediate that the machine extends to 64 bits by its sign: what is written must be what is meant. */
export function signedImmediate(line: Line): number {
  const hint = 'A 32-bit immediate is extended by its sign; load the constant with "ll" first.';
  return line.integerIn(INT32_MIN, INT32_MAX, 'a 32-bit immediate of a 64-bit operation', hint);
}

/** An immediate of which only 32 bits count, or that the kernel prints without a sign: both ways of writing it are taken. */
export function wideImmediate(line: Line): number {
  return line.integerIn(INT32_MIN, UINT32_MAX, 'the 32-bit immediate') | 0;
}

export function fitsSignedImmediate(value: bigint): boolean {
  return value >= INT32_MIN && value <= INT32_MAX;
}

export class ProgramBuilder {
  readonly names: AssemblyNames;
  readonly #rows: Partial<Instruction>[] = [];
  readonly #lines: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #fixups: Fixup[] = [];

  constructor(names: AssemblyNames) {
    this.names = names;
  }

  get length(): number {
    return this.#rows.length;
  }

  /** Opcode of the last instruction emitted since `slot`. */
  codeAt(slot: number): number | undefined {
    return this.#rows[slot]?.code;
  }

  label(name: string, line: Line, column: number): void {
    if (this.#labels.has(name)) throw line.error('ASM_DUPLICATE_LABEL', `The label ${name} is defined twice`, column);
    this.#labels.set(name, this.#rows.length);
  }

  emit(line: Line, row: Partial<Instruction>): void {
    this.#rows.push(row);
    this.#lines.push(line.number);
  }

  /** A 64-bit immediate load of a number. */
  emitImm64(line: Line, dst: number, value: bigint, column: number): void {
    if (value < INT64_MIN || value > UINT64_MAX)
      throw line.error('ASM_OUT_OF_RANGE', `${value} does not fit 64 bits`, column);
    this.emitImm64Halves(line, dst, 0, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  emitImm64Halves(line: Line, dst: number, src: number, low: number, high: number): void {
    this.emit(line, { code: op.OPCODE_LD_IMM64, dst, src, imm: low });
    this.emit(line, { imm: high });
  }

  /** A jump with a 16-bit distance. */
  emitJump(line: Line, row: Partial<Instruction>, target: Target): void {
    if (target.kind === 'label') this.#await(line, target, 'jump');
    else if (target.value < INT16_MIN || target.value > INT16_MAX)
      throw line.error('ASM_OUT_OF_RANGE', `A jump by ${target.value} is too far`, target.column, FAR_JUMP_HINT);
    this.emit(line, { ...row, off: target.kind === 'label' ? 0 : Number(target.value) });
  }

  /** Whatever holds a 32-bit distance in its immediate: `gotol`, a call, a function's address. */
  emitRelative(line: Line, row: Partial<Instruction>, target: Target): void {
    if (target.kind === 'label') this.#await(line, target, 'relative');
    else if (target.value < INT32_MIN || target.value > INT32_MAX)
      throw line.error('ASM_OUT_OF_RANGE', `A distance of ${target.value} does not fit 32 bits`, target.column);
    this.emit(line, { ...row, imm: target.kind === 'label' ? 0 : Number(target.value) });
  }

  /** A call by name, of a subprogram in this source, else a helper, else a kfunc. */
  emitCallByName(line: Line, name: string, column: number): void {
    this.#await(line, { kind: 'label', name, column }, 'callee');
    this.emit(line, { code: op.OPCODE_CALL });
  }

  finish(): Assembled {
    for (const fixup of this.#fixups) this.#resolve(fixup);
    return {
      instructions: Instructions.of(...this.#rows),
      labels: this.#labels,
      lines: Int32Array.from(this.#lines),
    };
  }

  #await(line: Line, target: Extract<Target, { kind: 'label' }>, kind: Fixup['kind']): void {
    this.#fixups.push({ slot: this.#rows.length, name: target.name, line: line.number, column: target.column, kind });
  }

  #resolve({ slot, name, line, column, kind }: Fixup): void {
    const row = this.#rows[slot]!;
    const at = this.#labels.get(name);
    const distance = at === undefined ? undefined : at - slot - 1;
    switch (kind) {
      case 'jump':
        if (distance === undefined)
          throw new AssemblyError('ASM_UNKNOWN_LABEL', `There is no label ${name}`, line, column);
        if (distance < Number(INT16_MIN) || distance > Number(INT16_MAX))
          throw new AssemblyError('ASM_OUT_OF_RANGE', `The label ${name} is too far away`, line, column, FAR_JUMP_HINT);
        this.#rows[slot] = { ...row, off: distance };
        return;
      case 'relative':
        if (distance === undefined)
          throw new AssemblyError('ASM_UNKNOWN_LABEL', `There is no label ${name}`, line, column);
        this.#rows[slot] = { ...row, imm: distance };
        return;
      case 'callee': {
        if (distance !== undefined) {
          this.#rows[slot] = { ...row, src: op.BPF_PSEUDO_CALL, imm: distance };
          return;
        }
        const helper = this.names.helper?.(name);
        const kfunc = helper === undefined ? this.names.kfunc?.(name) : undefined;
        if (helper !== undefined) this.#rows[slot] = { ...row, imm: helper };
        else if (kfunc !== undefined)
          this.#rows[slot] = { ...row, src: op.BPF_PSEUDO_KFUNC_CALL, imm: kfunc.btfId, off: kfunc.off ?? 0 };
        else
          throw new AssemblyError(
            'ASM_UNKNOWN_FUNCTION',
            `Nothing called ${name} is known: no label, no helper, no kfunc`,
            line,
            column,
            `Write the number (call 5), or give it after the name: ${name}#5.`,
          );
      }
    }
  }
}
