/**
 * Calls of the program's own functions: static ones are entered, global ones only checked at the call (they are verified on
 * their own), callbacks are queued to be verified as if called some unknown number of times.
 */
import { callTarget } from '../../isa/control-flow.ts';
import { clearAllPacketPointers } from './packet.ts';
import { callShape } from './shapes.ts';
import { checkSubprogramArguments } from './subprograms.ts';
import type { Env } from '../context.ts';
import { subprogramStartingAt } from '../flow/control-flow.ts';
import { checkCallThatMayThrow } from '../throws/exceptions.ts';
import { inheritFromFrame } from '../throws/owners.ts';
import { printState } from '../print-state.ts';
import { findPreviousEntry } from '../paths/prune.ts';
import { pushOwnState, pushState } from '../paths/push-state.ts';
import { clearCallerSaved } from '../state/registers.ts';
import { checkCallbackReturn } from './return-code.ts';
import { widenImpreciseScalars } from '../state/states-equal.ts';
import {
  FRAMENO,
  Frame,
  ROW,
  State,
  TYPE,
  copyRegister,
  markNotInit,
  setKnown,
  setUnknownScalar,
} from '../state/state.ts';
import { BPF_REG_FP, MAX_BPF_REG, MAX_CALL_FRAMES, PTR_TO_STACK } from '../state/types.ts';

/** Callsite of a frame that nothing in the program called. */
export const MAIN_CALLSITE = -1;

/** Sets the registers that a callback starts with; `insn` is the call that was given the callback. */
export type SetupCallee = (env: Env, caller: Frame, callee: Frame, insn: number) => void;

/** A frame as a function finds it: nothing in any register but the frame pointer. */
export function newFrame(env: Env, callsite: number, frameno: number, subprogram: number): Frame {
  const frame = new Frame(callsite, frameno, subprogram);
  for (let register = 0; register < MAX_BPF_REG; register++) markNotInit(frame.w, register * ROW);
  const fp = BPF_REG_FP * ROW;
  frame.w[fp + TYPE] = PTR_TO_STACK;
  setKnown(frame.w, fp, 0, 0);
  frame.w[fp + FRAMENO] = frameno;
  env.scratchAll();
  return frame;
}

/** Enters a function in a state. */
export function setupFunctionEntry(
  env: Env,
  state: State,
  subprogram: number,
  callsite: number,
  setup: SetupCallee,
): Frame {
  const depth = state.frames.length;
  if (depth >= MAX_CALL_FRAMES) env.fail(`the call stack of ${depth + 1} frames is too deep`);
  const caller = state.frame;
  const callee = newFrame(env, callsite, depth, subprogram);
  setup(env, caller, callee, callsite);
  state.frames.push(callee);
  return callee;
}

const passArguments: SetupCallee = (_env, caller, callee) => {
  for (let register = 1; register <= 5; register++) copyRegister(callee.w, register * ROW, caller.w, register * ROW);
};

/** Whether a global function that may sleep can be called here. */
function maySleepHere(env: Env): boolean {
  const { state } = env;
  return state.inSleepable && state.activeRcuLocks === 0 && state.activePreemptLocks === 0 && state.activeIrqId === 0;
}

/** The call of a subprogram at env.insn. Sets env.insn to the instruction before the one to go on at. */
export function checkSubprogramCall(env: Env): void {
  const { insn, state } = env;
  const subprogram = subprogramStartingAt(env, callTarget(env.insns, insn));
  const facts = env.subprograms[subprogram]!;
  const argumentsFit = checkSubprogramArguments(env, subprogram);
  const caller = env.frame;
  if (facts.linkage === 'global') {
    if (state.activeLocks !== 0) {
      env.verbose('global function calls are not allowed while holding a lock,\n');
      env.fail('use static function instead');
    }
    if (facts.mightSleep && !maySleepHere(env)) {
      env.verbose('global functions that may sleep are not allowed in non-sleepable context,\n');
      env.verbose('i.e., in a RCU/IRQ/preempt-disabled section, or in\n');
      env.fail('a non-sleepable BPF program context');
    }
    if (!argumentsFit) env.fail(`Caller passes invalid args into func#${subprogram} ('${facts.name}')`);
    checkCallThatMayThrow(env, subprogram);
    if (env.log.level >= 1) env.verbose(`Func#${subprogram} ('${facts.name}') is global and assumed valid.\n`);
    if (facts.changesPacketData) clearAllPacketPointers(env);
    facts.called = true;
    clearCallerSaved(env, caller);
    setUnknownScalar(caller.w, 0);
    return;
  }
  setupFunctionEntry(env, state, subprogram, insn, passArguments);
  clearCallerSaved(env, caller);
  env.insn = facts.start - 1;
  env.liveness.chainChanged();
  if (env.log.level >= 1) {
    env.verbose('caller:\n');
    printState(env, state, caller.frameno, true);
    env.verbose('callee:\n');
    printState(env, state, state.frames.length - 1, true);
  }
}

/** A path that starts at an asynchronous callback, on a stack of its own. */
export function pushAsyncCallback(env: Env, subprogram: number, prevInsn: number, isSleepable: boolean): State {
  const state = new State();
  state.branches = 1;
  state.inSleepable = isSleepable;
  state.frames = [newFrame(env, MAIN_CALLSITE, 0, subprogram)];
  pushOwnState(env, state, env.subprograms[subprogram]!.start, prevInsn);
  return state;
}

/**
 * A helper or kfunc at `insn` was given a callback: queues a path through the callback. Without a callback the call goes on
 * behind the call; after each run of the callback it comes back to the call itself, until nothing new happens.
 */
export function pushCallbackCall(env: Env, insn: number, subprogram: number, setup: SetupCallee): void {
  const { state } = env;
  const caller = state.frame;
  checkSubprogramArguments(env, subprogram);
  const facts = env.subprograms[subprogram]!;
  facts.isCallback = true;
  const shape = callShape(env, insn);
  if (shape?.asyncCallback === true) {
    facts.isAsyncCallback = true;
    const queued = pushAsyncCallback(env, subprogram, insn, shape.asyncCallbackSleeps);
    const callee = queued.frame;
    callee.asyncEntryCount = caller.asyncEntryCount + 1;
    setup(env, caller, callee, insn);
    return;
  }
  const queued = pushState(env, facts.start, insn);
  setupFunctionEntry(env, queued, subprogram, insn, setup);
  queued.callbackUnrollDepth++;
  queued.frames[queued.frames.length - 2]!.callbackDepth++;
  caller.callbackDepth = 0;
}

/** Leaves a subprogram or callback. Sets env.insn to where the caller goes on. */
export function returnFromSubprogram(env: Env): void {
  const { state } = env;
  env.liveness.update();
  const callee = state.frame;
  const caller = state.frames[state.frames.length - 2]!;
  if (callee.w[TYPE] === PTR_TO_STACK) env.fail('cannot return stack pointer to the caller');
  if (callee.inCallback) checkCallbackReturn(env, callee.callbackReturn ?? { min: 0, max: 1 });
  else copyRegister(caller.w, 0, callee.w, 0);
  env.insn = callee.inCallback ? callee.callsite : callee.callsite + 1;
  if (env.log.level >= 1) {
    env.verbose('returning from callee:\n');
    printState(env, state, callee.frameno, true);
    env.verbose(`to caller at ${env.insn}:\n`);
    printState(env, state, caller.frameno, true);
  }
  state.frames.pop();
  inheritFromFrame(state);
  env.liveness.chainChanged();
  if (!callee.inCallback) return;
  const previous = findPreviousEntry(env, state, env.insn);
  if (previous !== undefined) widenImpreciseScalars(env, previous, state);
}
