/**
 * A program made ready to run: decoded instructions in linear memory, in which the addresses of maps, map values,
 * functions and kernel variables stand as numbers, and each call that leaves the program has the index of its call site.
 *
 * Anything can be made into an image, also what the verifier rejected: an instruction that cannot run becomes an illegal
 * one, with the reason beside it, and is a fault when it is reached.
 */
import { BailoutError } from '../errors.ts';
import type { Behaviour } from '../kernel/behaviour.ts';
import { callTarget, jumpTarget } from '../isa/control-flow.ts';
import type { Instructions } from '../isa/instructions.ts';
import {
  BPF_IND,
  BPF_MODE,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  accessBytes,
} from '../isa/opcodes.ts';
import type { MapDefinition, Program, Subprogram } from '../object/program.ts';
import { engineOpcode } from './decode.ts';
import {
  INSN_DST,
  INSN_IMM,
  INSN_OFFSET,
  INSN_OP,
  INSN_ORIGINAL,
  INSN_SHIFT,
  INSN_SIZE,
  INSN_SRC,
} from './engine/layout.ts';
import { CALL_LOCAL, CALL_OUT, JA, LD_IMM64, OP_BREAK, OP_ILLEGAL } from './engine/ops.ts';
import type { LinearMemory } from './memory.ts';

/** What a call that leaves the program asks for. */
export type CallSite =
  | {
      readonly kind: 'helper' | 'kfunc';
      readonly name: string;
      /** Undefined where the simulated kernel has none. */
      readonly behaviour: Behaviour | undefined;
    }
  /** ld_abs and ld_ind. */
  | { readonly kind: 'packet'; readonly size: number; readonly offset: number; readonly index: number | undefined }
  /** The gate of a function to which other programs are attached. */
  | { readonly kind: 'gate'; readonly insn: number };

/** Where the kernel keeps what a program names. */
export interface Addresses {
  map(definition: MapDefinition): bigint;
  mapValue(definition: MapDefinition, offset: number): bigint;
  variable(btfId: number): bigint;
  helper(id: number): { readonly name: string; readonly behaviour: Behaviour | undefined };
  kfunc(name: string): Behaviour | undefined;
}

/** One program in linear memory. */
export class Image {
  /** Index among the programs that a machine has loaded. */
  readonly index: number;
  readonly program: Program;
  /** Offset of the first decoded instruction. */
  readonly base: number;
  readonly length: number;
  /** Subprogram by instruction. */
  readonly #subprogramOf: Uint16Array;
  readonly #illegal: ReadonlyMap<number, string>;
  /** First instructions of functions with attachments. Their gates lie behind the code, in this order. */
  readonly #gates: readonly number[];

  constructor(
    memory: LinearMemory,
    program: Program,
    index: number,
    addresses: Addresses,
    sites: CallSite[],
    gates: readonly number[] = [],
  ) {
    const insns = program.instructions;
    this.index = index;
    this.program = program;
    this.length = insns.length;
    // One more after the end: a jump out of the program, or running past its end, arrives at an instruction that says so.
    const bytes = (insns.length + 1 + gates.length) * INSN_SIZE;
    this.#gates = gates;
    this.base = memory.allocate(bytes, { access: 'none', label: `code of ${program.name}` });
    this.#illegal = write(memory, this, addresses, sites);
    gates.forEach((insn, i) => {
      const at = this.address(insns.length + 1 + i);
      memory.view.setUint8(at + INSN_OP, CALL_OUT);
      memory.view.setUint8(at + INSN_ORIGINAL, CALL_OUT);
      memory.view.setInt32(at + INSN_OFFSET, sites.push({ kind: 'gate', insn }) - 1, true);
    });
    memory.touch(this.base, bytes);
    this.#subprogramOf = new Uint16Array(insns.length + 1);
    program.subprograms.forEach((subprogram, at) => {
      this.#subprogramOf.fill(at, subprogram.start, Math.min(subprogram.end, insns.length));
    });
  }

  /** The instruction at an address of decoded code; undefined when it is not of this program. */
  insnAt(address: number): number | undefined {
    if (address < this.base) return undefined;
    const insn = (address - this.base) >> INSN_SHIFT;
    // A gate is a part of its function.
    return insn <= this.length ? insn : this.#gates[insn - this.length - 1];
  }

  address(insn: number): number {
    return this.base + insn * INSN_SIZE;
  }

  /** Where a call of the function at an instruction leads: to its gate, when it has one. */
  entry(insn: number): number {
    const gate = this.#gates.indexOf(insn);
    return this.address(gate < 0 ? insn : this.length + 1 + gate);
  }

  subprogramAt(insn: number): number {
    return this.#subprogramOf[insn] ?? 0;
  }

  subprogram(index: number): Subprogram | undefined {
    return this.program.subprograms[index];
  }

  /** Why an instruction cannot run. */
  reason(insn: number): string {
    return this.#illegal.get(insn) ?? 'it is no instruction';
  }
}

/** Puts a breakpoint on an instruction, or takes it away. Checkpoints are taken without: they are the observer's, not the program's. */
export function setBreak(view: DataView, address: number, on: boolean): void {
  view.setUint8(address + INSN_OP, on ? OP_BREAK : view.getUint8(address + INSN_ORIGINAL));
}

function write(
  memory: LinearMemory,
  image: Image,
  addresses: Addresses,
  sites: CallSite[],
): ReadonlyMap<number, string> {
  const { program, length } = image;
  const insns = program.instructions;
  const illegal = new Map<number, string>();
  const values = ldImm64Values(memory, image, addresses);
  const { view } = memory;
  for (let i = 0; i <= length; i++) {
    const at = image.address(i);
    let opcode =
      i === length ? { illegal: 'the program runs past its end, or branches out of it' } : engineOpcode(insns, i);
    const value = values.get(i) ?? 0n;
    if (opcode === LD_IMM64 && typeof value === 'string') opcode = { illegal: value };
    if (typeof opcode === 'number') {
      const offset = operand(insns, i, opcode, image, sites, addresses, program);
      if (typeof offset === 'number') view.setInt32(at + INSN_OFFSET, offset, true);
      else opcode = offset;
    }
    if (typeof opcode !== 'number') {
      illegal.set(i, opcode.illegal);
      opcode = OP_ILLEGAL;
    }
    view.setUint8(at + INSN_OP, opcode);
    view.setUint8(at + INSN_ORIGINAL, opcode);
    view.setUint8(at + INSN_DST, (insns.dst[i] ?? 0) * 8);
    view.setUint8(at + INSN_SRC, (insns.src[i] ?? 0) * 8);
    if (opcode === LD_IMM64 && typeof value === 'bigint') {
      view.setBigUint64(at + INSN_IMM, value, true);
      i++;
      illegal.set(i, 'a jump into the middle of a 64-bit immediate load');
      view.setUint8(image.address(i) + INSN_OP, OP_ILLEGAL);
      view.setUint8(image.address(i) + INSN_ORIGINAL, OP_ILLEGAL);
    } else view.setBigInt64(at + INSN_IMM, BigInt(insns.imm[i] ?? 0), true);
  }
  return illegal;
}

/** What stands at INSN_OFFSET: a jump's or call's target, a call site, or the distance of an access. */
function operand(
  insns: Instructions,
  i: number,
  opcode: number,
  image: Image,
  sites: CallSite[],
  addresses: Addresses,
  program: Program,
): number | { readonly illegal: string } {
  if (opcode === LD_IMM64)
    return i + 1 < image.length ? 0 : { illegal: 'a 64-bit immediate load without its second half' };
  if (opcode === CALL_OUT) return sites.push(callSite(insns, i, addresses, program)) - 1;
  const target =
    opcode === CALL_LOCAL ? callTarget(insns, i) : opcode === JA ? jumpTarget(insns, i) : branchTarget(insns, i);
  if (target === undefined) return insns.off[i] ?? 0;
  if (target >= 0 && target < image.length)
    return (opcode === CALL_LOCAL ? image.entry(target) : image.address(target)) - INSN_SIZE;
  // A branch may never be taken: only when it is, the instruction after the end says what is wrong.
  if (opcode === CALL_LOCAL || opcode === JA) return { illegal: `it goes to insn ${target}, out of the program` };
  return image.address(image.length) - INSN_SIZE;
}

function branchTarget(insns: Instructions, i: number): number | undefined {
  const cls = (insns.code[i] ?? 0) & 0x07;
  return cls === 0x05 || cls === 0x06 ? jumpTarget(insns, i) : undefined;
}

function callSite(insns: Instructions, i: number, addresses: Addresses, program: Program): CallSite {
  const code = insns.code[i] ?? 0;
  const imm = insns.imm[i] ?? 0;
  if ((code & 0x07) === 0) {
    const index = BPF_MODE(code) === BPF_IND ? insns.src[i] : undefined;
    return { kind: 'packet', size: accessBytes(code), offset: imm, index };
  }
  if (insns.src[i] !== BPF_PSEUDO_KFUNC_CALL) return { kind: 'helper', ...addresses.helper(imm) };
  const name = imm > 0 && imm <= program.kernelBtf.typeCount ? program.kernelBtf.name(imm) : '';
  return { kind: 'kfunc', name, behaviour: name === '' ? undefined : addresses.kfunc(name) };
}

/**
 * The value of each 64-bit immediate load, or why it has none. Asking for an address may make kernel objects and so move
 * memory: all are asked for before anything is written.
 */
function ldImm64Values(memory: LinearMemory, image: Image, addresses: Addresses): ReadonlyMap<number, bigint | string> {
  const { program } = image;
  const insns = program.instructions;
  const values = new Map<number, bigint | string>();
  for (let i = 0; i < insns.length; i += insns.slots(i)) {
    if (!insns.isLdImm64(i)) continue;
    try {
      values.set(i, ldImm64(memory, image, addresses, i));
    } catch (error) {
      if (!(error instanceof BailoutError)) throw error;
      values.set(i, error.message);
    }
  }
  return values;
}

function ldImm64(memory: LinearMemory, image: Image, addresses: Addresses, i: number): bigint {
  const insns = image.program.instructions;
  const imm = insns.imm[i] ?? 0;
  const next = insns.imm[i + 1] ?? 0;
  const map = image.program.maps[imm];
  switch (insns.src[i]) {
    case BPF_PSEUDO_MAP_FD:
    case BPF_PSEUDO_MAP_IDX:
      return map === undefined ? 0n : addresses.map(map);
    case BPF_PSEUDO_MAP_VALUE:
    case BPF_PSEUDO_MAP_IDX_VALUE:
      return map === undefined ? 0n : addresses.mapValue(map, next >>> 0);
    case BPF_PSEUDO_BTF_ID:
      return addresses.variable(imm);
    case BPF_PSEUDO_FUNC:
      return memory.pointer(image.address(i + 1 + imm));
    default:
      return insns.imm64(i);
  }
}
