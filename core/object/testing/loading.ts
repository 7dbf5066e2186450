/** Loading an object that a test has built, for the small kernel. */
import { disassembleInsn } from '../../isa/disassemble.ts';
import { loadObject } from '../object.ts';
import type { ObjectFile, Program } from '../program.ts';
import type { ObjectBuilder } from './object-builder.ts';
import { smallKernel } from './small-kernel.ts';

export function load(object: ObjectBuilder, kconfig?: string): ObjectFile {
  return loadObject(object.bytes(), {
    name: 'test.bpf.o',
    kernelBtf: smallKernel,
    ...(kconfig === undefined ? {} : { kconfig }),
  });
}

/** The program of an object that has one. */
export function only(object: ObjectBuilder): Program {
  const { programs } = load(object);
  const [program] = programs;
  if (program === undefined || programs.length > 1) throw new Error(`the object has ${programs.length} programs`);
  return program;
}

/** A program's instructions as text. */
export function code({ instructions }: Program): string[] {
  return Array.from({ length: instructions.length }, (_, i) => disassembleInsn(instructions, i));
}
