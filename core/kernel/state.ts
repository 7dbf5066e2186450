/** Small tables of the kernel that live beside linear memory, and how they are captured: once per change, not once per checkpoint. */

export type StateMapCheckpoint<K, V> = readonly (readonly [K, V])[];

/** A Map whose values are never changed in place, so that a checkpoint is a list of its entries, made again only after a change. */
export class StateMap<K, V> {
  #entries = new Map<K, V>();
  #checkpoint: StateMapCheckpoint<K, V> | undefined;

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
    this.#entries.set(key, value);
    this.#checkpoint = undefined;
  }

  delete(key: K): boolean {
    const existed = this.#entries.delete(key);
    if (existed) this.#checkpoint = undefined;
    return existed;
  }

  clear(): void {
    this.#entries.clear();
    this.#checkpoint = undefined;
  }

  /** In the order of insertion. */
  values(): IterableIterator<V> {
    return this.#entries.values();
  }

  entries(): IterableIterator<[K, V]> {
    return this.#entries.entries();
  }

  checkpoint(): StateMapCheckpoint<K, V> {
    this.#checkpoint ??= [...this.#entries];
    return this.#checkpoint;
  }

  restore(checkpoint: StateMapCheckpoint<K, V>): void {
    this.#entries = new Map(checkpoint);
    this.#checkpoint = checkpoint;
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
