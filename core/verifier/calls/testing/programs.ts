/** Programs for tests of calls: assembly with helpers, kernel functions and maps by name, and the types that maps' values are made of. */
import { assemble } from '../../../isa/assemble.ts';
import { subprogramStarts } from '../../../isa/control-flow.ts';
import { helperByKey } from '../../../kernel/tables/helpers.ts';
import { BTF_KIND_FUNC } from '../../../object/btf/kinds.ts';
import { BtfBuilder } from '../../../object/btf/builder.ts';
import { Btf } from '../../../object/btf/btf.ts';
import { bundledKernelBtf } from '../../../object/testing/kernel-btf.ts';
import type { Linkage, MapDefinition, Program } from '../../../object/program.ts';
import type { Verification } from '../../verification.ts';
import { verify } from '../../verify.ts';

export interface Parts extends Partial<Omit<Program, 'instructions' | 'subprograms' | 'kernelBtf'>> {
  /** By label: what func_info says of a subprogram. */
  readonly functions?: Readonly<Record<string, { readonly typeId: number; readonly linkage?: Linkage }>>;
}

export function program(source: string, { functions = {}, ...parts }: Parts = {}): Program {
  const kernelBtf = bundledKernelBtf();
  const { maps = [] } = parts;
  const { instructions, labels } = assemble(source, {
    helper: (name) => helperByKey(name.replace(/^bpf_/, ''))?.id,
    kfunc: (name) => {
      const btfId = kernelBtf.findByName(name, BTF_KIND_FUNC);
      return btfId === 0 ? undefined : { btfId };
    },
    map: (name) => {
      const index = maps.findIndex((map) => map.name === name);
      return index < 0 ? undefined : index;
    },
  });
  const starts = subprogramStarts(instructions);
  const nameAt = (start: number): string => [...labels].find(([, slot]) => slot === start)?.[0] ?? 'main';
  return {
    name: 'main',
    section: 'test',
    type: 'sched_cls',
    sleepable: false,
    autoload: true,
    license: 'GPL',
    flags: 0,
    lineInfo: [],
    poisoned: [],
    maps,
    ...parts,
    kernelBtf,
    instructions,
    subprograms: starts.map((start, i) => {
      const name = start === 0 ? 'main' : nameAt(start);
      const known = functions[name];
      return {
        name,
        start,
        end: starts[i + 1] ?? instructions.length,
        linkage: known?.linkage ?? 'static',
        funcTypeId: known?.typeId ?? 0,
      };
    }),
  };
}

export function check(source: string, parts: Parts = {}): Verification {
  return verify(program(source, parts), { profile: 'linux', logLevel: 1 });
}

/** The error that the program is rejected with, or 'accepted'. */
export function outcome(source: string, parts: Parts = {}): string {
  const { verdict, message } = check(source, parts);
  return verdict === 'accepted' ? verdict : message;
}

export function map(name: string, type: number, parts: Partial<MapDefinition> = {}): MapDefinition {
  return {
    index: 0,
    name,
    kernelName: name,
    type,
    keySize: 4,
    valueSize: 8,
    maxEntries: 4,
    flags: 0,
    extra: 0n,
    numaNode: 0,
    keyTypeId: 0,
    valueTypeId: 0,
    pinning: 'none',
    autocreate: true,
    origin: 'user',
    section: '.maps',
    frozen: false,
    ...parts,
  };
}

/** Members one after the other, each at a multiple of its size. */
export class Types extends BtfBuilder {
  readonly u32 = this.int('unsigned int', 4);
  readonly u64 = this.int('unsigned long', 8);
  readonly spinLock = this.struct('bpf_spin_lock', 4, [{ name: 'val', type: this.u32, bitOffset: 0 }]);
  readonly resSpinLock = this.struct('bpf_res_spin_lock', 4, [{ name: 'val', type: this.u32, bitOffset: 0 }]);
  readonly timer = this.struct('bpf_timer', 16, [
    { name: '__opaque', type: this.array(this.u64, 2, this.u32), bitOffset: 0 },
  ]);
  /** `struct task_struct __kptr *` */
  readonly taskKptr = this.pointer(this.typeTag('kptr', this.struct('task_struct', 0, [])));

  /** A struct of [name, type, offset in bytes]. */
  of(name: string, size: number, members: readonly (readonly [string, number, number])[]): number {
    return this.struct(
      name,
      size,
      members.map(([member, type, offset]) => ({ name: member, type, bitOffset: offset * 8 })),
    );
  }

  open(): Btf {
    return Btf.open(this.bytes());
  }
}

/** R0 := the first element of the map, or the program's end. */
export const lookUp = (name: string): string => `
  r1 = map[${name}]
  r2 = r10
  r2 += -4
  *(u32 *)(r10 -4) = 0
  call bpf_map_lookup_elem
  if r0 != 0 goto +2
  r0 = 0
  exit
`;

/** The end: a constant result. */
export const done = `
  r0 = 0
  exit
`;
