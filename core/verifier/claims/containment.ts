/**
 * Remembered states for claims: a path ends only where its state really lies within one from which all paths were, or are being,
 * followed. The kernel ends paths earlier: there a number that no proof depended on matches any other, so that states beyond
 * such a point tell nothing about the path that ended.
 *
 * That the older state's paths have not ended yet does no harm. Nothing is concluded about safety, which the ordinary verification
 * has decided; only that whatever the newer state leads to lies within what the older one leads to.
 */
import type { Env } from '../context.ts';
import type { StackLiveness } from '../flow/stack-liveness.ts';
import { forgetPrecision, propagatePrecision } from '../paths/precision.ts';
import type { StateStore } from '../paths/prune.ts';
import { sameCallsites } from '../paths/prune.ts';
import { pushHistory } from '../state/history.ts';
import type { State } from '../state/state.ts';
import { PRECISE, ROW, TYPE, clearSlot, markNotInit, slotBase } from '../state/state.ts';
import { statesEqual } from '../state/states-equal.ts';
import { SCALAR_VALUE } from '../state/types.ts';

/** History of one state, in entries, after which a new state is made in any case. */
const MAX_HISTORY = 40;

interface Remembered {
  readonly state: State;
  /** The same without what nobody will read, every number of it wanted exactly; made when it is first compared. */
  wanted: State | undefined;
  hits: number;
  misses: number;
}

export class ContainmentStore implements StateStore {
  totalStates = 0;
  peakStates = 0;
  maxStatesPerInsn = 0;
  jumpsProcessed = 0;
  servedBy: State | undefined;
  readonly #liveness: readonly StackLiveness[];
  readonly #buckets: Remembered[][];
  #jumpsAtLastState = 0;
  #insnsAtLastState = 0;

  /** @param liveness - what earlier verifications of the program found to be live: slots that are live in none of them are not compared. When empty, all slots count as live. */
  constructor(length: number, liveness: readonly StackLiveness[]) {
    this.#liveness = liveness;
    this.#buckets = Array.from({ length }, () => []);
  }

  clear(): void {
    for (const bucket of this.#buckets) bucket.length = 0;
  }

  isVisited(env: Env): boolean {
    const { insn, state, facts } = env;
    this.servedBy = undefined;
    const mustAdd = facts.forceCheckpoint[insn] === 1 || state.history.length > MAX_HISTORY;
    const jumps = this.jumpsProcessed - this.#jumpsAtLastState;
    const insns = env.insnsProcessed - this.#insnsAtLastState;
    let add = mustAdd || (jumps >= 2 && insns >= 8);
    const bucket = this.#buckets[insn]!;
    for (let i = bucket.length - 1; i >= 0; i--) {
      const remembered = bucket[i]!;
      if (!sameCallsites(remembered.state, state)) continue;
      if (statesEqual(env, this.#wanted(remembered), state, 'safe')) {
        remembered.hits++;
        this.#served(env, remembered.state);
        return true;
      }
      const open = remembered.state.branches > 0;
      if (open && !mustAdd && jumps < 20 && insns < 100) add = false;
      if (add) remembered.misses++;
      const patience = open ? 64 : 3;
      if (remembered.misses > remembered.hits * patience + patience) bucket.splice(i, 1);
    }
    if (add) this.#remember(env, bucket);
    return false;
  }

  /** Kept out of the state itself, which is still walked back through for marks of precision. */
  #wanted(remembered: Remembered): State {
    if (remembered.wanted !== undefined) return remembered.wanted;
    const wanted = remembered.state.clone();
    forgetUnclaimed(wanted, this.#liveness);
    for (const { w } of wanted.frames)
      for (let base = 0; base < w.length; base += ROW) if (w[base + TYPE] === SCALAR_VALUE) w[base + PRECISE] = 1;
    remembered.wanted = wanted;
    return wanted;
  }

  #served(env: Env, old: State): void {
    this.servedBy = old;
    if (env.facts.jumpPoint[env.insn] === 1) pushHistory(env, env.state, 0);
    // Loops widen what no proof depends on: the marks say what that is.
    propagatePrecision(env, old, env.state);
  }

  #remember(env: Env, bucket: Remembered[]): void {
    const { state } = env;
    this.totalStates++;
    this.#jumpsAtLastState = this.jumpsProcessed;
    this.#insnsAtLastState = env.insnsProcessed;
    forgetPrecision(state);
    const remembered = state.clone();
    remembered.insn = env.insn;
    state.parent = remembered;
    state.firstInsn = env.insn;
    state.dfsDepth = remembered.dfsDepth + 1;
    state.history = [];
    bucket.push({ state: remembered, wanted: undefined, hits: 0, misses: 0 });
    this.maxStatesPerInsn = Math.max(this.maxStatesPerInsn, bucket.length);
  }

  previousEntry(_env: Env, from: State, insn: number): State | undefined {
    const bucket = this.#buckets[insn]!;
    for (let i = bucket.length - 1; i >= 0; i--) {
      const { state } = bucket[i]!;
      if (state.branches > 0 && sameCallsites(state, from) && state.dfsDepth < from.dfsDepth) return state;
    }
    return undefined;
  }

  pathEnded(_env: Env, from: State): void {
    for (let state: State | undefined = from; state !== undefined; state = state.parent) {
      state.branches--;
      if (state.branches > 0) return;
    }
  }
}

/** Takes away the stack slots that are live by none of several analyses. Dead registers are not compared anyway. */
export function forgetUnclaimed(state: State, liveness: readonly StackLiveness[]): void {
  if (liveness.length === 0) return;
  for (const each of liveness) each.beginQuery(state);
  for (const [i, frame] of state.frames.entries()) {
    for (let slot = 0; slot < frame.slots; slot++) {
      if (liveness.some((each) => each.isLive(state, i, slot))) continue;
      markNotInit(frame.w, slotBase(slot));
      clearSlot(frame.w, slotBase(slot));
    }
  }
}
