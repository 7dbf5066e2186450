/** Arguments of helpers: is the register what the prototype asks for, and is the memory behind it there? */
import {
  ARG_ANYTHING,
  ARG_CONST_ALLOC_SIZE_OR_ZERO,
  ARG_CONST_MAP_PTR,
  ARG_CONST_SIZE,
  ARG_CONST_SIZE_OR_ZERO,
  ARG_DONTCARE,
  ARG_KPTR_XCHG_DEST,
  ARG_PTR_TO_BTF_ID,
  ARG_PTR_TO_BTF_ID_SOCK_COMMON,
  ARG_PTR_TO_CONST_STR,
  ARG_PTR_TO_CTX,
  ARG_PTR_TO_DYNPTR,
  ARG_PTR_TO_FUNC,
  ARG_PTR_TO_MAP_KEY,
  ARG_PTR_TO_MAP_VALUE,
  ARG_PTR_TO_MEM,
  ARG_PTR_TO_PERCPU_BTF_ID,
  ARG_PTR_TO_RINGBUF_MEM,
  ARG_PTR_TO_SOCKET,
  ARG_PTR_TO_SOCK_COMMON,
  ARG_PTR_TO_SPIN_LOCK,
  ARG_PTR_TO_STACK,
  ARG_PTR_TO_TIMER,
} from '../../kernel/tables/type-flags.ts';
import type { Helper } from '../../kernel/tables/helpers.ts';
import { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY, mapTypeName } from '../../kernel/tables/map-types.ts';
import { mayAccessPacket } from '../../kernel/tables/program-types.ts';
import { BTF_KIND_STRUCT } from '../../object/btf/kinds.ts';
import { structIdsMatch } from '../memory/btf-access.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import { checkHelperMemAccess, checkAlignment } from '../memory/memory.ts';
import { checkPtrOffReg } from '../memory/pointer-offset.ts';
import type { Access, MemoryMeta } from '../memory/memory.ts';
import { markChainPrecision, markPlacesPrecise } from '../paths/precision.ts';
import { SRC_OP, checkRegArg } from '../state/registers.ts';
import {
  AUX0,
  AUX1,
  FRAMENO,
  OFF,
  REF_OBJ_ID,
  ROW,
  SMIN,
  TYPE,
  UMAX,
  UMIN,
  VALUE,
  getU64,
  isConst,
  isNull,
  isSpilledScalar,
  slotBase,
  slotType,
  u64Number,
} from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  BPF_MAX_VAR_SIZ,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  DYNPTR_TYPE_FLAG_MASK,
  MEM_ALIGNED,
  MEM_ALLOC,
  MEM_FIXED_SIZE,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  MEM_UNINIT,
  MEM_WRITE,
  NON_OWN_REF,
  OBJ_RELEASE,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_TRUSTED,
  SCALAR_VALUE,
  STACK_SPILL,
  STACK_ZERO,
  regTypeName,
} from '../state/types.ts';
import { inRbtreeCallback } from './callbacks.ts';
import { checkConstString } from './const-strings.ts';
import { processDynptrArgument, stackDynptrReference } from './dynptrs.ts';
import { checkKptrMatch, processKptrDestination } from './kptrs.ts';
import { processSpinLock } from './locks.ts';
import { helperName } from './names.ts';
import type { BtfField } from './records.ts';
import { mapHasBtf, mapRecord } from './records.ts';

/** What the arguments checked so far have said about the call. */
export class CallMeta implements MemoryMeta {
  readonly helper: Helper;
  rawMode = false;
  register = 0;
  accessSize = 0;
  /** Map handle, -1 when none. */
  map = -1;
  mapUid = 0;
  releaseRegister = 0;
  reference = 0;
  dynptrId = 0;
  memorySize = 0;
  /** Upper bound of a size argument. */
  maxSize = 0;
  returnBtf = 0;
  returnTypeId = 0;
  subprogram = -1;
  kptr: BtfField | undefined;
  /** Key of an array lookup when it is known, else -1. */
  constantKey = -1;

  constructor(helper: Helper) {
    this.helper = helper;
  }
}

const SOCKS = [PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_TO_XDP_SOCK];
const MEMORY = [
  PTR_TO_STACK,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_MEM | MEM_RINGBUF,
  PTR_TO_BUF,
  PTR_TO_BTF_ID | PTR_TRUSTED,
];
const SCALARS = [SCALAR_VALUE];
const MAP_VALUE_OR_OBJECT = [PTR_TO_MAP_VALUE, PTR_TO_BTF_ID | MEM_ALLOC];

/** Register types that each argument type accepts, in the order in which messages list them. */
const COMPATIBLE: ReadonlyMap<number, readonly number[]> = new Map([
  [ARG_PTR_TO_MAP_KEY, MEMORY],
  [ARG_PTR_TO_MAP_VALUE, MEMORY],
  [ARG_CONST_SIZE, SCALARS],
  [ARG_CONST_SIZE_OR_ZERO, SCALARS],
  [ARG_CONST_ALLOC_SIZE_OR_ZERO, SCALARS],
  [ARG_CONST_MAP_PTR, [CONST_PTR_TO_MAP]],
  [ARG_PTR_TO_CTX, [PTR_TO_CTX]],
  [ARG_PTR_TO_SOCK_COMMON, SOCKS],
  [ARG_PTR_TO_BTF_ID_SOCK_COMMON, [...SOCKS, PTR_TO_BTF_ID, PTR_TO_BTF_ID | PTR_TRUSTED]],
  [ARG_PTR_TO_SOCKET, [PTR_TO_SOCKET]],
  [ARG_PTR_TO_BTF_ID, [PTR_TO_BTF_ID, PTR_TO_BTF_ID | PTR_TRUSTED, PTR_TO_BTF_ID | MEM_RCU]],
  [ARG_PTR_TO_SPIN_LOCK, MAP_VALUE_OR_OBJECT],
  [ARG_PTR_TO_MEM, MEMORY],
  [ARG_PTR_TO_RINGBUF_MEM, [PTR_TO_MEM | MEM_RINGBUF]],
  [
    ARG_PTR_TO_PERCPU_BTF_ID,
    [PTR_TO_BTF_ID | MEM_PERCPU, PTR_TO_BTF_ID | MEM_PERCPU | MEM_RCU, PTR_TO_BTF_ID | MEM_PERCPU | PTR_TRUSTED],
  ],
  [ARG_PTR_TO_FUNC, [PTR_TO_FUNC]],
  [ARG_PTR_TO_STACK, [PTR_TO_STACK]],
  [ARG_PTR_TO_CONST_STR, [PTR_TO_MAP_VALUE]],
  [ARG_PTR_TO_TIMER, [PTR_TO_MAP_VALUE]],
  [ARG_KPTR_XCHG_DEST, MAP_VALUE_OR_OBJECT],
  [ARG_PTR_TO_DYNPTR, [PTR_TO_STACK, CONST_PTR_TO_DYNPTR]],
]);

/** What a register's type is checked for; helpers and global functions both have such demands. */
export interface TypeDemand {
  readonly argType: number;
  /** Kernel type that a BTF pointer must point to, 0 when the argument type decides. */
  readonly typeId: number;
  /** Name of the helper, '' for a global function. */
  readonly helper: string;
  readonly kptr: BtfField | undefined;
}

/** BTF pointers that an argument can be, null or not. */
const BTF_POINTERS: ReadonlySet<number> = new Set([
  PTR_TO_BTF_ID,
  PTR_TO_BTF_ID | PTR_MAYBE_NULL,
  PTR_TO_BTF_ID | PTR_TRUSTED,
  PTR_TO_BTF_ID | PTR_TRUSTED | PTR_MAYBE_NULL,
  PTR_TO_BTF_ID | MEM_RCU,
  PTR_TO_BTF_ID | MEM_RCU | PTR_MAYBE_NULL,
  PTR_TO_BTF_ID | MEM_ALLOC,
  PTR_TO_BTF_ID | MEM_ALLOC | MEM_PERCPU,
  PTR_TO_BTF_ID | MEM_PERCPU,
  PTR_TO_BTF_ID | MEM_PERCPU | MEM_RCU,
  PTR_TO_BTF_ID | MEM_PERCPU | PTR_TRUSTED,
]);

const TAKES_OWN_OBJECTS: ReadonlySet<string> = new Set(['spin_lock', 'spin_unlock', 'kptr_xchg']);

/** Checks a register's type against an argument's (check_reg_type). */
export function checkRegisterType(env: Env, regno: number, demand: TypeDemand): void {
  const { w } = env.frame;
  const base = regno * ROW;
  const actual = w[base + TYPE]!;
  const { argType, helper } = demand;
  const argBase = argType & BASE_TYPE_MASK;
  const compatible = COMPATIBLE.get(argBase);
  if (compatible === undefined) return env.fail(`verifier bug: unsupported arg type ${argType}`);
  let type = actual;
  if (argType & MEM_RDONLY) type &= ~MEM_RDONLY;
  if (argType & PTR_MAYBE_NULL) type &= ~PTR_MAYBE_NULL;
  if (argBase === ARG_PTR_TO_MEM) type &= ~DYNPTR_TYPE_FLAG_MASK;
  if (helper === 'kptr_xchg' && (type & MEM_ALLOC) !== 0 && regno === 2) type &= ~(MEM_ALLOC | MEM_PERCPU);
  if (!compatible.includes(type)) {
    env.fail(`R${regno} type=${regTypeName(actual)} expected=${compatible.map((one) => regTypeName(one)).join(', ')}`);
  }
  if ((actual & BASE_TYPE_MASK) !== PTR_TO_BTF_ID) return;
  if (compatible === MEMORY) {
    if ((argType & MEM_RDONLY) === 0) {
      env.fail(`bpf_${helper}() may write into memory pointed by R${regno} type=${regTypeName(actual)}`);
    }
    return;
  }
  if (!BTF_POINTERS.has(actual)) env.fail('verifier bug: invalid PTR_TO_BTF_ID register for type match');
  if ((actual & MEM_PERCPU) !== 0 && (actual & MEM_ALLOC) === 0) return;
  if ((actual & MEM_ALLOC) !== 0) {
    if (!TAKES_OWN_OBJECTS.has(helper)) env.fail('verifier bug: unimplemented handling of MEM_ALLOC');
    if (helper === 'kptr_xchg' && regno === 2) checkKptrMatch(env, demand.kptr!, regno);
    return;
  }
  const release = (argType & OBJ_RELEASE) !== 0;
  if ((actual & PTR_MAYBE_NULL) !== 0 && ((argType & PTR_MAYBE_NULL) === 0 || release)) {
    env.fail(`Possibly NULL pointer passed to helper arg${regno}`);
  }
  if (helper === 'kptr_xchg') {
    checkKptrMatch(env, demand.kptr!, regno);
    return;
  }
  const kernel = env.btfs[KERNEL_BTF];
  const needed = demand.typeId !== 0 ? demand.typeId : kernel.findByName('sock_common', BTF_KIND_STRUCT);
  const own = env.btfs[w[base + AUX1] === KERNEL_BTF ? 0 : 1]!;
  const strict = release && helper !== 'sk_release';
  if (!structIdsMatch(own, w[base + AUX0]!, w[base + OFF]!, kernel, needed, strict, (line) => env.verbose(line))) {
    env.fail(`R${regno} is of type ${own.name(w[base + AUX0]!)} but ${kernel.name(needed)} is expected`);
  }
}

/** Checks that the pointer's offset is one that may be passed (check_func_arg_reg_off). */
export function checkArgumentOffset(env: Env, regno: number, argType: number): void {
  const { w } = env.frame;
  const base = regno * ROW;
  const type = w[base + TYPE]!;
  if (argType & OBJ_RELEASE) {
    if ((argType & BASE_TYPE_MASK) === ARG_PTR_TO_DYNPTR && type === PTR_TO_STACK) return;
    if (w[base + OFF] !== 0) {
      env.fail(`R${regno} must have zero offset when passed to release func or trusted arg to kfunc`);
    }
    checkPtrOffReg(env, regno, false);
    return;
  }
  switch (type) {
    case PTR_TO_STACK:
    case PTR_TO_PACKET:
    case PTR_TO_PACKET_META:
    case PTR_TO_MAP_KEY:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MEM:
    case PTR_TO_MEM | MEM_RDONLY:
    case PTR_TO_MEM | MEM_RINGBUF:
    case PTR_TO_BUF:
    case PTR_TO_BUF | MEM_RDONLY:
    case PTR_TO_ARENA:
    case SCALAR_VALUE:
      return;
    case PTR_TO_BTF_ID:
    case PTR_TO_BTF_ID | MEM_ALLOC:
    case PTR_TO_BTF_ID | PTR_TRUSTED:
    case PTR_TO_BTF_ID | MEM_RCU:
    case PTR_TO_BTF_ID | MEM_ALLOC | NON_OWN_REF:
    case PTR_TO_BTF_ID | MEM_ALLOC | NON_OWN_REF | MEM_RCU:
      checkPtrOffReg(env, regno, true);
      return;
    default:
      checkPtrOffReg(env, regno, false);
  }
}

/** Memory whose size is in the register after it (check_mem_size_reg). */
export function checkMemorySize(
  env: Env,
  regno: number,
  access: Access,
  zeroAllowed: boolean,
  meta: CallMeta | undefined,
): void {
  const { w } = env.frame;
  const base = regno * ROW;
  const max = u64Number(w, base + UMAX);
  if (meta !== undefined) meta.maxSize = max;
  const used = isConst(w, base) ? meta : undefined;
  if (w[base + SMIN + 1]! < 0) {
    env.fail(`R${regno} min value is negative, either use unsigned or 'var &= const'`);
  }
  if (!zeroAllowed && u64Number(w, base + UMIN) === 0) {
    env.fail(`R${regno} invalid zero-sized read: u64=[0,${BigInt.asIntN(64, getU64(w, base + UMAX))}]`);
  }
  if (max >= BPF_MAX_VAR_SIZ) {
    env.fail(`R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'`);
  }
  checkHelperMemAccess(env, regno - 1, max, access, zeroAllowed, used);
  markChainPrecision(env, regno);
}

function processTimer(env: Env, regno: number, meta: CallMeta): void {
  const { w } = env.frame;
  const base = regno * ROW;
  if (!isConst(w, base)) {
    env.fail(`R${regno} doesn't have constant offset. bpf_timer has to be at the constant offset`);
  }
  const map = env.maps[w[base + AUX0]!]!;
  if (!mapHasBtf(env, map)) env.fail(`map '${map.kernelName}' has to have BTF in order to use bpf_timer`);
  const record = mapRecord(env, map);
  if (record?.kinds.has('bpf_timer') !== true) return env.fail(`map '${map.kernelName}' has no valid bpf_timer`);
  const off = w[base + OFF]! + w[base + VALUE]!;
  if (record.timerOff !== off) {
    env.fail(`off ${off} doesn't point to 'struct bpf_timer' that is at ${record.timerOff}`);
  }
  meta.map = w[base + AUX0]!;
  meta.mapUid = w[base + AUX1]!;
}

/** The key of an array lookup, when the stack says what it is; -1 otherwise. Asks for precision of what it relied on. */
function constantMapKey(env: Env, regno: number, keySize: number): number {
  const own = env.frame.w;
  const base = regno * ROW;
  if (own[base + TYPE] !== PTR_TO_STACK || !isConst(own, base)) return -1;
  const frame = env.frameAt(own[base + FRAMENO]!);
  const { w } = frame;
  const at = -(own[base + OFF]! + own[base + VALUE]!) - 1;
  const slot = at >> 3;
  const byte = at & 7;
  const row = slotBase(slot);
  let zeros = 0;
  for (let i = byte; i >= 0 && slotType(w, row, i) === STACK_ZERO; i--) zeros++;
  if (zeros >= keySize) return 0;
  if (!isSpilledScalar(w, row)) return -1;
  let spilled = 0;
  for (let i = byte; i >= 0 && slotType(w, row, i) === STACK_SPILL; i--) spilled++;
  if (spilled !== keySize || !isConst(w, row)) return -1;
  markPlacesPrecise(env, frame.frameno, [], [slot]);
  return u64Number(w, row + VALUE);
}

/** Checks one argument of a helper (check_func_arg). */
export function checkHelperArgument(env: Env, argument: number, meta: CallMeta, insn: number): void {
  const { helper } = meta;
  const regno = argument + 1;
  const demand = helper.args[argument]!;
  let argType = demand.type;
  if (argType === ARG_DONTCARE) return;
  checkRegArg(env, regno, SRC_OP);
  if (argType === ARG_ANYTHING) return;

  const { w } = env.frame;
  const base = regno * ROW;
  const type = w[base + TYPE]!;
  const packet = (type & BASE_TYPE_MASK) === PTR_TO_PACKET || (type & BASE_TYPE_MASK) === PTR_TO_PACKET_META;
  if (
    packet &&
    !(mayAccessPacket(env.program.type, 'read') && (helper.pktAccess || env.program.type === 'cgroup_sockopt'))
  ) {
    env.fail('helper access to the packet is not allowed');
  }
  if ((argType & BASE_TYPE_MASK) === ARG_PTR_TO_MAP_VALUE) argType = resolveMapArgument(env, meta, argType);

  const nullArgument = isNull(w, base);
  if (!nullArgument || (argType & PTR_MAYBE_NULL) === 0) {
    const typeId = demand.struct === '' ? 0 : env.btfs[KERNEL_BTF].findByName(demand.struct, BTF_KIND_STRUCT);
    checkRegisterType(env, regno, { argType, typeId, helper: helper.name, kptr: meta.kptr });
    checkArgumentOffset(env, regno, argType);
  }
  if ((argType & OBJ_RELEASE) !== 0) {
    if ((argType & BASE_TYPE_MASK) === ARG_PTR_TO_DYNPTR) {
      if (type !== PTR_TO_STACK) env.fail('cannot release unowned const bpf_dynptr');
      if (stackDynptrReference(env, regno) === 0) env.fail(`arg ${regno} is an unacquired reference`);
    } else if (w[base + REF_OBJ_ID] === 0 && !nullArgument) {
      env.fail(`R${regno} must be referenced when passed to release function`);
    }
    meta.releaseRegister = regno;
  }
  if (w[base + REF_OBJ_ID] !== 0 && (argType & BASE_TYPE_MASK) !== ARG_KPTR_XCHG_DEST) {
    if (meta.reference !== 0) {
      env.fail(`more than one arg with ref_obj_id R${regno} ${w[base + REF_OBJ_ID]!} ${meta.reference}`);
    }
    meta.reference = w[base + REF_OBJ_ID]!;
  }
  checkArgumentValue(env, argument, argType, meta, insn);
}

function checkArgumentValue(env: Env, argument: number, argType: number, meta: CallMeta, insn: number): void {
  const { helper } = meta;
  const { w } = env.frame;
  const regno = argument + 1;
  const base = regno * ROW;
  const access: Access = argType & MEM_WRITE ? 'write' : 'read';
  switch (argType & BASE_TYPE_MASK) {
    case ARG_CONST_MAP_PTR: {
      const map = w[base + AUX0]!;
      const uid = w[base + AUX1]!;
      if (meta.map >= 0 && (meta.map !== map || meta.mapUid !== uid)) {
        env.fail(`timer pointer in R1 map_uid=${meta.mapUid} doesn't match map pointer in R2 map_uid=${uid}`);
      }
      meta.map = map;
      meta.mapUid = uid;
      return;
    }
    case ARG_PTR_TO_MAP_KEY: {
      const map = env.maps[meta.map];
      if (map === undefined) return env.fail('invalid map_ptr to access map->key');
      checkHelperMemAccess(env, regno, map.keySize, 'read', false, undefined);
      if (map.type === BPF_MAP_TYPE_ARRAY || map.type === BPF_MAP_TYPE_PERCPU_ARRAY) {
        meta.constantKey = constantMapKey(env, regno, map.keySize);
      }
      return;
    }
    case ARG_PTR_TO_MAP_VALUE: {
      if ((argType & PTR_MAYBE_NULL) !== 0 && isNull(w, base)) return;
      const map = env.maps[meta.map];
      if (map === undefined) return env.fail('invalid map_ptr to access map->value');
      meta.rawMode = (argType & MEM_UNINIT) !== 0;
      checkHelperMemAccess(env, regno, map.valueSize, access, false, meta);
      return;
    }
    case ARG_PTR_TO_PERCPU_BTF_ID:
      if (w[base + AUX0] === 0) env.fail(`Helper has invalid btf_id in R${regno}`);
      meta.returnBtf = w[base + AUX1]!;
      meta.returnTypeId = w[base + AUX0]!;
      return;
    case ARG_PTR_TO_SPIN_LOCK:
      if (inRbtreeCallback(env)) env.fail("can't spin_{lock,unlock} in rbtree cb");
      processSpinLock(env, regno, { lock: helper.name === 'spin_lock', resilient: false, irq: false });
      return;
    case ARG_PTR_TO_TIMER:
      processTimer(env, regno, meta);
      return;
    case ARG_PTR_TO_FUNC:
      meta.subprogram = w[base + AUX0]!;
      return;
    case ARG_PTR_TO_MEM:
      meta.rawMode = (argType & MEM_UNINIT) !== 0;
      if (argType & MEM_FIXED_SIZE) {
        const { size } = helper.args[argument]!;
        checkHelperMemAccess(env, regno, size, access, false, meta);
        if (argType & MEM_ALIGNED) checkAlignment(env, regno, 0, size, true);
      }
      return;
    case ARG_CONST_SIZE:
    case ARG_CONST_SIZE_OR_ZERO: {
      const memory: Access = helper.args[argument - 1]!.type & MEM_WRITE ? 'write' : 'read';
      checkMemorySize(env, regno, memory, (argType & BASE_TYPE_MASK) === ARG_CONST_SIZE_OR_ZERO, meta);
      return;
    }
    case ARG_PTR_TO_DYNPTR:
      processDynptrArgument(env, regno, insn, argType, 0);
      return;
    case ARG_CONST_ALLOC_SIZE_OR_ZERO:
      if (!isConst(w, base)) env.fail(`R${regno} is not a known constant'`);
      meta.memorySize = w[base + VALUE]!;
      markChainPrecision(env, regno);
      return;
    case ARG_PTR_TO_CONST_STR:
      checkConstString(env, regno);
      return;
    case ARG_KPTR_XCHG_DEST:
      meta.kptr = processKptrDestination(env, regno);
      return;
    default:
  }
}

/** Maps of sockets take a socket where others take a value; a Bloom filter is asked with a value that it only reads. */
function resolveMapArgument(env: Env, meta: CallMeta, argType: number): number {
  const map = env.maps[meta.map];
  if (map === undefined) return env.fail('invalid map_ptr to access map->type');
  switch (mapTypeName(map.type)) {
    case 'sockmap':
    case 'sockhash':
      if (argType !== ARG_PTR_TO_MAP_VALUE) env.fail('invalid arg_type for sockmap/sockhash');
      return ARG_PTR_TO_BTF_ID_SOCK_COMMON;
    case 'bloom_filter':
      return meta.helper.name === 'map_peek_elem' ? ARG_PTR_TO_MAP_VALUE : argType;
    default:
      return argType;
  }
}

/** How messages name the helper of a call. */
export function calledHelper(meta: CallMeta): string {
  return `${helperName(meta.helper.id)}#${meta.helper.id}`;
}
