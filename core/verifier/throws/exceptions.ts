/**
 * What a throw means to verification: the path ends there, and everything that the program holds must either be let go by
 * the unwinder (profile `proposal`) or not be held at all (profile `linux`). See docs/exceptions.md, sections 4 and 5.
 */
import { profileRules } from '../../exceptions/profile.ts';
import { callTarget, isKfuncCall, isSubprogramCall } from '../../isa/control-flow.ts';
import { checkResourceLeak } from '../calls/references.ts';
import { callShape } from '../calls/shapes.ts';
import type { Env } from '../context.ts';
import { subprogramStartingAt } from '../flow/control-flow.ts';
import { recordHeldResources } from './frame-descriptors.ts';
import { checkReturnCode, limitsWithout } from '../calls/return-code.ts';

/** `bpf_throw` at env.insn; its arguments are checked. The path ends after it. */
export function checkThrow(env: Env): void {
  const rules = profileRules(env.profile);
  // Without a callback the cookie becomes the program's return value.
  if (env.exceptionCallback < 0 && rules.defaultCallbackReturns === 'cookie') checkReturnCode(env, 1, 'R1');
  checkHeld(env);
}

/**
 * A subprogram is called. A static one is verified as a part of its caller, throws and all; a global one on its own, so that
 * an exception that comes out of it has to be thought of here, beside the normal return.
 */
export function checkCallThatMayThrow(env: Env, subprogram: number): void {
  const facts = env.subprograms[subprogram]!;
  if (facts.linkage === 'global' && facts.mightThrow) checkHeld(env);
}

function checkHeld(env: Env): void {
  switch (profileRules(env.profile).heldAtThrow) {
    case 'release':
      // The unwinder will look into every place of every frame.
      env.liveness.markAllRead(env.insn);
      recordHeldResources(env);
      break;
    case 'reject':
      checkResourceLeak(env, true, true, 'bpf_throw');
      break;
  }
}

/**
 * Under `proposal` a program that throws and names no callback returns 0; to be called when all is verified, since the callback
 * may be named on a path that is verified after a throw.
 */
export function checkDefaultCallback(env: Env): void {
  const zero = profileRules(env.profile).defaultCallbackReturns === 'zero';
  if (!zero || env.exceptionCallback >= 0 || env.descriptors.isEmpty) return;
  const range = limitsWithout(env, 0);
  if (range === undefined) return;
  env.fail(`At program exit the register R0 has smin=0 smax=0 should have been in [${range.min}, ${range.max}]`);
}

/** Whether a call can be the place from which frames are unwound that hold something: their callee-saved registers are read then. */
export function unwindsFrom(env: Env, insn: number): boolean {
  if (profileRules(env.profile).heldAtThrow !== 'release') return false;
  const { insns } = env;
  if (isKfuncCall(insns, insn)) return callShape(env, insn)?.throws === true;
  return (
    isSubprogramCall(insns, insn) && env.subprograms[subprogramStartingAt(env, callTarget(insns, insn))]!.mightThrow
  );
}
