/**
 * Finding runs among thousands: by what came of them (`result == 2 && throws > 0`), and by the state that they ended in
 * (`flows[1].bytes > 100`), for which the timeline is taken to the end of each.
 */
import { ValueError } from './expressions/errors.ts';
import type { Scope } from './expressions/evaluate.ts';
import { CompiledExpression } from './expressions/evaluate.ts';
import type { TypeNames } from './expressions/types.ts';
import { INT, LONG } from './expressions/types.ts';
import type { Value } from './expressions/values.ts';
import { scalar } from './expressions/values.ts';
import { returnName, returnValue } from './return-names.ts';
import type { Session } from './session.ts';
import type { Patience, Position, Timeline, TimelineRun } from '../trace/timeline.ts';
import { throwIfCancelled } from '../trace/timeline.ts';

/** A run in a row of a table. */
export interface RunView {
  readonly run: number;
  readonly program: string;
  readonly what: TimelineRun['what'];
  /** R0 as a signed 32-bit number, and what the program's type calls it. */
  readonly result?: number;
  readonly resultName?: string;
  /** The code of the fault that ended it. */
  readonly fault?: string;
  readonly throws: number;
  /** Instructions; absent while it is under way. */
  readonly steps?: number;
  /** `packet 3 of 43 (http.pcap)`. */
  readonly input?: string;
}

export function runView(session: Session, index: number): RunView {
  const { timeline } = session;
  const run = timeline.runs[index]!;
  const { program, what, first, last, end } = run;
  const input = session.inputOf(run);
  const result = end?.kind === 'exit' ? Number(BigInt.asIntN(32, end.value)) : undefined;
  const resultName = result === undefined ? undefined : returnName(program, result);
  return {
    run: index,
    program: program.name,
    what,
    ...(result === undefined ? {} : { result }),
    ...(resultName === undefined ? {} : { resultName }),
    ...(end?.kind === 'fault' ? { fault: end.fault.code } : {}),
    throws: run.throws ?? throwsSoFar(timeline, index),
    ...(last === undefined ? {} : { steps: last.step - first.step }),
    ...(input === undefined ? {} : { input }),
  };
}

function throwsSoFar(timeline: Timeline, run: number): number {
  const query = {
    from: { run, step: 0, phase: 0 },
    to: { run: run + 1, step: 0, phase: 0 },
    kinds: ['throw'] as const,
  };
  return [...timeline.events.events(query)].length;
}

/** Names that a filter knows besides those of the debugger's expressions. */
export const RUN_NAMES = ['run', 'program', 'what', 'result', 'throws', 'steps', 'fault', 'input'] as const;
type RunName = (typeof RUN_NAMES)[number];

/** Filters of one timeline whose answers are kept: the last ones that somebody typed. */
const MAX_KEPT = 8;
const kept = new WeakMap<Timeline, Map<string, RunFilter>>();

/**
 * The runs that a filter lets through, by their index. Runs that are over do not change, so each is looked at once. Throws an EXPRESSION
 * error where the filter makes no sense, and CANCELLED; the session stays where it is.
 */
export function runsLike(session: Session, text: string, limits: Patience = {}): readonly number[] {
  const { timeline } = session;
  const wanted = text.trim();
  if (wanted === '') return timeline.runs.map((_run, index) => index);
  const filters = kept.get(timeline) ?? new Map<string, RunFilter>();
  kept.set(timeline, filters);
  const filter = filters.get(wanted) ?? new RunFilter(session, wanted);
  filters.delete(wanted);
  filters.set(wanted, filter);
  for (const oldest of filters.keys()) {
    if (filters.size <= MAX_KEPT) break;
    filters.delete(oldest);
  }
  return filter.matches(limits);
}

/** Whether a run is meant; `limits` are for going to its end. */
type Test = (index: number, limits: Patience) => boolean;

class RunFilter {
  readonly #session: Session;
  readonly #test: Test;
  /** Of the runs that are over, those that were looked at and those that fit. */
  #seen = 0;
  readonly #found: number[] = [];

  constructor(session: Session, text: string) {
    this.#session = session;
    this.#test = WORDS.test(text) && !isRunName(text) ? wordsTest(session, text) : expressionTest(session, text);
  }

  matches(limits: Patience): readonly number[] {
    const { timeline, scope } = this.#session;
    const { runs } = timeline;
    if (this.#seen === runs.length) return this.#found;
    const { frame } = scope;
    scope.frame = 0;
    try {
      return timeline.glance(timeline.position, () => this.#look(limits));
    } finally {
      scope.frame = frame;
    }
  }

  #look(limits: Patience): readonly number[] {
    const { runs } = this.#session.timeline;
    const open: number[] = [];
    for (let index = this.#seen; index < runs.length; index++) {
      throwIfCancelled(limits);
      const fits = this.#test(index, limits);
      const isOver = runs[index]!.last !== undefined && index === this.#seen;
      if (isOver) this.#seen++;
      if (fits) (isOver ? this.#found : open).push(index);
      limits.onProgress?.(index + 1, runs.length);
    }
    return open.length === 0 ? this.#found : [...this.#found, ...open];
  }
}

// ---- words ------------------------------------------------------------------------------------------------------------

/** Without an operator a filter is words that all have to fit: `classify XDP_DROP`, `2`, `fault`, `throw`, `-timer`. */
const WORDS = /^[\w\s.:,#-]*$/;

function wordsTest(session: Session, text: string): Test {
  const words = text.toLowerCase().split(/\s+/);
  return (index) => {
    const run = runView(session, index);
    return words.every((word) => fits(run, word));
  };
}

function fits(run: RunView, word: string): boolean {
  if (word.startsWith('-') && word.length > 1 && !/^-\d+$/.test(word)) return !fits(run, word.slice(1));
  if (run.result !== undefined && String(run.result) === word) return true;
  const texts = [run.program, run.what, run.input ?? '', run.resultName ?? ''];
  if (run.throws > 0) texts.push('throws', 'threw');
  if (run.fault !== undefined) texts.push('fault', run.fault);
  return texts.some((text) => text.toLowerCase().includes(word));
}

// ---- expressions ------------------------------------------------------------------------------------------------------

function expressionTest(session: Session, text: string): Test {
  const expression = new CompiledExpression(text, session.symbols.types);
  const scope = new RunScope(session);
  expression.check(scope, (name) => scope.isKnown(name));
  return (index, limits) => {
    scope.stand(index, limits);
    return expression.holds(scope);
  };
}

/** A run's facts, and behind them what there is to see at its end: the timeline goes there when that is asked for. */
class RunScope implements Scope {
  readonly types: TypeNames;
  readonly #session: Session;
  readonly #programs: ReadonlySet<string>;
  #index = 0;
  #limits: Patience = {};
  #isThere = false;

  constructor(session: Session) {
    this.#session = session;
    this.types = session.symbols.types;
    this.#programs = new Set(session.object.programs.map(({ name }) => name));
  }

  /** Another run is looked at. */
  stand(index: number, limits: Patience): void {
    this.#index = index;
    this.#limits = limits;
    this.#isThere = false;
  }

  isKnown(name: string): boolean {
    if (isRunName(name) || this.#programs.has(name) || this.#constant(name) !== undefined) return true;
    try {
      return this.#session.scope.name(name) !== undefined;
    } catch (error) {
      // A register exists, though nothing runs now.
      if (error instanceof ValueError) return true;
      throw error;
    }
  }

  name(name: string): Value | undefined {
    if (isRunName(name)) return this.#fact(name);
    // Programs are named without quotes: program == classify.
    if (this.#programs.has(name)) return { kind: 'text', text: name };
    const constant = this.#constant(name);
    return constant === undefined ? this.#there().name(name) : scalar(INT, BigInt(constant));
  }

  names(): readonly string[] {
    return [...RUN_NAMES, ...this.#programs, ...this.#session.scope.names()];
  }

  read(address: bigint, size: number): Uint8Array {
    return this.#there().read(address, size);
  }

  element(map: string, key: Value): Value {
    return this.#there().element(map, key);
  }

  /** `XDP_DROP`: by the type of the run's program, or of any that may run. */
  #constant(name: string): number | undefined {
    const { timeline, object } = this.#session;
    for (const program of [timeline.runs[this.#index]?.program, ...object.programs]) {
      const value = program === undefined ? undefined : returnValue(program, name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #fact(name: RunName): Value {
    const run = runView(this.#session, this.#index);
    switch (name) {
      case 'run':
        return scalar(LONG, BigInt(this.#index));
      case 'program':
      case 'what':
        return { kind: 'text', text: run[name] };
      case 'throws':
        return scalar(LONG, BigInt(run.throws));
      case 'steps':
        return scalar(LONG, BigInt(run.steps ?? this.#end().step - this.#run().first.step));
      case 'result':
        // Not `nothing`, which would equal 0.
        if (run.result === undefined) throw new ValueError('The run has not returned');
        return scalar(INT, BigInt(run.result));
      case 'fault':
        return optionalText(run.fault, 'the run has no fault');
      case 'input':
        return optionalText(run.input, 'the run had no input of its own');
    }
  }

  #run(): TimelineRun {
    return this.#session.timeline.runs[this.#index]!;
  }

  #end(): Position {
    return this.#run().last ?? this.#session.timeline.frontier;
  }

  /** The session's scope, at the end of the run. */
  #there(): Scope {
    const { timeline, scope } = this.#session;
    if (!this.#isThere) {
      const { isCancelled } = this.#limits;
      timeline.seek(this.#end(), isCancelled === undefined ? {} : { isCancelled: () => isCancelled() });
      this.#isThere = true;
    }
    return scope;
  }
}

function isRunName(name: string): name is RunName {
  return (RUN_NAMES as readonly string[]).includes(name);
}

function optionalText(text: string | undefined, why: string): Value {
  return text === undefined ? { kind: 'nothing', type: INT, why } : { kind: 'text', text };
}
