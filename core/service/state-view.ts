/** What every page knows all the time (core/protocol/state.ts). It is made after each change, so it is small and cheap. */
import { chosenInput } from '../commands/packets.ts';
import { placeView } from '../debugger/inspect.ts';
import { returnName } from '../debugger/return-names.ts';
import type { Session } from '../debugger/session.ts';
import type { Program } from '../object/program.ts';
import type {
  BreakpointView,
  ObjectSummary,
  PlaceSummary,
  ProgramSummary,
  RunEndView,
  RunSummary,
  SessionState,
  UnwindingSummary,
  VerdictSummary,
} from '../protocol/state.ts';
import type { TimelineRun } from '../trace/timeline.ts';
import type { Verification } from '../verifier/verification.ts';
import { toApiError } from './answers.ts';
import type { Desk } from './desk.ts';

export function stateView(desk: Desk): SessionState {
  const base = { revision: desk.revision, epoch: desk.epoch, stop: desk.stop };
  if (!desk.hasSession) {
    return {
      ...base,
      runs: { count: 0 },
      held: 0,
      breakpoints: [],
      bookmarks: [],
      checkpoints: 0,
      scenario: { name: desk.scenarioName, seed: '0' },
    };
  }
  const { session } = desk;
  const recording = desk.opened?.recording;
  const input = chosenInput(desk.context);
  return {
    ...base,
    object: objectSummary(session, desk.host.kernelTypes),
    ...programPart(session),
    ...(session.chosenProfile === undefined ? {} : { profile: session.chosenProfile }),
    ...runPart(desk, session),
    breakpoints: breakpointViews(session),
    bookmarks: session.bookmarks.map(({ id, name, position }) => ({ id, name, position })),
    ...(recording === undefined ? {} : { recording }),
    scenario: {
      name: desk.scenarioName,
      seed: String(session.scenario.seed ?? 0),
      ...(input === undefined ? {} : { input }),
    },
  };
}

// ---- object -----------------------------------------------------------------------------------------------------------

function objectSummary(session: Session, kernelTypes: string): ObjectSummary {
  const { object } = session;
  return {
    name: object.name,
    programs: object.programs.map(programSummary),
    maps: object.maps.length,
    kernelTypes,
  };
}

function programSummary(program: Program): ProgramSummary {
  return {
    name: program.name,
    type: program.type,
    section: program.section,
    insns: program.instructions.length,
    functions: program.subprograms.length,
    ...(program.loadError === undefined ? {} : { loadError: toApiError(program.loadError) }),
  };
}

function programPart(session: Session): Pick<SessionState, 'program' | 'verdict'> {
  if (!session.hasProgram) return {};
  const { program } = session;
  // A verification that was cancelled is none, and the state is no reason for another.
  if (!session.isVerified(program)) return { program: program.name };
  return { program: program.name, verdict: verdictSummary(session.verification()) };
}

export function verdictSummary(verification: Verification): VerdictSummary {
  const { verdict, message, profile, insns, states, durationUs } = verification;
  return { verdict, message, profile, insns, states, durationUs };
}

// ---- runs -------------------------------------------------------------------------------------------------------------

type RunPart = Pick<SessionState, 'runs' | 'position' | 'tick' | 'place' | 'unwinding' | 'held' | 'checkpoints'>;

function runPart(desk: Desk, session: Session): RunPart {
  if (!session.isRunning) return { runs: { count: 0 }, held: 0, checkpoints: 0 };
  const { timeline, machine, position } = session;
  const current = timeline.runs[position.run];
  const place = placeSummary(session);
  const unwinding = unwindingSummary(session);
  return {
    runs: {
      count: timeline.runs.length,
      ...(current === undefined ? {} : { current: runSummary(desk, current, position.run) }),
    },
    position,
    tick: desk.runs.of(position.run).tickOf(position),
    ...(place === undefined ? {} : { place }),
    ...(unwinding === undefined ? {} : { unwinding }),
    held: machine.kernel.ledger.outstanding().length,
    checkpoints: timeline.checkpoints,
  };
}

export function runSummary(desk: Desk, run: TimelineRun, index: number): RunSummary {
  const input = desk.session.inputOf(run);
  return {
    index,
    program: run.program.name,
    what: run.what,
    first: run.first,
    ...(run.last === undefined ? {} : { last: run.last }),
    ...(run.end === undefined ? {} : { end: endView(run) }),
    throws: run.throws ?? desk.runs.of(index).throws.steps.length,
    ...(input === undefined ? {} : { input }),
  };
}

export function endView({ end, program }: TimelineRun): RunEndView {
  if (end?.kind === 'fault') return { kind: 'fault', code: end.fault.code, message: end.fault.message };
  const value = Number(BigInt.asIntN(32, end?.value ?? 0n));
  const name = returnName(program, value);
  return { kind: 'exit', value, ...(name === undefined ? {} : { name }) };
}

function placeSummary(session: Session): PlaceSummary | undefined {
  const at = session.machine.location;
  if (at === undefined) return undefined;
  const { program, function: name, insn, file, line } = placeView(at.program, at.insn);
  return {
    program,
    function: name,
    insn,
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
  };
}

function unwindingSummary({ machine }: Session): UnwindingSummary | undefined {
  const { unwinding, phase } = machine;
  if (unwinding === undefined) return undefined;
  return { phase, phases: unwinding.steps.length, cookie: String(unwinding.cookie) };
}

// ---- breakpoints ------------------------------------------------------------------------------------------------------

function breakpointViews(session: Session): BreakpointView[] {
  const breakpoints = session.breakpoints.map(({ id, text, condition, enabled, hits, insns }): BreakpointView => ({
    id,
    kind: 'breakpoint',
    text,
    ...(condition === undefined ? {} : { condition: condition.text }),
    enabled,
    hits,
    places: placesOf(insns),
  }));
  const watchpoints = session.watchpoints.map(({ id, expression, enabled, hits }): BreakpointView => ({
    id,
    kind: 'watchpoint',
    text: expression.text,
    enabled,
    hits,
    places: [],
  }));
  return [...breakpoints, ...watchpoints].sort((a, b) => a.id - b.id);
}

/** Places of one breakpoint that a page is told of: the state is sent after each step. */
const MAX_PLACES = 200;
const places = new WeakMap<ReadonlyMap<Program, Uint8Array>, BreakpointView['places']>();

function placesOf(insns: ReadonlyMap<Program, Uint8Array>): BreakpointView['places'] {
  const known = places.get(insns);
  if (known !== undefined) return known;
  const found: { program: string; insn: number }[] = [];
  for (const [program, marks] of insns) {
    for (let insn = marks.indexOf(1); insn >= 0 && found.length < MAX_PLACES; insn = marks.indexOf(1, insn + 1))
      found.push({ program: program.name, insn });
  }
  places.set(insns, found);
  return found;
}
