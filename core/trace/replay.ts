/**
 * A recording that one can move in: run again from checkpoints, which are made as one goes, and compared on the way with the
 * hashes that the recording holds.
 */
import { BailoutError } from '../errors.ts';
import type { Machine } from '../machine/machine.ts';
import type { Btf } from '../object/btf/btf.ts';
import type { ObjectFile, Program } from '../object/program.ts';
import { attachmentsOf, programNamed } from './attached.ts';
import type { EventIndex } from './events.ts';
import { LiveTimeline } from './live.ts';
import type { RecordedRun, Recording, RunEnd } from './recording.ts';
import { factsOf, loadSource } from './recording.ts';
import type { Completed, Found, Limits, Patience, Position, Search, Timeline, TimelineRun } from './timeline.ts';
import { NOTHING, comparePositions } from './timeline.ts';

export interface ReplayOptions {
  readonly kernelBtf: Btf;
  /** For checkpoints; 256 MB when absent. */
  readonly budgetBytes?: number;
  readonly spacing?: number;
}

export class Replay implements Timeline {
  readonly recording: Recording;
  readonly object: ObjectFile;
  readonly runs: readonly TimelineRun[];
  readonly #live: LiveTimeline;
  readonly #programs: readonly Program[];
  /** Requests that were begun so far. */
  #begun = 0;
  readonly #hashes = new Map<string, string>();
  /** Where the state was last seen to be the recorded one. */
  #agreed: Position | undefined;

  constructor(recording: Recording, options: ReplayOptions) {
    const { source } = recording;
    if (source.kernelTypes !== undefined && source.kernelTypes !== options.kernelBtf.identity) throw otherKernel();
    this.recording = recording;
    this.object = loadSource(source, options.kernelBtf);
    this.#programs = source.requests.map(({ program }) => programNamed(this.object, program));
    const attach = attachmentsOf(source.attach ?? [], this.object, options.kernelBtf);
    const objects = [this.object, ...attach.map((one) => one.object)];
    this.runs = recording.runs.map((run, index) => timelineRun(run, index, objects));
    for (const { run, step, hash } of recording.hashes) this.#hashes.set(`${run} ${step}`, hash);
    const facts = factsOf(source);
    const [first] = this.#programs;
    this.#live = new LiveTimeline({
      object: this.object,
      scenario: source.scenario,
      attach,
      profile: source.profile ?? (first === undefined ? 'proposal' : facts(first).profile),
      factsOf: facts,
      maxSteps: source.maxSteps,
      events: 'none',
      ...(options.budgetBytes === undefined ? {} : { budgetBytes: options.budgetBytes }),
      ...(options.spacing === undefined ? {} : { spacing: options.spacing }),
      onKept: (position, hash) => this.#compare(position, hash),
      onEnded: (position, hash) => this.#compareEnd(position, hash),
    });
    if (this.runs.length === 0) throw new BailoutError('TRACE_EMPTY', 'The recording holds no run.');
    this.#ensure(0);
    this.#live.seek(this.first);
  }

  get events(): EventIndex {
    return this.recording.events;
  }

  get machine(): Machine {
    return this.#live.machine;
  }

  get position(): Position {
    return this.#live.position;
  }

  get frontier(): Position {
    return this.last;
  }

  get checkpoints(): number {
    return this.#live.checkpoints;
  }

  get first(): Position {
    return { run: 0, step: this.recording.runs[0]?.firstStep ?? 0, phase: 0 };
  }

  get last(): Position {
    const run = this.recording.runs.length - 1;
    return this.#lastOf(run);
  }

  /** A recording knows all of its runs. */
  complete(): Completed {
    return 'end';
  }

  seek(position: Position, limits: Patience = {}): Position {
    const run = Math.min(Math.max(position.run, 0), this.runs.length - 1);
    this.#ensure(run, limits);
    const last = this.#lastOf(run);
    const wanted = position.run > run ? last : position;
    return this.#live.seek(comparePositions(wanted, last) > 0 ? last : wanted, limits);
  }

  glance<T>(position: Position, action: () => T, limits: Patience = {}): T {
    const comeBack = this.#live.holdPlace();
    try {
      this.seek(position, limits);
      return action();
    } finally {
      comeBack();
    }
  }

  searchForward(search: Search, limits: Limits = {}): Found {
    const here = this.position;
    if (this.#isOver()) return 'end';
    if (this.machine.end !== undefined && here.run + 1 < this.runs.length) this.#ensure(here.run + 1, limits);
    // A recording that was cut off ends where it ends, although the program would go on.
    const cut =
      this.recording.runs[this.position.run + (this.machine.end === undefined ? 0 : 1)]?.end.kind === 'unfinished';
    const until = cut ? earlier(limits.until, this.last) : limits.until;
    const found = this.#live.searchForward(search, until === undefined ? limits : { ...limits, until });
    return found === 'until' && until !== limits.until ? 'end' : found;
  }

  searchBackward(search: Search, limits: Limits = {}): Found {
    return this.#live.searchBackward(search, limits);
  }

  /** Goes through the whole recording once, so that every later seek finds a checkpoint near. False when it was cancelled. */
  prepare(limits: Patience = {}): boolean {
    const comeBack = this.#live.holdPlace();
    const total = stepsOf(this.recording.runs);
    try {
      this.seek({ run: Math.max(this.#live.runs.length - 1, 0), step: 0, phase: 0 });
      let run = this.position.run;
      let done = stepsOf(this.recording.runs.slice(0, run));
      while (!this.#isOver()) {
        if (this.position.run !== run) done += stepsOf(this.recording.runs.slice(run, (run = this.position.run)));
        if (this.searchForward(NOTHING, within(limits, done, total)) === 'cancelled') return false;
      }
      return true;
    } finally {
      comeBack();
    }
  }

  /** Whether nothing comes any more. */
  #isOver(): boolean {
    if (comparePositions(this.position, this.last) < 0) return false;
    return this.machine.end !== undefined || this.recording.runs.at(-1)?.end.kind === 'unfinished';
  }

  #lastOf(run: number): Position {
    const recorded = this.recording.runs[run];
    return { run, step: recorded?.lastStep ?? 0, phase: recorded?.lastPhase ?? 0 };
  }

  /** Runs all that comes before a run, when that was not done yet, and comes back. Throws CANCELLED. */
  #ensure(run: number, limits: Patience = {}): void {
    const live = this.#live;
    if (live.runs.length > run) return;
    const comeBack = live.runs.length > 0 ? live.holdPlace() : (): void => undefined;
    try {
      this.#beginUpTo(run, limits);
    } finally {
      comeBack();
    }
  }

  #beginUpTo(run: number, limits: Patience): void {
    const live = this.#live;
    const known = live.runs.length - 1;
    const total = stepsOf(this.recording.runs.slice(Math.max(known, 0), run));
    let done = 0;
    while (live.runs.length <= run) {
      const newest = live.runs.length - 1;
      if (newest >= 0 && live.runs[newest]!.end === undefined) {
        live.seek({ run: newest, step: Number.MAX_SAFE_INTEGER, phase: 0 }, within(limits, done, total));
        if (live.runs[newest]!.end === undefined) throw diverged(this.#agreed, live.position);
        done += stepsOf(this.recording.runs.slice(newest, newest + 1));
        continue;
      }
      const request = this.recording.source.requests[this.#begun];
      const program = this.#programs[this.#begun];
      if (request === undefined || program === undefined) throw diverged(this.#agreed, live.position);
      this.#begun++;
      live.begin(program, request.context);
    }
  }

  #compare(position: Position, hash: () => string): void {
    const expected = this.#hashes.get(`${position.run} ${position.step}`);
    if (expected === undefined) return;
    if (expected !== hash()) throw diverged(this.#agreed, position);
    this.#agreed = position;
  }

  #compareEnd(position: Position, hash: () => string): void {
    const run = this.recording.runs[position.run];
    // Where the recording was cut off nothing is known about the end.
    if (run === undefined || run.end.kind === 'unfinished') return;
    const same = run.lastStep === position.step && run.lastPhase === position.phase;
    if (!same || run.hash !== hash()) throw diverged(this.#agreed, position);
    this.#agreed = position;
  }
}

function stepsOf(runs: readonly RecordedRun[]): number {
  return runs.reduce((sum, { firstStep, lastStep }) => sum + lastStep - firstStep, 0);
}

/** A part of something longer. */
function within(limits: Patience, before: number, total: number): Patience {
  return {
    ...(limits.isCancelled === undefined ? {} : { isCancelled: () => limits.isCancelled?.() === true }),
    ...(limits.onProgress === undefined ? {} : { onProgress: (done) => limits.onProgress?.(before + done, total) }),
  };
}

function timelineRun(run: RecordedRun, index: number, objects: readonly ObjectFile[]): TimelineRun {
  const end = run.end.kind === 'unfinished' ? undefined : endOf(run, run.end);
  return {
    program: programNamed(ownerOf(run.program, objects), run.program),
    what: run.what,
    first: { run: index, step: run.firstStep, phase: 0 },
    last: { run: index, step: run.lastStep, phase: run.lastPhase },
    throws: run.throws,
    ...(end === undefined ? {} : { end }),
  };
}

/** The object that ran; a timer may be of another one, from which something was attached. */
function ownerOf(program: string, objects: readonly ObjectFile[]): ObjectFile {
  return objects.find(({ programs }) => programs.some(({ name }) => name === program)) ?? objects[0]!;
}

function endOf(run: RecordedRun, end: Exclude<RunEnd, { kind: 'unfinished' }>): NonNullable<TimelineRun['end']> {
  if (end.kind === 'exit') return end;
  const { code, message } = end;
  return { kind: 'fault', fault: { code, message, program: run.program, subprogram: '', insn: 0 } };
}

function earlier(a: Position | undefined, b: Position): Position {
  return a !== undefined && comparePositions(a, b) < 0 ? a : b;
}

function otherKernel(): BailoutError {
  return new BailoutError(
    'TRACE_OTHER_KERNEL',
    "The recording was made with another kernel's types than the ones at hand: its programs would not be the same.",
    { hint: 'Replay it with the version of Bailout that made it, or record again.' },
  );
}

function diverged(agreed: Position | undefined, at: Position): BailoutError {
  const since = agreed === undefined ? 'from its start on' : `after run ${agreed.run}, step ${agreed.step}`;
  return new BailoutError(
    'TRACE_DIVERGED',
    `The replay is not the run that was recorded: at run ${at.run}, step ${at.step} its state is another, somewhere ${since}.`,
    { hint: 'Another version of Bailout may simulate the kernel differently: record again.' },
  );
}
