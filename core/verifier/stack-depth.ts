/** How deep the stack can get over all calls, and what may not stand below a callback. */
import { isHelperCall, isKfuncCall, isSubprogramCall, isSubprogramPointer, callTarget } from '../isa/control-flow.ts';
import { callShape } from './calls/shapes.ts';
import type { Env } from './context.ts';
import { subprogramStartingAt } from './control-flow.ts';
import { MAX_BPF_STACK, MAX_CALL_FRAMES } from './types.ts';

/** From this depth on a subprogram of a tracing program gets a stack of its own. */
const PRIVATE_STACK_MINIMUM = 64;
const TAIL_CALL_LIMIT = 256;

type StackMode = 'unknown' | 'shared' | 'private';

function rounded(depth: number): number {
  return (depth + 15) & ~15;
}

/** Whether the JIT may give subprograms of this program private stacks. */
function mayHavePrivateStack(env: Env): boolean {
  if (env.subprograms.some((subprogram) => subprogram.hasTailCall)) return false;
  switch (env.program.type) {
    case 'kprobe':
    case 'tracepoint':
    case 'perf_event':
    case 'raw_tracepoint':
      return true;
    case 'tracing':
      return env.program.attachType !== 'trace_iter';
    case 'lsm':
      return env.program.attachType !== 'lsm_cgroup';
    default:
      return false;
  }
}

/** Walks all call chains from one subprogram. Recursion cannot happen: the walk over the control flow graph has excluded it. */
class DepthWalk {
  readonly env: Env;
  readonly modes: StackMode[];
  readonly privateAllowed: boolean;
  /** Subprograms from the outermost caller on. */
  readonly chain: number[] = [];

  constructor(env: Env, modes: StackMode[], privateAllowed: boolean) {
    this.env = env;
    this.modes = modes;
    this.privateAllowed = privateAllowed;
  }

  /** Depth of a subprogram and everything that it calls; `depth` is what stands above. True when a tail call is reachable. */
  walk(index: number, depth: number): boolean {
    const { env, modes, chain } = this;
    const subprogram = env.subprograms[index]!;
    if (!this.privateAllowed) modes[index] = 'shared';
    if (chain.length > 0 && subprogram.hasTailCall && depth >= TAIL_CALL_LIMIT)
      env.fail(
        `tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`,
      );
    const own = rounded(subprogram.stackDepth);
    if (this.privateAllowed && modes[index] === 'unknown' && own >= PRIVATE_STACK_MINIMUM) modes[index] = 'private';
    if (modes[index] === 'private') {
      if (own > MAX_BPF_STACK) env.fail(`stack size of subprog ${index} is ${own}. Too large`);
    } else {
      depth += own;
      if (depth > MAX_BPF_STACK)
        env.fail(`combined stack size of ${chain.length + 1} calls is ${depth}. Too large`);
    }
    chain.push(index);
    let tailCall = false;
    for (let insn = subprogram.start; insn < subprogram.end; insn++) {
      if (isKfuncCall(env.insns, insn)) this.#checkThrow(insn, index);
      else if (!isHelperCall(env.insns, insn) && this.#enter(insn, depth)) tailCall = true;
    }
    chain.pop();
    if (tailCall) {
      if (subprogram.isExceptionCallback) env.fail('cannot tail call within exception cb');
      subprogram.tailCallReachable = true;
    }
    return tailCall || (chain.length > 0 && subprogram.hasTailCall);
  }

  #checkThrow(insn: number, index: number): void {
    const { env } = this;
    if (callShape(env, insn)?.throws !== true) return;
    if (this.chain.some((caller) => env.subprograms[caller]!.isCallback))
      env.fail(`bpf_throw kfunc (insn ${insn}) cannot be called from callback subprog ${index}`);
  }

  #enter(insn: number, depth: number): boolean {
    const { env } = this;
    const calls = isSubprogramCall(env.insns, insn);
    if (!calls && !isSubprogramPointer(env.insns, insn)) return false;
    const callee = subprogramStartingAt(env, callTarget(env.insns, insn));
    const facts = env.subprograms[callee]!;
    if (facts.isAsyncCallback) {
      // An asynchronous callback starts on a stack of its own unless it is called.
      if (!calls) return false;
      if (facts.isExceptionCallback) env.fail(`insn ${insn} cannot call exception cb directly`);
    }
    if (this.chain.length >= MAX_CALL_FRAMES)
      env.fail(`the call stack of ${this.chain.length} frames is too deep !`);
    return this.walk(callee, depth);
  }
}

/** Checks the stack of the main program and of every asynchronous callback. */
export function checkMaxStackDepth(env: Env): void {
  const modes = env.subprograms.map((): StackMode => 'unknown');
  const privateMain = mayHavePrivateStack(env);
  for (let i = env.subprograms.length - 1; i >= 0; i--) {
    if (i !== 0 && !env.subprograms[i]!.isAsyncCallback) continue;
    new DepthWalk(env, modes, i === 0 && privateMain).walk(i, 0);
  }
}
