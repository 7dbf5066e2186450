/** `bpf_set_exception_callback`, the call of the 2023 proposal that names the exception callback (docs/exceptions.md, sections 2 and 4). */
import type { Env } from '../context.ts';
import { AUX0, ROW, TYPE } from '../state/state.ts';
import { PTR_TO_FUNC } from '../state/types.ts';

/** Checks the call, and remembers the callback: for the whole program, and for good. */
export function processExceptionCallback(env: Env, insn: number): void {
  const { w } = env.frame;
  if (w[ROW + TYPE] !== PTR_TO_FUNC) env.fail('arg0 expected pointer to func');
  const subprogram = w[ROW + AUX0]!;
  const facts = env.subprograms[subprogram];
  if (facts === undefined) env.reject();
  if (env.frame.frameno !== 0 || env.frame.subprogram !== 0) env.fail('can only be called from main prog');
  const earlier = env.callFacts.get('exception callback call') as number | undefined;
  const tagged = env.exceptionCallbackHow === 'tag';
  if (tagged || (earlier !== undefined && earlier !== insn))
    env.fail('can only be called once to set exception callback');
  if (facts.linkage !== 'static') env.fail('callback function not static');
  env.callFacts.set('exception callback call', insn);
  facts.isExceptionCallback = true;
  env.exceptionCallback = subprogram;
  env.exceptionCallbackHow = 'call';
}
