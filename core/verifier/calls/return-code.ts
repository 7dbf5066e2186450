/** What R0 may hold when a program, a callback or a subprogram that is verified alone returns; and R1 at a throw. */
import { BOOLEAN_LSM_HOOKS } from '../../kernel/tables/btf-lists.ts';
import { returnRange as tableRange } from '../../kernel/tables/program-types.ts';
import { isExtension } from '../../object/bpf-target.ts';
import type { Program } from '../../object/program.ts';
import { attachPrototype } from '../admission/attach-prototype.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import { markChainPrecision } from '../paths/precision.ts';
import { SRC_OP, checkRegArg } from '../state/registers.ts';
import type { ReturnRange } from '../state/state.ts';
import { AUX0, AUX1, REF_OBJ_ID, ROW, S32_MAX, S32_MIN, SMAX, SMIN, TYPE, getS64 } from '../state/state.ts';
import { BASE_TYPE_MASK, PTR_TO_BTF_ID, SCALAR_VALUE, regTypeName } from '../state/types.ts';

const S64_MIN = -(1n << 63n);
const S64_MAX = (1n << 63n) - 1n;
/** Kernel functions report errors as small negative numbers. */
const MAX_ERRNO = 4095;

interface Limits {
  readonly range: ReturnRange;
  /** Only the lower half is the value: the hook returns `int`. */
  readonly only32: boolean;
}

/** What a security hook returns: 0 or a negative error, or a truth value; `undefined` when it returns nothing. */
export function lsmReturnRange(program: Program): ReturnRange | undefined {
  const proto = attachPrototype(program);
  if (program.type !== 'lsm' || proto === undefined || program.kernelBtf.typeId(proto.typeId) === 0) return undefined;
  const hook = proto.name.replace(/^bpf_lsm_/, '');
  return BOOLEAN_LSM_HOOKS.has(hook) ? { min: 0, max: 1 } : { min: -MAX_ERRNO, max: 0 };
}

/** The program's own limits, `undefined` where anything may be returned. */
function programLimits(env: Env): Limits | undefined {
  const { program } = env;
  // What the function that it replaces may return is its caller's business.
  if (isExtension(program)) return undefined;
  if (program.type === 'lsm') {
    const range = lsmReturnRange(program);
    if (program.attachType === 'lsm_cgroup') {
      return { range: range === undefined ? { min: 1, max: 1 } : { min: 0, max: 1 }, only32: false };
    }
    return range === undefined ? undefined : { range, only32: true };
  }
  if (program.type === 'struct_ops') {
    // A member that returns a pointer may also return null; numbers are the kernel's business.
    return structOpsReturn(env) === undefined ? undefined : { range: { min: 0, max: 0 }, only32: false };
  }
  const range = tableRange(program);
  return typeof range === 'string' ? undefined : { range, only32: false };
}

/** The limits of the program's result when they leave a number out. */
export function limitsWithout(env: Env, value: number): ReturnRange | undefined {
  const range = programLimits(env)?.range;
  return range === undefined || (range.min <= value && value <= range.max) ? undefined : range;
}

/** The struct whose pointer a struct_ops member returns. */
function structOpsReturn(env: Env): number | undefined {
  const btf = env.program.kernelBtf;
  const proto = attachPrototype(env.program);
  if (proto === undefined) return undefined;
  const pointer = btf.resolve(btf.typeId(proto.typeId));
  if (btf.kindName(pointer) !== 'ptr') return undefined;
  return btf.resolve(btf.typeId(pointer));
}

function returnsNothing(env: Env): boolean {
  const { program } = env;
  if (program.type !== 'struct_ops' && (program.type !== 'lsm' || program.attachType === 'lsm_cgroup')) return false;
  const proto = attachPrototype(program);
  return proto !== undefined && program.kernelBtf.typeId(proto.typeId) === 0;
}

/**
 * Checks the value that a program ends with.
 *
 * @param register R0 at an exit; R1 at a throw when the default callback makes the cookie the result
 */
export function checkReturnCode(env: Env, register: number, name: string): void {
  const entry = env.state.frames[0]!;
  const isSubprogram = entry.subprogram !== 0;
  if ((!isSubprogram || entry.inExceptionCallback) && returnsNothing(env)) return;
  checkRegArg(env, register, SRC_OP);
  const w = env.frame.w;
  const base = register * ROW;
  const type = w[base + TYPE]!;

  if (entry.inAsyncCallback) {
    enforce(
      env,
      register,
      name,
      { range: entry.callbackReturn ?? { min: 0, max: 0 }, only32: false },
      'At async callback return',
    );
    return;
  }
  if (isSubprogram && !entry.inExceptionCallback) {
    if (type !== SCALAR_VALUE) {
      env.fail(`At subprogram exit the register R${register} is not a scalar value (${regTypeName(type)})`);
    }
    return;
  }
  if (env.program.type === 'struct_ops' && (type & BASE_TYPE_MASK) === PTR_TO_BTF_ID && w[base + REF_OBJ_ID] !== 0) {
    // An acquired object may be handed to the kernel where the member returns one of that type.
    if (w[base + AUX1] === KERNEL_BTF && w[base + AUX0] === structOpsReturn(env)) return;
  }
  const limits = programLimits(env);
  if (limits !== undefined) enforce(env, register, name, limits, 'At program exit');
}

function enforce(env: Env, register: number, name: string, limits: Limits, when: string): void {
  const w = env.frame.w;
  const base = register * ROW;
  if (w[base + TYPE] !== SCALAR_VALUE) {
    env.fail(`${when} the register R${register} is not a known value (${regTypeName(w[base + TYPE]!)})`);
  }
  markChainPrecision(env, register);
  const { range } = limits;
  if (within(w, base, range, limits.only32)) return;
  invalidScalar(env, w, base, range, when, name);
  const isVoidHook = env.program.attachType === 'lsm_cgroup' && range.min === 1;
  if (isVoidHook && env.state.frames[0]!.subprogram === 0) {
    env.verbose("Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n");
  }
  env.reject();
}

/** A callback's result at its return: a number within what its caller understands. */
export function checkCallbackReturn(env: Env, range: ReturnRange): void {
  const { w } = env.frame;
  if (w[TYPE] !== SCALAR_VALUE) env.fail('R0 not a scalar value');
  markChainPrecision(env, 0);
  if (within(w, 0, range, false)) return;
  invalidScalar(env, w, 0, range, 'At callback return', 'R0');
  env.reject();
}

/** Whether a scalar lies inside a range. */
export function within(w: Int32Array, base: number, range: ReturnRange, only32: boolean): boolean {
  if (only32) return range.min <= w[base + S32_MIN]! && w[base + S32_MAX]! <= range.max;
  return BigInt(range.min) <= getS64(w, base + SMIN) && getS64(w, base + SMAX) <= BigInt(range.max);
}

/** Says that a value is outside of a range; the caller rejects. */
export function invalidScalar(
  env: Env,
  w: Int32Array,
  base: number,
  range: ReturnRange,
  when: string,
  name: string,
): void {
  const smin = getS64(w, base + SMIN);
  const smax = getS64(w, base + SMAX);
  let known = '';
  if (smin > S64_MIN) known += ` smin=${smin}`;
  if (smax < S64_MAX) known += ` smax=${smax}`;
  if (known === '') known = ' unknown scalar value';
  env.verbose(`${when} the register ${name} has${known} should have been in [${range.min}, ${range.max}]\n`);
}
