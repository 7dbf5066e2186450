/** A simulated kernel for tests, over the test memory and the bundled kernel types, and calls as a program would make them. */
import type { Btf } from '../../object/btf/btf.ts';
import { bundledKernelBtf } from '../../object/testing/kernel-btf.ts';
import { Instructions } from '../../isa/instructions.ts';
import type { MapDefinition, Program } from '../../object/program.ts';
import type { Behaviour, Suspension } from '../behaviour.ts';
import { helperNamed, kfuncBehaviour } from '../behaviours.ts';
import { Kernel } from '../kernel.ts';
import type { BpfMap } from '../maps/map.ts';
import type { Scenario } from '../scenario.ts';
import { TestMemory } from './memory.ts';

export function newKernel(scenario: Scenario = {}): Kernel {
  return new Kernel({ memory: new TestMemory(), scenario, kernelBtf: bundledKernelBtf() });
}

export function newProgram(parts: Partial<Program> = {}): Program {
  return {
    name: 'prog',
    section: 'tc',
    type: 'sched_cls',
    sleepable: false,
    autoload: true,
    license: 'GPL',
    flags: 0,
    instructions: Instructions.fromBytes(new Uint8Array(8)),
    subprograms: [],
    lineInfo: [],
    maps: [],
    poisoned: [],
    kernelBtf: bundledKernelBtf(),
    ...parts,
  };
}

export function newMap(kernel: Kernel, parts: Partial<MapDefinition> & { readonly type: number }, btf?: Btf): BpfMap {
  const definition: MapDefinition = {
    index: 0,
    name: 'm',
    kernelName: parts.name ?? 'm',
    autocreate: true,
    keySize: 4,
    valueSize: 8,
    maxEntries: 4,
    flags: 0,
    extra: 0n,
    numaNode: 0,
    keyTypeId: 0,
    valueTypeId: 0,
    pinning: 'none',
    origin: 'user',
    section: '.maps',
    frozen: false,
    ...parts,
  };
  return kernel.maps.make(definition, btf);
}

/** Memory that stands for a program's stack. */
export function stack(kernel: Kernel, size = 64): bigint {
  return kernel.memory.pointer(kernel.memory.allocate(size, { label: 'stack' }));
}

export interface CallOptions {
  readonly program?: Program;
  readonly insn?: number;
  readonly functions?: ReadonlyMap<bigint, number>;
}

/** Calls a helper (`map_lookup_elem`) or kfunc (`bpf_obj_new_impl`) by name. */
export function start(
  kernel: Kernel,
  name: string,
  args: readonly bigint[],
  options: CallOptions = {},
): bigint | Suspension {
  const behaviour: Behaviour | undefined = kfuncBehaviour(name) ?? helperNamed(name);
  if (behaviour === undefined) throw new Error(`no behaviour for ${name}`);
  const registers = new BigUint64Array(5);
  args.forEach((value, i) => {
    registers[i] = value;
  });
  return kernel.invoke(behaviour, {
    kernel,
    args: registers,
    program: options.program ?? newProgram(),
    name: name.startsWith('bpf_') ? name : `bpf_${name}`,
    insn: options.insn ?? 0,
    frame: 0,
    functionAt: (pointer) => options.functions?.get(pointer),
  });
}

/** A call that must return at once. */
export function call(kernel: Kernel, name: string, ...args: bigint[]): bigint {
  const result = start(kernel, name, args);
  if (typeof result !== 'bigint')
    throw new Error(`${name}: ${JSON.stringify(result, (_key, value: unknown) => String(value))}`);
  return result;
}

/** A call that must fault: its code. */
export function faultOf(kernel: Kernel, name: string, ...args: bigint[]): string {
  const result = start(kernel, name, args);
  if (typeof result === 'bigint' || result.kind !== 'fault') throw new Error(`${name} did not fault`);
  return result.code;
}

/** Runs a call with its callbacks, which `body` stands for: it gets the arguments and returns R0. */
export function finish(
  kernel: Kernel,
  first: bigint | Suspension,
  body: (args: readonly bigint[], insn: number) => bigint,
): bigint {
  let result = first;
  while (typeof result !== 'bigint') {
    if (result.kind !== 'callback') throw new Error(`unexpected ${result.kind}`);
    result = kernel.resume(result.continuation, body(result.args, result.subprogramInsn));
  }
  return result;
}

export function negative(result: bigint): number {
  return Number(BigInt.asIntN(64, result));
}
