/** 64-bit immediate loads in all their forms, and the packet loads of classic BPF. */
import {
  BPF_DW,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
} from '../../isa/opcodes.ts';
import { callTarget } from '../../isa/control-flow.ts';
import { BPF_MAP_TYPE_ARENA } from '../../kernel/tables/map-types.ts';
import { checkResourceLeak } from '../calls/references.ts';
import { KERNEL_BTF, type Env } from '../context.ts';
import { subprogramStartingAt } from '../flow/control-flow.ts';
import { kernelSymbol } from './kernel-symbols.ts';
import { checkPtrOffReg } from './pointer-offset.ts';
import { pushState } from '../paths/push-state.ts';
import { DST_OP, SRC_OP, checkRegArg, clearCallerSaved } from '../state/registers.ts';
import { returnFromSubprogram } from '../calls/subprogram-calls.ts';
import { AUX0, AUX1, OFF, ROW, TYPE, setKnownScalar, setUnknownScalar } from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  CONST_PTR_TO_MAP,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_VALUE,
} from '../state/types.ts';

/** The two-slot load at env.insn. */
export function checkLdImm64(env: Env): void {
  const { insns, insn } = env;
  const code = insns.code[insn]!;
  const src = insns.src[insn]!;
  const dst = insns.dst[insn]!;
  const low = insns.imm[insn]!;
  const high = insns.imm[insn + 1]!;
  if ((code & 0x18) !== BPF_DW) env.fail('invalid BPF_LD_IMM insn');
  if (insns.off[insn] !== 0) env.fail('BPF_LD_IMM64 uses reserved fields');
  checkRegArg(env, dst, DST_OP);
  const w = env.frame.w;
  const d = dst * ROW;
  if (src === 0) {
    setKnownScalar(w, d, low, high);
    return;
  }
  setKnownScalar(w, d, 0, 0);
  switch (src) {
    case BPF_PSEUDO_BTF_ID: {
      const symbol = kernelSymbol(env, low);
      w[d + TYPE] = symbol.type;
      if ((symbol.type & BASE_TYPE_MASK) === PTR_TO_BTF_ID) {
        w[d + AUX0] = symbol.typeId;
        w[d + AUX1] = KERNEL_BTF;
      } else w[d + AUX0] = symbol.size;
      return;
    }
    case BPF_PSEUDO_FUNC: {
      const subprogram = subprogramStartingAt(env, callTarget(insns, insn));
      const facts = env.subprograms[subprogram]!;
      if (facts.funcTypeId === 0) env.fail('missing btf func_info');
      if (facts.linkage !== 'static') env.fail('callback function not static');
      w[d + TYPE] = PTR_TO_FUNC;
      w[d + AUX0] = subprogram;
      return;
    }
    case BPF_PSEUDO_MAP_VALUE:
    case BPF_PSEUDO_MAP_IDX_VALUE:
      if (env.maps[low]!.type === BPF_MAP_TYPE_ARENA) {
        setUnknownScalar(w, d);
        return;
      }
      w[d + TYPE] = PTR_TO_MAP_VALUE;
      w[d + OFF] = high;
      w[d + AUX0] = low;
      return;
    case BPF_PSEUDO_MAP_FD:
    case BPF_PSEUDO_MAP_IDX:
      w[d + TYPE] = CONST_PTR_TO_MAP;
      w[d + AUX0] = low;
      return;
    default:
      env.fail('unrecognized bpf_ld_imm64 insn');
  }
}

const MODE_ABS = 0x20;
const CONTEXT_REGISTER = 6;

/** Loads from the packet by offset: implicit calls, with the context in R6 and the result in R0. */
export function checkLdAbs(env: Env): void {
  const { insns, insn } = env;
  const code = insns.code[insn]!;
  const absolute = (code & 0xe0) === MODE_ABS;
  const { type } = env.program;
  if (type !== 'socket_filter' && type !== 'sched_cls' && type !== 'sched_act')
    env.fail('BPF_LD_[ABS|IND] instructions not allowed for this program type');
  if (insns.dst[insn] !== 0 || insns.off[insn] !== 0 || (code & 0x18) === BPF_DW || (absolute && insns.src[insn] !== 0))
    env.fail('BPF_LD_[ABS|IND] uses reserved fields');
  checkRegArg(env, CONTEXT_REGISTER, SRC_OP);
  // Reading beyond the packet ends the program: what it holds would be lost.
  checkResourceLeak(env, false, true, 'BPF_LD_[ABS|IND]');
  const { frame } = env;
  if (frame.w[CONTEXT_REGISTER * ROW + TYPE] !== PTR_TO_CTX)
    env.fail('at the time of BPF_LD_ABS|IND R6 != pointer to skb');
  if (!absolute) checkRegArg(env, insns.src[insn]!, SRC_OP);
  checkPtrOffReg(env, CONTEXT_REGISTER);
  clearCallerSaved(env, frame);
  setUnknownScalar(frame.w, 0);
  if (env.state.frames.length === 1) return;
  // A load outside of the packet ends the subprogram with a result of zero: that way is followed first.
  env.scratchRegister(0);
  pushState(env, insn + 1, insn);
  setKnownScalar(frame.w, 0, 0, 0);
  returnFromSubprogram(env);
  // The instruction after the call is where this path goes on; whoever called counts one up.
  env.insn--;
}
