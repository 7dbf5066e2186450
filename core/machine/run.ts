/**
 * One run of one program, from an object and a scenario to what came of it: the shortest way through the machine, for the
 * command line, for tests and for scripts. A debugger drives {@link Machine} itself.
 */
import { BailoutError } from '../errors.ts';
import type { Profile } from '../exceptions/profile.ts';
import type { UnwindPlan } from '../exceptions/unwinder.ts';
import type { AsyncCallback, OutputLine } from '../kernel/behaviour.ts';
import { Kernel } from '../kernel/kernel.ts';
import type { LedgerEntry } from '../kernel/ledger.ts';
import { describeEntry } from '../kernel/ledger.ts';
import type { Scenario } from '../kernel/scenario.ts';
import type { ObjectFile, Program } from '../object/program.ts';
import type { Verification } from '../verifier/verification.ts';
import type { Attachment } from './attachments.ts';
import type { RunFacts } from './machine.ts';
import { Machine } from './machine.ts';
import { LinearMemory } from './memory.ts';
import type { MachineFault } from './stop.ts';

export interface RunRequest {
  readonly object: ObjectFile;
  readonly program: Program;
  /** Of the program. A rejected one can be run too: what the verifier saved everybody from becomes a fault. */
  readonly verification: Verification;
  readonly scenario?: Scenario;
  /** Instructions at most, those of timers and work queues included. */
  readonly maxSteps?: number;
  /** What is known about the programs that tail calls lead to. */
  factsOf?(program: Program): RunFacts | undefined;
  /** Timers and work queues that run after the program; 16 when absent, since a timer may arm itself for ever. */
  readonly maxCallbacks?: number;
  /** Programs attached to functions of the program: made by attachToProgram, and verified. */
  readonly attach?: readonly AttachRequest[];
}

/** A program of this or another object, attached to a function of the program that runs or of another one. */
export interface AttachRequest {
  readonly object: ObjectFile;
  readonly program: Program;
}

/** A timer's or work queue's callback, which ran on its own after the program. */
export interface AsyncRun {
  readonly kind: AsyncCallback['kind'];
  readonly program: string;
  readonly insn: number;
  /** R0; absent when it did not return. */
  readonly value?: bigint;
}

export interface RunResult {
  readonly program: Program;
  readonly profile: Profile;
  /** The program's R0 as the int that it returns; absent when it did not return. */
  readonly retval?: number;
  /** The same, all 64 bits. */
  readonly value?: bigint;
  /** Every throw, in order: a program that was entered by a tail call is a boundary of its own, so there may be several. */
  readonly throws: readonly UnwindPlan[];
  /** Instructions executed. */
  readonly steps: number;
  /** The exception callback that ran last. */
  readonly callback?: { readonly subprogram: number; readonly name: string; readonly how: 'call' | 'tag' };
  readonly ledger: { readonly before: readonly LedgerEntry[]; readonly after: readonly LedgerEntry[] };
  /** The newest of what it said; before that there were so many lines more. */
  readonly output: readonly OutputLine[];
  readonly earlierOutput: number;
  readonly async: readonly AsyncRun[];
  /** Why it did not return, or what it left behind. */
  readonly fault?: Pick<MachineFault, 'code' | 'message'> & Partial<MachineFault>;
}

const DEFAULT_STEPS = 100_000_000;
const DEFAULT_CALLBACKS = 16;

/** Loads an object into a fresh kernel, and runs one of its programs to its end. */
export function runProgram(request: RunRequest): RunResult {
  const { object, program, verification } = request;
  const maxSteps = request.maxSteps ?? DEFAULT_STEPS;
  const memory = new LinearMemory();
  const kernel = new Kernel({ memory, scenario: request.scenario ?? {}, kernelBtf: object.kernelBtf });
  kernel.loadObject(object);
  for (const { object: other } of request.attach ?? []) kernel.loadObject(other);
  const machine = new Machine({
    kernel,
    memory,
    profile: verification.profile,
    attachments: (request.attach ?? []).map((attached) => attachmentOf(attached.program)),
    factsOf: (target) => (target === program ? verification : request.factsOf?.(target)),
  });
  kernel.begin(program);
  const before = kernel.ledger.held();
  machine.start(program, kernel.context(program));
  const stop = machine.run({ fuel: maxSteps });
  // While it is still the program's: afterwards user space takes what lies in ring buffers.
  const after = kernel.ledger.held();
  const left = kernel.end();
  const callback = lastCallback(machine.throws, verification);
  const result = {
    program,
    profile: verification.profile,
    ...(stop.kind === 'exit' ? { retval: Number(BigInt.asIntN(32, stop.value)), value: stop.value } : {}),
    throws: machine.throws,
    ...(callback === undefined ? {} : { callback }),
    ledger: { before, after },
  };
  const fault = stop.kind === 'fault' ? stop.fault : stop.kind === 'exit' ? leftBehind(left) : tooLong(maxSteps);
  const async = fault === undefined ? runAsync(machine, maxSteps, request.maxCallbacks ?? DEFAULT_CALLBACKS) : [];
  const output = kernel.output.newest();
  return {
    ...result,
    steps: machine.step,
    output: output.lines,
    earlierOutput: output.earlier,
    async,
    ...(fault === undefined ? {} : { fault }),
  };
}

/** Where an attached program's function is; what cannot be attached the verifier has refused. */
export function attachmentOf(program: Program): Attachment {
  const target = program.bpfTarget;
  const found = target?.program.subprograms.find(({ name }) => name === target.name);
  if (target === undefined || found === undefined || target.kind === 'fmod_ret') {
    throw new BailoutError('ATTACH_TARGET', `${program.name} is attached to no function of a BPF program.`);
  }
  return { kind: target.kind, program, target: target.program, insn: found.start };
}

function tooLong(maxSteps: number): RunResult['fault'] {
  return { code: 'RUN_TOO_LONG', message: `The run was ended after ${maxSteps} instructions.` };
}

/** The invariant of the whole project: what is held after a run is what was held before. */
function leftBehind(left: readonly LedgerEntry[]): RunResult['fault'] {
  if (left.length === 0) return undefined;
  const names = left.map(describeEntry).join(', ');
  return { code: 'LEDGER_LEFT_BEHIND', message: `The program ended and still holds ${names}.` };
}

function lastCallback(throws: readonly UnwindPlan[], verification: Verification): RunResult['callback'] {
  const step = throws.at(-1)?.steps.at(-1);
  const known = verification.exceptionCallback;
  if (step?.kind !== 'callback' || known === undefined) return undefined;
  const name = verification.program.subprograms[step.subprogram]?.name ?? '';
  return { subprogram: step.subprogram, name, how: known.how };
}

/** Timers and work queues that the program armed, in the order in which they are due. */
function runAsync(machine: Machine, maxSteps: number, limit: number): AsyncRun[] {
  const runs: AsyncRun[] = [];
  const { kernel } = machine;
  while (runs.length < limit && machine.step < maxSteps) {
    const callback = kernel.asyncDue();
    if (callback === undefined) break;
    kernel.begin(callback.program);
    machine.startAsync(callback);
    const stop = machine.run({ fuel: maxSteps - machine.step });
    kernel.async.done();
    kernel.end();
    const { kind, program, subprogramInsn } = callback;
    const value = stop.kind === 'exit' ? { value: stop.value } : {};
    runs.push({ kind, program: program.name, insn: subprogramInsn, ...value });
  }
  return runs;
}
