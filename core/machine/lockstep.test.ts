import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIRST_FRAME, FRAME_STRIDE } from './engine/layout.ts';
import type { Instructions } from '../isa/instructions.ts';
import { disassembleInsn } from '../isa/disassemble.ts';
import { Reference } from './testing/reference.ts';
import { programOf, rig } from './testing/programs.ts';
import { randomInstructions } from './testing/random-programs.ts';

const STEPS = 300;

function text(insns: Instructions): string {
  const lines: string[] = [];
  for (let i = 0; i < insns.length; i += insns.slots(i)) lines.push(`${i}: ${disassembleInsn(insns, i)}`);
  return lines.join('\n');
}

/** What both machines can see: registers, and the program's part of eight frames. */
function differs(reference: Reference, registers: BigUint64Array, bytes: Uint8Array): string | undefined {
  for (let r = 0; r < 11; r++) {
    if (reference.registers[r] !== registers[r]) {
      return `r${r} is 0x${registers[r]!.toString(16)}, should be 0x${reference.registers[r]!.toString(16)}`;
    }
  }
  for (let depth = 0; depth < 8; depth++) {
    const end = FIRST_FRAME - depth * FRAME_STRIDE;
    const expected = reference.stack(depth);
    for (let i = 0; i < 512; i++) {
      if (bytes[end - 512 + i] !== expected[i]) return `byte fp${i - 512} of frame ${depth} differs`;
    }
  }
  return undefined;
}

describe('the engine against the reference interpreter', () => {
  it('agrees after each step of random programs, on registers, stack and on where a program faults', () => {
    const { machine, memory } = rig();
    fc.assert(
      fc.property(randomInstructions, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (insns, context) => {
        const reference = new Reference(insns, context);
        machine.start(programOf(insns), context);
        for (let step = 0; step < STEPS; step++) {
          const at = reference.pc;
          reference.step();
          const stop = machine.run({ fuel: 1 });
          const state = stop.kind === 'exit' ? 'exited' : stop.kind === 'fault' ? 'faulted' : 'running';
          if (state !== reference.state) {
            throw new Error(`step ${step}, insn ${at}: ${JSON.stringify(stop)} but ${reference.state}\n${text(insns)}`);
          }
          const difference = differs(reference, machine.registers, memory.bytes);
          if (difference !== undefined) throw new Error(`step ${step}, insn ${at}: ${difference}\n${text(insns)}`);
          if (state !== 'running') break;
        }
        expect(machine.step).toBe(reference.steps);
      }),
      { numRuns: 400 },
    );
  });

  it('does not depend on how a run is cut into slices', () => {
    const whole = rig().machine;
    const sliced = rig().machine;
    fc.assert(
      fc.property(randomInstructions, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (insns, slices) => {
        const program = programOf(insns);
        whole.start(program, 7n);
        sliced.start(program, 7n);
        const total = slices.reduce((sum, slice) => sum + slice, 0);
        const end = whole.run({ fuel: total });
        let last = end;
        for (const fuel of slices) last = sliced.run({ fuel });
        expect(last).toEqual(end);
        expect(sliced.step).toBe(whole.step);
        expect(sliced.registers).toEqual(whole.registers);
      }),
      { numRuns: 150 },
    );
  });

  it('goes back to any step and forward again as if it had never left', () => {
    fc.assert(
      fc.property(
        randomInstructions,
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 60 }),
        (insns, first, second) => {
          const { machine, memory } = rig();
          const picture = (): unknown => [
            machine.registers.join(),
            machine.step,
            memory.bytes.slice(0x413e000, 0x4140000).join(),
          ];
          machine.start(programOf(insns), 3n);
          machine.run({ fuel: first });
          const checkpoint = machine.checkpoint();
          const before = picture();
          const stop = machine.run({ fuel: second });
          const after = picture();
          machine.restore(checkpoint);
          expect(picture()).toEqual(before);
          expect(machine.run({ fuel: second })).toEqual(stop);
          expect(picture()).toEqual(after);
        },
      ),
      { numRuns: 25 },
    );
  });
});
