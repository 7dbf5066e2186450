/**
 * What is made for one run and goes with it: its packet, its context, the objects that its arguments point to. Thousands of runs would
 * fill memory otherwise.
 *
 * It stays until the next run is made ready, so that it can be looked at where the run is over, and longer while somebody still holds
 * a part of it: a program may have moved an object into a map.
 */
import type { Kernel } from '../kernel.ts';

/** Offsets of all allocations that belong together, in the order in which they were made. */
type Belonging = readonly number[];

export type BelongingsCheckpoint = readonly Belonging[];

export class Belongings {
  readonly #kernel: Kernel;
  /** Of the newest run last. */
  #all: BelongingsCheckpoint = [];
  #gathered: number[] | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.memory.observer = {
      allocated: (offset) => this.#gathered?.push(offset),
      freed: (offset) => this.#forget(offset),
    };
  }

  /** What an action allocates is one run's. */
  gather<T>(action: () => T): T {
    this.#gathered = [];
    try {
      return action();
    } finally {
      this.#all = [...this.#all, this.#gathered];
      this.#gathered = undefined;
    }
  }

  /** What an action allocates meanwhile is every run's. */
  keep<T>(action: () => T): T {
    const gathered = this.#gathered;
    this.#gathered = undefined;
    try {
      return action();
    } finally {
      this.#gathered = gathered;
    }
  }

  /** Frees what belongs to earlier runs and is held by nobody. */
  letGo(): void {
    if (this.#all.length === 0) return;
    const { world, memory } = this.#kernel;
    const held = this.#all.filter((offsets) => offsets.some((offset) => this.#isHeld(offset)));
    const free = this.#all.filter((offsets) => !held.includes(offsets)).flat();
    this.#all = held;
    for (const offset of free) if (!world.remove(offset)) memory.free(offset);
  }

  #isHeld(offset: number): boolean {
    const { world, memory, ledger } = this.#kernel;
    const object = world.at(offset);
    return object !== undefined && (object.references > 1 || ledger.knows(memory.pointer(offset)));
  }

  /** Something went before its run did: another may get its place. */
  #forget(offset: number): void {
    if (this.#gathered?.includes(offset) === true) this.#gathered = this.#gathered.filter((other) => other !== offset);
    if (!this.#all.some((offsets) => offsets.includes(offset))) return;
    this.#all = this.#all.map((offsets) => offsets.filter((other) => other !== offset));
  }

  checkpoint(): BelongingsCheckpoint {
    return this.#all;
  }

  restore(checkpoint: BelongingsCheckpoint): void {
    this.#all = checkpoint;
  }
}
