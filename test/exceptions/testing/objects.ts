/** Loads, verifies and runs the programs of this suite as the command line does. */
import { readFileSync } from 'node:fs';
import type { Profile } from '../../../core/exceptions/profile.ts';
import type { UnwindStep } from '../../../core/exceptions/unwinder.ts';
import type { Scenario } from '../../../core/kernel/scenario.ts';
import type { RunResult } from '../../../core/machine/run.ts';
import { runProgram } from '../../../core/machine/run.ts';
import { loadObject } from '../../../core/object/object.ts';
import type { ObjectFile, Program } from '../../../core/object/program.ts';
import type { Verification } from '../../../core/verifier/verification.ts';
import { verify } from '../../../core/verifier/verify.ts';
import { bundledKernelBtf } from '../../../main/kernel-btf.ts';

/** An object of test/exceptions by its name, or any by its address. */
export function load(file: string | URL): ObjectFile {
  const url = typeof file === 'string' ? new URL(`../${file}.bpf.o`, import.meta.url) : file;
  const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  return loadObject(new Uint8Array(readFileSync(url)), { name, kernelBtf: bundledKernelBtf() });
}

export function programOf(object: ObjectFile, name: string): Program {
  const program = object.programs.find((candidate) => candidate.name === name);
  if (program === undefined) throw new Error(`${object.name} has no program ${name}`);
  return program;
}

/** Verifies a program, and shows the verifier's log when it is rejected against expectation. */
export function accepted(program: Program, profile: Profile): Verification {
  const verification = verify(program, { profile, logLevel: 0 });
  if (verification.verdict === 'accepted') return verification;
  const { log } = verify(program, { profile, logLevel: 1 });
  throw new Error(`${program.name} is rejected:\n${log.slice(-3000)}`);
}

export interface RunOf {
  readonly profile?: Profile;
  readonly globals?: Scenario['globals'];
  readonly scenario?: Scenario;
}

/** Verifies and runs one program. */
export function run(object: ObjectFile, name: string, options: RunOf = {}): RunResult {
  const profile = options.profile ?? 'proposal';
  const program = programOf(object, name);
  const scenario = { ...options.scenario, ...(options.globals === undefined ? {} : { globals: options.globals }) };
  return runProgram({
    object,
    program,
    verification: accepted(program, profile),
    scenario,
    factsOf: (target) => verify(target, { profile, logLevel: 0 }),
  });
}

/** The releases of all throws of a run, in order: `frame: type from place by function`. */
export function releases(result: RunResult): string[] {
  const steps = result.throws.flatMap(({ steps }) => steps);
  let frame = '';
  return steps.flatMap((step: UnwindStep) => {
    if (step.kind === 'enter-frame') frame = step.frame.name;
    if (step.kind !== 'release') return [];
    const { found, entry, place } = step;
    const where = found.kind === 'saved-register' ? `${place} saved by frame ${found.frame}` : place;
    return [`${frame}: ${entry.typeName} from ${where} by ${entry.release}`];
  });
}

export function cookies(result: RunResult): bigint[] {
  return result.throws.map(({ cookie }) => cookie);
}
