/**
 * The paths that an ordinary verification took, as a tree in flat arrays. A node is a stretch of instructions that was verified without
 * a choice; where there is one, it ends as a fork, and each way is a stretch of its own.
 */
import { BPF_CALL, BPF_JCOND } from '../../isa/opcodes.ts';
import type { Env } from '../context.ts';
import type { PathObserver } from '../paths/observer.ts';
import type { Pending } from '../paths/push-state.ts';
import { insnText } from '../print-state.ts';
import type { State } from '../state/state.ts';

/** How a stretch of instructions ended. */
export type PathEnd = 'fork' | 'exit' | 'throw' | 'pruned' | 'rejected';

export interface PathTree {
  /** Instruction that the stretch begins with, and the last one of it. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** The stretch before it; -1 where a function begins to be verified. */
  readonly parent: readonly number[];
  /** What was decided on the way to it: `r0 == 0 taken`, or the function that begins. */
  readonly label: readonly string[];
  /** Instructions verified in it; 0 where a path was pruned at once. */
  readonly insns: readonly number[];
  readonly end: readonly PathEnd[];
  /** Of a pruned one: the stretch whose state, at the same instruction, served; -1 otherwise. */
  readonly servedBy: readonly number[];
  readonly paths: number;
  readonly pruned: number;
  /** States that were remembered. */
  readonly states: number;
  /** There are more stretches than are listed. */
  readonly truncated: boolean;
}

const MAX_NODES = 20_000;

interface Queued {
  readonly parent: number;
  readonly label: string;
}

export class PathCollector implements PathObserver {
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #parent: number[] = [];
  readonly #label: string[] = [];
  readonly #insns: number[] = [];
  readonly #end: PathEnd[] = [];
  readonly #servedBy: number[] = [];
  readonly #queued = new WeakMap<Pending, Queued>();
  readonly #nodeOf = new WeakMap<State, number>();
  #paths = 0;
  #pruned = 0;
  #truncated = false;
  /** The present stretch; -1 when it is not listed. */
  #node = -1;
  /** What the last instruction decided on the way that goes on; undefined when it decided nothing. */
  #decided: string | undefined;
  #lastParent: State | undefined;
  #env: Env | undefined;
  #lastInsn = 0;

  began(env: Env): void {
    this.#env = env;
    this.#begin(env.insn, -1, env.subprograms[env.frame.subprogram]?.name ?? '');
  }

  step(env: Env): void {
    const { insn } = env;
    this.#fork(insn);
    const { parent } = env.state;
    if (parent !== this.#lastParent) {
      this.#lastParent = parent;
      if (parent?.insn === insn && !this.#nodeOf.has(parent)) this.#nodeOf.set(parent, this.#node);
    }
    this.#lastInsn = insn;
    if (this.#node < 0) return;
    this.#to[this.#node] = insn;
    this.#insns[this.#node]!++;
  }

  queued(env: Env, pending: Pending): void {
    const [here, there] = choice(env, pending);
    this.#queued.set(pending, { parent: this.#node, label: there });
    // A callback on a stack of its own begins later; the path itself goes on as before.
    if (pending.state.frame.subprogram !== env.frame.subprogram) return;
    this.#decided = here;
  }

  pathEnded(env: Env, next: Pending | undefined): void {
    const served = env.exploration.servedBy;
    this.#fork(env.insn);
    this.#paths++;
    if (served !== undefined) {
      this.#pruned++;
      this.#close('pruned', this.#nodeOf.get(served) ?? -1);
      if (this.#node >= 0) this.#to[this.#node] = env.insn;
    } else {
      const code = env.insns.code[this.#lastInsn]!;
      this.#close((code & 0xf0) === BPF_CALL ? 'throw' : 'exit', -1);
    }
    if (next === undefined) return;
    const queued = this.#queued.get(next);
    this.#begin(next.insn, queued?.parent ?? -1, queued?.label ?? '');
    this.#lastParent = undefined;
  }

  /** @param rejected - the verification ended before all paths did. */
  finish(rejected: boolean): PathTree {
    if (rejected && this.#node >= 0 && this.#end[this.#node] === 'fork') this.#end[this.#node] = 'rejected';
    return {
      from: this.#from,
      to: this.#to,
      parent: this.#parent,
      label: this.#label,
      insns: this.#insns,
      end: this.#end,
      servedBy: this.#servedBy,
      paths: this.#paths,
      pruned: this.#pruned,
      states: this.#env?.exploration.totalStates ?? 0,
      truncated: this.#truncated,
    };
  }

  /** After a choice a new stretch begins. */
  #fork(insn: number): void {
    if (this.#decided === undefined) return;
    const label = this.#decided;
    this.#begin(insn, this.#node, label);
  }

  #begin(insn: number, parent: number, label: string): void {
    this.#decided = undefined;
    if (this.#truncated || this.#from.length >= MAX_NODES) {
      this.#truncated = true;
      this.#node = -1;
      return;
    }
    this.#node = this.#from.length;
    this.#from.push(insn);
    this.#to.push(insn);
    this.#parent.push(parent);
    this.#label.push(label);
    this.#insns.push(0);
    this.#end.push('fork');
    this.#servedBy.push(-1);
  }

  #close(end: PathEnd, servedBy: number): void {
    if (this.#node < 0) return;
    this.#end[this.#node] = end;
    this.#servedBy[this.#node] = servedBy;
  }
}

/** What an instruction that has two ways decided: on the way that goes on, and on the one that waits. */
function choice(env: Env, pending: Pending): readonly [string, string] {
  const { insns, insn } = env;
  const code = insns.code[insn]!;
  const cls = code & 7;
  const operation = code & 0xf0;
  if (cls === 5 || cls === 6) {
    if (operation === BPF_CALL) {
      if (pending.insn === insn + 1) return ['no further element', 'another element'];
      const name = env.subprograms.find(({ start }) => start === pending.insn)?.name ?? '';
      return [`after ${name}`, `calls ${name} back`];
    }
    if (operation === BPF_JCOND) return ['may_goto taken', 'may_goto not taken'];
    const condition = /^.*? if (.*) goto .*$/.exec(insnText(env, insn))?.[1] ?? 'jump';
    const isTaken = pending.insn === insn + 1 + insns.off[insn]!;
    return isTaken
      ? [`${condition} not taken`, `${condition} taken`]
      : [`${condition} taken`, `${condition} not taken`];
  }
  // The sign of a number, as all its bits.
  const register = `r${insns.dst[insn]}`;
  return [`${register} is -1`, `${register} is 0`];
}
