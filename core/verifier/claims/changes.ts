/** How instructions change what is known: `r6: umax 255 → 2040`, for the view of the code. */
import { BPF_ALU, BPF_ALU64, BPF_CALL, BPF_LD, BPF_LDX, BPF_MOV } from '../../isa/opcodes.ts';
import type { Instructions } from '../../isa/instructions.ts';
import {
  MASK,
  OFF,
  ROW,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
  getS64,
  getU64,
  isConst,
} from '../state/state.ts';
import type { StateNames } from '../print-state.ts';
import { registerText } from '../print-state.ts';
import { NOT_INIT, PTR_TO_STACK, SCALAR_VALUE } from '../state/types.ts';
import { joinRows } from './rows.ts';

/** The register that an instruction writes, and whether it reads it too. Undefined where it writes none, or jumps. */
export function destination(insns: Instructions, insn: number): { register: number; reads: boolean } | undefined {
  const code = insns.code[insn]!;
  const register = insns.dst[insn]!;
  switch (code & 7) {
    case BPF_ALU:
    case BPF_ALU64:
      return { register, reads: (code & 0xf0) !== BPF_MOV };
    case BPF_LDX:
      return { register, reads: false };
    case BPF_LD:
      return { register: insns.isLdImm64(insn) ? register : 0, reads: false };
    case 5:
      return (code & 0xf0) === BPF_CALL ? { register: 0, reads: false } : undefined;
    default:
      return undefined;
  }
}

/** What is known of a register over all visits of an instruction, before and after it. */
export class Change {
  readonly register: number;
  readonly reads: boolean;
  #before: Int32Array | undefined;
  #after: Int32Array | undefined;
  #mixed = false;

  constructor(register: number, reads: boolean) {
    this.register = register;
    this.reads = reads;
  }

  before(w: Int32Array): void {
    this.#before = this.#join(this.#before, w);
  }

  after(w: Int32Array): void {
    this.#after = this.#join(this.#after, w);
  }

  #join(known: Int32Array | undefined, w: Int32Array): Int32Array | undefined {
    const base = this.register * ROW;
    if (known === undefined) return w.slice(base, base + ROW);
    const joined = joinRows(known, 0, w, base);
    // A number on one path and a pointer on another have no common name.
    if (joined === undefined) this.#mixed = true;
    return joined ?? known;
  }

  /** In a few words; undefined where there is nothing to say. */
  text(names: StateNames): string | undefined {
    const before = this.reads ? this.#before : undefined;
    const after = this.#after;
    if (this.#mixed || after === undefined || after[TYPE] === NOT_INIT) return undefined;
    const what =
      before === undefined || before[TYPE] !== after[TYPE] ? kindText(names, after) : changeText(before, after);
    return what === '' ? undefined : `r${this.register}: ${what}`;
  }
}

/** What is known of a register, in a few words. */
function kindText(names: StateNames, w: Int32Array): string {
  if (w[TYPE] !== SCALAR_VALUE) {
    // As the log names it, without what stands in parentheses.
    const name = registerText(names, 0, w, 0).replace(/\(.*$/s, '');
    const off = w[TYPE] === PTR_TO_STACK ? 0 : w[OFF]!;
    return name + (off === 0 ? '' : off > 0 ? `+${off}` : String(off));
  }
  if (isConst(w, 0)) return String(getS64(w, VALUE));
  const umin = getU64(w, UMIN);
  const umax = getU64(w, UMAX);
  const smin = getS64(w, SMIN);
  const smax = getS64(w, SMAX);
  if (umin === 0n && umax === MAX_U64) {
    if (smin !== MIN_S64 || smax !== MAX_S64) return `${short(smin)} … ${short(smax)}`;
    return '';
  }
  // What any load of 32 bits is tells nothing.
  if (umin === 0n && umax === MAX_U32) return '';
  return umin === 0n ? `umax ${short(umax)}` : `${short(umin)} … ${short(umax)}`;
}

const MAX_U32 = 0xffff_ffffn;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;
const MAX_S64 = 0x7fff_ffff_ffff_ffffn;
const MIN_S64 = -0x8000_0000_0000_0000n;

interface Bound {
  readonly name: string;
  readonly of: (w: Int32Array) => bigint;
}

/** In the order of how much they tell. */
const BOUNDS: readonly Bound[] = [
  { name: 'umax', of: (w) => getU64(w, UMAX) },
  { name: 'umin', of: (w) => getU64(w, UMIN) },
  { name: 'smax', of: (w) => getS64(w, SMAX) },
  { name: 'smin', of: (w) => getS64(w, SMIN) },
  { name: 'umax32', of: (w) => BigInt(w[U32_MAX]! >>> 0) },
  { name: 'umin32', of: (w) => BigInt(w[U32_MIN]! >>> 0) },
  { name: 'smax32', of: (w) => BigInt(w[S32_MAX]!) },
  { name: 'smin32', of: (w) => BigInt(w[S32_MIN]!) },
];

/** How two rows of one type differ; empty where they say the same. */
function changeText(before: Int32Array, after: Int32Array): string {
  if (after[TYPE] !== SCALAR_VALUE) {
    if (before[OFF] !== after[OFF]) return `off ${before[OFF]} → ${after[OFF]}`;
    const size = getU64(after, UMAX) - getU64(after, UMIN);
    return size === getU64(before, UMAX) - getU64(before, UMIN)
      ? ''
      : `off +${getU64(after, UMIN)} … +${getU64(after, UMAX)}`;
  }
  if (isConst(before, 0) && isConst(after, 0)) {
    const [was, is] = [getS64(before, VALUE), getS64(after, VALUE)];
    return was === is ? '' : `${was} → ${is}`;
  }
  if (isConst(after, 0)) return String(getS64(after, VALUE));
  const changed = BOUNDS.filter(({ of }) => of(before) !== of(after));
  const unsigned = changed.filter(({ name }) => name === 'umax' || name === 'umin');
  const told = unsigned.length > 0 ? unsigned : changed.slice(0, 1);
  if (told.length > 0)
    return told.map(({ name, of }) => `${name} ${short(of(before))} → ${short(of(after))}`).join(', ');
  if (getU64(before, MASK) === getU64(after, MASK) && getU64(before, VALUE) === getU64(after, VALUE)) return '';
  return `bits ${tnumShort(before)} → ${tnumShort(after)}`;
}

/** Limits of the types by their names: nobody reads twenty digits. */
function short(value: bigint): string {
  switch (value) {
    case MAX_U64:
      return 'U64_MAX';
    case MAX_S64:
      return 'S64_MAX';
    case MIN_S64:
      return 'S64_MIN';
    default:
      return value > 0xffffn || value < -0xffffn ? hexadecimal(value) : String(value);
  }
}

function hexadecimal(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function tnumShort(w: Int32Array): string {
  return `(0x${getU64(w, VALUE).toString(16)}; 0x${getU64(w, MASK).toString(16)})`;
}
