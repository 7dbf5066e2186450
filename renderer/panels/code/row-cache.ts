/** Rows of a program, fetched by pages as they come into sight. Of a program of any length only a few pages are kept. */
import type { CodeRow } from '../../../core/protocol/code.ts';

/** Rows of a page; pages that are kept. */
export const PAGE = 256;
const KEPT = 48;

export class RowCache {
  readonly #fetch: (from: number, to: number) => Promise<readonly CodeRow[] | undefined>;
  readonly #changed: () => void;
  /** In the order of use: the first is dropped first. */
  readonly #pages = new Map<number, readonly CodeRow[]>();
  readonly #pending = new Map<number, Promise<void>>();
  readonly #rowOfInsn = new Map<number, number>();
  #longest = 0;

  /** `changed` is called when rows have arrived. */
  constructor(
    fetch: (from: number, to: number) => Promise<readonly CodeRow[] | undefined>,
    changed: () => void = () => undefined,
  ) {
    this.#fetch = fetch;
    this.#changed = changed;
  }

  /** Characters of the longest line seen so far. */
  get longest(): number {
    return this.#longest;
  }

  /** Undefined while it is being fetched. */
  at(row: number): CodeRow | undefined {
    return this.#pages.get(Math.floor(row / PAGE))?.[row % PAGE];
  }

  /** The row of an instruction, where that has been seen. */
  rowOf(insn: number): number | undefined {
    return this.#rowOfInsn.get(insn);
  }

  /** Rows `first` up to `end` are in sight. Settles when all of them are there. */
  async want(first: number, end: number): Promise<void> {
    const loading: Promise<void>[] = [];
    for (let page = Math.floor(first / PAGE); page * PAGE < end; page++) {
      const rows = this.#pages.get(page);
      if (rows === undefined) loading.push(this.#load(page));
      else {
        this.#pages.delete(page);
        this.#pages.set(page, rows);
      }
    }
    await Promise.all(loading);
  }

  #load(page: number): Promise<void> {
    let pending = this.#pending.get(page);
    if (pending === undefined) {
      pending = this.#fetch(page * PAGE, (page + 1) * PAGE)
        .then((rows) => {
          if (rows === undefined) return;
          this.#keep(page, rows);
          this.#changed();
        })
        .finally(() => this.#pending.delete(page));
      this.#pending.set(page, pending);
    }
    return pending;
  }

  #keep(page: number, rows: readonly CodeRow[]): void {
    this.#pages.set(page, rows);
    for (const [i, row] of rows.entries()) {
      if (row.kind === 'insn') this.#rowOfInsn.set(row.insn, page * PAGE + i);
      if (row.kind !== 'function') this.#longest = Math.max(this.#longest, row.text.length);
    }
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= KEPT) break;
      for (const row of this.#pages.get(oldest) ?? []) if (row.kind === 'insn') this.#rowOfInsn.delete(row.insn);
      this.#pages.delete(oldest);
    }
  }
}
