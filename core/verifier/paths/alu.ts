/** ALU instructions: moves, sign extension, arithmetic on scalars, and what arithmetic may do to pointers. */
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
  BPF_END,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_X,
  BPF_XOR,
} from '../../isa/opcodes.ts';
import { boundsViolation, forgetBounds32, syncBounds, zeroExtendBounds } from '../values/bounds.ts';
import type { Env } from '../context.ts';
import { markChainPrecision } from './precision.ts';
import { pushState } from './push-state.ts';
import {
  DST_OP,
  DST_OP_NO_MARK,
  SRC_OP,
  assignScalarId,
  checkRegArg,
  clearScalarId,
  coerceSubregisterSigned,
  coerceToSize,
  coerceToSizeSigned,
  markKnown,
  markKnown32,
  registerWidth,
} from '../state/registers.ts';
import { scalarArithmetic } from '../values/scalar-arithmetic.ts';
import {
  AUX0,
  AUX1,
  AUX2,
  ID,
  MASK,
  OFF,
  PRECISE,
  ROW,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
  copyRegister,
  getS64,
  getU64,
  isConst,
  s64Number,
  setBoundsUnbounded,
  setKnown,
  setKnownScalar,
  setUnknownScalar,
  u64Number,
} from '../state/state.ts';
import { tnumAdd, tnumSub, tnumSwapBytes } from '../values/tnum.ts';
import {
  BASE_TYPE_MASK,
  BPF_MAX_VAR_OFF,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  ID_ADD_CONST,
  ID_ADD_CONST32,
  ID_ADD_CONST64,
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
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TO_TP_BUFFER,
  PTR_UNTRUSTED,
  SCALAR_VALUE,
  regTypeName,
  typeIsPacketPointer,
} from '../state/types.ts';
import { addOverflowsS, addOverflowsU, lts, ltu, sub64, subOverflowsS } from '../values/wide.ts';

const OPERATORS = ['+=', '-=', '*=', '/=', '|=', '&=', '<<=', '>>=', 'neg', '%=', '^=', '=', 's>>=', 'endian'] as const;

function operatorText(operation: number): string {
  return OPERATORS[operation >> 4] ?? '?';
}

/** Scratch rows: the operand of pointer arithmetic, the pointer before it. */
const operand = new Int32Array(ROW);
const pointer = new Int32Array(ROW);

/** Verifies the ALU or ALU64 instruction at env.insn. */
export function checkAlu(env: Env): void {
  const { insns, insn } = env;
  const code = insns.code[insn]!;
  const operation = code & 0xf0;
  if (operation === BPF_MOV) checkMove(env, code);
  else if (operation === BPF_END || operation === BPF_NEG) checkNegateOrSwap(env, code, operation);
  else if (operation > BPF_END) env.fail(`invalid BPF_ALU opcode ${operation.toString(16)}`);
  else checkArithmetic(env, code, operation);
  checkBoundsInvariants(env, env.frame.w, insns.dst[insn]! * ROW, 'alu');
}

const BPF_F_TEST_REG_INVARIANTS = 1 << 7;

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

/** Bounds that contradict each other come from a dead branch that was not seen to be dead: they are forgotten. */
export function checkBoundsInvariants(env: Env, w: Int32Array, base: number, where: string): void {
  const violation = boundsViolation(w, base);
  if (violation === '') return;
  const pair64 = (min: number, max: number): string => `[${hex(getU64(w, base + min))}, ${hex(getU64(w, base + max))}]`;
  const pair32 = (min: number, max: number): string => `[${hex(w[base + min]! >>> 0)}, ${hex(w[base + max]! >>> 0)}]`;
  env.verbose(
    `verifier bug: REG INVARIANTS VIOLATION (${where}): ${violation} u64=${pair64(UMIN, UMAX)} s64=${pair64(SMIN, SMAX)} ` +
      `u32=${pair32(U32_MIN, U32_MAX)} s32=${pair32(S32_MIN, S32_MAX)} ` +
      `var_off=(${hex(getU64(w, base + VALUE))}, ${hex(getU64(w, base + MASK))})\n`,
  );
  if ((env.program.flags & BPF_F_TEST_REG_INVARIANTS) !== 0) env.reject();
  setBoundsUnbounded(w, base);
}

function checkNegateOrSwap(env: Env, code: number, operation: number): void {
  const { insns, insn } = env;
  const dst = insns.dst[insn]!;
  const imm = insns.imm[insn]!;
  if (operation === BPF_NEG) {
    if ((code & BPF_X) !== 0 || insns.src[insn] !== 0 || insns.off[insn] !== 0 || imm !== 0)
      env.fail('BPF_NEG uses reserved fields');
  } else if (
    insns.src[insn] !== 0 ||
    insns.off[insn] !== 0 ||
    (imm !== 16 && imm !== 32 && imm !== 64) ||
    ((code & 7) === BPF_ALU64 && (code & BPF_X) !== 0)
  )
    env.fail('BPF_END uses reserved fields');
  checkRegArg(env, dst, SRC_OP);
  const w = env.frame.w;
  const d = dst * ROW;
  if (w[d + TYPE] === SCALAR_VALUE) {
    checkRegArg(env, dst, DST_OP_NO_MARK);
    if (operation === BPF_NEG) scalarArithmetic(BPF_NEG, (code & 7) === BPF_ALU64, w, d, w, d);
    else swapBytes(w, d, code, imm);
  } else checkRegArg(env, dst, DST_OP);
}

/** Byte order: bswap always swaps, "to big endian" swaps here; "to little endian" only cuts. */
function swapBytes(w: Int32Array, d: number, code: number, bits: number): void {
  if ((code & 7) === BPF_ALU64 || (code & BPF_X) !== 0) {
    tnumSwapBytes(w, d + VALUE, bits);
    setBoundsUnbounded(w, d);
  }
  if (bits < 64) coerceToSize(w, d, bits >> 3);
  clearScalarId(w, d);
  syncBounds(w, d);
}

function checkMove(env: Env, code: number): void {
  const { insns, insn } = env;
  const dst = insns.dst[insn]!;
  const src = insns.src[insn]!;
  const off = insns.off[insn]!;
  const imm = insns.imm[insn]!;
  const wide = (code & 7) === BPF_ALU64;
  const fromRegister = (code & BPF_X) !== 0;
  if (fromRegister) {
    if (!wide) {
      if ((off !== 0 && off !== 8 && off !== 16) || imm !== 0) env.fail('BPF_MOV uses reserved fields');
    } else if (off === 1) {
      if (imm !== 1 && imm !== 1 << 16) env.fail('addr_space_cast insn can only convert between address space 1 and 0');
      if (env.arena < 0) env.fail('addr_space_cast insn can only be used in a program that has an associated arena');
    } else if ((off !== 0 && off !== 8 && off !== 16 && off !== 32) || imm !== 0)
      env.fail('BPF_MOV uses reserved fields');
    checkRegArg(env, src, SRC_OP);
  } else if (src !== 0 || off !== 0) env.fail('BPF_MOV uses reserved fields');

  checkRegArg(env, dst, DST_OP_NO_MARK);
  const w = env.frame.w;
  const d = dst * ROW;
  if (!fromRegister) {
    setKnownScalar(w, d, imm, wide ? imm >> 31 : 0);
    return;
  }
  const s = src * ROW;
  if (wide) moveWide(env, w, d, s, off, imm);
  else moveNarrow(env, w, d, s, off);
}

function moveWide(env: Env, w: Int32Array, d: number, s: number, off: number, imm: number): void {
  if (imm !== 0) {
    setUnknownScalar(w, d);
    if (imm === 1) w[d + TYPE] = PTR_TO_ARENA;
  } else if (off === 0) {
    assignScalarId(env, w, s);
    copyRegister(w, d, w, s);
  } else if (w[s + TYPE] === SCALAR_VALUE) {
    const keeps = u64Number(w, s + UMAX) < 2 ** (off - 1);
    if (keeps) assignScalarId(env, w, s);
    copyRegister(w, d, w, s);
    if (!keeps) clearScalarId(w, d);
    coerceToSizeSigned(w, d, off >> 3);
  } else setUnknownScalar(w, d);
}

function moveNarrow(env: Env, w: Int32Array, d: number, s: number, off: number): void {
  if (w[s + TYPE] !== SCALAR_VALUE) setUnknownScalar(w, d);
  else if (off === 0) {
    const keeps = registerWidth(w, s) <= 32;
    if (keeps) assignScalarId(env, w, s);
    copyRegister(w, d, w, s);
    if (!keeps) clearScalarId(w, d);
  } else {
    const keeps = u64Number(w, s + UMAX) < 2 ** (off - 1);
    if (keeps) assignScalarId(env, w, s);
    copyRegister(w, d, w, s);
    if (!keeps) clearScalarId(w, d);
    coerceSubregisterSigned(w, d, off >> 3);
  }
  zeroExtendBounds(w, d);
  syncBounds(w, d);
}

function checkArithmetic(env: Env, code: number, operation: number): void {
  const { insns, insn } = env;
  const dst = insns.dst[insn]!;
  const src = insns.src[insn]!;
  const off = insns.off[insn]!;
  const imm = insns.imm[insn]!;
  const fromRegister = (code & BPF_X) !== 0;
  const signedDivision = off === 1 && (operation === BPF_MOD || operation === BPF_DIV);
  if (off !== 0 && !signedDivision) env.fail('BPF_ALU uses reserved fields');
  if (fromRegister) {
    if (imm !== 0) env.fail('BPF_ALU uses reserved fields');
    checkRegArg(env, src, SRC_OP);
  } else if (src !== 0) env.fail('BPF_ALU uses reserved fields');
  checkRegArg(env, dst, SRC_OP);
  if (!fromRegister) {
    if ((operation === BPF_MOD || operation === BPF_DIV) && imm === 0) env.fail('div by zero');
    if (operation === BPF_LSH || operation === BPF_RSH || operation === BPF_ARSH) {
      const size = (code & 7) === BPF_ALU64 ? 64 : 32;
      if (imm < 0 || imm >= size) env.fail(`invalid shift ${imm}`);
    }
  }
  checkRegArg(env, dst, DST_OP_NO_MARK);
  combine(env, code, operation, dst, src, imm);
}

/** dst = dst <operation> src, or K. */
function combine(env: Env, code: number, operation: number, dst: number, src: number, imm: number): void {
  const w = env.frame.w;
  const d = dst * ROW;
  const s = src * ROW;
  const wide = (code & 7) === BPF_ALU64;
  const fromRegister = (code & BPF_X) !== 0;
  if (w[d + TYPE] === PTR_TO_ARENA) return;
  const dstIsPointer = w[d + TYPE] !== SCALAR_VALUE;
  if (fromRegister) {
    if (w[s + TYPE] !== SCALAR_VALUE) {
      if (dstIsPointer) {
        if (operation === BPF_SUB) {
          setUnknownScalar(w, d);
          return;
        }
        env.fail(`R${dst} pointer ${operatorText(operation)} pointer prohibited`);
      }
      markChainPrecision(env, dst);
      for (let k = 0; k < ROW; k++) operand[k] = w[d + k]!;
      pointerArithmetic(env, operation, wide, dst, s, operand, 0);
      return;
    }
    if (dstIsPointer) {
      markChainPrecision(env, src);
      pointerArithmetic(env, operation, wide, dst, d, w, s);
      return;
    }
    if (w[d + PRECISE] !== 0) markChainPrecision(env, src);
    for (let k = 0; k < ROW; k++) operand[k] = w[s + k]!;
  } else {
    operand[TYPE] = SCALAR_VALUE;
    operand[ID] = 0;
    setKnown(operand, 0, imm, imm >> 31);
    if (dstIsPointer) {
      pointerArithmetic(env, operation, wide, dst, d, operand, 0);
      return;
    }
  }
  if ((operation === BPF_AND || operation === BPF_OR) && isConst(operand, 0)) forkOnSign(env, dst);
  const wasNarrow = w[d + UMAX + 1] === 0;
  scalarArithmetic(operation, wide, w, d, operand, 0);
  linkToSource(w, d, operation, wide, wasNarrow, fromRegister && src === dst);
}

/** After `r1 = r2; r1 += K` what a branch tells of r2 holds for r1 too, K further on. */
function linkToSource(
  w: Int32Array,
  d: number,
  operation: number,
  wide: boolean,
  wasNarrow: boolean,
  sameRegister: boolean,
): void {
  const known = operand[MASK] === 0 && (!wide || operand[MASK + 1] === 0);
  const fits = wide ? operand[VALUE + 1] === operand[VALUE]! >> 31 : wasNarrow;
  let off = operand[VALUE]!;
  const negatable = operation === BPF_ADD || off !== -0x8000_0000;
  if (operation === BPF_SUB) off = -off;
  if (
    (operation === BPF_ADD || operation === BPF_SUB) &&
    w[d + ID] !== 0 &&
    known &&
    fits &&
    negatable &&
    !sameRegister &&
    (w[d + ID]! & ID_ADD_CONST) === 0
  ) {
    w[d + ID] = w[d + ID]! | (wide ? ID_ADD_CONST64 : ID_ADD_CONST32);
    w[d + OFF] = off;
  } else clearScalarId(w, d);
}

/**
 * `x s>> 63` is 0 or -1, which a tnum cannot say; masking it then gives one of two constants, which compilers use for branchless
 * choices. Both are followed as paths of their own: the instruction is verified again with 0.
 */
function forkOnSign(env: Env, dst: number): void {
  const w = env.frame.w;
  const d = dst * ROW;
  const wide = (w[d + SMIN]! & w[d + SMIN + 1]!) === -1 && (w[d + SMAX]! | w[d + SMAX + 1]!) === 0;
  if (!wide && !(w[d + S32_MIN] === -1 && w[d + S32_MAX] === 0)) return;
  const zero = pushState(env, env.insn, env.insn).frame.w;
  if (wide) {
    markKnown(zero, d, 0, 0);
    markKnown(w, d, -1, -1);
  } else {
    markKnown32(zero, d, 0);
    markKnown32(w, d, -1);
  }
}

function isSaneOffset(env: Env, w: Int32Array, base: number, type: number): boolean {
  if (isConst(w, base)) {
    const value = s64Number(w, base + VALUE);
    if (value >= BPF_MAX_VAR_OFF || value <= -BPF_MAX_VAR_OFF) {
      env.verbose(`math between ${regTypeName(type)} pointer and ${getS64(w, base + VALUE)} is not allowed\n`);
      return false;
    }
  }
  const off = w[base + OFF]!;
  if (off >= BPF_MAX_VAR_OFF || off <= -BPF_MAX_VAR_OFF) {
    env.verbose(`${regTypeName(type)} pointer offset ${off} is not allowed\n`);
    return false;
  }
  if (w[base + SMIN] === 0 && w[base + SMIN + 1] === -0x8000_0000) {
    env.verbose(`math between ${regTypeName(type)} pointer and register with unbounded min value is not allowed\n`);
    return false;
  }
  const smin = s64Number(w, base + SMIN);
  if (smin >= BPF_MAX_VAR_OFF || smin <= -BPF_MAX_VAR_OFF) {
    env.verbose(`value ${getS64(w, base + SMIN)} makes ${regTypeName(type)} pointer be out of bounds\n`);
    return false;
  }
  return true;
}

function allowsArithmetic(type: number, known: boolean, addsZero: boolean): boolean {
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_CTX:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MAP_KEY:
    case PTR_TO_STACK:
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET:
    case PTR_TO_TP_BUFFER:
    case PTR_TO_BTF_ID:
    case PTR_TO_MEM:
    case PTR_TO_BUF:
    case PTR_TO_FUNC:
    case CONST_PTR_TO_DYNPTR:
      return true;
    case PTR_TO_FLOW_KEYS:
      return known;
    case CONST_PTR_TO_MAP:
      return addsZero;
    default:
      return false;
  }
}

/**
 * dst = pointer <operation> offset. `p` is the pointer's row in the current frame (dst's own, or the source's for
 * `scalar += pointer`); the offset is (o, ob). A constant goes into the fixed offset, the rest into the variable one.
 */
function pointerArithmetic(
  env: Env,
  operation: number,
  wide: boolean,
  dst: number,
  p: number,
  o: Int32Array,
  ob: number,
): void {
  const w = env.frame.w;
  const d = dst * ROW;
  const known = isConst(o, ob);
  if (
    (known &&
      (s64Number(o, ob + SMIN) !== s64Number(o, ob + SMAX) || u64Number(o, ob + UMIN) !== u64Number(o, ob + UMAX))) ||
    lts(o, ob + SMAX, o, ob + SMIN) ||
    ltu(o, ob + UMAX, o, ob + UMIN)
  ) {
    // Bounds that contradict themselves come from a branch that cannot be taken.
    setUnknownScalar(w, d);
    return;
  }
  if (!wide) {
    if (operation === BPF_SUB) {
      setUnknownScalar(w, d);
      return;
    }
    env.fail(`R${dst} 32-bit pointer arithmetic prohibited`);
  }
  const type = w[p + TYPE]!;
  if ((type & PTR_MAYBE_NULL) !== 0)
    env.fail(`R${dst} pointer arithmetic on ${regTypeName(type)} prohibited, null-check it first`);
  // Loads through untrusted memory survive any address, so that nobody keeps track of offsets into it.
  if ((type & BASE_TYPE_MASK) === PTR_TO_MEM && (type & PTR_UNTRUSTED) !== 0) return;
  const addsZero = known && operation === BPF_ADD && (o[ob + VALUE]! | o[ob + VALUE + 1]!) === 0;
  if (!allowsArithmetic(type, known, addsZero))
    env.fail(`R${dst} pointer arithmetic on ${regTypeName(type)} prohibited`);

  const reversed = p !== d;
  if (reversed) copyRegister(w, d, w, p);
  for (let k = 0; k < ROW; k++) pointer[k] = w[d + k]!;
  if (!isSaneOffset(env, o, ob, type) || !isSaneOffset(env, pointer, 0, type)) env.reject();
  forgetBounds32(w, d);

  if (operation === BPF_ADD) addToPointer(env, w, d, type, known, o, ob);
  else if (operation === BPF_SUB) {
    if (reversed) env.fail(`R${dst} tried to subtract pointer from scalar`);
    if (type === PTR_TO_STACK) env.fail(`R${dst} subtraction from stack pointer prohibited`);
    subtractFromPointer(env, w, d, type, known, o, ob);
  } else if (operation === BPF_AND || operation === BPF_OR || operation === BPF_XOR)
    env.fail(`R${dst} bitwise operator ${operatorText(operation)} on pointer prohibited`);
  else env.fail(`R${dst} pointer arithmetic with ${operatorText(operation)} operator prohibited`);

  if (!isSaneOffset(env, w, d, type)) env.reject();
  syncBounds(w, d);
}

function unbound64(w: Int32Array, d: number, signed: boolean): void {
  const at = signed ? SMIN : UMIN;
  w[d + at] = 0;
  w[d + at + 1] = signed ? -0x8000_0000 : 0;
  w[d + at + 2] = -1;
  w[d + at + 3] = signed ? 0x7fff_ffff : -1;
}

function newPacketOffset(env: Env, w: Int32Array, d: number, type: number, forgetRange: boolean): void {
  if (!typeIsPacketPointer(type)) return;
  w[d + ID] = env.newId();
  if (forgetRange) {
    w[d + AUX0] = 0;
    w[d + AUX1] = 0;
    w[d + AUX2] = 0;
  }
}

function addToPointer(
  env: Env,
  w: Int32Array,
  d: number,
  type: number,
  known: boolean,
  o: Int32Array,
  ob: number,
): void {
  if (known) {
    const sum = pointer[OFF]! + s64Number(o, ob + SMIN);
    if (sum === (sum | 0)) {
      w[d + OFF] = sum;
      return;
    }
  }
  if (
    addOverflowsS(w, d + SMIN, pointer, SMIN, o, ob + SMIN) ||
    addOverflowsS(w, d + SMAX, pointer, SMAX, o, ob + SMAX)
  )
    unbound64(w, d, true);
  if (
    addOverflowsU(w, d + UMIN, pointer, UMIN, o, ob + UMIN) ||
    addOverflowsU(w, d + UMAX, pointer, UMAX, o, ob + UMAX)
  )
    unbound64(w, d, false);
  tnumAdd(w, d + VALUE, o, ob + VALUE);
  newPacketOffset(env, w, d, type, true);
}

function subtractFromPointer(
  env: Env,
  w: Int32Array,
  d: number,
  type: number,
  known: boolean,
  o: Int32Array,
  ob: number,
): void {
  if (known) {
    const difference = pointer[OFF]! - s64Number(o, ob + SMIN);
    if (difference === (difference | 0)) {
      w[d + OFF] = difference;
      return;
    }
  }
  if (
    subOverflowsS(w, d + SMIN, pointer, SMIN, o, ob + SMAX) ||
    subOverflowsS(w, d + SMAX, pointer, SMAX, o, ob + SMIN)
  )
    unbound64(w, d, true);
  if (ltu(pointer, UMIN, o, ob + UMAX)) unbound64(w, d, false);
  else {
    sub64(w, d + UMIN, pointer, UMIN, o, ob + UMAX);
    sub64(w, d + UMAX, pointer, UMAX, o, ob + UMIN);
  }
  tnumSub(w, d + VALUE, o, ob + VALUE);
  newPacketOffset(env, w, d, type, s64Number(o, ob + SMIN) < 0);
}
