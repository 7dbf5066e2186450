/** Runs a program instruction by instruction, and asks at each whether what the machine holds lies within what the verifier claims. */
import type { FrameClaims } from '../../core/debugger/claims.ts';
import { claimAt } from '../../core/debugger/claims.ts';
import { registerOf } from '../../core/debugger/scope.ts';
import type { Profile } from '../../core/exceptions/profile.ts';
import { Kernel } from '../../core/kernel/kernel.ts';
import type { Scenario } from '../../core/kernel/scenario.ts';
import type { MachineCheckpoint } from '../../core/machine/machine.ts';
import { Machine } from '../../core/machine/machine.ts';
import { LinearMemory } from '../../core/machine/memory.ts';
import type { ObjectFile, Program } from '../../core/object/program.ts';
import type { Claims } from '../../core/verifier/claims/claims.ts';
import type { Verification } from '../../core/verifier/verification.ts';

export interface ClaimsRun {
  readonly program: Program;
  readonly verification: Verification;
  /** Undefined where nothing is claimed: of programs that tail calls lead to. */
  claimsOf(program: Program): Claims | undefined;
  /** Of random numbers. */
  readonly seed?: number;
  readonly maxSteps: number;
}

export interface ClaimsTally {
  steps: number;
  frames: number;
  /** Values that were compared with a claim. */
  values: number;
  throws: number;
}

export function emptyClaimsTally(): ClaimsTally {
  return { steps: 0, frames: 0, values: 0, throws: 0 };
}

/** An object with one program and nothing else. */
export function objectOf(program: Program): ObjectFile {
  const { name, license, kernelBtf, maps } = program;
  return { name, license, programs: [program], maps, kernelBtf, externs: [], notes: [] };
}

/** A kernel remembers the programs that it met; a new one after so many keeps memory bounded. */
const PROGRAMS_PER_KERNEL = 256;

/** A kernel with an object's maps, taken back to its beginning for each run. */
export class ClaimsBench {
  readonly #object: ObjectFile;
  readonly #scenario: Scenario;
  #parts: { kernel: Kernel; machine: Machine; beginning: MachineCheckpoint } | undefined;
  #facts: Verification | undefined;
  #used = 0;

  constructor(object: ObjectFile, scenario: Scenario = {}) {
    this.#object = object;
    this.#scenario = scenario;
  }

  /** The first value outside of all claims, described; undefined when there is none. */
  firstViolation(run: ClaimsRun, tally: ClaimsTally): string | undefined {
    const { program } = run;
    this.#facts = run.verification;
    if (this.#parts === undefined || this.#used++ >= PROGRAMS_PER_KERNEL) {
      this.#parts = this.#make(run.verification.profile);
      this.#used = 0;
    }
    const { kernel, machine, beginning } = this.#parts;
    machine.restore(beginning);
    if (run.seed !== undefined) kernel.random.restore([run.seed | 0, 1, 2, 3]);
    kernel.begin(program);
    machine.start(program, kernel.context(program));
    const found = follow(machine, run, tally);
    if (found !== undefined || machine.end?.kind !== 'exit') return found;
    kernel.end();
    for (let i = 0; i < MAX_CALLBACKS; i++) {
      const callback = kernel.asyncDue();
      if (callback === undefined) break;
      kernel.begin(callback.program);
      machine.startAsync(callback);
      const later = follow(machine, run, tally);
      if (later !== undefined) return later;
      kernel.async.done();
      kernel.end();
    }
    return undefined;
  }

  #make(profile: Profile): { kernel: Kernel; machine: Machine; beginning: MachineCheckpoint } {
    const memory = new LinearMemory();
    const kernel = new Kernel({ memory, scenario: this.#scenario, kernelBtf: this.#object.kernelBtf });
    kernel.loadObject(this.#object);
    const factsOf = (target: Program): Verification | undefined =>
      target === this.#facts?.program ? this.#facts : undefined;
    const machine = new Machine({ kernel, memory, profile, factsOf });
    return { kernel, machine, beginning: machine.checkpoint() };
  }
}

/** Timers and work queues that run after the program. */
const MAX_CALLBACKS = 4;

function follow(machine: Machine, run: ClaimsRun, tally: ClaimsTally): string | undefined {
  for (let step = 0; step < run.maxSteps && machine.end === undefined; step++) {
    const frames = machine.frames();
    for (let frame = 0; frame < frames.length; frame++) {
      const claims = run.claimsOf(frames[frame]!.image.program);
      const at = claims === undefined ? undefined : claimAt(machine, claims, frame);
      if (claims === undefined || at === undefined) continue;
      tally.frames++;
      tally.values += at.registers.length + at.slots.size;
      if (at.binding && !at.contained) return describe(machine, frame, at, claims);
    }
    tally.steps++;
    const before = machine.throws.length;
    machine.run({ fuel: 1 });
    tally.throws += machine.throws.length - before;
  }
  return undefined;
}

function describe(machine: Machine, frame: number, at: FrameClaims, claims: Claims): string {
  const frames = machine.frames();
  const lines = [
    `${claims.program.name}: frame ${frame} (${frames[frame]?.name}), insn ${at.insn}, step ${machine.step}: not within ${at.states} states`,
    `  frames ${frames.map((each) => `${each.name}(${each.kind}) at ${each.insn}`).join(' < ')}`,
  ];
  at.registers.forEach((claim, register) => {
    if (claim === undefined) return;
    const value = registerOf(machine, frames, frame, register);
    const held = value.kind === 'scalar' ? `0x${BigInt.asUintN(64, value.bits).toString(16)}` : '?';
    lines.push(`  ${claim.violated ? '!' : ' '} r${register} = ${held}: ${claim.text} (${claim.alternatives} others)`);
  });
  for (const [offset, claim] of at.slots) {
    const word = machine.memory.readU64((frames[frame]?.framePointer ?? 0) + offset);
    lines.push(
      `  ${claim.violated ? '!' : ' '} fp${offset} = 0x${word.toString(16)}: ${claim.text} (${claim.alternatives} others)`,
    );
  }
  return lines.join('\n');
}
