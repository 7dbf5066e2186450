/**
 * After all paths are verified: how deep the stack gets over chains of calls, and rules that hold for whole chains (no throw
 * from a callback, no direct call of the exception callback, no tail call below a deep stack).
 */
import { callTarget, isKfuncCall, isSubprogramCall, isSubprogramPointer } from '../../isa/control-flow.ts';
import { callShape } from '../calls/shapes.ts';
import type { Env, SubprogramFacts } from '../context.ts';
import { subprogramStartingAt } from './control-flow.ts';
import { MAX_BPF_STACK, MAX_CALL_FRAMES } from '../state/types.ts';

/** From this many bytes on, a subprogram of a program that cannot be re-entered gets a stack outside of the kernel's. */
const PRIVATE_STACK_MIN = 64;
/** Below this much of callers' stack, a subprogram may still make tail calls. */
const TAIL_CALL_MAX_DEPTH = 256;

/** A JIT aligns frames to 16 bytes. */
const rounded = (depth: number): number => (depth + 15) & ~15;

/** Whether subprograms may have stacks of their own: the kernel makes sure that the program does not interrupt itself. */
function supportsPrivateStack(env: Env): boolean {
  if (env.subprograms.some(({ hasTailCall }) => hasTailCall)) return false;
  switch (env.program.type) {
    case 'kprobe':
    case 'tracepoint':
    case 'perf_event':
    case 'raw_tracepoint':
      return true;
    case 'tracing':
      return env.program.attachType !== 'trace_iter';
    default:
      return false;
  }
}

export function checkMaxStackDepth(env: Env): void {
  const supported = supportsPrivateStack(env);
  // Callbacks that run later first: what they share with the main program must stay on the kernel's stack.
  const privateStack = new Map<SubprogramFacts, boolean>();
  for (let i = env.subprograms.length - 1; i >= 0; i--) {
    const { isAsyncCallback, isExceptionCallback } = env.subprograms[i]!;
    if (i === 0 || isAsyncCallback || isExceptionCallback) checkChains(env, i, i === 0 && supported, privateStack);
  }
}

/** Walks every chain of calls from one entry, as deep as calls may nest. */
function checkChains(env: Env, entry: number, supported: boolean, privateStack: Map<SubprogramFacts, boolean>): void {
  const { insns, subprograms } = env;
  const returnTo: number[] = [];
  const callers: number[] = [];
  let tailCallReachable = false;
  let depth = 0;
  let current = entry;
  let insn = subprograms[entry]!.start;

  const enter = (): void => {
    const subprogram = subprograms[current]!;
    if (!supported) privateStack.set(subprogram, false);
    if (current !== 0 && subprogram.hasTailCall && depth >= TAIL_CALL_MAX_DEPTH) {
      env.fail(`tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`);
    }
    const size = rounded(subprogram.stackDepth);
    if (supported && !privateStack.has(subprogram) && size >= PRIVATE_STACK_MIN) privateStack.set(subprogram, true);
    if (privateStack.get(subprogram) === true) {
      if (size > MAX_BPF_STACK) env.fail(`stack size of subprog ${current} is ${size}. Too large`);
      return;
    }
    depth += size;
    if (depth > MAX_BPF_STACK) env.fail(`combined stack size of ${callers.length + 1} calls is ${depth}. Too large`);
  };

  enter();
  for (;;) {
    const { end } = subprograms[current]!;
    let called = -1;
    for (; insn < end; insn += insns.slots(insn)) {
      if (isKfuncCall(insns, insn) && insns.off[insn] === 0) {
        checkThrow(env, insn, current, callers);
        continue;
      }
      const isCall = isSubprogramCall(insns, insn);
      if (!isCall && !isSubprogramPointer(insns, insn)) continue;
      const callee = subprogramStartingAt(env, callTarget(insns, insn));
      if (callee < 0) continue;
      const { isAsyncCallback, isExceptionCallback } = subprograms[callee]!;
      if (isAsyncCallback || isExceptionCallback) {
        // It starts on a stack of its own when it is only named here.
        if (!isCall) continue;
        if (isExceptionCallback) env.fail(`insn ${insn} cannot call exception cb directly`);
      }
      called = callee;
      break;
    }
    if (called >= 0) {
      returnTo.push(insn + insns.slots(insn));
      callers.push(current);
      current = called;
      insn = subprograms[called]!.start;
      if (subprograms[called]!.hasTailCall) tailCallReachable = true;
      if (callers.length >= MAX_CALL_FRAMES) env.fail(`the call stack of ${callers.length} frames is too deep !`);
      enter();
      continue;
    }
    if (tailCallReachable) markTailCallReachable(env, callers);
    if (callers.length === 0) return;
    const done = subprograms[current]!;
    if (privateStack.get(done) !== true) depth -= rounded(done.stackDepth);
    current = callers.pop()!;
    insn = returnTo.pop()!;
  }
}

function checkThrow(env: Env, insn: number, current: number, callers: readonly number[]): void {
  if (callShape(env, insn)?.throws !== true) return;
  const isCallback = (index: number): boolean => {
    const { isCallback: called, isAsyncCallback, isExceptionCallback } = env.subprograms[index]!;
    return called || isAsyncCallback || isExceptionCallback;
  };
  if (isCallback(current) || callers.some(isCallback)) {
    env.fail(`bpf_throw kfunc (insn ${insn}) cannot be called from callback subprog ${current}`);
  }
}

function markTailCallReachable(env: Env, callers: readonly number[]): void {
  for (const caller of callers) {
    const subprogram = env.subprograms[caller]!;
    if (subprogram.isExceptionCallback) env.fail('cannot tail call within exception cb');
    subprogram.tailCallReachable = true;
  }
}
