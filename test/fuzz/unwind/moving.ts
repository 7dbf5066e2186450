/**
 * What must hold for whoever moves in the runs of generated programs: a moment has one state, whichever way one comes to it; going
 * back undoes going forwards; and what one meets on the way back is what one met on the way there, in the opposite order.
 */
import { Session } from '../../../core/debugger/session.ts';
import type { LineInfo, ObjectFile, Program } from '../../../core/object/program.ts';
import { LiveTimeline } from '../../../core/trace/live.ts';
import { stateHash } from '../../../core/trace/state-hash.ts';
import type { Position } from '../../../core/trace/timeline.ts';
import { comparePositions } from '../../../core/trace/timeline.ts';
import type { Verification } from '../../../core/verifier/verification.ts';
import { verify } from '../../../core/verifier/verify.ts';
import type { Violation } from './check.ts';
import { generate } from './generate.ts';
import { Random } from './random.ts';
import { toProgram } from './world.ts';

const MAX_STEPS = 1_000_000;
/** Each moment of a run is looked at; longer runs are left to others. */
const MAX_MOMENTS = 1500;
const SEEKS = 12;
const WALKS = 5;
const MAX_WALK = 40;

export interface Moved {
  runs: number;
  moments: number;
  phases: number;
  /** Stops at breakpoints and lines, in one direction. */
  stops: number;
}

export class Mover {
  readonly tally: Moved = { runs: 0, moments: 0, phases: 0, stops: 0 };
  readonly #world: ObjectFile;

  constructor(world: ObjectFile) {
    this.#world = world;
  }

  check(seed: number): Violation | undefined {
    const random = new Random(seed);
    const generated = generate(seed);
    const { source } = generated;
    const program = withLines(toProgram(this.#world, generated), random);
    const verification = verify(program, { profile: 'proposal', logLevel: 0 });
    const session = this.#session(program, verification, seed);
    const all = moments(session);
    if (all === undefined) return undefined;
    this.tally.runs++;
    this.tally.moments += all.length;
    this.tally.phases += all.filter(({ position }) => position.phase > 0).length;
    const what =
      this.#seeks(session, all, random) ??
      this.#walks(session, all, random) ??
      this.#breakpoints(session, all, random, source.includes('call bpf_throw')) ??
      this.#there(session, 'lines', (direction) => session.line(true, 1, direction)) ??
      this.#there(session, 'lines of the outermost frame', (direction) => session.line(false, 1, direction)) ??
      this.#linesFrom(session, all, random);
    return what === undefined ? undefined : { seed, what };
  }

  #session(program: Program, verification: Verification, seed: number): Session {
    const object = { ...this.#world, programs: [program] };
    const timeline = new LiveTimeline({
      object,
      scenario: { seed },
      profile: 'proposal',
      factsOf: () => verification,
      maxSteps: MAX_STEPS,
      // Many moments have a checkpoint shortly before them, and some have it right there.
      spacing: 16,
    });
    timeline.begin(program, {});
    const session = new Session(object);
    session.attach(timeline);
    return session;
  }

  #seeks(session: Session, all: readonly Moment[], random: Random): string | undefined {
    for (let i = 0; i < SEEKS; i++) {
      const { position, hash } = random.pick(all);
      session.goto(position);
      if (comparePositions(session.position, position) !== 0) return `cannot go to ${text(position)}`;
      if (hashOf(session) !== hash) return `${text(position)} is in another state when one goes there`;
    }
    return undefined;
  }

  #walks(session: Session, all: readonly Moment[], random: Random): string | undefined {
    for (let i = 0; i < WALKS; i++) {
      const at = random.below(all.length);
      const count = Math.min(1 + random.below(MAX_WALK), all.length - 1 - at);
      if (count === 0) continue;
      const { position, hash } = all[at]!;
      session.goto(position);
      session.stepi(count);
      const there = all[at + count]!;
      if (hashOf(session) !== there.hash)
        return `${count} steps from ${text(position)} are not ${text(there.position)}`;
      session.stepi(count, 'backwards');
      if (hashOf(session) !== hash) return `${count} steps on from ${text(position)} and back lead elsewhere`;
    }
    return undefined;
  }

  #breakpoints(session: Session, all: readonly Moment[], random: Random, canThrow: boolean): string | undefined {
    const { program } = session;
    for (let i = 0; i < 3; i++) {
      session.goto(random.pick(all).position);
      session.addBreakpointAt(program, session.machine.location?.insn ?? 0);
    }
    for (const { start } of program.subprograms.slice(1, 3)) session.addBreakpointAt(program, start);
    session.addBreakpoint('phase');
    if (canThrow) session.addBreakpoint('throw');
    const problem = this.#there(session, 'breakpoints', (direction) => session.continue(direction));
    session.breakpoints.length = 0;
    return problem;
  }

  /** Line by line from some moment on and back again: in functions that are called more than once, and in turns of callbacks. */
  #linesFrom(session: Session, all: readonly Moment[], random: Random): string | undefined {
    for (let i = 0; i < WALKS; i++) {
      session.goto(random.pick(all).position);
      // Not every moment is one where a line begins.
      if (session.line(false, 1).why !== 'step') continue;
      const depth = session.machine.frames().length;
      const visited = [session.position];
      const frames = [depth];
      for (let k = 0; k < 6; k++) {
        if (session.line(false, 1).why !== 'step') break;
        visited.push(session.position);
        frames.push(session.machine.frames().length);
      }
      // Where a frame ends, one goes on in its caller, and back over the call: another way.
      const last = frames.findIndex((frame) => frame !== depth);
      const until = last < 0 ? visited.length - 1 : last - 1;
      session.goto(visited[until]!);
      for (let k = until - 1; k >= 0; k--) {
        session.line(false, 1, 'backwards');
        if (comparePositions(session.position, visited[k]!) !== 0)
          return `a line back from ${text(visited[k + 1]!)} is ${text(session.position)}, and was ${text(visited[k]!)}`;
      }
    }
    return undefined;
  }

  /** From the first moment to the last and back: the same stops. */
  #there(
    session: Session,
    what: string,
    go: (direction: 'forwards' | 'backwards') => { readonly position: Position },
  ): string | undefined {
    const { timeline } = session;
    const walk = (direction: 'forwards' | 'backwards', end: Position): Position[] => {
      const stops: Position[] = [];
      for (;;) {
        const { position } = go(direction);
        if (comparePositions(position, end) === 0) return stops;
        stops.push(position);
      }
    };
    const { first, last } = timeline.runs[0]!;
    session.goto(first);
    const there = walk('forwards', last!);
    session.goto(last!);
    const back = walk('backwards', first).reverse();
    this.tally.stops += there.length;
    const at = there.findIndex((position, i) => back[i] === undefined || comparePositions(position, back[i]) !== 0);
    if (at < 0 && there.length === back.length) return undefined;
    const place = at < 0 ? there.length : at;
    const name = (stop: Position | undefined): string => (stop === undefined ? 'none' : text(stop));
    return `${what}: of ${there.length} stops forwards and ${back.length} backwards, ${place} is ${name(there[place])} and ${name(back[place])}`;
  }
}

interface Moment {
  readonly position: Position;
  readonly hash: string;
}

/** All of them, by going forwards; undefined when there are too many. */
function moments(session: Session): readonly Moment[] | undefined {
  session.goto(session.timeline.first);
  const all = [{ position: session.position, hash: hashOf(session) }];
  while (all.length <= MAX_MOMENTS) {
    const { why, position } = session.stepi(1);
    all.push({ position, hash: hashOf(session) });
    if (why === 'end') return all;
  }
  return undefined;
}

/** Lines of one to four instructions, of which some occur in several places, as after a compiler. */
function withLines(program: Program, random: Random): Program {
  const lineInfo: LineInfo[] = [];
  const begins = new Set(program.subprograms.map(({ start }) => start));
  for (let insn = 0, line = 10; insn < program.instructions.length; insn++) {
    if (!begins.has(insn) && !random.chance(0.4)) continue;
    line = random.chance(0.2) ? Math.max(line - 2, 1) : line + 1;
    lineInfo.push({ insn, file: 'generated.c', line, column: 1, text: '' });
  }
  return { ...program, lineInfo };
}

function hashOf(session: Session): string {
  const { machine, position } = session;
  return `${text(position)} ${stateHash(machine.checkpoint())} ${machine
    .frames()
    .map(({ insn }) => insn)
    .join(' ')}`;
}

function text({ run, step, phase }: Position): string {
  return `${run}:${step}.${phase}`;
}
