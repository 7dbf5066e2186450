/**
 * A run as lanes of a picture: functions by depth, calls of the kernel, resources, throws. Made once for each run, from its events; a
 * picture of any part of it then costs as much as it has pixels.
 */
import { BailoutError } from '../errors.ts';
import { isKfuncCall } from '../isa/control-flow.ts';
import type { Program } from '../object/program.ts';
import type { CallSpan, PointMark } from '../protocol/timeline.ts';
import type { EventIndex, EventTable } from '../trace/events.ts';
import { EVENT_KINDS, eventCode } from '../trace/events.ts';
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
  readonly first: number;
  readonly last: number;
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

export function runColumns(timeline: Timeline, index: RunIndex, isKfunc: IsKfunc): RunColumns {
  const { events } = timeline;
  const run = timeline.runs[index.run];
  if (run === undefined) throw new BailoutError('NO_RUN', `There is no run ${index.run}.`);
  const last = lastTick(timeline, index, run);
  const names: string[] = [];
  return {
    first: 0,
    last,
    calls: callTracks(events, index, run, last, names),
    ...pointTracks(events, index, isKfunc),
    ...resourceTracks(events, index, last),
    throws: throwTrack(index),
    names,
  };
}

/** The last moment of a run, as far as it has come. */
function lastTick({ frontier }: Timeline, index: RunIndex, run: TimelineRun): number {
  if (run.last !== undefined) return index.tickOf(run.last);
  return frontier.run === index.run ? index.tickOf(frontier) : 0;
}

// ---- functions --------------------------------------------------------------------------------------------------------

function callTracks(events: EventIndex, index: RunIndex, run: TimelineRun, last: number, names: string[]): SpanTrack[] {
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
  push(0, run.program.subprograms[0]?.name ?? run.program.name, 0);
  const { flow, rest, names: texts } = events;
  const from = { run: index.run, step: 0, phase: 0 };
  const to = { run: index.run + 1, step: 0, phase: 0 };
  let a = flow.firstFrom(from);
  let b = rest.firstFrom(from);
  const [endA, endB] = [flow.firstFrom(to), rest.firstFrom(to)];
  const visit = (table: typeof flow, row: number): void => {
    const { kind, step, phase, name } = table.columns;
    const what = kind[row]!;
    const isCall = what === CALL || what === CALLBACK || what === TAIL_CALL || ATTACHED.has(what);
    if (!isCall && what !== RETURN && what !== PHASE && what !== EXCEPTION) return;
    const at = index.eventTick({ step: step[row]!, phase: phase[row]! });
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
      push(at + 1, texts.text(table.columns.program[row]!) || text, 0);
    } else push(at + 1, text, 4);
  };
  // Beyond the last call that was kept nobody knows who calls whom, but that the program runs.
  const cut = isCut(events, index.run) ? cutTick(flow, index, endA - 1) : Infinity;
  while (a < endA || b < endB) {
    const takesFlow = a < endA && (b >= endB || isNotAfter(flow.columns, a, rest.columns, b));
    if (!takesFlow && index.eventTick(rest.position(b)) > cut) break;
    if (takesFlow) visit(flow, a++);
    else visit(rest, b++);
  }
  while (open.length > 1) pop(Math.min(cut, last));
  pop(last);
  return builders.map((builder) => builder.build());
}

/** Whether calls and returns of a run were counted only, from somewhere on. */
function isCut({ overflows }: EventIndex, run: number): boolean {
  const counts = overflows.find((overflow) => overflow.run === run)?.counts;
  return (
    counts?.some((count, i) => count > 0 && (i % EVENT_KINDS.length === CALL || i % EVENT_KINDS.length === RETURN)) ??
    false
  );
}

function cutTick(flow: EventTable, index: RunIndex, lastRow: number): number {
  const position = lastRow < 0 ? undefined : flow.position(lastRow);
  return position?.run === index.run ? index.eventTick(position) + 1 : 0;
}

interface Places {
  readonly step: Float64Array;
  readonly phase: Uint16Array;
}

function isNotAfter(a: Places, i: number, b: Places, j: number): boolean {
  const steps = a.step[i]! - b.step[j]!;
  return steps < 0 || (steps === 0 && a.phase[i]! <= b.phase[j]!);
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

function resourceTracks(
  events: EventIndex,
  index: RunIndex,
  last: number,
): Pick<RunColumns, 'resources' | 'resourceRows'> {
  const { rest } = events;
  const builders: SpanTrackBuilder[] = [];
  /** Per row, when it is free again. */
  const free: number[] = [];
  let rows = 0;
  for (const [i, { acquired, gone }] of index.resources.entries()) {
    const from = index.eventTick(rest.position(acquired)) + 1;
    const to = gone < 0 ? last : goneTick(events, index, gone);
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
export function goneTick(events: EventIndex, index: RunIndex, row: number): number {
  const position = events.rest.position(row);
  return index.eventTick(position) + (position.phase > 0 ? 0 : 1);
}

function throwTrack(index: RunIndex): SpanTrack {
  const builder = new SpanTrackBuilder();
  for (const [i, step] of index.throwSteps.entries()) {
    const from = index.tickOf({ step, phase: 0 });
    builder.end(builder.begin(from, i), from + (index.throwPhases[i] ?? 0));
  }
  return builder.build();
}
