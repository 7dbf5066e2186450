/**
 * The states that have been explored, and whether one of them serves for the current state: then the rest of its path
 * has been verified already.
 *
 * Inside a loop that is still being explored, an equal state is not the end of the matter: the older state may get marks
 * (what must be known exactly) from paths that are not explored yet. Such an edge back is kept with the visit of its loop, and when all
 * paths of the visit have ended, marks are carried over these edges until nothing changes. A loop here is a strongly connected
 * component of the control flow graph, seen from one chain of calls.
 */
import { isMayGoto } from '../../isa/control-flow.ts';
import type { Env } from '../context.ts';
import { frameInsn, pushHistory } from '../state/history.ts';
import { forgetPrecision, markAllPrecise, propagatePrecision } from './precision.ts';
import { printSourceLine, printState } from '../print-state.ts';
import type { State } from '../state/state.ts';
import { AUX2, FRAMENO, OFF, ROW, VALUE, clearSlot, markNotInit, slotBase } from '../state/state.ts';
import { activeIteratorsDiffer, maybeLooping, statesEqual } from '../state/states-equal.ts';
import { BPF_REG_FP, ITER_ACTIVE } from '../state/types.ts';

/** How often marks are carried over the edges of a loop before every scalar is taken as precise. */
const MAX_ROUNDS = 64;
/** History of one state, in entries, after which a new state is made in any case. */
const MAX_HISTORY = 40;

/** A remembered state, with what decides whether it is worth remembering. */
interface Explored {
  readonly state: State;
  hits: number;
  misses: number;
}

/** One stay in a loop, from its first remembered state until all paths from there have ended. */
interface LoopVisit {
  readonly name: string;
  entry: State | undefined;
  backEdges: { readonly from: State; readonly to: State }[];
}

/** What paths ask of the states that are remembered. */
export interface StateStore {
  readonly totalStates: number;
  readonly peakStates: number;
  readonly maxStatesPerInsn: number;
  jumpsProcessed: number;
  /** The state that served when isVisited was asked last. */
  readonly servedBy: State | undefined;
  clear(): void;
  isVisited(env: Env): boolean;
  previousEntry(env: Env, from: State, insn: number): State | undefined;
  pathEnded(env: Env, from: State): void;
}

export class Exploration implements StateStore {
  totalStates = 0;
  peakStates = 0;
  maxStatesPerInsn = 0;
  jumpsProcessed = 0;
  servedBy: State | undefined;
  readonly #buckets: Explored[][];
  readonly #visits = new Map<string, LoopVisit>();
  readonly #evicted = new Set<State>();
  #jumpsAtLastState = 0;
  #insnsAtLastState = 0;
  #remembered = 0;
  #backEdges = 0;

  constructor(length: number) {
    this.#buckets = Array.from({ length }, () => []);
  }

  /** Forgets all states, before the next function is verified; counts go on. */
  clear(): void {
    for (const bucket of this.#buckets) bucket.length = 0;
    this.#visits.clear();
    this.#evicted.clear();
  }

  /** States that can be found at an instruction, in the order in which they were remembered. Others may be among them. */
  #bucket(env: Env): Explored[] {
    return this.#buckets[((env.insn ^ env.frame.callsite) >>> 0) % this.#buckets.length]!;
  }

  /**
   * Looks for a state that serves for the current one. Where there is none, the current state may be remembered.
   * @returns true when the path can end here.
   */
  isVisited(env: Env): boolean {
    const { insn, state, facts } = env;
    this.servedBy = undefined;
    const forced = facts.forceCheckpoint[insn] === 1;
    const mustAdd = forced || state.history.length > MAX_HISTORY;
    const jumps = this.jumpsProcessed - this.#jumpsAtLastState;
    const insns = env.insnsProcessed - this.#insnsAtLastState;
    // A state is worth remembering after some work. Fewer states are compared faster, more states end more paths.
    let add = mustAdd || (jumps >= 2 && insns >= 8);
    const bucket = this.#bucket(env);
    this.#clean(env, bucket);
    let seen = 0;
    for (let i = bucket.length - 1; i >= 0; i--) {
      const explored = bucket[i]!;
      seen++;
      if (explored.state.insn !== insn) continue;
      const verdict = this.#compare(env, explored.state);
      if (verdict !== 'no') {
        explored.hits++;
        this.#hit(env, explored.state, verdict === 'in-loop');
        return true;
      }
      // While its paths are open the loop goes on, and one state for each turn would help nobody.
      if (explored.state.branches > 0 && !mustAdd && jumps < 20 && insns < 100) add = false;
      if (add) explored.misses++;
      const patience = forced && explored.state.branches > 0 ? 64 : 3;
      if (explored.misses > explored.hits * patience + patience) this.#evict(env, bucket, i);
    }
    this.maxStatesPerInsn = Math.max(this.maxStatesPerInsn, seen);
    if (add) this.#remember(env, bucket);
    return false;
  }

  #compare(env: Env, old: State): 'no' | 'yes' | 'in-loop' {
    if (old.branches === 0) {
      const inLoop = this.#hasOpenEdges(env, old);
      if (!statesEqual(env, old, env.state, inLoop ? 'range-within' : 'safe')) return 'no';
      return inLoop ? 'in-loop' : 'yes';
    }
    return this.#compareWithOpen(env, old);
  }

  /** `old` lies on the path to the current state. Equality ends a loop that is known to end; any other would go on for ever. */
  #compareWithOpen(env: Env, old: State): 'no' | 'yes' | 'in-loop' {
    const { state, insn, facts } = env;
    // Another start of an asynchronous callback is no turn of a loop, and the first has not been verified to its end.
    if (old.frame.inAsyncCallback && old.frame.asyncEntryCount !== state.frame.asyncEntryCount) return 'no';
    if (facts.isIterNext[insn] === 1)
      return statesEqual(env, old, state, 'range-within') && iteratorIsActive(env) ? 'in-loop' : 'no';
    if (
      isMayGoto(env.insns, insn) &&
      old.mayGotoDepth !== state.mayGotoDepth &&
      statesEqual(env, old, state, 'range-within')
    )
      return 'in-loop';
    if (facts.callsCallback[insn] === 1) return statesEqual(env, old, state, 'range-within') ? 'yes' : 'no';
    if (
      maybeLooping(old, state) &&
      statesEqual(env, old, state, 'exact') &&
      !activeIteratorsDiffer(old, state) &&
      old.mayGotoDepth === state.mayGotoDepth &&
      old.callbackUnrollDepth === state.callbackUnrollDepth
    )
      this.#infiniteLoop(env, old);
    return 'no';
  }

  #infiniteLoop(env: Env, old: State): never {
    const { state } = env;
    printSourceLine(env, env.insn, '; ');
    env.verbose(`infinite loop detected at insn ${env.insn}\n`);
    env.verbose('cur state:');
    printState(env, state, state.frames.length - 1, true);
    env.verbose('old state:');
    printState(env, old, state.frames.length - 1, true);
    env.reject();
  }

  #hit(env: Env, old: State, inLoop: boolean): void {
    const { state } = env;
    this.servedBy = old;
    if (env.facts.jumpPoint[env.insn] === 1) pushHistory(env, state, 0);
    propagatePrecision(env, old, state);
    if (!inLoop) return;
    const visit = this.#visitOf(env, old);
    if (visit === undefined) env.fail(`verifier bug: add backedge: no visit of a loop at insn ${old.insn}`);
    if (env.log.level >= 2) env.verbose(`SCC backedge ${printedName(visit.name)}\n`);
    const from = state.clone();
    from.insn = env.insn;
    visit.backEdges.push({ from, to: old });
    this.#backEdges++;
    this.#updatePeak();
  }

  #evict(env: Env, bucket: Explored[], index: number): void {
    const { state } = bucket[index]!;
    bucket.splice(index, 1);
    this.#remembered--;
    // Its children may still walk back through it, and marks may still be carried to it; it counts until then.
    if (state.branches > 0 || this.#hasOpenEdges(env, state)) this.#evicted.add(state);
  }

  #remember(env: Env, bucket: Explored[]): void {
    const { state } = env;
    this.totalStates++;
    this.#remembered++;
    this.#updatePeak();
    this.#jumpsAtLastState = this.jumpsProcessed;
    this.#insnsAtLastState = env.insnsProcessed;
    forgetPrecision(state);
    const remembered = state.clone();
    remembered.insn = env.insn;
    this.#enterLoop(env, remembered);
    state.parent = remembered;
    state.firstInsn = env.insn;
    state.dfsDepth = remembered.dfsDepth + 1;
    state.history = [];
    bucket.push({ state: remembered, hits: 0, misses: 0 });
  }

  #updatePeak(): void {
    this.peakStates = Math.max(this.peakStates, this.#remembered + this.#evicted.size + this.#backEdges);
  }

  /** The nearest state before `from` on its path that stopped at this instruction in the same calls: the turn of the loop before. */
  previousEntry(env: Env, from: State, insn: number): State | undefined {
    const bucket = this.#bucket(env);
    for (let i = bucket.length - 1; i >= 0; i--) {
      const { state } = bucket[i]!;
      if (state.insn === insn && state.branches > 0 && sameCallsites(state, from) && state.dfsDepth < from.dfsDepth)
        return state;
    }
    return undefined;
  }

  /** A path has ended: counts down the open paths of the states that it came through. */
  pathEnded(env: Env, from: State): void {
    for (let state: State | undefined = from; state !== undefined; state = state.parent) {
      state.branches--;
      if (state.branches > 0) return;
      this.#leaveLoop(env, state);
      if (this.#evicted.has(state) && !this.#hasOpenEdges(env, state)) this.#evicted.delete(state);
    }
  }

  // --- states whose paths have all ended ------------------------------------------------------------------------------

  /** Registers and slots that nobody will read are forgotten, so that they match anything. */
  #clean(env: Env, bucket: readonly Explored[]): void {
    for (const { state } of bucket) {
      if (state.branches > 0 || state.insn !== env.insn || state.cleaned || !sameCallsites(state, env.state)) continue;
      if (this.#hasOpenEdges(env, state)) continue;
      state.cleaned = true;
      env.liveness.beginQuery(state);
      for (let i = 0; i < state.frames.length; i++) {
        const frame = state.frames[i]!;
        const live = env.facts.liveBefore[frameInsn(state, i)]!;
        for (let register = 0; register < BPF_REG_FP; register++)
          if ((live & (1 << register)) === 0) markNotInit(frame.w, register * ROW);
        for (let slot = 0; slot < frame.slots; slot++) {
          if (env.liveness.isLive(state, i, slot)) continue;
          markNotInit(frame.w, slotBase(slot));
          clearSlot(frame.w, slotBase(slot));
        }
      }
    }
  }

  // --- loops ------------------------------------------------------------------------------------------------------------

  /** `(call,call,loop)`: the outermost frame that is inside a loop, and the calls that lead to it. */
  #loopName(env: Env, state: State): string | undefined {
    const calls: number[] = [];
    for (let i = 0; i < state.frames.length; i++) {
      const insn = frameInsn(state, i);
      const loop = env.facts.scc[insn]!;
      if (loop !== 0) return `(${[...calls, loop].join(',')})`;
      calls.push(insn);
    }
    return undefined;
  }

  #visitOf(env: Env, state: State): LoopVisit | undefined {
    const name = this.#loopName(env, state);
    return name === undefined ? undefined : this.#visits.get(name);
  }

  #hasOpenEdges(env: Env, state: State): boolean {
    return (this.#visitOf(env, state)?.backEdges.length ?? 0) > 0;
  }

  #enterLoop(env: Env, state: State): void {
    const name = this.#loopName(env, state);
    if (name === undefined) return;
    let visit = this.#visits.get(name);
    if (visit === undefined) {
      visit = { name, entry: undefined, backEdges: [] };
      this.#visits.set(name, visit);
    }
    if (visit.entry !== undefined) return;
    visit.entry = state;
    if (env.log.level >= 2) env.verbose(`SCC enter ${printedName(name)}\n`);
  }

  #leaveLoop(env: Env, state: State): void {
    const visit = this.#visitOf(env, state);
    if (visit?.entry !== state) return;
    if (env.log.level >= 2) env.verbose(`SCC exit ${printedName(visit.name)}\n`);
    visit.entry = undefined;
    this.#backEdges -= visit.backEdges.length;
    this.#updatePeak();
    this.#carryMarks(env, visit);
    visit.backEdges = [];
  }

  #carryMarks(env: Env, visit: LoopVisit): void {
    for (let round = 0; ; round++) {
      if (round > MAX_ROUNDS) {
        if (env.log.level >= 2) env.verbose('propagate_backedges: too many iterations\n');
        for (const { from } of visit.backEdges) markAllPrecise(env, from);
        return;
      }
      let changed = false;
      // Newest first, as they were found.
      for (let i = visit.backEdges.length - 1; i >= 0; i--) {
        const { from, to } = visit.backEdges[i]!;
        if (propagatePrecision(env, to, from)) changed = true;
      }
      if (!changed) return;
    }
  }
}

/** The name in the log, where a call at instruction 0 ends the list of calls. */
function printedName(name: string): string {
  return name.replace(/([(,])0,.*,?\b(\d+\))$/, '$1$2');
}

/** The same for a path that may have no remembered state yet. */
export function findPreviousEntry(env: Env, from: State | undefined, insn: number): State | undefined {
  return from === undefined ? undefined : env.exploration.previousEntry(env, from, insn);
}

export function sameCallsites(a: State, b: State): boolean {
  if (a.frames.length !== b.frames.length) return false;
  for (let i = a.frames.length - 1; i >= 0; i--) if (a.frames[i]!.callsite !== b.frames[i]!.callsite) return false;
  return true;
}

/** Whether the iterator that R1 points to has elements left: only then does another turn of the loop begin. */
function iteratorIsActive(env: Env): boolean {
  const { w } = env.frame;
  const offset = w[ROW + OFF]! + w[ROW + VALUE]!;
  const slot = ((-offset - 1) >> 3) | 0;
  const owner = env.frameAt(w[ROW + FRAMENO]!);
  return (owner.w[slotBase(slot) + AUX2]! & 3) === ITER_ACTIVE;
}
