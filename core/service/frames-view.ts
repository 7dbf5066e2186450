/** Frames, registers and stack slots at a moment. */
import { framesView, hex } from '../debugger/inspect.ts';
import { registerOf } from '../debugger/scope.ts';
import { memoryAccess, registersRead, registersWritten } from '../isa/operands.ts';
import { BPF_REG_10 } from '../isa/opcodes.ts';
import type { LedgerEntry } from '../kernel/ledger.ts';
import type { Frame } from '../machine/frames.ts';
import { savedAt } from '../machine/frames.ts';
import { FRAME_STACK } from '../machine/engine/layout.ts';
import type { Machine } from '../machine/machine.ts';
import type { Program } from '../object/program.ts';
import type { ClaimView, FrameView, RegisterView, StackSlotView } from '../protocol/views.ts';
import { nameOfEntry, nameOfPointer, resourceOf } from './names.ts';
import { holderOf, isWritten } from './places.ts';

/** What the verifier says about registers and slots of a frame. */
export interface FrameClaims {
  register(register: number): ClaimView | undefined;
  slot(offset: number): ClaimView | undefined;
}

export function frameViews(machine: Machine): FrameView[] {
  const frames = machine.frames();
  const held = new Map<number, number>();
  for (const entry of machine.kernel.ledger.outstanding()) {
    const index = holderOf(machine, frames, entry).frame;
    held.set(index, (held.get(index) ?? 0) + 1);
  }
  return framesView(machine).map((frame) => ({ ...frame, held: held.get(frame.index) ?? 0 }));
}

// ---- registers --------------------------------------------------------------------------------------------------------

export function registerViews(machine: Machine, frame: number, claims: FrameClaims | undefined): RegisterView[] {
  const frames = machine.frames();
  if (frames[frame] === undefined) return [];
  const use = frame === 0 ? usesOf(machine) : undefined;
  return Array.from({ length: 11 }, (_, register) => {
    const name = register === 10 ? 'fp' : `r${register}`;
    const note = noteOf(machine, frames, frame, register);
    const used = use?.(register);
    const common = {
      name,
      ...(note === undefined ? {} : { note }),
      ...(used === undefined ? {} : { use: used }),
    };
    if (isUnreadable(machine, frame, register)) return common;
    const value = registerOf(machine, frames, frame, register);
    if (value.kind !== 'scalar') return common;
    const pointsTo = nameOfPointer(machine, value.bits);
    const resource = resourceOf(machine, value.bits);
    const claim = claims?.register(register);
    return {
      ...common,
      value: hex(value.bits),
      decimal: String(BigInt.asIntN(64, value.bits)),
      ...(pointsTo === undefined ? {} : { pointsTo }),
      ...(resource === undefined ? {} : { resource }),
      ...(claim === undefined ? {} : { claim }),
    };
  });
}

/** While frames are being unwound nothing may read what calls do not preserve. */
function isUnreadable(machine: Machine, frame: number, register: number): boolean {
  return frame === 0 && register <= 5 && isUnwinding(machine);
}

export function isUnwinding({ unwinding, phase }: Machine): boolean {
  return unwinding !== undefined && phase < unwinding.steps.length;
}

function noteOf(machine: Machine, frames: readonly Frame[], frame: number, register: number): string | undefined {
  if (register === 10) return undefined;
  if (register <= 5) {
    if (frame > 0) return 'kept nowhere: calls overwrite it';
    return isUnwinding(machine) ? 'unreadable after a throw' : undefined;
  }
  const inner = frames[frame - 1];
  if (inner !== undefined) return `saved by ${inner.name} at fp${savedAt(calleeSaved(register))}`;
  const left = isUnwinding(machine) ? lastLeft(machine) : undefined;
  return left === undefined ? undefined : `restored from ${left}`;
}

function calleeSaved(register: number): 6 | 7 | 8 | 9 {
  return register === 6 ? 6 : register === 7 ? 7 : register === 8 ? 8 : 9;
}

/** The frame that the unwinding has left last. */
function lastLeft({ unwinding, phase }: Machine): string | undefined {
  const step = unwinding?.steps.slice(0, phase).findLast(({ kind }) => kind === 'leave-frame');
  return step?.kind === 'leave-frame' && step.frame.frame > 0 ? step.frame.name : undefined;
}

function usesOf(machine: Machine): ((register: number) => 'read' | 'write' | 'both' | undefined) | undefined {
  const at = machine.location;
  if (at === undefined || machine.end !== undefined || isUnwinding(machine)) return undefined;
  const insns = at.program.instructions;
  const read = registersRead(insns, at.insn);
  const written = registersWritten(insns, at.insn);
  return (register) => {
    const reads = (read & (1 << register)) !== 0;
    const writes = (written & (1 << register)) !== 0;
    return reads ? (writes ? 'both' : 'read') : writes ? 'write' : undefined;
  };
}

// ---- the stack --------------------------------------------------------------------------------------------------------

export function stackViews(machine: Machine, index: number, claims: FrameClaims | undefined): StackSlotView[] {
  const frames = machine.frames();
  const frame = frames[index];
  if (frame === undefined) return [];
  const slots: StackSlotView[] = [];
  const depth = usedStack(machine, frame);
  const spills = spillsOf(frame.image.program, frame.subprogram);
  for (let offset = -8; offset >= -depth; offset -= 8) slots.push(slotView(machine, frame, offset, spills, claims));
  const caller = frames[index + 1];
  if (caller !== undefined && !frame.boundary) {
    for (const register of [6, 7, 8, 9] as const) slots.push(savedView(machine, frame, caller, register));
  }
  return slots;
}

/** Bytes from the frame pointer down to the lowest that was written. */
function usedStack({ memory }: Machine, { framePointer }: Frame): number {
  for (let offset = -FRAME_STACK; offset < 0; offset += 8) {
    if (isWritten(memory.shadowAt(framePointer + offset))) return -offset;
  }
  return 0;
}

function slotView(
  machine: Machine,
  { framePointer }: Frame,
  offset: number,
  spills: ReadonlyMap<number, number>,
  claims: FrameClaims | undefined,
): StackSlotView {
  const { memory } = machine;
  const at = framePointer + offset;
  const address = hex(memory.pointer(at));
  const resource = ofSlot(machine, memory.pointer(at));
  const what = resource === undefined ? spillText(spills, offset) : nameOfEntry(resource);
  const common = { offset, address, ...(what === undefined ? {} : { what }) };
  if (!isWritten(memory.shadowAt(at))) return { ...common, bytes: '··'.repeat(8) };
  const value = memory.readU64(at);
  const pointsTo = nameOfPointer(machine, value);
  const named = resource?.id ?? resourceOf(machine, value);
  const claim = claims?.slot(offset);
  return {
    ...common,
    bytes: bytesText(memory.bytes, at),
    value: hex(value),
    ...(pointsTo === undefined ? {} : { pointsTo }),
    ...(named === undefined ? {} : { resource: named }),
    ...(claim === undefined ? {} : { claim }),
  };
}

/** What of the ledger *is* these eight bytes and the next: a dynptr, an iterator, a saved flag, a lock. */
function ofSlot({ kernel }: Machine, address: bigint): LedgerEntry | undefined {
  return kernel.ledger.held().find((entry) => entry.value === address);
}

function spillText(spills: ReadonlyMap<number, number>, offset: number): string | undefined {
  const register = spills.get(offset);
  return register === undefined ? undefined : `spilled r${register}`;
}

function savedView(machine: Machine, frame: Frame, caller: Frame, register: 6 | 7 | 8 | 9): StackSlotView {
  const { memory } = machine;
  const offset = savedAt(register);
  const at = frame.framePointer + offset;
  const value = memory.readU64(at);
  const pointsTo = nameOfPointer(machine, value);
  const resource = resourceOf(machine, value);
  return {
    offset,
    address: hex(memory.pointer(at)),
    bytes: bytesText(memory.bytes, at),
    value: hex(value),
    what: `saved r${register} of ${caller.name}`,
    ...(resource === undefined ? {} : { resource }),
    ...(pointsTo === undefined ? {} : { pointsTo }),
  };
}

export function bytesText(bytes: Uint8Array, at: number): string {
  let text = '';
  for (let i = 0; i < 8; i++) text += (bytes[at + i] ?? 0).toString(16).padStart(2, '0');
  return text;
}

const spillTables = new WeakMap<Program, Map<number, ReadonlyMap<number, number>>>();

/** Slots into which a function stores whole registers, always the same one: by offset, the register. */
function spillsOf(program: Program, subprogram: number): ReadonlyMap<number, number> {
  let tables = spillTables.get(program);
  if (tables === undefined) spillTables.set(program, (tables = new Map()));
  const known = tables.get(subprogram);
  if (known !== undefined) return known;
  const spills = new Map<number, number>();
  const several = new Set<number>();
  const { instructions: insns } = program;
  const { start, end } = program.subprograms[subprogram] ?? { start: 0, end: 0 };
  for (let i = start; i < end; i += insns.slots(i)) {
    const access = memoryAccess(insns, i);
    if (access?.kind !== 'store' || access.base !== BPF_REG_10) continue;
    // Stores of constants and of parts tell that the slot is a variable.
    const register = access.size === 8 && registersRead(insns, i) !== 1 << BPF_REG_10 ? insns.src[i] : undefined;
    const slot = Math.floor(access.offset / 8) * 8;
    const before = spills.get(slot);
    if (register === undefined || (before !== undefined && before !== register)) several.add(slot);
    else spills.set(slot, register);
  }
  for (const slot of several) spills.delete(slot);
  tables.set(subprogram, spills);
  return spills;
}
