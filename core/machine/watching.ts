/**
 * What the engine writes down for whoever watches, in regions of linear memory that no checkpoint holds: a log of calls and
 * exits, or only their number in stretches of steps, and how often instructions were executed.
 */
import type { Engine } from './engine/engine.ts';
import {
  FLOW_COUNTS,
  FLOW_SHIFT,
  FLOW_STRETCHES,
  HITS,
  HIT_SLOTS,
  LOG_BASE,
  LOG_COUNTS,
  LOG_END,
  LOG_LIMIT,
  LOG_NEXT,
} from './engine/layout.ts';
import type { LinearMemory } from './memory.ts';
import type { MachineObserver } from './observer.ts';

/** Counts in the table have 32 bits: they are taken out before one can be full. */
const HITS_LAST = 2 ** 31;

export interface WatchingHost {
  readonly memory: LinearMemory;
  readonly observer: MachineObserver;
  readonly step: number;
}

export class Watching {
  readonly #host: WatchingHost;
  /** From where on stretches may have counts. */
  #countedFrom = 0;
  /** Since when the table of hits has what it has. */
  #hitsFrom = 0;

  constructor(host: WatchingHost) {
    this.#host = host;
  }

  /** Before the engine runs. */
  begin(): void {
    const { observer, step } = this.#host;
    if (observer.flow !== undefined || observer.flowCounter !== undefined) this.#listen(step);
    this.#hitsFrom = step;
  }

  /** Enters the engine, counting instructions when somebody wants to know. */
  run(engine: Engine): number {
    const { observer, step } = this.#host;
    if (observer.hits === undefined) return engine.run();
    if (step - this.#hitsFrom > HITS_LAST) this.#takeHits();
    return engine.runCounting();
  }

  /** After the engine has run: what only says how a run was watched is no part of its state. */
  end(): void {
    this.#hand();
    if (this.#host.observer.hits !== undefined) this.#takeHits();
    this.#setLog(0, 0);
  }

  /** The engine has no room left. */
  drain(): void {
    this.#hand();
    this.#listen(this.#host.step);
  }

  spill(address: number, count: number): void {
    this.#host.observer.hits?.(address, count);
  }

  /** Rows as long as the observer wants them, otherwise counts. */
  #listen(step: number): void {
    const { observer, memory } = this.#host;
    if (observer.flow !== undefined) this.#setLog(LOG_BASE, LOG_LIMIT);
    else if (observer.flowCounter !== undefined) {
      memory.view.setUint32(FLOW_SHIFT, observer.flowCounter.shiftAt(step), true);
      this.#countedFrom = step;
      this.#setLog(0, LOG_COUNTS);
    } else this.#setLog(0, 0);
  }

  #setLog(next: number, end: number): void {
    const { view } = this.#host.memory;
    view.setUint32(LOG_NEXT, next, true);
    view.setUint32(LOG_END, end, true);
  }

  /** Hands over what the engine wrote since the last time. */
  #hand(): void {
    const { view } = this.#host.memory;
    const end = view.getUint32(LOG_NEXT, true);
    if (view.getUint32(LOG_END, true) === LOG_COUNTS) this.#handCounts();
    else if (end > LOG_BASE) this.#host.observer.flow?.({ view, start: LOG_BASE, end });
  }

  #handCounts(): void {
    const { memory, observer, step } = this.#host;
    const size = 2 ** memory.view.getUint32(FLOW_SHIFT, true);
    const counts = new Uint32Array(memory.bytes.buffer, FLOW_COUNTS, FLOW_STRETCHES * 2);
    const last = Math.min(Math.floor(step / size), FLOW_STRETCHES - 1);
    for (let i = Math.floor(this.#countedFrom / size); i <= last; i++) {
      const [calls, exits] = [counts[i * 2]!, counts[i * 2 + 1]!];
      if (calls !== 0 || exits !== 0) observer.flowCounter?.add(i * size, calls, exits);
    }
    counts.fill(0, Math.floor(this.#countedFrom / size) * 2, (last + 1) * 2);
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
