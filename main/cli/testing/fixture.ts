/** A small program with source lines, for tests of what the commands print. */
import { assemble } from '../../../core/isa/assemble.ts';
import type { ObjectFile, Program, Subprogram } from '../../../core/object/program.ts';
import { bundledKernelBtf } from '../../kernel-btf.ts';

const MAIN_SLOTS = 5;

/** `main` reads the packet and calls `check`, which throws. */
export function fixtureProgram(changes: Partial<Program> = {}): Program {
  const { instructions } = assemble(`
      r6 = *(u32 *)(r1 +0)
      r1 = r6
      call check
      r0 = 2
      exit
    check:
      if r1 > 63 goto out
      r0 = 0
    out:
      exit
  `);
  const subprogram = (name: string, start: number, end: number, linkage: Subprogram['linkage']): Subprogram => ({
    name,
    start,
    end,
    linkage,
    funcTypeId: 0,
  });
  const line = (insn: number, number: number, column: number, text: string) => ({
    insn,
    file: '/src/fixture.bpf.c',
    line: number,
    column,
    text,
  });
  return {
    name: 'main',
    section: 'xdp',
    type: 'xdp',
    sleepable: false,
    autoload: true,
    license: 'GPL',
    flags: 0,
    instructions,
    subprograms: [
      subprogram('main', 0, MAIN_SLOTS, 'global'),
      subprogram('check', MAIN_SLOTS, instructions.length, 'static'),
    ],
    lineInfo: [
      line(0, 10, 8, '\tvoid *data = (void *)(long)ctx->data;'),
      line(2, 12, 2, '\tcheck(data);'),
      line(3, 13, 2, '\treturn XDP_PASS;'),
      line(5, 4, 6, '\tif (value > 63)'),
      line(6, 5, 3, '\t\treturn 0;'),
    ],
    maps: [],
    poisoned: [],
    kernelBtf: bundledKernelBtf(),
    ...changes,
  };
}

export function fixtureObject(...programs: Program[]): ObjectFile {
  return {
    name: 'fixture.bpf.o',
    license: 'GPL',
    programs,
    maps: [],
    externs: [],
    kernelBtf: bundledKernelBtf(),
    notes: [],
  };
}
