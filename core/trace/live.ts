/**
 * A timeline without a recording: the machine runs on when somebody wants to see further than it has been, and goes back
 * by restoring a checkpoint and running again. Checkpoints are taken on the way, thinned when there are many of them.
 *
 * The furthest moment that was ever reached is the frontier. Who listens hears each part of a run when it is run for the first
 * time, which is when the machine goes forward from the frontier, and never when it is run again.
 */
import { BailoutError } from '../errors.ts';
import type { AsyncCallback } from '../kernel/behaviour.ts';
import { Kernel } from '../kernel/kernel.ts';
import type { ContextScenario, Scenario } from '../kernel/scenario.ts';
import type { MachineCheckpoint, RunFacts } from '../machine/machine.ts';
import { Machine } from '../machine/machine.ts';
import { LinearMemory } from '../machine/memory.ts';
import type { AttachRequest } from '../machine/run.ts';
import { attachmentOf } from '../machine/run.ts';
import type { End } from '../machine/stop.ts';
import type { Profile } from '../exceptions/profile.ts';
import type { ObjectFile, Program } from '../object/program.ts';
import { Checkpoints } from './checkpoints.ts';
import type { CollectorLimits } from './collect.ts';
import { Collector } from './collect.ts';
import { EventIndex } from './events.ts';
import type { Place } from './near.ts';
import { NearPlace } from './near.ts';
import { Pace } from './pace.ts';
import type { BackwardHost } from './search-backward.ts';
import { searchBackward } from './search-backward.ts';
import { presentHash, stateHash } from './state-hash.ts';
import type { Completed, Found, Limits, Patience, Position, Search, Timeline, TimelineRun } from './timeline.ts';
import { NOTHING, cancelled, comparePositions } from './timeline.ts';

export interface LiveOptions {
  readonly object: ObjectFile;
  readonly scenario: Scenario;
  readonly profile: Profile;
  /** Programs attached to functions of those that run: made by attachToProgram. */
  readonly attach?: readonly AttachRequest[];
  /** Asked once for each program that is run or tail called. */
  factsOf(program: Program): RunFacts | undefined;
  /** Instructions that one run may take; the search ends there. */
  readonly maxSteps: number;
  /** Instructions between checkpoints, to begin with. */
  readonly spacing?: number;
  /** Bytes that checkpoints may take; with more of them every second one goes. */
  readonly budgetBytes?: number;
  /**
   * Where nobody goes back, as while recording: no moments are kept, only hashed where they are. A hash comes after so many
   * instructions for each byte that there is to hash; at the end of a run the kernel has tidied up already.
   */
  readonly forwardOnly?: { readonly stepsPerByte: number };
  /** How many events are kept; `none` when somebody else knows them already. */
  readonly events?: CollectorLimits | 'none';
  /** A checkpoint was taken at a moment that had none; or none is taken, and the moment is as good as others to be hashed. */
  onKept?(position: Position, hash: () => string): void;
  /** A run is over, for the first time. */
  onEnded?(position: Position, hash: () => string): void;
}

/** What is known of a run, and what it takes to begin it again at the end of the one before. */
type Run = { -readonly [K in keyof TimelineRun]: TimelineRun[K] } & {
  /** Of a program; what runs by itself comes from the kernel. */
  readonly context: ContextScenario | undefined;
  /** Throws of its machine before it began: a timer's callback counts on from the program before it. */
  readonly throwsBefore: number;
  /** Timers and work queues since the last program, this one included. */
  readonly callbacks: number;
  /** From the beginning of all runs up to its own, in instructions. */
  readonly workBefore: number;
  /** Somebody changed maps by hand after it. */
  isChangedAfter?: true;
};

/** A run begins and ends in the time of about so many instructions. */
const RUN_WORK = 20_000;
/** Instructions that run before anybody asks whether to go on: a quarter of a second, if each of them were a call of the kernel. */
const PIECE = 250_000;
/** Where so many are over in a moment, more are run at once. */
const LONGEST_PIECE = 1_000_000;
const PIECE_MS = 4;
/** To hash what is not memory takes as long as so many bytes more. */
const HASH_WORK = 512 * 1024;
/** A timer may arm itself for ever. */
const MAX_CALLBACKS = 16;

export class LiveTimeline implements Timeline {
  readonly machine: Machine;
  readonly object: ObjectFile;
  readonly events: EventIndex;
  readonly #collector: Collector | undefined;
  #isListening = false;
  /** The furthest moment of the newest run. */
  #frontier: Position = { run: 0, step: 0, phase: 0 };
  readonly #maxSteps: number;
  readonly #runs: Run[] = [];
  readonly #programs = new Set<Program>();
  readonly #kept: Checkpoints;
  readonly #near = new NearPlace();
  readonly #pace = new Pace();
  readonly #options: LiveOptions;
  #run = 0;
  /** The state after the last run was over and user space has read its buffers: where the next begins. */
  #afterLast: MachineCheckpoint | undefined;
  /** The machine stands there. */
  #isAfterLast = false;
  /** The first step at which a moment may be hashed again, where nobody goes back. */
  #nextHash = 0;
  #hashedAt = 0;
  #piece = PIECE;
  readonly #backward: BackwardHost;

  constructor(options: LiveOptions) {
    const { object, scenario } = options;
    this.#options = options;
    this.#kept = new Checkpoints(options);
    this.object = object;
    this.#maxSteps = options.maxSteps;
    this.#collector = options.events === 'none' ? undefined : new Collector(options.events);
    this.events = this.#collector?.events ?? new EventIndex();
    const memory = new LinearMemory();
    const kernel = new Kernel({ memory, scenario, kernelBtf: object.kernelBtf });
    const attach = options.attach ?? [];
    for (const loaded of new Set([object, ...attach.map((one) => one.object)])) kernel.loadObject(loaded);
    this.machine = new Machine({
      kernel,
      memory,
      profile: options.profile,
      attachments: attach.map(({ program }) => attachmentOf(program)),
      factsOf: (program) => options.factsOf(program),
    });
    this.#afterLast = this.machine.checkpoint();
    this.#backward = this.#backwardHost();
  }

  get runs(): readonly TimelineRun[] {
    return this.#runs;
  }

  get frontier(): Position {
    return this.#frontier;
  }

  get checkpoints(): number {
    return this.#kept.count;
  }

  get first(): Position {
    return { run: 0, step: this.#runs[0]?.first.step ?? 0, phase: 0 };
  }

  get position(): Position {
    const { step, phase, end } = this.machine;
    // An instruction that faults is not counted, and yet there is a moment before it and one after.
    return { run: this.#run, step, phase: end?.kind === 'fault' ? phase + 1 : phase };
  }

  /**
   * Begins one more run, after all others: maps keep what they held. The position is its first instruction.
   * Throws CANCELLED when the run before has not come to its end, and is cancelled on the way there.
   */
  begin(program: Program, context: ContextScenario, limits: Patience = {}): void {
    this.#toLastEnd(limits);
    const { machine } = this;
    if (!this.#isAfterLast) machine.restore(this.#afterLast!);
    this.#isAfterLast = false;
    this.#start(program, context);
    this.#addRun(program, 'program', context);
  }

  /** Between runs: changes something (a map) as user space would. */
  change<T>(action: (kernel: Kernel) => T, limits: Patience = {}): T {
    const { machine } = this;
    const comeBack = this.holdPlace();
    this.#toLastEnd(limits);
    machine.restore(this.#afterLast!);
    try {
      const result = action(machine.kernel);
      this.#afterLast = machine.checkpoint();
      const last = this.#runs.at(-1);
      if (last !== undefined) last.isChangedAfter = true;
      return result;
    } finally {
      // Before the first run there is no moment to return to: the changed state is the present one.
      if (this.#runs.length > 0) comeBack();
      else machine.restore(this.#afterLast!);
    }
  }

  complete(limits: Patience = {}): Completed {
    if (this.#runs.length === 0) throw notRunning();
    const comeBack = this.holdPlace();
    try {
      return this.#runOut(limits);
    } finally {
      comeBack();
    }
  }

  seek(position: Position, limits: Patience = {}): Position {
    if (this.#runs.length === 0) throw notRunning();
    const target = this.#clamped(position);
    const from = this.position;
    if (!this.#reach(target, limits)) {
      // The way back takes no longer than any other, and a checkpoint for it would have to be taken at each seek.
      this.#reach(from, {});
      throw cancelled();
    }
    return this.position;
  }

  glance<T>(position: Position, action: () => T, limits: Patience = {}): T {
    const comeBack = this.holdPlace();
    try {
      this.seek(position, limits);
      return action();
    } finally {
      comeBack();
    }
  }

  /** Remembers the present moment, and gives what returns to it. */
  holdPlace(): () => void {
    this.#leaveEnd();
    const run = this.#run;
    const checkpoint = this.machine.checkpoint();
    return () => {
      this.machine.restore(checkpoint);
      this.#run = run;
    };
  }

  searchForward(search: Search, limits: Limits = {}): Found {
    if (this.#runs.length === 0) throw notRunning();
    if (this.machine.end !== undefined) {
      const next = this.#runs[this.#run + 1];
      if (next === undefined) return 'end';
      if (limits.until !== undefined && comparePositions(next.first, limits.until) > 0) return 'until';
      this.#cross();
      // A new run's first instruction is reached like any other.
      if (this.#arrived(search, next.first)) return 'hit';
      return this.#forward(search, limits.until, limits, this.#testedStep(search));
    }
    return this.#forward(search, limits.until, limits, search.begin?.(this.machine, this.position) ?? 'run');
  }

  searchBackward(search: Search, limits: Limits = {}): Found {
    if (this.#runs.length === 0) throw notRunning();
    return searchBackward(this.#backward, search, limits);
  }

  // ---- searching ------------------------------------------------------------------------------------------------------

  /** Runs until a hit, a position, or the end of the run. The first step is the caller's to judge. */
  #forward(search: Search, until: Position | undefined, limits: Limits, first: 'run' | 'step'): Found {
    const { machine } = this;
    for (const program of this.#allPrograms()) machine.setBreakpoints(program, search.stops(program));
    let next = first;
    const began = machine.step;
    try {
      for (;;) {
        if (machine.end !== undefined) return this.#isAt(until) ? 'until' : 'end';
        if (this.#isAt(until)) return 'until';
        if (machine.step >= this.#stepLimit()) return 'end';
        if (limits.isCancelled?.() === true) return 'cancelled';
        const asked = this.#advance(search, until, next);
        next = 'run';
        // Whatever is asked next, a run that is over is known to be.
        if (machine.end !== undefined) this.#ended(machine.end);
        if (asked) {
          const answer = search.test(machine, this.position);
          if (answer === 'hit') return 'hit';
          if (answer === 'step') next = 'step';
        }
        limits.onProgress?.(machine.step - began, until === undefined ? undefined : until.step - began);
      }
    } finally {
      this.#listen(false);
      for (const program of this.#allPrograms()) machine.setBreakpoints(program, undefined);
    }
  }

  /** Goes on by a step, or to the next place where somebody has to look. True when the search wants to be asked there. */
  #advance(search: Search, until: Position | undefined, how: 'run' | 'step'): boolean {
    const { machine } = this;
    const { plan, left } = this.#phasesLeft();
    const isNew = this.#isAtFrontier();
    this.#listen(isNew);
    if (plan && left > 0) {
      // Within an unwinding a step is a phase.
      const { step, phase } = machine.position;
      machine.runTo({ step, phase: phase + 1 });
      if (isNew) this.#frontier = this.position;
      // After the last phase an instruction is next: of the exception callback, or of whoever called by a tail call.
      return search.phases || how === 'step' || (left === 1 && this.#standsAt(search));
    }
    const ceiling = Math.min(
      until !== undefined && until.run === this.#run ? until.step : Number.MAX_SAFE_INTEGER,
      this.#stepLimit(),
      how === 'step' ? machine.step + 1 : Math.min(this.#nextCheckpoint(), machine.step + this.#piece),
      isNew || this.#frontier.run !== this.#run ? Number.MAX_SAFE_INTEGER : this.#frontier.step,
    );
    const before = machine.step;
    const began = Date.now();
    // At the last phases of an unwinding that ends at `until` nothing is left to execute.
    const since = performance.now();
    const stop = machine.run({ fuel: Math.max(ceiling - before, 1), phases: true, breakHere: false });
    this.#pace.add(performance.now() - since, machine.step - before);
    this.#piece = ceiling - before >= PIECE && Date.now() - began <= PIECE_MS ? LONGEST_PIECE : PIECE;
    if (isNew) this.#frontier = this.position;
    this.#keep();
    return (
      how === 'step' ||
      stop.kind === 'breakpoint' ||
      (stop.kind === 'fuel' && this.#standsAt(search)) ||
      (stop.kind === 'phase' && search.phases)
    );
  }

  #phasesLeft(): { plan: boolean; left: number } {
    const { unwinding, phase } = this.machine;
    return { plan: unwinding !== undefined, left: unwinding === undefined ? 0 : unwinding.steps.length - phase };
  }

  /** Whether the search wants to look at the instruction that is next. */
  #standsAt(search: Search): boolean {
    const at = this.machine.location;
    return at !== undefined && search.stops(at.program)?.[at.insn] === 1;
  }

  #arrived(search: Search, position: Position): boolean {
    search.begin?.(this.machine, position);
    return this.#standsAt(search) && search.test(this.machine, position) === 'hit';
  }

  #testedStep(search: Search): 'run' | 'step' {
    return search.begin?.(this.machine, this.position) ?? 'run';
  }

  #isAt(until: Position | undefined): boolean {
    return until !== undefined && comparePositions(this.position, until) >= 0;
  }

  #stepLimit(): number {
    return (this.#runs[this.#run]?.first.step ?? 0) + this.#maxSteps;
  }

  #backwardHost(): BackwardHost {
    const timeline = (): LiveTimeline => this;
    return {
      machine: this.machine,
      runs: this.#runs,
      get position() {
        return timeline().position;
      },
      get first() {
        return timeline().first;
      },
      placeBefore: (end) => this.#near.best(end, this.#kept.before(end), true),
      restore: (place) => this.#restore(place),
      forward: (search, until, limits, first) => this.#forward(search, until, limits, first),
      cross: () => this.#cross(),
      arrived: (search, position) => this.#arrived(search, position),
      seek: (position) => this.seek(position),
    };
  }

  // ---- listening ------------------------------------------------------------------------------------------------------

  /** Whether what comes next was never executed. Where a run is over, nothing comes. */
  #isAtFrontier(): boolean {
    return (
      this.#run === this.#frontier.run &&
      comparePositions(this.position, this.#frontier) === 0 &&
      this.#runs[this.#run]?.end === undefined
    );
  }

  #listen(on: boolean): void {
    if (on === this.#isListening) return;
    this.#isListening = on;
    if (on) this.#collector?.attach(this.machine);
    else this.#collector?.detach();
  }

  // ---- runs -----------------------------------------------------------------------------------------------------------

  #start(program: Program, context: ContextScenario): void {
    const { machine } = this;
    machine.kernel.begin(program);
    machine.start(program, machine.kernel.contexts.build(program, context));
  }

  #addRun(program: Program, what: TimelineRun['what'], context?: ContextScenario): void {
    const { machine } = this;
    const before = this.#runs.at(-1);
    this.#run = this.#runs.length;
    const first = { run: this.#run, step: machine.step, phase: 0 };
    const workBefore =
      before === undefined ? 0 : before.workBefore + RUN_WORK + (before.last?.step ?? 0) - before.first.step;
    this.#runs.push({
      program,
      what,
      first,
      context,
      throwsBefore: machine.throws.length,
      callbacks: what === 'program' ? 0 : (before?.callbacks ?? 0) + 1,
      workBefore,
    });
    this.#frontier = first;
    this.#collector?.enterRun(this.#run);
    const isPinned = before?.isChangedAfter === true;
    this.#hashedAt = this.#nextHash = first.step;
    if (this.#options.forwardOnly !== undefined && before !== undefined && !isPinned) {
      this.#options.onKept?.(first, () => presentHash(machine));
      return;
    }
    const checkpoint = machine.checkpoint();
    this.#kept.addFirst(first, workBefore, checkpoint, isPinned);
    this.#options.onKept?.(first, () => stateHash(checkpoint));
  }

  /** What the kernel does when a run is over. A timer or work queue may be due. */
  #settle(run: Run): AsyncCallback | undefined {
    const { kernel, end } = this.machine;
    if (run.what !== 'program') kernel.async.done();
    kernel.end();
    return end?.kind === 'exit' && run.callbacks < MAX_CALLBACKS ? kernel.asyncDue() : undefined;
  }

  /** From the end of a run to the beginning of the next, which is known: it is begun again as it was the first time. */
  #cross(): void {
    const run = this.#runs[this.#run]!;
    const next = this.#runs[this.#run + 1]!;
    const kept = this.#kept.upTo(next.first);
    if (kept !== undefined && comparePositions(kept.position, next.first) === 0) {
      this.#restore(kept);
      return;
    }
    const due = this.#settle(run);
    if (next.context !== undefined) this.#start(next.program, next.context);
    else if (due !== undefined) this.#startDue(due);
    else throw new BailoutError('INTERNAL_TIMELINE', `Run ${this.#run + 1} does not begin again.`);
    this.#run++;
  }

  #startDue(due: AsyncCallback): void {
    this.machine.kernel.begin(due.program);
    this.machine.startAsync(due);
  }

  /** A run is over for the first time: what follows it is made ready, and the machine stays where it is. */
  #ended(end: End): void {
    const run = this.#runs[this.#run];
    if (run === undefined || run.end !== undefined) return;
    run.end = end;
    run.last = this.position;
    run.throws = this.machine.throws.length - run.throwsBefore;
    this.#collector?.ended(end, run.last);
    this.#listen(false);
    if (this.#options.forwardOnly !== undefined && this.machine.kernel.async.peek() === undefined) {
      this.#options.onEnded?.(run.last, () => presentHash(this.machine));
      this.#settle(run);
      this.#isAfterLast = true;
      return;
    }
    const here = this.machine.checkpoint();
    this.#options.onEnded?.(run.last, () => stateHash(here));
    const index = this.#run;
    const due = this.#settle(run);
    if (due === undefined) this.#afterLast = this.machine.checkpoint();
    else {
      this.#startDue(due);
      this.#addRun(due.program, due.kind);
    }
    this.machine.restore(here);
    this.#run = index;
  }

  /** Lets all runs that were begun come to their end. */
  #toLastEnd(limits: Patience): void {
    const completed = this.#runOut(limits);
    if (completed === 'cancelled') throw cancelled();
    if (completed === 'limit') {
      throw new BailoutError('RUN_TOO_LONG', `The run was ended after ${this.#maxSteps} instructions.`, {
        hint: 'Raise the limit: set max-steps N.',
      });
    }
  }

  /** Goes on from the frontier until nothing is left to run: timers and work queues have runs of their own. */
  #runOut(limits: Patience): Completed {
    for (;;) {
      const newest = this.#runs.at(-1);
      if (newest === undefined || newest.end !== undefined) return 'end';
      if (!this.#reach(this.#frontier, limits)) return 'cancelled';
      const found = this.#forward(NOTHING, undefined, limits, 'run');
      if (found === 'cancelled') return 'cancelled';
      if (this.machine.end === undefined) return 'limit';
    }
  }

  // ---- checkpoints ----------------------------------------------------------------------------------------------------

  #nextCheckpoint(): number {
    const { spacing } = this.#kept;
    const next = (Math.floor(this.machine.step / spacing) + 1) * spacing;
    return this.#options.forwardOnly === undefined
      ? next
      : Math.max(next, Math.ceil(this.#nextHash / spacing) * spacing);
  }

  #keep(): void {
    const { position, machine } = this;
    if (machine.end !== undefined || position.phase !== 0 || position.step % this.#kept.spacing !== 0) return;
    if (this.#options.forwardOnly !== undefined) {
      this.#hashHere();
      return;
    }
    const before = this.#kept.upTo(position);
    if (before !== undefined && comparePositions(before.position, position) === 0) return;
    const { workBefore, first } = this.#runs[position.run]!;
    const checkpoint = machine.checkpoint();
    this.#kept.add(position, workBefore + position.step - first.step, checkpoint, this.#pace.takeAverage());
    this.#options.onKept?.(position, () => stateHash(checkpoint));
  }

  /** Lets the present moment be hashed, unless the instructions since the last one are too few to pay for it. */
  #hashHere(): void {
    const { position, machine } = this;
    const { stepsPerByte } = this.#options.forwardOnly!;
    if (position.step < this.#nextHash) return;
    // What is there to be hashed only grows until it is, so nobody need look before.
    this.#nextHash = this.#hashedAt + (machine.memory.unhashedBytes + HASH_WORK) * stepsPerByte;
    if (position.step < this.#nextHash) return;
    this.#hashedAt = position.step;
    this.#options.onKept?.(position, () => presentHash(machine));
  }

  /** Before the machine goes elsewhere: where the next run begins must not be lost. */
  #leaveEnd(): void {
    if (!this.#isAfterLast) return;
    this.#afterLast = this.machine.checkpoint();
    this.#isAfterLast = false;
  }

  #restore(place: Place): void {
    this.#leaveEnd();
    this.machine.restore(place.checkpoint);
    this.#run = place.position.run;
  }

  /** Goes to a moment, from here or from a checkpoint, through all runs that lie between. False when it was cancelled. */
  #reach(target: Position, limits: Patience): boolean {
    const here = this.position;
    const kept = this.#near.best(target, this.#kept.upTo(target));
    const stays =
      comparePositions(here, target) <= 0 && (kept === undefined || comparePositions(kept.position, here) <= 0);
    if (!stays && kept !== undefined) this.#restore(kept);
    while (this.#run < target.run) {
      if (this.#forward(NOTHING, undefined, limits, 'run') === 'cancelled') return false;
      this.#cross();
    }
    if (!stays && !this.#layNear(target, limits)) return false;
    return this.#forward(NOTHING, target, limits, 'run') !== 'cancelled';
  }

  /** Where the way to a moment is long, a place shortly before it is remembered. False when it was cancelled. */
  #layNear(target: Position, limits: Patience): boolean {
    const step = this.#near.stepBefore(target, this.position, this.#pace.msPerStep);
    if (step === undefined) return true;
    if (this.#forward(NOTHING, { run: target.run, step, phase: 0 }, limits, 'run') === 'cancelled') return false;
    const { position, machine } = this;
    if (position.step === step && position.phase === 0 && machine.end === undefined) this.#near.take(machine, position);
    return true;
  }

  #clamped(position: Position): Position {
    const last = this.#runs.length - 1;
    if (position.run > last) return { run: last, step: Number.MAX_SAFE_INTEGER, phase: 0 };
    const run = this.#runs[Math.max(position.run, 0)]!;
    if (position.run < 0 || comparePositions(position, run.first) < 0) return run.first;
    return run.last !== undefined && comparePositions(position, run.last) > 0 ? run.last : position;
  }

  #allPrograms(): Iterable<Program> {
    if (this.#programs.size === 0) {
      for (const program of this.object.programs) this.#programs.add(program);
      for (const { program } of this.#options.attach ?? []) this.#programs.add(program);
    }
    return this.#programs;
  }
}

function notRunning(): BailoutError {
  return new BailoutError('NOT_RUNNING', 'No program runs.', { hint: 'Start one: run.' });
}
