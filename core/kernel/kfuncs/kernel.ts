/** kfuncs on the kernel's own objects: tasks, cgroups, files, keys, crypto contexts; regions, locks, throwing. */
import type { Behaviour, Call } from '../behaviour.ts';
import { errno } from '../behaviour.ts';
import { latin1, readBytes, writeBytes } from '../bytes.ts';
import { EBUSY, EDEADLK, EINVAL, ENAMETOOLONG, ENODATA, ENOENT } from '../errno.ts';
import { dynptrBase, readDynptr } from '../helpers/dynptr.ts';
import { arg, callback, mapOf, s32, u32, writable } from '../helpers/arguments.ts';
import { copyFromUserText, streamPrintk } from '../helpers/memory.ts';
import { asyncField } from '../helpers/control.ts';
import type { Kernel } from '../kernel.ts';
import { ArenaMap, PAGE_SIZE } from '../maps/arena.ts';
import type { KernelObject } from '../objects/world.ts';
import { allPids, cgroupAncestor, cgroupOfTask, taskScenario } from '../objects/tasks.ts';
import {
  irqRestore,
  irqSave,
  preemptDisable,
  preemptEnable,
  rcuLock,
  rcuUnlock,
  spinLock,
  spinUnlock,
} from '../regions.ts';
import { releaseReference } from '../release.ts';
import { releaseOf } from '../helpers/system.ts';

/** Hands a reference to an object out: counted, entered in the ledger. */
export function handOut(call: Call, offset: number): bigint {
  const { kernel } = call;
  const object = offset === 0 ? undefined : kernel.world.at(offset);
  if (object === undefined) return 0n;
  kernel.world.addReference(object);
  const pointer = kernel.memory.pointer(offset);
  kernel.acquire(call, 'reference', `struct ${object.struct}`, pointer, releaseOf(object.struct));
  return pointer;
}

/** Hands out a new object, whose only reference is the program's. */
export function handOutNew(call: Call, object: KernelObject): bigint {
  const pointer = call.kernel.memory.pointer(object.offset);
  call.kernel.acquire(call, 'reference', `struct ${object.struct}`, pointer, releaseOf(object.struct));
  return pointer;
}

const acquireArgument: Behaviour = (call) =>
  arg(call, 0) === 0n ? 0n : handOut(call, call.kernel.offset(arg(call, 0)));

export const releaseArgument: Behaviour = (call) => {
  releaseReference(call.kernel, 'reference', arg(call, 0), call.name);
  return 0n;
};

// ---- tasks ------------------------------------------------------------------------------------------------------------

const taskFromPid: Behaviour = (call) => handOut(call, call.kernel.world.find(`task:${s32(call, 0)}`));

const taskFromVpid: Behaviour = (call) => {
  const { world } = call.kernel;
  const wanted = s32(call, 0);
  const pid = allPids(world).find((candidate) => (taskScenario(world, candidate)?.vpid ?? candidate) === wanted);
  return pid === undefined ? 0n : handOut(call, world.find(`task:${pid}`));
};

const taskUnderCgroup: Behaviour = (call) => {
  const { kernel } = call;
  return kernel.world.isUnder(kernel.offset(arg(call, 0)), kernel.offset(arg(call, 1))) ? 1n : 0n;
};

const taskCgroup1: Behaviour = (call) => {
  const { kernel } = call;
  return handOut(call, cgroupOfTask(kernel.world, kernel.offset(arg(call, 0))));
};

const exeFile: Behaviour = (call) => {
  const { world, memory } = call.kernel;
  const task = call.kernel.offset(arg(call, 0));
  const mm = memory.offset(world.get(task, 'task_struct', 'mm'));
  const file = mm === undefined ? undefined : memory.offset(world.get(mm, 'mm_struct', 'exe_file'));
  return file === undefined ? 0n : handOut(call, file);
};

const pathOf: Behaviour = (call) => {
  const { kernel } = call;
  const room = Number(arg(call, 2));
  const path = kernel.world.text(kernel.offset(arg(call, 0)));
  if (room === 0) return errno(EINVAL);
  if (path === undefined) return errno(ENOENT);
  const bytes = latin1(`${path}\0`);
  if (bytes.length > room) return errno(ENAMETOOLONG);
  writeBytes(kernel.memory, writable(call, 1, room), bytes);
  return BigInt(bytes.length);
};

// ---- cgroups ----------------------------------------------------------------------------------------------------------

const cgroupFromId: Behaviour = (call) => handOut(call, call.kernel.world.find(`cgroup:${arg(call, 0)}`));

const cgroupAncestorOf: Behaviour = (call) => {
  const { kernel } = call;
  return handOut(call, cgroupAncestor(kernel.world, kernel.offset(arg(call, 0)), s32(call, 1)));
};

// ---- keys and crypto --------------------------------------------------------------------------------------------------

/** struct bpf_key is made for the one who looks it up. */
function makeKey(call: Call): bigint {
  const { world } = call.kernel;
  const key = world.make('bpf_key', '', { temporary: true });
  world.set(key, 'bpf_key', 'has_ref', 1);
  return handOutNew(call, world.at(key)!);
}

const lookupUserKey: Behaviour = (call) => {
  const keys = call.kernel.scenario.keys ?? {};
  if ((arg(call, 1) & ~7n) !== 0n) return 0n;
  return Object.hasOwn(keys, String(s32(call, 0))) ? makeKey(call) : 0n;
};

const lookupSystemKey: Behaviour = (call) => (arg(call, 0) > 2n ? 0n : makeKey(call));

const cryptoCreate: Behaviour = (call) => {
  const { kernel } = call;
  const error = writable(call, 2, 4);
  const params = kernel.range(call, arg(call, 0), u32(call, 1), 'read');
  const layout = kernel.layouts.struct('bpf_crypto_params');
  const type = latinField(kernel, params, layout.offset('type'), 14);
  const keyLength = kernel.memory.readU32(params + layout.offset('key_len'));
  if (type !== 'skcipher' || keyLength === 0) {
    kernel.memory.writeU32(error, -(type === 'skcipher' ? EINVAL : ENOENT) >>> 0);
    return 0n;
  }
  const context = kernel.world.make('bpf_crypto_ctx', '', { temporary: true });
  const key = readBytes(kernel.memory, params + layout.offset('key'), keyLength);
  kernel.world.setText(context, String.fromCharCode(...key));
  kernel.memory.writeU32(error, 0);
  return handOutNew(call, kernel.world.at(context)!);
};

function latinField(kernel: Kernel, base: number, offset: number, length: number): string {
  const bytes = readBytes(kernel.memory, base + offset, length);
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? length : end));
}

/**
 * Stands for any cipher: the bytes are combined with the key, which turns the text into another of the same length and
 * back again. What a program can check (lengths, errors, that decrypting undoes encrypting) holds; the values are not AES.
 */
const crypt: Behaviour = (call) => {
  const { kernel } = call;
  const key = kernel.world.text(kernel.offset(arg(call, 0))) ?? '';
  const source = readDynptr(kernel, kernel.offset(arg(call, 1)));
  const target = readDynptr(kernel, kernel.offset(arg(call, 2)));
  if (source.data === 0n || target.data === 0n || target.readOnly || source.size > target.size || source.size === 0)
    return errno(EINVAL);
  const bytes = readBytes(kernel.memory, dynptrBase(kernel, source), source.size);
  writeBytes(
    kernel.memory,
    dynptrBase(kernel, target),
    bytes.map((byte, i) => byte ^ (key.charCodeAt(i % Math.max(key.length, 1)) || 0x5a)),
  );
  return 0n;
};

// ---- regions and locks ------------------------------------------------------------------------------------------------

function done(run: (call: Call) => void): Behaviour {
  return (call) => {
    run(call);
    return 0n;
  };
}

/** A resilient lock finds a deadlock out instead of waiting for ever. */
const resLock =
  (irq: boolean): Behaviour =>
  (call) => {
    const { kernel } = call;
    const release = irq ? 'bpf_res_spin_unlock_irqrestore' : 'bpf_res_spin_unlock';
    if (kernel.memory.readU32(kernel.offset(arg(call, 0))) !== 0) return errno(EDEADLK);
    if (irq) irqSave(call, arg(call, 1), release, 'interrupts disabled by a lock');
    spinLock(call, 'res_spin_lock', arg(call, 0), release);
    return 0n;
  };

const resUnlock =
  (irq: boolean): Behaviour =>
  (call) => {
    spinUnlock(call.kernel, 'res_spin_lock', arg(call, 0), call.name);
    if (irq) irqRestore(call.kernel, arg(call, 1), call.name);
    return 0n;
  };

// ---- work queues and arenas -------------------------------------------------------------------------------------------

const workInit: Behaviour = (call) => {
  if (arg(call, 2) !== 0n) return errno(EINVAL);
  const place = asyncField(call, 'workqueue', 1);
  if (call.kernel.async.at(place.field) !== undefined) return errno(EBUSY);
  call.kernel.async.init({ ...place, kind: 'workqueue', clock: 0 });
  return 0n;
};

const workSetCallback: Behaviour = (call) => {
  const field = call.kernel.offset(arg(call, 0));
  if (arg(call, 2) !== 0n || call.kernel.async.at(field) === undefined) return errno(EINVAL);
  call.kernel.async.setCallback(field, call.program, callback(call, 1));
  return 0n;
};

const workStart: Behaviour = (call) => {
  const { kernel } = call;
  const field = kernel.offset(arg(call, 0));
  if (arg(call, 1) !== 0n || kernel.async.at(field)?.program === undefined) return errno(EINVAL);
  kernel.async.arm(field, kernel.time);
  return 0n;
};

/** bpf_task_work_schedule_*(task, tw, map, callback): runs soon, in the task. */
const scheduleTaskWork: Behaviour = (call) => {
  const { kernel } = call;
  const target = kernel.maps.byAddress(arg(call, 2));
  const field = kernel.offset(arg(call, 1));
  const special = target?.fields.find((entry) => entry.kind === 'task_work');
  if (target === undefined || special === undefined) return errno(EINVAL);
  if (kernel.async.at(field)?.due !== undefined) return errno(EBUSY);
  kernel.async.init({ field, value: field - special.offset, map: target.id, kind: 'task_work', clock: 0 });
  kernel.async.setCallback(field, call.program, callback(call, 3));
  kernel.async.arm(field, kernel.time);
  return 0n;
};

/** An arena address as an offset: programs pass either face of it. */
function arenaOffset(address: bigint): number {
  return Number(address & 0xffffffffn);
}

const arenaAlloc: Behaviour = (call) => {
  const arena = mapOf(call, 0, ArenaMap);
  const count = u32(call, 2);
  if (count === 0 || arg(call, 4) !== 0n || arenaOffset(arg(call, 1)) % PAGE_SIZE !== 0) return 0n;
  const at = arena.allocate(count, arenaOffset(arg(call, 1)));
  return at === 0 ? 0n : arena.userPointer(at);
};

const arenaFree: Behaviour = (call) => {
  mapOf(call, 0, ArenaMap).free(arenaOffset(arg(call, 1)), u32(call, 2));
  return 0n;
};

const arenaReserve: Behaviour = (call) => {
  const arena = mapOf(call, 0, ArenaMap);
  if (u32(call, 2) === 0) return 0n;
  return arena.reserve(arenaOffset(arg(call, 1)), u32(call, 2)) ? 0n : errno(EBUSY);
};

const sumElements: Behaviour = (call) => BigInt(call.kernel.maps.byAddress(arg(call, 0))?.count ?? 0);

/** Extended attributes: no file or cgroup of a scenario has any. */
const noAttribute: Behaviour = () => errno(ENODATA);

const identity: Behaviour = (call) => arg(call, 0);

export const kernelKfuncs: Readonly<Record<string, Behaviour>> = {
  bpf_task_acquire: acquireArgument,
  bpf_task_release: releaseArgument,
  bpf_task_from_pid: taskFromPid,
  bpf_task_from_vpid: taskFromVpid,
  bpf_task_under_cgroup: taskUnderCgroup,
  bpf_task_get_cgroup1: taskCgroup1,
  bpf_get_task_exe_file: exeFile,
  bpf_put_file: releaseArgument,
  bpf_path_d_path: pathOf,
  bpf_cgroup_acquire: acquireArgument,
  bpf_cgroup_release: releaseArgument,
  bpf_cgroup_from_id: cgroupFromId,
  bpf_cgroup_ancestor: cgroupAncestorOf,
  bpf_cgroup_read_xattr: noAttribute,
  bpf_get_file_xattr: noAttribute,
  bpf_get_dentry_xattr: noAttribute,
  bpf_set_dentry_xattr: noAttribute,
  bpf_remove_dentry_xattr: noAttribute,
  bpf_lookup_user_key: lookupUserKey,
  bpf_lookup_system_key: lookupSystemKey,
  bpf_key_put: releaseArgument,
  bpf_crypto_ctx_create: cryptoCreate,
  bpf_crypto_ctx_acquire: acquireArgument,
  bpf_crypto_ctx_release: releaseArgument,
  bpf_crypto_encrypt: crypt,
  bpf_crypto_decrypt: crypt,
  bpf_rcu_read_lock: done(rcuLock),
  bpf_rcu_read_unlock: done((call) => rcuUnlock(call.kernel, call.name)),
  bpf_preempt_disable: done(preemptDisable),
  bpf_preempt_enable: done((call) => preemptEnable(call.kernel, call.name)),
  bpf_local_irq_save: done((call) => irqSave(call, arg(call, 0), 'bpf_local_irq_restore')),
  bpf_local_irq_restore: done((call) => irqRestore(call.kernel, arg(call, 0), call.name)),
  bpf_res_spin_lock: resLock(false),
  bpf_res_spin_unlock: resUnlock(false),
  bpf_res_spin_lock_irqsave: resLock(true),
  bpf_res_spin_unlock_irqrestore: resUnlock(true),
  bpf_throw: (call) => ({ kind: 'throw', cookie: arg(call, 0) }),
  // It acts while the program is verified; docs/exceptions.md.
  bpf_set_exception_callback: () => 0n,
  bpf_wq_init: workInit,
  bpf_wq_set_callback_impl: workSetCallback,
  bpf_wq_start: workStart,
  bpf_task_work_schedule_signal_impl: scheduleTaskWork,
  bpf_task_work_schedule_resume_impl: scheduleTaskWork,
  bpf_arena_alloc_pages: arenaAlloc,
  bpf_arena_free_pages: arenaFree,
  bpf_arena_reserve_pages: arenaReserve,
  bpf_map_sum_elem_count: sumElements,
  bpf_stream_vprintk_impl: streamPrintk,
  bpf_copy_from_user_str: copyFromUserText,
  bpf_copy_from_user_task_str: copyFromUserText,
  bpf_rdonly_cast: identity,
  bpf_cast_to_kern_ctx: (call) => call.kernel.contexts.kernelContext(arg(call, 0)),
  bpf_session_is_return: ({ kernel }) => (kernel.contexts.isReturn() ? 1n : 0n),
  bpf_session_cookie: ({ kernel }) => kernel.memory.pointer(kernel.contexts.sessionCookie()),
  bpf_send_signal_task: (call) => {
    call.kernel.print({ kind: 'trace', text: `signal ${s32(call, 1)}`, at: call.kernel.position(call) });
    return 0n;
  },
  bpf_get_kmem_cache: () => 0n,
  // The compiler puts it where the program cannot come.
  __bpf_trap: (call) => ({ kind: 'fault', code: 'TRAP', message: `insn ${call.insn} should never be reached` }),
  bpf_kfunc_call_test_release: releaseArgument,
  bpf_kfunc_call_memb_release: releaseArgument,
  css_rstat_updated: () => 0n,
  css_rstat_flush: () => 0n,
  bpf_fentry_test1: (call) => BigInt((s32(call, 0) + 1) | 0),
  bpf_modify_return_test: (call) => {
    const at = call.kernel.range(call, arg(call, 1), 4, 'write');
    call.kernel.memory.writeU32(at, call.kernel.memory.readU32(at) + 1);
    return BigInt.asUintN(64, BigInt(s32(call, 0) + (call.kernel.memory.readU32(at) | 0)));
  },
};
