/** What a program, a subprogram and a callback may return. */
import { returnRange } from '../kernel/tables/program-types.ts';
import type { Env } from './context.ts';
import { checkPtrOffReg } from './memory.ts';
import { markChainPrecision } from './precision.ts';
import { SRC_OP, checkRegArg } from './registers.ts';
import { returnsMatchingKptr } from './calls/subprograms.ts';
import {
  ROW,
  type ReturnRange,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  TYPE,
  getS64,
  s64Number,
} from './state.ts';
import { SCALAR_VALUE, regTypeName } from './types.ts';

/** Whether the register's value lies in a range. Values of 32-bit functions are compared as such. */
function isWithin(range: ReturnRange, w: Int32Array, base: number, narrow: boolean): boolean {
  if (narrow) return range.min <= w[base + S32_MIN]! && w[base + S32_MAX]! <= range.max;
  return range.min <= s64Number(w, base + SMIN) && s64Number(w, base + SMAX) <= range.max;
}

/** The message about a value outside of its range. */
export function verboseInvalidScalar(env: Env, register: number, range: ReturnRange, where: string, name: string): void {
  const w = env.frame.w;
  const base = register * ROW;
  const smin = getS64(w, base + SMIN);
  const smax = getS64(w, base + SMAX);
  let text = `${where} the register ${name} has`;
  let unknown = true;
  if (smin > -0x8000_0000_0000_0000n) {
    text += ` smin=${smin}`;
    unknown = false;
  }
  if (smax < 0x7fff_ffff_ffff_ffffn) {
    text += ` smax=${smax}`;
    unknown = false;
  }
  if (unknown) text += ' unknown scalar value';
  env.verbose(`${text} should have been in [${range.min}, ${range.max}]\n`);
}

/**
 * Checks the value in a register that is about to become the return value of the program (or of what runs in its place).
 * @param name what messages call it: R0, or R1 for the cookie that a default exception callback returns
 */
export function checkReturnCode(env: Env, register: number, name: string): void {
  const outermost = env.state.frames[0]!;
  const isSubprogram = outermost.subprogram !== 0;
  const programs = returnRange(env.program);
  if (!isSubprogram || outermost.inExceptionCallback) {
    if (programs === 'void') return;
    if (!outermost.inExceptionCallback && returnsMatchingKptr(env, register)) {
      checkPtrOffReg(env, register);
      return;
    }
  }
  checkRegArg(env, register, SRC_OP);
  const w = env.frame.w;
  const base = register * ROW;
  let where = 'At program exit';
  let range: ReturnRange;
  let narrow = false;
  if (outermost.inAsyncCallback) {
    where = 'At async callback return';
    range = outermost.callbackReturn ?? { min: 0, max: 1 };
  } else if (isSubprogram && !outermost.inExceptionCallback) {
    if (w[base + TYPE] !== SCALAR_VALUE)
      env.fail(
        `At subprogram exit the register R${register} is not a scalar value (${regTypeName(w[base + TYPE]!)})`,
      );
    return;
  } else {
    if (programs === 'any' || programs === 'void') return;
    if (programs === 'unsupported') env.reject();
    range = programs;
    narrow = env.program.type === 'lsm' && env.program.attachType !== 'lsm_cgroup';
  }
  if (w[base + TYPE] !== SCALAR_VALUE)
    env.fail(`${where} the register R${register} is not a known value (${regTypeName(w[base + TYPE]!)})`);
  markChainPrecision(env, register);
  if (isWithin(range, w, base, narrow)) return;
  verboseInvalidScalar(env, register, range, where, name);
  if (!isSubprogram && env.program.attachType === 'lsm_cgroup' && range.min === 1 && range.max === 1)
    env.verbose("Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n");
  env.reject();
}

/** A callback's result at its return: within the range that its caller understands. */
export function checkCallbackReturn(env: Env, range: ReturnRange): void {
  const w = env.frame.w;
  if (w[TYPE] !== SCALAR_VALUE) env.fail('R0 not a scalar value');
  markChainPrecision(env, 0);
  if (isWithin(range, w, 0, false)) return;
  verboseInvalidScalar(env, 0, range, 'At callback return', 'R0');
  env.reject();
}

