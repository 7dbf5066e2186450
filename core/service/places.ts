/** Who holds a resource, and in which register or slot of its frame. */
import { CALLEE_SAVED } from '../exceptions/descriptor.ts';
import type { LedgerEntry } from '../kernel/ledger.ts';
import type { Frame } from '../machine/frames.ts';
import { savedAt } from '../machine/frames.ts';
import { FRAME_STACK, SHADOW_COUNT, SHADOW_UNINITIALISED } from '../machine/engine/layout.ts';
import type { Machine } from '../machine/machine.ts';

/** Whether something was written into eight bytes of a frame. */
export function isWritten(shadow: number): boolean {
  return (shadow & SHADOW_UNINITIALISED) === 0 && (shadow & SHADOW_COUNT) !== 0;
}

export interface Holder {
  /** Index from the innermost frame. */
  readonly frame: number;
  /** `r6`, `fp-24`; empty when no register or slot of a frame has it. */
  readonly place: string;
}

/** The frame that acquired it is asked first, then the others from the innermost on: a callee may have handed it to its caller. */
export function holderOf(machine: Machine, frames: readonly Frame[], entry: LedgerEntry): Holder {
  const own = Math.max(
    frames.findIndex((frame) => frame.depth <= entry.at.frame),
    0,
  );
  const inSlot = slotOf(machine, frames, entry.value);
  if (inSlot !== undefined) return inSlot;
  if (entry.value !== 0n && isPointer(entry)) {
    for (const index of [own, ...frames.keys()]) {
      const place = placeIn(machine, frames, index, entry.value);
      if (place !== undefined) return { frame: index, place };
    }
  }
  return { frame: own, place: '' };
}

function isPointer({ type }: LedgerEntry): boolean {
  return type === 'reference' || type === 'object' || type === 'ringbuf_record';
}

/** A dynptr, an iterator or a saved flag is its slot. */
function slotOf({ memory }: Machine, frames: readonly Frame[], value: bigint): Holder | undefined {
  const offset = memory.offset(value);
  if (offset === undefined) return undefined;
  const frame = frames.findIndex(({ framePointer }) => offset < framePointer && offset >= framePointer - FRAME_STACK);
  const found = frames[frame];
  return found === undefined ? undefined : { frame, place: `fp${offset - found.framePointer}` };
}

function placeIn(machine: Machine, frames: readonly Frame[], index: number, value: bigint): string | undefined {
  const frame = frames[index];
  if (frame === undefined) return undefined;
  const { memory, kernel } = machine;
  const isIt = (word: bigint): boolean => word === value || (word !== 0n && kernel.resourceValue(word) === value);
  const inner = frames[index - 1];
  const registers = inner === undefined ? machine.registers : undefined;
  for (const register of CALLEE_SAVED) {
    const word =
      inner === undefined ? (registers?.[register] ?? 0n) : memory.readU64(inner.framePointer + savedAt(register));
    if (isIt(word)) return `r${register}`;
  }
  for (let offset = -8; offset >= -FRAME_STACK; offset -= 8) {
    const at = frame.framePointer + offset;
    if (isWritten(memory.shadowAt(at)) && isIt(memory.readU64(at))) return `fp${offset}`;
  }
  if (registers === undefined || machine.unwinding !== undefined) return undefined;
  for (let register = 0; register <= 5; register++) if (isIt(registers[register] ?? 0n)) return `r${register}`;
  return undefined;
}
