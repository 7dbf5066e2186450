/** What happened in a run as a table: filtered, sorted, a page at a time. */
import { lineAt, subprogramAt } from '../debugger/source.ts';
import { BailoutError } from '../errors.ts';
import { hex } from '../debugger/inspect.ts';
import type { Program } from '../object/program.ts';
import type { Direction, Position } from '../protocol/state.ts';
import type { EventPage, EventQuery, EventRow } from '../protocol/timeline.ts';
import type { EventIndex, EventKind, EventTable } from '../trace/events.ts';
import { EVENT_KINDS } from '../trace/events.ts';
import type { Desk } from './desk.ts';
import type { EventTest, Filtered } from './event-filter.ts';
import { parseFilter } from './event-filter.ts';
import type { IsKfunc, RunColumns } from './run-columns.ts';
import { kfuncTest } from './run-columns.ts';
import type { RunIndex } from './run-index.ts';

/** Rows of one page at most. */
const MAX_ROWS = 2000;
/** Queries whose answers are kept. */
const KEPT = 4;
/** Flow rows and the others share one number: the former come with this added. */
const FLOW = 2 ** 31;

interface Found {
  /** In the order of time. */
  readonly byTime: Float64Array;
  sorted?: { readonly sort: EventQuery['sort']; readonly rows: Float64Array };
}

export class Events {
  readonly #desk: Desk;
  readonly #found = new Map<string, Found>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  clear(): void {
    this.#found.clear();
  }

  page(query: EventQuery): EventPage {
    if (!this.#desk.isRunning) return { total: 0, rows: [], omitted: 0 };
    const { timeline } = this.#desk.session;
    if (timeline.runs[query.run] === undefined) throw new BailoutError('NO_RUN', `There is no run ${query.run}.`);
    const reader = new Reader(this.#desk, query.run);
    const found = this.#find(reader, query.run, query.filter);
    const rows = this.#sorted(reader, found, query.sort);
    const total = rows.length;
    const from = Math.max(Math.floor(query.from), 0);
    const count = Math.min(Math.max(Math.floor(query.count), 0), MAX_ROWS, Math.max(total - from, 0));
    const page = Array.from({ length: count }, (_, i) => {
      const index = from + i;
      return reader.row(rows[query.descending ? total - 1 - index : index]!, index);
    });
    const at = query.tick === undefined ? undefined : rowAt(reader, found.byTime, query.tick);
    return {
      total,
      rows: page,
      omitted: timeline.events.omitted(query.run),
      ...(at === undefined ? {} : { at }),
    };
  }

  /** The next event that a filter matches, after or before a tick. */
  find(run: number, filter: string, tick: number, direction: Direction): Position | null {
    if (!this.#desk.isRunning || this.#desk.session.timeline.runs[run] === undefined) return null;
    const reader = new Reader(this.#desk, run);
    const { byTime } = this.#find(reader, run, filter);
    let low = 0;
    for (let high = byTime.length; low < high;) {
      const middle = (low + high) >> 1;
      const at = reader.tick(byTime[middle]!);
      if (direction === 'forwards' ? at <= tick : at < tick) low = middle + 1;
      else high = middle;
    }
    const row = byTime[direction === 'forwards' ? low : low - 1];
    return row === undefined ? null : reader.position(row);
  }

  #find(reader: Reader, run: number, filter: string): Found {
    // Of a run that goes on, the answer of before lacks what came since.
    const key = `${run} ${reader.events.length} ${filter}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const found: Found = { byTime: reader.matching(parseFilter(filter)) };
    this.#found.set(key, found);
    const [oldest] = this.#found.keys();
    if (this.#found.size > KEPT && oldest !== undefined) this.#found.delete(oldest);
    return found;
  }

  #sorted(reader: Reader, found: Found, sort: EventQuery['sort']): Float64Array {
    if (sort === 'time') return found.byTime;
    if (found.sorted?.sort !== sort) found.sorted = { sort, rows: reader.sorted(found.byTime, sort) };
    return found.sorted.rows;
  }
}

/** The row of the last event that is not after a tick. */
function rowAt(reader: Reader, byTime: Float64Array, tick: number): number | undefined {
  let low = 0;
  for (let high = byTime.length; low < high;) {
    const middle = (low + high) >> 1;
    if (reader.tick(byTime[middle]!) <= tick) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : low - 1;
}

/** Events of one run, by their rows in both tables. */
class Reader implements Filtered {
  readonly events: EventIndex;
  readonly #run: number;
  readonly #index: RunIndex;
  readonly #columns: () => RunColumns;
  readonly #programs: ReadonlyMap<string, Program>;
  readonly #isKfunc: IsKfunc;
  // The event that is looked at, for filters: an object for each of a million would cost more than the search.
  #table: EventTable;
  #row = 0;

  constructor(desk: Desk, run: number) {
    const { timeline, object } = desk.session;
    this.events = timeline.events;
    this.#run = run;
    this.#index = desk.runs.of(run);
    this.#columns = () => desk.runs.columnsOf(run);
    this.#programs = new Map(object.programs.map((program) => [program.name, program]));
    this.#isKfunc = kfuncTest(object.programs);
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
    return depthAt(this.#columns(), this.#tickHere());
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
    const { flow, rest } = this.events;
    const from = { run: this.#run, step: 0, phase: 0 };
    const to = { run: this.#run + 1, step: 0, phase: 0 };
    let a = flow.firstFrom(from);
    let b = rest.firstFrom(from);
    const [endA, endB] = [flow.firstFrom(to), rest.firstFrom(to)];
    const numbers = new Float64Array(endA - a + endB - b);
    let count = 0;
    while (a < endA || b < endB) {
      const takesFlow = a < endA && (b >= endB || flow.columns.step[a]! <= rest.columns.step[b]!);
      const number = takesFlow ? FLOW + a++ : b++;
      this.#look(number);
      if (test(this)) numbers[count++] = number;
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
function depthAt({ calls }: RunColumns, tick: number): number {
  let depth = 0;
  for (let d = 1; d < calls.length; d++) {
    const track = calls[d]!;
    const i = track.firstFrom(tick + 0.5) - 1;
    if (i >= 0 && track.to[i]! > tick) depth = d;
    else break;
  }
  return depth;
}
