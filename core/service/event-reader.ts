/** Events of a run, or of a part of it, as rows of a table and as filters see them. */
import { lineAt, subprogramAt } from '../debugger/source.ts';
import { hex } from '../debugger/inspect.ts';
import type { Program } from '../object/program.ts';
import type { Direction, Position } from '../protocol/state.ts';
import type { EventPart, EventRow } from '../protocol/timeline.ts';
import type { EventIndex, EventKind, EventTable } from '../trace/events.ts';
import { EVENT_KINDS } from '../trace/events.ts';
import type { PartBounds } from '../trace/part.ts';
import type { Desk } from './desk.ts';
import type { EventTest, Filtered } from './event-filter.ts';
import type { IsKfunc, RunColumns } from './run-columns.ts';
import { kfuncTest } from './run-columns.ts';
import type { RunIndex } from './run-index.ts';
import type { Known } from './run-parts.ts';

/** Flow rows and the others share one number: the former come with this added. */
const FLOW = 2 ** 31;

export interface EventList {
  readonly known: Known;
  readonly run: number;
  /** Those of `known` that are meant. */
  readonly bounds: PartBounds;
  /** How the list is named, when it is of a part. */
  readonly part?: EventPart;
}

export function readerOf({ session }: Desk, list: EventList): EventReader {
  return new EventReader(list, session.object.programs);
}

/** The row of the last event that is not after a tick. */
export function rowAt(reader: EventReader, byTime: Float64Array, tick: number): number | undefined {
  let low = 0;
  for (let high = byTime.length; low < high;) {
    const middle = (low + high) >> 1;
    if (reader.tick(byTime[middle]!) <= tick) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : low - 1;
}

/** Where to go for the next event after or before a tick, and before another. */
export function nearest(
  reader: EventReader,
  byTime: Float64Array,
  { tick, direction, below }: { readonly tick: number; readonly direction: Direction; readonly below: number },
): Position | undefined {
  let low = 0;
  for (let high = byTime.length; low < high;) {
    const middle = (low + high) >> 1;
    const at = reader.tick(byTime[middle]!);
    if (direction === 'forwards' ? at <= tick : at < Math.min(tick, below)) low = middle + 1;
    else high = middle;
  }
  const row = byTime[direction === 'forwards' ? low : low - 1];
  return row === undefined || reader.tick(row) >= below ? undefined : reader.position(row);
}

/** Events of one run, by their rows in both tables. */
export class EventReader implements Filtered {
  readonly events: EventIndex;
  readonly list: EventList;
  readonly #index: RunIndex;
  readonly #programs: ReadonlyMap<string, Program>;
  readonly #isKfunc: IsKfunc;
  // The event that is looked at, for filters: an object for each of a million would cost more than the search.
  #table: EventTable;
  #row = 0;

  constructor(list: EventList, programs: readonly Program[]) {
    this.list = list;
    this.#index = list.known.index;
    this.events = this.#index.events;
    this.#programs = new Map(programs.map((program) => [program.name, program]));
    this.#isKfunc = kfuncTest(programs);
    this.#table = this.events.rest;
  }

  // ---- one event --------------------------------------------------------------------------------------------------------

  get kind(): EventKind {
    return EVENT_KINDS[this.#table.columns.kind[this.#row] ?? 0] ?? 'call';
  }

  get name(): string {
    return this.events.names.text(this.#table.columns.name[this.#row] ?? 0);
  }

  get detail(): string {
    return this.events.names.text(this.#table.columns.detail[this.#row] ?? 0);
  }

  get insn(): number {
    return this.#table.columns.insn[this.#row] ?? 0;
  }

  get resource(): number {
    return this.#table.columns.resource[this.#row] ?? 0;
  }

  get #programName(): string {
    return this.events.names.text(this.#table.columns.program[this.#row] ?? 0);
  }

  isKfunc(): boolean {
    return this.#isKfunc(this.#programName, this.insn);
  }

  functionName(): string {
    const program = this.#programs.get(this.#programName);
    return program === undefined ? this.#programName : (subprogramAt(program, this.insn)?.name ?? program.name);
  }

  line(): number | undefined {
    const program = this.#programs.get(this.#programName);
    return program === undefined ? undefined : lineAt(program, this.insn)?.line;
  }

  /** Depth of the frame that did it, 0 for the main program's. */
  frame(): number {
    return depthAt(this.list.known.columns, this.#tickHere());
  }

  #tickHere(): number {
    const { step, phase } = this.#table.columns;
    return this.#index.eventTick({ step: step[this.#row] ?? 0, phase: phase[this.#row] ?? 0 });
  }

  #look(number: number): void {
    this.#table = number >= FLOW ? this.events.flow : this.events.rest;
    this.#row = number >= FLOW ? number - FLOW : number;
  }

  tick(number: number): number {
    this.#look(number);
    return this.#tickHere();
  }

  /** Where to go to see it: before a call, after a phase, and at a throw when it is thrown. */
  position(number: number): Position {
    this.#look(number);
    const { run, step, phase } = this.#table.position(this.#row);
    if (this.kind === 'throw') return { run, step: step + 1, phase: 0 };
    return { run, step, phase: phase > 0 ? phase : this.#index.phasesAt(step) };
  }

  row(number: number, index: number): EventRow {
    const position = this.position(number);
    const tick = this.#index.tickOf(position);
    const event = this.#table.event(this.#row, this.events.names);
    const line = this.line();
    return {
      index,
      position,
      tick,
      kind: event.kind === 'helper' && this.isKfunc() ? 'kfunc' : event.kind,
      program: event.program,
      function: this.functionName(),
      insn: event.insn,
      frame: this.frame(),
      name: event.name,
      detail:
        event.resource === undefined
          ? event.detail
          : `#${event.resource}${event.detail === '' ? '' : ` · ${event.detail}`}`,
      ...(event.value === undefined ? {} : { value: hex(event.value) }),
      ...(event.args === undefined ? {} : { args: event.args.map(hex) }),
      ...(line === undefined ? {} : { line }),
    };
  }

  // ---- many -------------------------------------------------------------------------------------------------------------

  /** Numbers of the events that pass, in the order of time. */
  matching(test: EventTest): Float64Array {
    const { events } = this;
    const { run, bounds } = this.list;
    const from = { run, step: bounds.from, phase: 0 };
    const to = bounds.to === Infinity ? { run: run + 1, step: 0, phase: 0 } : { run, step: bounds.to, phase: 0 };
    const rows = events.rows({ from, to });
    const numbers = new Float64Array(rows.left);
    let count = 0;
    while (rows.next()) {
      this.#table = rows.table;
      this.#row = rows.row;
      if (test(this)) numbers[count++] = rows.table === events.flow ? FLOW + rows.row : rows.row;
    }
    return numbers.slice(0, count);
  }

  /** Stable: what is alike stays in the order of time. */
  sorted(numbers: Float64Array, sort: 'kind' | 'name' | 'insn'): Float64Array {
    const keys = new Map<number, number>();
    const { texts } = this.events.names;
    const rankOfName = new Map<number, number>();
    if (sort === 'name') {
      const order = Array.from(texts.keys()).sort((x, y) => (texts[x]! < texts[y]! ? -1 : 1));
      order.forEach((id, rank) => rankOfName.set(id, rank));
    }
    for (const number of numbers) {
      this.#look(number);
      const { kind, name, insn } = this.#table.columns;
      const key =
        sort === 'kind'
          ? kind[this.#row]!
          : sort === 'insn'
            ? insn[this.#row]!
            : (rankOfName.get(name[this.#row]!) ?? 0);
      keys.set(number, key);
    }
    const order = Array.from(numbers.keys());
    order.sort((x, y) => (keys.get(numbers[x]!) ?? 0) - (keys.get(numbers[y]!) ?? 0) || x - y);
    return Float64Array.from(order, (i) => numbers[i]!);
  }
}

/** How many functions are under way at a tick, less one. */
function depthAt({ calls, callsTo }: RunColumns, tick: number): number {
  let depth = 0;
  for (let d = 1; d < calls.length; d++) {
    const track = calls[d]!;
    const i = track.firstFrom(tick + 0.5) - 1;
    if (i >= 0 && Math.min(track.to[i]!, callsTo) > tick) depth = d;
    else break;
  }
  return depth;
}
