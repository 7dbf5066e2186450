/** Spin locks: which may be taken, in which order they are let go, and what they protect. */

import type { Env } from '../context.ts';
import {
  AUX0,
  AUX1,
  ID,
  OFF,
  REF_LOCK,
  REF_RES_LOCK,
  REF_RES_LOCK_IRQ,
  ROW,
  TYPE,
  VALUE,
  isConst,
} from '../state/state.ts';
import { BASE_TYPE_MASK, PTR_TO_MAP_VALUE } from '../state/types.ts';
import { mapHasBtf, registerRecord } from './records.ts';
import { acquireLock, findLock, invalidateNonOwningReferences, releaseLock } from './references.ts';

/** What a lock lies in, as a key: a map's values, or the objects of one BTF. With the pointer's id it names one allocation. */
export function lockOwner(w: Int32Array, base: number): string {
  return (w[base + TYPE]! & BASE_TYPE_MASK) === PTR_TO_MAP_VALUE ? `m${w[base + AUX0]!}` : `b${w[base + AUX1]!}`;
}

export interface LockOperation {
  readonly lock: boolean;
  readonly resilient: boolean;
  readonly irq: boolean;
}

/** Takes or lets go the lock that an argument points to. */
export function processSpinLock(env: Env, regno: number, operation: LockOperation): void {
  const { w } = env.frame;
  const base = regno * ROW;
  const word = operation.resilient ? 'bpf_res_spin' : 'bpf_spin';
  if (!isConst(w, base)) {
    env.fail(`R${regno} doesn't have constant offset. ${word}_lock has to be at the constant offset`);
  }
  const inMap = (w[base + TYPE]! & BASE_TYPE_MASK) === PTR_TO_MAP_VALUE;
  const map = inMap ? env.maps[w[base + AUX0]!]! : undefined;
  if (map !== undefined && !mapHasBtf(env, map)) {
    env.fail(`map '${map.kernelName}' has to have BTF in order to use ${word}_lock`);
  }
  const record = registerRecord(env, w, base);
  if (record?.kinds.has(operation.resilient ? 'bpf_res_spin_lock' : 'bpf_spin_lock') !== true) {
    env.fail(`${map === undefined ? 'local' : 'map'} '${map?.kernelName ?? 'kptr'}' has no valid ${word}_lock`);
  }
  const lockOff = operation.resilient ? record.resSpinLockOff : record.spinLockOff;
  const off = w[base + OFF]! + w[base + VALUE]!;
  if (off !== lockOff) env.fail(`off ${off} doesn't point to 'struct ${word}_lock' that is at ${lockOff}`);

  const { state } = env;
  const id = w[base + ID]!;
  const owner = lockOwner(w, base);
  const kind = operation.resilient ? (operation.irq ? REF_RES_LOCK_IRQ : REF_RES_LOCK) : REF_LOCK;
  if (operation.lock) {
    if (state.activeLocks > 0) {
      if (!operation.resilient) {
        if (findLock(state, REF_LOCK, 0, undefined) !== undefined) {
          env.fail('Locking two bpf_spin_locks are not allowed');
        }
      } else if (findLock(state, REF_RES_LOCK | REF_RES_LOCK_IRQ, id, owner) !== undefined) {
        env.fail('Acquiring the same lock again, AA deadlock detected');
      }
    }
    acquireLock(env, env.insn, kind, id, owner);
    return;
  }
  if (state.activeLocks === 0) env.fail(`${word}_unlock without taking a lock`);
  if (findLock(state, kind, id, owner) === undefined) env.fail(`${word}_unlock of different lock`);
  if (id !== state.activeLockId || owner !== state.activeLockObject) env.fail(`${word}_unlock cannot be out of order`);
  releaseLock(state, kind, id, owner);
  invalidateNonOwningReferences(env);
}

/** Whether the lock in the allocation that a register points into is held; says so when another one is. */
export function allocationIsLocked(env: Env, w: Int32Array, base: number): boolean {
  const { state } = env;
  if (state.activeLocks === 0) return false;
  if (findLock(state, REF_LOCK | REF_RES_LOCK | REF_RES_LOCK_IRQ, w[base + ID]!, lockOwner(w, base)) === undefined) {
    env.verbose('held lock and object are not in the same allocation\n');
    return false;
  }
  return true;
}
