/** Open-coded iterators: stack objects that a _new function makes, a _next function steps, and a _destroy function ends. */
import { BPF_DW } from '../../isa/opcodes.ts';
import { KF_ITER_DESTROY, KF_ITER_NEW, KF_RCU_PROTECTED } from '../../kernel/tables/kfuncs.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import { pushState } from '../paths/push-state.ts';
import { checkMemAccess } from '../memory/memory.ts';
import { inRcuSection } from '../memory/rcu-section.ts';
import { findPreviousEntry } from '../paths/prune.ts';
import { markPtrNotNull } from '../state/registers.ts';
import { widenImpreciseScalars } from '../state/states-equal.ts';
import {
  AUX0,
  AUX1,
  AUX2,
  REF_OBJ_ID,
  ROW,
  TYPE,
  clearSlot,
  fillSlot,
  markNotInit,
  setKnownScalar,
  setPointer,
  slotBase,
  slotType,
} from '../state/state.ts';
import type { State } from '../state/state.ts';
import { ITER_ACTIVE, ITER_DRAINED, MEM_RCU, PTR_TO_STACK, PTR_UNTRUSTED, STACK_ITER } from '../state/types.ts';
import { acquireReference, releaseReference } from './references.ts';
import {
  BAD_SLOT,
  SLOT_NOT_ALLOCATED,
  markObjectRead,
  markObjectWritten,
  objectSlot,
  stackFrame,
} from './stack-objects.ts';

/** Where the iterator of a call lies. */
export interface IteratorPlace {
  readonly frameno: number;
  readonly slot: number;
}

/** `num` of struct bpf_iter_num. */
function iteratorWord(env: Env, typeId: number): string {
  return env.btfs[KERNEL_BTF].name(typeId).slice('bpf_iter_'.length);
}

/**
 * Checks the iterator argument of an iterator function (or of one that takes any iterator), and makes or ends it. Returns where it lies, and the
 * reference it stands for.
 */
export function processIteratorArgument(
  env: Env,
  regno: number,
  insn: number,
  kfunc: { readonly name: string; readonly flags: number },
  typeId: number,
): { place: IteratorPlace; reference: number } | undefined {
  const base = regno * ROW;
  if (env.frame.w[base + TYPE] !== PTR_TO_STACK) {
    env.fail(`arg#${regno - 1} expected pointer to an iterator on stack`);
  }
  if (typeId === 0) env.fail(`expected valid iter pointer as arg #${regno - 1}`);
  const slots = Math.trunc(env.btfs[KERNEL_BTF].size(typeId) / 8);
  if (kfunc.flags & KF_ITER_NEW) {
    if (!validUninitialised(env, base, slots)) {
      env.fail(`expected uninitialized iter_${iteratorWord(env, typeId)} as arg #${regno - 1}`);
    }
    for (let i = 0; i < slots * 8; i += 8) checkMemAccess(env, insn, regno, i, BPF_DW, 'write', -1, false, false);
    make(env, base, insn, typeId, slots, (kfunc.flags & KF_RCU_PROTECTED) !== 0);
    return undefined;
  }
  switch (validInitialised(env, base, typeId, slots)) {
    case 'valid':
      break;
    case 'invalid':
      env.fail(`expected an initialized iter_${iteratorWord(env, typeId)} as arg #${regno - 1}`);
      break;
    case 'rcu':
      env.fail(`expected an RCU CS when using ${kfunc.name}`);
  }
  const frame = stackFrame(env, base);
  const slot = objectSlot(env, base, 'iter', slots);
  if (slot < 0) env.reject();
  markObjectRead(env, frame, slot, slots);
  const reference = frame.w[slotBase(slot) + REF_OBJ_ID]!;
  if (kfunc.flags & KF_ITER_DESTROY) {
    releaseReference(env, reference);
    for (let i = 0; i < slots; i++) {
      const row = slotBase(slot - i);
      markNotInit(frame.w, row);
      clearSlot(frame.w, row);
      markObjectWritten(env, frame, slot - i);
    }
  }
  return { place: { frameno: frame.frameno, slot }, reference };
}

function make(env: Env, base: number, insn: number, typeId: number, slots: number, rcuProtected: boolean): void {
  const slot = objectSlot(env, base, 'iter', slots);
  if (slot < 0) env.reject();
  const frame = stackFrame(env, base);
  const id = acquireReference(env, insn);
  const flags = rcuProtected ? (inRcuSection(env) ? MEM_RCU : PTR_UNTRUSTED) : 0;
  for (let i = 0; i < slots; i++) {
    const row = slotBase(slot - i);
    // There is no register type for iterators; this one is never looked at as a pointer.
    setPointer(frame.w, row, PTR_TO_STACK | flags);
    frame.w[row + REF_OBJ_ID] = i === 0 ? id : 0;
    frame.w[row + AUX0] = typeId;
    frame.w[row + AUX1] = KERNEL_BTF;
    frame.w[row + AUX2] = ITER_ACTIVE;
    fillSlot(frame.w, row, STACK_ITER);
    markObjectWritten(env, frame, slot - i);
  }
}

function validUninitialised(env: Env, base: number, slots: number): boolean {
  const slot = objectSlot(env, base, 'iter', slots);
  if (slot === SLOT_NOT_ALLOCATED) return true;
  if (slot === BAD_SLOT) return false;
  const { w } = stackFrame(env, base);
  for (let i = 0; i < slots; i++) {
    for (let byte = 0; byte < 8; byte++) if (slotType(w, slotBase(slot - i), byte) === STACK_ITER) return false;
  }
  return true;
}

function validInitialised(env: Env, base: number, typeId: number, slots: number): 'valid' | 'invalid' | 'rcu' {
  const slot = objectSlot(env, base, 'iter', slots);
  if (slot < 0) return 'invalid';
  const { w } = stackFrame(env, base);
  for (let i = 0; i < slots; i++) {
    const row = slotBase(slot - i);
    if ((w[row + TYPE]! & PTR_UNTRUSTED) !== 0) return 'rcu';
    if ((i === 0) !== (w[row + REF_OBJ_ID] !== 0)) return 'invalid';
    if (w[row + AUX0] !== typeId || w[row + AUX1] !== KERNEL_BTF) return 'invalid';
    for (let byte = 0; byte < 8; byte++) if (slotType(w, row, byte) !== STACK_ITER) return 'invalid';
  }
  return 'valid';
}

/** The row of a call's iterator in a state. */
export function iteratorRow(state: State, place: IteratorPlace): { w: Int32Array; base: number } {
  return { w: state.frames[place.frameno]!.w, base: slotBase(place.slot) };
}

function setPosition(state: State, place: IteratorPlace, position: number, deeper: number): void {
  const { w, base } = iteratorRow(state, place);
  w[base + AUX2] = position | (((w[base + AUX2]! >> 2) + deeper) << 2);
}

/**
 * The two outcomes of a _next function. One state goes on with no further element, the iterator drained; another, verified later, with an element
 * and the iterator one step deeper. Values that changed since the last time round and that nobody needs exactly are forgotten in it, so that
 * loops come to an end.
 */
export function processIteratorNext(env: Env, insn: number, place: IteratorPlace): void {
  const { state } = env;
  const { w, base } = iteratorRow(state, place);
  if ((w[base + AUX2]! & 3) === ITER_ACTIVE) {
    const previous = state.parent === undefined ? undefined : findPreviousEntry(env, state.parent, insn);
    const queued = pushState(env, insn + 1, insn);
    setPosition(queued, place, ITER_ACTIVE, 1);
    if (previous !== undefined) widenImpreciseScalars(env, previous, queued);
    markPtrNotNull(env, queued.frame.w, 0);
  }
  setPosition(state, place, ITER_DRAINED, 0);
  setKnownScalar(env.frame.w, 0, 0, 0);
}
