/** What is held where a claim is made, by the names that users know from frame descriptors and the ledger. */
import type { ReleaseRule } from '../../exceptions/releases.ts';
import {
  REGIONS,
  RINGBUF_DYNPTR,
  RINGBUF_RECORD,
  iteratorRelease,
  objectRelease,
  referenceRelease,
} from '../../exceptions/releases.ts';
import { btfTypeName, type StateNames } from '../print-state.ts';
import {
  AUX0,
  AUX1,
  REF_IRQ,
  REF_LOCK,
  REF_OBJ_ID,
  REF_POINTER,
  REF_RES_LOCK,
  REF_RES_LOCK_IRQ,
  type Reference,
  type State,
  TYPE,
  ROW,
  slotBase,
  slotKind,
} from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RINGBUF,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  STACK_DYNPTR,
  STACK_ITER,
} from '../state/types.ts';

/** The names of references; a reference is never changed, so that it can be known by itself. */
export class ReferenceNames {
  readonly #names = new Map<Reference, string>();

  nameOf(reference: Reference): string {
    return this.#names.get(reference) ?? 'resource';
  }

  /** Finds out what the references of a state are. Right after it was acquired, a register or a slot holds each. */
  learn(names: StateNames, state: State): void {
    for (const reference of state.refs) {
      if (this.#names.has(reference)) continue;
      const name = regionName(reference.kind) ?? pointerName(names, state, reference.id);
      if (name !== undefined) this.#names.set(reference, name);
    }
  }
}

function regionName(kind: number): string | undefined {
  switch (kind) {
    case REF_LOCK:
      return REGIONS.spin_lock.typeName;
    case REF_RES_LOCK:
      return REGIONS.res_spin_lock.typeName;
    case REF_RES_LOCK_IRQ:
      return REGIONS.res_spin_lock_irq.typeName;
    case REF_IRQ:
      return REGIONS.irq.typeName;
    case REF_POINTER:
    default:
      return undefined;
  }
}

function pointerName(names: StateNames, state: State, id: number): string | undefined {
  for (const { w, slots } of state.frames) {
    for (let base = 0; base < 10 * ROW; base += ROW) {
      const name = w[base + REF_OBJ_ID] === id ? rowName(names, w, base) : undefined;
      if (name !== undefined) return name;
    }
    for (let slot = 0; slot < slots; slot++) {
      const base = slotBase(slot);
      const name = w[base + REF_OBJ_ID] === id ? slotName(names, w, base) : undefined;
      if (name !== undefined) return name;
    }
  }
  return undefined;
}

function slotName(names: StateNames, w: Int32Array, base: number): string | undefined {
  switch (slotKind(w, base)) {
    case STACK_ITER:
      return iteratorRelease(btfTypeName(names, w[base + AUX1]!, w[base + AUX0]!)).typeName;
    case STACK_DYNPTR:
      return RINGBUF_DYNPTR.typeName;
    default:
      return rowName(names, w, base);
  }
}

function rowName(names: StateNames, w: Int32Array, base: number): string | undefined {
  const type = w[base + TYPE]!;
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_BTF_ID: {
      const struct = btfTypeName(names, w[base + AUX1]!, w[base + AUX0]!);
      if ((type & MEM_ALLOC) !== 0) return objectRelease(struct, (type & MEM_PERCPU) !== 0).typeName;
      return nameOfRule(referenceRelease(struct), struct);
    }
    case PTR_TO_MEM:
      return (type & MEM_RINGBUF) !== 0 ? RINGBUF_RECORD.typeName : undefined;
    case PTR_TO_SOCKET:
      return 'struct bpf_sock';
    case PTR_TO_SOCK_COMMON:
      return 'struct sock_common';
    case PTR_TO_TCP_SOCK:
      return 'struct bpf_tcp_sock';
    default:
      return undefined;
  }
}

function nameOfRule(rule: ReleaseRule | undefined, struct: string): string {
  return rule?.typeName ?? `struct ${struct}`;
}
