/** Which registers may still be read: a backward data-flow analysis over each instruction's reads and writes. */
import { isHelperCall, isKfuncCall } from '../../isa/control-flow.ts';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IMM,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOV,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
  BPF_X,
} from '../../isa/opcodes.ts';
import { callShape } from '../calls/shapes.ts';
import type { Env } from '../context.ts';
import { type Postorder, successorsOf } from './control-flow.ts';
import { unwindsFrom } from '../throws/exceptions.ts';
import { insnText } from '../print-state.ts';

const CALLER_SAVED = 0x3f;
const ARGUMENTS = 0x3e;
const CALLEE_SAVED = 0x3c0;

/** Registers read, and in the upper half registers written. Unknown instructions read everything. */
function useAndDef(env: Env, insn: number): number {
  const { insns } = env;
  const code = insns.code[insn]!;
  const imm = insns.imm[insn]!;
  const dst = 1 << insns.dst[insn]!;
  const src = 1 << insns.src[insn]!;
  const mode = code & 0xe0;
  const operation = code & 0xf0;
  let use = 0xffff;
  let def = 0;
  switch (code & 7) {
    case BPF_LD:
      if (mode === BPF_IMM && (code & 0x18) === BPF_DW) {
        def = dst;
        use = 0;
      }
      break;
    case BPF_LDX:
      if (mode === BPF_MEM || mode === BPF_MEMSX) {
        def = dst;
        use = src;
      }
      break;
    case BPF_ST:
      if (mode === BPF_MEM) use = dst;
      break;
    case BPF_STX:
      if (mode === BPF_MEM) use = dst | src;
      else if (mode === BPF_ATOMIC) {
        use = dst | src;
        if (imm === BPF_CMPXCHG) {
          use |= 1;
          def = 1;
        } else if (imm === BPF_LOAD_ACQ) {
          def = dst;
          use = src;
        } else if (imm !== BPF_STORE_REL && (imm & BPF_FETCH) !== 0) def = src;
      }
      break;
    case BPF_ALU:
    case BPF_ALU64:
      def = dst;
      if (operation === BPF_END) use = dst;
      else if (operation === BPF_MOV) use = (code & BPF_X) !== 0 ? src : 0;
      else use = (code & BPF_X) !== 0 ? dst | src : dst;
      break;
    case BPF_JMP:
    case BPF_JMP32:
      if (operation === BPF_JA || operation === BPF_JCOND) use = 0;
      else if (operation === BPF_EXIT) use = 1;
      else if (operation === BPF_CALL) {
        def = CALLER_SAVED;
        use = ARGUMENTS;
        if (isHelperCall(insns, insn) || isKfuncCall(insns, insn)) {
          const shape = callShape(env, insn);
          if (shape !== undefined) use = ((1 << (shape.argumentCount + 1)) - 1) & ~1;
        }
        if (unwindsFrom(env, insn)) use |= CALLEE_SAVED;
      } else use = (code & BPF_X) !== 0 ? dst | src : dst;
      break;
  }
  return (use & 0xffff) | (def << 16);
}

/** Fills facts.liveBefore; at level 2 prints the table. */
export function computeLiveRegisters(env: Env, postorder: Postorder): void {
  const length = env.insns.length;
  const effects = new Int32Array(length);
  for (let i = 0; i < length; i++) effects[i] = useAndDef(env, i);
  const live = env.facts.liveBefore;
  const next = new Int32Array(2);
  let changed = true;
  while (changed) {
    changed = false;
    for (const insn of postorder.order) {
      const edges = successorsOf(env, insn, next);
      let out = 0;
      for (let e = 0; e < edges; e++) out |= live[next[e]!]!;
      const before = ((out & ~(effects[insn]! >>> 16)) | (effects[insn]! & 0xffff)) & 0xffff;
      if (before !== live[insn]) {
        live[insn] = before;
        changed = true;
      }
    }
  }
  if (env.log.level < 2) return;
  env.verbose('Live regs before insn:\n');
  for (let i = 0; i < length; i++) {
    const loop = env.facts.scc[i]!;
    let text = (loop !== 0 ? String(loop).padStart(3) + ' ' : '    ') + String(i).padStart(3) + ': ';
    for (let register = 0; register < 10; register++) text += (live[i]! & (1 << register)) !== 0 ? register : '.';
    env.verbose(`${text} ${insnText(env, i)}\n`);
    if (env.insns.isLdImm64(i)) i++;
  }
}
