/** Arguments of kernel functions (check_kfunc_args). */
import { KF_RCU, KF_RELEASE, KF_TRUSTED_ARGS } from '../../kernel/tables/kfuncs.ts';
import { PROGRAM_TYPES } from '../../kernel/tables/program-types.ts';
import { ARG_PTR_TO_DYNPTR } from '../../kernel/tables/type-flags.ts';
import { BTF_KIND_STRUCT } from '../../object/btf/kinds.ts';
import { structIdsMatch } from '../memory/btf-access.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF, Rejection } from '../context.ts';
import { checkHelperMemAccess } from '../memory/memory.ts';
import { markChainPrecision } from '../paths/precision.ts';
import { isTrustedRegister, markPtrNotNull } from '../state/registers.ts';
import { AUX0, AUX1, OFF, REF_OBJ_ID, ROW, TYPE, VALUE, getU64, isConst, isNull, u64Number } from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  DYNPTR_INVALID,
  DYNPTR_TYPE_SKB,
  DYNPTR_TYPE_SKB_META,
  DYNPTR_TYPE_XDP,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_UNINIT,
  OBJ_RELEASE,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_VALUE,
  PTR_TO_STACK,
  SCALAR_VALUE,
  TRUSTED_FLAGS,
  regTypeName,
  typeIsNonOwningReference,
  typeIsPointerAllocated,
} from '../state/types.ts';
import { isNoCastAlias, isStruct, kindWord } from './btf-words.ts';
import { inRbtreeCallback } from './callbacks.ts';
import { checkConstString } from './const-strings.ts';
import { isProjection } from './contexts.ts';
import { dynptrId, dynptrKind, dynptrReference, flagOfDynptrKind, processDynptrArgument } from './dynptrs.ts';
import { processGraphNode, processGraphRoot } from './graph.ts';
import { checkArgumentOffset, checkMemorySize } from './helper-arguments.ts';
import { IRQ_LOCK, IRQ_NATIVE, restoreIrqFlag, saveIrqFlag } from './irq-flags.ts';
import type { IteratorPlace } from './iterators.ts';
import { processIteratorArgument } from './iterators.ts';
import type { ArgumentKind } from './kfunc-argument-kinds.ts';
import { classifyArgument, structOfRegister } from './kfunc-argument-kinds.ts';
import type { KfuncParameter, KfuncPrototype } from './kfunc-prototypes.ts';
import { hasSuffix } from './kfunc-prototypes.ts';
import { processSpinLock } from './locks.ts';
import type { BtfField } from './records.ts';
import { mapRecord, registerRecord } from './records.ts';

/** What the arguments checked so far have said about the call. */
export class KfuncMeta {
  readonly prototype: KfuncPrototype;
  readonly flags: number;
  reference = 0;
  releaseRegister = 0;
  resultSize = 0;
  resultReadOnly = false;
  constant: bigint | undefined;
  /** BTF handle and type of an allocated object among the arguments. */
  objectBtf = 0;
  objectType = 0;
  owningReference = false;
  subprogram = -1;
  dynptr: { id: number; kind: number; reference: number } | undefined;
  iterator: IteratorPlace | undefined;
  listHead: BtfField | undefined;
  rbtreeRoot: BtfField | undefined;
  map = -1;
  mapUid = 0;
  contextTypeId = 0;

  constructor(prototype: KfuncPrototype, flags: number) {
    this.prototype = prototype;
    this.flags = flags;
  }

  get trusted(): boolean {
    return (this.flags & (KF_TRUSTED_ARGS | KF_RELEASE)) !== 0;
  }

  get rcu(): boolean {
    return (this.flags & KF_RCU) !== 0;
  }
}

/** Checks all arguments; what they say about the call is left in `meta`. */
export function checkKfuncArguments(env: Env, meta: KfuncMeta, insn: number): void {
  const { prototype } = meta;
  const count = prototype.parameters.length;
  if (count > 5) env.fail(`Function ${prototype.name} has ${count} > 5 args`);
  for (let i = 0; i < count; i++) {
    const parameter = prototype.parameters[i]!;
    if (hasSuffix(parameter, '__ign') || hasSuffix(parameter, '__prog')) continue;
    if (parameter.isScalar) {
      checkScalar(env, meta, parameter, i + 1);
      continue;
    }
    if (!parameter.isPointer) {
      env.fail(`Unrecognized arg#${i} type ${kindWord(env.btfs[KERNEL_BTF], parameter.typeId)}`);
    }
    if (checkPointer(env, meta, i, insn) === 'with size') i++;
  }
  if ((meta.flags & KF_RELEASE) !== 0 && meta.releaseRegister === 0) {
    env.fail(`release kernel function ${prototype.name} expects refcounted PTR_TO_BTF_ID`);
  }
}

function checkScalar(env: Env, meta: KfuncMeta, parameter: KfuncParameter, regno: number): void {
  const { w } = env.frame;
  const base = regno * ROW;
  if (w[base + TYPE] !== SCALAR_VALUE) env.fail(`R${regno} is not a scalar`);
  if (hasSuffix(parameter, '__k')) {
    if (!isConst(w, base)) env.fail(`R${regno} must be a known constant`);
    markChainPrecision(env, regno);
    meta.constant = getU64(w, base + VALUE);
    return;
  }
  if (parameter.name !== 'rdonly_buf_size' && parameter.name !== 'rdwr_buf_size') return;
  if (parameter.name === 'rdonly_buf_size') meta.resultReadOnly = true;
  if (!isConst(w, base)) env.fail(`R${regno} is not a const`);
  const size = u64Number(w, base + VALUE);
  if (size > 0xffffffff) env.fail(`R${regno} rdonly/rdwr_buf_size exceeds u32 max`);
  meta.resultSize = size;
  markChainPrecision(env, regno);
}

function checkPointer(env: Env, meta: KfuncMeta, argument: number, insn: number): 'with size' | 'done' {
  const { prototype } = meta;
  const parameter = prototype.parameters[argument]!;
  const regno = argument + 1;
  const base = regno * ROW;
  const { w } = env.frame;
  const type = w[base + TYPE]!;
  const isRelease = (meta.flags & KF_RELEASE) !== 0;
  if (
    (meta.trusted || meta.rcu) &&
    (isNull(w, base) || (type & PTR_MAYBE_NULL) !== 0) &&
    !hasSuffix(parameter, '__nullable')
  ) {
    env.fail(`Possibly NULL pointer passed to trusted arg${argument}`);
  }
  const reference = w[base + REF_OBJ_ID]!;
  if (reference !== 0) {
    meta.reference = reference;
    if (isRelease) meta.releaseRegister = regno;
  }
  const kind = classifyArgument(env, prototype, meta.flags, argument);
  if (kind === 'null') return 'done';
  if (kind === 'map') noteMap(env, meta, regno);
  if ((kind === 'map' || kind === 'allocated' || kind === 'btf') && (meta.trusted || meta.rcu)) {
    if (!isTrustedRegister(w, base)) {
      if (!meta.rcu) env.fail(`R${regno} must be referenced or trusted`);
      if ((type & MEM_RCU) === 0) env.fail(`R${regno} must be a rcu pointer`);
    }
  }
  checkArgumentOffset(env, regno, isRelease && reference !== 0 ? OBJ_RELEASE : 0);
  return checkKind(env, meta, kind, argument, insn);
}

function noteMap(env: Env, meta: KfuncMeta, regno: number): void {
  const { w } = env.frame;
  const base = regno * ROW;
  if ((w[base + TYPE]! & BASE_TYPE_MASK) !== CONST_PTR_TO_MAP) {
    // Only a null register can be told apart here; others are refused by their type further on.
    if (isNull(w, base)) env.fail(`pointer in R${regno} isn't map pointer`);
    return;
  }
  const map = w[base + AUX0]!;
  const uid = w[base + AUX1]!;
  if (meta.map >= 0) {
    const record = mapRecord(env, env.maps[map]!);
    const isWork = (record?.wqOff ?? -1) >= 0;
    const isTaskWork = (record?.taskWorkOff ?? -1) >= 0;
    if ((isWork || isTaskWork) && (meta.map !== map || meta.mapUid !== uid)) {
      const [name, at] = isWork ? ['workqueue', 'R1'] : ['bpf_task_work', 'R2'];
      env.fail(
        `${name} pointer in ${at} map_uid=${meta.mapUid} doesn't match map pointer in ${isWork ? 'R2' : 'R3'} map_uid=${uid}`,
      );
    }
  }
  meta.map = map;
  meta.mapUid = uid;
}

const LOCK_TAKERS = new Set(['bpf_res_spin_lock', 'bpf_res_spin_lock_irqsave']);

function checkKind(
  env: Env,
  meta: KfuncMeta,
  kind: ArgumentKind,
  argument: number,
  insn: number,
): 'with size' | 'done' {
  const { prototype } = meta;
  const { name } = prototype;
  const parameter = prototype.parameters[argument]!;
  const regno = argument + 1;
  const base = regno * ROW;
  const { w } = env.frame;
  const type = w[base + TYPE]!;
  const kernel = env.btfs[KERNEL_BTF];
  switch (kind) {
    case 'context':
      if (type !== PTR_TO_CTX) env.fail(`arg#${argument} expected pointer to ctx, but got ${regTypeName(type)}`);
      if (name === 'bpf_cast_to_kern_ctx') {
        meta.contextTypeId = kernel.findByName(PROGRAM_TYPES[env.program.type].kernelStruct, BTF_KIND_STRUCT);
        if (meta.contextTypeId <= 0) env.reject();
      }
      break;
    case 'allocated':
      checkAllocated(env, meta, argument);
      break;
    case 'dynptr':
      checkDynptr(env, meta, argument, insn);
      break;
    case 'iterator': {
      if (name === 'bpf_iter_css_task_new' && !mayIterateCssTasks(env)) {
        env.fail('css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs');
      }
      const found = processIteratorArgument(
        env,
        regno,
        insn,
        { name, flags: meta.flags },
        isStruct(kernel, parameter.pointee) && parameter.pointeeName.startsWith('bpf_iter_') ? parameter.pointee : 0,
      );
      if (found !== undefined) {
        meta.iterator = found.place;
        meta.reference = found.reference;
      }
      break;
    }
    case 'list_head':
    case 'rb_root': {
      if (type !== PTR_TO_MAP_VALUE && type !== (PTR_TO_BTF_ID | MEM_ALLOC)) {
        env.fail(`arg#${argument} expected pointer to map value or allocated object`);
      }
      if (type === (PTR_TO_BTF_ID | MEM_ALLOC) && w[base + REF_OBJ_ID] === 0) {
        env.fail('allocated object must be referenced');
      }
      if (kind === 'list_head') meta.listHead = processGraphRoot(env, regno, 'bpf_list_head');
      else meta.rbtreeRoot = processGraphRoot(env, regno, 'bpf_rb_root');
      break;
    }
    case 'list_node':
      requireOwned(env, argument);
      processGraphNode(env, regno, 'bpf_list_head', 'bpf_list_node', meta.listHead!);
      meta.objectBtf = w[base + AUX1]!;
      meta.objectType = w[base + AUX0]!;
      break;
    case 'rb_node':
      if (name === 'bpf_rbtree_add_impl') requireOwned(env, argument);
      else {
        if (!typeIsNonOwningReference(type) && w[base + REF_OBJ_ID] === 0) {
          env.fail(`${name} can only take non-owning or refcounted bpf_rb_node pointer`);
        }
        if (inRbtreeCallback(env)) env.fail(`${name} not allowed in rbtree cb`);
      }
      processGraphNode(env, regno, 'bpf_rb_root', 'bpf_rb_node', meta.rbtreeRoot!);
      meta.objectBtf = w[base + AUX1]!;
      meta.objectType = w[base + AUX0]!;
      break;
    case 'map':
    case 'btf':
      checkBtfArgument(env, meta, argument, kind === 'map');
      break;
    case 'memory': {
      const size = kernel.resolveSize(parameter.pointee);
      if (size === undefined) {
        env.fail(
          `arg#${argument} reference type('${kindWord(kernel, parameter.pointee)} ${parameter.pointeeName}') ` +
            'size cannot be determined: -22',
        );
      }
      checkMemoryRegister(env, regno, size ?? 0);
      break;
    }
    case 'memory_size':
      checkMemoryWithSize(env, meta, argument);
      return 'with size';
    case 'callback':
      if (type !== PTR_TO_FUNC) env.fail(`arg${argument} expected pointer to func`);
      meta.subprogram = w[base + AUX0]!;
      break;
    case 'refcounted': {
      if (!typeIsPointerAllocated(type)) env.fail(`arg#${argument} is neither owning or non-owning ref`);
      if (!typeIsNonOwningReference(type) && w[base + REF_OBJ_ID] !== 0) meta.owningReference = true;
      const record = registerRecord(env, w, base);
      if (record === undefined || record.refcountOff < 0) {
        env.fail(`arg#${argument} doesn't point to a type with bpf_refcount field`);
      }
      meta.objectBtf = w[base + AUX1]!;
      meta.objectType = w[base + AUX0]!;
      break;
    }
    case 'string':
      if (type !== PTR_TO_MAP_VALUE) env.fail(`arg#${argument} doesn't point to a const string`);
      checkConstString(env, regno);
      break;
    case 'workqueue':
    case 'task_work':
      checkWork(env, meta, argument, kind);
      break;
    case 'irq_flag': {
      if (type !== PTR_TO_STACK) env.fail(`arg#${argument} doesn't point to an irq flag on stack`);
      const irqClass = name.startsWith('bpf_res_spin') ? IRQ_LOCK : IRQ_NATIVE;
      if (name === 'bpf_local_irq_save' || name === 'bpf_res_spin_lock_irqsave') saveIrqFlag(env, regno, irqClass);
      else restoreIrqFlag(env, regno, irqClass);
      break;
    }
    case 'res_spin_lock':
      if (type !== PTR_TO_MAP_VALUE && type !== (PTR_TO_BTF_ID | MEM_ALLOC)) {
        env.fail(`arg#${argument} doesn't point to map value or allocated object`);
      }
      processSpinLock(env, regno, { lock: LOCK_TAKERS.has(name), resilient: true, irq: name.includes('irq') });
      break;
    case 'null':
      break;
  }
  return 'done';
}

/** css_task iteration takes a lock that many hooks hold already. */
function mayIterateCssTasks(env: Env): boolean {
  const { program } = env;
  return (
    program.type === 'lsm' ||
    (program.type === 'tracing' && program.attachType === 'trace_iter') ||
    program.sleepable ||
    env.state.inSleepable
  );
}

function requireOwned(env: Env, argument: number): void {
  const { w } = env.frame;
  const base = (argument + 1) * ROW;
  if (w[base + TYPE] !== (PTR_TO_BTF_ID | MEM_ALLOC)) {
    env.fail(`arg#${argument} expected pointer to allocated object`);
  }
  if (w[base + REF_OBJ_ID] === 0) env.fail('allocated object must be referenced');
}

function checkAllocated(env: Env, meta: KfuncMeta, argument: number): void {
  const { w } = env.frame;
  const base = (argument + 1) * ROW;
  const type = w[base + TYPE]!;
  const { name } = meta.prototype;
  if (type === (PTR_TO_BTF_ID | MEM_ALLOC)) {
    if (name !== 'bpf_obj_drop_impl') env.fail(`arg#${argument} expected for bpf_obj_drop_impl()`);
  } else if (type === (PTR_TO_BTF_ID | MEM_ALLOC | MEM_PERCPU)) {
    if (name !== 'bpf_percpu_obj_drop_impl') env.fail(`arg#${argument} expected for bpf_percpu_obj_drop_impl()`);
  } else env.fail(`arg#${argument} expected pointer to allocated object`);
  if (w[base + REF_OBJ_ID] === 0) env.fail('allocated object must be referenced');
  meta.objectBtf = w[base + AUX1]!;
  meta.objectType = w[base + AUX0]!;
}

function checkDynptr(env: Env, meta: KfuncMeta, argument: number, insn: number): void {
  const regno = argument + 1;
  const { w } = env.frame;
  const { name } = meta.prototype;
  let argType = ARG_PTR_TO_DYNPTR;
  let clone = 0;
  if (w[regno * ROW + TYPE] === CONST_PTR_TO_DYNPTR) argType |= MEM_RDONLY;
  const uninitialised = hasSuffix(meta.prototype.parameters[argument]!, '__uninit');
  if (uninitialised) argType |= MEM_UNINIT;
  if (name === 'bpf_dynptr_from_skb') argType |= DYNPTR_TYPE_SKB;
  else if (name === 'bpf_dynptr_from_xdp') argType |= DYNPTR_TYPE_XDP;
  else if (name === 'bpf_dynptr_from_skb_meta') argType |= DYNPTR_TYPE_SKB_META;
  else if (name === 'bpf_dynptr_clone' && uninitialised) {
    argType |= flagOfDynptrKind(meta.dynptr?.kind ?? DYNPTR_INVALID);
    clone = meta.dynptr?.reference ?? 0;
  }
  processDynptrArgument(env, regno, insn, argType, clone);
  if (uninitialised) return;
  meta.dynptr = { id: dynptrId(env, regno), kind: dynptrKind(env, regno), reference: dynptrReference(env, regno) };
}

function checkBtfArgument(env: Env, meta: KfuncMeta, argument: number, isMap: boolean): void {
  const { w } = env.frame;
  const regno = argument + 1;
  const base = regno * ROW;
  const type = w[base + TYPE]!;
  const kernel = env.btfs[KERNEL_BTF];
  const parameter = meta.prototype.parameters[argument]!;
  const plain = structOfRegister(type);
  const flags = type & ~BASE_TYPE_MASK;
  const unsafe = (flags & ~TRUSTED_FLAGS) !== 0;
  if (((type & BASE_TYPE_MASK) !== PTR_TO_BTF_ID || (unsafe && (type & MEM_RCU) === 0)) && plain === undefined) {
    env.verbose(`arg#${argument} is ${regTypeName(type)} `);
    env.fail(`expected ${regTypeName((type & BASE_TYPE_MASK) | (flags & TRUSTED_FLAGS))} or socket`);
  }
  const wanted = isMap ? kernel.findByName('bpf_map', BTF_KIND_STRUCT) : parameter.pointee;
  const wantedName = isMap ? 'bpf_map' : parameter.pointeeName;
  let btf = kernel;
  let id: number;
  if ((type & BASE_TYPE_MASK) === PTR_TO_BTF_ID) {
    btf = env.btfs[w[base + AUX1] === KERNEL_BTF ? 0 : 1]!;
    id = btf.resolve(w[base + AUX0]!);
  } else id = kernel.findByName(plain ?? '', BTF_KIND_STRUCT);
  const name = btf.name(id);
  const strict = ((meta.flags & KF_RELEASE) !== 0 && w[base + REF_OBJ_ID] !== 0) || isNoCastAlias(name, wantedName);
  const same = structIdsMatch(btf, id, w[base + OFF]!, kernel, wanted, strict, (line) => env.verbose(line));
  if (!same && !isProjection(wantedName, name)) {
    env.fail(
      `kernel function ${meta.prototype.name} args#${argument} expected pointer to ${kindWord(kernel, wanted)} ` +
        `${wantedName} but R${regno} has a pointer to ${kindWord(btf, id)} ${name}`,
    );
  }
}

/** Memory of a known size that is read and written; a null is fine, and so is what may be null (check_mem_reg). */
export function checkMemoryRegister(env: Env, regno: number, size: number): void {
  const { w } = env.frame;
  const base = regno * ROW;
  if (isNull(w, base)) return;
  withoutNull(env, regno, () => {
    checkHelperMemAccess(env, regno, size, 'read', true, undefined);
    checkHelperMemAccess(env, regno, size, 'write', true, undefined);
  });
}

function withoutNull(env: Env, regno: number, check: () => void): void {
  const base = regno * ROW;
  if ((env.frame.w[base + TYPE]! & PTR_MAYBE_NULL) === 0) {
    check();
    return;
  }
  const saved = env.frame.w.slice(base, base + ROW);
  markPtrNotNull(env, env.frame.w, base);
  check();
  env.frame.w.set(saved, base);
}

function checkMemoryWithSize(env: Env, meta: KfuncMeta, argument: number): void {
  const parameter = meta.prototype.parameters[argument]!;
  const sizeParameter = meta.prototype.parameters[argument + 1]!;
  const { w } = env.frame;
  const regno = argument + 1;
  const sizeBase = (regno + 1) * ROW;
  const optional = hasSuffix(parameter, '__opt') || hasSuffix(parameter, '__nullable');
  if (!isNull(w, regno * ROW) || !optional) {
    try {
      withoutNull(env, regno, () => {
        checkMemorySize(env, regno + 1, 'read', true, undefined);
        checkMemorySize(env, regno + 1, 'write', true, undefined);
      });
    } catch (error) {
      // The log already says what is wrong with the memory; this says whose it is.
      if (!(error instanceof Rejection)) throw error;
      env.fail(`arg#${argument} arg#${argument + 1} memory, len pair leads to invalid memory access`);
    }
  }
  if (!hasSuffix(sizeParameter, '__szk')) return;
  if (!isConst(w, sizeBase)) env.fail(`R${regno + 1} must be a known constant`);
  meta.constant = getU64(w, sizeBase + VALUE);
}

function checkWork(env: Env, meta: KfuncMeta, argument: number, kind: 'workqueue' | 'task_work'): void {
  const { w } = env.frame;
  const base = (argument + 1) * ROW;
  if (w[base + TYPE] !== PTR_TO_MAP_VALUE) env.fail(`arg#${argument} doesn't point to a map value`);
  const struct = kind === 'workqueue' ? 'bpf_wq' : 'bpf_task_work';
  const record = mapRecord(env, env.maps[w[base + AUX0]!]!);
  const at = kind === 'workqueue' ? (record?.wqOff ?? -22) : (record?.taskWorkOff ?? -22);
  const off = w[base + OFF]! + w[base + VALUE]!;
  if (at !== off) env.fail(`off ${off} doesn't point to 'struct ${struct}' that is at ${at}`);
  meta.map = w[base + AUX0]!;
  meta.mapUid = w[base + AUX1]!;
}
