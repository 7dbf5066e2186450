/** Runs a program instruction by instruction, and asks at each whether what the machine holds lies within what the verifier claims. */
import type { FrameClaims } from '../../core/debugger/claims.ts';
import { claimAt } from '../../core/debugger/claims.ts';
import { registerOf } from '../../core/debugger/scope.ts';
import type { Profile } from '../../core/exceptions/profile.ts';
import { Kernel } from '../../core/kernel/kernel.ts';
import type { Scenario } from '../../core/kernel/scenario.ts';
import { Machine } from '../../core/machine/machine.ts';
import { LinearMemory } from '../../core/machine/memory.ts';
import type { ObjectFile, Program } from '../../core/object/program.ts';
import type { Claims } from '../../core/verifier/claims/claims.ts';
import type { Verification } from '../../core/verifier/verification.ts';

export interface ClaimsRun {
  readonly object: ObjectFile;
  readonly program: Program;
  readonly verification: Verification;
  /** Of the program, and of those that tail calls lead to; undefined where none are known. */
  claimsOf(program: Program): Claims | undefined;
  readonly scenario?: Scenario;
  readonly seed?: number;
  readonly maxSteps: number;
  readonly profile?: Profile;
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

/** The first value outside of all claims, described; undefined when there is none. */
export function firstViolation(run: ClaimsRun, tally: ClaimsTally): string | undefined {
  const { object, program, verification } = run;
  const memory = new LinearMemory();
  const kernel = new Kernel({ memory, scenario: run.scenario ?? {}, kernelBtf: object.kernelBtf });
  kernel.loadObject(object);
  const machine = new Machine({
    kernel,
    memory,
    profile: verification.profile,
    factsOf: (target) => (target === program ? verification : undefined),
  });
  if (run.seed !== undefined) kernel.random.restore([run.seed | 0, 1, 2, 3]);
  kernel.begin(program);
  machine.start(program, kernel.context(program));
  const found = follow(machine, run, tally);
  if (found !== undefined || machine.end?.kind !== 'exit') return found;
  kernel.end();
  for (let i = 0; i < 4; i++) {
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
