/** Contexts that are an array of a kernel function's arguments: what each of them is, from the kernel's BTF. */
import { tracedArgument } from '../admission/bpf-target.ts';
import { TRACEPOINT_NULL_ARGS, UNTRUSTED_LSM_HOOKS } from '../../kernel/tables/btf-lists.ts';
import { ITERATOR_ARGUMENTS, STRUCT_OPS_PROMOTIONS } from '../../kernel/tables/btf-arguments.ts';
import type { Btf } from '../../object/btf/btf.ts';
import {
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_TYPE_TAG,
  BTF_KIND_UNKN,
} from '../../object/btf/kinds.ts';
import { attachPrototype } from '../admission/attach-prototype.ts';
import type { AttachPrototype } from '../admission/attach-prototype.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import {
  BASE_TYPE_MASK,
  MEM_PERCPU,
  MEM_USER,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TRUSTED,
  SCALAR_VALUE,
} from '../state/types.ts';

export interface BtfContextAccess {
  /** SCALAR_VALUE, or a pointer type with flags. */
  readonly type: number;
  /** BTF handle (`Env.btfs`) and type id in it, for a BTF pointer. */
  readonly btf: number;
  readonly btfId: number;
  /** The reference that comes with the argument, 0 when none. */
  readonly refObjId: number;
  /** The slot is the value that the function returned (fexit, fmod_ret, LSM). */
  readonly isReturnValue: boolean;
  /** Bytes that a memory pointer leads to. */
  readonly memSize: number;
}

/** Arguments that a trampoline passes on. */
const MAX_ARGUMENTS = 12;

function value(type: number, btfId = 0, isReturnValue = false, refObjId = 0): BtfContextAccess {
  return { type, btf: KERNEL_BTF, btfId, refObjId, isReturnValue, memSize: 0 };
}

const scalar = (isReturnValue = false): BtfContextAccess => value(SCALAR_VALUE, 0, isReturnValue);

/**
 * Checks a load from the context of a program that is attached by BTF.
 *
 * @returns `undefined` when it is not allowed; the reason, if there is a special one, has been logged
 */
export function btfContextAccess(
  env: Env,
  offset: number,
  size: number,
  access: 'read' | 'write',
): BtfContextAccess | undefined {
  if (offset < 0 || offset >= 8 * MAX_ARGUMENTS || access === 'write' || offset % size !== 0) return undefined;
  const { bpfTarget } = env.program;
  if (bpfTarget !== undefined && bpfTarget.kind !== 'freplace') {
    const argument = tracedArgument(env, bpfTarget, offset);
    return argument === undefined ? undefined : value(argument.type, argument.btfId);
  }
  const proto = attachPrototype(env.program);
  if (proto === undefined) return undefined;
  const btf = env.program.kernelBtf;
  const refuse = (text: string): undefined => {
    env.verbose(text + '\n');
    return undefined;
  };
  if (offset % 8 !== 0) return refuse(`func '${proto.name}' offset ${offset} is not multiple of 8`);

  const argument = argumentAt(btf, proto.typeId, offset);
  const count = btf.count(proto.typeId) - proto.hidden;
  if (argument > count) return refuse(`func '${proto.name}' doesn't have ${argument + 1}-th argument`);
  let declared: number;
  let isReturnValue = false;
  if (argument === count) {
    const result = returnType(env, proto);
    if (result === undefined) return refuse(`func '${proto.name}' doesn't have ${argument + 1}-th argument`);
    isReturnValue = env.program.attachType === 'lsm_mac';
    declared = result;
    if (env.program.attachType === 'modify_return' && !isSmallScalar(btf, btf.resolve(declared))) {
      return refuse(`ret type ${btf.kindName(btf.resolve(declared)).toUpperCase()} not allowed for fmod_ret`);
    }
  } else {
    declared = btf.paramTypeId(proto.typeId, argument + proto.hidden);
  }

  const type = btf.resolve(declared);
  if (isSmallScalar(btf, type) || btf.isComposite(type)) return scalar(isReturnValue);
  if (btf.kind(type) !== BTF_KIND_PTR) {
    if (btf.kind(type) === BTF_KIND_UNKN && argument === count) return scalar(isReturnValue);
    return refuse(
      `func '${proto.name}' arg${argument} '${btf.name(type)}' has type ${btf.kindName(type).toUpperCase()}. ` +
        'Only pointer access is allowed',
    );
  }
  if (size !== 8) return refuse(`func '${proto.name}' size ${size} must be 8`);
  return pointerArgument(env, proto, argument, type);
}

/** Position of the argument at a byte offset: structs passed by value may take several slots. */
function argumentAt(btf: Btf, typeId: number, offset: number): number {
  const count = btf.count(typeId);
  let end = 0;
  for (let i = 0; i <= count; i++) {
    const type = btf.resolve(i < count ? btf.paramTypeId(typeId, i) : btf.typeId(typeId));
    end += btf.kind(type) === BTF_KIND_PTR ? 8 : (btf.size(type) + 7) & ~7;
    if (offset < end) return i;
  }
  return count + 1;
}

function returnType(env: Env, proto: AttachPrototype): number | undefined {
  switch (env.program.attachType) {
    case 'lsm_mac':
    case 'lsm_cgroup':
    case 'trace_fexit':
    case 'modify_return':
      return env.program.kernelBtf.typeId(proto.typeId);
    default:
      return undefined;
  }
}

function isSmallScalar(btf: Btf, type: number): boolean {
  if (btf.isEnum(type)) return true;
  return btf.kind(type) === BTF_KIND_INT && btf.size(type) <= 8;
}

function pointerArgument(
  env: Env,
  proto: AttachPrototype,
  argument: number,
  pointer: number,
): BtfContextAccess | undefined {
  const { program } = env;
  const btf = program.kernelBtf;
  const special =
    program.attachType === 'trace_iter'
      ? ITERATOR_ARGUMENTS.get(proto.name.replace(/^bpf_iter_/, ''))?.[argument]
      : undefined;
  if (special !== undefined && (special & BASE_TYPE_MASK) === PTR_TO_BUF) {
    return value(special);
  }
  // A pointer to void or to a number is as good as a number: nothing can be read through it.
  const pointee = btf.resolve(btf.typeId(pointer));
  if (btf.kind(pointee) === BTF_KIND_UNKN || btf.kind(pointee) === BTF_KIND_INT) return scalar();

  const parameter = btf.paramName(proto.namesFrom, argument + proto.hidden);
  if (special !== undefined) return value(special, pointee);
  if (program.type === 'struct_ops' && (parameter.endsWith('__nullable') || parameter.endsWith('__ref'))) {
    const nullable = parameter.endsWith('__nullable') ? PTR_MAYBE_NULL : 0;
    const refObjId = parameter.endsWith('__ref') ? (env.state.refs[0]?.id ?? 0) : 0;
    return promoted(env, (PTR_TO_BTF_ID | PTR_TRUSTED | nullable) >>> 0, pointee, refObjId);
  }

  let flags = argumentsAreTrusted(env, proto) ? PTR_TRUSTED : 0;
  let isError = false;
  if (program.attachType === 'trace_raw_tp') {
    const mask = TRACEPOINT_NULL_ARGS.get(proto.name) ?? 0n;
    const digit = Number((mask >> BigInt(4 * argument)) & 0xfn);
    if ((digit & 1) !== 0) flags |= PTR_MAYBE_NULL;
    isError = (digit & 2) !== 0;
  }
  if (parameter.endsWith('__nullable')) flags |= PTR_MAYBE_NULL;
  const target = btf.typeId(pointer);
  if (btf.kind(target) === BTF_KIND_TYPE_TAG) {
    if (btf.name(target) === 'user') flags |= MEM_USER;
    if (btf.name(target) === 'percpu') flags |= MEM_PERCPU;
  }
  if (!btf.isComposite(pointee)) {
    env.verbose(`func '${proto.name}' arg${argument} type ${btf.kindName(pointee).toUpperCase()} is not a struct\n`);
    return undefined;
  }
  const kind = btf.kind(pointee) === BTF_KIND_STRUCT ? 'STRUCT' : 'UNION';
  env.verbose(`func '${proto.name}' arg${argument} has btf_id ${pointee} type ${kind} '${btf.name(pointee)}'\n`);
  if (isError) {
    env.verbose(`marking pointer arg${argument} as scalar as it may encode error`);
    return scalar();
  }
  return promoted(env, (PTR_TO_BTF_ID | flags) >>> 0, pointee, 0);
}

/** Some struct_ops know better than their prototypes what object they pass. */
function promoted(env: Env, type: number, typeId: number, refObjId: number): BtfContextAccess {
  const ops = env.program.structOps;
  const promotion = ops === undefined ? undefined : STRUCT_OPS_PROMOTIONS.get(ops.structName);
  const btf = env.program.kernelBtf;
  if (promotion !== undefined && btf.name(typeId) === promotion[0]) {
    const actual = btf.findByName(promotion[1], BTF_KIND_STRUCT);
    if (actual > 0) return value(type, actual, false, refObjId);
  }
  return value(type, typeId, false, refObjId);
}

function argumentsAreTrusted(env: Env, proto: AttachPrototype): boolean {
  const { type, attachType } = env.program;
  switch (type) {
    case 'tracing':
      return attachType === 'trace_raw_tp' || attachType === 'trace_iter';
    case 'lsm':
      return !UNTRUSTED_LSM_HOOKS.has(proto.name.replace(/^bpf_lsm_/, ''));
    case 'struct_ops':
      return true;
    default:
      return false;
  }
}
