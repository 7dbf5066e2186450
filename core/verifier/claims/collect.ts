/**
 * Collects claims. The program is verified twice and sometimes more: as always, for the paths and for what is live on the stack; then so that
 * paths end only where a state lies within another (containment.ts), with every state written down that an instruction is reached in.
 *
 * What is live on the stack comes out of walking the paths, so the second walk goes by what the first one found. Should it find more (paths that
 * the first one had left out), it is walked again.
 */
import type { Profile } from '../../exceptions/profile.ts';
import type { Program } from '../../object/program.ts';
import type { Env } from '../context.ts';
import { subprogramAt } from '../flow/control-flow.ts';
import type { StackLiveness } from '../flow/stack-liveness.ts';
import type { PathObserver } from '../paths/observer.ts';
import type { StateStore } from '../paths/prune.ts';
import type { Pending } from '../paths/push-state.ts';
import { frameInsn } from '../state/history.ts';
import { Frame, ROW, State, TYPE, slotBase } from '../state/state.ts';
import { NOT_INIT } from '../state/types.ts';
import { verifyObserved } from '../verify.ts';
import { Change, destination } from './changes.ts';
import type { ClaimedFrame, ClaimedState, Claims, Incomplete } from './claims.ts';
import { CLAIMED_REGISTERS, isEmptyRow, slotRow, withoutMarks } from './claims.ts';
import { ContainmentStore } from './containment.ts';
import { ReferenceNames } from './held.ts';
import { PathCollector } from './paths.ts';
import { joinStates, sameChain, sameHeld, stateWithin } from './rows.ts';

export interface ClaimOptions {
  readonly profile?: Profile;
  /** Instructions to verify for claims, after the ordinary verification; 300,000 when absent. */
  readonly maxInsns?: number;
  readonly isCancelled?: () => boolean;
}

const MAX_INSNS = 300_000;
/** States of one chain of frames at one instruction; further ones are joined with them. */
const MAX_STATES = 64;
/** Words of all states together (32 MiB); beyond it only a few states for each instruction are kept apart. */
const MAX_WORDS = 8 << 20;
const MAX_STATES_WHEN_FULL = 4;
/** What a state takes besides its rows, about. */
const WORDS_PER_STATE = 64;
/** Walks over the program until what is live on the stack is known. */
const MAX_WALKS = 3;
/** Of an outer frame a call preserves these; the others are gone. */
const PRESERVED = 0x3c0;

/** What the verifier claims about every instruction of a program. Takes about as long as verifying it a few times. */
export function claimsOf(program: Program, options: ClaimOptions = {}): Claims {
  let cancelled = false;
  const isCancelled = (): boolean => (cancelled ||= options.isCancelled?.() === true);
  const profile = options.profile === undefined ? {} : { profile: options.profile };
  const paths = new Looking();
  const ordinary = verifyObserved(program, { ...profile, isCancelled }, paths);
  const accepted = ordinary.verdict === 'accepted';
  const maxInsns = options.maxInsns ?? MAX_INSNS;
  // Where the ordinary walk was cut off, it has not seen all that is read.
  const liveness: StackLiveness[] = accepted && paths.env !== undefined ? [paths.env.liveness] : [];
  let collector = new ClaimCollector(liveness);
  let incomplete: Incomplete | undefined = cancelled ? 'cancelled' : accepted ? 'lost' : 'rejected';
  let insns = 0;
  for (let walk = 0; walk < MAX_WALKS && !cancelled; walk++) {
    collector = new ClaimCollector(liveness);
    const { isFull } = collector;
    const walked = verifyObserved(
      program,
      { profile: ordinary.profile, maxInsns, isCancelled: () => isFull() || isCancelled() },
      collector,
    );
    insns += walked.insns;
    if (!accepted) break;
    if (walked.verdict === 'rejected') {
      incomplete = cancelled ? 'cancelled' : isFull() ? 'memory' : walked.insns > maxInsns ? 'instructions' : 'lost';
      break;
    }
    if (collector.isSettled()) {
      incomplete = undefined;
      break;
    }
    liveness.push(collector.liveness!);
  }
  return {
    program,
    profile: ordinary.profile,
    verdict: ordinary.verdict,
    ...(incomplete === undefined ? {} : { incomplete }),
    insns,
    ...collector.finish(program),
    paths: paths.finish(!accepted),
  };
}

/** The ordinary verification: its paths, and its Env for what it found to be live. */
class Looking extends PathCollector {
  env: Env | undefined;

  override began(env: Env): void {
    this.env = env;
    super.began(env);
  }
}

/** What a path knew when it came to the instruction before. */
interface Before {
  readonly insn: number;
  readonly frames: number;
}

class ClaimCollector implements PathObserver {
  readonly #liveness: readonly StackLiveness[];
  readonly #references = new ReferenceNames();
  readonly #changes = new Map<number, Change>();
  #env: Env | undefined;
  #states: ClaimedState[][] = [];
  #words = 0;
  #lost = false;
  #outer: readonly ClaimedFrame[] = [];
  #before: Before | undefined;

  constructor(liveness: readonly StackLiveness[]) {
    this.#liveness = liveness;
  }

  readonly isFull = (): boolean => this.#lost;

  get liveness(): StackLiveness | undefined {
    return this.#env?.liveness;
  }

  /** Whether nothing was live that was taken for dead. */
  isSettled(): boolean {
    return this.#env === undefined || this.#env.liveness.isWithin(this.#liveness);
  }

  store(env: Env): StateStore {
    this.#env = env;
    this.#states = Array.from({ length: env.insns.length }, () => []);
    return new ContainmentStore(env.insns.length, this.#liveness);
  }

  began(): void {
    this.#before = undefined;
  }

  step(env: Env): void {
    const { insn, state } = env;
    this.#references.learn(env, state);
    this.#noteChange(env);
    if (this.#lost) return;
    if (state.frames.some(({ slots }) => slots > 0)) for (const each of this.#liveness) each.beginQuery(state);
    const innermost = state.frames.length - 1;
    const frames = state.frames.map((_, i) => this.#frame(env, state, i, i === innermost));
    let words = WORDS_PER_STATE;
    for (const [i, frame] of frames.entries()) if (frame !== this.#outer[i]) words += frame.w.length;
    this.#outer = frames;
    this.#keep(insn, { frames, refs: state.refs, regions: state.regions }, words);
  }

  queued(): void {
    // Copies of the state are met again when their paths are walked.
  }

  pathEnded(_env: Env, next: Pending | undefined): void {
    this.#before =
      next === undefined || next.prevInsn < 0 ? undefined : { insn: next.prevInsn, frames: next.state.frames.length };
  }

  // ---- states ---------------------------------------------------------------------------------------------------------

  #frame(env: Env, state: State, index: number, innermost: boolean): ClaimedFrame {
    const { w, slots: count } = state.frames[index]!;
    const insn = frameInsn(state, index);
    const live = env.facts.liveBefore[insn]! & (innermost ? -1 : PRESERVED);
    let registers = 0;
    let rows = 0;
    for (let register = 0; register < CLAIMED_REGISTERS; register++) {
      if ((live & (1 << register)) === 0 || w[register * ROW + TYPE] === NOT_INIT) continue;
      registers |= 1 << register;
      rows++;
    }
    const slots: number[] = [];
    for (let slot = 0; slot < count; slot++) {
      if (isEmptyRow(w, slotBase(slot))) continue;
      if (this.#liveness.length === 0 || this.#liveness.some((each) => each.isLive(state, index, slot)))
        slots.push(slot);
    }
    const words = new Int32Array((rows + slots.length) * ROW);
    let at = 0;
    const put = (base: number): void => {
      words.set(w.subarray(base, base + ROW), at);
      at += ROW;
    };
    for (let register = 0; register < CLAIMED_REGISTERS; register++)
      if ((registers & (1 << register)) !== 0) put(register * ROW);
    for (const slot of slots) put(slotBase(slot));
    withoutMarks(words);
    const frame = { insn, registers, slots, w: words };
    // While a function runs, nothing changes in its callers as a rule.
    const last = this.#outer[index];
    return !innermost && last !== undefined && sameFrame(last, frame) ? last : frame;
  }

  #keep(insn: number, state: ClaimedState, words: number): void {
    const states = this.#states[insn]!;
    let same = 0;
    let joinable = -1;
    for (let i = states.length - 1; i >= 0; i--) {
      const known = states[i]!;
      if (!sameChain(known.frames, state.frames)) continue;
      same++;
      if (stateWithin(state, known)) return;
      if (stateWithin(known, state)) {
        states[i] = state;
        return;
      }
      if (joinable < 0 && sameHeld(known, state)) joinable = i;
    }
    const limit = this.#words > MAX_WORDS ? MAX_STATES_WHEN_FULL : MAX_STATES;
    if (same >= limit && joinable >= 0) {
      states[joinable] = joinStates(states[joinable]!, state);
      return;
    }
    states.push(state);
    this.#words += words;
    if (this.#words > 2 * MAX_WORDS) this.#lost = true;
  }

  // ---- changes --------------------------------------------------------------------------------------------------------

  /** What the instruction before did to its register, and what is in the one that this instruction will write. */
  #noteChange(env: Env): void {
    const { insn, state } = env;
    const { w } = state.frame;
    const before = this.#before;
    if (before !== undefined && before.frames === state.frames.length) this.#changes.get(before.insn)?.after(w);
    let change = this.#changes.get(insn);
    if (change === undefined) {
      const written = destination(env.insns, insn);
      if (written !== undefined) {
        change = new Change(written.register, written.reads);
        this.#changes.set(insn, change);
      }
    }
    change?.before(w);
    this.#before = { insn, frames: state.frames.length };
  }

  // ---- the end --------------------------------------------------------------------------------------------------------

  finish(program: Program): Pick<Claims, 'states' | 'names' | 'roots' | 'changes' | 'references'> {
    const env = this.#env;
    if (env === undefined) {
      const names = { btfs: [program.kernelBtf, program.btf] as const, maps: [...program.maps], program };
      return { states: [], names, roots: new Set(), changes: new Map(), references: this.#references };
    }
    this.#forgetDead(env);
    const roots = env.subprograms.filter(({ linkage }, i) => i === 0 || linkage === 'global').map(({ start }) => start);
    return {
      states: this.#states,
      names: { btfs: env.btfs, maps: env.maps, program: env.program },
      roots: new Set(roots),
      changes: this.#changes,
      references: this.#references,
    };
  }

  /**
   * Takes away what was written down as live after an earlier walk, and is not after this one: a path that ended at an older
   * state need not agree with it there.
   */
  #forgetDead(env: Env): void {
    const { liveness } = env;
    if (this.#liveness.length === 0 || (this.#liveness.length === 1 && this.#liveness[0]!.isWithin([liveness]))) return;
    for (const states of this.#states) {
      for (const [i, state] of states.entries()) {
        if (state.frames.every(({ slots }) => slots.length === 0)) continue;
        liveness.beginQuery(standIn(env, state));
        const probe = standIn(env, state);
        const frames = state.frames.map((frame, f) => onlySlots(frame, (slot) => liveness.isLive(probe, f, slot)));
        states[i] = { ...state, frames };
      }
    }
  }
}

function sameFrame(a: ClaimedFrame, b: ClaimedFrame): boolean {
  if (a.insn !== b.insn || a.registers !== b.registers || a.w.length !== b.w.length) return false;
  for (let i = 0; i < a.slots.length; i++) if (a.slots[i] !== b.slots[i]) return false;
  for (let i = 0; i < a.w.length; i++) if (a.w[i] !== b.w[i]) return false;
  return true;
}

/** A state that stands where a claim stands: enough to ask what is live there. */
function standIn(env: Env, claimed: ClaimedState): State {
  const state = new State();
  state.frames = claimed.frames.map(
    ({ insn }, i) => new Frame(claimed.frames[i - 1]?.insn ?? -1, i, subprogramAt(env, insn)),
  );
  state.insn = claimed.frames.at(-1)!.insn;
  return state;
}

function onlySlots(frame: ClaimedFrame, keep: (slot: number) => boolean): ClaimedFrame {
  const kept = frame.slots.flatMap((slot, index) => (keep(slot) ? [index] : []));
  if (kept.length === frame.slots.length) return frame;
  const registers = slotRow(frame, 0);
  const w = new Int32Array(registers + kept.length * ROW);
  w.set(frame.w.subarray(0, registers));
  kept.forEach((index, i) => {
    const from = slotRow(frame, index);
    w.set(frame.w.subarray(from, from + ROW), registers + i * ROW);
  });
  return { ...frame, slots: kept.map((index) => frame.slots[index]!), w };
}
