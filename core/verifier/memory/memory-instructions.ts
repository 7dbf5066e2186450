/** Instructions that load and store: LDX, ST, STX and the atomic ones. */
import {
  BPF_ADD,
  BPF_AND,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_FETCH,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MEMSX,
  BPF_OR,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_W,
  BPF_XCHG,
  BPF_XOR,
} from '../../isa/opcodes.ts';
import { checkBoundsInvariants } from '../paths/alu.ts';
import type { Env } from '../context.ts';
import { DST_OP, DST_OP_NO_MARK, SRC_OP, checkRegArg } from '../state/registers.ts';
import { ROW, TYPE } from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  MEM_RDONLY,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_MEM,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_UNTRUSTED,
  regTypeName,
  typeIsPacketPointer,
  typeIsSocketPointer,
} from '../state/types.ts';
import { checkMemAccess } from './memory.ts';

function mismatchIsOk(type: number): boolean {
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_CTX:
    case PTR_TO_SOCKET:
    case PTR_TO_SOCK_COMMON:
    case PTR_TO_TCP_SOCK:
    case PTR_TO_XDP_SOCK:
    case PTR_TO_BTF_ID:
    case PTR_TO_ARENA:
      return false;
    default:
      return true;
  }
}

function isMemoryOrBtf(type: number): boolean {
  const base = type & BASE_TYPE_MASK;
  return base === PTR_TO_MEM || base === PTR_TO_BTF_ID;
}

/** One instruction cannot access a context on one path and a map on another: it is rewritten for one of them. */
function savePointerType(env: Env, type: number, trustMayDiffer: boolean): void {
  const { pointerType } = env.facts;
  const previous = pointerType[env.insn]!;
  if (previous === 0) {
    pointerType[env.insn] = type;
    return;
  }
  if (type === previous || (mismatchIsOk(type) && mismatchIsOk(previous))) return;
  if (!trustMayDiffer || !isMemoryOrBtf(type) || !isMemoryOrBtf(previous))
    env.fail('same insn cannot be used with different pointers');
  const memory = (type & BASE_TYPE_MASK) === PTR_TO_MEM || (previous & BASE_TYPE_MASK) === PTR_TO_MEM;
  pointerType[env.insn] = (memory ? PTR_TO_MEM : PTR_TO_BTF_ID) | ((type | previous) & (PTR_UNTRUSTED | MEM_RDONLY));
}

/** A load instruction. */
function checkLoad(env: Env, strictOnce: boolean, signed: boolean, trustMayDiffer: boolean): void {
  const { insns, insn } = env;
  const src = insns.src[insn]!;
  const dst = insns.dst[insn]!;
  checkRegArg(env, src, SRC_OP);
  checkRegArg(env, dst, DST_OP_NO_MARK);
  const type = env.frame.w[src * ROW + TYPE]!;
  checkMemAccess(env, insn, src, insns.off[insn]!, insns.code[insn]! & 0x18, 'read', dst, strictOnce, signed);
  savePointerType(env, type, trustMayDiffer);
  checkBoundsInvariants(env, env.frame.w, dst * ROW, 'ldx');
}

/** A store of a register. */
function checkStoreRegister(env: Env, strictOnce: boolean): void {
  const { insns, insn } = env;
  const src = insns.src[insn]!;
  const dst = insns.dst[insn]!;
  checkRegArg(env, src, SRC_OP);
  checkRegArg(env, dst, SRC_OP);
  const type = env.frame.w[dst * ROW + TYPE]!;
  checkMemAccess(env, insn, dst, insns.off[insn]!, insns.code[insn]! & 0x18, 'write', src, strictOnce, false);
  savePointerType(env, type, false);
}

/** LDX, ST and STX. */
export function checkMemoryInsn(env: Env): void {
  const { insns, insn } = env;
  const code = insns.code[insn]!;
  const mode = code & 0xe0;
  switch (code & 7) {
    case BPF_LDX:
      checkLoad(env, false, mode === BPF_MEMSX, true);
      return;
    case BPF_ST: {
      if (mode !== BPF_MEM || insns.src[insn] !== 0) env.fail('BPF_ST uses reserved fields');
      const dst = insns.dst[insn]!;
      checkRegArg(env, dst, SRC_OP);
      const type = env.frame.w[dst * ROW + TYPE]!;
      checkMemAccess(env, insn, dst, insns.off[insn]!, code & 0x18, 'write', -1, false, false);
      savePointerType(env, type, false);
      return;
    }
    case BPF_STX:
      if (mode === 0xc0) {
        checkAtomic(env);
        return;
      }
      if (mode !== BPF_MEM || insns.imm[insn] !== 0) env.fail('BPF_STX uses reserved fields');
      checkStoreRegister(env, false);
  }
}

function atomicPointerIsOk(env: Env, register: number): boolean {
  const type = env.frame.w[register * ROW + TYPE]!;
  return !(type === PTR_TO_CTX || typeIsPacketPointer(type) || type === PTR_TO_FLOW_KEYS || typeIsSocketPointer(type));
}

function checkAtomic(env: Env): void {
  const { insns, insn } = env;
  const imm = insns.imm[insn]!;
  const dst = insns.dst[insn]!;
  const src = insns.src[insn]!;
  switch (imm) {
    case BPF_ADD:
    case BPF_ADD | BPF_FETCH:
    case BPF_AND:
    case BPF_AND | BPF_FETCH:
    case BPF_OR:
    case BPF_OR | BPF_FETCH:
    case BPF_XOR:
    case BPF_XOR | BPF_FETCH:
    case BPF_XCHG:
    case BPF_CMPXCHG:
      checkReadModifyWrite(env, imm, dst, src);
      return;
    case BPF_LOAD_ACQ:
      checkLoad(env, true, false, false);
      if (!atomicPointerIsOk(env, src))
        env.fail(`BPF_ATOMIC loads from R${src} ${regTypeName(env.frame.w[src * ROW + TYPE]!)} is not allowed`);
      return;
    case BPF_STORE_REL:
      checkStoreRegister(env, true);
      if (!atomicPointerIsOk(env, dst))
        env.fail(`BPF_ATOMIC stores into R${dst} ${regTypeName(env.frame.w[dst * ROW + TYPE]!)} is not allowed`);
      return;
    default:
      env.fail(`BPF_ATOMIC uses invalid atomic opcode ${(imm >>> 0).toString(16).padStart(2, '0')}`);
  }
}

function checkReadModifyWrite(env: Env, imm: number, dst: number, src: number): void {
  const { insns, insn } = env;
  const size = insns.code[insn]! & 0x18;
  const off = insns.off[insn]!;
  if (size !== BPF_W && size !== BPF_DW) env.fail('invalid atomic operand size');
  checkRegArg(env, src, SRC_OP);
  checkRegArg(env, dst, SRC_OP);
  if (imm === BPF_CMPXCHG) checkRegArg(env, 0, SRC_OP);
  if (!atomicPointerIsOk(env, dst))
    env.fail(`BPF_ATOMIC stores into R${dst} ${regTypeName(env.frame.w[dst * ROW + TYPE]!)} is not allowed`);
  let loads = -1;
  if ((imm & BPF_FETCH) !== 0) {
    loads = imm === BPF_CMPXCHG ? 0 : src;
    checkRegArg(env, loads, DST_OP);
  }
  checkMemAccess(env, insn, dst, off, size, 'read', -1, true, false);
  if (loads >= 0) checkMemAccess(env, insn, dst, off, size, 'read', loads, true, false);
  if (env.frame.w[dst * ROW + TYPE] === PTR_TO_ARENA) savePointerType(env, PTR_TO_ARENA, false);
  checkMemAccess(env, insn, dst, off, size, 'write', -1, true, false);
}
