/**
 * What exports are made of: the runs of a timeline, or a part of one, and all that happened in them. Where a part begins, functions are
 * under way and resources held already: what these are the machine knows, there.
 */
import { BailoutError } from '../errors.ts';
import type { Machine } from '../machine/machine.ts';
import type { Program } from '../object/program.ts';
import { eventPieces } from './all-events.ts';
import type { EventKind, TraceEvent } from './events.ts';
import type { Patience, Timeline } from './timeline.ts';
import { cancelled, withoutProgress } from './timeline.ts';

/** All that was run, one run, or steps of one. */
export interface Range {
  readonly run?: number;
  /** The first step. */
  readonly from?: number;
  /** The step after the last one. */
  readonly to?: number;
}

/** A run, or the part of it that is asked for. */
export interface Part {
  readonly run: number;
  readonly program: string;
  /** Instructions from the beginning of all runs to where this one has its step 0, and one more for the end of each run. */
  readonly origin: number;
  /** Its first step, and the one after its last. */
  readonly from: number;
  readonly to: number;
  /** Whether the end of the run belongs to it. */
  readonly hasEnd: boolean;
  /** Functions under way where it begins, the program first. */
  readonly stack: readonly string[];
  /** What is held there, the oldest first. */
  readonly held: readonly HeldThen[];
}

export interface HeldThen {
  readonly id: number;
  readonly name: string;
  readonly by: string;
}

export interface History {
  readonly objectName: string;
  /** One part for each run, in the order of time. */
  readonly parts: readonly Part[];
  /** Events of all parts, in pieces of which some are empty. */
  pieces(kinds?: readonly EventKind[]): Iterable<readonly TraceEvent[]>;
}

/** All of a timeline, or a part. What was begun is run to its end; the timeline stays where it is. */
export function historyOf(timeline: Timeline, range: Range = {}, limits: Patience = {}): History {
  if (timeline.complete(limits) === 'cancelled') throw cancelled();
  const { runs, frontier } = timeline;
  const ends = runs.map(({ last, first }) => (last ?? (first.run === frontier.run ? frontier : first)).step);
  const spans = runs.map(({ program, first }, run) => ({ program: program.name, from: first.step, to: ends[run]! }));
  const parts = partsOf(spans, range).map((part): Part => {
    const { run, from } = part;
    if (from === runs[run]!.first.step) return part;
    const { program } = runs[run]!;
    const then = (): Pick<Part, 'stack' | 'held'> => momentOf(timeline.machine, program);
    return { ...part, ...timeline.glance({ run, step: from, phase: 0 }, then, withoutProgress(limits)) };
  });
  return {
    objectName: timeline.object.name,
    parts,
    pieces: (kinds) =>
      eventPieces(timeline, { ...limits, ...extent(parts), ...(kinds === undefined ? {} : { kinds }) }),
  };
}

/** Tells one part after the other. */
export interface Teller {
  begin(part: Part): string;
  event(event: TraceEvent): string;
  /** Of the part that was begun last. */
  end(): string;
}

/** What is told, piece by piece; some pieces are empty. */
export function* tell(history: History, kinds: readonly EventKind[] | undefined, teller: Teller): Generator<string> {
  const { parts } = history;
  let at = 0;
  let text = parts[0] === undefined ? '' : teller.begin(parts[0]);
  for (const piece of history.pieces(kinds)) {
    for (const event of piece) {
      while (parts[at]!.run < event.position.run) text += teller.end() + teller.begin(parts[++at]!);
      text += teller.event(event);
    }
    yield text;
    text = '';
  }
  for (; at < parts.length; at++) {
    text += teller.end();
    if (at + 1 < parts.length) text += teller.begin(parts[at + 1]!);
  }
  yield text;
}

/** Tells which changes of functions no instruction makes: unwindings, and what begins by itself when one is over. */
export class Unwound {
  #step = -1;

  /** Asked of each event that enters or leaves functions, in order: whether it comes before the instruction of its step. */
  isBefore({ kind, position }: TraceEvent): boolean {
    if (kind === 'phase' || kind === 'exception-callback') this.#step = position.step;
    else if (kind === 'call' || kind === 'return') this.#step = -1;
    return position.step === this.#step;
  }
}

/** What goes on at a moment of a run. */
export function momentOf(machine: Machine, program: Program): Pick<Part, 'stack' | 'held'> {
  const held = machine.kernel.ledger.outstanding().map(({ id, typeName, by }) => ({ id, name: typeName, by }));
  return { stack: stackOf(machine, program), held };
}

/** Functions that are under way, as calls, returns and unwindings leave them: the run's program, and above it what it called. */
function stackOf(machine: Machine, program: Program): readonly string[] {
  const { attachments } = machine.stateBesideMemory();
  const traced = new Map(attachments.traced.map((one) => [one.frame, one]));
  // A function that has returned still has its frame while fexit programs run.
  const frames = machine.frames().filter(({ framePointer }) => traced.get(framePointer)?.stage !== 'after');
  const isRunItself = ({ boundary, image, kind }: (typeof frames)[number]): boolean =>
    boundary && image.program === program && kind !== 'exception-callback';
  // Whoever took the place of the run's own function (a tail call, a replacement, its exception callback) stands above it.
  const outermost = frames.at(-1);
  const called = outermost !== undefined && isRunItself(outermost) ? frames.slice(0, -1) : frames;
  return [program.name, ...called.map(({ name }) => name).reverse()];
}

type Span = Pick<Part, 'program' | 'from' | 'to'>;

function partsOf(runs: readonly Span[], range: Range): Part[] {
  const wanted = checked(runs, range);
  let time = 0;
  const parts = runs.map(({ program, from, to }, run): Part => {
    const origin = time - from;
    time += to - from + 1;
    return { run, program, origin, from, to, hasEnd: true, stack: [program], held: [] };
  });
  if (wanted.run === undefined) return parts;
  const whole = parts[wanted.run]!;
  const { from = whole.from, to = Infinity } = wanted;
  return [{ ...whole, from: Math.max(from, whole.from), to: Math.min(to, whole.to), hasEnd: to > whole.to }];
}

/** A range that there is. */
export function checked(runs: readonly Pick<Span, 'from' | 'to'>[], range: Range): Range {
  const { from, to } = range;
  const count = runs.length;
  const hasSteps = from !== undefined || to !== undefined;
  if (range.run === undefined && hasSteps && count > 1)
    throw usage(`Steps are those of one run, and there are ${count}: say which.`);
  const run = range.run ?? (hasSteps ? 0 : undefined);
  if (run === undefined) return {};
  const { [run]: span } = runs;
  if (span === undefined) throw usage(`There is no run ${run}: there are ${count}, counted from 0.`);
  if ((from ?? span.from) > span.to)
    throw usage(`Run ${run} goes from step ${span.from} to ${span.to}: there is no step ${from}.`);
  if (to !== undefined && to <= (from ?? span.from))
    throw usage(`Step ${to} does not come after ${from ?? span.from}.`);
  return { ...range, run };
}

function usage(message: string): BailoutError {
  return new BailoutError('USAGE', message);
}

/** What events are asked for: from the first part to the end of the last. */
function extent(parts: readonly Part[]): {
  readonly from: { run: number; step: number; phase: number };
  readonly to: { run: number; step: number; phase: number };
} {
  const first = parts[0] ?? { run: 0, from: 0 };
  const last = parts.at(-1) ?? { run: 0, to: 0, hasEnd: true };
  return {
    from: { run: first.run, step: first.from, phase: 0 },
    to: last.hasEnd ? { run: last.run + 1, step: 0, phase: 0 } : { run: last.run, step: last.to, phase: 0 },
  };
}
