/** Calls of helpers. */
import {
  mapTypeName,
  HELPERS_OF_MAP,
  MAPS_OF_HELPER,
  SOCKMAP_UPDATERS,
  BPF_F_RDONLY_PROG,
} from '../../kernel/tables/map-types.ts';
import { D_PATH_ALLOWED, SLEEPABLE_LSM_HOOKS } from '../../kernel/tables/btf-lists.ts';
import { helperFor } from '../../kernel/tables/helper-availability.ts';
import { HELPER_MAX_ID } from '../../kernel/tables/helpers.ts';
import type { Helper } from '../../kernel/tables/helpers.ts';
import { POSSIBLE_CPUS } from '../../kernel/tables/kernel-configuration.ts';
import {
  RET_INTEGER,
  RET_PTR_TO_BTF_ID,
  RET_PTR_TO_MAP_VALUE,
  RET_PTR_TO_MEM,
  RET_PTR_TO_MEM_OR_BTF_ID,
  RET_PTR_TO_SOCKET,
  RET_PTR_TO_SOCK_COMMON,
  RET_PTR_TO_TCP_SOCK,
  RET_VOID,
} from '../../kernel/tables/type-flags.ts';
import { programTypeNames } from '../../object/program.ts';
import { BTF_KIND_STRUCT } from '../../object/btf/kinds.ts';
import { BPF_B } from '../../isa/opcodes.ts';
import { syncBounds } from '../values/bounds.ts';
import { attachPrototype } from '../admission/attach-prototype.ts';
import { isGplCompatible } from '../memory/btf-access.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import { checkMemAccess } from '../memory/memory.ts';
import { markChainPrecision } from '../paths/precision.ts';
import { clearCallerSaved, forEachRegister, markRegInvalid } from '../state/registers.ts';
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
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
  isConst,
  isNull,
  markNotInit,
  set64,
  setPointer,
  setUnknownScalar,
  u64Number,
} from '../state/state.ts';
import { pushState } from '../paths/push-state.ts';
import { refusePoisoned } from '../poison.ts';
import { pushCallbackCall, returnFromSubprogram } from './subprogram-calls.ts';
import {
  BASE_TYPE_MASK,
  DYNPTR_INVALID,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  regTypeName,
} from '../state/types.ts';
import {
  setFindVmaCallback,
  setLoopCallback,
  setMapElementCallback,
  setTimerCallback,
  setUserRingbufCallback,
} from './callbacks.ts';
import { isStructOrUnion } from './btf-words.ts';
import { checkConstString, isValidFormat } from './const-strings.ts';
import { dynptrId, dynptrKind, dynptrReference, isPacketDynptr, unmarkDynptr } from './dynptrs.ts';
import { CallMeta, calledHelper, checkHelperArgument } from './helper-arguments.ts';
import { inRcuSection } from '../memory/rcu-section.ts';
import { helperName } from './names.ts';
import { clearAllPacketPointers, helperChangesPacket } from './packet.ts';
import { LOCK_KINDS, mapRecord } from './records.ts';
import { acquireReference, checkResourceLeak, releaseReference, releaseReferenceNoMark } from './references.ts';

const MAX_ERRNO = 4095;

/** Whether the code being verified may sleep. */
export function inSleepable(env: Env): boolean {
  return env.program.sleepable || env.state.inSleepable;
}

/** Checks the helper call at an instruction and leaves the registers as after it. */
export function checkHelperCall(env: Env, insn: number): void {
  const id = env.insns.imm[insn]!;
  const name = helperName(id);
  if (id < 0 || id > HELPER_MAX_ID) {
    refusePoisoned(env, insn);
    env.fail(`invalid func ${name}#${id}`);
  }
  const helper = helperFor(env.program, id);
  if (helper === undefined) return env.fail(`program of this type cannot use helper ${name}#${id}`);
  checkPermission(env, helper, `${name}#${id}`);

  const meta = new CallMeta(helper);
  for (let argument = 0; argument < 5; argument++) checkHelperArgument(env, argument, meta, insn);
  checkMapUse(env, meta);
  for (let i = 0; i < meta.accessSize; i++) {
    checkMemAccess(env, insn, meta.register, i, BPF_B, 'write', -1, false, false);
  }
  if (meta.releaseRegister !== 0) release(env, meta);
  const changesPacket = checkSpecialRules(env, helper, meta, insn) || helperChangesPacket(helper.name);
  const returnsPerCpuObject = (env.frame.w[ROW + TYPE]! & MEM_RCU) !== 0 && isPerCpuPointer(helper);

  clearCallerSaved(env, env.frame);
  setResult(env, helper, meta, insn, returnsPerCpuObject);
  checkMapCompatibility(env, meta);
  checkFunctionIp(env, helper);
  if (helper.name === 'tail_call') leaveByTailCall(env, insn);
  else if (changesPacket) clearAllPacketPointers(env);
}

/**
 * A tail call that succeeds ends the subprogram it is made in: one path returns to the caller with whatever the other program returned, one goes
 * on behind the call. In the main program only the second can be seen.
 */
function leaveByTailCall(env: Env, insn: number): void {
  if (env.state.frames.length === 1) return;
  env.scratchRegister(0);
  pushState(env, insn + 1, insn);
  clearAllPacketPointers(env);
  setUnknownScalar(env.frame.w, 0);
  returnFromSubprogram(env);
  env.insn--;
}

function isPerCpuPointer(helper: Helper): boolean {
  return helper.name === 'per_cpu_ptr' || helper.name === 'this_cpu_ptr';
}

function checkPermission(env: Env, helper: Helper, text: string): void {
  if (helper.gplOnly && !isGplCompatible(env.program.license)) {
    env.fail('cannot call GPL-restricted function from non-GPL compatible program');
  }
  if (helper.restricted && !allowedHere(env, helper)) env.fail('helper call is not allowed in probe');
  if (!helper.mightSleep) return;
  if (!inSleepable(env)) env.fail('helper call might sleep in a non-sleepable prog');
  const { state } = env;
  if (state.activeRcuLocks > 0) env.fail(`sleepable helper ${text} in rcu_read_lock region`);
  if (state.activePreemptLocks > 0) env.fail(`sleepable helper ${text} in non-preemptible region`);
  if (state.activeIrqId !== 0) env.fail(`sleepable helper ${text} in IRQ-disabled region`);
}

/** Conditions on the attach target that a few helpers have. */
function allowedHere(env: Env, helper: Helper): boolean {
  const { program } = env;
  switch (helper.name) {
    case 'd_path':
      if (program.type === 'tracing' && program.attachType === 'trace_iter') return true;
      if (program.type === 'lsm') return SLEEPABLE_LSM_HOOKS.has((program.attachTarget ?? '').replace(/^bpf_lsm_/, ''));
      return D_PATH_ALLOWED.has(program.attachTarget ?? '');
    case 'ima_inode_hash':
    case 'ima_file_hash':
      return program.sleepable;
    case 'sk_storage_get':
    case 'sk_storage_delete':
      if (program.type !== 'tracing') return false;
      if (program.attachType === 'trace_raw_tp' || program.attachType === 'trace_iter') return true;
      return !(program.attachTarget ?? '').includes('sk_storage');
    default:
      return true;
  }
}

const RECORDED = new Set(
  `tail_call map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem for_each_map_elem redirect_map
  map_lookup_percpu_elem`.split(/\s+/),
);
const WRITERS = new Set(['map_delete_elem', 'map_update_elem', 'map_push_elem', 'map_pop_elem']);

/** Rules about the map as such: no writing of read-only ones, and a constant index of a tail call is remembered. */
function checkMapUse(env: Env, meta: CallMeta): void {
  const { name } = meta.helper;
  if (!RECORDED.has(name)) return;
  const map = env.maps[meta.map];
  if (map === undefined) return env.fail('kernel subsystem misconfigured verifier');
  if ((map.flags & BPF_F_RDONLY_PROG) !== 0 && WRITERS.has(name)) env.fail('write into map forbidden');
  if (name !== 'tail_call') return;
  if (mapTypeName(map.type) !== 'prog_array') env.fail('expected prog array map for tail call');
  const { w } = env.frame;
  const index = 3 * ROW;
  if (isConst(w, index) && u64Number(w, index + VALUE) < map.maxEntries) markChainPrecision(env, 3);
}

function release(env: Env, meta: CallMeta): void {
  const { w } = env.frame;
  const base = meta.releaseRegister * ROW;
  let released: boolean;
  if (meta.helper.name === 'ringbuf_submit_dynptr' || meta.helper.name === 'ringbuf_discard_dynptr') {
    unmarkDynptr(env, meta.releaseRegister);
    return;
  }
  if (meta.helper.name === 'kptr_xchg' && meta.reference !== 0) {
    const { reference } = meta;
    const inRcu = inRcuSection(env);
    released = releaseReferenceNoMark(env, reference);
    forEachRegister(env.state, (frame, at) => {
      if (frame.w[at + REF_OBJ_ID] !== reference) return;
      const type = frame.w[at + TYPE]!;
      if (inRcu && (type & MEM_ALLOC) !== 0 && (type & MEM_PERCPU) !== 0) {
        frame.w[at + REF_OBJ_ID] = 0;
        frame.w[at + TYPE] = (type & ~MEM_ALLOC) | MEM_RCU;
      } else markRegInvalid(env, frame.w, at);
    });
  } else if (meta.reference !== 0) released = releaseReference(env, meta.reference);
  else released = isNull(w, base);
  if (!released) env.fail(`func ${calledHelper(meta)} reference has not been acquired before`);
}

/** What only some helpers ask for. True when the packet may have changed by it. */
function checkSpecialRules(env: Env, helper: Helper, meta: CallMeta, insn: number): boolean {
  const { w } = env.frame;
  switch (helper.name) {
    case 'tail_call':
      checkResourceLeak(env, false, true, 'tail_call');
      return false;
    case 'get_local_storage':
      if (!isNull(w, 2 * ROW)) env.fail("get_local_storage() doesn't support non-zero flags");
      return false;
    case 'for_each_map_elem':
      pushCallbackCall(env, insn, meta.subprogram, setMapElementCallback);
      return false;
    case 'timer_set_callback':
      pushCallbackCall(env, insn, meta.subprogram, setTimerCallback);
      return false;
    case 'find_vma':
      pushCallbackCall(env, insn, meta.subprogram, setFindVmaCallback);
      return false;
    case 'user_ringbuf_drain':
      pushCallbackCall(env, insn, meta.subprogram, setUserRingbufCallback);
      return false;
    case 'loop':
      checkLoop(env, meta, insn);
      return false;
    case 'snprintf':
      checkFormat(env);
      return false;
    case 'dynptr_from_mem':
      if (w[ROW + TYPE] !== PTR_TO_MAP_VALUE) {
        env.fail(`Unsupported reg type ${regTypeName(w[ROW + TYPE]!)} for bpf_dynptr_from_mem data`);
      }
      return false;
    case 'set_retval':
      if (env.program.attachType === 'lsm_cgroup' && returnsVoid(env)) {
        env.fail("BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!");
      }
      return false;
    case 'dynptr_data':
      meta.dynptrId = dynptrId(env, 1);
      meta.reference = dynptrReference(env, 1);
      return false;
    case 'dynptr_write': {
      const kind = dynptrKind(env, 1);
      if (kind === DYNPTR_INVALID) env.reject();
      return isPacketDynptr(kind);
    }
    case 'per_cpu_ptr':
    case 'this_cpu_ptr':
      if ((w[ROW + TYPE]! & MEM_RCU) !== 0) {
        const btf = env.btfs[w[ROW + AUX1] === KERNEL_BTF ? 0 : 1]!;
        if (!isStructOrUnion(btf, w[ROW + AUX0]!)) env.fail('Helper has invalid btf/btf_id in R1');
      }
      return false;
    default:
      return false;
  }
}

function returnsVoid(env: Env): boolean {
  const prototype = attachPrototype(env.program);
  return prototype !== undefined && env.btfs[KERNEL_BTF].typeId(prototype.typeId) === 0;
}

/** bpf_loop: as long as the callback was seen fewer times than it can be called, one more round is queued. */
function checkLoop(env: Env, meta: CallMeta, insn: number): void {
  const { frame } = env;
  const { w } = frame;
  // Programs that pass no flags may have the call replaced by a loop, which relies on that.
  const inlined = env.callFacts.get(`loop ${insn}`) as { fits: boolean; subprogram: number } | undefined;
  const zeroFlags = (): boolean => {
    if (!isNull(w, 4 * ROW)) return false;
    markChainPrecision(env, 4);
    return true;
  };
  if (inlined === undefined) {
    env.callFacts.set(`loop ${insn}`, { fits: zeroFlags(), subprogram: meta.subprogram });
  } else if (inlined.fits) {
    inlined.fits = zeroFlags() && inlined.subprogram === meta.subprogram;
  }
  markChainPrecision(env, 1);
  if (frame.callbackDepth < u64Number(w, ROW + UMAX)) {
    pushCallbackCall(env, insn, meta.subprogram, setLoopCallback);
    return;
  }
  frame.callbackDepth = 0;
  if (env.log.level >= 2) env.verbose(`frame${frame.frameno} bpf_loop iteration limit reached\n`);
}

function checkFormat(env: Env): void {
  const { w } = env.frame;
  const length = u64Number(w, 5 * ROW + VALUE);
  if (length % 8 !== 0) env.reject();
  if (!isValidFormat(checkConstString(env, 3), length / 8)) env.fail('Invalid format string');
}

/** The result in R0. */
function setResult(env: Env, helper: Helper, meta: CallMeta, insn: number, returnsPerCpuObject: boolean): void {
  const { w } = env.frame;
  const flags = helper.ret & ~BASE_TYPE_MASK;
  switch (helper.ret & BASE_TYPE_MASK) {
    case RET_INTEGER:
      setUnknownScalar(w, 0);
      break;
    case RET_VOID:
      markNotInit(w, 0);
      break;
    case RET_PTR_TO_MAP_VALUE:
      setMapValue(env, helper, meta, flags);
      break;
    case RET_PTR_TO_SOCKET:
      setPointer(w, 0, PTR_TO_SOCKET | flags);
      break;
    case RET_PTR_TO_SOCK_COMMON:
      setPointer(w, 0, PTR_TO_SOCK_COMMON | flags);
      break;
    case RET_PTR_TO_TCP_SOCK:
      setPointer(w, 0, PTR_TO_TCP_SOCK | flags);
      break;
    case RET_PTR_TO_MEM:
      setPointer(w, 0, PTR_TO_MEM | flags);
      w[AUX0] = meta.memorySize;
      break;
    case RET_PTR_TO_MEM_OR_BTF_ID:
      setPerCpuResult(env, meta, flags, returnsPerCpuObject);
      break;
    case RET_PTR_TO_BTF_ID:
      setBtfResult(env, helper, meta, flags);
      break;
    default:
      env.fail(`unknown return type ${helper.ret & BASE_TYPE_MASK} of func ${calledHelper(meta)}`);
  }
  if ((w[TYPE]! & PTR_MAYBE_NULL) !== 0) w[ID] = env.newId();
  if (helper.name === 'dynptr_data') w[AUX1] = meta.dynptrId;
  if (isPointerCast(helper.name) || helper.name === 'dynptr_data') {
    w[REF_OBJ_ID] = meta.reference;
  } else if (acquires(env, helper.name, meta)) {
    const id = acquireReference(env, insn);
    w[ID] = id;
    w[REF_OBJ_ID] = id;
  }
  refineResult(w, helper, meta);
}

function setMapValue(env: Env, helper: Helper, meta: CallMeta, flags: number): void {
  const { w } = env.frame;
  const map = env.maps[meta.map];
  if (map === undefined) return env.fail('kernel subsystem misconfigured verifier');
  const known = helper.name === 'map_lookup_elem' && meta.constantKey >= 0 && meta.constantKey < map.maxEntries;
  const type = known ? flags & ~PTR_MAYBE_NULL : flags;
  setPointer(w, 0, PTR_TO_MAP_VALUE | type);
  w[AUX0] = meta.map;
  w[AUX1] = meta.mapUid;
  if ((type & PTR_MAYBE_NULL) === 0) {
    const record = mapRecord(env, map);
    if (record !== undefined && LOCK_KINDS.some((kind) => record.kinds.has(kind))) w[ID] = env.newId();
  }
}

function setPerCpuResult(env: Env, meta: CallMeta, flags: number, returnsPerCpuObject: boolean): void {
  const { w } = env.frame;
  const btf = env.btfs[meta.returnBtf === KERNEL_BTF ? 0 : 1]!;
  const type = btf.resolve(meta.returnTypeId);
  if (!isStructOrUnion(btf, type)) {
    const size = btf.resolveSize(type);
    if (size === undefined) env.fail(`unable to resolve the size of type '${btf.name(type)}': -22`);
    setPointer(w, 0, PTR_TO_MEM | flags);
    w[AUX0] = size ?? 0;
    return;
  }
  setPointer(w, 0, PTR_TO_BTF_ID | (returnsPerCpuObject ? MEM_ALLOC | MEM_RCU : flags & ~MEM_RDONLY));
  w[AUX0] = meta.returnTypeId;
  w[AUX1] = meta.returnBtf;
}

function setBtfResult(env: Env, helper: Helper, meta: CallMeta, flags: number): void {
  const { w } = env.frame;
  let type = PTR_TO_BTF_ID | flags;
  let btf = KERNEL_BTF;
  let typeId: number;
  if (helper.name === 'kptr_xchg') {
    const field = meta.kptr!;
    btf = field.btf;
    typeId = field.typeId;
    if (btf !== KERNEL_BTF) {
      type |= MEM_ALLOC;
      if (field.kind === 'percpu_kptr') type |= MEM_PERCPU;
    }
  } else typeId = env.btfs[KERNEL_BTF].findByName(helper.retStruct, BTF_KIND_STRUCT);
  if (typeId <= 0) env.fail(`invalid return type ${RET_PTR_TO_BTF_ID} of func ${calledHelper(meta)}`);
  setPointer(w, 0, type);
  w[AUX0] = typeId;
  w[AUX1] = btf;
}

const POINTER_CASTS = new Set(
  `tcp_sock sk_fullsock skc_to_tcp_sock skc_to_tcp6_sock skc_to_udp6_sock skc_to_mptcp_sock skc_to_tcp_timewait_sock
  skc_to_tcp_request_sock`.split(/\s+/),
);

/** The result is another view of the referenced argument. */
function isPointerCast(name: string): boolean {
  return POINTER_CASTS.has(name);
}

const ACQUIRING = new Set(['sk_lookup_tcp', 'sk_lookup_udp', 'skc_lookup_tcp', 'ringbuf_reserve', 'kptr_xchg']);

function acquires(env: Env, name: string, meta: CallMeta): boolean {
  if (ACQUIRING.has(name)) return true;
  if (name !== 'map_lookup_elem') return false;
  const type = mapTypeName(env.maps[meta.map]?.type ?? 0);
  return type === 'sockmap' || type === 'sockhash';
}

/** Bounds of results that are known from what the helper does. */
function refineResult(w: Int32Array, helper: Helper, meta: CallMeta): void {
  switch (helper.name) {
    case 'get_stack':
    case 'get_task_stack':
    case 'probe_read_str':
    case 'probe_read_kernel_str':
    case 'probe_read_user_str':
      set64(w, SMAX, BigInt(meta.maxSize));
      w[S32_MAX] = meta.maxSize;
      set64(w, SMIN, BigInt(-MAX_ERRNO));
      w[S32_MIN] = -MAX_ERRNO;
      syncBounds(w, 0);
      return;
    case 'get_smp_processor_id': {
      const last = POSSIBLE_CPUS - 1;
      set64(w, UMAX, BigInt(last));
      set64(w, SMAX, BigInt(last));
      set64(w, UMIN, 0n);
      set64(w, SMIN, 0n);
      w[U32_MAX] = last;
      w[S32_MAX] = last;
      w[U32_MIN] = 0;
      w[S32_MIN] = 0;
      syncBounds(w, 0);
      return;
    }
    default:
  }
}

/** Which maps a helper takes, and which helpers a map takes (check_map_func_compatibility). */
function checkMapCompatibility(env: Env, meta: CallMeta): void {
  const map = env.maps[meta.map];
  if (map === undefined) return;
  const { name } = meta.helper;
  const type = mapTypeName(map.type);
  const helpers = HELPERS_OF_MAP[type];
  const socketMap = type === 'sockmap' || type === 'sockhash';
  const refused =
    (helpers !== undefined && !helpers.has(name) && !(socketMap && mayUpdateSockmap(env, name))) ||
    MAPS_OF_HELPER[name]?.has(type) === false;
  if (refused) env.fail(`cannot pass map_type ${map.type} into func ${calledHelper(meta)}`);
}

function mayUpdateSockmap(env: Env, name: string): boolean {
  if (name !== 'map_update_elem' && name !== 'map_delete_elem') return false;
  const { type, attachType } = env.program;
  if (SOCKMAP_UPDATERS.has(type)) return true;
  if (type === 'tracing' && attachType === 'trace_iter') return true;
  if (type === 'sock_ops' && name === 'map_delete_elem') return true;
  env.verbose('cannot update sockmap in this context\n');
  return false;
}

function checkFunctionIp(env: Env, helper: Helper): void {
  if (helper.name !== 'get_func_ip') return;
  const { type, attachType } = env.program;
  if (type === 'kprobe') return;
  if (type === 'tracing') {
    if (attachType === 'trace_fentry' || attachType === 'trace_fexit' || attachType === 'modify_return') return;
    env.fail('func bpf_get_func_ip#173 supported only for fentry/fexit/fmod_ret programs');
  }
  env.fail(`func bpf_get_func_ip#173 not supported for program type ${programTypeNames.indexOf(type)}`);
}
