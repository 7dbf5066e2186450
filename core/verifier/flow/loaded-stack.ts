/** How much stack the functions of a loaded program take, which the log reports: the loader's rewriting adds to what the program uses. */
import { isKfuncCall, isMayGoto } from '../../isa/control-flow.ts';
import { callShape } from '../calls/shapes.ts';
import type { Env } from '../context.ts';

/** A loop in place of a call of bpf_loop keeps the callback's registers there. */
const INLINED_LOOP = 24;
/** may_goto counts, and looks at the clock, there. */
const MAY_GOTO = 16;

interface InlinedLoop {
  readonly fits: boolean;
}

/** By subprogram, without those that nothing calls, and with the default exception callback that is added at the end. */
export function loadedStackDepths(env: Env): number[] {
  const { insns, facts, callFacts } = env;
  const depths: number[] = [];
  let throws = false;
  for (const subprogram of env.subprograms) {
    let isSeen = false;
    let inlines = false;
    let mayGo = false;
    for (let insn = subprogram.start; insn < subprogram.end; insn++) {
      if (facts.seen[insn] !== 1) continue;
      isSeen = true;
      inlines ||= (callFacts.get(`loop ${insn}`) as InlinedLoop | undefined)?.fits === true;
      throws ||= isKfuncCall(insns, insn) && callShape(env, insn)?.throws === true;
      mayGo ||= isMayGoto(insns, insn) && insns.off[insn] !== 0;
    }
    if (!isSeen) continue;
    const used = subprogram.stackDepth;
    depths.push((inlines ? Math.ceil(used / 8) * 8 + INLINED_LOOP : used) + (mayGo ? MAY_GOTO : 0));
  }
  if (throws && env.exceptionCallback <= 0) depths.push(0);
  return depths;
}
