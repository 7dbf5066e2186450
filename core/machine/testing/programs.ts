/** Programs for tests: made from text, or at random. */
import fc from 'fast-check';
import { assemble } from '../../isa/assemble.ts';
import { callTarget, isSubprogramCall, isSubprogramPointer } from '../../isa/control-flow.ts';
import type { Instruction } from '../../isa/instructions.ts';
import { Instructions } from '../../isa/instructions.ts';
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

// ---- random programs ------------------------------------------------------------------------------------------------

const register = fc.integer({ min: 0, max: 9 });
const interesting = fc.constantFrom(0, 1, -1, 2, 31, 32, 63, 64, 255, 256, -128, 0x7fff, 0x7fffffff, -0x80000000);
const immediate = fc.oneof(interesting, fc.integer({ min: -0x80000000, max: 0x7fffffff }));
const slot = fc.integer({ min: -528, max: 7 });

const arithmetic: fc.Arbitrary<Partial<Instruction>[]> = fc
  .record({
    op: fc.integer({ min: 0, max: 13 }),
    cls: fc.constantFrom(4, 7),
    x: fc.constantFrom(0, 8),
    dst: register,
    src: register,
    imm: immediate,
    sign: fc.boolean(),
    extend: fc.constantFrom(0, 8, 16, 32),
    swap: fc.constantFrom(16, 32, 64),
  })
  .map(({ op, cls, x, dst, src, imm, sign, extend, swap }) => {
    if (op === 13) return [{ code: 0xd0 | cls | (cls === 7 ? 0 : x), dst, imm: swap }];
    if (op === 8) return [{ code: 0x80 | cls, dst }];
    const code = (op << 4) | x | cls;
    let off = 0;
    if ((op === 3 || op === 9) && sign) off = 1;
    if (op === 11 && x === 8 && !(cls === 4 && extend === 32)) off = extend;
    return [x === 8 ? { code, dst, src, off } : { code, dst, off, imm }];
  });

const wide = fc
  .tuple(register, immediate, immediate)
  .map(([dst, low, high]): Partial<Instruction>[] => [{ code: 0x18, dst, imm: low }, { imm: high }]);

const memory: fc.Arbitrary<Partial<Instruction>[]> = fc
  .record({
    size: fc.constantFrom(0, 8, 0x10, 0x18),
    kind: fc.integer({ min: 0, max: 3 }),
    reg: register,
    off: slot,
    imm: immediate,
  })
  .map(({ size, kind, reg, off, imm }) => {
    if (kind === 0) return [{ code: 0x61 | size, dst: reg, src: 10, off }];
    if (kind === 1) return [{ code: (size === 0x18 ? 0x61 : 0x81) | size, dst: reg, src: 10, off }];
    if (kind === 2) return [{ code: 0x62 | size, dst: 10, off, imm }];
    return [{ code: 0x63 | size, dst: 10, src: reg, off }];
  });

const atomic: fc.Arbitrary<Partial<Instruction>[]> = fc
  .record({
    imm: fc.constantFrom(0, 1, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1, 0x100, 0x110),
    size: fc.constantFrom(0, 8, 0x10, 0x18),
    wide: fc.constantFrom(0, 0x18),
    reg: register,
    off: slot,
  })
  .map(({ imm, size, wide, reg, off }) => {
    const code = 0xc3 | (imm < 0x100 ? wide : size);
    return [imm === 0x100 ? { code, dst: reg, src: 10, off, imm } : { code, dst: 10, src: reg, off, imm }];
  });

const pointer = fc.tuple(register, register, slot).map(([dst, src, off]): Partial<Instruction>[] => [
  { code: 0xbf, dst, src: 10 },
  { code: 0x7b, dst, src, off },
]);

const branch: fc.Arbitrary<Partial<Instruction>[]> = fc
  .record({
    op: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 0),
    cls: fc.constantFrom(5, 6),
    x: fc.constantFrom(0, 8),
    dst: register,
    src: register,
    off: fc.integer({ min: -6, max: 6 }),
    imm: immediate,
  })
  .map(({ op, cls, x, dst, src, off, imm }) => {
    if (op === 14) return [{ code: 0xe5, off }];
    if (op === 0) return [cls === 5 ? { code: 0x05, off } : { code: 0x06, imm: off }];
    const code = (op << 4) | x | cls;
    return [x === 8 ? { code, dst, src, off } : { code, dst, off, imm }];
  });

const call = fc.integer({ min: -12, max: 12 }).map((imm): Partial<Instruction>[] => [{ code: 0x85, src: 1, imm }]);
const exit = fc.constant<Partial<Instruction>[]>([{ code: 0x95 }]);

/** Instructions of every kind; jumps and calls go anywhere near, so most programs loop, recurse or fault at some time. */
export const randomInstructions: fc.Arbitrary<Instructions> = fc
  .array(
    fc.oneof(
      { weight: 10, arbitrary: arithmetic },
      { weight: 6, arbitrary: memory },
      { weight: 2, arbitrary: atomic },
      { weight: 1, arbitrary: wide },
      { weight: 1, arbitrary: pointer },
      { weight: 3, arbitrary: branch },
      { weight: 1, arbitrary: call },
      { weight: 1, arbitrary: exit },
    ),
    { minLength: 5, maxLength: 60 },
  )
  .map((groups) => Instructions.of(...groups.flat(), { code: 0xb7, dst: 0, imm: 1 }, { code: 0x95 }));
