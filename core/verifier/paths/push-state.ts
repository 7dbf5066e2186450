/** Paths that wait to be explored. */
import type { Env } from '../context.ts';
import type { State } from '../state/state.ts';

/** How many paths may wait at once. */
const MAX_PENDING = 8192;

/** A state to continue from, and where the log was when it was made. */
export interface Pending {
  readonly state: State;
  readonly insn: number;
  readonly prevInsn: number;
  readonly logPosition: number;
}

/** Queues a copy of the current state to go on at `insn` later; returns the copy. */
export function pushState(env: Env, insn: number, prevInsn: number): State {
  const copy = env.state.clone();
  const pending = { state: copy, insn, prevInsn, logPosition: env.log.position };
  env.pending.push(pending);
  env.observer?.queued(env, pending);
  if (env.pending.length > MAX_PENDING) env.fail(`The sequence of ${env.pending.length} jumps is too complex.`);
  if (copy.parent !== undefined) copy.parent.branches++;
  return copy;
}

/** Queues a state of the caller's own making (the entry of an asynchronous callback). */
export function pushOwnState(env: Env, state: State, insn: number, prevInsn: number): void {
  const pending = { state, insn, prevInsn, logPosition: env.log.position };
  env.pending.push(pending);
  env.observer?.queued(env, pending);
  if (env.pending.length > MAX_PENDING)
    env.fail(`The sequence of ${env.pending.length} jumps is too complex for async cb.`);
}
