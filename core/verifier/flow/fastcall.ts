/**
 * Spills and fills that a compiler puts around calls of bpf_fastcall functions for the sake of older kernels. Where they are used for
 * nothing else the kernel removes them, and the stack that they needed does not count (Documentation/bpf/… "bpf_fastcall").
 */
import { BPF_DW, BPF_LDX, BPF_MEM, BPF_REG_10, BPF_STX, OPCODE_CALL } from '../../isa/opcodes.ts';
import { callShape } from '../calls/shapes.ts';
import type { Env } from '../context.ts';

const SPILL = BPF_STX | BPF_MEM | BPF_DW;
const FILL = BPF_LDX | BPF_MEM | BPF_DW;
const CALLER_SAVED = 0x3f;

/** Finds the pairs around every helper and kfunc call. */
export function markFastcallPatterns(env: Env): void {
  const { insns } = env;
  for (const subprogram of env.subprograms) {
    let lowest = 0;
    for (let i = subprogram.start; i < subprogram.end; i++)
      if (insns.code[i] === SPILL && insns.dst[i] === BPF_REG_10) lowest = Math.min(lowest, insns.off[i]!);
    for (let i = subprogram.start; i < subprogram.end; i++) {
      if (insns.code[i] !== OPCODE_CALL) continue;
      const shape = callShape(env, i);
      if (shape === undefined) continue;
      const found = markPattern(env, i, lowest, shape.argumentCount, shape.returnsVoid);
      if (found.pairs === 0) continue;
      if (shape.fastcall) env.facts.fastcallSpills[i] = found.pairs;
      else subprogram.keepFastcallStack = true;
      subprogram.fastcallStackOff = Math.min(subprogram.fastcallStackOff, found.off);
    }
  }
}

function markPattern(
  env: Env,
  call: number,
  lowest: number,
  argumentCount: number,
  returnsVoid: boolean,
): { pairs: number; off: number } {
  const { insns, facts } = env;
  let clobbered = 0;
  for (let register = returnsVoid ? 1 : 0; register <= argumentCount; register++) clobbered |= 1 << register;
  let expected = ~clobbered & CALLER_SAVED;
  let off = lowest;
  let i = 1;
  for (; i <= 6; i++, off += 8) {
    const spill = call - i;
    const fill = call + i;
    if (spill < 0 || fill >= insns.length) break;
    if (insns.code[spill] !== SPILL || insns.code[fill] !== FILL) break;
    if (insns.dst[spill] !== BPF_REG_10 || insns.src[fill] !== BPF_REG_10) break;
    if (insns.src[spill] !== insns.dst[fill]) break;
    const bit = 1 << insns.src[spill]!;
    if ((expected & bit) === 0) break;
    if (insns.off[spill] !== off || insns.off[fill] !== off) break;
    expected &= ~bit;
    facts.fastcallPattern[spill] = 1;
    facts.fastcallPattern[fill] = 1;
  }
  return { pairs: i - 1, off };
}

/** Takes the stack of removed spills off the depth of each subprogram. */
export function removeFastcallStack(env: Env): void {
  for (const subprogram of env.subprograms) {
    let modified = false;
    for (let i = subprogram.start; i < subprogram.end; i++) if (env.facts.fastcallSpills[i]! > 0) modified = true;
    if (modified && !subprogram.keepFastcallStack) subprogram.stackDepth = -subprogram.fastcallStackOff;
  }
}
