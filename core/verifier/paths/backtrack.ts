/**
 * One step backwards through a program, for precision: which registers and stack slots must have been known exactly before
 * an instruction, so that those asked for are known exactly after it.
 */
import { callTarget, isSubprogramCall } from '../../isa/control-flow.ts';
import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IMM,
  BPF_IND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MOV,
  BPF_NEG,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_ST,
  BPF_STX,
  BPF_X,
} from '../../isa/opcodes.ts';
import { callShape } from '../calls/shapes.ts';
import type { Env } from '../context.ts';
import { subprogramStartingAt } from '../flow/control-flow.ts';
import { insnText } from '../print-state.ts';
import type { JumpHistoryEntry, LinkedRegister } from '../state/state.ts';
import {
  HISTORY_DST_REG_STACK,
  HISTORY_FRAME_MASK,
  HISTORY_SLOT_MASK,
  HISTORY_SLOT_SHIFT,
  HISTORY_SRC_REG_STACK,
  HISTORY_STACK_ACCESS,
} from '../state/state.ts';
import { BPF_REG_FP, MAX_CALL_FRAMES } from '../state/types.ts';

/** R1 to R5. */
const ARGUMENTS = 0x3e;

/** What is still asked for: register and slot sets per frame. Slot sets are two words. */
export class Wanted {
  readonly registers = new Int32Array(MAX_CALL_FRAMES);
  readonly slots = new Int32Array(2 * MAX_CALL_FRAMES);
  /** The frame in which the walk is. */
  frame = 0;

  reset(frame: number): void {
    this.registers.fill(0);
    this.slots.fill(0);
    this.frame = frame;
  }

  get empty(): boolean {
    for (let frame = 0; frame <= this.frame; frame++)
      if ((this.registers[frame]! | this.slots[2 * frame]! | this.slots[2 * frame + 1]!) !== 0) return false;
    return true;
  }

  hasRegister(register: number, frame = this.frame): boolean {
    return (this.registers[frame]! & (1 << register)) !== 0;
  }

  setRegister(register: number, frame = this.frame): void {
    this.registers[frame]! |= 1 << register;
  }

  clearRegister(register: number, frame = this.frame): void {
    this.registers[frame]! &= ~(1 << register);
  }

  hasSlot(slot: number, frame: number): boolean {
    return (this.slots[2 * frame + (slot >> 5)]! & (1 << (slot & 31))) !== 0;
  }

  setSlot(slot: number, frame: number): void {
    this.slots[2 * frame + (slot >> 5)]! |= 1 << (slot & 31);
  }

  clearSlot(slot: number, frame: number): void {
    this.slots[2 * frame + (slot >> 5)]! &= ~(1 << (slot & 31));
  }

  hasAnySlot(frame = this.frame): boolean {
    return (this.slots[2 * frame]! | this.slots[2 * frame + 1]!) !== 0;
  }

  /** `r1,r6` */
  registersText(frame = this.frame): string {
    const names: string[] = [];
    for (let register = 0; register < 11; register++) if (this.hasRegister(register, frame)) names.push(`r${register}`);
    return names.join(',');
  }

  /** `-8,-24` */
  slotsText(frame = this.frame): string {
    const names: string[] = [];
    for (let slot = 0; slot < 64; slot++) if (this.hasSlot(slot, frame)) names.push(String(-8 * (slot + 1)));
    return names.join(',');
  }

  /** Registers that were linked at an instruction gained their range together: where one is wanted, all are. */
  syncLinked(entry: JumpHistoryEntry | undefined): void {
    const linked = entry?.linked;
    if (linked === undefined || !linked.some((one) => this.#hasLinked(one))) return;
    for (const one of linked) {
      if (one.isSlot) this.setSlot(one.index, one.frameno);
      else this.setRegister(one.index, one.frameno);
    }
  }

  #hasLinked(one: LinkedRegister): boolean {
    return one.isSlot ? this.hasSlot(one.index, one.frameno) : this.hasRegister(one.index, one.frameno);
  }
}

/** `lost`: the walk cannot tell, and everything must be taken as wanted. */
export type StepResult = 'ok' | 'lost';

/**
 * Goes back over instruction `insn`; `next` is the one that was executed after it. `entry` is its history entry, where it has one.
 */
export function stepBack(
  env: Env,
  wanted: Wanted,
  insn: number,
  next: number,
  entry: JumpHistoryEntry | undefined,
): StepResult {
  const { insns } = env;
  const code = insns.code[insn]!;
  if (code === 0) return 'ok';
  if (env.log.level >= 2) {
    env.verbose(
      `mark_precise: frame${wanted.frame}: regs=${wanted.registersText()} stack=${wanted.slotsText()} before `,
    );
    env.verbose(`${insn}: ${insnText(env, insn)}\n`);
  }
  wanted.syncLinked(entry);
  const result = stepBackOver(env, wanted, insn, next, entry);
  if (result !== 'continue') return result;
  wanted.syncLinked(entry);
  return 'ok';
}

/** `continue`: what the instruction read may be linked to other registers, too. */
function stepBackOver(
  env: Env,
  wanted: Wanted,
  insn: number,
  next: number,
  entry: JumpHistoryEntry | undefined,
): StepResult | 'continue' {
  const { insns } = env;
  const code = insns.code[insn]!;
  const cls = code & 0x07;
  switch (cls) {
    case BPF_ALU:
    case BPF_ALU64:
      return stepBackAlu(wanted, code, insns.dst[insn]!, insns.src[insn]!);
    case BPF_LDX:
      return stepBackLoad(wanted, insns.dst[insn]!, entry);
    case BPF_STX:
    case BPF_ST: {
      const loaded = loadedByAtomic(code, insns.imm[insn]!, insns.dst[insn]!, insns.src[insn]!);
      if (loaded !== undefined) return stepBackLoad(wanted, loaded, entry);
      return stepBackStore(wanted, cls, insns.dst[insn]!, insns.src[insn]!, entry);
    }
    case BPF_JMP:
    case BPF_JMP32:
      return stepBackJump(env, wanted, insn, next, entry);
    case BPF_LD:
      return stepBackLegacyLoad(env, wanted, insn, next);
    default:
      return 'continue';
  }
}

function stepBackAlu(wanted: Wanted, code: number, dst: number, src: number): StepResult | 'continue' {
  if (!wanted.hasRegister(dst)) return 'ok';
  const operation = code & 0xf0;
  if (operation === BPF_END || operation === BPF_NEG) return 'ok';
  if (operation === BPF_MOV) wanted.clearRegister(dst);
  if ((code & BPF_X) !== 0 && src !== BPF_REG_FP) wanted.setRegister(src);
  return 'continue';
}

/** The register that an atomic instruction loads memory into, if it does. */
function loadedByAtomic(code: number, imm: number, dst: number, src: number): number | undefined {
  if ((code & 0x07) !== BPF_STX || (code & 0xe0) !== BPF_ATOMIC) return undefined;
  if (imm === BPF_LOAD_ACQ) return dst;
  if (imm === BPF_CMPXCHG) return 0;
  return (imm & BPF_FETCH) !== 0 && imm < 0x100 ? src : undefined;
}

function slotOf(entry: JumpHistoryEntry | undefined): { slot: number; frame: number } | undefined {
  if (entry === undefined || (entry.flags & HISTORY_STACK_ACCESS) === 0) return undefined;
  return { slot: (entry.flags >> HISTORY_SLOT_SHIFT) & HISTORY_SLOT_MASK, frame: entry.flags & HISTORY_FRAME_MASK };
}

/** Only the stack keeps a scalar as exact as it was stored; from any other memory an unknown value is loaded. */
function stepBackLoad(wanted: Wanted, loaded: number, entry: JumpHistoryEntry | undefined): StepResult | 'continue' {
  if (!wanted.hasRegister(loaded)) return 'ok';
  wanted.clearRegister(loaded);
  const at = slotOf(entry);
  if (at === undefined) return 'ok';
  wanted.setSlot(at.slot, at.frame);
  return 'continue';
}

function stepBackStore(
  wanted: Wanted,
  cls: number,
  dst: number,
  src: number,
  entry: JumpHistoryEntry | undefined,
): StepResult | 'continue' {
  // A pointer was computed from the wanted scalar: pointers were subtracted on the way.
  if (wanted.hasRegister(dst)) return 'lost';
  const at = slotOf(entry);
  if (at === undefined || !wanted.hasSlot(at.slot, at.frame)) return 'ok';
  wanted.clearSlot(at.slot, at.frame);
  if (cls === BPF_STX) wanted.setRegister(src);
  return 'continue';
}

function stepBackJump(
  env: Env,
  wanted: Wanted,
  insn: number,
  next: number,
  entry: JumpHistoryEntry | undefined,
): StepResult | 'continue' {
  const { insns } = env;
  const code = insns.code[insn]!;
  const operation = code & 0xf0;
  if (operation === BPF_CALL) return stepBackCall(env, wanted, insn, next);
  if (operation === BPF_EXIT) return stepBackExit(env, wanted, next);
  if ((code & BPF_X) !== 0) {
    const dst = insns.dst[insn]!;
    const src = insns.src[insn]!;
    if (!wanted.hasRegister(dst) && !wanted.hasRegister(src)) return 'ok';
    // A comparison bounds either side by the other. A stack pointer on one side is no scalar.
    const flags = entry?.flags ?? 0;
    if ((flags & HISTORY_SRC_REG_STACK) === 0) wanted.setRegister(src);
    if ((flags & HISTORY_DST_REG_STACK) === 0) wanted.setRegister(dst);
  }
  return 'continue';
}

function stepBackCall(env: Env, wanted: Wanted, insn: number, next: number): StepResult | 'continue' {
  const { insns } = env;
  if (isSubprogramCall(insns, insn)) {
    const subprogram = env.subprograms[subprogramStartingAt(env, callTarget(insns, insn))];
    if (subprogram?.linkage === 'global') {
      // Verified on its own; its R0 is any number, and R1 to R5 are gone after it.
      expectNone(env, wanted.registers[wanted.frame]! & ARGUMENTS, 'registers after a global call');
      wanted.clearRegister(0);
      return 'ok';
    }
    // Going back over the call leaves the callee at its entry: only arguments can still be wanted.
    leaveCallee(env, wanted, true);
    return 'ok';
  }
  const shape = callShape(env, insn);
  if (shape?.syncCallback === true && insn !== next - 1) {
    // The callback's entry. Its arguments come from the helper, not from the caller's registers.
    leaveCallee(env, wanted, false);
    return 'ok';
  }
  if (insns.src[insn] === BPF_PSEUDO_KFUNC_CALL && insns.imm[insn] === 0) return 'lost';
  wanted.clearRegister(0);
  expectNone(env, wanted.registers[wanted.frame]! & ARGUMENTS, 'arguments after a call');
  return 'continue';
}

function leaveCallee(env: Env, wanted: Wanted, argumentsAreCallers: boolean): void {
  const registers = wanted.registers[wanted.frame]!;
  expectNone(env, registers & ~ARGUMENTS, 'registers at the entry of a function');
  if (wanted.hasAnySlot())
    env.fail(`verifier bug: backtracking: stack slots ${wanted.slotsText()} at the entry of a function`);
  wanted.registers[wanted.frame] = 0;
  if (wanted.frame === 0) env.fail('verifier bug: backtracking: leaves the outermost function');
  wanted.frame--;
  if (argumentsAreCallers) wanted.registers[wanted.frame]! |= registers;
}

function stepBackExit(env: Env, wanted: Wanted, next: number): StepResult {
  // What runs after an exit stands behind the call that the exit returns to, or is the callback's caller.
  const returnsToCall = next >= 1 && isSubprogramCall(env.insns, next - 1);
  const wantsResult = returnsToCall && wanted.hasRegister(0);
  if (next >= 0 && env.facts.callsCallback[next] === 1) {
    // A callback returns to the call itself, whose arguments are wanted for the call, not for what ran before it.
    for (let register = 1; register <= 5; register++) wanted.clearRegister(register);
  }
  if (returnsToCall) expectNone(env, wanted.registers[wanted.frame]! & ARGUMENTS, 'arguments after a call');
  wanted.clearRegister(0);
  enterCallee(env, wanted);
  if (wantsResult) wanted.setRegister(0);
  return 'ok';
}

function enterCallee(env: Env, wanted: Wanted): void {
  if (wanted.frame === MAX_CALL_FRAMES - 1) env.fail('verifier bug: backtracking: too many frames');
  wanted.frame++;
}

function stepBackLegacyLoad(env: Env, wanted: Wanted, insn: number, next: number): StepResult | 'continue' {
  const mode = env.insns.code[insn]! & 0xe0;
  const dst = env.insns.dst[insn]!;
  if (mode === BPF_IMM) {
    wanted.clearRegister(dst);
    return 'ok';
  }
  if (mode === BPF_IND || mode === BPF_ABS) {
    if (wanted.hasRegister(dst)) return 'lost';
    // A load outside the packet ends the subprogram: then what followed belongs to the caller.
    if (next !== insn + 1) enterCallee(env, wanted);
    return 'ok';
  }
  return 'continue';
}

function expectNone(env: Env, registers: number, where: string): void {
  if (registers !== 0) env.fail(`verifier bug: backtracking: ${where}: 0x${registers.toString(16)}`);
}
