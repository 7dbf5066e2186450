/**
 * What a throw means to verification: the path ends there, and everything that the program holds must either be let go by
 * the unwinder (profile `proposal`) or not be held at all (profile `linux`). See docs/exceptions.md, sections 4 and 5.
 */
import { checkResourceLeak } from './calls/references.ts';
import type { Env } from './context.ts';
import { recordHeldResources } from './frame-descriptors.ts';
import { checkReturnCode } from './return-code.ts';

/** `bpf_throw` at env.insn; its arguments are checked. The path ends after it. */
export function checkThrow(env: Env): void {
  if (env.profile === 'proposal') {
    recordHeldResources(env);
    return;
  }
  // Without a callback the cookie becomes the program's return value.
  if (env.exceptionCallback < 0) checkReturnCode(env, 1, 'R1');
  checkResourceLeak(env, true, true, 'bpf_throw');
}

/** A subprogram is called from which an exception may come: under `proposal` the caller can be unwound here. */
export function noteCallThatMayThrow(env: Env, subprogram: number): void {
  const facts = env.subprograms[subprogram]!;
  if (env.profile === 'proposal' && facts.linkage === 'global' && facts.mightThrow) recordHeldResources(env);
}
