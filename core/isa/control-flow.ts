/**
 * Where control can go from an instruction. All distances count from the following slot (RFC 9669, section 4.3).
 *
 * Nothing here checks that a target lies inside the program: callers that read unverified code must.
 */
import type { Instructions } from './instructions.ts';
import * as op from './opcodes.ts';

/** Whether slot `i` calls a subprogram of the same program. */
export function isSubprogramCall(insns: Instructions, i: number): boolean {
  return insns.code[i] === op.OPCODE_CALL && insns.src[i] === op.BPF_PSEUDO_CALL;
}

/** Whether slot `i` calls a helper by number. */
export function isHelperCall(insns: Instructions, i: number): boolean {
  return insns.code[i] === op.OPCODE_CALL && insns.src[i] === 0;
}

/** Whether slot `i` calls a kernel function by its BTF id. */
export function isKfuncCall(insns: Instructions, i: number): boolean {
  return insns.code[i] === op.OPCODE_CALL && insns.src[i] === op.BPF_PSEUDO_KFUNC_CALL;
}

/** Whether the 64-bit load at slot `i` takes the address of a subprogram, to pass it as a callback. */
export function isSubprogramPointer(insns: Instructions, i: number): boolean {
  return insns.code[i] === op.OPCODE_LD_IMM64 && insns.src[i] === op.BPF_PSEUDO_FUNC;
}

export function isExit(insns: Instructions, i: number): boolean {
  return insns.code[i] === op.OPCODE_EXIT;
}

export function isMayGoto(insns: Instructions, i: number): boolean {
  return insns.code[i] === op.OPCODE_MAY_GOTO && insns.src[i] === op.BPF_MAY_GOTO;
}

/** Whether the jump at slot `i` is always taken: `goto` or `gotol`. */
export function isUnconditionalJump(insns: Instructions, i: number): boolean {
  const code = insns.code[i];
  return code === op.OPCODE_JA || code === op.OPCODE_GOTOL;
}

/** Whether slot `i` is a jump that may fall through, `may_goto` included. */
export function isConditionalJump(insns: Instructions, i: number): boolean {
  const code = insns.code[i]!;
  if (!op.isJumpClass(code)) return false;
  const operation = op.BPF_OP(code);
  return operation !== op.BPF_JA && operation !== op.BPF_CALL && operation !== op.BPF_EXIT;
}

/** First slot of the subprogram that the call, or the pointer load, at slot `i` means. */
export function callTarget(insns: Instructions, i: number): number {
  return i + 1 + insns.imm[i]!;
}

/** Slot that the jump at slot `i` goes to when taken; undefined when it is no jump. */
export function jumpTarget(insns: Instructions, i: number): number | undefined {
  const code = insns.code[i]!;
  if (code === op.OPCODE_GOTOL) return i + 1 + insns.imm[i]!;
  if (code === op.OPCODE_JA || isConditionalJump(insns, i)) return i + 1 + insns.off[i]!;
  return undefined;
}

/** Slot of the instruction that follows the one at `i` when nothing jumps. */
export function fallThrough(insns: Instructions, i: number): number {
  return insns.isLdImm64(i) ? i + 2 : i + 1;
}

/**
 * Slots that can run after the one at `i` in the same subprogram, the fall-through first. Calls return to the next slot; an exit
 * has no successor. A jump to the next slot gives it once.
 */
export function successors(insns: Instructions, i: number): number[] {
  if (isExit(insns, i)) return [];
  const target = jumpTarget(insns, i);
  if (target === undefined) return [fallThrough(insns, i)];
  if (isUnconditionalJump(insns, i)) return [target];
  return target === i + 1 ? [i + 1] : [i + 1, target];
}

/**
 * First slots of all subprograms, ascending: 0, and each target of a subprogram call or pointer that lies in the program. (The exception
 * callback named by a declaration tag is the one subprogram that nothing refers to; whoever knows it adds it.)
 */
export function subprogramStarts(insns: Instructions): number[] {
  const starts = new Set<number>([0]);
  for (let i = 0; i < insns.length; i = fallThrough(insns, i)) {
    if (!isSubprogramCall(insns, i) && !isSubprogramPointer(insns, i)) continue;
    const target = callTarget(insns, i);
    if (target >= 0 && target < insns.length) starts.add(target);
  }
  return [...starts].sort((a, b) => a - b);
}
