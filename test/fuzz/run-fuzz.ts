/**
 * Runs programs that no verifier has seen: real ones, with a few fields of a few instructions changed. Whatever they do,
 * a run ends as an exit, a fault with a reason, or for want of fuel; anything else that is thrown is a defect of Bailout.
 */
import { Instructions } from '../../core/isa/instructions.ts';
import { runProgram } from '../../core/machine/run.ts';
import type { ObjectFile, Program } from '../../core/object/program.ts';
import type { Verification } from '../../core/verifier/verification.ts';

/** Small, fast, and the same everywhere: a linear congruence. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

export function mutated(program: Program, random: (below: number) => number): Program {
  const instructions = Instructions.concat(program.instructions);
  for (let change = random(4); change >= 0 && instructions.length > 0; change--) {
    const i = random(instructions.length);
    const field = random(5);
    if (field === 0) instructions.code[i] = random(256);
    else if (field === 1) instructions.dst[i] = random(12);
    else if (field === 2) instructions.src[i] = random(12);
    else if (field === 3) instructions.off[i] = random(200) - 100;
    else instructions.imm[i] = random(2) === 0 ? random(1 << 30) : random(300) - 100;
  }
  return { ...program, instructions };
}

/** How a run ended, as one word. Throws what Bailout must not throw. */
export function runUnverified(object: ObjectFile, program: Program): string {
  const verification: Verification = {
    program,
    profile: 'proposal',
    verdict: 'rejected',
    message: '',
    log: '',
    insns: 0,
    states: 0,
    peakStates: 0,
    stackDepth: [],
    durationUs: 0,
    descriptors: [],
    merges: 0,
    conflicts: [],
    assertions: [],
    seen: new Uint8Array(program.instructions.length),
    probeMem: new Uint8Array(program.instructions.length),
  };
  const result = runProgram({ object, program, verification, maxSteps: 100_000 });
  return result.fault?.code ?? 'exit';
}
