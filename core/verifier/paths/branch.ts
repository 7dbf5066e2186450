/** Conditional jumps: which ways are possible, and what is known on each of them afterwards. */
import {
  BPF_JA,
  BPF_JCOND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_MAY_GOTO,
  BPF_X,
} from '../../isa/opcodes.ts';
import { checkBoundsInvariants } from './alu.ts';
import { syncBounds, zeroExtendBounds } from '../values/bounds.ts';
import { AT_PKT_END, BEYOND_PKT_END, branchTaken, refineByComparison, reverseOpcode } from '../values/compare.ts';
import type { Env } from '../context.ts';
import { frameInsn, pushHistory } from '../state/history.ts';
import { markChainPrecision } from './precision.ts';
import { printInsnState } from '../print-state.ts';
import { findPreviousEntry } from './prune.ts';
import { widenImpreciseScalars } from '../state/states-equal.ts';
import { pushState } from './push-state.ts';
import { SRC_OP, checkRegArg, forEachRegister, isRcuRegister, markPtrNotNull } from '../state/registers.ts';
import { registerHasSpinLock } from '../calls/records.ts';
import { addBounds32, addBounds64 } from '../values/scalar-arithmetic.ts';
import {
  AUX0,
  HISTORY_DST_REG_STACK,
  HISTORY_SRC_REG_STACK,
  ID,
  type LinkedRegister,
  OFF,
  REF_OBJ_ID,
  REF_POINTER,
  ROW,
  SMAX,
  SMIN,
  type State,
  TYPE,
  UMAX,
  VALUE,
  isConst,
  isSpilledRegister,
  setKnown,
  slotBase,
  copyRegister,
  u64Number,
} from '../state/state.ts';
import { tnumAdd } from '../values/tnum.ts';
import {
  BASE_TYPE_MASK,
  BPF_REG_FP,
  ID_ADD_CONST,
  ID_ADD_CONST32,
  MEM_ALLOC,
  NON_OWN_REF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  SCALAR_VALUE,
} from '../state/types.ts';

const MAX_PACKET_OFF = 0xffff;
const MAX_LINKED = 6;

/** Scratch rows for the constant of a comparison, one per branch. */
const constantTrue = new Int32Array(ROW);
const constantFalse = new Int32Array(ROW);
const difference = new Int32Array(ROW);

/** Verifies the conditional jump at env.insn and sets env.insn to where verification goes on, less one. */
export function checkConditionalJump(env: Env): void {
  const { insns, insn } = env;
  const code = insns.code[insn]!;
  const operation = code & 0xf0;
  if (operation === BPF_JA || operation > BPF_JCOND) env.fail(`invalid BPF_JMP/JMP32 opcode ${operation.toString(16)}`);
  if (operation === BPF_JCOND) {
    checkMayGoto(env, code);
    return;
  }
  const dst = insns.dst[insn]!;
  const src = insns.src[insn]!;
  const off = insns.off[insn]!;
  const byRegister = (code & BPF_X) !== 0;
  const narrow = (code & 7) === BPF_JMP32;
  checkRegArg(env, dst, SRC_OP);
  const w = env.frame.w;
  const d = dst * ROW;
  let other: Int32Array = constantFalse;
  let o = 0;
  let flags = w[d + TYPE] === PTR_TO_STACK ? HISTORY_DST_REG_STACK : 0;
  if (byRegister) {
    if (insns.imm[insn] !== 0) env.fail('BPF_JMP/JMP32 uses reserved fields');
    checkRegArg(env, src, SRC_OP);
    other = w;
    o = src * ROW;
    if (w[o + TYPE] === PTR_TO_STACK) flags |= HISTORY_SRC_REG_STACK;
  } else {
    if (src !== 0) env.fail('BPF_JMP/JMP32 uses reserved fields');
    const imm = insns.imm[insn]!;
    constantFalse[TYPE] = SCALAR_VALUE;
    setKnown(constantFalse, 0, imm, imm >> 31);
  }
  if (flags !== 0) pushHistory(env, env.state, flags, undefined);

  const asserts = env.assertions.has(insn);
  if (asserts) env.assertions.before(insn, w, dst);
  const taken = branchTaken(w, d, other, o, operation, narrow);
  if (taken >= 0) {
    if (asserts) env.assertions.after(insn, taken === 0 ? w : undefined, taken === 1 ? w : undefined, dst);
    if (w[d + TYPE] === SCALAR_VALUE) markChainPrecision(env, dst);
    if (byRegister && w[o + TYPE] === SCALAR_VALUE) markChainPrecision(env, src);
    if (env.log.level >= 1) printInsnState(env);
    if (taken === 1) env.insn = insn + off;
    return;
  }
  const there = splitPaths(env, operation, narrow, byRegister, dst, src, insn + 1 + off);
  if (asserts) env.assertions.after(insn, env.frame.w, there.frame.w, dst);
  if (env.log.level >= 1) printInsnState(env);
}

function checkMayGoto(env: Env, code: number): void {
  const { insns, insn } = env;
  if (
    code !== (BPF_JMP | BPF_JCOND) ||
    insns.src[insn] !== BPF_MAY_GOTO ||
    insns.dst[insn] !== 0 ||
    insns.imm[insn] !== 0
  )
    env.fail(`invalid may_goto imm ${insns.imm[insn]}`);
  const previous = findPreviousEntry(env, env.state.parent, insn);
  const queued = pushState(env, insn + 1, insn);
  queued.mayGotoDepth++;
  if (previous !== undefined) widenImpreciseScalars(env, previous, queued);
  env.insn = insn + insns.off[insn]!;
}

/** Queues the path on which the jump is taken, and returns it, and goes on with the other, each with what it knows. */
function splitPaths(
  env: Env,
  operation: number,
  narrow: boolean,
  byRegister: boolean,
  dst: number,
  src: number,
  target: number,
): State {
  const here = env.state;
  const w = env.frame.w;
  const d = dst * ROW;
  const s = src * ROW;
  const linked: LinkedRegister[] = [];
  if (byRegister && w[s + TYPE] === SCALAR_VALUE && w[s + ID] !== 0) collectLinked(env, here, w[s + ID]!, linked);
  if (w[d + TYPE] === SCALAR_VALUE && w[d + ID] !== 0) collectLinked(env, here, w[d + ID]!, linked);
  // Before the other path is made, so that both have it in their history.
  if (linked.length > 1) pushHistory(env, here, 0, linked);

  const there = pushState(env, target, env.insn);
  const v = there.frame.w;
  if (byRegister) {
    learnFromComparison(env, v, d, v, s, w, d, w, s, operation, narrow);
  } else {
    constantTrue.set(constantFalse);
    learnFromComparison(env, v, d, constantTrue, 0, w, d, constantFalse, 0, operation, narrow);
  }
  if (byRegister && w[s + TYPE] === SCALAR_VALUE && w[s + ID] !== 0) {
    syncLinked(here, w, s, linked);
    syncLinked(there, v, s, linked);
  }
  if (w[d + TYPE] === SCALAR_VALUE && w[d + ID] !== 0) {
    syncLinked(here, w, d, linked);
    syncLinked(there, v, d, linked);
  }
  learnNullness(env, here, there, w, v, operation, narrow, byRegister, dst, src);
  return there;
}

function learnFromComparison(
  env: Env,
  ta: Int32Array,
  ti: number,
  tb: Int32Array,
  tj: number,
  fa: Int32Array,
  fi: number,
  fb: Int32Array,
  fj: number,
  operation: number,
  narrow: boolean,
): void {
  if (fa[fi + TYPE] !== SCALAR_VALUE || fb[fj + TYPE] !== SCALAR_VALUE) return;
  refineByComparison(fa, fi, fb, fj, reverseOpcode(operation), narrow);
  syncBounds(fa, fi);
  syncBounds(fb, fj);
  refineByComparison(ta, ti, tb, tj, operation, narrow);
  syncBounds(ta, ti);
  syncBounds(tb, tj);
  checkBoundsInvariants(env, ta, ti, 'true_reg1');
  checkBoundsInvariants(env, tb, tj, 'true_reg2');
  checkBoundsInvariants(env, fa, fi, 'false_reg1');
  checkBoundsInvariants(env, fb, fj, 'false_reg2');
}

/** Registers that are live, and spilled registers, that are linked to an id; those beyond what the history can hold lose their link. */
function collectLinked(env: Env, state: State, id: number, linked: LinkedRegister[]): void {
  const wanted = id & ~ID_ADD_CONST;
  for (let frameno = state.frames.length - 1; frameno >= 0; frameno--) {
    const frame = state.frames[frameno]!;
    const w = frame.w;
    const live = env.facts.liveBefore[frameInsn(state, frameno)]!;
    for (let register = 0; register < BPF_REG_FP; register++)
      if ((live & (1 << register)) !== 0) collectOne(w, register * ROW, wanted, frameno, register, false, linked);
    for (let slot = 0; slot < frame.slots; slot++) {
      const base = slotBase(slot);
      if (isSpilledRegister(w, base)) collectOne(w, base, wanted, frameno, slot, true, linked);
    }
  }
}

function collectOne(
  w: Int32Array,
  base: number,
  wanted: number,
  frameno: number,
  index: number,
  isSlot: boolean,
  linked: LinkedRegister[],
): void {
  if (w[base + TYPE] !== SCALAR_VALUE || (w[base + ID]! & ~ID_ADD_CONST) !== wanted) return;
  if (linked.length < MAX_LINKED) linked.push({ frameno, index, isSlot });
  else w[base + ID] = 0;
}

/** Gives what was learned of one register to those linked to it. */
function syncLinked(state: State, known: Int32Array, k: number, linked: readonly LinkedRegister[]): void {
  for (const entry of linked) {
    const w = state.frames[entry.frameno]!.w;
    const base = entry.isSlot ? slotBase(entry.index) : entry.index * ROW;
    if (w[base + TYPE] !== SCALAR_VALUE || (w === known && base === k)) continue;
    const id = w[base + ID]!;
    const knownId = known[k + ID]!;
    if ((id & ~ID_ADD_CONST) !== (knownId & ~ID_ADD_CONST)) continue;
    if (((id | knownId) & ID_ADD_CONST) === 0 || w[base + OFF] === known[k + OFF]) {
      copyRegister(w, base, known, k);
    } else {
      const off = w[base + OFF]!;
      const delta = off - known[k + OFF]!;
      difference[TYPE] = SCALAR_VALUE;
      setKnown(difference, 0, delta | 0, delta < 0 ? -1 : 0);
      copyRegister(w, base, known, k);
      w[base + OFF] = off;
      w[base + ID] = id;
      addBounds32(w, base, difference, 0);
      addBounds64(w, base, difference, 0);
      tnumAdd(w, base + VALUE, difference, VALUE);
      if (((id | knownId) & ID_ADD_CONST32) !== 0) zeroExtendBounds(w, base);
      syncBounds(w, base);
    }
  }
}

function isPointer(w: Int32Array, base: number): boolean {
  return w[base + TYPE] !== SCALAR_VALUE;
}

/** Null checks, equality of pointers of which one may be null, and comparisons with the packet's end. */
function learnNullness(
  env: Env,
  here: State,
  there: State,
  w: Int32Array,
  v: Int32Array,
  operation: number,
  narrow: boolean,
  byRegister: boolean,
  dst: number,
  src: number,
): void {
  const d = dst * ROW;
  const s = src * ROW;
  if (!narrow && byRegister && isPointer(w, s) && isPointer(w, d)) {
    const srcType = w[s + TYPE]!;
    const dstType = w[d + TYPE]!;
    if (
      (srcType & PTR_MAYBE_NULL) !== (dstType & PTR_MAYBE_NULL) &&
      (srcType & BASE_TYPE_MASK) !== PTR_TO_BTF_ID &&
      (dstType & BASE_TYPE_MASK) !== PTR_TO_BTF_ID &&
      (operation === BPF_JEQ || operation === BPF_JNE)
    )
      markPtrNotNull(env, operation === BPF_JEQ ? v : w, (srcType & PTR_MAYBE_NULL) !== 0 ? s : d);
  }
  if (
    !narrow &&
    !byRegister &&
    env.insns.imm[env.insn] === 0 &&
    (operation === BPF_JEQ || operation === BPF_JNE) &&
    (w[d + TYPE]! & PTR_MAYBE_NULL) !== 0
  ) {
    markPtrOrNull(env, here, dst, operation === BPF_JNE);
    markPtrOrNull(env, there, dst, operation === BPF_JEQ);
  } else if (byRegister && !narrow) matchPacketPointers(operation, here, there, w, d, s, dst, src);
}

/** All copies of a register that was tested: null on this path, or proved not to be. */
function markPtrOrNull(env: Env, state: State, register: number, isNull: boolean): void {
  const own = state.frame.w;
  const ref = own[register * ROW + REF_OBJ_ID]!;
  const id = own[register * ROW + ID]!;
  // Nobody can have released what was not known to be there.
  if (ref !== 0 && ref === id && isNull)
    state.refs = state.refs.filter((held) => held.kind !== REF_POINTER || held.id !== id);
  forEachRegister(state, (frame, base) => {
    const w = frame.w;
    const type = w[base + TYPE]!;
    if ((type & PTR_MAYBE_NULL) === 0 || w[base + ID] !== id) return;
    if (id === 0 && !isRcuRegister(type)) return;
    const moved =
      !isConst(w, base) || (w[base + VALUE]! | w[base + VALUE + 1]! | w[base + SMIN]! | w[base + SMAX]!) !== 0;
    if (moved) return;
    const graphNode =
      ((type & BASE_TYPE_MASK) === PTR_TO_BTF_ID && (type & MEM_ALLOC) !== 0) || (type & NON_OWN_REF) !== 0;
    if (!graphNode && w[base + OFF] !== 0) return;
    if (isNull) {
      w[base + TYPE] = SCALAR_VALUE;
      w[base + ID] = 0;
      w[base + REF_OBJ_ID] = 0;
      return;
    }
    markPtrNotNull(env, w, base);
    // Locks are told apart by the id of what they are in.
    if (!registerHasSpinLock(env, w, base)) w[base + ID] = 0;
  });
}

/** A packet pointer with nothing added to it. */
function isInitialPacketPointer(w: Int32Array, base: number, type: number): boolean {
  return (
    w[base + TYPE] === type &&
    w[base + ID] === 0 &&
    w[base + OFF] === 0 &&
    isConst(w, base) &&
    (w[base + VALUE]! | w[base + VALUE + 1]!) === 0
  );
}

function matchPacketPointers(
  operation: number,
  here: State,
  there: State,
  w: Int32Array,
  d: number,
  s: number,
  dst: number,
  src: number,
): void {
  const pointerFirst =
    (w[d + TYPE] === PTR_TO_PACKET && w[s + TYPE] === PTR_TO_PACKET_END) ||
    (w[d + TYPE] === PTR_TO_PACKET_META && isInitialPacketPointer(w, s, PTR_TO_PACKET));
  const pointerSecond =
    (w[d + TYPE] === PTR_TO_PACKET_END && w[s + TYPE] === PTR_TO_PACKET) ||
    (isInitialPacketPointer(w, d, PTR_TO_PACKET) && w[s + TYPE] === PTR_TO_PACKET_META);
  if (!pointerFirst && !pointerSecond) return;
  const at = pointerFirst ? d : s;
  const register = pointerFirst ? dst : src;
  switch (operation) {
    case BPF_JGT: // pointer > end | end > pointer
      extendPacketRange(pointerFirst ? here : there, w, at, !pointerFirst);
      markPacketEnd(pointerFirst ? there : here, register, pointerFirst);
      break;
    case BPF_JLT: // pointer < end | end < pointer
      extendPacketRange(pointerFirst ? there : here, w, at, pointerFirst);
      markPacketEnd(pointerFirst ? here : there, register, !pointerFirst);
      break;
    case BPF_JGE: // pointer >= end | end >= pointer
      extendPacketRange(pointerFirst ? here : there, w, at, pointerFirst);
      markPacketEnd(pointerFirst ? there : here, register, !pointerFirst);
      break;
    case BPF_JLE: // pointer <= end | end <= pointer
      extendPacketRange(pointerFirst ? there : here, w, at, !pointerFirst);
      markPacketEnd(pointerFirst ? here : there, register, pointerFirst);
      break;
  }
}

/** Bytes up to the pointer exist: all pointers with the same variable part may access them. */
function extendPacketRange(state: State, w: Int32Array, at: number, open: boolean): void {
  const off = w[at + OFF]!;
  if (off < 0 || (off === 0 && open)) return;
  const umax = u64Number(w, at + UMAX);
  if (umax > MAX_PACKET_OFF || umax + off > MAX_PACKET_OFF) return;
  const range = open ? off + 1 : off;
  const type = w[at + TYPE]!;
  const id = w[at + ID]!;
  forEachRegister(state, (frame, base) => {
    if (frame.w[base + TYPE] === type && frame.w[base + ID] === id)
      frame.w[base + AUX0] = Math.max(frame.w[base + AUX0]!, range);
  });
}

/** The pointer is known to lie at, or beyond, the packet's end: a later comparison is decided. */
function markPacketEnd(state: State, register: number, beyond: boolean): void {
  const w = state.frame.w;
  const base = register * ROW;
  if (w[base + TYPE] !== PTR_TO_PACKET) return;
  w[base + AUX0] = beyond ? BEYOND_PKT_END : AT_PKT_END;
}
