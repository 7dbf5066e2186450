/** Pointers that must be used as they were handed out: contexts, kernel objects, maps. */
import type { Env } from '../context.ts';
import { tnumLogText } from '../print-state.ts';
import { OFF, ROW, TYPE, VALUE, isConst } from '../state/state.ts';
import { regTypeName } from '../state/types.ts';

/** Nothing may have been added to the pointer, but for a known offset where that is allowed. */
export function checkPtrOffReg(env: Env, register: number, fixedOffsetOk = false): void {
  const w = env.frame.w;
  const base = register * ROW;
  const name = regTypeName(w[base + TYPE]!);
  const off = w[base + OFF]!;
  if (off < 0) env.fail(`negative offset ${name} ptr R${register} off=${off} disallowed`);
  if (!fixedOffsetOk && off !== 0) env.fail(`dereference of modified ${name} ptr R${register} off=${off} disallowed`);
  if (!isConst(w, base) || (w[base + VALUE]! | w[base + VALUE + 1]!) !== 0)
    env.fail(`variable ${name} access var_off=${tnumLogText(w, base + VALUE)} disallowed`);
}
