/** Dynptrs: pairs of stack slots that stand for memory whose size is known at run time only, and the slices taken out of them. */
import { BPF_DW } from '../../isa/opcodes.ts';
import type { Env } from '../context.ts';
import { checkMemAccess } from '../memory/memory.ts';
import { destroyIfDynptrSlot } from '../memory/stack.ts';
import {
  AUX0,
  AUX1,
  ID,
  REF_OBJ_ID,
  ROW,
  TYPE,
  clearSlot,
  fillSlot,
  markNotInit,
  setPointer,
  slotBase,
  slotType,
} from '../state/state.ts';
import type { Frame } from '../state/state.ts';
import {
  CONST_PTR_TO_DYNPTR,
  DYNPTR_INVALID,
  DYNPTR_LOCAL,
  DYNPTR_RINGBUF,
  DYNPTR_SKB,
  DYNPTR_SKB_META,
  DYNPTR_TYPE_LOCAL,
  DYNPTR_TYPE_RINGBUF,
  DYNPTR_TYPE_SKB,
  DYNPTR_TYPE_SKB_META,
  DYNPTR_TYPE_XDP,
  DYNPTR_XDP,
  MEM_RDONLY,
  MEM_UNINIT,
  PTR_TO_STACK,
  STACK_DYNPTR,
  dynptrTypeIsReferenced,
} from '../state/types.ts';
import { ARG_PTR_TO_DYNPTR } from '../../kernel/tables/type-flags.ts';
import { acquireReference, releaseReference } from './references.ts';
import { BAD_SLOT, markObjectRead, markObjectWritten, objectSlot, stackFrame } from './stack-objects.ts';

const SLOTS = 2;

/** Which kind of dynptr an argument's flags ask for. */
export function dynptrKindOfFlags(flags: number): number {
  if (flags & DYNPTR_TYPE_LOCAL) return DYNPTR_LOCAL;
  if (flags & DYNPTR_TYPE_RINGBUF) return DYNPTR_RINGBUF;
  if (flags & DYNPTR_TYPE_SKB) return DYNPTR_SKB;
  if (flags & DYNPTR_TYPE_XDP) return DYNPTR_XDP;
  if (flags & DYNPTR_TYPE_SKB_META) return DYNPTR_SKB_META;
  return DYNPTR_INVALID;
}

/** The flag that a slice of such a dynptr carries. */
export function flagOfDynptrKind(kind: number): number {
  switch (kind) {
    case DYNPTR_LOCAL:
      return DYNPTR_TYPE_LOCAL;
    case DYNPTR_RINGBUF:
      return DYNPTR_TYPE_RINGBUF;
    case DYNPTR_SKB:
      return DYNPTR_TYPE_SKB;
    case DYNPTR_XDP:
      return DYNPTR_TYPE_XDP;
    case DYNPTR_SKB_META:
      return DYNPTR_TYPE_SKB_META;
    default:
      return 0;
  }
}

const NAMES = ['', 'local', 'ringbuf', 'skb', 'xdp', 'skb_meta'] as const;

/** The memory behind such a dynptr moves when the packet changes. */
export function isPacketDynptr(kind: number): boolean {
  return kind === DYNPTR_SKB || kind === DYNPTR_SKB_META;
}

/** Makes a row describe a dynptr: a register that points to one, or one of its two slots. */
export function markDynptrRow(w: Int32Array, base: number, kind: number, first: boolean, id: number): void {
  setPointer(w, base, CONST_PTR_TO_DYNPTR);
  w[base + ID] = id;
  w[base + AUX0] = kind;
  w[base + AUX1] = first ? 1 : 0;
}

/** The row that tells about the dynptr which a checked register points to. */
function dynptrRow(env: Env, regno: number): { w: Int32Array; base: number } {
  const { w } = env.frame;
  const base = regno * ROW;
  if (w[base + TYPE] === CONST_PTR_TO_DYNPTR) return { w, base };
  const frame = stackFrame(env, base);
  return { w: frame.w, base: slotBase(objectSlot(env, base, 'dynptr', SLOTS)) };
}

export function dynptrId(env: Env, regno: number): number {
  const { w, base } = dynptrRow(env, regno);
  return w[base + ID]!;
}

export function dynptrReference(env: Env, regno: number): number {
  const { w, base } = dynptrRow(env, regno);
  return w[base + REF_OBJ_ID]!;
}

export function dynptrKind(env: Env, regno: number): number {
  const { w, base } = dynptrRow(env, regno);
  return w[base + AUX0]!;
}

/** The reference held by the dynptr in the stack slot that a register points to; 0 when there is none. */
export function stackDynptrReference(env: Env, regno: number): number {
  const base = regno * ROW;
  const slot = objectSlot(env, base, 'dynptr', SLOTS);
  return slot < 0 ? 0 : stackFrame(env, base).w[slotBase(slot) + REF_OBJ_ID]!;
}

function markStackSlots(env: Env, regno: number, argType: number, insn: number, cloneReference: number): void {
  const base = regno * ROW;
  const frame = stackFrame(env, base);
  const slot = objectSlot(env, base, 'dynptr', SLOTS);
  if (slot < 0) env.reject();
  // The two slots may belong to two different older dynptrs.
  destroyIfDynptrSlot(env, frame, slot);
  destroyIfDynptrSlot(env, frame, slot - 1);
  const kind = dynptrKindOfFlags(argType);
  const { w } = frame;
  const id = env.newId();
  for (let i = 0; i < SLOTS; i++) {
    const row = slotBase(slot - i);
    markDynptrRow(w, row, kind, i === 0, id);
    fillSlot(w, row, STACK_DYNPTR);
  }
  if (dynptrTypeIsReferenced(kind)) {
    const reference = cloneReference !== 0 ? cloneReference : acquireReference(env, insn);
    w[slotBase(slot) + REF_OBJ_ID] = reference;
    w[slotBase(slot - 1) + REF_OBJ_ID] = reference;
  }
  markObjectWritten(env, frame, slot);
  markObjectWritten(env, frame, slot - 1);
}

function invalidate(env: Env, frame: Frame, slot: number): void {
  for (let i = 0; i < SLOTS; i++) {
    const row = slotBase(slot - i);
    markNotInit(frame.w, row);
    clearSlot(frame.w, row);
    markObjectWritten(env, frame, slot - i);
  }
}

/** Submit and discard: the dynptr, its clones and every slice of them are gone. */
export function unmarkDynptr(env: Env, regno: number): void {
  const base = regno * ROW;
  const frame = stackFrame(env, base);
  const slot = objectSlot(env, base, 'dynptr', SLOTS);
  if (slot < 0) env.reject();
  const row = slotBase(slot);
  if (!dynptrTypeIsReferenced(frame.w[row + AUX0]!)) {
    invalidate(env, frame, slot);
    return;
  }
  const reference = frame.w[row + REF_OBJ_ID]!;
  releaseReference(env, reference);
  for (let i = 1; i < frame.slots; i++) {
    const at = slotBase(i);
    if (frame.w[at + REF_OBJ_ID] !== reference || slotType(frame.w, at, 0) !== STACK_DYNPTR) continue;
    if (frame.w[at + AUX1] === 1) invalidate(env, frame, i);
  }
}

function validUninitialised(env: Env, base: number): boolean {
  if (env.frame.w[base + TYPE] === CONST_PTR_TO_DYNPTR) return false;
  return objectSlot(env, base, 'dynptr', SLOTS) !== BAD_SLOT;
}

function validInitialised(env: Env, base: number): boolean {
  if (env.frame.w[base + TYPE] === CONST_PTR_TO_DYNPTR) return true;
  const slot = objectSlot(env, base, 'dynptr', SLOTS);
  if (slot < 0) return false;
  const { w } = stackFrame(env, base);
  if (slotType(w, slotBase(slot), 0) !== STACK_DYNPTR || w[slotBase(slot) + AUX1] !== 1) return false;
  for (let byte = 0; byte < 8; byte++) {
    if (slotType(w, slotBase(slot), byte) !== STACK_DYNPTR) return false;
    if (slotType(w, slotBase(slot - 1), byte) !== STACK_DYNPTR) return false;
  }
  return true;
}

/** Checks an argument that is a dynptr: to be made (MEM_UNINIT), or made already. */
export function processDynptrArgument(
  env: Env,
  regno: number,
  insn: number,
  argType: number,
  cloneReference: number,
): void {
  const base = regno * ROW;
  const type = env.frame.w[base + TYPE]!;
  if (type !== PTR_TO_STACK && type !== CONST_PTR_TO_DYNPTR) {
    env.fail(`arg#${regno - 1} expected pointer to stack or const struct bpf_dynptr`);
  }
  if (argType & MEM_UNINIT) {
    if (!validUninitialised(env, base)) env.fail('Dynptr has to be an uninitialized dynptr');
    for (let i = 0; i < 16; i += 8) checkMemAccess(env, insn, regno, i, BPF_DW, 'write', -1, false, false);
    markStackSlots(env, regno, argType, insn, cloneReference);
    return;
  }
  if (type === CONST_PTR_TO_DYNPTR && (argType & MEM_RDONLY) === 0) {
    env.fail('cannot pass pointer to const bpf_dynptr, the helper mutates it');
  }
  if (!validInitialised(env, base)) env.fail(`Expected an initialized dynptr as arg #${regno - 1}`);
  const wanted = argType & ~MEM_RDONLY;
  if (wanted !== ARG_PTR_TO_DYNPTR) {
    const kind = dynptrKindOfFlags(wanted);
    if (dynptrKind(env, regno) !== kind) {
      env.fail(`Expected a dynptr of type ${NAMES[kind] ?? ''} as arg #${regno - 1}`);
    }
  }
  if (type === PTR_TO_STACK) {
    markObjectRead(env, stackFrame(env, base), objectSlot(env, base, 'dynptr', SLOTS), SLOTS);
  }
}
