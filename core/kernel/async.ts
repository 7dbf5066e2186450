/**
 * Timers, work queues and task work: callbacks that run on their own, on the virtual clock, once the program that
 * armed them has ended. Each belongs to a field of a map value; the field holds the number of its entry here.
 */
import type { Program } from '../object/program.ts';
import type { AsyncCallback } from './behaviour.ts';
import type { Kernel } from './kernel.ts';
import type { StateMapCheckpoint } from './state.ts';
import { StateMap } from './state.ts';

export interface AsyncEntry {
  /** Offset of the field in its map value. */
  readonly field: number;
  readonly kind: AsyncCallback['kind'];
  readonly map: number;
  /** Offset of the value that the callback gets. */
  readonly value: number;
  readonly clock: number;
  readonly program: Program | undefined;
  readonly subprogramInsn: number;
  /** When it is due; undefined when it is not armed. */
  readonly due: bigint | undefined;
  /** Tie-break of equal times: what was armed first runs first. */
  readonly order: number;
}

export interface AsyncCheckpoint {
  readonly entries: StateMapCheckpoint<number, AsyncEntry>;
  readonly order: number;
  readonly running: number;
}

export class AsyncQueue {
  readonly #kernel: Kernel;
  readonly #entries = new StateMap<number, AsyncEntry>();
  #order = 1;
  /** Field whose callback runs, or 0. */
  #running = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  at(field: number): AsyncEntry | undefined {
    return this.#entries.get(field);
  }

  init(entry: Omit<AsyncEntry, 'program' | 'subprogramInsn' | 'due' | 'order'>): void {
    this.#entries.set(entry.field, { ...entry, program: undefined, subprogramInsn: 0, due: undefined, order: 0 });
  }

  setCallback(field: number, program: Program, subprogramInsn: number): void {
    const entry = this.#entries.get(field);
    if (entry !== undefined) this.#entries.set(field, { ...entry, program, subprogramInsn });
  }

  arm(field: number, due: bigint): void {
    const entry = this.#entries.get(field);
    if (entry !== undefined) this.#entries.set(field, { ...entry, due, order: this.#order++ });
  }

  /** Returns whether it was armed. */
  cancel(field: number): boolean {
    const entry = this.#entries.get(field);
    if (entry?.due === undefined) return false;
    this.#entries.set(field, { ...entry, due: undefined });
    return true;
  }

  forget(field: number): void {
    this.#entries.delete(field);
  }

  isRunning(field: number): boolean {
    return this.#running === field;
  }

  /** The earliest armed callback that is due by a time, or at all. */
  peek(until?: bigint): AsyncEntry | undefined {
    let first: AsyncEntry | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.due === undefined || entry.program === undefined) continue;
      if (until !== undefined && entry.due > until) continue;
      if (first?.due === undefined || entry.due < first.due || (entry.due === first.due && entry.order < first.order))
        first = entry;
    }
    return first;
  }

  /** Takes the earliest callback out, moves the clock to its time, and says what to run. */
  take(until?: bigint): AsyncCallback | undefined {
    const entry = this.peek(until);
    if (entry?.due === undefined || entry.program === undefined) return undefined;
    this.#entries.set(entry.field, { ...entry, due: undefined });
    this.#running = entry.field;
    const kernel = this.#kernel;
    if (kernel.time < entry.due) kernel.time = entry.due;
    const map = kernel.maps.byId(entry.map);
    const key = map?.keyOfValue(entry.value) ?? kernel.scratch(8);
    const args = [map?.address ?? 0n, kernel.memory.pointer(key), kernel.memory.pointer(entry.value)];
    return {
      id: entry.field,
      kind: entry.kind,
      due: entry.due,
      program: entry.program,
      subprogramInsn: entry.subprogramInsn,
      args,
    };
  }

  /** The callback that {@link take} gave out has returned. */
  done(): void {
    this.#running = 0;
  }

  checkpoint(): AsyncCheckpoint {
    return { entries: this.#entries.checkpoint(), order: this.#order, running: this.#running };
  }

  restore(checkpoint: AsyncCheckpoint): void {
    this.#entries.restore(checkpoint.entries);
    this.#order = checkpoint.order;
    this.#running = checkpoint.running;
  }
}
