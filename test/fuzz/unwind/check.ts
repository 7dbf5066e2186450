/**
 * What must hold for every generated program: it is accepted; however it ends, nothing is left behind; what an unwinding releases it
 * releases once, newest first within a frame; locks are free and maps hold what the ledger says; and a second run is the same.
 */
import type { FrameDescriptor } from '../../../core/exceptions/descriptor.ts';
import type { UnwindPlan } from '../../../core/exceptions/unwinder.ts';
import { Kernel } from '../../../core/kernel/kernel.ts';
import type { MachineCheckpoint } from '../../../core/machine/machine.ts';
import { Machine } from '../../../core/machine/machine.ts';
import { LinearMemory } from '../../../core/machine/memory.ts';
import type { ObjectFile, Program } from '../../../core/object/program.ts';
import type { Verification } from '../../../core/verifier/verification.ts';
import { verify } from '../../../core/verifier/verify.ts';
import type { Generated } from './generate.ts';
import { generate } from './generate.ts';
import { Random } from './random.ts';
import { toProgram } from './world.ts';

export interface Violation {
  readonly seed: number;
  readonly what: string;
}

/** What a number of programs did: a fuzzer that never throws checks nothing. */
export interface Tally {
  programs: number;
  runs: number;
  throws: number;
  releases: number;
  plantedLeaks: number;
}

export function emptyTally(): Tally {
  return { programs: 0, runs: 0, throws: 0, releases: 0, plantedLeaks: 0 };
}

const RUNS_PER_PROGRAM = 2;
const MAX_STEPS = 1_000_000;
/** A kernel remembers the programs that it met; a new one after so many keeps memory bounded. */
const PROGRAMS_PER_KERNEL = 256;

interface Outcome {
  readonly problem: string | undefined;
  readonly throws: readonly UnwindPlan[];
  /** Everything that a second run must repeat. */
  readonly trace: string;
}

export class Checker {
  readonly tally = emptyTally();
  readonly #world: ObjectFile;
  #bench: Bench | undefined;
  #used = 0;

  constructor(world: ObjectFile) {
    this.#world = world;
  }

  /** Generates, verifies and runs the program of a seed. */
  check(seed: number): Violation | undefined {
    const generated = generate(seed);
    const program = toProgram(this.#world, generated);
    const verification = verify(program, { profile: 'proposal', logLevel: 0 });
    this.tally.programs++;
    const what =
      verification.verdict === 'rejected'
        ? `rejected: ${verification.message}`
        : this.#checkRuns(program, verification, seed);
    return what === undefined ? undefined : { seed, what };
  }

  /**
   * The same with a leak: once in the program, where the verifier must see it, and once in the descriptors, where the run must.
   * @returns a violation when a leak was not noticed.
   */
  checkPlanted(seed: number): Violation | undefined {
    const generated = generate(seed);
    const what = this.#plantInProgram(generated) ?? this.#plantInDescriptors(generated);
    return what === undefined ? undefined : { seed, what };
  }

  #checkRuns(program: Program, verification: Verification, seed: number): string | undefined {
    for (let i = 0; i < RUNS_PER_PROGRAM; i++) {
      const first = this.#run(program, verification, seed + i);
      this.tally.runs++;
      this.tally.throws += first.throws.length;
      for (const plan of first.throws)
        this.tally.releases += plan.steps.filter((step) => step.kind === 'release').length;
      const problem = first.problem ?? first.throws.map(planProblem).find((found) => found !== undefined);
      if (problem !== undefined) return `run ${i}: ${problem}`;
      const second = this.#run(program, verification, seed + i);
      if (second.trace !== first.trace) return `run ${i}: the replay differs`;
    }
    return undefined;
  }

  #run(program: Program, verification: Verification, seed: number): Outcome {
    if (this.#bench === undefined || this.#used++ >= PROGRAMS_PER_KERNEL) {
      this.#bench = new Bench(this.#world);
      this.#used = 0;
    }
    return this.#bench.run(program, verification, seed);
  }

  #plantInProgram(generated: Generated): string | undefined {
    if (generated.releases.length === 0) return undefined;
    const line = new Random(generated.seed).pick(generated.releases);
    const source = generated.source
      .split('\n')
      .map((text, i) => (i === line ? 'r0 = 0' : text))
      .join('\n');
    const verification = verify(toProgram(this.#world, generated, source), { profile: 'proposal', logLevel: 0 });
    this.tally.plantedLeaks++;
    return verification.verdict === 'rejected' ? undefined : `accepted without the release in line ${line + 1}`;
  }

  #plantInDescriptors(generated: Generated): string | undefined {
    const program = toProgram(this.#world, generated);
    const verification = verify(program, { profile: 'proposal', logLevel: 0 });
    const honest = this.#run(program, verification, generated.seed);
    const release = honest.throws.flatMap((plan) => plan.steps).find((step) => step.kind === 'release');
    if (release?.kind !== 'release') return undefined;
    const descriptors = verification.descriptors.map((descriptor): FrameDescriptor => ({
      ...descriptor,
      entries: descriptor.entries.filter((entry) => entry !== release.entry),
    }));
    this.tally.plantedLeaks++;
    const outcome = this.#run(program, { ...verification, descriptors }, generated.seed);
    return outcome.problem === undefined ? `ran to its end without the entry for ${release.place}` : undefined;
  }
}

/** A kernel with the world's maps, taken back to its beginning for each run. */
class Bench {
  readonly #world: ObjectFile;
  readonly #kernel: Kernel;
  readonly #machine: Machine;
  readonly #beginning: MachineCheckpoint;
  #facts: Verification | undefined;

  constructor(world: ObjectFile) {
    this.#world = world;
    const memory = new LinearMemory();
    this.#kernel = new Kernel({ memory, scenario: {}, kernelBtf: world.kernelBtf });
    this.#kernel.loadObject(world);
    this.#machine = new Machine({ kernel: this.#kernel, memory, profile: 'proposal', factsOf: () => this.#facts });
    this.#beginning = this.#machine.checkpoint();
  }

  run(program: Program, verification: Verification, seed: number): Outcome {
    const kernel = this.#kernel;
    const machine = this.#machine;
    this.#facts = verification;
    machine.restore(this.#beginning);
    kernel.random.restore([seed | 0, 1, 2, 3]);
    kernel.begin(program);
    const before = kernel.ledger.held().length;
    machine.start(program, kernel.context(program));
    const stop = machine.run({ fuel: MAX_STEPS });
    const values = this.#mapValues();
    const stored = kernel.ledger.stored().length;
    const left = kernel.end();
    const trace = JSON.stringify([stop, machine.step, machine.throws, values, stored], (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    );
    const problem =
      stop.kind !== 'exit'
        ? stop.kind === 'fault'
          ? `${stop.fault.code}: ${stop.fault.message}`
          : `stopped: ${stop.kind}`
        : left.length > 0
          ? `left behind: ${left.map((entry) => `${entry.typeName} #${entry.id}`).join(', ')}`
          : kernel.ledger.held().length !== before
            ? 'the ledger is not what it was'
            : mapProblem(values, stored);
    return { problem, throws: machine.throws, trace };
  }

  /** The words of the one value of each array. */
  #mapValues(): Record<string, string[]> {
    const values: Record<string, string[]> = {};
    for (const definition of this.#world.maps) {
      if (definition.maxEntries !== 1) continue;
      const map = this.#kernel.maps.of(definition);
      const words: string[] = [];
      const at = map.elementAt(map.advance(0)).value;
      for (let offset = 0; offset < definition.valueSize; offset += 8)
        words.push(this.#kernel.memory.readU64(at + offset).toString(16));
      values[definition.name] = words;
    }
    return values;
  }
}

function mapProblem(values: Record<string, string[]>, stored: number): string | undefined {
  for (const name of ['locks', 'res_locks', 'lists']) {
    const word = BigInt(`0x${values[name]?.[0] ?? '0'}`) & 0xffffffffn;
    if (word !== 0n) return `the lock of ${name} is still taken`;
  }
  const kept = values['kept']?.filter((word) => word !== '0').length ?? 0;
  if (kept > stored) return `kept has ${kept} pointers, the ledger knows of ${stored} stored things`;
  return undefined;
}

/** Each thing once, and in each frame the newest first. */
function planProblem(plan: UnwindPlan): string | undefined {
  const released = new Set<number>();
  let last = { frame: -1, id: 0 };
  for (const step of plan.steps) {
    if (step.kind !== 'release') continue;
    if (released.has(step.resource.id)) return `#${step.resource.id} is released twice`;
    released.add(step.resource.id);
    if (last.frame === step.frame && last.id < step.resource.id)
      return `#${step.resource.id} is released after the older #${last.id}`;
    last = { frame: step.frame, id: step.resource.id };
  }
  return undefined;
}
