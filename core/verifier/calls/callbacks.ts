/** The registers that callbacks start with, by the helper or kernel function that calls them back. */
import { BTF_KIND_STRUCT } from '../../object/btf/kinds.ts';
import { mapTypeName } from '../../kernel/tables/map-types.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import { AUX0, AUX1, OFF, ROW, copyRegister, markNotInit, setPointer, setUnknownScalar } from '../state/state.ts';
import type { Frame } from '../state/state.ts';
import type { SetupCallee } from './subprogram-calls.ts';
import { CONST_PTR_TO_MAP, DYNPTR_LOCAL, PTR_TO_BTF_ID, PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE } from '../state/types.ts';
import { markDynptrRow } from './dynptrs.ts';
import { markGraphNode, setNonOwning } from './graph.ts';
import { findField, registerRecord } from './records.ts';

const R1 = ROW;
const R2 = 2 * ROW;
const R3 = 3 * ROW;
const R4 = 4 * ROW;
const R5 = 5 * ROW;

const ZERO_OR_ONE = { min: 0, max: 1 };
const ZERO = { min: 0, max: 0 };
const ANYTHING = { min: -(2 ** 31), max: 2 ** 31 - 1 };

const FOR_EACH_MAPS: ReadonlySet<string> = new Set([
  'hash',
  'lru_hash',
  'percpu_hash',
  'lru_percpu_hash',
  'array',
  'percpu_array',
]);

function clearFrom(callee: Frame, base: number): void {
  for (let at = base; at <= R5; at += ROW) markNotInit(callee.w, at);
}

function mapRegister(callee: Frame, base: number, type: number, map: number, uid: number): void {
  setPointer(callee.w, base, type);
  callee.w[base + AUX0] = map;
  callee.w[base + AUX1] = uid;
}

/** long callback(struct bpf_map *map, const void *key, void *value, void *context) */
export const setMapElementCallback: SetupCallee = (env, caller, callee) => {
  const { w } = caller;
  const map = w[R1 + AUX0]!;
  const uid = w[R1 + AUX1]!;
  if (!FOR_EACH_MAPS.has(mapTypeName(env.maps[map]!.type))) env.fail('callback function not allowed for map');
  copyRegister(callee.w, R1, w, R1);
  mapRegister(callee, R2, PTR_TO_MAP_KEY, map, uid);
  mapRegister(callee, R3, PTR_TO_MAP_VALUE, map, uid);
  copyRegister(callee.w, R4, w, R3);
  clearFrom(callee, R5);
  callee.inCallback = true;
  callee.callbackReturn = ZERO_OR_ONE;
};

/** long callback(u64 index, void *context) */
export const setLoopCallback: SetupCallee = (_env, caller, callee) => {
  setUnknownScalar(callee.w, R1);
  copyRegister(callee.w, R2, caller.w, R3);
  clearFrom(callee, R3);
  callee.inCallback = true;
  callee.callbackReturn = ZERO_OR_ONE;
};

/** int callback(struct bpf_map *map, void *key, void *value): of timers and work queues, long after the program has ended */
export const setTimerCallback: SetupCallee = (_env, caller, callee) => {
  asynchronous(callee, caller.w[R1 + AUX0]!, caller.w[R1 + AUX1]!);
  callee.callbackReturn = ZERO;
};

/** The same for task work, whose map is the third argument. */
export const setTaskWorkCallback: SetupCallee = (_env, caller, callee) => {
  asynchronous(callee, caller.w[R3 + AUX0]!, caller.w[R3 + AUX1]!);
  callee.callbackReturn = ANYTHING;
};

function asynchronous(callee: Frame, map: number, uid: number): void {
  mapRegister(callee, R1, CONST_PTR_TO_MAP, map, uid);
  mapRegister(callee, R2, PTR_TO_MAP_KEY, map, uid);
  mapRegister(callee, R3, PTR_TO_MAP_VALUE, map, uid);
  clearFrom(callee, R4);
  callee.inAsyncCallback = true;
}

/** long callback(struct task_struct *task, struct vm_area_struct *vma, void *context) */
export const setFindVmaCallback: SetupCallee = (env, caller, callee) => {
  copyRegister(callee.w, R1, caller.w, R1);
  setPointer(callee.w, R2, PTR_TO_BTF_ID);
  callee.w[R2 + AUX0] = env.btfs[KERNEL_BTF].findByName('vm_area_struct', BTF_KIND_STRUCT);
  callee.w[R2 + AUX1] = KERNEL_BTF;
  copyRegister(callee.w, R3, caller.w, R4);
  clearFrom(callee, R4);
  callee.inCallback = true;
  callee.callbackReturn = ZERO_OR_ONE;
};

/** long callback(const struct bpf_dynptr *record, void *context) */
export const setUserRingbufCallback: SetupCallee = (env, caller, callee) => {
  markNotInit(callee.w, 0);
  markDynptrRow(callee.w, R1, DYNPTR_LOCAL, true, env.newId());
  copyRegister(callee.w, R2, caller.w, R3);
  clearFrom(callee, R3);
  callee.inCallback = true;
  callee.callbackReturn = ZERO_OR_ONE;
};

/** bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b) */
export const setRbtreeAddCallback: SetupCallee = (env, caller, callee) => {
  const field = findField(registerRecord(env, caller.w, R1), caller.w[R1 + OFF]!, new Set(['bpf_rb_root'] as const));
  if (field === undefined) return env.reject();
  markGraphNode(callee.w, R1, field);
  setNonOwning(env, callee.w, R1);
  markGraphNode(callee.w, R2, field);
  setNonOwning(env, callee.w, R2);
  clearFrom(callee, R3);
  callee.inCallback = true;
  callee.callbackReturn = ZERO_OR_ONE;
};

/** Whether a callback of a tree operation, or a function called by it, is being verified: its caller holds the tree's lock. */
export function inRbtreeCallback(env: Env): boolean {
  const { frames } = env.state;
  for (let i = frames.length - 1; i > 0; i--) {
    const frame = frames[i]!;
    if (!frame.inCallback) continue;
    if (env.insns.src[frame.callsite] !== 2) continue;
    if (env.btfs[KERNEL_BTF].name(env.insns.imm[frame.callsite]!).startsWith('bpf_rbtree_')) return true;
  }
  return false;
}
