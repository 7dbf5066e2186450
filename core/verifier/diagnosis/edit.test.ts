import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadObject } from '../../object/object.ts';
import { bundledKernelBtf } from '../../object/testing/kernel-btf.ts';
import { assembled } from '../testing/assembled.ts';
import { verify } from '../verify.ts';
import { insertBefore } from './edit.ts';

/** Goes on with the next instruction. */
const NOTHING = { code: 0x05, off: 0 };

const path = fileURLToPath(new URL('../../../examples/deep-throw.bpf.o', import.meta.url));
const [program] = loadObject(readFileSync(path), { name: 'deep-throw.bpf.o', kernelBtf: bundledKernelBtf() }).programs;

test('an instruction that does nothing may stand before any other: calls, jumps and callbacks still lead where they led', () => {
  const { verdict, message } = verify(program!, { logLevel: 0 });
  for (let insn = 0; insn < program!.instructions.length; insn += program!.instructions.slots(insn)) {
    const changed = insertBefore(program!, insn, [NOTHING])!;
    const again = verify(changed, { logLevel: 0 });
    expect([insn, again.verdict, again.message]).toEqual([insn, verdict, message]);
  }
});

test('who jumps to the instruction runs what was inserted', () => {
  const loop = assembled('r0 = 0\nagain:\nr0 += 1\nif r0 < 5 goto again\nexit');
  const changed = insertBefore(loop, 1, [NOTHING, NOTHING])!;
  expect(changed.instructions.off[4]).toBe(-4);
});

test('a jump that would become too long is not made', () => {
  const far = assembled(`if r1 == 0 goto +32767\n${'r0 = 0\n'.repeat(32768)}exit`);
  expect(insertBefore(far, 5, [NOTHING])).toBeUndefined();
});
