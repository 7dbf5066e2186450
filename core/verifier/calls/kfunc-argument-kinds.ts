/** Which of the many kinds of argument a kernel function's parameter is. */
import { KF_ITER_DESTROY, KF_ITER_NEW, KF_ITER_NEXT } from '../../kernel/tables/kfuncs.ts';
import type { Btf } from '../../object/btf/btf.ts';
import { BTF_KIND_ARRAY } from '../../object/btf/kinds.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import { ROW, TYPE, isNull } from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  CONST_PTR_TO_MAP,
  PTR_TO_BTF_ID,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  SCALAR_VALUE,
} from '../state/types.ts';
import { isScalarType, isStruct, isStructOrUnion, kindWord } from './btf-words.ts';
import { isContextPointer } from './contexts.ts';
import type { KfuncParameter, KfuncPrototype } from './kfunc-prototypes.ts';
import { hasSuffix } from './kfunc-prototypes.ts';

/** What a parameter asks for. */
export type ArgumentKind =
  | 'context'
  | 'allocated'
  | 'refcounted'
  | 'dynptr'
  | 'iterator'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'null'
  | 'string'
  | 'map'
  | 'workqueue'
  | 'task_work'
  | 'irq_flag'
  | 'res_spin_lock'
  | 'btf'
  | 'callback'
  | 'memory_size'
  | 'memory';

const BY_STRUCT: ReadonlyMap<string, ArgumentKind> = new Map([
  ['bpf_list_head', 'list_head'],
  ['bpf_list_node', 'list_node'],
  ['bpf_rb_root', 'rb_root'],
  ['bpf_rb_node', 'rb_node'],
]);

/** Kernel struct behind register types that are no BTF pointers. */
export function structOfRegister(type: number): string | undefined {
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_SOCKET:
      return 'sock';
    case PTR_TO_SOCK_COMMON:
      return 'sock_common';
    case PTR_TO_TCP_SOCK:
      return 'tcp_sock';
    case CONST_PTR_TO_MAP:
      return 'bpf_map';
    default:
      return undefined;
  }
}

/** A struct of numbers only, nested up to four levels. */
export function isScalarStruct(env: Env, btf: Btf, typeId: number, depth: number): boolean {
  if (!isStructOrUnion(btf, typeId)) return false;
  const count = btf.count(typeId);
  for (let i = 0; i < count; i++) {
    let member = btf.resolve(btf.memberTypeId(typeId, i));
    if (isStructOrUnion(btf, member)) {
      if (depth >= 3) {
        env.verbose('max struct nesting depth exceeded\n');
        return false;
      }
      if (!isScalarStruct(env, btf, member, depth + 1)) return false;
      continue;
    }
    if (btf.kind(member) === BTF_KIND_ARRAY) {
      if (btf.arrayCount(member) === 0) return false;
      member = btf.resolve(btf.typeId(member));
    }
    if (!isScalarType(btf, member)) return false;
  }
  return true;
}

function isSizeArgument(env: Env, parameter: KfuncParameter | undefined, regno: number, suffix: string): boolean {
  return (
    parameter !== undefined &&
    parameter.isScalar &&
    env.frame.w[regno * ROW + TYPE] === SCALAR_VALUE &&
    hasSuffix(parameter, suffix)
  );
}

/** What an argument is, by its parameter's type and name and, where these leave it open, by the register. */
export function classifyArgument(env: Env, prototype: KfuncPrototype, flags: number, argument: number): ArgumentKind {
  const btf = env.btfs[KERNEL_BTF];
  const parameter = prototype.parameters[argument]!;
  const { w } = env.frame;
  const base = (argument + 1) * ROW;
  if (prototype.name === 'bpf_cast_to_kern_ctx') return 'context';
  if (isContextPointer(btf, parameter.typeId, env.program.type)) return 'context';
  const next = prototype.parameters[argument + 1];
  const withSize = isSizeArgument(env, next, argument + 2, '__sz') || isSizeArgument(env, next, argument + 2, '__szk');
  if (hasSuffix(parameter, '__nullable') && isNull(w, base) && !withSize) return 'null';
  if (hasSuffix(parameter, '__alloc')) return 'allocated';
  if (hasSuffix(parameter, '__refcounted_kptr')) return 'refcounted';
  const struct = isStruct(btf, parameter.pointee) ? parameter.pointeeName : '';
  if (struct === 'bpf_dynptr') return 'dynptr';
  const iterator = (flags & (KF_ITER_NEW | KF_ITER_NEXT | KF_ITER_DESTROY)) !== 0;
  if (iterator ? argument === 0 : hasSuffix(parameter, '__iter')) return 'iterator';
  const graph = BY_STRUCT.get(struct);
  if (graph !== undefined) return graph;
  if (hasSuffix(parameter, '__str')) return 'string';
  if (hasSuffix(parameter, '__map')) return 'map';
  if (struct === 'bpf_wq') return 'workqueue';
  if (struct === 'bpf_task_work') return 'task_work';
  if (hasSuffix(parameter, '__irq_flag')) return 'irq_flag';
  if (struct === 'bpf_res_spin_lock') return 'res_spin_lock';
  const type = w[base + TYPE]!;
  if ((type & BASE_TYPE_MASK) === PTR_TO_BTF_ID || structOfRegister(type) !== undefined) {
    if (!isStructOrUnion(btf, parameter.pointee)) {
      env.fail(
        `kernel function ${prototype.name} args#${argument} pointer type ${kindWord(btf, parameter.pointee)} ` +
          `${parameter.pointeeName} is not supported`,
      );
    }
    return 'btf';
  }
  if (parameter.isCallback) return 'callback';
  if (
    !isScalarType(btf, parameter.pointee) &&
    !isScalarStruct(env, btf, parameter.pointee, 0) &&
    (!withSize || parameter.pointee !== 0)
  ) {
    env.fail(
      `arg#${argument} pointer type ${kindWord(btf, parameter.pointee)} ${parameter.pointeeName} must point to ` +
        `${withSize ? 'void, ' : ''}scalar, or struct with scalar`,
    );
  }
  return withSize ? 'memory_size' : 'memory';
}
