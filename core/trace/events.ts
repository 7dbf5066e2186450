/**
 * What happened in a recording, as columns: one typed array per property, one row per event, grown by doubling.
 *
 * Calls and returns of a program's own functions reach the recording late and in blocks (the engine writes them into a log), so
 * they have a table of their own; both are sorted by position, and queries merge them. A table has a limit: beyond it events
 * are counted, per stretch of steps, so that a picture of any run is complete, and what is missing can be had again by
 * running that stretch once more.
 */
import type { Position } from './timeline.ts';

/** In the order of their codes, which files contain: add at the end. */
export const EVENT_KINDS = [
  'call',
  'return',
  'helper',
  'callback',
  'tail-call',
  'exception-callback',
  'acquire',
  'release',
  'store',
  'lock',
  'unlock',
  'map',
  'print',
  'emit',
  'throw',
  'phase',
  'exit',
  'fault',
  'fentry',
  'fexit',
  'freplace',
] as const;

export type EventKind = (typeof EVENT_KINDS)[number];

const CODES = new Map<EventKind, number>(EVENT_KINDS.map((kind, code) => [kind, code]));

export function eventCode(kind: EventKind): number {
  return CODES.get(kind) ?? 0;
}

const FAULT = eventCode('fault');

/** One event, taken out of its columns. */
export interface TraceEvent {
  readonly kind: EventKind;
  readonly position: Position;
  readonly program: string;
  readonly insn: number;
  /** Who or what: the function, helper, resource type, map operation, phase, printed text, or fault code. */
  readonly name: string;
  /** More of it: who released, where it was stored, the fault's sentence. */
  readonly detail: string;
  /** R0 of a return, helper's result, address of a resource, cookie of a throw; absent when there is none. */
  readonly value?: bigint;
  /** R1 to R5 of a helper or kfunc. */
  readonly args?: readonly bigint[];
  /** Of a resource: its number in the ledger. */
  readonly resource?: number;
}

/** Texts that events share, each once. */
export class Names {
  readonly texts: string[] = [''];
  readonly #ids = new Map<string, number>([['', 0]]);

  id(text: string): number {
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = this.texts.push(text) - 1;
      this.#ids.set(text, id);
    }
    return id;
  }

  text(id: number): string {
    return this.texts[id] ?? '';
  }
}

const FLAG_VALUE = 1;
const FLAG_ARGS = 2;

/** The columns of a table, as a file has them. */
export interface EventColumns {
  readonly length: number;
  readonly run: Uint32Array;
  readonly step: Float64Array;
  readonly phase: Uint16Array;
  readonly kind: Uint8Array;
  readonly flags: Uint8Array;
  readonly program: Uint32Array;
  readonly insn: Int32Array;
  readonly name: Uint32Array;
  readonly detail: Uint32Array;
  readonly resource: Uint32Array;
  readonly value: BigUint64Array;
  /** Of rows with arguments: the number of the first in {@link EventTable.args}. */
  readonly arg: Uint32Array;
}

/** 8 bytes for a step and a value, 4 for seven numbers, 2 for a phase, and 1 for kind and flags. */
const ROW_BYTES = 2 * 8 + 7 * 4 + 2 + 2;

/** One buffer for all, the widest columns first: to find memory for each takes longer than to fill it. */
function columns(size: number): EventColumns {
  const buffer = new ArrayBuffer(size * ROW_BYTES);
  let at = 0;
  const next = (width: number): number => {
    at += width * size;
    return at - width * size;
  };
  return {
    length: size,
    step: new Float64Array(buffer, next(8), size),
    value: new BigUint64Array(buffer, next(8), size),
    run: new Uint32Array(buffer, next(4), size),
    program: new Uint32Array(buffer, next(4), size),
    insn: new Int32Array(buffer, next(4), size),
    name: new Uint32Array(buffer, next(4), size),
    detail: new Uint32Array(buffer, next(4), size),
    resource: new Uint32Array(buffer, next(4), size),
    arg: new Uint32Array(buffer, next(4), size),
    phase: new Uint16Array(buffer, next(2), size),
    kind: new Uint8Array(buffer, next(1), size),
    flags: new Uint8Array(buffer, next(1), size),
  };
}

function grown(old: EventColumns, size: number): EventColumns {
  const next = columns(size);
  next.run.set(old.run);
  next.step.set(old.step);
  next.phase.set(old.phase);
  next.kind.set(old.kind);
  next.flags.set(old.flags);
  next.program.set(old.program);
  next.insn.set(old.insn);
  next.name.set(old.name);
  next.detail.set(old.detail);
  next.resource.set(old.resource);
  next.value.set(old.value);
  next.arg.set(old.arg);
  return next;
}

/** Rows in the order of time. */
export class EventTable {
  columns = columns(256);
  args = new BigUint64Array(0);
  argCount = 0;
  length = 0;

  /** Appends a row without value and arguments; returns its number. */
  add(run: number, step: number, phase: number, kind: number, program: number, insn: number, name: number): number {
    const row = this.length++;
    if (row === this.columns.length) this.columns = grown(this.columns, row * 2);
    const c = this.columns;
    c.run[row] = run;
    c.step[row] = step;
    c.phase[row] = phase;
    c.kind[row] = kind;
    c.program[row] = program;
    c.insn[row] = insn;
    c.name[row] = name;
    return row;
  }

  setValue(row: number, value: bigint): void {
    this.columns.value[row] = value;
    this.columns.flags[row]! |= FLAG_VALUE;
  }

  setDetail(row: number, detail: number): void {
    this.columns.detail[row] = detail;
  }

  setResource(row: number, resource: number): void {
    this.columns.resource[row] = resource;
  }

  /** R1 to R5. */
  setArgs(row: number, args: BigUint64Array): void {
    if (this.argCount + 5 > this.args.length) {
      const next = new BigUint64Array(Math.max(1280, this.args.length * 2));
      next.set(this.args);
      this.args = next;
    }
    this.args.set(args, this.argCount);
    this.columns.arg[row] = this.argCount;
    this.columns.flags[row]! |= FLAG_ARGS;
    this.argCount += 5;
  }

  position(row: number): Position {
    const { run, step, phase } = this.columns;
    return { run: run[row] ?? 0, step: step[row] ?? 0, phase: phase[row] ?? 0 };
  }

  /**
   * The first row at or after a position. What has phase 0 at the step of an unwinding is done by the instruction that follows it, and so
   * comes after all of its phases; a fault is the end of that instruction.
   */
  firstFrom({ run, step, phase }: Position): number {
    const { columns } = this;
    const isBefore = (row: number): boolean => {
      const order = columns.run[row]! - run || columns.step[row]! - step;
      if (order !== 0) return order < 0;
      const own = columns.phase[row]!;
      return own > 0 && columns.kind[row] !== FAULT && own < phase;
    };
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  event(row: number, names: Names): TraceEvent {
    const c = this.columns;
    const flags = c.flags[row] ?? 0;
    const first = c.arg[row] ?? 0;
    const resource = c.resource[row] ?? 0;
    return {
      kind: EVENT_KINDS[c.kind[row] ?? 0] ?? 'call',
      position: this.position(row),
      program: names.text(c.program[row] ?? 0),
      insn: c.insn[row] ?? 0,
      name: names.text(c.name[row] ?? 0),
      detail: names.text(c.detail[row] ?? 0),
      ...((flags & FLAG_VALUE) === 0 ? {} : { value: c.value[row] ?? 0n }),
      ...((flags & FLAG_ARGS) === 0 ? {} : { args: [...this.args.subarray(first, first + 5)] }),
      ...(resource === 0 ? {} : { resource }),
    };
  }
}

/** Stretches of one run in which events were counted only: of `1 << shift` steps each, from step 0 on. */
export class Overflow {
  static readonly BUCKETS = 1024;
  /** A machine stops where stretches end, so they are no narrower than what runs in some ten microseconds. */
  static readonly MIN_SHIFT = 13;
  readonly run: number;
  /** Of all stretches and kinds. */
  total = 0;
  shift = Overflow.MIN_SHIFT;
  /** Events per stretch and kind, as far as stretches have any. */
  counts = new Uint32Array(EVENT_KINDS.length);

  constructor(run: number) {
    this.run = run;
  }

  count(step: number, kind: number, events = 1): void {
    while (step >= Overflow.BUCKETS * 2 ** this.shift) this.#double();
    const at = Math.floor(step / 2 ** this.shift) * EVENT_KINDS.length + kind;
    while (at >= this.counts.length) {
      const counts = new Uint32Array(this.counts.length * 2);
      counts.set(this.counts);
      this.counts = counts;
    }
    this.counts[at]! += events;
    this.total += events;
  }

  /** Puts two stretches into one. */
  #double(): void {
    const { counts } = this;
    const kinds = EVENT_KINDS.length;
    for (let at = 0; at < counts.length; at++) {
      const stretch = Math.floor(at / kinds);
      const from = stretch * 2 * kinds + (at % kinds);
      counts[at] = (counts[from] ?? 0) + (counts[from + kinds] ?? 0);
    }
    this.shift++;
  }
}

/** The step after the stretch in which a step lies, when stretches are no wider than the step needs. */
export function stretchEnd(step: number): number {
  let size = 2 ** Overflow.MIN_SHIFT;
  while (step >= Overflow.BUCKETS * size) size *= 2;
  return (Math.floor(step / size) + 1) * size;
}

export interface EventQuery {
  readonly from?: Position;
  /** Exclusive. */
  readonly to?: Position;
  readonly kinds?: readonly EventKind[];
  /** At most so many. */
  readonly limit?: number;
  matches?(event: TraceEvent): boolean;
}

/** Rows between two moments. */
export interface RowRange {
  readonly from?: Position;
  /** Exclusive. */
  readonly to?: Position;
  /** Of these kinds only: rows of others are passed over at little cost. */
  readonly codes?: Iterable<number>;
}

/** Goes through the rows of both tables in the order of time. It makes nothing for a row: there are millions. */
export class RowCursor {
  /** The row that it stands on. */
  table: EventTable;
  row = -1;
  readonly #flow: EventTable;
  readonly #rest: EventTable;
  readonly #flowEnd: number;
  readonly #restEnd: number;
  /** By code, 1 for a kind that is wanted; undefined when all are. */
  readonly #wanted: Uint8Array | undefined;
  #nextFlow: number;
  #nextRest: number;

  constructor({ flow, rest }: EventIndex, { from, to, codes }: RowRange) {
    this.#flow = flow;
    this.#rest = rest;
    this.table = rest;
    this.#nextFlow = from === undefined ? 0 : flow.firstFrom(from);
    this.#nextRest = from === undefined ? 0 : rest.firstFrom(from);
    this.#flowEnd = to === undefined ? flow.length : flow.firstFrom(to);
    this.#restEnd = to === undefined ? rest.length : rest.firstFrom(to);
    if (codes === undefined) return;
    this.#wanted = new Uint8Array(EVENT_KINDS.length);
    for (const code of codes) this.#wanted[code] = 1;
  }

  /** Rows that are to come, those of kinds that are not wanted included. */
  get left(): number {
    return Math.max(this.#flowEnd - this.#nextFlow, 0) + Math.max(this.#restEnd - this.#nextRest, 0);
  }

  /** Stands on the next row; false when there is none. */
  next(): boolean {
    const a = (this.#nextFlow = this.#firstWanted(this.#flow, this.#nextFlow, this.#flowEnd));
    const b = (this.#nextRest = this.#firstWanted(this.#rest, this.#nextRest, this.#restEnd));
    if (a < this.#flowEnd && (b >= this.#restEnd || this.#isFlowNext(a, b))) {
      this.table = this.#flow;
      this.row = this.#nextFlow++;
      return true;
    }
    if (b >= this.#restEnd) return false;
    this.table = this.#rest;
    this.row = this.#nextRest++;
    return true;
  }

  #firstWanted({ columns }: EventTable, from: number, end: number): number {
    const wanted = this.#wanted;
    if (wanted === undefined) return from;
    let row = from;
    while (row < end && wanted[columns.kind[row]!] === 0) row++;
    return row;
  }

  /** Of a call or return and another event: an unwinding comes before the instruction that follows it, which has the same step. */
  #isFlowNext(a: number, b: number): boolean {
    const flow = this.#flow.columns;
    const rest = this.#rest.columns;
    const order = flow.run[a]! - rest.run[b]! || flow.step[a]! - rest.step[b]!;
    if (order !== 0) return order < 0;
    return rest.phase[b] === 0 || rest.kind[b] === FAULT;
  }
}

/** Events per kind in one stretch of a run. */
export interface Bucket {
  readonly from: number;
  readonly to: number;
  /** Indexed like {@link EVENT_KINDS}. */
  readonly counts: Uint32Array;
}

/** All events of a recording. */
export class EventIndex {
  readonly names: Names;
  readonly flow: EventTable;
  readonly rest: EventTable;
  readonly overflows: Overflow[];

  constructor(names = new Names(), flow = new EventTable(), rest = new EventTable(), overflows: Overflow[] = []) {
    this.names = names;
    this.flow = flow;
    this.rest = rest;
    this.overflows = overflows;
  }

  /** Rows that can be listed; events that were only counted are not among them. */
  get length(): number {
    return this.flow.length + this.rest.length;
  }

  /** Events of a run that were counted and not kept. */
  omitted(run?: number): number {
    let sum = 0;
    for (const overflow of this.overflows) if (run === undefined || overflow.run === run) sum += overflow.total;
    return sum;
  }

  /** How many events there are of each kind, kept or only counted. */
  totals(): Readonly<Record<EventKind, number>> {
    const sums = new Float64Array(EVENT_KINDS.length);
    for (const table of [this.flow, this.rest]) {
      for (let row = 0; row < table.length; row++) sums[table.columns.kind[row]!]!++;
    }
    for (const { counts } of this.overflows) counts.forEach((count, i) => (sums[i % EVENT_KINDS.length]! += count));
    return Object.fromEntries(EVENT_KINDS.map((kind, code) => [kind, sums[code] ?? 0])) as Record<EventKind, number>;
  }

  /** Rows of both tables in the order of time, before the first of them. What is added later is not among them. */
  rows(range: RowRange = {}): RowCursor {
    return new RowCursor(this, range);
  }

  /** Events in the order of time. */
  *events({ kinds, matches, limit = Infinity, ...range }: EventQuery = {}): Generator<TraceEvent, void> {
    const rows = this.rows(kinds === undefined ? range : { ...range, codes: kinds.map(eventCode) });
    for (let given = 0; given < limit && rows.next();) {
      const event = rows.table.event(rows.row, this.names);
      if (matches?.(event) === false) continue;
      given++;
      yield event;
    }
  }

  /** A run's steps from `from` to `to` cut into so many stretches, with how much happened in each: what a picture needs. */
  buckets(run: number, from: number, to: number, count: number): Bucket[] {
    const width = Math.max((to - from) / count, 1e-9);
    const buckets = Array.from({ length: count }, (_, i) => ({
      from: from + i * width,
      to: i === count - 1 ? to : from + (i + 1) * width,
      counts: new Uint32Array(EVENT_KINDS.length),
    }));
    const at = (step: number): Uint32Array =>
      buckets[Math.min(Math.max(Math.floor((step - from) / width), 0), count - 1)]!.counts;
    for (const table of [this.flow, this.rest]) {
      const end = table.firstFrom({ run, step: to, phase: 0 });
      const { step, kind } = table.columns;
      for (let row = table.firstFrom({ run, step: from, phase: 0 }); row < end; row++) at(step[row]!)[kind[row]!]!++;
    }
    for (const overflow of this.overflows) if (overflow.run === run) spread(overflow, from, to, at);
    return buckets;
  }
}

/** What was counted goes to where the middle of its stretch is; the last stretch may end long after the run. */
function spread(overflow: Overflow, from: number, to: number, at: (step: number) => Uint32Array): void {
  const kinds = EVENT_KINDS.length;
  const size = 2 ** overflow.shift;
  const last = Math.min(Math.ceil(to / size), Overflow.BUCKETS);
  const end = overflow.counts.findLastIndex((count) => count > 0);
  for (let b = Math.max(Math.floor(from / size), 0); b < last; b++) {
    const isLast = b === Math.floor(end / kinds);
    const middle = isLast ? Math.min(b * size + size / 2, Math.max(to - 1, b * size)) : b * size + size / 2;
    if (middle < from || middle >= to) continue;
    const counts = at(middle);
    for (let k = 0; k < kinds; k++) counts[k]! += overflow.counts[b * kinds + k] ?? 0;
  }
}
