/**
 * Small tables of the kernel that live beside linear memory, and how they are captured: by what changed, not once per checkpoint. What
 * a checkpoint and going back to one costs depends on how much lies between two moments, however many entries there are.
 */

interface Change<K, V> {
  readonly key: K;
  /** undefined: there was no entry. */
  readonly before: V | undefined;
  readonly after: V | undefined;
}

/** The contents of a table at a moment: all of them, or what changed since another. Never written once it is made. */
export interface StateMapCheckpoint<K, V> {
  readonly base: StateMapCheckpoint<K, V> | undefined;
  /** Since the base; without one, all entries. */
  readonly changes: readonly Change<K, V>[];
  /** Checkpoints below it, down to one that has all entries. */
  readonly depth: number;
  /** Changes in these and in itself. */
  readonly weight: number;
}

/** So many changes are always cheaper than writing a table out. */
const LIGHT = 32;

/** A Map whose values are never changed in place. */
export class StateMap<K extends number | string | bigint, V extends object | number | string> {
  #entries = new Map<K, V>();
  /** What the entries were when the last checkpoint was taken or gone back to. */
  #base: StateMapCheckpoint<K, V> = { base: undefined, changes: [], depth: 0, weight: 0 };
  /** What the keys stood for then that were written since. */
  readonly #before = new Map<K, V | undefined>();

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  set(key: K, value: V): void {
    this.#remember(key);
    this.#entries.set(key, value);
  }

  delete(key: K): boolean {
    if (!this.#entries.has(key)) return false;
    this.#remember(key);
    return this.#entries.delete(key);
  }

  /** In the order of the keys: in which order they were written may differ where one went back in between. */
  values(): readonly V[] {
    return this.entries().map(([, value]) => value);
  }

  entries(): readonly (readonly [K, V])[] {
    return [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  checkpoint(): StateMapCheckpoint<K, V> {
    if (this.#before.size === 0) return this.#base;
    const changes: Change<K, V>[] = [];
    for (const [key, before] of this.#before) changes.push({ key, before, after: this.#entries.get(key) });
    this.#before.clear();
    const { depth, weight } = this.#base;
    if (weight + changes.length <= this.#entries.size + LIGHT) {
      this.#base = { base: this.#base, changes, depth: depth + 1, weight: weight + changes.length };
    } else {
      // As many changes were written down since all entries were: doing that again costs no more.
      const all = [...this.#entries].map(([key, after]): Change<K, V> => ({ key, before: undefined, after }));
      this.#base = { base: undefined, changes: all, depth: 0, weight: 0 };
    }
    return this.#base;
  }

  restore(checkpoint: StateMapCheckpoint<K, V>): void {
    for (const [key, before] of this.#before) this.#put(key, before);
    this.#before.clear();
    if (checkpoint === this.#base) return;
    this.#moveTo(checkpoint);
    this.#base = checkpoint;
  }

  /** From the contents of the base to another's: down to the one that both come from, and up from there. */
  #moveTo(to: StateMapCheckpoint<K, V>): void {
    const up: StateMapCheckpoint<K, V>[] = [];
    let from: StateMapCheckpoint<K, V> = this.#base;
    let target: StateMapCheckpoint<K, V> = to;
    while (from !== target) {
      if (target.base !== undefined && target.depth >= from.depth) {
        up.push(target);
        target = target.base;
      } else if (from.base !== undefined) {
        for (const { key, before } of from.changes) this.#put(key, before);
        from = from.base;
      } else {
        this.#entries.clear();
        up.push(target);
        break;
      }
    }
    for (const { changes } of up.reverse()) for (const { key, after } of changes) this.#put(key, after);
  }

  #put(key: K, value: V | undefined): void {
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, value);
  }

  #remember(key: K): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#entries.get(key));
  }
}

export type RandomState = readonly [number, number, number, number];

/** Chris Doty-Humphrey's sfc32: 128 bits of state, good statistics, and the same on every host. */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 0x1_0000_0000) | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** An unsigned 32-bit number. */
  next(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  checkpoint(): RandomState {
    return [this.#a, this.#b, this.#c, this.#counter];
  }

  restore(state: RandomState): void {
    [this.#a, this.#b, this.#c, this.#counter] = state;
  }
}
