/**
 * Precision: which scalars a proof depends on.
 *
 * Two states with different numbers in a register are still equal where nobody needed the number. So scalars begin as
 * "imprecise", and when one decides something (a branch, an offset, a size), the way to it is walked backwards and
 * everything that it was computed from is marked in the states on the way. Marks matter in remembered states only: the
 * current one is compared as "new", never as "old".
 */
import { Wanted, stepBack } from './backtrack.ts';
import type { Env } from '../context.ts';
import { insnText, printState } from '../print-state.ts';
import type { Frame, JumpHistoryEntry, State } from '../state/state.ts';
import { PRECISE, ROW, TYPE, isSpilledRegister, isSpilledScalar, slotBase } from '../state/state.ts';
import { BPF_REG_FP, SCALAR_VALUE } from '../state/types.ts';

/** Marks a scalar register of the current frame and all that it came from. */
export function markChainPrecision(env: Env, register: number): void {
  const wanted = wantedOf(env);
  wanted.reset(env.state.frames.length - 1);
  if (env.frame.w[register * ROW + TYPE] !== SCALAR_VALUE) env.fail('verifier bug: backtracking misuse');
  wanted.setRegister(register);
  walk(env, env.state, wanted);
}

/** The same for several registers and stack slots of one frame; places that hold no scalar are passed over. */
export function markPlacesPrecise(
  env: Env,
  frameno: number,
  registers: readonly number[],
  slots: readonly number[],
): void {
  const wanted = wantedOf(env);
  wanted.reset(env.state.frames.length - 1);
  for (const register of registers) wanted.setRegister(register, frameno);
  for (const slot of slots) wanted.setSlot(slot, frameno);
  walk(env, env.state, wanted);
}

/**
 * The current state is served by an older one, so what that one needed exactly is needed here too.
 * @returns whether a mark was set that was not there before.
 */
export function propagatePrecision(env: Env, old: State, current: State): boolean {
  const wanted = wantedOf(env);
  wanted.reset(current.frames.length - 1);
  for (let frameno = old.frames.length - 1; frameno >= 0; frameno--) {
    const frame = old.frames[frameno]!;
    const names: string[] = [];
    for (let register = 0; register < BPF_REG_FP; register++) {
      if (!isPreciseScalar(frame.w, register * ROW)) continue;
      names.push(`r${register}`);
      wanted.setRegister(register, frameno);
    }
    for (let slot = 0; slot < frame.slots; slot++) {
      const base = slotBase(slot);
      if (!isSpilledRegister(frame.w, base) || !isPreciseScalar(frame.w, base)) continue;
      names.push(`fp${-8 * (slot + 1)}`);
      wanted.setSlot(slot, frameno);
    }
    if (names.length > 0 && env.log.level >= 2) env.verbose(`frame ${frameno}: propagating ${names.join(',')}\n`);
  }
  return walk(env, current, wanted);
}

function isPreciseScalar(w: Int32Array, base: number): boolean {
  return w[base + TYPE] === SCALAR_VALUE && w[base + PRECISE] !== 0;
}

/** A new state starts without the marks of the path that led to it: its own children will say what they need. */
export function forgetPrecision(state: State): void {
  for (const frame of state.frames) {
    const { w } = frame;
    for (let base = 0; base < BPF_REG_FP * ROW; base += ROW) if (w[base + TYPE] === SCALAR_VALUE) w[base + PRECISE] = 0;
    for (let slot = 0; slot < frame.slots; slot++) {
      const base = slotBase(slot);
      if (isSpilledRegister(w, base) && w[base + TYPE] === SCALAR_VALUE) w[base + PRECISE] = 0;
    }
  }
}

/** The fallback where a walk loses its way: every scalar of every state on the path. */
export function markAllPrecise(env: Env, from: State): void {
  const log = env.log.level >= 2;
  if (log) env.verbose(`mark_precise: frame${from.frames.length - 1}: falling back to forcing all scalars precise\n`);
  for (let state = from.parent; state !== undefined; state = state.parent) {
    for (const frame of state.frames) {
      for (let register = 0; register < BPF_REG_FP; register++) {
        if (!setPrecise(frame.w, register * ROW)) continue;
        if (log) env.verbose(`force_precise: frame${frame.frameno}: forcing r${register} to be precise\n`);
      }
      for (let slot = 0; slot < frame.slots; slot++) {
        const base = slotBase(slot);
        if (!isSpilledRegister(frame.w, base) || !setPrecise(frame.w, base)) continue;
        if (log) env.verbose(`force_precise: frame${frame.frameno}: forcing fp${-8 * (slot + 1)} to be precise\n`);
      }
    }
  }
}

function setPrecise(w: Int32Array, base: number): boolean {
  if (w[base + TYPE] !== SCALAR_VALUE || w[base + PRECISE] !== 0) return false;
  w[base + PRECISE] = 1;
  return true;
}

/** One walk at a time, so one set of wishes serves a program. */
const wantedByEnv = new WeakMap<Env, Wanted>();

function wantedOf(env: Env): Wanted {
  let wanted = wantedByEnv.get(env);
  if (wanted === undefined) {
    wanted = new Wanted();
    wantedByEnv.set(env, wanted);
  }
  return wanted;
}

/** Walks from a state back through its parents until nothing is wanted any more. */
function walk(env: Env, start: State, wanted: Wanted): boolean {
  if (wanted.empty) return false;
  const startFrame = start.frames.length - 1;
  let changed = false;
  let state = start;
  let first = state.firstInsn;
  let last = start.insn;
  let next = -1;
  let skip = true;
  for (;;) {
    if (env.log.level >= 2)
      env.verbose(`mark_precise: frame${wanted.frame}: last_idx ${last} first_idx ${first} subseq_idx ${next} \n`);
    if (last < 0) {
      markEntryArguments(env, state, wanted);
      return true;
    }
    let remaining = state.history.length;
    for (let insn = last; ;) {
      if (skip) skip = false;
      else if (stepBack(env, wanted, insn, next, entryAt(state, remaining, insn)) === 'lost') {
        markAllPrecise(env, start);
        wanted.reset(startFrame);
        return true;
      }
      if (wanted.empty) return changed;
      next = insn;
      const entry = entryAt(state, remaining, insn);
      if (insn === state.firstInsn && (remaining === 0 || (remaining === 1 && entry !== undefined))) break;
      if (entry === undefined) insn--;
      else {
        remaining--;
        insn = entry.prev;
      }
      if (insn < 0) env.fail(`verifier bug: backtracking: idx ${insn} (${insnText(env, 0)})`);
    }
    const { parent } = state;
    if (parent === undefined) break;
    state = parent;
    for (let frameno = wanted.frame; frameno >= 0; frameno--) {
      if (markFrame(env, state.frames[frameno]!, wanted, frameno)) changed = true;
      if (env.log.level >= 2) {
        env.verbose(
          `mark_precise: frame${frameno}: parent state regs=${wanted.registersText(frameno)} stack=${wanted.slotsText(frameno)}: `,
        );
        printState(env, state, frameno, true);
      }
    }
    if (wanted.empty) return changed;
    next = first;
    last = state.lastInsn;
    first = state.firstInsn;
  }
  // Something was read in a way that the history does not show.
  markAllPrecise(env, start);
  wanted.reset(startFrame);
  return true;
}

/** The newest entry that is left, if it is of this instruction. */
function entryAt(state: State, remaining: number, insn: number): JumpHistoryEntry | undefined {
  const entry = remaining > 0 ? state.history[remaining - 1] : undefined;
  return entry?.insn === insn ? entry : undefined;
}

/** Marks what is wanted in one frame of a remembered state. What is no scalar, or has its mark, needs no further walk. */
function markFrame(env: Env, frame: Frame, wanted: Wanted, frameno: number): boolean {
  let changed = false;
  const { w } = frame;
  for (let register = 0; register < BPF_REG_FP; register++) {
    if (!wanted.hasRegister(register, frameno)) continue;
    if (setPrecise(w, register * ROW)) changed = true;
    else wanted.clearRegister(register, frameno);
  }
  for (let slot = 0; slot < 64; slot++) {
    if (!wanted.hasSlot(slot, frameno)) continue;
    const base = slotBase(slot);
    if (slot >= frame.slots) env.fail(`verifier bug: backtracking: stack slot ${slot} of ${frame.slots}`);
    if (isSpilledScalar(w, base) && setPrecise(w, base)) changed = true;
    else wanted.clearSlot(slot, frameno);
  }
  return changed;
}

/** The walk came to the entry of a global function or the main program: its arguments are what they are. */
function markEntryArguments(env: Env, state: State, wanted: Wanted): void {
  const frame = state.frames[0]!;
  const registers = wanted.registers[0]!;
  const isEntry = state.frames.length === 1 && frame.subprogram > 0 && frame.callsite === -1;
  if (!isEntry || wanted.hasAnySlot(0) || (registers & ~0x3e) !== 0)
    env.fail(`verifier bug: backtracking func entry subprog ${frame.subprogram} reg_mask ${registers.toString(16)}`);
  for (let register = 1; register <= 5; register++)
    if (wanted.hasRegister(register, 0) && frame.w[register * ROW + TYPE] === SCALAR_VALUE)
      frame.w[register * ROW + PRECISE] = 1;
  wanted.reset(0);
}
