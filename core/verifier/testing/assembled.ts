/** Programs written as text, for tests of the verifier: the bundled kernel types, no object file. */
import { assemble } from '../../isa/assemble.ts';
import { subprogramStarts } from '../../isa/control-flow.ts';
import { bundledKernelBtf } from '../../object/testing/kernel-btf.ts';
import type { MapDefinition, Program } from '../../object/program.ts';
import type { Verification, VerifyOptions } from '../verification.ts';
import { verify } from '../verify.ts';

export type ProgramParts = Partial<Omit<Program, 'instructions' | 'kernelBtf' | 'subprograms'>>;

/** Subprograms begin where something calls or points; all but the first are static. */
export function assembled(source: string, parts: ProgramParts = {}): Program {
  const kernelBtf = bundledKernelBtf();
  const { instructions } = assemble(source, {
    kfunc: (name) => ({ btfId: kernelBtf.findByName(name, 12) }),
  });
  const starts = subprogramStarts(instructions);
  return {
    name: 'main',
    section: 'test',
    type: 'socket_filter',
    sleepable: false,
    autoload: true,
    license: 'GPL',
    flags: 0,
    lineInfo: [],
    poisoned: [],
    maps: [],
    ...parts,
    kernelBtf,
    instructions,
    subprograms: starts.map((start, index) => ({
      name: index === 0 ? 'main' : `sub${index}`,
      start,
      end: starts[index + 1] ?? instructions.length,
      linkage: index === 0 ? 'global' : 'static',
      funcTypeId: 0,
    })),
  };
}

export function mapOf(
  type: number,
  keySize: number,
  valueSize: number,
  parts: Partial<MapDefinition> = {},
): MapDefinition {
  return {
    index: 0,
    name: 'map',
    kernelName: 'map',
    type,
    keySize,
    valueSize,
    maxEntries: 1,
    flags: 0,
    extra: 0n,
    numaNode: 0,
    keyTypeId: 0,
    valueTypeId: 0,
    pinning: 'none',
    origin: 'user',
    section: '.maps',
    frozen: false,
    autocreate: true,
    ...parts,
  };
}

/** Verifies a program given as text, as Linux does unless the options say otherwise. */
export function check(source: string, parts: ProgramParts = {}, options: VerifyOptions = {}): Verification {
  return verify(assembled(source, parts), { profile: 'linux', logLevel: 2, ...options });
}
