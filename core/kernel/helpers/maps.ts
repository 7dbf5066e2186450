/** Helpers on maps. */
import type { Behaviour, Call, Continuation, Suspension } from '../behaviour.ts';
import { KernelFault, errno } from '../behaviour.ts';
import { E2BIG, EINVAL, ENOENT } from '../errno.ts';
import { MAX_TAIL_CALLS } from '../kernel-limits.ts';
import type { Kernel } from '../kernel.ts';
import { ArrayMap } from '../maps/array.ts';
import type { BpfMap } from '../maps/map.ts';
import { ReferenceMap } from '../maps/references.ts';
import { UserRingBufferMap } from '../maps/ringbuf.ts';
import { CgroupStorageMap, STORAGE_GET_CREATE, StorageMap } from '../maps/storage.ts';
import { cgroupOfTask } from '../objects/tasks.ts';
import { initDynptr } from './dynptr.ts';
import { arg, callback, map, mapOf, readable, u32, writable } from './arguments.ts';

/** A pointer to what lies at an offset; null for 0. */
function pointer(call: Call, offset: number): bigint {
  return offset === 0 ? 0n : call.kernel.memory.pointer(offset);
}

function result(number: number): bigint {
  return number < 0 ? errno(-number) : BigInt(number);
}

/** What a lookup returns: of a socket map a socket that the program then holds. */
function lookup(call: Call, target: BpfMap, offset: number): bigint {
  if (offset === 0) return 0n;
  if (target instanceof ReferenceMap && target.kind === 'socket') return call.kernel.world.handOutSocket(call, offset);
  return call.kernel.memory.pointer(offset);
}

const mapLookup: Behaviour = (call) => {
  const target = map(call, 0);
  return lookup(call, target, target.lookup(readable(call, 1, target.keySize)));
};

const mapLookupCpu: Behaviour = (call) => {
  const target = map(call, 0);
  const cpu = u32(call, 2);
  if (cpu >= call.kernel.cpus) return 0n;
  return pointer(call, target.lookupCpu(readable(call, 1, target.keySize), cpu));
};

const mapUpdate: Behaviour = (call) => {
  const target = map(call, 0);
  const key = readable(call, 1, target.keySize);
  if (target instanceof ReferenceMap && target.kind === 'socket') {
    const socket = call.kernel.world.behind(arg(call, 2));
    return socket === undefined
      ? errno(EINVAL)
      : result(target.setTarget(key, call.kernel.memory.pointer(socket.offset), arg(call, 3)));
  }
  const done = target.update(key, readable(call, 2, target.valueSize), arg(call, 3));
  if (done === 0) call.kernel.mapChanged(target.id, 'update', call.kernel.findsChanges ? target.valueOf(key) : 0);
  return result(done);
};

const mapDelete: Behaviour = (call) => {
  const target = map(call, 0);
  const key = readable(call, 1, target.keySize);
  const value = call.kernel.findsChanges ? target.valueOf(key) : 0;
  const done = target.delete(key);
  if (done === 0) call.kernel.mapChanged(target.id, 'delete', value);
  return result(done);
};

const mapPush: Behaviour = (call) => {
  const target = map(call, 0);
  const value = readable(call, 1, target.valueSize);
  const done = target.push(value, arg(call, 2));
  if (done === 0) call.kernel.mapChanged(target.id, 'push', value);
  return result(done);
};

const mapPop: Behaviour = (call) => {
  const target = map(call, 0);
  const value = writable(call, 1, target.valueSize);
  const done = target.peek(value, true);
  if (done === 0) call.kernel.mapChanged(target.id, 'pop', value);
  return result(done);
};

const mapPeek: Behaviour = (call) => {
  const target = map(call, 0);
  // A bloom filter is asked about the value; queue and stack fill it.
  return result(target.peek(writable(call, 1, target.valueSize), false));
};

// ---- iteration --------------------------------------------------------------------------------------------------------

interface EachState {
  readonly [key: string]: number | bigint;
  readonly map: number;
  readonly cursor: number;
  /** Where the key of an array's element is kept, or 0. */
  readonly key: number;
  readonly insn: number;
  readonly context: bigint;
  readonly count: number;
}

const forEach: Behaviour = (call) => {
  const target = map(call, 0);
  if (arg(call, 3) !== 0n) return errno(EINVAL);
  // The key of an array's element exists only for the callback; nested iterations must not share it.
  const key = target instanceof ArrayMap ? call.kernel.memory.allocate(8, { access: 'ro', label: 'index' }) : 0;
  return eachStep(call.kernel, {
    map: target.id,
    cursor: target.advance(0),
    key,
    insn: callback(call, 1),
    context: arg(call, 2),
    count: 0,
  });
};

function eachStep(kernel: Kernel, state: EachState): bigint | Suspension {
  const target = kernel.maps.byId(state.map);
  if (target === undefined || state.cursor === 0) return eachEnd(kernel, state, state.count);
  const element = target.elementAt(state.cursor);
  let key = element.key;
  if (state.key !== 0) {
    key = state.key;
    kernel.memory.writeU32(key, state.cursor - 1);
  }
  const args = [target.address, kernel.memory.pointer(key), kernel.memory.pointer(element.value), state.context];
  return { kind: 'callback', subprogramInsn: state.insn, args, continuation: { name: 'for_each_map_elem', state } };
}

function eachEnd(kernel: Kernel, state: EachState, count: number): bigint {
  if (state.key !== 0) kernel.memory.free(state.key);
  return BigInt(count);
}

const eachNext: Continuation = (kernel, plain, r0) => {
  const state = plain as unknown as EachState;
  const count = state.count + 1;
  if (r0 !== 0n) return eachEnd(kernel, state, count);
  const cursor = kernel.maps.byId(state.map)?.advance(state.cursor) ?? 0;
  return eachStep(kernel, { ...state, cursor, count });
};

// ---- user ring buffer -------------------------------------------------------------------------------------------------

interface DrainState {
  readonly [key: string]: number | bigint;
  readonly map: number;
  readonly dynptr: number;
  readonly insn: number;
  readonly context: bigint;
  readonly count: number;
}

const MAX_SAMPLES = 128 * 1024;
/** BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP */
const WAKEUP_FLAGS = 3n;

const drain: Behaviour = (call) => {
  if ((arg(call, 3) & ~WAKEUP_FLAGS) !== 0n) return errno(EINVAL);
  const target = mapOf(call, 0, UserRingBufferMap);
  const dynptr = call.kernel.memory.allocate(16, { access: 'ro', label: 'sample' });
  return drainStep(call.kernel, { map: target.id, dynptr, insn: callback(call, 1), context: arg(call, 2), count: 0 });
};

function drainStep(kernel: Kernel, state: DrainState): bigint | Suspension {
  const target = kernel.maps.byId(state.map);
  const sample = target instanceof UserRingBufferMap && state.count < MAX_SAMPLES ? target.take() : undefined;
  if (sample === undefined) {
    kernel.memory.free(state.dynptr);
    return BigInt(state.count);
  }
  initDynptr(kernel, state.dynptr, {
    type: 'local',
    data: kernel.memory.pointer(sample.offset),
    size: sample.size,
    readOnly: false,
  });
  const args = [kernel.memory.pointer(state.dynptr), state.context];
  return { kind: 'callback', subprogramInsn: state.insn, args, continuation: { name: 'user_ringbuf_drain', state } };
}

const drainNext: Continuation = (kernel, plain, r0) => {
  const state = plain as unknown as DrainState;
  const next = { ...state, count: state.count + 1 };
  if (r0 === 0n) return drainStep(kernel, next);
  kernel.memory.free(state.dynptr);
  return BigInt(next.count);
};

// ---- tail calls -------------------------------------------------------------------------------------------------------

const tailCall: Behaviour = (call) => {
  const target = mapOf(call, 1, ReferenceMap);
  const { kernel } = call;
  const index = u32(call, 2);
  if (index >= target.maxEntries) return errno(EINVAL);
  if (kernel.tailCalls >= MAX_TAIL_CALLS) return errno(EINVAL);
  const key = kernel.scratch(8);
  kernel.memory.writeU32(key, index);
  const program = kernel.programById(Number(target.target(key)) - 1);
  if (program === undefined) return errno(ENOENT);
  kernel.tailCalls++;
  kernel.running = program;
  return { kind: 'tail-call', map: target.id, index, program };
};

// ---- local storage ----------------------------------------------------------------------------------------------------

/** The object that storage belongs to: a socket by either of its faces, a task, inode or cgroup. */
function owner(call: Call, index: number): bigint {
  const value = arg(call, index);
  const object = call.kernel.world.behind(value);
  return object === undefined ? value : call.kernel.memory.pointer(object.offset);
}

const storageGet: Behaviour = (call) => {
  const target = mapOf(call, 0, StorageMap);
  const flags = arg(call, 3);
  const whose = owner(call, 1);
  if (whose === 0n || flags > STORAGE_GET_CREATE) return 0n;
  const create = flags === STORAGE_GET_CREATE;
  const initial = create && arg(call, 2) !== 0n ? readable(call, 2, target.valueSize) : 0;
  return pointer(call, target.get(whose, create, initial));
};

const storageDelete: Behaviour = (call) => {
  const target = mapOf(call, 0, StorageMap);
  const whose = owner(call, 1);
  return whose === 0n ? errno(EINVAL) : result(target.remove(whose));
};

const localStorage: Behaviour = (call) => {
  const target = mapOf(call, 0, CgroupStorageMap);
  const { world, memory } = call.kernel;
  return memory.pointer(target.of(memory.pointer(cgroupOfTask(world, world.currentTask))));
};

const currentTaskUnderCgroup: Behaviour = (call) => {
  const target = mapOf(call, 0, ReferenceMap);
  if (u32(call, 1) >= target.maxEntries) return errno(E2BIG);
  const { memory, world } = call.kernel;
  const key = call.kernel.scratch(8);
  memory.writeU32(key, u32(call, 1));
  const cgroup = world.behind(target.target(key));
  if (cgroup === undefined)
    throw new KernelFault('BAD_ARGUMENT', `slot ${u32(call, 1)} of ${target.name} holds no cgroup`);
  return world.isUnder(world.currentTask, cgroup.offset) ? 1n : 0n;
};

export const mapHelpers: Readonly<Record<string, Behaviour>> = {
  map_lookup_elem: mapLookup,
  map_update_elem: mapUpdate,
  map_delete_elem: mapDelete,
  map_push_elem: mapPush,
  map_pop_elem: mapPop,
  map_peek_elem: mapPeek,
  map_lookup_percpu_elem: mapLookupCpu,
  for_each_map_elem: forEach,
  user_ringbuf_drain: drain,
  tail_call: tailCall,
  sk_storage_get: storageGet,
  sk_storage_delete: storageDelete,
  task_storage_get: storageGet,
  task_storage_delete: storageDelete,
  inode_storage_get: storageGet,
  inode_storage_delete: storageDelete,
  cgrp_storage_get: storageGet,
  cgrp_storage_delete: storageDelete,
  get_local_storage: localStorage,
  current_task_under_cgroup: currentTaskUnderCgroup,
};

export const mapContinuations: Readonly<Record<string, Continuation>> = {
  for_each_map_elem: eachNext,
  user_ringbuf_drain: drainNext,
};
