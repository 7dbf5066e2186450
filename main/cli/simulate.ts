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

export interface Attached {
  readonly object: ObjectFile;
  readonly verification: Verification;
}

export interface Simulation {
  readonly object: ObjectFile;
  /** Of the program to run; accepted. */
  readonly verification: Verification;
  /** Programs attached to functions of it, verified. */
  readonly attach: readonly Attached[];
  /** As the user asked: for programs that a tail call leads to. */
  readonly profile: Profile | undefined;
  readonly scenario: Scenario;
  readonly maxSteps: number;
}

export function simulate(simulation: Simulation): RunReport {
  const { object, verification, attach, profile, scenario, maxSteps } = simulation;
  const { program } = verification;
  const options = profile === undefined ? {} : { profile };
  const known = new Map([
    [program, verification],
    ...attach.map((one) => [one.verification.program, one.verification] as const),
  ]);
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
    attach: attach.map((one) => ({ object: one.object, program: one.verification.program })),
  });
  const throws = result.throws.map((plan) => throwOf(plan, program, known));
  const thrown = lastThrow(result, throws.at(-1)?.program);
  return {
    program,
    profile: result.profile,
    verdict: 'accepted',
    ...(result.retval === undefined ? {} : { retval: result.retval }),
    ...(thrown === undefined ? {} : { thrown }),
    throws,
    steps: result.steps,
    ledger: result.ledger,
    output: result.output,
    ...(result.earlierOutput === 0 ? {} : { earlierOutput: result.earlierOutput }),
    async: result.async,
    ...(result.fault === undefined ? {} : { error: result.fault }),
  };
}

/**
 * All that was thrown: a program that is entered by a tail call is a boundary of its own, so one run may throw, return
 * to its caller and throw again. The cookie is the last one, since that is what the result came from.
 */
function lastThrow({ throws, callback }: RunResult, program: Program | undefined): RunReport['thrown'] {
  const last = throws.at(-1);
  const at = last?.steps.find((step) => step.kind === 'throw');
  if (last === undefined || at === undefined || program === undefined) return undefined;
  return {
    cookie: last.cookie,
    insn: at.insn,
    program,
    unwound: unwoundFrames(throws.flatMap(({ steps }) => steps)),
    ...(callback === undefined ? {} : { callback: { name: callback.name, how: callback.how } }),
  };
}

/** A throw with the assertion that it came from. */
function throwOf(plan: UnwindPlan, started: Program, known: ReadonlyMap<Program, Verification>): Throw {
  const at = plan.steps.find((step) => step.kind === 'throw');
  const program = programOf(plan, started, known.keys());
  const assertion = known.get(program)?.assertions.find(({ throwInsn }) => throwInsn === at?.insn);
  return { plan, program, ...(assertion === undefined ? {} : { assertion }) };
}

/** The program that threw: after a tail call, or when something is attached, not the one that was started. */
function programOf(plan: UnwindPlan, started: Program, others: Iterable<Program>): Program {
  const outermost = plan.steps.findLast((step) => step.kind === 'enter-frame')?.frame.name;
  return [started, ...others].find((program) => program.subprograms[0]?.name === outermost) ?? started;
}
