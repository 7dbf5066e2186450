/**
 * Somebody who looks on while paths are walked: it changes nothing, and nothing depends on it. The diagnosis has one, to know
 * the way to the error.
 */
import type { Env } from '../context.ts';
import type { StateStore } from './prune.ts';
import type { Pending } from './push-state.ts';

export interface PathObserver {
  /** A function is about to be verified on its own. */
  began(env: Env): void;
  /** The instruction at env.insn is about to be verified; env.state is what is known before it. */
  step(env: Env): void;
  /** The instruction at env.insn has queued a path: `pending.state` is still a copy of env.state. */
  queued(env: Env, pending: Pending): void;
  /** The current path has ended (env.state is its last state), and the verifier goes on with a queued one, or is done. */
  pathEnded(env: Env, next: Pending | undefined): void;
  /** Where states are to be remembered; in what the kernel does when absent. */
  store?(env: Env): StateStore;
}
