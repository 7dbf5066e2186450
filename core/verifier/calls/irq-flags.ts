/** Saved interrupt flags in stack slots: bpf_local_irq_save and its like. */
import { BPF_DW } from '../../isa/opcodes.ts';
import type { Env } from '../context.ts';
import { checkMemAccess } from '../memory/memory.ts';
import {
  AUX0,
  REF_OBJ_ID,
  ROW,
  clearSlot,
  fillSlot,
  markNotInit,
  setPointer,
  slotBase,
  slotType,
} from '../state/state.ts';
import { PTR_TO_STACK, STACK_IRQ_FLAG } from '../state/types.ts';
import { acquireIrq, releaseIrq } from './references.ts';
import { SLOT_NOT_ALLOCATED, markObjectRead, markObjectWritten, objectSlot, stackFrame } from './stack-objects.ts';

/** Which functions saved the flags: the others must not restore them. */
export const IRQ_NATIVE = 1;
export const IRQ_LOCK = 2;

const CLASS_NAMES = ['', 'native', 'lock'] as const;

function isFlagSlot(w: Int32Array, row: number): boolean {
  for (let byte = 0; byte < 8; byte++) if (slotType(w, row, byte) !== STACK_IRQ_FLAG) return false;
  return true;
}

/** Saves flags into the slot that an argument points to. */
export function saveIrqFlag(env: Env, regno: number, kind: number): void {
  const base = regno * ROW;
  const slot = objectSlot(env, base, 'irq_flag', 1);
  let free = slot === SLOT_NOT_ALLOCATED;
  if (slot >= 0) {
    const { w } = stackFrame(env, base);
    free = true;
    for (let byte = 0; byte < 8; byte++) if (slotType(w, slotBase(slot), byte) === STACK_IRQ_FLAG) free = false;
  }
  if (!free) env.fail(`expected uninitialized irq flag as arg#${regno - 1}`);
  checkMemAccess(env, env.insn, regno, 0, BPF_DW, 'write', -1, false, false);
  const frame = stackFrame(env, base);
  const at = objectSlot(env, base, 'irq_flag', 1);
  if (at < 0) env.reject();
  const id = acquireIrq(env, env.insn);
  const row = slotBase(at);
  setPointer(frame.w, row, PTR_TO_STACK);
  frame.w[row + REF_OBJ_ID] = id;
  frame.w[row + AUX0] = kind;
  fillSlot(frame.w, row, STACK_IRQ_FLAG);
  markObjectWritten(env, frame, at);
}

/** Restores the flags that an argument points to: sections must be left in the opposite order of being entered. */
export function restoreIrqFlag(env: Env, regno: number, kind: number): void {
  const base = regno * ROW;
  const slot = objectSlot(env, base, 'irq_flag', 1);
  const frame = stackFrame(env, base);
  const row = slotBase(slot);
  if (slot < 0 || frame.w[row + REF_OBJ_ID] === 0 || !isFlagSlot(frame.w, row)) {
    env.fail(`expected an initialized irq flag as arg#${regno - 1}`);
  }
  markObjectRead(env, frame, slot, 1);
  const saved = frame.w[row + AUX0]!;
  if (saved !== kind) {
    env.fail(
      `irq flag acquired by ${CLASS_NAMES[saved] ?? ''} kfuncs cannot be restored with ${CLASS_NAMES[kind] ?? ''} kfuncs`,
    );
  }
  const { state } = env;
  if (releaseIrq(state, frame.w[row + REF_OBJ_ID]!) !== 'done') {
    const expected = state.refs.find((ref) => ref.id === state.activeIrqId);
    env.fail(
      `cannot restore irq state out of order, expected id=${state.activeIrqId} acquired at insn_idx=${expected?.insn ?? -1}`,
    );
  }
  markNotInit(frame.w, row);
  clearSlot(frame.w, row);
  markObjectWritten(env, frame, slot);
}
