/** Linked lists and red-black trees of allocated objects: roots that a lock protects, and nodes that they own. */
import { structIdsMatch } from '../memory/btf-access.ts';
import type { Env } from '../context.ts';
import { forEachRegister } from '../state/registers.ts';
import { AUX0, AUX1, OFF, REF_OBJ_ID, ROW, TYPE, VALUE, isConst, setPointer } from '../state/state.ts';
import { MEM_ALLOC, MEM_RCU, NON_OWN_REF, PTR_TO_BTF_ID } from '../state/types.ts';
import { allocationIsLocked } from './locks.ts';
import type { BtfField } from './records.ts';
import { findField, registerRecord } from './records.ts';

export type RootKind = 'bpf_list_head' | 'bpf_rb_root';
export type NodeKind = 'bpf_list_node' | 'bpf_rb_node';

/** Makes a row a pointer to the node inside an object that a root contains. */
export function markGraphNode(w: Int32Array, base: number, root: BtfField): void {
  setPointer(w, base, PTR_TO_BTF_ID | MEM_ALLOC);
  w[base + AUX0] = root.typeId;
  w[base + AUX1] = root.btf;
  w[base + OFF] = root.nodeOffset;
}

/** Turns a pointer into one that does not own its object: good while the lock is held (or, for refcounted ones, in an RCU section). */
export function setNonOwning(env: Env, w: Int32Array, base: number): void {
  const record = registerRecord(env, w, base);
  w[base + TYPE] = w[base + TYPE]! | NON_OWN_REF;
  if (record !== undefined && record.refcountOff >= 0) w[base + TYPE] = w[base + TYPE]! | MEM_RCU;
}

/** An object was put into a list or tree: the program's pointers to it own it no longer. */
export function convertOwningToNonOwning(env: Env, reference: number): void {
  forEachRegister(env.state, (frame, base) => {
    if (frame.w[base + REF_OBJ_ID] !== reference) return;
    frame.w[base + REF_OBJ_ID] = 0;
    setNonOwning(env, frame.w, base);
  });
}

/** Checks an argument that is a root, whose lock must be held. */
export function processGraphRoot(env: Env, regno: number, kind: RootKind): BtfField {
  const { w } = env.frame;
  const base = regno * ROW;
  if (!isConst(w, base)) {
    env.fail(`R${regno} doesn't have constant offset. ${kind} has to be at the constant offset`);
  }
  const record = registerRecord(env, w, base);
  const off = w[base + OFF]! + w[base + VALUE]!;
  const field = findField(record, off, new Set([kind]));
  if (field === undefined || record === undefined) return env.fail(`${kind} not found at offset=${off >>> 0}`);
  if (!allocationIsLocked(env, w, base)) {
    env.fail(`bpf_spin_lock at off=${record.spinLockOff} must be held for ${kind}`);
  }
  return field;
}

/** Checks an argument that is a node of objects of the kind that the root contains. */
export function processGraphNode(
  env: Env,
  regno: number,
  rootKind: RootKind,
  nodeKind: NodeKind,
  root: BtfField,
): void {
  const { w } = env.frame;
  const base = regno * ROW;
  if (!isConst(w, base)) {
    env.fail(`R${regno} doesn't have constant offset. ${nodeKind} has to be at the constant offset`);
  }
  const off = w[base + OFF]! + w[base + VALUE]!;
  if (findField(registerRecord(env, w, base), off, new Set([nodeKind])) === undefined) {
    env.fail(`${nodeKind} not found at offset=${off >>> 0}`);
  }
  const btf = env.btfs[w[base + AUX1] === 0 ? 0 : 1]!;
  const rootBtf = env.btfs[root.btf === 0 ? 0 : 1]!;
  const struct = rootBtf.name(root.typeId);
  if (!structIdsMatch(btf, w[base + AUX0]!, 0, rootBtf, root.typeId, true)) {
    env.fail(
      `operation on ${rootKind} expects arg#1 ${nodeKind} at offset=${root.nodeOffset} in struct ${struct}, ` +
        `but arg is at offset=${off} in struct ${btf.name(w[base + AUX0]!)}`,
    );
  }
  if (off !== root.nodeOffset) {
    env.fail(`arg#1 offset=${off}, but expected ${nodeKind} at offset=${root.nodeOffset} in struct ${struct}`);
  }
}
