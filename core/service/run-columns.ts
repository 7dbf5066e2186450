/**
 * A run as lanes of a picture: functions by depth, calls of the kernel, resources, throws. Made once for each run, from its events; a
 * picture of any part of it then costs as much as it has pixels.
 *
 * Where a run's later events were only counted, its lanes end with the last one that is known; lanes of a part of it (run-parts.ts)
 * begin with what was under way there. A span whose beginning or end lies beyond what is known begins or ends in infinity.
 */
import { BailoutError } from '../errors.ts';
import { isKfuncCall } from '../isa/control-flow.ts';
import type { Program } from '../object/program.ts';
import type { CallSpan, PointMark } from '../protocol/timeline.ts';
import type { Frame } from '../machine/frames.ts';
import type { EventIndex } from '../trace/events.ts';
import { EVENT_KINDS, eventCode } from '../trace/events.ts';
import { overflowOf } from '../trace/part.ts';
import type { Timeline, TimelineRun } from '../trace/timeline.ts';
import type { RunIndex } from './run-index.ts';
import type { SpanTrack } from './span-track.ts';
import { SpanTrackBuilder } from './span-track.ts';

export type CallKind = CallSpan['kind'];
export const CALL_KINDS: readonly CallKind[] = ['program', 'subprogram', 'callback', 'exception', 'attached'];
export type PointKind = PointMark['kind'];
export const POINT_KINDS: readonly PointKind[] = ['helper', 'kfunc', 'map', 'print', 'lock'];

const code = eventCode;
const CALL = code('call');
const RETURN = code('return');
const CALLBACK = code('callback');
const TAIL_CALL = code('tail-call');
const EXCEPTION = code('exception-callback');
const PHASE = code('phase');
const HELPER = code('helper');
const ACQUIRE = code('acquire');
const ATTACHED = new Set([code('fentry'), code('fexit'), code('freplace')]);
const POINTS = new Map<number, number>([
  [HELPER, 0],
  [code('map'), 2],
  [code('print'), 3],
  [code('emit'), 3],
  [code('lock'), 4],
  [code('unlock'), 4],
]);

/** Rows of resources that are kept apart: deeper ones share the last. */
export const MAX_RESOURCE_ROWS = 64;

export interface RunColumns {
  /** The whole axis of the run. */
  readonly first: number;
  readonly last: number;
  /** The ticks of what is known in full. */
  readonly from: number;
  readonly to: number;
  /** Where functions and resources end of which no end is known. */
  readonly callsTo: number;
  readonly resourcesTo: number;
  /** By depth. Items are indexes into {@link names} times the number of kinds, plus the kind. */
  readonly calls: readonly SpanTrack[];
  /** Items are rows of events. Points are spans without width. */
  readonly points: SpanTrack;
  /** Per point its kind. */
  readonly pointKinds: Uint8Array;
  /** How many points before each acquired something. */
  readonly acquiresBefore: Uint32Array;
  /** By row. Items are indexes into the resources of the {@link RunIndex}. */
  readonly resources: readonly SpanTrack[];
  readonly resourceRows: number;
  readonly throws: SpanTrack;
  readonly names: readonly string[];
}

/** Where the lanes of a part begin and end, and what was under way at its beginning, from the outermost to the innermost. */
export interface PartLanes {
  readonly from: number;
  /** Infinity: at the last moment of the run. */
  readonly to: number;
  readonly frames: readonly Frame[];
}

/** `index` is the one of the part, when there is one. */
export function runColumns(timeline: Timeline, index: RunIndex, isKfunc: IsKfunc, part?: PartLanes): RunColumns {
  const { events } = index;
  const run = timeline.runs[index.run];
  if (run === undefined) throw new BailoutError('NO_RUN', `There is no run ${index.run}.`);
  const last = lastTick(timeline, index, run);
  const names: string[] = [];
  const to = Math.min(part?.to ?? last, last);
  const isOpen = to < last;
  const cut = cutsOf(index);
  return {
    first: 0,
    last,
    from: part?.from ?? 0,
    to,
    callsTo: Math.min(cut.calls, to),
    resourcesTo: Math.min(cut.resources, to),
    calls: callTracks(index, run, { last, cut: cut.calls, isOpen, frames: part?.frames }, names),
    ...pointTracks(events, index, isKfunc),
    ...resourceTracks(index, isOpen || cut.resources < Infinity ? Infinity : last),
    throws: throwTrack(index),
    names,
  };
}

/** The last moment of a run, as far as it has come. */
function lastTick({ frontier }: Timeline, index: RunIndex, run: TimelineRun): number {
  if (run.last !== undefined) return index.tickOf(run.last);
  return frontier.run === index.run ? index.tickOf(frontier) : 0;
}

// ---- what is known ----------------------------------------------------------------------------------------------------

/** What functions begin and end with, beside calls and returns. */
const STRUCTURE = new Set([CALLBACK, TAIL_CALL, EXCEPTION, PHASE, ...ATTACHED]);
/** All that functions begin and end with. */
const FRAMES = new Set([CALL, RETURN, ...STRUCTURE]);
const LEDGER = new Set([ACQUIRE, code('release'), code('store'), PHASE]);
/** Kinds that are kept however many there are, or that have a limit of their own. */
const APART = new Set([HELPER, code('throw'), code('exit'), code('fault')]);

/** The ticks from which on it is not known any more who calls whom, and what becomes of resources. */
function cutsOf(index: RunIndex): { readonly calls: number; readonly resources: number } {
  const { events, run } = index;
  const overflow = overflowOf(events, run);
  if (overflow === undefined) return { calls: Infinity, resources: Infinity };
  const counted = new Set<number>();
  overflow.counts.forEach((count, i) => count > 0 && counted.add(i % EVENT_KINDS.length));
  const { flow, rest } = events;
  const next = { run: run + 1, step: 0, phase: 0 };
  const cutAfter = (table: typeof flow, counts: (kind: number) => boolean): number => {
    let row = table.firstFrom(next) - 1;
    while (row >= 0 && table.columns.run[row] === run && !counts(table.columns.kind[row]!)) row--;
    return row < 0 || table.columns.run[row] !== run ? 0 : index.eventTick(table.position(row)) + 1;
  };
  const restCut = cutAfter(rest, (kind) => !APART.has(kind));
  const has = (kinds: ReadonlySet<number>): boolean => [...kinds].some((kind) => counted.has(kind));
  const flowCut = counted.has(CALL) || counted.has(RETURN) ? cutAfter(flow, () => true) : Infinity;
  return {
    calls: Math.min(flowCut, has(STRUCTURE) ? restCut : Infinity),
    resources: has(LEDGER) ? restCut : Infinity,
  };
}

// ---- functions --------------------------------------------------------------------------------------------------------

interface CallLanes {
  readonly last: number;
  /** Beyond it nobody knows who calls whom, but that the program runs. */
  readonly cut: number;
  /** The run goes on beyond. */
  readonly isOpen: boolean;
  readonly frames: readonly Frame[] | undefined;
}

function callTracks(index: RunIndex, run: TimelineRun, lanes: CallLanes, names: string[]): SpanTrack[] {
  const { last, cut, isOpen, frames } = lanes;
  const { events } = index;
  const builders: SpanTrackBuilder[] = [];
  const open: number[] = [];
  const ids = new Map<string, number>();
  const push = (tick: number, name: string, kind: number): void => {
    let id = ids.get(name);
    if (id === undefined) ids.set(name, (id = names.push(name) - 1));
    const depth = open.length;
    const builder = (builders[depth] ??= new SpanTrackBuilder());
    open.push(builder.begin(tick, id * CALL_KINDS.length + kind));
  };
  const pop = (tick: number): void => {
    const span = open.pop();
    if (span !== undefined) builders[open.length]?.end(span, tick);
  };
  for (const { name, kind, isMain } of begunBy(run, frames)) push(isMain ? 0 : -Infinity, name, kind);
  const texts = events.names;
  const range = { from: { run: index.run, step: 0, phase: 0 }, to: { run: index.run + 1, step: 0, phase: 0 } };
  for (const rows = events.rows({ ...range, codes: FRAMES }); rows.next();) {
    const { kind, step, phase, name, program } = rows.table.columns;
    const { row } = rows;
    const at = index.eventTick({ step: step[row]!, phase: phase[row]! });
    if (at >= cut) break;
    const what = kind[row]!;
    const text = texts.text(name[row]!);
    // A call and an exit are instructions of the function in which they stand.
    if (what === CALL) push(at + 1, text, 1);
    else if (what === RETURN) {
      // The last one is the program's own, which ends with the run.
      if (open.length > 1) pop(at + 1);
    } else if (what === CALLBACK) push(at + 1, text, 2);
    else if (what === EXCEPTION) push(at, text, 3);
    else if (what === PHASE) {
      if (text === 'leave-frame' && open.length > 1) pop(at);
    } else if (what === TAIL_CALL) {
      pop(at + 1);
      push(at + 1, texts.text(program[row]!) || text, 0);
    } else push(at + 1, text, 4);
  }
  // What goes on beyond what is known has no end yet.
  while (open.length > 1) pop(isOpen || cut < last ? Infinity : last);
  pop(last);
  return builders.map((builder) => builder.build());
}

/** The program, and in a part of a run what else was under way. */
function begunBy(
  run: TimelineRun,
  frames: readonly Frame[] | undefined,
): { readonly name: string; readonly kind: number; readonly isMain: boolean }[] {
  const main = { name: run.program.subprograms[0]?.name ?? run.program.name, kind: 0, isMain: true };
  if (frames === undefined || frames.length === 0) return [main];
  const begun = frames.map(({ kind, name, boundary, image: { program } }, depth) => {
    if (depth === 0 && program === run.program && kind !== 'exception-callback') return main;
    if (kind === 'exception-callback') return { name, kind: 3, isMain: false };
    // What is attached to a function is called back at its gate.
    if (program.type === 'tracing' || program.type === 'ext')
      return { name, kind: boundary ? 4 : kind === 'callback' ? 2 : 1, isMain: false };
    if (boundary) return { name: program.name, kind: 0, isMain: false };
    return { name, kind: kind === 'callback' ? 2 : 1, isMain: false };
  });
  // An exception callback has the place of the frames that were left, and stands on the program in the picture.
  return frames[0]?.kind === 'exception-callback' ? [main, ...begun] : begun;
}

// ---- calls of the kernel ----------------------------------------------------------------------------------------------

export type IsKfunc = (program: string, insn: number) => boolean;

/** Whether the call at an instruction is one of a kfunc, by the programs of an object. */
export function kfuncTest(programs: readonly Program[]): IsKfunc {
  const byName = new Map(programs.map((program) => [program.name, program]));
  return (name, insn) => {
    const program = byName.get(name);
    return program !== undefined && isKfuncCall(program.instructions, insn);
  };
}

function pointTracks(
  events: EventIndex,
  index: RunIndex,
  isKfunc: IsKfunc,
): Pick<RunColumns, 'points' | 'pointKinds' | 'acquiresBefore'> {
  const { rest, names } = events;
  const { columns } = rest;
  const builder = new SpanTrackBuilder();
  const kinds: number[] = [];
  const acquires: number[] = [];
  const end = rest.firstFrom({ run: index.run + 1, step: 0, phase: 0 });
  for (let row = rest.firstFrom({ run: index.run, step: 0, phase: 0 }); row < end; row++) {
    const kind = columns.kind[row]!;
    if (kind === ACQUIRE && acquires.length > 0) acquires[acquires.length - 1] = 1;
    const point = POINTS.get(kind);
    if (point === undefined) continue;
    const tick = index.eventTick({ step: columns.step[row]!, phase: columns.phase[row]! });
    builder.end(builder.begin(tick, row), tick);
    kinds.push(kind === HELPER && isKfunc(names.text(columns.program[row]!), columns.insn[row]!) ? 1 : point);
    acquires.push(0);
  }
  const before = new Uint32Array(acquires.length + 1);
  acquires.forEach((count, i) => (before[i + 1] = before[i]! + count));
  return { points: builder.build(), pointKinds: Uint8Array.from(kinds), acquiresBefore: before };
}

// ---- resources --------------------------------------------------------------------------------------------------------

function resourceTracks(index: RunIndex, end: number): Pick<RunColumns, 'resources' | 'resourceRows'> {
  const { rest } = index.events;
  const builders: SpanTrackBuilder[] = [];
  /** Per row, when it is free again. */
  const free: number[] = [];
  let rows = 0;
  for (const [i, { acquired, gone }] of index.resources.entries()) {
    const from = acquired < 0 ? -Infinity : index.eventTick(rest.position(acquired)) + 1;
    const to = gone < 0 ? end : goneTick(index, gone);
    let row = free.findIndex((until) => until <= from);
    if (row < 0) row = free.length;
    rows = Math.max(rows, row + 1);
    // Beyond that many at once nobody tells them apart.
    if (row >= MAX_RESOURCE_ROWS) continue;
    free[row] = Math.max(to, from);
    const builder = (builders[row] ??= new SpanTrackBuilder());
    builder.end(builder.begin(from, i), to);
  }
  return { resources: builders.map((builder) => builder.build()), resourceRows: rows };
}

/** What a call did is there after it; what a phase did, after the phase. */
export function goneTick(index: RunIndex, row: number): number {
  const position = index.events.rest.position(row);
  return index.eventTick(position) + (position.phase > 0 ? 0 : 1);
}

function throwTrack(index: RunIndex): SpanTrack {
  const builder = new SpanTrackBuilder();
  const { steps, phases } = index.throws;
  for (const [i, step] of steps.entries()) {
    const from = index.tickOf({ step, phase: 0 });
    builder.end(builder.begin(from, i), from + (phases[i] ?? 0));
  }
  return builder.build();
}
