/** Runs a verified program once in a simulated kernel, and reports how it went. */
import type { Profile } from '../../core/exceptions/profile.ts';
import type { Scenario } from '../../core/kernel/scenario.ts';
import type { RunResult } from '../../core/machine/run.ts';
import { runProgram } from '../../core/machine/run.ts';
import type { ObjectFile, Program } from '../../core/object/program.ts';
import type { Verification } from '../../core/verifier/verification.ts';
import { verify } from '../../core/verifier/verify.ts';
import type { RunReport } from './format/run.ts';
import { unwoundFrames } from './format/run.ts';

export interface Simulation {
  readonly object: ObjectFile;
  /** Of the program to run; accepted. */
  readonly verification: Verification;
  /** As the user asked: for programs that a tail call leads to. */
  readonly profile: Profile | undefined;
  readonly scenario: Scenario;
  readonly maxSteps: number;
}

export function simulate(simulation: Simulation): RunReport {
  const { object, verification, profile, scenario, maxSteps } = simulation;
  const { program } = verification;
  const options = profile === undefined ? {} : { profile };
  const result = runProgram({
    object,
    program,
    verification,
    scenario,
    maxSteps,
    factsOf: (target) => verify(target, options),
  });
  const thrown = lastThrow(object, result);
  return {
    program,
    profile: result.profile,
    verdict: 'accepted',
    ...(result.retval === undefined ? {} : { retval: result.retval }),
    ...(thrown === undefined ? {} : { thrown }),
    steps: result.steps,
    ledger: result.ledger,
    output: result.output,
    async: result.async,
    ...(result.fault === undefined ? {} : { error: result.fault }),
  };
}

/**
 * All that was thrown: a program that is entered by a tail call is a boundary of its own, so one run may throw, return
 * to its caller and throw again. The cookie is the last one, since that is what the result came from.
 */
function lastThrow(object: ObjectFile, { program, throws, callback }: RunResult): RunReport['thrown'] {
  const last = throws.at(-1);
  const at = last?.steps.find((step) => step.kind === 'throw');
  const innermost = last?.steps.find((step) => step.kind === 'enter-frame');
  if (last === undefined || at === undefined || innermost === undefined) return undefined;
  return {
    cookie: last.cookie,
    insn: at.insn,
    program: programOfFrame(object, program, innermost.frame.name, at.insn),
    unwound: unwoundFrames(throws.flatMap(({ steps }) => steps)),
    ...(callback === undefined ? {} : { callback: { name: callback.name, how: callback.how } }),
  };
}

/** The program that a frame belongs to: after a tail call not the one that was started. */
function programOfFrame(object: ObjectFile, started: Program, name: string, insn: number): Program {
  const contains = (program: Program): boolean =>
    program.subprograms.some(
      (subprogram) => subprogram.name === name && insn >= subprogram.start && insn < subprogram.end,
    );
  return contains(started) ? started : (object.programs.find(contains) ?? started);
}
