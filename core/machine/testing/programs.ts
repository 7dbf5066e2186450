/** Programs for tests, made from text, and a machine on a kernel that has only what the test gives it. */
import { assemble } from '../../isa/assemble.ts';
import { callTarget, isSubprogramCall, isSubprogramPointer } from '../../isa/control-flow.ts';
import type { Instructions } from '../../isa/instructions.ts';
import type { Btf } from '../../object/btf/btf.ts';
import type { Program, Subprogram } from '../../object/program.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Behaviour, Continuation, Plain, Suspension } from '../../kernel/behaviour.ts';
import { Ledger } from '../../kernel/ledger.ts';
import type { RunFacts } from '../machine.ts';
import { Machine } from '../machine.ts';
import { LinearMemory } from '../memory.ts';

/** A kernel BTF that knows the given kfuncs: id 1 is the first. */
function btfOf(kfuncs: readonly string[]): Btf {
  return { typeCount: kfuncs.length, name: (id: number) => kfuncs[id - 1] ?? '' } as unknown as Btf;
}

/** Subprograms begin where something calls or points, as the kernel finds them. */
function subprogramsOf(insns: Instructions): Subprogram[] {
  const starts = new Set([0]);
  for (let i = 0; i < insns.length; i += insns.slots(i)) {
    if (isSubprogramCall(insns, i)) starts.add(callTarget(insns, i));
    if (isSubprogramPointer(insns, i)) starts.add(i + 1 + insns.imm[i]!);
  }
  const sorted = [...starts].filter((start) => start >= 0 && start < insns.length).sort((a, b) => a - b);
  return sorted.map((start, at) => ({
    name: at === 0 ? 'main' : `sub${at}`,
    start,
    end: sorted[at + 1] ?? insns.length,
    linkage: at === 0 ? 'global' : 'static',
    funcTypeId: 0,
  }));
}

export function programOf(
  source: string | Instructions,
  options: { name?: string; kfuncs?: readonly string[] } = {},
): Program {
  const kfuncs = options.kfuncs ?? [];
  const instructions =
    typeof source === 'string'
      ? assemble(source, { kfunc: (name) => ({ btfId: kfuncs.indexOf(name) + 1 }) }).instructions
      : source;
  return {
    name: options.name ?? 'main',
    section: 'xdp',
    type: 'xdp',
    sleepable: false,
    autoload: true,
    license: 'GPL',
    flags: 0,
    instructions,
    subprograms: subprogramsOf(instructions),
    lineInfo: [],
    poisoned: [],
    maps: [],
    kernelBtf: btfOf(kfuncs),
  };
}

export interface Rig {
  readonly machine: Machine;
  readonly memory: LinearMemory;
  readonly ledger: Ledger;
}

export interface RigOptions {
  readonly helpers?: Readonly<Record<number, Behaviour>>;
  readonly kfuncs?: Readonly<Record<string, Behaviour>>;
  readonly continuations?: Readonly<Record<string, Continuation>>;
  readonly facts?: Partial<RunFacts>;
  readonly context?: {
    load(offset: number, size: number): bigint;
    store(offset: number, size: number, value: bigint): void;
  };
}

/** A machine on a kernel that has only what the test gives it. */
export function rig(options: RigOptions = {}): Rig {
  const memory = new LinearMemory();
  const ledger = new Ledger();
  const kernel = {
    memory,
    ledger,
    observer: {},
    running: undefined,
    helper: (id: number) => options.helpers?.[id],
    kfunc: (name: string) => options.kfuncs?.[name],
    variable: () => 0n,
    invoke: (behaviour: Behaviour, call: Parameters<Behaviour>[0]): bigint | Suspension => behaviour(call),
    resume: (continuation: { name: string; state: Plain }, r0: bigint) =>
      options.continuations![continuation.name]!(kernel as unknown as Kernel, continuation.state, r0),
    contextLoad: (offset: number, size: number) => options.context?.load(offset, size) ?? 0n,
    contextStore: (offset: number, size: number, value: bigint) => options.context?.store(offset, size, value),
    legacyLoad: (_context: bigint, offset: number, size: number) =>
      offset + size <= 16 ? BigInt(offset * 256 + size) : undefined,
    tick: () => undefined,
    resourceValue: (value: bigint) => value,
    checkpoint: () => ({ memory: memory.checkpoint(), ledger: ledger.checkpoint() }),
    restore: (checkpoint: { memory: unknown; ledger: ReturnType<Ledger['checkpoint']> }) => {
      memory.restore(checkpoint.memory);
      ledger.restore(checkpoint.ledger);
    },
  };
  const facts: RunFacts = { profile: 'proposal', descriptors: [], probeMem: new Uint8Array(0), ...options.facts };
  const machine = new Machine({
    kernel: kernel as unknown as Kernel,
    memory,
    profile: 'proposal',
    factsOf: () => facts,
  });
  return { machine, memory, ledger };
}

/** Runs a program to its end; its R0, or the fault's code. */
export function result(
  source: string | Instructions,
  options: RigOptions & { kfuncNames?: readonly string[] } = {},
): bigint | string {
  const { machine } = rig(options);
  machine.start(programOf(source, { kfuncs: options.kfuncNames ?? Object.keys(options.kfuncs ?? {}) }), 0n);
  const stop = machine.run({ fuel: 100_000_000 });
  if (stop.kind === 'exit') return stop.value;
  return stop.kind === 'fault' ? stop.fault.code : stop.kind;
}
