/**
 * Pages set aside: those in which memory differed from a checkpoint at one moment, in a buffer that is used again and again. A checkpoint
 * of much that changed has to find memory for it, which takes longer than the copying; whoever needs only one such moment, and not for
 * long, has it here for a third of the time.
 */
import { PAGE_SHIFT, PAGE_SIZE } from './engine/layout.ts';
import { PAGES, PAGE_RECORD, SHADOW_SIZE, shadowAddress } from './page-tree.ts';
import type { PageTree } from './page-tree.ts';

/** What stands for a moment that was set aside; good until the next one is. */
export class SetAsideMoment {
  readonly base: PageTree;

  constructor(base: PageTree) {
    this.base = base;
  }
}

export class SetAsidePages {
  /** The place of each page in the buffer, plus one; 0 for pages that are not in it. */
  readonly #places = new Int32Array(PAGES);
  #pages = new Int32Array(0);
  #count = 0;
  /** The pages' bytes, then their shadow bytes. */
  #buffer = new Uint8Array(0);

  get count(): number {
    return this.#count;
  }

  has(page: number): boolean {
    return this.#places[page] !== 0;
  }

  clear(): void {
    for (let i = 0; i < this.#count; i++) this.#places[this.#pages[i]!] = 0;
    this.#count = 0;
  }

  /** Calls back for each page. */
  each(visit: (page: number) => void): void {
    for (let i = 0; i < this.#count; i++) visit(this.#pages[i]!);
  }

  /** Copies pages as they are in memory. */
  take(bytes: Uint8Array, pages: readonly number[]): void {
    this.#reserve(this.#count + pages.length);
    for (const page of pages) {
      if (this.has(page)) continue;
      this.#pages[this.#count++] = page;
      this.#places[page] = this.#count;
    }
    this.#eachRun(pages, (page, place, length) => {
      const from = page << PAGE_SHIFT;
      this.#buffer.set(bytes.subarray(from, from + length * PAGE_SIZE), place * PAGE_SIZE);
      const shadow = shadowAddress(page);
      this.#buffer.set(bytes.subarray(shadow, shadow + length * SHADOW_SIZE), this.#shadowOf(place));
    });
  }

  /** Puts pages back into memory; those that are not here are left alone. */
  put(bytes: Uint8Array, pages: readonly number[]): void {
    this.#eachRun(pages, (page, place, length) => {
      bytes.set(this.#buffer.subarray(place * PAGE_SIZE, (place + length) * PAGE_SIZE), page << PAGE_SHIFT);
      const shadow = this.#shadowOf(place);
      bytes.set(this.#buffer.subarray(shadow, shadow + length * SHADOW_SIZE), shadowAddress(page));
    });
  }

  /** All of them. */
  putAll(bytes: Uint8Array): void {
    this.put(bytes, [...this.#pages.subarray(0, this.#count)]);
  }

  /** Pages that lie side by side in memory and here are copied at once. */
  #eachRun(pages: readonly number[], visit: (page: number, place: number, length: number) => void): void {
    for (let i = 0; i < pages.length;) {
      const page = pages[i++]!;
      const place = this.#places[page]! - 1;
      if (place < 0) continue;
      let length = 1;
      while (pages[i] === page + length && this.#places[page + length] === place + length + 1) {
        length++;
        i++;
      }
      visit(page, place, length);
    }
  }

  #shadowOf(place: number): number {
    return this.#pages.length * PAGE_SIZE + place * SHADOW_SIZE;
  }

  /** Makes room, by a quarter more than is needed. What is there stays, behind one another. */
  #reserve(count: number): void {
    if (count <= this.#pages.length) return;
    const old = { buffer: this.#buffer, shadow: this.#shadowOf(0) };
    const capacity = Math.min(count + (count >> 2), PAGES);
    const pages = new Int32Array(capacity);
    pages.set(this.#pages.subarray(0, this.#count));
    this.#pages = pages;
    this.#buffer = new Uint8Array(capacity * PAGE_RECORD);
    this.#buffer.set(old.buffer.subarray(0, this.#count * PAGE_SIZE));
    this.#buffer.set(old.buffer.subarray(old.shadow, old.shadow + this.#count * SHADOW_SIZE), this.#shadowOf(0));
  }
}
