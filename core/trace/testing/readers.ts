/**
 * Readers of what is exported, written from the formats' descriptions and not from the writers: the Trace Event Format as Perfetto and
 * chrome://tracing take it, tables of RFC 4180, and folded stacks. What is not as it should be is an error that says so.
 */

type Json = Readonly<Record<string, unknown>>;

interface Slice {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** With its place in the file. */
type Ordered = Slice & { readonly order: number };

/** What a trace holds, as its viewer would show it. */
export interface ReadTrace {
  readonly processes: ReadonlyMap<number, string>;
  readonly threads: ReadonlyMap<number, string>;
  /** By thread, outer ones before inner ones. */
  readonly slices: ReadonlyMap<number, readonly Slice[]>;
  readonly spans: readonly (Slice & { readonly id: string; readonly cat: string })[];
  readonly instants: readonly { readonly name: string; readonly at: number; readonly tid: number }[];
  readonly counters: readonly { readonly name: string; readonly at: number; readonly values: readonly number[] }[];
}

/** Times are fractions of a microsecond: sums of them may be off in the last bits. */
const EPSILON = 1e-6;

export function readTrace(text: string): ReadTrace {
  const file = record(JSON.parse(text) as unknown, 'the file');
  const { displayTimeUnit, traceEvents } = file;
  check(displayTimeUnit === 'ns' || displayTimeUnit === 'ms', 'displayTimeUnit is ms or ns');
  check(Array.isArray(traceEvents), 'traceEvents is a list');
  return new TraceReader(traceEvents as readonly unknown[]).read();
}

class TraceReader {
  readonly #events: readonly unknown[];
  readonly #processes = new Map<number, string>();
  readonly #threads = new Map<number, string>();
  readonly #slices = new Map<number, Ordered[]>();
  readonly #open = new Map<number, { name: string; from: number; order: number }[]>();
  #order = 0;
  /** When the last B or E of a thread was: these have to be in order. */
  readonly #times = new Map<number, number>();
  readonly #begun = new Map<string, { name: string; from: number; id: string; cat: string }>();
  readonly #spans: (Slice & { id: string; cat: string })[] = [];
  readonly #instants: { name: string; at: number; tid: number }[] = [];
  readonly #counters: { name: string; at: number; values: number[] }[] = [];

  constructor(events: readonly unknown[]) {
    this.#events = events;
  }

  read(): ReadTrace {
    for (const [i, value] of this.#events.entries()) this.#event(record(value, `event ${i}`), `event ${i}`);
    for (const [tid, open] of this.#open) check(open.length === 0, `thread ${tid} ends with ${open.at(-1)?.name} open`);
    check(this.#begun.size === 0, `spans that never end: ${[...this.#begun.keys()].join(', ')}`);
    for (const [tid, slices] of this.#slices) {
      check(this.#threads.has(tid), `thread ${tid} has no name`);
      nest(slices, tid);
    }
    return {
      processes: this.#processes,
      threads: this.#threads,
      slices: this.#slices,
      spans: this.#spans,
      instants: this.#instants,
      counters: this.#counters,
    };
  }

  #event(event: Json, where: string): void {
    const name = text(event['name'], `${where}: name`);
    const pid = whole(event['pid'], `${where}: pid`);
    const tid = whole(event['tid'], `${where}: tid`);
    const at = time(event['ts'], `${where}: ts`);
    const args = event['args'] === undefined ? {} : record(event['args'], `${where}: args`);
    const phase = event['ph'];
    if (phase !== 'M') check(this.#processes.has(pid), `${where}: process ${pid} has no name before`);
    switch (phase) {
      case 'M':
        check(name === 'process_name' || name === 'thread_name', `${where}: metadata ${name}`);
        if (name === 'process_name') this.#processes.set(pid, text(args['name'], `${where}: args.name`));
        else this.#threads.set(tid, text(args['name'], `${where}: args.name`));
        return;
      case 'B':
        this.#inOrder(tid, at, where);
        this.#openOf(tid).push({ name, from: at, order: ++this.#order });
        return;
      case 'E': {
        this.#inOrder(tid, at, where);
        const begun = this.#openOf(tid).pop();
        check(begun !== undefined, `${where}: nothing is open that ${name} could end`);
        if (begun === undefined) return;
        check(begun.name === name, `${where}: ${name} ends where ${begun.name} is open`);
        this.#slicesOf(tid).push({ ...begun, to: at });
        return;
      }
      case 'X':
        this.#slicesOf(tid).push({
          name,
          from: at,
          to: at + time(event['dur'], `${where}: dur`),
          order: ++this.#order,
        });
        return;
      case 'b':
      case 'e':
        this.#span(event, phase, name, at, where);
        return;
      case 'i':
        check(['g', 'p', 't'].includes(String(event['s'])), `${where}: scope ${String(event['s'])}`);
        this.#instants.push({ name, at, tid });
        return;
      case 'C': {
        const values = Object.values(args);
        check(values.length > 0, `${where}: a counter counts something`);
        this.#counters.push({ name, at, values: values.map((value) => finite(value, `${where}: args`)) });
        return;
      }
      default:
        throw new Error(`${where}: phase ${String(phase)}`);
    }
  }

  #span(event: Json, phase: 'b' | 'e', name: string, at: number, where: string): void {
    const cat = text(event['cat'], `${where}: cat`);
    const { id } = event;
    check(typeof id === 'string' || typeof id === 'number', `${where}: id`);
    const key = `${cat}:${String(id)}`;
    const begun = this.#begun.get(key);
    if (phase === 'b') {
      check(begun === undefined, `${where}: ${key} begins twice`);
      this.#begun.set(key, { name, from: at, id: String(id), cat });
      return;
    }
    check(begun !== undefined, `${where}: ${key} ends and never began`);
    if (begun === undefined) return;
    check(begun.name === name, `${where}: ${key} began as ${begun.name}`);
    check(at >= begun.from, `${where}: ${key} ends before it begins`);
    this.#begun.delete(key);
    this.#spans.push({ ...begun, to: at });
  }

  #inOrder(tid: number, at: number, where: string): void {
    const last = this.#times.get(tid) ?? 0;
    check(at >= last, `${where}: ${at} after ${last}`);
    this.#times.set(tid, at);
  }

  #openOf(tid: number): { name: string; from: number; order: number }[] {
    const known = this.#open.get(tid) ?? [];
    this.#open.set(tid, known);
    return known;
  }

  #slicesOf(tid: number): Ordered[] {
    const known = this.#slices.get(tid) ?? [];
    this.#slices.set(tid, known);
    return known;
  }
}

/** Slices of a thread lie beside each other or in each other; of two that begin at once the first in the file is the outer one. */
function nest(slices: Ordered[], tid: number): void {
  slices.sort((a, b) => a.from - b.from || a.order - b.order);
  const open: Slice[] = [];
  for (const slice of slices) {
    check(slice.to >= slice.from, `thread ${tid}: ${slice.name} ends before it begins`);
    while (open.length > 0 && open.at(-1)!.to <= slice.from + EPSILON) open.pop();
    const outer = open.at(-1);
    check(
      outer === undefined || slice.to <= outer.to + EPSILON,
      `thread ${tid}: ${slice.name} ${slice.from}..${slice.to} overlaps ${outer?.name} ${outer?.from}..${outer?.to}`,
    );
    open.push(slice);
  }
}

/** RFC 4180: rows of cells, with CRLF behind each row, quotes where a cell needs them. */
export function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell = '';
    if (text[at] === '"') {
      for (at++; ; at++) {
        check(at < text.length, 'a quote is never closed');
        if (text[at] !== '"') cell += text[at];
        else if (text[at + 1] === '"') cell += text[at++];
        else break;
      }
      at++;
    } else {
      const end = at + /^[^",\r\n]*/.exec(text.slice(at, at + 10_000))![0].length;
      cell = text.slice(at, end);
      at = end;
    }
    row.push(cell);
    if (text[at] === ',') {
      at++;
      // An empty last cell.
      if (text.startsWith('\r\n', at)) row.push('');
      else continue;
    }
    check(text.startsWith('\r\n', at), `a row ends with ${JSON.stringify(text.slice(at, at + 2))}`);
    at += 2;
    rows.push(row);
    row = [];
  }
  check(row.length === 0, 'the last row is cut off');
  return rows;
}

/** `a;b 12`, one a line: a stack, each one once, and a number. */
export function readFolded(text: string): Map<string, number> {
  const stacks = new Map<string, number>();
  for (const line of text.split('\n').slice(0, -1)) {
    const match = /^([^ ;]+(?:;[^ ;]+)*) ([1-9]\d*)$/.exec(line);
    check(match !== null, `no stack: ${line}`);
    if (match === null) continue;
    check(!stacks.has(match[1]!), `twice: ${match[1]}`);
    stacks.set(match[1]!, Number(match[2]));
  }
  check(text === '' || text.endsWith('\n'), 'the last line is cut off');
  return stacks;
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function record(value: unknown, what: string): Json {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), `${what} is no object`);
  return value as Json;
}

function text(value: unknown, what: string): string {
  check(typeof value === 'string' && value !== '', `${what} is no text`);
  return String(value);
}

function finite(value: unknown, what: string): number {
  check(typeof value === 'number' && Number.isFinite(value), `${what} is no number`);
  return Number(value);
}

function time(value: unknown, what: string): number {
  const number = finite(value, what);
  check(number >= 0, `${what} is negative`);
  return number;
}

function whole(value: unknown, what: string): number {
  const number = finite(value, what);
  check(Number.isSafeInteger(number) && number >= 0, `${what} is no whole number`);
  return number;
}
