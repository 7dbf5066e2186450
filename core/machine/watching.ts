/**
 * What the engine writes down for whoever watches, in regions of linear memory that no checkpoint holds: a log of calls and
 * exits, or only how many there are, and how often instructions were executed.
 */
import type { Engine } from './engine/engine.ts';
import { FLOW_COUNTS, HITS, HIT_SLOTS, LOG_BASE, LOG_END, LOG_LIMIT, LOG_NEXT } from './engine/layout.ts';
import type { LinearMemory } from './memory.ts';
import type { CompleteObserver, Counted, Entered } from './observer.ts';

const ENTERED: readonly Entered[] = ['callback', 'tail-call', 'exception-callback', 'fentry', 'fexit', 'freplace'];

/** Counts in the table have 32 bits: they are taken out before one can be full. */
const HITS_LAST = 2 ** 31;

export interface WatchingHost {
  readonly memory: LinearMemory;
  readonly observer: CompleteObserver;
  readonly step: number;
}

export class Watching {
  readonly #host: WatchingHost;
  /** What nobody heard of: calls of helpers and kfuncs, and what began. */
  helpers = 0;
  readonly #entered: Record<Entered, number> = {
    callback: 0,
    'tail-call': 0,
    'exception-callback': 0,
    fentry: 0,
    fexit: 0,
    freplace: 0,
  };
  /** Since when the table of hits has what it has. */
  #hitsFrom = 0;

  constructor(host: WatchingHost) {
    this.#host = host;
  }

  /** Before the engine runs. */
  begin(): void {
    const { observer, step } = this.#host;
    this.#listen();
    // What was counted while nobody wanted to know.
    this.#host.memory.view.setBigUint64(FLOW_COUNTS, 0n, true);
    this.helpers = 0;
    // What began in a phase of an unwinding did so while the engine stood.
    if (observer.counter !== undefined) this.#handCounts(step);
    this.#hitsFrom = step;
  }

  /** Where the engine has to stop because what it counts belongs to another stretch from there on. */
  limit(step: number): number {
    const { observer } = this.#host;
    if (observer.counter === undefined) return Infinity;
    // The observer may be content with less from here on: what it asked for so far is its own.
    const end = observer.counter.stretchEnd(step);
    if (this.#host.observer !== observer) {
      this.#handRows(observer);
      this.#listen();
    }
    return end;
  }

  /** Enters the engine, which counts instructions when somebody wants to know. */
  run(engine: Engine): number {
    const { observer, step } = this.#host;
    if (observer.hits === undefined) {
      const why = engine.run();
      if (observer.counter !== undefined) this.#handCounts(step);
      return why;
    }
    if (step - this.#hitsFrom > HITS_LAST) this.#takeHits();
    const why = engine.runCounting();
    if (observer.counter !== undefined) this.#handCounts(step);
    return why;
  }

  /** After the engine has run: what only says how a run was watched is no part of its state. */
  end(): void {
    const { observer } = this.#host;
    this.#handRows(observer);
    if (observer.hits !== undefined) this.#takeHits();
    this.#setLog(0, 0);
  }

  /** The log is full. */
  drain(): void {
    this.#handRows(this.#host.observer);
    this.#listen();
  }

  /** Something begins at an instruction. */
  entered(kind: Entered, insn: number): void {
    const { observer } = this.#host;
    if (observer.entered !== undefined) observer.entered(kind, insn, this.#host.step);
    else if (observer.counter !== undefined) this.#entered[kind]++;
  }

  spill(address: number, count: number): void {
    this.#host.observer.hits?.(address, count);
  }

  /** Rows as long as the observer wants them, otherwise counts. */
  #listen(): void {
    const { observer } = this.#host;
    if (observer.flow !== undefined) this.#setLog(LOG_BASE, LOG_LIMIT);
    else this.#setLog(0, 0);
  }

  #setLog(next: number, end: number): void {
    const { view } = this.#host.memory;
    view.setUint32(LOG_NEXT, next, true);
    view.setUint32(LOG_END, end, true);
  }

  #handRows(observer: CompleteObserver): void {
    const { view } = this.#host.memory;
    const end = view.getUint32(LOG_NEXT, true);
    if (end > LOG_BASE) observer.flow?.({ view, start: LOG_BASE, end });
  }

  /** What was counted since a step. */
  #handCounts(step: number): void {
    const { memory, observer } = this.#host;
    const { view } = memory;
    const add = (what: Counted, count: number): void => {
      if (count > 0) observer.counter?.add(step, what, count);
    };
    add('call', view.getUint32(FLOW_COUNTS, true));
    add('return', view.getUint32(FLOW_COUNTS + 4, true));
    add('helper', this.helpers);
    for (const kind of ENTERED) {
      add(kind, this.#entered[kind]);
      this.#entered[kind] = 0;
    }
    observer.counter?.passed(step);
    view.setUint32(FLOW_COUNTS, 0, true);
    view.setUint32(FLOW_COUNTS + 4, 0, true);
    this.helpers = 0;
  }

  #takeHits(): void {
    const { memory, observer, step } = this.#host;
    const table = new Uint32Array(memory.bytes.buffer, HITS, HIT_SLOTS * 2);
    for (let slot = 0; slot < table.length; slot += 2) {
      if (table[slot] === 0) continue;
      observer.hits?.(table[slot]!, table[slot + 1]!);
      table[slot] = 0;
      table[slot + 1] = 0;
    }
    this.#hitsFrom = step;
  }
}
