/**
 * What each assertion of a program bought: the range of the tested register before it and after it, over all paths.
 *
 * An assertion is known by its shape, in whichever way it was written: a conditional jump of which one side does nothing but
 * load a cookie and call bpf_throw. The other side goes on with what the test has shown.
 */
import { BPF_ALU, BPF_ALU64, BPF_CALL, BPF_JMP, BPF_JMP32, BPF_LD, BPF_LDX, BPF_X } from '../../isa/opcodes.ts';
import { callShape } from '../calls/shapes.ts';
import type { Env } from '../context.ts';
import { registerText } from '../print-state.ts';
import { ROW, S32_MAX, S32_MIN, SMAX, SMIN, TYPE, U32_MAX, U32_MIN, UMAX, UMIN, copyRegister } from '../state/state.ts';
import { tnumUnion } from '../values/tnum.ts';
import { NOT_INIT, SCALAR_VALUE } from '../state/types.ts';
import { copy64, lts, ltu } from '../values/wide.ts';

/** A comparison that guards a throw, and what its passing told the verifier. */
export interface AssertionFact {
  /** The conditional jump. */
  readonly insn: number;
  /** The call of bpf_throw that runs when it fails. */
  readonly throwInsn: number;
  /** `r8 < 0x100` */
  readonly condition: string;
  readonly register: number;
  /** The register's possible values before the test and after it, as the log prints them. Empty when no path gets there. */
  readonly before: string;
  readonly after: string;
}

/** The longest throwing side that is still taken for an assertion: a cookie and what it is computed from. */
const MAX_SIDE = 8;

interface Site {
  readonly insn: number;
  readonly throwInsn: number;
  readonly passesWhenTaken: boolean;
  /** Rows of the tested register: before, after. */
  readonly rows: Int32Array;
}

export class Assertions {
  readonly #sites = new Map<number, Site>();
  /** By instruction, so that the other jumps cost one load. */
  readonly #isSite: Uint8Array;

  constructor(env: Env) {
    const { insns } = env;
    this.#isSite = new Uint8Array(insns.length);
    if (!env.subprograms.some((subprogram) => subprogram.mightThrow)) return;
    for (let insn = 0; insn < insns.length; insn++) {
      if (!isConditionalJump(insns.code[insn]!)) continue;
      const fallThrough = throwBehind(env, insn + 1);
      const target = throwBehind(env, insn + 1 + insns.off[insn]!);
      if ((fallThrough === undefined) === (target === undefined)) continue;
      const throwInsn = fallThrough ?? target;
      if (throwInsn === undefined) continue;
      this.#isSite[insn] = 1;
      this.#sites.set(insn, {
        insn,
        throwInsn,
        passesWhenTaken: fallThrough !== undefined,
        rows: new Int32Array(2 * ROW),
      });
    }
  }

  has(insn: number): boolean {
    return this.#isSite[insn] === 1;
  }

  /** Notes the tested register before an assertion's comparison; `w` is the frame's words. */
  before(insn: number, w: Int32Array, register: number): void {
    const site = this.#sites.get(insn);
    if (site !== undefined) widen(site.rows, 0, w, register * ROW);
  }

  /** Notes it on the paths behind the comparison; where the outcome was known, one of them is undefined. */
  after(insn: number, fallThrough: Int32Array | undefined, taken: Int32Array | undefined, register: number): void {
    const site = this.#sites.get(insn);
    const passing = site?.passesWhenTaken === true ? taken : fallThrough;
    if (site !== undefined && passing !== undefined) widen(site.rows, ROW, passing, register * ROW);
  }

  facts(env: Env): AssertionFact[] {
    return [...this.#sites.values()].map((site) => ({
      insn: site.insn,
      throwInsn: site.throwInsn,
      condition: conditionText(env, site),
      register: env.insns.dst[site.insn]!,
      before: rangeText(env, site.rows, 0),
      after: rangeText(env, site.rows, ROW),
    }));
  }
}

function isConditionalJump(code: number): boolean {
  const cls = code & 7;
  return (cls === BPF_JMP || cls === BPF_JMP32) && OPERATORS.has(code & 0xf0);
}

/** The throw that straight-line code from an instruction leads to, when it does nothing else. */
function throwBehind(env: Env, from: number): number | undefined {
  const { insns } = env;
  for (let insn = from; insn < Math.min(insns.length, from + MAX_SIDE); insn += insns.slots(insn)) {
    const code = insns.code[insn]!;
    const cls = code & 7;
    if (cls === BPF_ALU || cls === BPF_ALU64 || cls === BPF_LDX || (cls === BPF_LD && insns.isLdImm64(insn))) continue;
    if (cls === BPF_JMP && (code & 0xf0) === BPF_CALL) return callShape(env, insn)?.throws === true ? insn : undefined;
    return undefined;
  }
  return undefined;
}

/** Joins a register's values into a row that holds those of the paths before. */
function widen(rows: Int32Array, to: number, w: Int32Array, base: number): void {
  if (rows[to + TYPE] === NOT_INIT) {
    copyRegister(rows, to, w, base);
    return;
  }
  if (rows[to + TYPE] !== SCALAR_VALUE || w[base + TYPE] !== SCALAR_VALUE) return;
  if (lts(w, base + SMIN, rows, to + SMIN)) copy64(rows, to + SMIN, w, base + SMIN);
  if (lts(rows, to + SMAX, w, base + SMAX)) copy64(rows, to + SMAX, w, base + SMAX);
  if (ltu(w, base + UMIN, rows, to + UMIN)) copy64(rows, to + UMIN, w, base + UMIN);
  if (ltu(rows, to + UMAX, w, base + UMAX)) copy64(rows, to + UMAX, w, base + UMAX);
  rows[to + S32_MIN] = Math.min(rows[to + S32_MIN]!, w[base + S32_MIN]!);
  rows[to + S32_MAX] = Math.max(rows[to + S32_MAX]!, w[base + S32_MAX]!);
  rows[to + U32_MIN] = Math.min(rows[to + U32_MIN]! >>> 0, w[base + U32_MIN]! >>> 0);
  rows[to + U32_MAX] = Math.max(rows[to + U32_MAX]! >>> 0, w[base + U32_MAX]! >>> 0);
  tnumUnion(rows, to, w, base);
}

function rangeText(env: Env, rows: Int32Array, base: number): string {
  return rows[base + TYPE] === NOT_INIT ? '' : registerText(env, 0, rows, base);
}

/** Operators by the jump's operation, and the one that holds when the jump is not taken. */
const OPERATORS: ReadonlyMap<number, readonly [string, string]> = new Map([
  [0x10, ['==', '!=']],
  [0x20, ['>', '<=']],
  [0x30, ['>=', '<']],
  [0x40, ['&', '!&']],
  [0x50, ['!=', '==']],
  [0x60, ['s>', 's<=']],
  [0x70, ['s>=', 's<']],
  [0xa0, ['<', '>=']],
  [0xb0, ['<=', '>']],
  [0xc0, ['s<', 's>=']],
  [0xd0, ['s<=', 's>']],
]);

function conditionText(env: Env, site: Site): string {
  const { insns } = env;
  const code = insns.code[site.insn]!;
  const letter = (code & 7) === BPF_JMP32 ? 'w' : 'r';
  const [taken = '?', notTaken = '?'] = OPERATORS.get(code & 0xf0) ?? [];
  const imm = insns.imm[site.insn]!;
  const right =
    (code & BPF_X) !== 0
      ? `${letter}${insns.src[site.insn]}`
      : imm < 0
        ? `-0x${(-imm).toString(16)}`
        : `0x${imm.toString(16)}`;
  return `${letter}${insns.dst[site.insn]} ${site.passesWhenTaken ? taken : notTaken} ${right}`;
}
