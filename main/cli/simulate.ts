/** Runs a verified program once in a simulated kernel, and reports how it went. */
import type { Profile } from '../../core/exceptions/profile.ts';
import type { UnwindPlan } from '../../core/exceptions/unwinder.ts';
import { Kernel } from '../../core/kernel/kernel.ts';
import type { Scenario } from '../../core/kernel/scenario.ts';
import { Machine } from '../../core/machine/machine.ts';
import { LinearMemory } from '../../core/machine/memory.ts';
import type { Stop } from '../../core/machine/stop.ts';
import type { ObjectFile, Program } from '../../core/object/program.ts';
import type { Verification } from '../../core/verifier/verification.ts';
import { verify } from '../../core/verifier/verify.ts';
import type { RunReport } from './format/run.ts';
import { unwoundFrames } from './format/run.ts';
import { subprogramName } from './program.ts';

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
  const memory = new LinearMemory();
  const kernel = new Kernel({ memory, scenario, kernelBtf: object.kernelBtf });
  kernel.loadObject(object);
  const machine = new Machine({
    kernel,
    memory,
    profile: verification.profile,
    factsOf: (target) => (target === program ? verification : verify(target, profile === undefined ? {} : { profile })),
  });
  kernel.begin(program);
  const before = kernel.ledger.held();
  machine.start(program, kernel.context(program));
  const stop = machine.run({ fuel: maxSteps });
  // While it is still the program's: afterwards user space takes what lies in ring buffers.
  const after = kernel.ledger.held();
  kernel.end();
  return {
    program,
    profile: verification.profile,
    verdict: 'accepted',
    ...howItEnded(stop, maxSteps),
    ...(machine.throws.length === 0 ? {} : { thrown: thrown(object, verification, machine.throws) }),
    steps: machine.step,
    ledger: { before, after },
    output: kernel.output,
  };
}

function howItEnded(stop: Stop, maxSteps: number): Pick<RunReport, 'retval' | 'error'> {
  switch (stop.kind) {
    case 'exit':
      // A program returns an int, whatever stands in the upper half of R0.
      return { retval: Number(BigInt.asIntN(32, stop.value)) };
    case 'fault': {
      const { code, message, insn } = stop.fault;
      return { error: { code, message, insn } };
    }
    default:
      return { error: { code: 'RUN_TOO_LONG', message: `It was ended after ${maxSteps} instructions (--max-steps).` } };
  }
}

/**
 * All that was thrown: a program that is entered by a tail call is a boundary of its own, so one run may throw, return
 * to its caller and throw again. The cookie is the last one, since that is what the result came from.
 */
function thrown(object: ObjectFile, verification: Verification, plans: readonly UnwindPlan[]): RunReport['thrown'] {
  const steps = plans.flatMap((plan) => plan.steps);
  const last = plans.at(-1);
  const at = last?.steps.find((step) => step.kind === 'throw');
  const innermost = last?.steps.find((step) => step.kind === 'enter-frame');
  if (last === undefined || at === undefined || innermost === undefined) return undefined;
  const callback = verification.exceptionCallback;
  const ranCallback = last.steps.some((step) => step.kind === 'callback');
  return {
    cookie: last.cookie,
    insn: at.insn,
    program: programOfFrame(object, verification.program, innermost.frame.name, at.insn),
    unwound: unwoundFrames(steps),
    ...(callback === undefined || !ranCallback
      ? {}
      : { callback: { name: subprogramName(verification.program, callback.subprogram), how: callback.how } }),
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
