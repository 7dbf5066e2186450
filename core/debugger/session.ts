/**
 * A debugging session: an object, one of its programs, runs of it, and a present moment among them. It goes forwards and
 * backwards, and tells what stopped it; what there is to see at a moment is told by inspect.ts.
 */
import { BailoutError } from '../errors.ts';
import type { Profile } from '../exceptions/profile.ts';
import type { ContextScenario, Scenario } from '../kernel/scenario.ts';
import type { Machine } from '../machine/machine.ts';
import type { ObjectFile, Program } from '../object/program.ts';
import { LiveTimeline } from '../trace/live.ts';
import type { RunRequest } from '../trace/recording.ts';
import type { Completed, Found, Limits, Patience, Position, Search, Timeline, TimelineRun } from '../trace/timeline.ts';
import { comparePositions } from '../trace/timeline.ts';
import type { Verification } from '../verifier/verification.ts';
import { verify } from '../verifier/verify.ts';
import type { Breakpoint, Location } from './breakpoints.ts';
import { parseLocation, resolveLocation } from './breakpoints.ts';
import { CompiledExpression } from './expressions/evaluate.ts';
import { backwards, forwards } from './moments.ts';
import { MachineScope, Symbols } from './scope.ts';
import { CallSearch, EitherSearch, FrameEndSearch, InsnSearch, LineSearch, StopSearch } from './searches.ts';
import { nearest } from '../nearest.ts';
import type { Watchpoint } from './watchpoints.ts';
import { watchpoint } from './watchpoints.ts';
import type { Written } from './who-wrote.ts';
import { whoWrote } from './who-wrote.ts';

export type Direction = 'forwards' | 'backwards';

/** Why the session stands where it stands. */
export interface Stopped {
  readonly why: 'step' | 'breakpoint' | 'watchpoint' | 'end' | 'start' | 'limit' | 'cancelled';
  readonly position: Position;
  readonly breakpoints: readonly Breakpoint[];
  readonly watchpoints: readonly {
    readonly id: number;
    readonly expression: string;
    readonly before: string;
    readonly after: string;
  }[];
}

/** A moment that somebody wants to come back to. */
export interface Bookmark {
  readonly id: number;
  readonly position: Position;
  readonly name: string;
}

const NO_LIMITS: Patience = {};
const DEFAULT_MAX_STEPS = 100_000_000;

export class Session {
  readonly object: ObjectFile;
  readonly symbols: Symbols;
  scenario: Scenario;
  maxSteps = DEFAULT_MAX_STEPS;
  readonly breakpoints: Breakpoint[] = [];
  readonly watchpoints: Watchpoint[] = [];
  /** In the order of time. */
  readonly bookmarks: Bookmark[] = [];
  #program: Program | undefined;
  #profile: Profile | undefined;
  #verifications = new Map<Program, Verification>();
  #timeline: Timeline | undefined;
  #live: LiveTimeline | undefined;
  #scope: MachineScope | undefined;
  readonly #inputs = new WeakMap<TimelineRun, string>();
  #nextId = 1;

  constructor(object: ObjectFile, scenario: Scenario = {}) {
    this.object = object;
    this.scenario = scenario;
    this.symbols = new Symbols(object);
    if (object.programs.length === 1) this.#program = object.programs[0];
  }

  // ---- what is debugged -----------------------------------------------------------------------------------------------

  /** The program that commands are about. */
  get program(): Program {
    if (this.#program !== undefined) return this.#program;
    const names = this.object.programs.map(({ name }) => name);
    throw new BailoutError('NO_PROGRAM', `${this.object.name} has ${names.length} programs: none is selected.`, {
      hint: names.length === 0 ? undefined : `prog select ${names.slice(0, 12).join(' | ')}`,
    });
  }

  get hasProgram(): boolean {
    return this.#program !== undefined;
  }

  select(name: string): Program {
    const program = this.object.programs.find((candidate) => candidate.name === name);
    if (program === undefined) {
      const near = nearest(
        name,
        this.object.programs.map((candidate) => candidate.name),
      );
      throw new BailoutError('NO_PROGRAM', `${this.object.name} has no program \`${name}\`.`, {
        hint: near === undefined ? undefined : `Did you mean \`${near}\`?`,
      });
    }
    this.#program = program;
    return program;
  }

  /** What the verifier says about a program. Asked once; the log is that of errors alone, since a long one takes longer than the run. */
  verification(program: Program = this.program, isCancelled?: () => boolean): Verification {
    let known = this.#verifications.get(program);
    if (known === undefined) {
      if (program.loadError !== undefined) throw program.loadError;
      known = verify(program, {
        ...(this.#profile === undefined ? {} : { profile: this.#profile }),
        ...(isCancelled === undefined ? {} : { isCancelled }),
      });
      // What was cut off is no word about the program.
      if (isCancelled?.() === true) throw new BailoutError('CANCELLED', 'This was cancelled.');
      this.#verifications.set(program, known);
    }
    return known;
  }

  isVerified(program: Program): boolean {
    return this.#verifications.has(program);
  }

  /** The verifier's log of the selected program, in as much detail as asked. */
  log(level: 0 | 1 | 2): string {
    const { program } = this;
    if (program.loadError !== undefined) throw program.loadError;
    return verify(program, { logLevel: level, profile: this.profile }).log;
  }

  /** The rules that were chosen by hand. */
  get chosenProfile(): Profile | undefined {
    return this.#profile;
  }

  get profile(): Profile {
    return this.verification().profile;
  }

  /** Chooses the rules for exceptions; undefined leaves them to the program. Runs so far are forgotten. */
  setProfile(profile: Profile | undefined): void {
    this.#profile = profile;
    this.#verifications = new Map();
    this.reset();
  }

  // ---- runs -----------------------------------------------------------------------------------------------------------

  get timeline(): Timeline {
    if (this.#timeline === undefined) {
      throw new BailoutError('NOT_RUNNING', 'No program has been run.', { hint: 'Start one: run.' });
    }
    return this.#timeline;
  }

  get isRunning(): boolean {
    return this.#timeline !== undefined && this.#timeline.runs.length > 0;
  }

  get machine(): Machine {
    return this.timeline.machine;
  }

  get position(): Position {
    return this.timeline.position;
  }

  get scope(): MachineScope {
    const { timeline } = this;
    if (this.#scope === undefined)
      this.#scope = new MachineScope(this.symbols, timeline.machine, () => timeline.position);
    return this.#scope;
  }

  /** Forgets all runs and what they left in maps, and the bookmarks in them. Breakpoints stay. */
  reset(): void {
    this.#timeline = undefined;
    this.#live = undefined;
    this.#scope = undefined;
    this.watchpoints.length = 0;
    this.bookmarks.length = 0;
    this.requests.length = 0;
    this.isChanged = false;
    this.lastStop = undefined;
  }

  /** Goes along a recording instead of running programs. */
  attach(timeline: Timeline, requests: readonly Pick<RunRequest, 'input'>[] = []): void {
    this.reset();
    this.#program = timeline.runs[0]?.program ?? this.#program;
    this.#timeline = timeline;
    const programs = timeline.runs.filter(({ what }) => what === 'program');
    for (const [index, { input }] of requests.entries()) {
      const run = programs[index];
      if (run !== undefined && input !== undefined) this.#inputs.set(run, input);
    }
  }

  /** What a run got, in words, where that was chosen. */
  inputOf(run: TimelineRun): string | undefined {
    return this.#inputs.get(run);
  }

  /** What was run so far, in order: the requests of a recording. Empty in a replay. */
  readonly requests: RunRequest[] = [];
  /** What the last move answered. */
  lastStop: Stopped | undefined;
  /** Whether maps were changed by hand: then the requests alone do not tell what happened. */
  isChanged = false;

  /** The kernel as it is between runs, for changing maps: made when nothing has run yet. */
  liveTimeline(): LiveTimeline {
    if (this.#timeline !== undefined && this.#live === undefined) {
      throw new BailoutError('REPLAY_ONLY', 'A recording cannot be changed.', { hint: 'load FILE begins anew.' });
    }
    if (this.#live === undefined) {
      const { object, scenario, maxSteps } = this;
      const facts = (program: Program): Verification | undefined =>
        program.loadError === undefined ? this.verification(program) : undefined;
      this.#live = new LiveTimeline({
        object,
        scenario,
        maxSteps,
        profile: this.#profile ?? 'proposal',
        factsOf: facts,
      });
      this.#timeline = this.#live;
      this.#scope = undefined;
    }
    return this.#live;
  }

  /** Puts the selected program at its first instruction, after all earlier runs, which come to their end before. */
  start(context: ContextScenario = this.scenario.context ?? {}, limits: Patience = NO_LIMITS, input?: string): Stopped {
    const { program } = this;
    if (program.loadError !== undefined) throw program.loadError;
    const live = this.liveTimeline();
    live.begin(program, context, limits);
    this.requests.push({ program: program.name, context, ...(input === undefined ? {} : { input }) });
    const begun = live.runs.at(-1);
    if (begun !== undefined && input !== undefined) this.#inputs.set(begun, input);
    return this.#stopped('step');
  }

  /** Starts the program and runs it up to the first breakpoint, or to its end. */
  run(context?: ContextScenario, limits: Limits = NO_LIMITS, input?: string): Stopped {
    this.start(context, limits, input);
    return this.stopHere() ?? this.continue('forwards', limits);
  }

  /** The stop at the present moment, where a breakpoint means it: on the first instruction one is a stop, too. */
  stopHere(): Stopped | undefined {
    const search = this.#stopSearch();
    const { machine } = this.timeline;
    const at = machine.location;
    search.begin(machine);
    if (at === undefined || search.stops(at.program)?.[at.insn] !== 1 || search.test(machine) !== 'hit')
      return undefined;
    return this.#report('hit', search, this.position);
  }

  /** Runs the newest run to its end without going there, so that all that happens in it is known. */
  complete(limits: Patience = NO_LIMITS): Completed {
    return this.timeline.complete(limits);
  }

  /** Goes to the furthest moment that was ever reached, and says why nothing comes after it. */
  toFrontier(why: 'end' | 'limit' | 'cancelled'): Stopped {
    this.timeline.seek(this.timeline.frontier);
    return this.#stopped(why);
  }

  // ---- going ----------------------------------------------------------------------------------------------------------

  continue(direction: Direction = 'forwards', limits: Limits = NO_LIMITS): Stopped {
    const search = this.#stopSearch();
    return this.#search(search, search, direction, limits, this.position);
  }

  /** So many instructions, or phases of an unwinding. Nothing on the way stops it but the end. */
  stepi(count: number, direction: Direction = 'forwards', limits: Patience = NO_LIMITS): Stopped {
    if (direction === 'forwards') return this.#stopped(forwards(this.timeline, count, limits));
    for (let i = 0; i < count; i++) {
      if (limits.isCancelled?.() === true) return this.#stopped('cancelled');
      if (!backwards(this.timeline)) return this.#stopped('start');
      limits.onProgress?.(i + 1, count);
    }
    return this.#stopped('step');
  }

  /** To the beginning of another line, `into` functions or over them. */
  line(into: boolean, count: number, direction: Direction = 'forwards', limits: Limits = NO_LIMITS): Stopped {
    let stopped = this.#stopped('step');
    for (let i = 0; i < count; i++) {
      if (direction === 'forwards' && this.machine.end !== undefined) return this.#stopped('end');
      const from = this.position;
      const stops = this.#stopSearch();
      stopped = this.#near(new LineSearch(this.machine, into), stops, direction, limits, from);
      if (stopped.why !== 'step') break;
    }
    return stopped;
  }

  /** To where the chosen frame is gone; backwards to the call that began it. */
  finish(direction: Direction = 'forwards', limits: Limits = NO_LIMITS): Stopped {
    const frames = this.machine.frames();
    const frame = frames[this.scope.frame];
    const caller = frames[this.scope.frame + 1];
    if (frame === undefined) throw new BailoutError('NOT_RUNNING', 'There is no frame to leave.');
    const from = this.position;
    if (direction === 'forwards') {
      const stops = this.#stopSearch();
      return this.#search(new EitherSearch([stops, new FrameEndSearch(frame, caller)]), stops, direction, limits, from);
    }
    if (caller === undefined) {
      const first = this.timeline.runs[from.run]?.first ?? this.timeline.first;
      this.timeline.seek(first, limits);
      return this.#stopped('start');
    }
    const stops = this.#stopSearch();
    return this.#search(new EitherSearch([stops, new CallSearch(caller)]), stops, direction, limits, from);
  }

  /** To where an instruction is the next, or a breakpoint before. */
  toInsn(program: Program, insn: number, direction: Direction = 'forwards', limits: Limits = NO_LIMITS): Stopped {
    const stops = this.#stopSearch();
    const either = new EitherSearch([stops, new InsnSearch(program, insn)]);
    return this.#search(either, stops, direction, limits, this.position);
  }

  /** Goes to a moment, or the nearest that there is. */
  goto(position: Position, limits: Patience = NO_LIMITS): Stopped {
    this.timeline.seek(position, limits);
    return this.#stopped('step');
  }

  #stopSearch(): StopSearch {
    return new StopSearch(this.breakpoints, this.watchpoints, this.scope);
  }

  /** What lies near is looked for near: each piece that is run again stops at every line. */
  #near(search: LineSearch, stops: StopSearch, direction: Direction, limits: Limits, from: Position): Stopped {
    const either = new EitherSearch([stops, search]);
    if (direction === 'forwards') return this.#search(either, stops, direction, limits, from);
    const first = this.timeline.runs[from.run]?.first ?? this.timeline.first;
    for (let distance = 64; ; distance *= 16) {
      const step = from.step - distance;
      if (step <= first.step) return this.#search(either, stops, direction, limits, from);
      const until = { run: from.run, step, phase: 0 };
      const found = this.timeline.searchBackward(either, { ...limits, until });
      if (found !== 'until') return this.#reportBack(found, stops, from);
      this.timeline.seek(from);
    }
  }

  #search(search: Search, stops: StopSearch, direction: Direction, limits: Limits, from: Position): Stopped {
    this.scope.frame = 0;
    const { timeline } = this;
    if (direction === 'forwards') return this.#report(timeline.searchForward(search, limits), stops, from);
    // The beginning of a run is where going back stops first.
    const first = timeline.runs[from.run]?.first ?? timeline.first;
    const until = limits.until ?? (comparePositions(from, first) > 0 ? first : timeline.first);
    return this.#reportBack(timeline.searchBackward(search, { ...limits, until }), stops, from);
  }

  /** Going back, the search saw moments after the one that it found: what was hit is asked again. */
  #reportBack(found: Found, stops: StopSearch, from: Position): Stopped {
    if (found === 'hit') {
      const { position } = this;
      if (this.watchpoints.length > 0 && backwards(this.timeline)) {
        stops.begin(this.machine);
        this.timeline.seek(position);
      }
      stops.test(this.machine);
    }
    return this.#report(found, stops, from);
  }

  #report(found: Found, stops: StopSearch, from: Position): Stopped {
    this.lastStop = this.#stopOf(found, stops, from);
    return this.lastStop;
  }

  #stopOf(found: Found, stops: StopSearch, from: Position): Stopped {
    switch (found) {
      case 'hit': {
        if (stops.hitBreakpoints.length + stops.hitWatchpoints.length === 0) {
          return this.#stopped(this.machine.end === undefined ? 'step' : 'end');
        }
        const breakpoints = stops.hitBreakpoints;
        for (const breakpoint of breakpoints) {
          breakpoint.hits++;
          breakpoint.ignore = 0;
        }
        const watchpoints = stops.hitWatchpoints.map(({ watchpoint: hit, before, after }) => {
          hit.hits++;
          return { id: hit.id, expression: hit.expression.text, before, after };
        });
        this.#dropTemporary(breakpoints);
        const why = watchpoints.length > 0 ? 'watchpoint' : breakpoints.length > 0 ? 'breakpoint' : 'step';
        return { why, position: this.position, breakpoints, watchpoints };
      }
      case 'end':
        return this.#stopped(this.machine.end === undefined ? 'limit' : 'end');
      case 'start':
        return this.#stopped('start');
      case 'cancelled':
        return this.#stopped('cancelled');
      case 'until':
        return this.#stopped(comparePositions(this.position, from) < 0 ? 'start' : 'step');
    }
  }

  #dropTemporary(hit: readonly Breakpoint[]): void {
    for (const breakpoint of hit) {
      if (breakpoint.temporary) this.breakpoints.splice(this.breakpoints.indexOf(breakpoint), 1);
    }
  }

  #stopped(why: Stopped['why']): Stopped {
    this.scope.frame = 0;
    this.lastStop = { why, position: this.position, breakpoints: [], watchpoints: [] };
    return this.lastStop;
  }

  // ---- breakpoints ----------------------------------------------------------------------------------------------------

  /** Adds a breakpoint; without a location, where the program stands. */
  addBreakpoint(text: string, options: { readonly condition?: string; readonly temporary?: boolean } = {}): Breakpoint {
    const location: Location = text === '' ? this.#hereAsLocation() : parseLocation(text);
    const condition =
      options.condition === undefined
        ? {}
        : { condition: new CompiledExpression(options.condition, this.symbols.types) };
    const insns = resolveLocation(location, this.object, this.#programForInsns());
    const breakpoint: Breakpoint = {
      id: this.#nextId++,
      location,
      text: text === '' && location.kind === 'instruction' ? `*${location.insn}` : text,
      ...condition,
      temporary: options.temporary === true,
      enabled: true,
      hits: 0,
      ignore: 0,
      insns,
    };
    this.breakpoints.push(breakpoint);
    return breakpoint;
  }

  /** At an instruction of whichever program. */
  addBreakpointAt(program: Program, insn: number): Breakpoint {
    const location: Location = { kind: 'instruction', insn };
    const breakpoint: Breakpoint = {
      id: this.#nextId++,
      location,
      text: `*${insn}`,
      temporary: false,
      enabled: true,
      hits: 0,
      ignore: 0,
      insns: resolveLocation(location, this.object, program),
    };
    this.breakpoints.push(breakpoint);
    return breakpoint;
  }

  /** Gives a breakpoint another condition, or none. */
  setCondition(id: number, condition: CompiledExpression | undefined): void {
    const index = this.breakpoints.findIndex((breakpoint) => breakpoint.id === id);
    const found = this.breakpoints[index];
    if (found === undefined) throw new BailoutError('NO_BREAKPOINT', `There is no breakpoint ${id}.`);
    const { condition: _, ...rest } = found;
    this.breakpoints[index] = condition === undefined ? rest : { ...rest, condition };
  }

  addWatchpoint(text: string): Watchpoint {
    // Needs values to compare, so a kernel, but no run.
    if (this.#timeline === undefined) this.liveTimeline();
    const expression = new CompiledExpression(
      /^0x[0-9a-f]+$/i.test(text.trim()) ? `*(u64 *)${text.trim()}` : text,
      this.symbols.types,
    );
    const added = watchpoint(this.#nextId++, expression, this.scope);
    this.watchpoints.push(added);
    return added;
  }

  /** Takes a breakpoint or watchpoint away. */
  delete(id: number): void {
    const find = (list: { readonly id: number }[]): boolean => {
      const index = list.findIndex((item) => item.id === id);
      if (index >= 0) list.splice(index, 1);
      return index >= 0;
    };
    if (!find(this.breakpoints) && !find(this.watchpoints)) {
      throw new BailoutError('NO_BREAKPOINT', `There is no breakpoint or watchpoint ${id}.`, {
        hint: 'info breakpoints lists them.',
      });
    }
  }

  find(id: number): Breakpoint | Watchpoint {
    const found = this.breakpoints.find((item) => item.id === id) ?? this.watchpoints.find((item) => item.id === id);
    if (found === undefined)
      throw new BailoutError('NO_BREAKPOINT', `There is no breakpoint or watchpoint ${id}.`, {
        hint: 'info breakpoints lists them.',
      });
    return found;
  }

  #hereAsLocation(): Location {
    const frame = this.machine.frames()[this.scope.frame];
    if (frame === undefined) throw new BailoutError('NOT_RUNNING', 'No program stands anywhere: name a location.');
    return { kind: 'instruction', insn: frame.insn };
  }

  #programForInsns(): Program {
    const here = this.isRunning ? this.machine.location?.program : undefined;
    return here ?? this.#program ?? this.object.programs[0] ?? this.program;
  }

  // ---- bookmarks ------------------------------------------------------------------------------------------------------

  /** Marks a moment; the present one when none is given. */
  addBookmark(name: string, position: Position = this.position): Bookmark {
    const added = { id: this.#nextId++, position, name };
    const after = this.bookmarks.findIndex((other) => comparePositions(other.position, position) > 0);
    this.bookmarks.splice(after < 0 ? this.bookmarks.length : after, 0, added);
    return added;
  }

  deleteBookmark(id: number): void {
    const index = this.bookmarks.findIndex((bookmark) => bookmark.id === id);
    if (index < 0) throw new BailoutError('NO_BOOKMARK', `There is no bookmark ${id}.`);
    this.bookmarks.splice(index, 1);
  }

  // ---- who wrote this -------------------------------------------------------------------------------------------------

  /** The instruction that wrote a register, or the memory of an expression, last before now. The session stays where it is. */
  whoWrote(text: string, limits: Patience = NO_LIMITS): Written | undefined {
    return whoWrote(this, text, limits);
  }
}
