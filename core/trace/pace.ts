/** How long instructions take: a program of arithmetic and one that calls the kernel all the time are a thousand times apart. */

/** Of cheap instructions, until it is known better. */
const CHEAP = 2e-6;
/** In fewer steps nothing is measured but the clock. */
const ENOUGH = 4096;
/** How much the newest measurement counts. */
const NEWEST = 0.3;

export class Pace {
  #msPerStep = CHEAP;
  #lately = { ms: 0, steps: 0 };

  /** So many instructions have taken so long. */
  add(ms: number, steps: number): void {
    this.#lately.ms += ms;
    this.#lately.steps += steps;
    if (steps >= ENOUGH) this.#msPerStep += (ms / steps - this.#msPerStep) * NEWEST;
  }

  /** Milliseconds for an instruction, of those that ran last. */
  get msPerStep(): number {
    return this.#msPerStep;
  }

  /** The same of all since this was last asked; 0 when there were none. */
  takeAverage(): number {
    const { ms, steps } = this.#lately;
    this.#lately = { ms: 0, steps: 0 };
    return steps === 0 ? 0 : ms / steps;
  }
}
