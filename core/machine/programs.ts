/** The programs that a machine has loaded, the call sites of all of them, and the breakpoints in their code. */
import type { Profile } from '../exceptions/profile.ts';
import type { UnwindStrategy } from '../exceptions/unwinder.ts';
import { unwindStrategy } from '../exceptions/unwinder.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { ArenaMap } from '../kernel/maps/arena.ts';
import { helperById } from '../kernel/tables/helpers.ts';
import { BPF_MAP_TYPE_ARENA } from '../kernel/tables/map-types.ts';
import { BTF_KIND_FUNC } from '../object/btf/kinds.ts';
import type { Program } from '../object/program.ts';
import type { Verification } from '../verifier/verification.ts';
import { ARENA_USER_HIGH } from './engine/layout.ts';
import type { Addresses, CallSite } from './image.ts';
import { Image, setBreak } from './image.ts';
import type { LinearMemory } from './memory.ts';

/** What the verifier found out that a run depends on. */
export type RunFacts = Pick<Verification, 'profile' | 'descriptors' | 'exceptionCallback' | 'probeMem'>;

export interface LoadedProgram {
  readonly image: Image;
  readonly facts: RunFacts | undefined;
  readonly strategy: UnwindStrategy;
  /** Where the program's arena is, guard pages included: an access that finds no page there is no fault. */
  readonly arena: { readonly start: number; readonly end: number } | undefined;
}

/** Programs in the order of loading, and the call sites of all of them. */
export interface ProgramsState {
  readonly loaded: readonly LoadedProgram[];
  readonly sites: readonly CallSite[];
}

/** Unmapped bytes before and behind an arena: as far as the 16-bit offset of an access reaches. */
const ARENA_GUARD = 32768;
/** Where functions of the kernel seem to be. */
const KERNEL_TEXT = 0xffffffff81000000n;

export class Programs {
  readonly #kernel: Kernel;
  readonly #memory: LinearMemory;
  readonly #profile: Profile;
  readonly #factsOf: ((program: Program) => RunFacts | undefined) | undefined;
  readonly #addresses: Addresses;
  readonly #gatesOf: (program: Program) => readonly number[];
  readonly #sites: CallSite[] = [];
  readonly #loaded: LoadedProgram[] = [];
  readonly #byProgram = new Map<Program, LoadedProgram>();
  readonly #breakpoints = new Map<Program, Uint8Array>();
  #breaksAreSet = false;
  #state: ProgramsState | undefined;

  constructor(
    kernel: Kernel,
    memory: LinearMemory,
    profile: Profile,
    factsOf: ((program: Program) => RunFacts | undefined) | undefined,
    gatesOf: (program: Program) => readonly number[] = () => [],
  ) {
    this.#gatesOf = gatesOf;
    this.#kernel = kernel;
    this.#memory = memory;
    this.#profile = profile;
    this.#factsOf = factsOf;
    this.#addresses = kernelAddresses(kernel);
  }

  /** What is loaded, for a checkpoint. Shared between checkpoints until another program is loaded. */
  get state(): ProgramsState {
    this.#state ??= { loaded: [...this.#loaded], sites: [...this.#sites] };
    return this.#state;
  }

  /** What was loaded at a checkpoint: later programs are no longer in memory, and those that an earlier one forgot are again. */
  set state(state: ProgramsState) {
    if (state === this.#state) return;
    this.#loaded.splice(0, Infinity, ...state.loaded);
    this.#sites.splice(0, Infinity, ...state.sites);
    this.#byProgram.clear();
    for (const loaded of state.loaded) this.#byProgram.set(loaded.image.program, loaded);
    this.#state = state;
  }

  images(): readonly Image[] {
    return this.#loaded.map((loaded) => loaded.image);
  }

  at(index: number): LoadedProgram | undefined {
    return this.#loaded[index];
  }

  site(index: number): CallSite | undefined {
    return this.#sites[index];
  }

  /** Puts a program into memory, once. */
  load(program: Program): LoadedProgram {
    const known = this.#byProgram.get(program);
    if (known !== undefined) return known;
    const facts = this.#factsOf?.(program);
    this.#state = undefined;
    const gates = this.#gatesOf(program);
    const image = new Image(this.#memory, program, this.#loaded.length, this.#addresses, this.#sites, gates);
    const strategy = unwindStrategy({
      profile: facts?.profile ?? this.#profile,
      descriptors: facts?.descriptors ?? [],
      callback: facts?.exceptionCallback?.subprogram,
    });
    const loaded: LoadedProgram = { image, facts, strategy, arena: this.#useArena(program) };
    this.#loaded.push(loaded);
    this.#byProgram.set(program, loaded);
    if (this.#breaksAreSet) this.#setBreaks(image, true);
    return loaded;
  }

  setBreakpoints(program: Program, insns: Uint8Array | undefined): void {
    if (insns === undefined) this.#breakpoints.delete(program);
    else this.#breakpoints.set(program, insns);
  }

  /** Writes all breakpoints into the code, or takes them out: they are there only while the engine runs, never in a checkpoint. */
  applyBreakpoints(on: boolean): void {
    this.#breaksAreSet = on;
    if (this.#breakpoints.size === 0) return;
    for (const { image } of this.#loaded) this.#setBreaks(image, on);
  }

  #setBreaks(image: Image, on: boolean): void {
    const insns = this.#breakpoints.get(image.program);
    if (insns === undefined) return;
    const end = Math.min(insns.length, image.length);
    for (let i = 0; i < end; i++) if (insns[i] !== 0) setBreak(this.#memory.view, image.address(i), on);
  }

  /** A program has one arena at most; what user space sees above its offsets is the engine's to know. */
  #useArena(program: Program): LoadedProgram['arena'] {
    const definition = program.maps.find((candidate) => candidate.type === BPF_MAP_TYPE_ARENA);
    const map = definition === undefined ? undefined : this.#kernel.maps.of(definition);
    if (!(map instanceof ArenaMap)) return undefined;
    this.#memory.writeU32(ARENA_USER_HIGH, map.userHigh);
    const region = this.#memory.allocationAt(Number(map.valueAddress(0) & 0xffffffffn));
    if (region === undefined) return undefined;
    return { start: region.offset - ARENA_GUARD, end: region.offset + region.size + ARENA_GUARD };
  }
}

function kernelAddresses(kernel: Kernel): Addresses {
  return {
    map: (definition) => kernel.maps.of(definition).address,
    mapValue: (definition, offset) => kernel.maps.of(definition).valueAddress(offset),
    // A function's address is only ever compared with null: does this kernel have it?
    variable: (id) => (kernel.btf.kind(id) === BTF_KIND_FUNC ? KERNEL_TEXT + BigInt(id * 16) : kernel.variable(id)),
    helper: (id) => {
      const row = helperById(id);
      return { name: row === undefined ? `helper#${id}` : `bpf_${row.name}`, behaviour: kernel.helper(id) };
    },
    kfunc: (name) => kernel.kfunc(name),
  };
}
