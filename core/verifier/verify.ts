/**
 * Verification of one program, from first checks to verdict. The order is that of Linux: what comes first decides which
 * error a program with several gets.
 */
import { isExtension } from '../object/bpf-target.ts';
import { isKfuncCall, subprogramStarts } from '../isa/control-flow.ts';
import { profileOf, type Profile } from '../exceptions/profile.ts';
import type { Program } from '../object/program.ts';
import { admitInstructions, checkAttachment, checkSubprogramResults } from './admission/admission.ts';
import { admitKfuncCalls } from './calls/kfuncs.ts';
import { prepareEntryArguments } from './calls/subprograms.ts';
import { Assertions } from './throws/assertions.ts';
import { taggedCallback } from './admission/callback-tag.ts';
import { Env, Rejection, type SubprogramFacts } from './context.ts';
import { probedLoads } from './flow/probed-loads.ts';
import { checkCfg, checkSubprograms, computeLoops, computePostorder } from './flow/control-flow.ts';
import { explore, type Limits } from './paths/explore.ts';
import { markFastcallPatterns, removeFastcallStack } from './flow/fastcall.ts';
import { computeLiveRegisters } from './flow/live-registers.ts';
import { loadedStackDepths } from './flow/loaded-stack.ts';
import { Log } from './log.ts';
import { disassemblyNames } from './print-state.ts';
import { asLoaded } from './admission/program-btf.ts';
import { checkDefaultCallback } from './throws/exceptions.ts';
import type { PathObserver } from './paths/observer.ts';
import { Exploration } from './paths/prune.ts';
import { checkMaxStackDepth } from './flow/stack-depth.ts';
import { StackLiveness } from './flow/stack-liveness.ts';
import { State } from './state/state.ts';
import { MAIN_CALLSITE, newFrame } from './calls/subprogram-calls.ts';
import type { Verification, VerifyOptions } from './verification.ts';

const MAX_INSNS = 1_000_000;
const SET_CALLBACK = 'bpf_set_exception_callback';

function callsSetCallback(program: Program): boolean {
  const { instructions, kernelBtf } = program;
  for (let i = 0; i < instructions.length; i++) {
    if (isKfuncCall(instructions, i) && kernelBtf.name(instructions.imm[i]!) === SET_CALLBACK) return true;
    if (instructions.isLdImm64(i)) i++;
  }
  return false;
}

function subprogramFacts(program: Program, starts: readonly number[]): SubprogramFacts[] {
  return starts.map((start, index) => {
    const known = program.subprograms.find((subprogram) => subprogram.start === start);
    return {
      name: known?.name ?? '',
      start,
      end: starts[index + 1] ?? program.instructions.length,
      linkage: known?.linkage ?? 'static',
      funcTypeId: known?.funcTypeId ?? 0,
      stackDepth: 0,
      hasTailCall: false,
      tailCallReachable: false,
      hasLdAbs: false,
      isCallback: false,
      isAsyncCallback: false,
      isExceptionCallback: false,
      called: false,
      changesPacketData: false,
      mightSleep: false,
      mightThrow: false,
      keepFastcallStack: false,
      fastcallStackOff: 0,
    };
  });
}

function createEnv(program: Program, options: VerifyOptions, logLevel: 0 | 1 | 2): Env {
  const log = new Log(logLevel);
  const starts = subprogramStarts(program.instructions);
  const tag = taggedCallback(program);
  const tagged = tag.kind === 'found' ? tag.start : -1;
  // Nothing in the code refers to it.
  if (tagged >= 0 && !starts.includes(tagged)) {
    starts.push(tagged);
    starts.sort((a, b) => a - b);
  }
  const profile: Profile =
    options.profile ?? profileOf({ callsSetCallback: callsSetCallback(program), hasTag: tag.kind !== 'none' });
  const env = new Env(program, profile, log, subprogramFacts(program, starts), new State());
  env.disassembly = disassemblyNames(env);
  if (tagged >= 0) {
    env.exceptionCallback = starts.indexOf(tagged);
    env.exceptionCallbackHow = 'tag';
    const facts = env.subprograms[env.exceptionCallback]!;
    facts.isCallback = true;
    facts.isAsyncCallback = true;
    facts.isExceptionCallback = true;
  }
  return env;
}

/** Verifies one function on its own: the main program, a global function, or the exception callback. */
function verifyFunction(env: Env, subprogram: number, limits: Limits): void {
  const facts = env.subprograms[subprogram]!;
  env.exploration.clear();
  env.previousLine = undefined;
  const state = new State();
  state.branches = 1;
  state.inSleepable = env.program.sleepable;
  state.frames = [newFrame(env, MAIN_CALLSITE, 0, subprogram)];
  state.firstInsn = facts.start;
  state.lastInsn = -1;
  env.state = state;
  env.insn = facts.start;
  env.liveness.chainChanged();
  if ((subprogram !== 0 || isExtension(env.program)) && env.log.level >= 1)
    env.verbose(`Validating ${facts.name}() func#${subprogram}...\n`);
  if (facts.isExceptionCallback && subprogram !== 0) state.frame.inExceptionCallback = true;
  prepareEntryArguments(env, subprogram);
  env.observer?.began(env);
  explore(env, limits);
  if (env.log.level < 2) env.log.reset(0);
}

function verifyAll(env: Env, limits: Limits): void {
  const tag = taggedCallback(env.program);
  if (tag.kind === 'wrong') env.fail(tag.message);
  admitKfuncCalls(env);
  if (env.log.level >= 2) env.subprograms.forEach((facts, index) => env.verbose(`func#${index} @${facts.start}\n`));
  checkSubprograms(env);
  checkSubprogramResults(env);
  admitInstructions(env);
  checkCfg(env);
  const postorder = computePostorder(env);
  env.liveness = new StackLiveness(env, postorder);
  env.exploration = env.observer?.store?.(env) ?? new Exploration(env.insns.length);
  env.assertions = new Assertions(env);
  checkAttachment(env);
  computeLoops(env);
  computeLiveRegisters(env, postorder);
  markFastcallPatterns(env);
  verifyFunction(env, 0, limits);
  verifyGlobals(env, limits);
  removeFastcallStack(env);
  checkMaxStackDepth(env);
  checkDefaultCallback(env);
}

/** Global functions that something calls, until no new ones turn up. */
function verifyGlobals(env: Env, limits: Limits): void {
  if (env.exceptionCallback > 0) env.subprograms[env.exceptionCallback]!.called = true;
  const verified = new Set<number>();
  for (let more = true; more;) {
    more = false;
    for (let i = 1; i < env.subprograms.length; i++) {
      const facts = env.subprograms[i]!;
      const alone = facts.linkage === 'global' || i === env.exceptionCallback;
      if (!alone || !facts.called || verified.has(i)) continue;
      verifyFunction(env, i, limits);
      env.verbose(`Func#${i} ('${facts.name}') is safe for any args that match its prototype\n`);
      verified.add(i);
      more = true;
    }
  }
}

function summary(env: Env, verdict: Verification['verdict']): string {
  const { exploration } = env;
  const depths = (
    verdict === 'accepted' ? loadedStackDepths(env) : env.subprograms.map((facts) => facts.stackDepth)
  ).join('+');
  return (
    `stack depth ${depths}\n` +
    `processed ${env.insnsProcessed} insns (limit ${MAX_INSNS}) max_states_per_insn ${exploration?.maxStatesPerInsn ?? 0} ` +
    `total_states ${exploration?.totalStates ?? 0} peak_states ${exploration?.peakStates ?? 0} mark_read 0\n`
  );
}

/**
 * Verifies a program as Linux 6.18 would, by the rules of a profile.
 *
 * The log of level 1 keeps only the path that failed; of an accepted program next to nothing. So that text is not made to be
 * thrown away, the first run makes none, and only a program that was rejected is verified again with it: to the same end, since
 * nothing here depends on the log.
 */
export function verify(program: Program, options: VerifyOptions = {}): Verification {
  const began = performance.now();
  const wanted = options.logLevel ?? 1;
  if (wanted !== 1) return run(program, options, wanted, began);
  const quick = run(program, options, 0, began);
  return quick.verdict === 'accepted' ? quick : run(program, options, 1, began);
}

/** Verifies without a log while somebody looks on. */
export function verifyObserved(program: Program, options: VerifyOptions, observer: PathObserver): Verification {
  return run(program, options, 0, performance.now(), observer);
}

function run(
  program: Program,
  options: VerifyOptions,
  logLevel: 0 | 1 | 2,
  began: number,
  observer?: PathObserver,
): Verification {
  const env = createEnv(asLoaded(program), options, logLevel);
  env.observer = observer;
  const limits: Limits = { maxInsns: options.maxInsns ?? MAX_INSNS, isCancelled: options.isCancelled };
  let message = '';
  let verdict: Verification['verdict'] = 'accepted';
  try {
    verifyAll(env, limits);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    verdict = 'rejected';
    message = env.log.lastLine;
  }
  env.verbose(summary(env, verdict));
  return {
    program,
    profile: env.profile,
    verdict,
    message,
    log: env.log.text,
    insns: env.insnsProcessed,
    states: env.exploration?.totalStates ?? 0,
    peakStates: env.exploration?.peakStates ?? 0,
    stackDepth: env.subprograms.map((facts) => facts.stackDepth),
    durationUs: Math.round((performance.now() - began) * 1000),
    descriptors: env.descriptors.finish(),
    merges: env.descriptors.merges,
    conflicts: env.conflicts,
    assertions: env.assertions?.facts(env) ?? [],
    ...(env.exceptionCallback >= 0 && env.exceptionCallbackHow !== undefined
      ? { exceptionCallback: { subprogram: env.exceptionCallback, how: env.exceptionCallbackHow } }
      : {}),
    seen: env.facts.seen,
    probeMem: probedLoads(env),
  };
}
