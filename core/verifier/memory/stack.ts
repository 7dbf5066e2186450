/**
 * The stack of a frame: what is in each slot, spills and fills, partial and variable-offset accesses.
 *
 * Slot n covers fp-8(n+1) to fp-8n-1. Its bytes are typed one by one: a register spilled whole keeps all that is known of it,
 * one spilled narrower too; everything else is "something" or zero.
 */
import type { Env } from '../context.ts';
import { BPF_MEM, BPF_ST } from '../../isa/opcodes.ts';
import { pushHistory } from '../state/history.ts';
import { markChainPrecision } from '../paths/precision.ts';
import { printSourceLine, tnumLogText } from '../print-state.ts';
import { assignScalarId, clearScalarId, forEachRegister, markRegInvalid, registerWidth } from '../state/registers.ts';
import {
  AUX0,
  AUX1,
  FRAMENO,
  type Frame,
  HISTORY_SLOT_SHIFT,
  HISTORY_STACK_ACCESS,
  ID,
  ROW,
  SMAX,
  SMIN,
  TYPE,
  VALUE,
  clearSlot,
  copyRegister,
  isConst,
  isNull,
  isSpilledRegister,
  isSpilledScalar,
  markNotInit,
  s64Number,
  setKnownScalar,
  setSlotType,
  setUnknownScalar,
  slotBase,
  slotKind,
  slotType,
} from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  BPF_MAX_VAR_OFF,
  CONST_PTR_TO_MAP,
  MAX_BPF_STACK,
  NOT_INIT,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  SCALAR_VALUE,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_IRQ_FLAG,
  STACK_ITER,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
  dynptrTypeIsReferenced,
} from '../state/types.ts';

export type Access = 'read' | 'write';

/** How a helper uses memory: `rawMode` says that it fills it and that nothing need be there before. */
export interface MemoryMeta {
  rawMode: boolean;
  /** Set when the memory turns out to be stack that the helper fills. */
  register: number;
  accessSize: number;
}

/** Slot of a stack offset (negative, relative to the frame pointer). */
export function stackSlotOf(off: number): number {
  return (-off - 1) >> 3;
}

/** Byte within the slot of a stack offset. */
function byteOf(off: number): number {
  return (-off - 1) & 7;
}

/** Makes room for `bytes` bytes of stack and remembers the deepest use. */
export function growStack(env: Env, frame: Frame, bytes: number): void {
  const slots = (bytes + 7) >> 3;
  if (frame.slots >= slots) return;
  frame.growStack(slots);
  const subprogram = env.subprograms[frame.subprogram]!;
  if (subprogram.stackDepth < slots * 8) subprogram.stackDepth = slots * 8;
}

function isSpillable(type: number): boolean {
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_MAP_VALUE:
    case PTR_TO_STACK:
    case PTR_TO_CTX:
    case PTR_TO_PACKET:
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET_END:
    case PTR_TO_FLOW_KEYS:
    case CONST_PTR_TO_MAP:
    case PTR_TO_SOCKET:
    case PTR_TO_SOCK_COMMON:
    case PTR_TO_TCP_SOCK:
    case PTR_TO_XDP_SOCK:
    case PTR_TO_BTF_ID:
    case PTR_TO_BUF:
    case PTR_TO_MEM:
    case PTR_TO_FUNC:
    case PTR_TO_MAP_KEY:
    case PTR_TO_ARENA:
      return true;
    default:
      return false;
  }
}

/** A slot that is not plain bytes: writing some of them makes all of them plain. */
function isSpecialSlot(w: Int32Array, base: number): boolean {
  const kind = slotKind(w, base);
  return kind === STACK_SPILL || kind === STACK_DYNPTR || kind === STACK_ITER || kind === STACK_IRQ_FLAG;
}

/** Bytes of what was a spilled register or an object become plain bytes; invalid ones stay so. */
export function scrubSlot(w: Int32Array, base: number): void {
  for (let byte = 0; byte < 8; byte++)
    if (slotType(w, base, byte) !== STACK_INVALID) setSlotType(w, base, byte, STACK_MISC);
}

/** Puts a register into a slot; what lies above a narrow spill is made plain, unless it was invalid or zero. */
function spill(frame: Frame, slot: number, from: Int32Array, register: number, size: number): void {
  const w = frame.w;
  const base = slotBase(slot);
  copyRegister(w, base, from, register);
  let byte = 7;
  for (; byte > 7 - size; byte--) setSlotType(w, base, byte, STACK_SPILL);
  for (; byte >= 0; byte--) {
    const type = slotType(w, base, byte);
    if (type !== STACK_ZERO && type !== STACK_INVALID) setSlotType(w, base, byte, STACK_MISC);
  }
}

/** Writing into a dynptr destroys it, and with it the slices that were taken of it. A referenced one must not be lost. */
export function destroyIfDynptrSlot(env: Env, frame: Frame, slot: number): void {
  const w = frame.w;
  if (slot >= frame.slots || slotType(w, slotBase(slot), 0) !== STACK_DYNPTR) return;
  const first = w[slotBase(slot) + AUX1] !== 0 ? slot : slot + 1;
  const base = slotBase(first);
  if (dynptrTypeIsReferenced(w[base + AUX0]!)) env.fail('cannot overwrite referenced dynptr');
  env.scratchSlot(first);
  env.scratchSlot(first - 1);
  env.liveness.markWrite(frame.frameno, first);
  env.liveness.markWrite(frame.frameno, first - 1);
  clearSlot(w, base);
  clearSlot(w, slotBase(first - 1));
  const id = w[base + ID]!;
  forEachRegister(env.state, (owner, at) => {
    const type = owner.w[at + TYPE]!;
    if (type !== PTR_TO_MEM && type !== (PTR_TO_MEM | PTR_MAYBE_NULL)) return;
    if (owner.w[at + AUX1] === id) markRegInvalid(env, owner.w, at);
  });
  markNotInit(w, base);
  markNotInit(w, slotBase(first - 1));
}

const constant = new Int32Array(ROW);

function isStoreImmediate(env: Env, insn: number): boolean {
  return (env.insns.code[insn]! & 0xe7) === (BPF_ST | BPF_MEM);
}

function spillFlags(frame: Frame, slot: number): number {
  return HISTORY_STACK_ACCESS | (slot << HISTORY_SLOT_SHIFT) | frame.frameno;
}

/** A store at a fixed stack offset; register -1 stands for an immediate or an unknown value. */
function writeFixed(env: Env, frame: Frame, off: number, size: number, register: number, insn: number): void {
  const slot = stackSlotOf(off);
  const w = frame.w;
  const base = slotBase(slot);
  const own = env.frame;
  const from = own.w;
  const r = register * ROW;
  destroyIfDynptrSlot(env, frame, slot);
  const aligned = (off & 7) === 0;
  if (aligned && size === 8) env.liveness.markWrite(frame.frameno, slot);
  checkFastcallContract(env, frame, insn, off);
  env.scratchSlot(slot);
  if (register >= 0 && aligned && from[r + TYPE] === SCALAR_VALUE) {
    const fits = registerWidth(from, r) <= 8 * size;
    if (fits) assignScalarId(env, from, r);
    spill(frame, slot, from, r, size);
    if (!fits) w[base + ID] = 0;
  } else if (register < 0 && aligned && isStoreImmediate(env, insn)) {
    const imm = env.insns.imm[insn]!;
    constant.fill(0);
    setKnownScalar(constant, 0, imm, imm >> 31);
    spill(frame, slot, constant, 0, size);
  } else if (register >= 0 && isSpillable(from[r + TYPE]!)) {
    if (size !== 8) {
      printSourceLine(env, insn, '; ');
      env.fail('invalid size of register spill');
    }
    if (frame !== own && from[r + TYPE] === PTR_TO_STACK)
      env.fail('cannot spill pointers to stack into stack frame of the caller');
    spill(frame, slot, from, r, size);
  } else {
    w[base + TYPE] = NOT_INIT;
    if (isSpecialSlot(w, base)) scrubSlot(w, base);
    let type = STACK_MISC;
    if (register >= 0 ? isNull(from, r) : isStoreImmediate(env, insn) && env.insns.imm[insn] === 0) {
      // Zero bytes are kept as such without remembering the register: so its value must be exact.
      if (register >= 0) markChainPrecision(env, register);
      type = STACK_ZERO;
    }
    for (let i = 0; i < size; i++) setSlotType(w, base, byteOf(off + i), type);
    return;
  }
  pushHistory(env, env.state, spillFlags(frame, slot));
}

/** A store at a variable stack offset: each byte in range may have been written. */
function writeVariable(
  env: Env,
  frame: Frame,
  pointer: number,
  off: number,
  size: number,
  register: number,
  insn: number,
): void {
  const own = env.frame.w;
  const min = s64Number(own, pointer * ROW + SMIN) + off;
  const max = s64Number(own, pointer * ROW + SMAX) + off + size;
  const zero = register >= 0 ? isNull(own, register * ROW) : isStoreImmediate(env, insn) && env.insns.imm[insn] === 0;
  let zeroUsed = false;
  for (let at = min; at < max; at++) destroyIfDynptrSlot(env, frame, stackSlotOf(at));
  checkFastcallContract(env, frame, insn, min);
  const w = frame.w;
  for (let at = min; at < max; at++) {
    const slot = stackSlotOf(at);
    const base = slotBase(slot);
    const byte = byteOf(at);
    const type = slotType(w, base, byte);
    env.scratchSlot(slot);
    if (zero && type === STACK_SPILL && isSpilledScalar(w, base) && isNull(w, base)) {
      zeroUsed = true;
      continue;
    }
    w[base + TYPE] = NOT_INIT;
    if (isSpecialSlot(w, base)) scrubSlot(w, base);
    if (zero && type === STACK_ZERO) zeroUsed = true;
    else setSlotType(w, base, byte, STACK_MISC);
  }
  if (zeroUsed && register >= 0) markChainPrecision(env, register);
}

/** What a register holds after reading plain stack bytes: zero when all of them are. */
function fillFromBytes(env: Env, frame: Frame, min: number, max: number, register: number): void {
  const d = register * ROW;
  const target = env.frame.w;
  let zeros = true;
  for (let at = min; at < max && zeros; at++) {
    const slot = stackSlotOf(at);
    env.scratchSlot(slot);
    zeros = slotType(frame.w, slotBase(slot), byteOf(at)) === STACK_ZERO;
  }
  if (zeros) setKnownScalar(target, d, 0, 0);
  else setUnknownScalar(target, d);
}

/** Bytes of dynptrs, iterators and irq flags are the kernel's. What was never written may be read: the program may leak. */
function checkPlainByte(env: Env, type: number, off: number, i: number, size: number): void {
  if (type !== STACK_MISC && type !== STACK_ZERO && type !== STACK_INVALID)
    env.fail(`invalid read from stack off ${off}+${i} size ${size}`);
}

/** A load from a fixed stack offset into a register, or (register -1) for a helper or an atomic operation. */
function readFixed(env: Env, frame: Frame, off: number, size: number, register: number): void {
  const slot = stackSlotOf(off);
  const w = frame.w;
  const base = slotBase(slot);
  const target = env.frame.w;
  const d = register * ROW;
  env.scratchSlot(slot);
  checkFastcallContract(env, env.frame, env.insn, off);
  env.liveness.markReadSlot(frame.frameno, env.insn, slot);
  if (!isSpilledRegister(w, base)) {
    for (let i = 0; i < size; i++) {
      const type = slotType(w, base, byteOf(off + i));
      if (type !== STACK_MISC && type !== STACK_ZERO && type !== STACK_INVALID)
        env.fail(`invalid read from stack off ${off}+${i} size ${size}`);
    }
    if (register >= 0) fillFromBytes(env, frame, off, off + size, register);
    return;
  }
  let spillSize = 1;
  for (let byte = 6; byte >= 0 && slotType(w, base, byte) === STACK_SPILL; byte--) spillSize++;
  if (size !== 8 || spillSize !== 8) {
    if (w[base + TYPE] !== SCALAR_VALUE) {
      printSourceLine(env, env.insn, '; ');
      env.fail('invalid size of register fill');
    }
    if (register < 0) return;
    if (size <= spillSize && (off & 7) === 0) {
      if (size === 4 && spillSize === 4 && registerWidth(w, base) <= 32) assignScalarId(env, w, base);
      copyRegister(target, d, w, base);
      // A narrowing fill gives a different value.
      if (registerWidth(w, base) > size * 8) clearScalarId(target, d);
    } else {
      let spilled = 0;
      let zeros = 0;
      for (let i = 0; i < size; i++) {
        const type = slotType(w, base, byteOf(off + i));
        if (type === STACK_SPILL) spilled++;
        else if (type === STACK_ZERO) zeros++;
        else checkPlainByte(env, type, off, i, size);
      }
      if (spilled === size && isConst(w, base) && (w[base + VALUE]! | w[base + VALUE + 1]!) === 0)
        setKnownScalar(target, d, 0, 0);
      else {
        if (zeros === size) setKnownScalar(target, d, 0, 0);
        else setUnknownScalar(target, d);
        return;
      }
    }
  } else if (register >= 0) {
    copyRegister(target, d, w, base);
  }
  pushHistory(env, env.state, spillFlags(frame, slot));
}

/** The accessed bytes, fixed or variable, lie on the stack; makes room for them. */
function checkWithinStack(env: Env, register: number, off: number, size: number, access: Access): void {
  const w = env.frame.w;
  const base = register * ROW;
  const what = access === 'read' ? ' read from' : ' write to';
  const fixed = isConst(w, base);
  let min: number;
  let max: number;
  if (fixed) {
    min = s64Number(w, base + VALUE) + off;
    max = min + size;
  } else {
    const smin = s64Number(w, base + SMIN);
    const smax = s64Number(w, base + SMAX);
    if (smax >= BPF_MAX_VAR_OFF || smin <= -BPF_MAX_VAR_OFF)
      env.fail(`invalid unbounded variable-offset${what} stack R${register}`);
    min = smin + off;
    max = smax + off + size;
  }
  if (min < -MAX_BPF_STACK || min > -1 || max > 0 || size < 0) {
    if (fixed) env.fail(`invalid${what} stack R${register} off=${off} size=${size}`);
    env.fail(
      `invalid variable-offset${what} stack R${register} var_off=${tnumLogText(w, base + VALUE)} off=${off} size=${size}`,
    );
  }
  growStack(env, env.frameAt(w[base + FRAMENO]!), -min);
}

/** A load through a stack pointer. `off` has the pointer's fixed part in it. */
export function checkStackRead(env: Env, pointer: number, off: number, size: number, register: number): void {
  checkWithinStack(env, pointer, off, size, 'read');
  const own = env.frame.w;
  const base = pointer * ROW;
  const frame = env.frameAt(own[base + FRAMENO]!);
  if (isConst(own, base)) {
    readFixed(env, frame, off + s64Number(own, base + VALUE), size, register);
    return;
  }
  if (register < 0)
    env.fail(
      `variable offset stack pointer cannot be passed into helper function; var_off=${tnumLogText(own, base + VALUE)} off=${off} size=${size}`,
    );
  checkStackRangeInitialized(env, pointer, off, size, false, 'read', undefined);
  const min = s64Number(own, base + SMIN) + off;
  const max = s64Number(own, base + SMAX) + off;
  fillFromBytes(env, frame, min, max + size, register);
  checkFastcallContract(env, frame, env.insn, min);
}

/** A store through a stack pointer. */
export function checkStackWrite(
  env: Env,
  pointer: number,
  off: number,
  size: number,
  register: number,
  insn: number,
): void {
  checkWithinStack(env, pointer, off, size, 'write');
  const own = env.frame.w;
  const base = pointer * ROW;
  const frame = env.frameAt(own[base + FRAMENO]!);
  if (isConst(own, base)) writeFixed(env, frame, off + s64Number(own, base + VALUE), size, register, insn);
  else writeVariable(env, frame, pointer, off, size, register, insn);
}

/** Memory on the stack that a helper reads or fills: every byte is initialised, or becomes so. */
export function checkStackRangeInitialized(
  env: Env,
  register: number,
  off: number,
  size: number,
  zeroSizeAllowed: boolean,
  access: Access,
  meta: MemoryMeta | undefined,
): void {
  const own = env.frame.w;
  const r = register * ROW;
  if (size === 0 && !zeroSizeAllowed) env.fail('invalid zero-sized read');
  checkWithinStack(env, register, off, size, access);
  const frame = env.frameAt(own[r + FRAMENO]!);
  const w = frame.w;
  const fixed = isConst(own, r);
  const min = (fixed ? s64Number(own, r + VALUE) : s64Number(own, r + SMIN)) + off;
  const max = (fixed ? s64Number(own, r + VALUE) : s64Number(own, r + SMAX)) + off;
  if (fixed && meta !== undefined && meta.rawMode) {
    for (let at = min; at < max + size; at++) {
      if (frame.slots * 8 <= -at - 1) continue;
      if (slotType(w, slotBase(stackSlotOf(at)), byteOf(at)) === STACK_DYNPTR)
        env.fail(`potential write to dynptr at off=${at} disallowed`);
    }
    meta.accessSize = size;
    meta.register = register;
    return;
  }
  for (let at = min; at < max + size; at++) {
    const slot = stackSlotOf(at);
    const base = slotBase(slot);
    const byte = byteOf(at);
    const type = slotType(w, base, byte);
    if (type === STACK_ZERO || type === STACK_INVALID) {
      if (access === 'write') setSlotType(w, base, byte, STACK_MISC);
    } else if (type !== STACK_MISC) {
      if (!isSpilledRegister(w, base)) {
        if (fixed) env.fail(`invalid read from stack R${register} off ${min}+${at - min} size ${size}`);
        env.fail(
          `invalid read from stack R${register} var_off ${tnumLogText(own, r + VALUE)}+${at - min} size ${size}`,
        );
      }
      if (access === 'write') {
        setUnknownScalar(w, base);
        scrubSlot(w, base);
      }
    }
    // Any byte of a slot reads the slot. Nothing is noted as written: the helper need not write all of it.
    env.liveness.markReadSlot(frame.frameno, env.insn, slot);
  }
}

/** A stack access outside the spills around a bpf_fastcall call: such a subprogram keeps those spills. */
export function checkFastcallContract(env: Env, frame: Frame, insn: number, off: number): void {
  const subprogram = env.subprograms[frame.subprogram]!;
  if (subprogram.fastcallStackOff <= off || env.facts.fastcallPattern[insn] === 1) return;
  subprogram.fastcallStackOff = -0x8000;
  env.facts.fastcallPattern.fill(0, subprogram.start, subprogram.end);
  env.facts.fastcallSpills.fill(0, subprogram.start, subprogram.end);
}
