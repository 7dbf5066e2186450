/** Calls of kernel functions. */
import {
  KF_ACQUIRE,
  KF_ITER_NEXT,
  KF_RCU_PROTECTED,
  KF_RET_NULL,
  KF_SLEEPABLE,
  kfuncAllowed,
} from '../../kernel/tables/kfuncs.ts';
import { profileRules } from '../../exceptions/profile.ts';
import { mayAccessPacket } from '../../kernel/tables/program-types.ts';
import { isKfuncCall } from '../../isa/control-flow.ts';
import type { Btf } from '../../object/btf/btf.ts';
import { BTF_KIND_FUNC } from '../../object/btf/kinds.ts';
import { isGplCompatible } from '../memory/btf-access.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF, PROGRAM_BTF } from '../context.ts';
import { syncBounds } from '../values/bounds.ts';
import { pushState } from '../paths/push-state.ts';
import { clearCallerSaved, forEachRegister } from '../state/registers.ts';
import {
  AUX0,
  AUX1,
  ID,
  REF_OBJ_ID,
  ROW,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  TYPE,
  markNotInit,
  set64,
  setKnownScalar,
  setPointer,
  setUnknownScalar,
  slotBase,
  slotKind,
} from '../state/state.ts';
import type { State } from '../state/state.ts';
import { pushCallbackCall } from './subprogram-calls.ts';
import {
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  STACK_ITER,
} from '../state/types.ts';
import { isPointer, isScalarType, isStruct, isStructOrUnion, kindWord } from './btf-words.ts';
import { inRbtreeCallback, setRbtreeAddCallback, setTaskWorkCallback, setTimerCallback } from './callbacks.ts';
import { flagOfDynptrKind } from './dynptrs.ts';
import { processExceptionCallback } from './exception-callback.ts';
import { convertOwningToNonOwning, markGraphNode, setNonOwning } from './graph.ts';
import { iteratorRow, processIteratorNext } from './iterators.ts';
import { inRcuSection } from '../memory/rcu-section.ts';
import { isScalarStruct } from './kfunc-argument-kinds.ts';
import { KfuncMeta, checkKfuncArguments } from './kfunc-arguments.ts';
import { kfuncPrototype, returnsStructPointer } from './kfunc-prototypes.ts';
import { clearAllPacketPointers, kfuncChangesPacket } from './packet.ts';
import { registerHasSpinLock, structRecord } from './records.ts';
import { acquireReference, releaseReference } from './references.ts';

const MAX_ERRNO = 4095;
const MAX_PERCPU_OBJECT = 512;

const LOCK_TAKERS = new Set(['bpf_res_spin_lock', 'bpf_res_spin_lock_irqsave']);
const INSERTERS = new Set(['bpf_list_push_front_impl', 'bpf_list_push_back_impl', 'bpf_rbtree_add_impl']);
const METADATA = 'bpf_xdp_metadata_';

const UNDER_LOCK = new Set(
  `bpf_list_push_front_impl bpf_list_push_back_impl bpf_list_pop_front bpf_list_pop_back bpf_list_front bpf_list_back bpf_rbtree_add_impl
  bpf_rbtree_remove bpf_rbtree_first bpf_rbtree_root bpf_rbtree_left bpf_rbtree_right bpf_refcount_acquire_impl bpf_iter_num_new
  bpf_iter_num_next bpf_iter_num_destroy bpf_res_spin_lock bpf_res_spin_unlock bpf_res_spin_lock_irqsave bpf_res_spin_unlock_irqrestore
  bpf_arena_alloc_pages bpf_arena_free_pages bpf_arena_reserve_pages bpf_stream_vprintk_impl`.split(/\s+/),
);

/** Kernel functions that may be called while a lock is held. Under `proposal`, throwing is among them: the unwinder unlocks. */
export function kfuncAllowedUnderLock(env: Env, insn: number): boolean {
  if (env.insns.off[insn] !== 0) return false;
  const name = kfuncPrototype(env, env.insns.imm[insn]!)?.name ?? '';
  return UNDER_LOCK.has(name) || (name === 'bpf_throw' && env.profile === 'proposal');
}

/** Checks the call of a kernel function and leaves the registers as after it. `throws` when the path ends here. */
export function checkKfuncCall(env: Env, insn: number): { throws: boolean } {
  // A weak function that the kernel lacks: an error only if the call is still there when all is verified.
  if (env.insns.imm[insn] === 0) return { throws: false };
  const prototype = kfuncPrototype(env, env.insns.imm[insn]!);
  if (prototype === undefined) env.reject();
  const { name, kfunc } = prototype;
  if (kfunc === undefined || !kfuncAllowed(env.program, kfunc)) {
    return env.fail(`calling kernel function ${name} is not allowed`);
  }
  const { flags } = kfunc;
  const meta = new KfuncMeta(prototype, flags);
  if (LOCK_TAKERS.has(name)) pushFailedLock(env, insn);
  else if (name === '__bpf_trap') env.fail('unexpected __bpf_trap() due to uninitialized variable?');
  const sleeps = (flags & KF_SLEEPABLE) !== 0;
  if (sleeps && !(env.program.sleepable || env.state.inSleepable)) {
    env.fail(`program must be sleepable to call sleepable kfunc ${name}`);
  }
  if (name === 'bpf_set_exception_callback') {
    if (!profileRules(env.profile).callbackForms.includes('call')) {
      env.fail(`calling kernel function ${name} is not allowed`);
    }
    processExceptionCallback(env, insn);
    clearCallerSaved(env, env.frame);
    return { throws: false };
  }
  checkKfuncArguments(env, meta, insn);

  if (name === 'bpf_rbtree_add_impl') pushCallbackCall(env, insn, meta.subprogram, setRbtreeAddCallback);
  else if (name === 'bpf_wq_set_callback_impl') pushCallbackCall(env, insn, meta.subprogram, setTimerCallback);
  else if (name.startsWith('bpf_task_work_schedule_'))
    pushCallbackCall(env, insn, meta.subprogram, setTaskWorkCallback);
  else if (name === 'bpf_session_cookie') {
    meta.resultSize = 8;
    meta.resultReadOnly = false;
  }
  checkRegions(env, name, sleeps);
  if ((flags & KF_RCU_PROTECTED) !== 0 && !inRcuSection(env)) {
    env.fail(`kernel func ${name} requires RCU critical section protection`);
  }
  giveBack(env, meta);
  if (name === 'bpf_throw') return { throws: true };

  clearCallerSaved(env, env.frame);
  setResult(env, meta, insn);
  if (kfuncChangesPacket(name)) clearAllPacketPointers(env);
  if ((flags & KF_ITER_NEXT) !== 0) processIteratorNext(env, insn, meta.iterator!);
  return { throws: false };
}

/** A resilient lock may not be got: a path of its own, with a negative error and no lock. */
function pushFailedLock(env: Env, insn: number): void {
  const { w } = pushState(env, insn + 1, insn).frame;
  for (let regno = 0; regno <= 5; regno++) markNotInit(w, regno * ROW);
  setUnknownScalar(w, 0);
  set64(w, SMIN, BigInt(-MAX_ERRNO));
  set64(w, SMAX, -1n);
  w[S32_MIN] = -MAX_ERRNO;
  w[S32_MAX] = -1;
  syncBounds(w, 0);
}

/** Sections entered and left by calls, and what may not be called within them. */
function checkRegions(env: Env, name: string, sleeps: boolean): void {
  const { state } = env;
  const rcuLock = name === 'bpf_rcu_read_lock';
  const rcuUnlock = name === 'bpf_rcu_read_unlock';
  if (state.activeRcuLocks > 0) {
    if ((rcuLock || rcuUnlock) && inRbtreeCallback(env)) {
      env.fail('Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback');
    }
    if (rcuLock) env.fail(`nested rcu read lock (kernel function ${name})`);
    if (rcuUnlock) {
      leave(state, 'rcu');
      state.activeRcuLocks--;
      dropRcuProtection(env);
    } else if (sleeps) env.fail(`kernel func ${name} is sleepable within rcu_read_lock region`);
  } else if (rcuLock) {
    state.activeRcuLocks++;
    enter(env, 'rcu');
  } else if (rcuUnlock) env.fail(`unmatched rcu read unlock (kernel function ${name})`);
  if (name === 'bpf_preempt_disable') {
    state.activePreemptLocks++;
    enter(env, 'preempt');
  } else if (name === 'bpf_preempt_enable') {
    if (state.activePreemptLocks === 0) {
      env.fail(`unmatched attempt to enable preemption (kernel function ${name})`);
    }
    state.activePreemptLocks--;
    leave(state, 'preempt');
  } else if (sleeps && state.activePreemptLocks > 0) {
    env.fail(`kernel func ${name} is sleepable within non-preemptible region`);
  }
  if (sleeps && state.activeIrqId !== 0) env.fail(`kernel func ${name} is sleepable within IRQ-disabled region`);
}

function enter(env: Env, kind: 'rcu' | 'preempt'): void {
  const { state } = env;
  state.regions = [...state.regions, { kind, insn: env.insn, frameno: env.frame.frameno }];
}

function leave(state: State, kind: 'rcu' | 'preempt'): void {
  const last = state.regions.findLastIndex((region) => region.kind === kind);
  state.regions = state.regions.filter((_, i) => i !== last);
}

/** The RCU section has ended: what it protected may be read, but not relied on. */
function dropRcuProtection(env: Env): void {
  const drop = (w: Int32Array, base: number): void => {
    const type = w[base + TYPE]!;
    if ((type & MEM_RCU) !== 0) w[base + TYPE] = (type & ~(MEM_RCU | PTR_MAYBE_NULL)) | PTR_UNTRUSTED;
  };
  forEachRegister(env.state, (frame, base) => drop(frame.w, base));
  for (const frame of env.state.frames) {
    for (let slot = 0; slot < frame.slots; slot++) {
      const base = slotBase(slot);
      if (slotKind(frame.w, base) === STACK_ITER) drop(frame.w, base);
    }
  }
}

function giveBack(env: Env, meta: KfuncMeta): void {
  const { name, id } = meta.prototype;
  if (meta.releaseRegister !== 0) {
    const reference = env.frame.w[meta.releaseRegister * ROW + REF_OBJ_ID]!;
    if (!releaseReference(env, reference)) {
      env.fail(`kfunc ${name}#${id} reference has not been acquired before`);
    }
  }
  if (!INSERTERS.has(name)) return;
  const reference = env.frame.w[2 * ROW + REF_OBJ_ID]!;
  convertOwningToNonOwning(env, reference);
  if (!releaseReference(env, reference)) env.fail(`kfunc ${name}#${id} reference has not been acquired before`);
}

function mayBeNull(meta: KfuncMeta): boolean {
  // A further reference to an object that the program owns already cannot fail.
  if (meta.prototype.name === 'bpf_refcount_acquire_impl' && meta.owningReference) return false;
  return (meta.flags & KF_RET_NULL) !== 0;
}

const ACQUIRES_ANYTHING = new Set(['bpf_obj_new_impl', 'bpf_percpu_obj_new_impl', 'bpf_refcount_acquire_impl']);

/** The result in R0. */
function setResult(env: Env, meta: KfuncMeta, insn: number): void {
  const { prototype } = meta;
  const { name, result } = prototype;
  const kernel = env.btfs[KERNEL_BTF];
  const { w } = env.frame;
  const acquires = (meta.flags & KF_ACQUIRE) !== 0;
  if (acquires && !returnsStructPointer(kernel, prototype) && !ACQUIRES_ANYTHING.has(name)) {
    env.fail('acquire kernel function does not return PTR_TO_BTF_ID');
  }
  if (isScalarType(kernel, result)) {
    if (LOCK_TAKERS.has(name)) setKnownScalar(w, 0, 0, 0);
    else setUnknownScalar(w, 0);
    return;
  }
  if (!isPointer(kernel, result)) return;
  const pointee = kernel.resolve(kernel.typeId(result));
  const pointeeName = kernel.name(pointee);
  const isNode = isStruct(kernel, pointee) && (pointeeName === 'bpf_rb_node' || pointeeName === 'bpf_list_node');
  if (!setSpecialResult(env, meta, kernel)) {
    if (pointee === 0) setUnknownScalar(w, 0);
    else if (isStruct(kernel, pointee)) setStructResult(env, meta, pointee);
    else setMemoryResult(env, meta, kernel, pointee);
  }
  if (mayBeNull(meta)) {
    w[TYPE] = w[TYPE]! | PTR_MAYBE_NULL;
    w[ID] = env.newId();
  }
  if (acquires) {
    const id = acquireReference(env, insn);
    if (mayBeNull(meta)) w[ID] = id;
    w[REF_OBJ_ID] = id;
  } else if (isNode) setNonOwning(env, w, 0);
  if (w[ID] === 0 && registerHasSpinLock(env, w, 0)) w[ID] = env.newId();
}

function setMemoryResult(env: Env, meta: KfuncMeta, kernel: Btf, pointee: number): void {
  const { w } = env.frame;
  if (meta.resultSize === 0) {
    const size = kernel.resolveSize(pointee);
    if (size !== undefined) {
      meta.resultSize = size;
      meta.resultReadOnly = true;
    }
  }
  if (meta.resultSize === 0) {
    env.fail(
      `kernel function ${meta.prototype.name} returns pointer type ${kindWord(kernel, pointee)} ${kernel.name(pointee)} is not supported`,
    );
  }
  setPointer(w, 0, PTR_TO_MEM | (meta.resultReadOnly ? MEM_RDONLY : 0));
  w[AUX0] = meta.resultSize;
  // The memory goes with what was passed in.
  if (meta.reference !== 0) w[REF_OBJ_ID] = meta.reference;
}

function setStructResult(env: Env, meta: KfuncMeta, pointee: number): void {
  const { w } = env.frame;
  let flags = 0;
  if (meta.prototype.name === 'bpf_get_kmem_cache') flags = PTR_UNTRUSTED;
  else if ((meta.flags & KF_ITER_NEXT) !== 0) {
    const iterator = iteratorRow(env.state, meta.iterator!);
    flags = (iterator.w[iterator.base + TYPE]! & MEM_RCU) !== 0 ? MEM_RCU : PTR_TRUSTED;
  }
  setPointer(w, 0, PTR_TO_BTF_ID | flags);
  w[AUX0] = pointee;
  w[AUX1] = KERNEL_BTF;
}

/** Results whose type depends on the call; false for all others. */
function setSpecialResult(env: Env, meta: KfuncMeta, kernel: Btf): boolean {
  const { w } = env.frame;
  const { name } = meta.prototype;
  switch (name) {
    case 'bpf_obj_new_impl':
    case 'bpf_percpu_obj_new_impl':
      setNewObject(env, meta, name === 'bpf_percpu_obj_new_impl');
      return true;
    case 'bpf_refcount_acquire_impl':
      setPointer(w, 0, PTR_TO_BTF_ID | MEM_ALLOC);
      w[AUX0] = meta.objectType;
      w[AUX1] = meta.objectBtf;
      return true;
    case 'bpf_list_pop_front':
    case 'bpf_list_pop_back':
    case 'bpf_list_front':
    case 'bpf_list_back':
      markGraphNode(w, 0, meta.listHead!);
      return true;
    case 'bpf_rbtree_remove':
    case 'bpf_rbtree_first':
    case 'bpf_rbtree_root':
    case 'bpf_rbtree_left':
    case 'bpf_rbtree_right':
      markGraphNode(w, 0, meta.rbtreeRoot!);
      return true;
    case 'bpf_cast_to_kern_ctx':
      setPointer(w, 0, PTR_TO_BTF_ID | PTR_TRUSTED);
      w[AUX0] = meta.contextTypeId;
      w[AUX1] = KERNEL_BTF;
      return true;
    case 'bpf_rdonly_cast':
      setCast(env, kernel, meta.constant ?? 0n);
      return true;
    case 'bpf_dynptr_slice':
    case 'bpf_dynptr_slice_rdwr': {
      const readOnly = name === 'bpf_dynptr_slice';
      if (!readOnly) {
        if (!mayAccessPacket(env.program.type, 'write')) env.fail('the prog does not allow writes to packet data');
        env.seenDirectWrite = true;
      }
      const flags = flagOfDynptrKind(meta.dynptr?.kind ?? 0) | (readOnly ? MEM_RDONLY : 0);
      setPointer(w, 0, PTR_TO_MEM | flags);
      w[AUX0] = Number(BigInt.asIntN(32, meta.constant ?? 0n));
      w[AUX1] = meta.dynptr?.id ?? 0;
      return true;
    }
    default:
      return false;
  }
}

function setCast(env: Env, kernel: Btf, constant: bigint): void {
  const { w } = env.frame;
  const id = Number(BigInt.asUintN(32, constant));
  if (id >= kernel.typeCount) env.fail(`Unknown type ID ${constant} passed to kfunc bpf_rdonly_cast`);
  if (isStructOrUnion(kernel, id)) {
    setPointer(w, 0, PTR_TO_BTF_ID | PTR_UNTRUSTED);
    w[AUX0] = id;
    w[AUX1] = KERNEL_BTF;
  } else if (id === 0) {
    setPointer(w, 0, PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED);
  } else env.fail('kfunc bpf_rdonly_cast type ID argument must be of a struct or void');
}

function setNewObject(env: Env, meta: KfuncMeta, perCpu: boolean): void {
  const { w } = env.frame;
  const constant = meta.constant ?? 0n;
  if (BigInt.asUintN(32, constant) !== constant) env.fail('local type ID argument must be in range [0, U32_MAX]');
  const btf = env.btfs[PROGRAM_BTF];
  if (btf === undefined) return env.fail('bpf_obj_new/bpf_percpu_obj_new requires prog BTF');
  const id = Number(constant);
  if (!isStruct(btf, id)) env.fail('bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct');
  if (perCpu) {
    if (btf.size(id) > MAX_PERCPU_OBJECT) {
      env.fail(`bpf_percpu_obj_new type size (${btf.size(id)}) is greater than ${MAX_PERCPU_OBJECT}`);
    }
    if (!isScalarStruct(env, btf, id, 0))
      env.fail('bpf_percpu_obj_new type ID argument must be of a struct of scalars');
    if (structRecord(env, PROGRAM_BTF, id) !== undefined) {
      env.fail('bpf_percpu_obj_new type ID argument must not contain special fields');
    }
  }
  setPointer(w, 0, PTR_TO_BTF_ID | MEM_ALLOC | (perCpu ? MEM_PERCPU : 0));
  w[AUX0] = id;
  w[AUX1] = PROGRAM_BTF;
}

/** What is wrong with the calls of kernel functions before anything is executed (the kernel's add_kfunc_call). */
export function admitKfuncCalls(env: Env): void {
  const { insns } = env;
  for (let insn = 0; insn < insns.length; insn++) {
    if (insns.isLdImm64(insn)) insn++;
    else if (isKfuncCall(insns, insn) && insns.imm[insn] !== 0) {
      if (!isGplCompatible(env.program.license)) {
        env.fail('cannot call kernel function from non-GPL compatible program');
      }
      const id = insns.imm[insn]!;
      const btf = env.btfs[KERNEL_BTF];
      if (btf.kind(id) !== BTF_KIND_FUNC) env.fail(`kernel btf_id ${id} is not a function`);
      if (btf.name(id).startsWith(METADATA)) env.fail('metadata kfuncs require device-bound program');
    }
  }
}
