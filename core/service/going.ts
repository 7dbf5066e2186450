/**
 * Going somewhere: what F5, F10 and F11 do, forwards and backwards.
 *
 * A run is run to its end at once, so that its whole timeline is there; then the session goes back to its first instruction and
 * on to the first breakpoint. Where no breakpoint or watchpoint is set, a throw is what stops: when it is executed, and nothing is
 * unwound yet. From there `continue` goes on to the next throw or the end.
 */
import { assertNever } from '../errors.ts';
import { chosenInput, packetContext } from '../commands/packets.ts';
import type { Session } from '../debugger/session.ts';
import type { Move } from '../protocol/api.ts';
import type { Direction, StopView } from '../protocol/state.ts';
import type { Limits, Position } from '../trace/timeline.ts';
import { comparePositions } from '../trace/timeline.ts';
import type { Desk } from './desk.ts';
import { notRunning, stopView } from './desk.ts';
import { programNamed } from './code.ts';

export function go(desk: Desk, move: Move): StopView {
  if (move.kind === 'run' || move.kind === 'start') return begin(desk, move.kind);
  if (!desk.isRunning) throw notRunning();
  const { session } = desk;
  switch (move.kind) {
    case 'continue':
      return desk.work(lookingText(move.direction), (limits) => goOn(desk, move.direction, limits));
    case 'insn':
      return desk.stopped(session.stepi(move.count ?? 1, move.direction));
    case 'into':
    case 'over':
      return desk.work(lookingText(move.direction), (limits) =>
        desk.stopped(session.line(move.kind === 'into', 1, move.direction, limits)),
      );
    case 'out':
      return desk.work(lookingText(move.direction), (limits) => {
        session.scope.frame = move.frame ?? 0;
        return desk.stopped(session.finish(move.direction, limits));
      });
    case 'to-insn':
      return desk.work(lookingText(move.direction), (limits) => toInsn(desk, move, limits));
    case 'edge':
      return toEdge(desk, move.edge);
    case 'throw':
      return toThrow(desk, move.direction);
    case 'position':
      return arrive(desk, move.position);
    case 'run-index':
      return arrive(desk, session.timeline.runs[move.run]?.first ?? { run: move.run, step: 0, phase: 0 });
    default:
      return assertNever(move);
  }
}

function lookingText(direction: Direction): string {
  return direction === 'forwards' ? 'running' : 'looking backwards';
}

// ---- running ----------------------------------------------------------------------------------------------------------

function begin(desk: Desk, how: 'run' | 'start'): StopView {
  const { session } = desk;
  session.start(packetContext(desk.context), {}, chosenInput(desk.context));
  const first = session.position;
  const done = desk.work('running', (limits) => session.complete(limits));
  if (done === 'cancelled') {
    // It stays where it got to.
    session.goto(session.timeline.frontier);
    return settle(desk, stopView('cancelled', 'Cancelled'));
  }
  if (how === 'start') return settle(desk, stopView('start', 'First instruction'));
  return desk.work('running', (limits) => {
    // A breakpoint on the first instruction is one, too.
    const here = session.stopHere();
    if (here !== undefined) return desk.stopped(here);
    return stopOrThrow(desk, 'forwards', limits, first);
  });
}

function goOn(desk: Desk, direction: Direction, limits: Limits): StopView {
  return stopOrThrow(desk, direction, limits, desk.session.position);
}

/** To the next breakpoint, or throw where nothing else is looked for, or the end. */
function stopOrThrow(desk: Desk, direction: Direction, limits: Limits, from: Position): StopView {
  const { session } = desk;
  if (!looksForAny(session)) {
    const thrown = nearestThrow(desk, from, direction);
    if (thrown !== undefined) return arriveAtThrow(desk, thrown);
  }
  return desk.stopped(session.continue(direction, limits));
}

function looksForAny({ breakpoints, watchpoints }: Session): boolean {
  return breakpoints.some(({ enabled }) => enabled) || watchpoints.some(({ enabled }) => enabled);
}

// ---- throws -----------------------------------------------------------------------------------------------------------

/** The next throw of the present run, executed and not unwound. */
function nearestThrow(desk: Desk, from: Position, direction: Direction): Position | undefined {
  desk.complete();
  const index = desk.runs.of(from.run);
  const steps = index.throws.steps;
  const at = index.throwBefore(from.step);
  if (direction === 'forwards') {
    const step = steps[at + 1];
    return step === undefined ? undefined : { run: from.run, step, phase: 0 };
  }
  const step = steps[at];
  if (step === undefined) return undefined;
  const position = { run: from.run, step, phase: 0 };
  if (comparePositions(position, from) < 0) return position;
  const earlier = steps[at - 1];
  return earlier === undefined ? undefined : { run: from.run, step: earlier, phase: 0 };
}

function toThrow(desk: Desk, direction: Direction): StopView {
  const thrown = nearestThrow(desk, desk.session.position, direction);
  if (thrown !== undefined) return arriveAtThrow(desk, thrown);
  return settle(desk, stopView(direction === 'forwards' ? 'end' : 'start', 'No further throw in this run'));
}

function arriveAtThrow(desk: Desk, position: Position): StopView {
  const { session } = desk;
  session.goto(position);
  const cookie = session.machine.unwinding?.cookie ?? 0n;
  return settle(desk, stopView('throw', `Thrown: cookie ${cookie}`));
}

// ---- moments ----------------------------------------------------------------------------------------------------------

function toEdge(desk: Desk, edge: 'start' | 'end'): StopView {
  const { session } = desk;
  const { run } = session.position;
  desk.complete();
  const { first, last } = session.timeline.runs[run] ?? { first: session.timeline.first, last: undefined };
  const target = edge === 'start' ? first : (last ?? { run, step: Number.MAX_SAFE_INTEGER, phase: 0 });
  session.goto(target);
  return settle(desk, stopView(edge, edge === 'start' ? 'Beginning of the run' : 'End of the run'));
}

function arrive(desk: Desk, position: Position): StopView {
  desk.session.goto(position);
  return settle(desk, stopView('goto', ''));
}

function toInsn(desk: Desk, move: Extract<Move, { kind: 'to-insn' }>, limits: Limits): StopView {
  const { session } = desk;
  const program = programNamed(session.object.programs, move.program);
  return desk.stopped(session.toInsn(program, move.insn, move.direction, limits));
}

function settle(desk: Desk, stop: StopView): StopView {
  desk.stop = stop;
  return stop;
}
