/** Runs a verified program once in a simulated kernel, and reports how it went. */
import type { Profile } from '../../core/exceptions/profile.ts';
import type { UnwindPlan } from '../../core/exceptions/unwinder.ts';
import type { Scenario } from '../../core/kernel/scenario.ts';
import type { RunResult } from '../../core/machine/run.ts';
import { runProgram } from '../../core/machine/run.ts';
import type { ObjectFile, Program } from '../../core/object/program.ts';
import type { Verification } from '../../core/verifier/verification.ts';
import { verify } from '../../core/verifier/verify.ts';
import type { RunReport } from './format/run.ts';
import type { Throw } from './format/unwinding.ts';
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
  const known = new Map([[program, verification]]);
  const factsOf = (target: Program): Verification => {
    const facts = known.get(target) ?? verify(target, options);
    known.set(target, facts);
    return facts;
  };
  const result = runProgram({
    object,
    program,
    verification,
    scenario,
    maxSteps,
    factsOf,
  });
  const thrown = lastThrow(object, result);
  return {
    program,
    profile: result.profile,
    verdict: 'accepted',
    ...(result.retval === undefined ? {} : { retval: result.retval }),
    ...(thrown === undefined ? {} : { thrown }),
    throws: result.throws.map((plan) => throwOf(object, program, plan, known)),
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

/** A throw with the assertion that it came from. */
function throwOf(
  object: ObjectFile,
  started: Program,
  plan: UnwindPlan,
  known: ReadonlyMap<Program, Verification>,
): Throw {
  const at = plan.steps.find((step) => step.kind === 'throw');
  const innermost = plan.steps.find((step) => step.kind === 'enter-frame');
  const program = programOfFrame(object, started, innermost?.frame.name ?? '', at?.insn ?? 0);
  const assertion = known.get(program)?.assertions.find(({ throwInsn }) => throwInsn === at?.insn);
  return { plan, program, ...(assertion === undefined ? {} : { assertion }) };
}

/** The program that a frame belongs to: after a tail call not the one that was started. */
function programOfFrame(object: ObjectFile, started: Program, name: string, insn: number): Program {
  const contains = (program: Program): boolean =>
    program.subprograms.some(
      (subprogram) => subprogram.name === name && insn >= subprogram.start && insn < subprogram.end,
    );
  return contains(started) ? started : (object.programs.find(contains) ?? started);
}
