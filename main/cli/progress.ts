/** The last line of a terminal, which says how far something has come once it takes longer than one likes to wait in the dark. */

/** What is over before is not told. */
const QUIET_MS = 500;
const INTERVAL_MS = 100;
const CLEAR_LINE = '\r\x1b[K';

export class ProgressLine {
  readonly #write: (text: string) => void;
  readonly #what: string;
  readonly #began = Date.now();
  #last = 0;

  /** `write` goes to a terminal. */
  constructor(what: string, write: (text: string) => void) {
    this.#what = what;
    this.#write = write;
  }

  /** What is done, and all of it where that is known. Cheap when called often. */
  update(done: number, total: number | undefined, unit = 'instructions'): void {
    const now = Date.now();
    if (now - this.#began < QUIET_MS || now - this.#last < INTERVAL_MS) return;
    this.#last = now;
    this.#write(`${CLEAR_LINE}${progressText(this.#what, done, total, unit)}`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#last !== 0) this.#write(CLEAR_LINE);
    this.#last = 0;
  }
}

export function progressText(what: string, done: number, total: number | undefined, unit: string): string {
  const of =
    total === undefined || total <= 0
      ? ''
      : ` of ${total.toLocaleString('en')} (${Math.min(Math.floor((100 * done) / total), 100)} %)`;
  return `${what}: ${done.toLocaleString('en')} ${unit}${of} · Ctrl-C stops`;
}
