/** Rows of a long list, fetched by pages as they come into sight; of any list only a few pages are kept. */

/** Rows of a page; pages that are kept. */
export const PAGE = 128;
const KEPT = 64;

export class PagedRows<Row> {
  readonly #fetch: (from: number, count: number) => Promise<readonly Row[] | undefined>;
  readonly #changed: () => void;
  /** In the order of use: the first is dropped first. */
  #pages = new Map<number, readonly Row[]>();
  /** Pages that were there before the list changed: shown until the new ones are. */
  #old = new Map<number, readonly Row[]>();
  readonly #pending = new Set<number>();
  #generation = 0;

  /** `changed` is called when rows have arrived. */
  constructor(fetch: (from: number, count: number) => Promise<readonly Row[] | undefined>, changed: () => void) {
    this.#fetch = fetch;
    this.#changed = changed;
  }

  /** Undefined while it is being fetched. */
  at(row: number): Row | undefined {
    const page = Math.floor(row / PAGE);
    return (this.#pages.get(page) ?? this.#old.get(page))?.[row % PAGE];
  }

  /** Whether all that is in sight has arrived. */
  has(first: number, end: number): boolean {
    for (let page = Math.floor(first / PAGE); page * PAGE < end; page++) if (!this.#pages.has(page)) return false;
    return true;
  }

  /** The list is another one. With `keep` what was there is shown until the new rows arrive, so that nothing flickers. */
  renew(keep = false): void {
    this.#generation++;
    this.#old = keep ? new Map([...this.#old, ...this.#pages]) : new Map();
    this.#pages = new Map();
    this.#pending.clear();
  }

  /** Rows `first` up to `end` are in sight. */
  want(first: number, end: number): void {
    for (let page = Math.floor(first / PAGE); page * PAGE < end; page++) {
      const rows = this.#pages.get(page);
      if (rows === undefined) {
        if (!this.#pending.has(page)) void this.#load(page);
        continue;
      }
      this.#pages.delete(page);
      this.#pages.set(page, rows);
    }
  }

  async #load(page: number): Promise<void> {
    const generation = this.#generation;
    this.#pending.add(page);
    const rows = await this.#fetch(page * PAGE, PAGE);
    if (generation !== this.#generation) return;
    this.#pending.delete(page);
    if (rows === undefined) return;
    this.#pages.set(page, rows);
    this.#old.delete(page);
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= KEPT) break;
      this.#pages.delete(oldest);
    }
    this.#changed();
  }
}
