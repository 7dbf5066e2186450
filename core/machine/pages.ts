/**
 * Takes checkpoints of linear memory, and goes back to them (page-tree.ts says what one is).
 *
 * The engine and everybody else who writes set one byte per page in the dirty map. Taking a checkpoint copies the dirty
 * pages only; going back to one copies the pages that are dirty now, and those in which it differs from the checkpoint
 * that memory was last equal to.
 *
 * One moment can be set aside instead (set-aside.ts): memory is then equal to a checkpoint with these pages on top of it.
 *
 * Where nobody goes back, memory is hashed as it lies: pages that were written since the last time, nothing copied.
 */
import { BailoutError } from '../errors.ts';
import {
  DIRTY,
  LOG_BASE,
  MARK_HASHED,
  MARK_WRITTEN,
  PAGE_HASH,
  PAGE_SHIFT,
  PAGE_SIZE,
  REGS,
  SPANS,
  STACK_BASE,
} from './engine/layout.ts';
import type { Node, PageCopy, PageTree } from './page-tree.ts';
import {
  EMPTY_TREE,
  NODE,
  PAGES,
  PAGE_RECORD,
  PageHashes,
  SHADOW_SIZE,
  UNWRITTEN_PAGE,
  bytesOfCopy,
  eachDifference,
  eachPage,
  hashOfCopy,
  pageOf,
  shadowAddress,
  shadowOfCopy,
  shadowStart,
} from './page-tree.ts';
import { SetAsideMoment, SetAsidePages } from './set-aside.ts';

/** From so many pages on that are copied at once, so many share a buffer. */
const MANY = 512;
const SLAB = 16;

/** The marks of four pages, as one word. */
const FOUR_WRITTEN = MARK_WRITTEN * 0x01010101;
const UNWRITTEN_SHADOW = new Uint32Array(shadowOfCopy(UNWRITTEN_PAGE).slice().buffer)[0];

/** Hashes pages where they lie into PAGE_HASH of the same memory: the engine does. */
export interface PageHasher {
  hashPage(page: number): void;
  /** Those that lie side by side. */
  hashFourPages(first: number): void;
}

/**
 * The regions that checkpoints hold, as pages. They leave out the dirty map itself, what only observers read, and the shadow bytes,
 * which go with their pages and are most of a small memory.
 */
const CAPTURED = [
  { first: REGS >> PAGE_SHIFT, end: DIRTY >> PAGE_SHIFT },
  { first: SPANS >> PAGE_SHIFT, end: LOG_BASE >> PAGE_SHIFT },
  { first: STACK_BASE >> PAGE_SHIFT, end: PAGES },
];

export class Pages {
  /** What memory was equal to when the dirty map was last cleared; with the pages that are set aside on top, if memory stands on them. */
  #base: PageTree = EMPTY_TREE;
  readonly #aside = new SetAsidePages();
  #asideMoment: SetAsideMoment | undefined;
  #standsOnAside = false;
  #copied = 0;
  #slab = new Uint8Array(0);
  #slabCapacity = 1;
  #slabUsed = 1;
  #hashes: PageHashes | undefined;

  /** Bytes that checkpoints have copied so far: what they cost. */
  get copiedBytes(): number {
    return this.#copied;
  }

  capture(bytes: Uint8Array): PageTree {
    this.#leaveAside(bytes);
    const nodes = [...this.#base.nodes];
    const fresh = new Set<number>();
    const dirty = this.dirtyBytes(bytes) / PAGE_RECORD;
    this.#slabCapacity = dirty >= MANY ? SLAB : 1;
    // A checkpoint keeps nothing of another's buffer.
    this.#slabUsed = Infinity;
    this.#eachDirty(bytes, (page, mark) => {
      const index = Math.floor(page / NODE);
      let node: (PageCopy | undefined)[];
      if (fresh.has(index)) node = nodes[index] as (PageCopy | undefined)[];
      else {
        node = nodes[index] === undefined ? new Array<PageCopy | undefined>(NODE).fill(undefined) : [...nodes[index]];
        nodes[index] = node as Node;
        fresh.add(index);
      }
      const copy = this.#copy(bytes, page, (mark & MARK_WRITTEN) === 0 && this.#wasUnwritten(page));
      node[page % NODE] = copy;
      // With its mark goes what says that its hash is an old one.
      if ((mark & MARK_HASHED) === 0) this.#hashes?.set(page, ...hashOfCopy(copy));
    });
    this.#base = { nodes };
    return this.#base;
  }

  restore(bytes: Uint8Array, tree: PageTree): void {
    this.#hashes = undefined;
    this.#leaveAside(bytes);
    const back = new PutBack(bytes);
    this.#eachDirty(bytes, (page) => back.put(page, pageOf(tree, page)));
    eachDifference(tree, this.#base, (page, copy) => back.put(page, copy));
    back.flush();
    this.#base = tree;
  }

  // ---- one moment, set aside --------------------------------------------------------------------------------------------

  /** As a checkpoint, but that the next moment that is set aside takes its place. */
  setAside(bytes: Uint8Array): SetAsideMoment {
    if (!this.#standsOnAside) this.#aside.clear();
    const pages: number[] = [];
    this.#eachDirty(bytes, (page) => pages.push(page));
    this.#aside.take(bytes, pages);
    this.#standsOnAside = true;
    this.#asideMoment = new SetAsideMoment(this.#base);
    return this.#asideMoment;
  }

  restoreAside(bytes: Uint8Array, moment: SetAsideMoment): void {
    if (moment !== this.#asideMoment)
      throw new BailoutError('MACHINE_INTERNAL', 'Another moment was set aside in the place of this one.');
    this.#hashes = undefined;
    const back = new PutBack(bytes);
    const aside: number[] = [];
    const put = (page: number, copy: PageCopy | undefined): void => {
      if (this.#aside.has(page)) aside.push(page);
      else back.put(page, copy);
    };
    this.#eachDirty(bytes, (page) => put(page, pageOf(moment.base, page)));
    if (!this.#standsOnAside) {
      eachDifference(moment.base, this.#base, put);
      this.#aside.putAll(bytes);
    } else this.#aside.put(bytes, aside);
    back.flush();
    this.#base = moment.base;
    this.#standsOnAside = true;
  }

  /** From here on memory is compared with the checkpoint alone. */
  #leaveAside(bytes: Uint8Array): void {
    if (!this.#standsOnAside) return;
    this.#standsOnAside = false;
    this.#aside.each((page) => (bytes[DIRTY + page] = MARK_WRITTEN));
  }

  // ---- marks ------------------------------------------------------------------------------------------------------------

  /** Bytes that the next checkpoint would copy, at the most. */
  dirtyBytes(bytes: Uint8Array): number {
    return this.#count(bytes, () => true) * PAGE_RECORD;
  }

  /** Bytes that the next hash would look at, at the most. */
  unhashedBytes(bytes: Uint8Array): number {
    return this.#count(bytes, (mark) => (mark & MARK_HASHED) === 0) * PAGE_RECORD;
  }

  #count(bytes: Uint8Array, counts: (mark: number) => boolean): number {
    let pages = 0;
    eachMarked(bytes, (first, end) => {
      for (let page = first; page < end; page++) {
        const mark = bytes[DIRTY + page]!;
        if (mark !== 0 && counts(mark)) pages++;
      }
    });
    return pages;
  }

  /** Calls back for each page that was written since the last time, and takes its mark away. */
  #eachDirty(bytes: Uint8Array, visit: (page: number, mark: number) => void): void {
    eachMarked(bytes, (first, end) => {
      for (let page = first; page < end; page++) {
        const mark = bytes[DIRTY + page]!;
        if (mark === 0) continue;
        bytes[DIRTY + page] = 0;
        visit(page, mark);
      }
    });
  }

  // ---- hashes -----------------------------------------------------------------------------------------------------------

  /** The hash of memory as it is: what `pageTreeHash` says of a checkpoint of it. */
  hash(bytes: Uint8Array, hasher: PageHasher): string {
    this.#leaveAside(bytes);
    const isFirst = this.#hashes === undefined;
    const hashes = (this.#hashes ??= new PageHashes());
    const result = new Uint32Array(bytes.buffer, PAGE_HASH, 8);
    if (isFirst) eachPage(this.#base, (page, copy) => hashes.set(page, ...hashOfCopy(copy)));
    eachMarked(bytes, (first, end, marks) => {
      if (marks === FOUR_WRITTEN && end - first === 4) {
        bytes.fill(MARK_WRITTEN | MARK_HASHED, DIRTY + first, DIRTY + end);
        hasher.hashFourPages(first);
        for (let i = 0; i < 4; i++) hashes.set(first + i, result[2 * i]!, result[2 * i + 1]!);
        return;
      }
      for (let page = first; page < end; page++) {
        const mark = bytes[DIRTY + page]!;
        if (mark === 0 || ((mark & MARK_HASHED) !== 0 && !isFirst)) continue;
        bytes[DIRTY + page] = mark | MARK_HASHED;
        if ((mark & MARK_WRITTEN) === 0 && this.#wasUnwritten(page) && isUnwrittenShadow(bytes, page)) {
          hashes.set(page, ...hashOfCopy(UNWRITTEN_PAGE));
          continue;
        }
        hasher.hashPage(page);
        hashes.set(page, result[0]!, result[1]!);
      }
    });
    return hashes.all();
  }

  // ---- copies -----------------------------------------------------------------------------------------------------------

  /** Whether a page had nothing but zeros when memory was last equal to a checkpoint. */
  #wasUnwritten(page: number): boolean {
    const copy = pageOf(this.#base, page);
    return copy === undefined || copy === UNWRITTEN_PAGE;
  }

  #copy(bytes: Uint8Array, page: number, isZero: boolean): PageCopy {
    const offset = page << PAGE_SHIFT;
    if (offset >= STACK_BASE && isUnwrittenShadow(bytes, page) && (isZero || isAllZero(bytes, offset))) {
      return UNWRITTEN_PAGE;
    }
    const copy = this.#newCopy();
    const shadow = shadowAddress(page);
    copy.slab.set(bytes.subarray(offset, offset + PAGE_SIZE), copy.index * PAGE_SIZE);
    copy.slab.set(bytes.subarray(shadow, shadow + SHADOW_SIZE), shadowStart(copy));
    this.#copied += PAGE_RECORD;
    return copy;
  }

  /** Of many pages that are copied at once, some share a buffer: thousands of small ones are slow to make and to let go. */
  #newCopy(): PageCopy {
    if (this.#slabUsed >= this.#slabCapacity) {
      this.#slab = new Uint8Array(this.#slabCapacity * PAGE_RECORD);
      this.#slabUsed = 0;
    }
    return { slab: this.#slab, capacity: this.#slabCapacity, index: this.#slabUsed++ };
  }
}

/** Writes copies of pages back into memory; those that lie side by side in both at once. */
class PutBack {
  readonly #bytes: Uint8Array;
  /** Pages that are still to be written: from one on, as many as lie side by side. */
  #first = 0;
  #copy: PageCopy | undefined;
  #length = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  put(page: number, copy: PageCopy | undefined): void {
    const before = this.#copy;
    if (
      before !== undefined &&
      copy?.slab === before.slab &&
      copy.index === before.index + this.#length &&
      page === this.#first + this.#length
    ) {
      this.#length++;
      return;
    }
    this.flush();
    if (copy === undefined) this.#clear(page);
    else {
      this.#first = page;
      this.#copy = copy;
      this.#length = 1;
    }
  }

  flush(): void {
    const copy = this.#copy;
    if (copy === undefined) return;
    this.#bytes.set(bytesOfCopy(copy, this.#length), this.#first << PAGE_SHIFT);
    this.#bytes.set(shadowOfCopy(copy, this.#length), shadowAddress(this.#first));
    this.#copy = undefined;
  }

  #clear(page: number): void {
    const offset = page << PAGE_SHIFT;
    if (offset >= this.#bytes.length) return;
    const shadow = shadowAddress(page);
    this.#bytes.fill(0, offset, offset + PAGE_SIZE);
    this.#bytes.fill(0, shadow, shadow + SHADOW_SIZE);
  }
}

/** Calls back for the fours of pages that have marks, with these as one word: most of memory stands still between two checkpoints. */
function eachMarked(bytes: Uint8Array, visit: (first: number, end: number, marks: number) => void): void {
  const pages = Math.min(PAGES, bytes.length >> PAGE_SHIFT);
  const words = new Uint32Array(bytes.buffer, DIRTY, PAGES / 4);
  for (const { first, end } of CAPTURED) {
    const last = Math.min(end, pages);
    for (let w = first >> 2; w * 4 < last; w++) {
      const marks = words[w]!;
      if (marks !== 0) visit(Math.max(w * 4, first), Math.min(w * 4 + 4, last), marks);
    }
  }
}

function isUnwrittenShadow(bytes: Uint8Array, page: number): boolean {
  const shadow = new Uint32Array(bytes.buffer, shadowAddress(page), SHADOW_SIZE / 4);
  for (let i = 0; i < shadow.length; i++) if (shadow[i] !== UNWRITTEN_SHADOW) return false;
  return true;
}

function isAllZero(bytes: Uint8Array, offset: number): boolean {
  const data = new Uint32Array(bytes.buffer, offset, PAGE_SIZE / 4);
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) return false;
  return true;
}
