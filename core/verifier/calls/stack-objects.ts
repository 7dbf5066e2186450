/** Kernel objects that live in a program's stack slots: where a pointer to one points, and reading and writing their slots. */
import type { Env } from '../context.ts';
import { FRAMENO, OFF, VALUE, isConst } from '../state/state.ts';
import type { Frame } from '../state/state.ts';

/** Not where an object can be. */
export const BAD_SLOT = -1;
/** Beyond the stack used so far: fine for an object that is to be made. */
export const SLOT_NOT_ALLOCATED = -2;

/** The frame whose stack a register points into. */
export function stackFrame(env: Env, base: number): Frame {
  return env.frameAt(env.frame.w[base + FRAMENO]!);
}

/**
 * The slot of an object's lowest address, for an object of so many slots. Its other slots are the ones below that number. Says in the log what
 * is wrong.
 */
export function objectSlot(env: Env, base: number, kind: string, slots: number): number {
  const { w } = env.frame;
  if (!isConst(w, base)) {
    env.verbose(`${kind} has to be at a constant offset\n`);
    return BAD_SLOT;
  }
  const off = w[base + OFF]! + w[base + VALUE]!;
  const slot = Math.trunc((-off - 1) / 8);
  if (off % 8 !== 0 || slot + 1 < slots) {
    env.verbose(`cannot pass in ${kind} at an offset=${off}\n`);
    return BAD_SLOT;
  }
  return slot - slots + 1 >= 0 && slot < stackFrame(env, base).slots ? slot : SLOT_NOT_ALLOCATED;
}

/** The object's slots are read. */
export function markObjectRead(env: Env, frame: Frame, slot: number, slots: number): void {
  for (let i = 0; i < slots; i++) {
    env.liveness.markReadSlot(frame.frameno, env.insn, slot - i);
    env.scratchSlot(slot - i);
  }
}

/** One of the object's slots is overwritten. */
export function markObjectWritten(env: Env, frame: Frame, slot: number): void {
  env.liveness.markWrite(frame.frameno, slot);
  env.scratchSlot(slot);
}
