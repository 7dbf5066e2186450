/**
 * The shape of a program before anything is executed: that every instruction can be reached and every jump stays inside
 * its subprogram; where states are worth remembering; loops; which registers are live.
 */
import {
  callTarget,
  isHelperCall,
  isKfuncCall,
  isMayGoto,
  isSubprogramCall,
  isSubprogramPointer,
} from '../../isa/control-flow.ts';
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  OPCODE_EXIT,
  OPCODE_GOTOL,
  OPCODE_JA,
} from '../../isa/opcodes.ts';
import { callShape, type CallShape } from '../calls/shapes.ts';
import type { Env } from '../context.ts';
import { printSourceLine } from '../print-state.ts';

const HELPER_TAIL_CALL = 12;
const CLASS_LD = 0;
const MODE_ABS = 0x20;
const MODE_IND = 0x40;

/** Index of the subprogram that contains an instruction. */
export function subprogramAt(env: Env, insn: number): number {
  const list = env.subprograms;
  let low = 0;
  let high = list.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (list[middle]!.start <= insn) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Index of the subprogram that starts at an instruction, or -1. */
export function subprogramStartingAt(env: Env, insn: number): number {
  const found = subprogramAt(env, insn);
  return env.subprograms[found]!.start === insn ? found : -1;
}

/** Jumps stay inside their subprogram, and none falls off its end. */
export function checkSubprograms(env: Env): void {
  const { code, src, imm, off, length } = env.insns;
  let current = 0;
  let subprogram = env.subprograms[0]!;
  for (let i = 0; i < length; i++) {
    const opcode = code[i]!;
    const cls = opcode & 7;
    if (isHelperCall(env.insns, i) && imm[i] === HELPER_TAIL_CALL) {
      subprogram.hasTailCall = true;
      subprogram.tailCallReachable = true;
    }
    if (cls === CLASS_LD && ((opcode & 0xe0) === MODE_ABS || (opcode & 0xe0) === MODE_IND)) subprogram.hasLdAbs = true;
    const operation = opcode & 0xf0;
    if ((cls === BPF_JMP || cls === BPF_JMP32) && operation !== BPF_CALL && operation !== BPF_EXIT) {
      const target = i + 1 + (opcode === OPCODE_GOTOL ? imm[i]! : off[i]!);
      if (target < subprogram.start || target >= subprogram.end)
        env.fail(`jump out of range from insn ${i} to ${target}`);
    }
    if (i === subprogram.end - 1) {
      if (opcode !== OPCODE_EXIT && opcode !== OPCODE_GOTOL && opcode !== OPCODE_JA)
        env.fail('last insn is not an exit or jmp');
      current++;
      subprogram = env.subprograms[current] ?? subprogram;
    }
    void src;
  }
}

const DISCOVERED = 0x10;
const EXPLORED = 0x20;
const FALLTHROUGH = 1;
const BRANCH = 2;

/** Depth-first walk over all edges, call edges included: reachability, prune points, what callees do. */
class Walk {
  readonly env: Env;
  readonly state: Uint8Array;
  readonly stack: Int32Array;
  depth = 0;

  constructor(env: Env) {
    this.env = env;
    this.state = new Uint8Array(env.insns.length);
    this.stack = new Int32Array(env.insns.length + 1);
  }

  /** Follows everything reachable from an instruction. */
  from(start: number): void {
    this.state[start] = DISCOVERED;
    this.stack[0] = start;
    this.depth = 1;
    while (this.depth > 0) {
      const insn = this.stack[this.depth - 1]!;
      if (!this.#visit(insn)) {
        this.state[insn] = EXPLORED;
        this.depth--;
      }
    }
  }

  /** Takes an edge; true when the walk goes on at its end first. */
  #push(from: number, to: number, edge: number): boolean {
    const { env, state } = this;
    if (edge === FALLTHROUGH && state[from]! >= (DISCOVERED | FALLTHROUGH)) return false;
    if (edge === BRANCH && state[from]! >= (DISCOVERED | BRANCH)) return false;
    if (to < 0 || to >= env.insns.length) {
      printSourceLine(env, from, `${from}: `);
      env.fail(`jump out of range from insn ${from} to ${to}`);
    }
    if (edge === BRANCH) {
      env.facts.prunePoint[to] = 1;
      env.facts.jumpPoint[to] = 1;
    }
    if (state[to] === 0) {
      state[from] = DISCOVERED | edge;
      state[to] = DISCOVERED;
      this.stack[this.depth++] = to;
      return true;
    }
    if (state[to] === EXPLORED) state[from] = DISCOVERED | edge;
    return false;
  }

  #visitCall(insn: number, callee: boolean): boolean {
    const { env } = this;
    const next = insn + env.insns.slots(insn);
    if (this.#push(insn, next, FALLTHROUGH)) return true;
    if (next < env.insns.length) {
      env.facts.prunePoint[next] = 1;
      env.facts.jumpPoint[next] = 1;
    }
    if (!callee) return false;
    const target = callTarget(env.insns, insn);
    env.facts.prunePoint[insn] = 1;
    const into = env.subprograms[subprogramAt(env, insn)]!;
    const from = env.subprograms[subprogramAt(env, target)]!;
    into.changesPacketData ||= from.changesPacketData;
    into.mightSleep ||= from.mightSleep;
    into.mightThrow ||= from.mightThrow;
    return this.#push(insn, target, BRANCH);
  }

  /** True while there is an edge left to follow first. */
  #visit(insn: number): boolean {
    const { env } = this;
    const { insns, facts } = env;
    if (isSubprogramPointer(insns, insn)) return this.#visitCall(insn, true);
    const opcode = insns.code[insn]!;
    const cls = opcode & 7;
    if (cls !== BPF_JMP && cls !== BPF_JMP32) return this.#push(insn, insn + insns.slots(insn), FALLTHROUGH);
    switch (opcode & 0xf0) {
      case BPF_EXIT:
        return false;
      case BPF_CALL: {
        if (isHelperCall(insns, insn) || isKfuncCall(insns, insn)) this.#noteCall(insn, callShape(env, insn));
        return this.#visitCall(insn, isSubprogramCall(insns, insn));
      }
      case BPF_JA: {
        const target = insn + 1 + (cls === BPF_JMP ? insns.off[insn]! : insns.imm[insn]!);
        if (this.#push(insn, target, FALLTHROUGH)) return true;
        facts.prunePoint[target] = 1;
        facts.jumpPoint[target] = 1;
        return false;
      }
      default:
        facts.prunePoint[insn] = 1;
        if (isMayGoto(insns, insn)) facts.forceCheckpoint[insn] = 1;
        if (this.#push(insn, insn + 1, FALLTHROUGH)) return true;
        return this.#push(insn, insn + 1 + insns.off[insn]!, BRANCH);
    }
  }

  #noteCall(insn: number, shape: CallShape | undefined): void {
    if (shape === undefined) return;
    const { env } = this;
    const { facts } = env;
    if (shape.asyncCallback) facts.prunePoint[insn] = 1;
    if (shape.syncCallback) {
      // How often the callback runs is not known: states are compared at the call, as at the head of a loop.
      facts.callsCallback[insn] = 1;
      facts.forceCheckpoint[insn] = 1;
      facts.prunePoint[insn] = 1;
      facts.jumpPoint[insn] = 1;
    }
    if (shape.iterNext) {
      facts.prunePoint[insn] = 1;
      facts.forceCheckpoint[insn] = 1;
      facts.isIterNext[insn] = 1;
    }
    const subprogram = env.subprograms[subprogramAt(env, insn)]!;
    if (shape.mightSleep) subprogram.mightSleep = true;
    if (shape.changesPacketData) subprogram.changesPacketData = true;
    if (shape.throws) subprogram.mightThrow = true;
  }
}

/** Every instruction is reachable, and no jump leads into the second half of a 64-bit load. */
export function checkCfg(env: Env): void {
  const walk = new Walk(env);
  walk.from(0);
  const callback = env.exceptionCallback > 0 ? env.subprograms[env.exceptionCallback]!.start : 0;
  if (callback > 0 && walk.state[callback] !== EXPLORED) walk.from(callback);
  for (let i = 0; i < env.insns.length; i++) {
    if (walk.state[i] !== EXPLORED) env.fail(`unreachable insn ${i}`);
    if (env.insns.isLdImm64(i)) {
      if (walk.state[i + 1] !== 0) env.fail(`jump into the middle of ldimm64 insn ${i}`);
      i++;
    }
  }
}

/** Successors inside the subprogram, the fall-through first: written into `into`, count returned. */
export function successorsOf(env: Env, insn: number, into: Int32Array): number {
  const { insns } = env;
  const opcode = insns.code[insn]!;
  const cls = opcode & 7;
  const operation = opcode & 0xf0;
  const jumps = cls === BPF_JMP || cls === BPF_JMP32;
  if (!jumps || operation === BPF_CALL) {
    into[0] = insn + insns.slots(insn);
    return 1;
  }
  if (operation === BPF_EXIT) return 0;
  const target = insn + 1 + (opcode === OPCODE_GOTOL ? insns.imm[insn]! : insns.off[insn]!);
  if (operation === BPF_JA) {
    into[0] = target;
    return 1;
  }
  into[0] = insn + 1;
  into[1] = target;
  return 2;
}

/** Instructions of each subprogram in postorder; subprogram i has those from starts[i] to starts[i + 1]. */
export interface Postorder {
  readonly order: Int32Array;
  readonly starts: Int32Array;
}

export function computePostorder(env: Env): Postorder {
  const length = env.insns.length;
  const order = new Int32Array(length);
  const starts = new Int32Array(env.subprograms.length + 1);
  const state = new Uint8Array(length);
  const stack = new Int32Array(length + 2);
  const next = new Int32Array(2);
  let count = 0;
  for (let s = 0; s < env.subprograms.length; s++) {
    starts[s] = count;
    stack[0] = env.subprograms[s]!.start;
    let depth = 1;
    do {
      const top = stack[depth - 1]!;
      state[top]! |= DISCOVERED;
      if ((state[top]! & EXPLORED) !== 0) {
        order[count++] = top;
        depth--;
        continue;
      }
      const edges = successorsOf(env, top, next);
      for (let e = 0; e < edges; e++) {
        const to = next[e]!;
        if (state[to] === 0) {
          stack[depth++] = to;
          state[to]! |= DISCOVERED;
        }
      }
      state[top]! |= EXPLORED;
    } while (depth > 0);
  }
  starts[env.subprograms.length] = count;
  return { order: order.subarray(0, count), starts };
}

/**
 * Strongly connected components (Tarjan): instructions of a loop get a common number.
 */
export function computeLoops(env: Env): void {
  const length = env.insns.length;
  const pre = new Int32Array(length);
  const low = new Int32Array(length);
  const stack = new Int32Array(length);
  const path = new Int32Array(length + 1);
  const next = new Int32Array(2);
  const OFF_STACK = 0x7fff_ffff;
  let order = 1;
  let component = 1;
  for (let root = 0; root < length; root++) {
    if (pre[root] !== 0) continue;
    let held = 0;
    let depth = 1;
    path[0] = root;
    walk: while (depth > 0) {
      const w = path[depth - 1]!;
      if (pre[w] === 0) {
        low[w] = order;
        pre[w] = order++;
        stack[held++] = w;
      }
      const edges = w < length && env.insns.code[w] === 0 ? 0 : successorsOf(env, w, next);
      for (let e = 0; e < edges; e++) {
        const to = next[e]!;
        if (pre[to] !== 0) low[w] = Math.min(low[w]!, low[to]!);
        else {
          path[depth++] = to;
          continue walk;
        }
      }
      if (low[w]! < pre[w]!) {
        depth--;
        continue;
      }
      let loop = stack[held - 1] !== w;
      for (let e = 0; e < edges; e++) if (next[e] === w) loop = true;
      let member: number;
      do {
        member = stack[--held]!;
        low[member] = OFF_STACK;
        if (loop) env.facts.scc[member] = component;
      } while (member !== w);
      if (loop) component++;
      depth--;
    }
  }
}
