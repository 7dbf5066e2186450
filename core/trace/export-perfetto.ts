/**
 * Runs for Perfetto and chrome://tracing, in the Trace Event Format: one thread per run, one instruction as one microsecond;
 * functions and helpers as slices, resources as async slices, throws as instants, the size of the ledger as a counter.
 */
import type { TraceEvent } from './events.ts';
import type { History, Part, Teller } from './history.ts';
import { Unwound, tell } from './history.ts';

interface Entry {
  readonly name: string;
  readonly ph: 'B' | 'E' | 'X' | 'i' | 'b' | 'e' | 'C' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly [more: string]: unknown;
}

/** JSON in pieces, since all of it may be larger than a text can be. */
export function* perfettoJson(history: History): Generator<string, void> {
  const process = { name: 'process_name', ph: 'M', pid: 1, tid: 0, ts: 0, args: { name: history.objectName } };
  yield `{"displayTimeUnit":"ns","traceEvents":[\n${JSON.stringify(process)}`;
  for (const { run, program } of history.parts) {
    const name = { name: `run ${run}: ${program}` };
    yield line({ name: 'thread_name', ph: 'M', pid: 1, tid: run + 1, ts: 0, args: name });
  }
  yield* tell(history, undefined, new Trace());
  yield '\n]}\n';
}

function line(entry: Entry): string {
  return `,\n${JSON.stringify(entry)}`;
}

/** Where an entry stands. */
type At = Pick<Entry, 'pid' | 'tid' | 'ts'>;

/** The slices and spans of one part after the other. */
class Trace implements Teller {
  #part!: Part;
  #unwound = new Unwound();
  /** The latest phase of an unwinding, as a step and a fraction. */
  #phase = 0;
  readonly #open: string[] = [];
  readonly #held = new Map<number, string>();
  /** Entries of what is told now. */
  #text = '';

  begin(part: Part): string {
    this.#part = part;
    this.#unwound = new Unwound();
    this.#phase = 0;
    const at = this.#at(part.from);
    // What is under way and held where a part of a run begins, begins with it.
    for (const name of part.stack) this.#begin(name, at);
    for (const { id, name, by } of part.held) this.#acquire(id, name, by, at);
    return this.#taken();
  }

  end(): string {
    const { to, hasEnd } = this.#part;
    const at = this.#at(hasEnd ? to + 1 : to);
    // What is open when it ends, ends with it.
    for (const [id, name] of this.#held) this.#put({ name, cat: 'resource', ph: 'e', id, ...at });
    this.#held.clear();
    while (this.#open.length > 0) this.#end(at);
    return this.#taken();
  }

  event(event: TraceEvent): string {
    const { kind, position } = event;
    const isBefore = this.#unwound.isBefore(event);
    // Phases take no step: they are shown in the order in which they come, within the next microsecond, and what is next behind them.
    this.#phase = Math.max(this.#phase, position.step + Math.min(position.phase, 999) / 1000);
    const at = this.#at(this.#phase);
    // A call and an exit are instructions of the function that they stand in: the other one begins, and goes on, behind them.
    const behind = isBefore ? at : this.#at(position.step + 1);
    const args = { insn: event.insn };
    switch (kind) {
      case 'call':
      case 'callback':
      case 'fentry':
      case 'fexit':
        this.#begin(event.name, behind, args);
        break;
      case 'tail-call':
      case 'freplace':
        // It takes the place of another function.
        if (kind === 'tail-call') this.#instant(event, at);
        if (this.#open.length > 1) this.#end(behind);
        this.#begin(event.name, behind, args);
        break;
      case 'exception-callback':
        // No instruction calls it.
        this.#begin(event.name, at, args);
        break;
      case 'return':
        // The last one is the program's own: it ends with the run.
        if (this.#open.length > 1) this.#end(behind);
        break;
      case 'phase':
        this.#put({ name: `unwind: ${event.name}`, ph: 'i', s: 't', ...at, args: { detail: event.detail } });
        if (event.name === 'leave-frame' && this.#open.length > 1) this.#end(at);
        break;
      case 'helper':
        this.#put({
          name: event.name,
          ph: 'X',
          ...at,
          dur: this.#at(position.step + 1).ts - at.ts,
          args: { r0: hex(event.value), args: event.args?.map(hex) },
        });
        break;
      case 'acquire':
        this.#acquire(event.resource ?? 0, event.name, event.detail, at);
        break;
      case 'release':
      case 'store':
        this.#release(event.resource ?? 0, event.name, event.detail, at);
        break;
      case 'throw':
      case 'fault':
      case 'print':
      case 'map':
      case 'emit':
        this.#instant(event, at);
        break;
      default:
        break;
    }
    return this.#taken();
  }

  #at(step: number): At {
    return { pid: 1, tid: this.#part.run + 1, ts: this.#part.origin + step };
  }

  #begin(name: string, at: At, args?: object): void {
    this.#open.push(name);
    this.#put({ name, ph: 'B', ...at, ...(args === undefined ? {} : { args }) });
  }

  #end(at: At): void {
    this.#put({ name: this.#open.pop() ?? '', ph: 'E', ...at });
  }

  #instant({ kind, name, detail, value }: TraceEvent, at: At): void {
    this.#put({ name: kind, ph: 'i', s: 't', ...at, args: { name, detail, value: hex(value) } });
  }

  #acquire(id: number, name: string, by: string, at: At): void {
    this.#held.set(id, name);
    this.#put({ name, cat: 'resource', ph: 'b', id, ...at, args: { by } });
    this.#put({ name: 'ledger', ph: 'C', ...at, args: { held: this.#held.size } });
  }

  /** What was held before the run began is not shown, and so has no end. */
  #release(id: number, name: string, by: string, at: At): void {
    if (!this.#held.delete(id)) return;
    this.#put({ name, cat: 'resource', ph: 'e', id, ...at, args: { by } });
    this.#put({ name: 'ledger', ph: 'C', ...at, args: { held: this.#held.size } });
  }

  #put(entry: Entry): void {
    this.#text += line(entry);
  }

  #taken(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}

function hex(value: bigint | undefined): string | undefined {
  return value === undefined ? undefined : `0x${value.toString(16)}`;
}
