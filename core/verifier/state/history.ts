/** The way from a state's parent to the state: one entry per jump and per instruction that touched the stack. */
import type { Env } from '../context.ts';
import type { JumpHistoryEntry, LinkedRegister, State } from './state.ts';

/** Notes the current instruction in the state's history. An instruction that is noted twice keeps one entry with both flags. */
export function pushHistory(env: Env, state: State, flags: number, linked?: readonly LinkedRegister[]): void {
  const current = env.historyEntry;
  if (current !== undefined) {
    current.flags |= flags;
    if (linked !== undefined) current.linked = linked;
    return;
  }
  const entry: JumpHistoryEntry = { insn: env.insn, prev: env.prevInsn, flags, linked };
  state.history.push(entry);
  env.historyEntry = entry;
}

/** Instruction at which a frame of a state stands: the current one in the innermost frame, the call in the others. */
export function frameInsn(state: State, frameno: number): number {
  return frameno === state.frames.length - 1 ? state.insn : state.frames[frameno + 1]!.callsite;
}
