/**
 * What a checkpoint of linear memory is: a tree of pages, each with its shadow bytes, of which two checkpoints share all
 * that did not change between them.
 *
 * The engine and everybody else who writes set one byte per page in the dirty map. Taking a checkpoint copies the dirty
 * pages only; going back to one copies the pages that are dirty now, and those in which it differs from the checkpoint
 * that memory was last equal to. A page that is absent was never touched: all zero.
 *
 * Where nobody goes back, memory is hashed as it lies: pages that were written since the last time, nothing copied.
 */
import {
  DIRTY,
  PAGE_SHIFT,
  PAGE_SIZE,
  REGS,
  SHADOW,
  STACK_BASE,
  ADDRESS_LIMIT,
  LOG_BASE,
  MARK_HASHED,
  MARK_WRITTEN,
  PAGE_HASH,
  SPANS,
  SHADOW_FULL,
} from './engine/layout.ts';

const SHADOW_SIZE = PAGE_SIZE >> 3;
const PAGE_RECORD = PAGE_SIZE + SHADOW_SIZE;
const PAGES = ADDRESS_LIMIT >> PAGE_SHIFT;
/** Pages per node of the tree. */
const NODE = 128;
const NODES = PAGES / NODE;
/** From so many pages on that are copied at once, so many share a buffer. */
const MANY = 512;
const SLAB = 16;

/** The marks of four pages, as one word. */
const FOUR_WRITTEN = MARK_WRITTEN * 0x01010101;

/** A page's bytes, then its shadow bytes. */
type Page = Uint8Array;
type Node = readonly (Page | undefined)[];

/** A tree of pages: nodes and pages are shared between checkpoints, and never written once they stand in one. */
export interface PageTree {
  readonly nodes: readonly (Node | undefined)[];
}

/** Hashes pages where they lie into PAGE_HASH of the same memory: the engine does. */
export interface PageHasher {
  hashPage(page: number): void;
  /** Those that lie side by side. */
  hashFourPages(first: number): void;
}

const EMPTY: PageTree = { nodes: new Array<Node | undefined>(NODES).fill(undefined) };

/** Large allocations are mostly pages that exist and were never written: one copy stands for all of them. */
const UNWRITTEN_PAGE = (() => {
  const page = new Uint8Array(PAGE_RECORD);
  page.fill(SHADOW_FULL, PAGE_SIZE);
  return page;
})();
const UNWRITTEN_SHADOW = new Uint32Array(UNWRITTEN_PAGE.buffer)[PAGE_SIZE / 4];

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
  /** What memory was equal to when the dirty map was last cleared. */
  #base: PageTree = EMPTY;
  #copied = 0;
  #isMany = false;
  #slab = new ArrayBuffer(0);
  #slabLeft = 0;
  #hashes: PageHashes | undefined;

  /** Bytes that checkpoints have copied so far: what they cost. */
  get copiedBytes(): number {
    return this.#copied;
  }

  capture(bytes: Uint8Array): PageTree {
    const nodes = [...this.#base.nodes];
    const fresh = new Set<number>();
    this.#isMany = this.dirtyBytes(bytes) >= MANY * PAGE_RECORD;
    this.#eachDirty(bytes, (page, mark) => {
      const index = Math.floor(page / NODE);
      let node: (Page | undefined)[];
      if (fresh.has(index)) node = nodes[index] as (Page | undefined)[];
      else {
        node = nodes[index] === undefined ? new Array<Page | undefined>(NODE).fill(undefined) : [...nodes[index]];
        nodes[index] = node;
        fresh.add(index);
      }
      node[page % NODE] = this.#copy(bytes, page, (mark & MARK_WRITTEN) === 0 && this.#wasUnwritten(page));
    });
    this.#base = { nodes };
    // A checkpoint keeps nothing of another's buffer.
    this.#slabLeft = 0;
    return this.#base;
  }

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

  /** The hash of memory as it is: what {@link pageTreeHash} says of a checkpoint of it. */
  hash(bytes: Uint8Array, hasher: PageHasher): string {
    const isFirst = this.#hashes === undefined;
    const hashes = (this.#hashes ??= new PageHashes());
    const result = new Uint32Array(bytes.buffer, PAGE_HASH, 8);
    if (isFirst) eachPage(this.#base, (page, record) => hashes.set(page, ...hashOf(record)));
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
          hashes.set(page, ...hashOf(UNWRITTEN_PAGE));
          continue;
        }
        hasher.hashPage(page);
        hashes.set(page, result[0]!, result[1]!);
      }
    });
    return hashes.all();
  }

  /** Whether a page had nothing but zeros when memory was last equal to a checkpoint. */
  #wasUnwritten(page: number): boolean {
    const record = pageOf(this.#base, page);
    return record === undefined || record === UNWRITTEN_PAGE;
  }

  restore(bytes: Uint8Array, tree: PageTree): void {
    this.#hashes = undefined;
    this.#eachDirty(bytes, (page) => this.#put(bytes, page, pageOf(tree, page)));
    if (tree !== this.#base) {
      for (let n = 0; n < NODES; n++) {
        const from = this.#base.nodes[n];
        const to = tree.nodes[n];
        if (from === to) continue;
        for (let i = 0; i < NODE; i++) {
          if (from?.[i] !== to?.[i]) this.#put(bytes, n * NODE + i, to?.[i]);
        }
      }
    }
    this.#base = tree;
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

  #copy(bytes: Uint8Array, page: number, isZero: boolean): Page {
    const offset = page << PAGE_SHIFT;
    if (offset >= STACK_BASE && isUnwrittenShadow(bytes, page) && (isZero || isAllZero(bytes, offset))) {
      return UNWRITTEN_PAGE;
    }
    const record = this.#newRecord();
    record.set(bytes.subarray(offset, offset + PAGE_SIZE));
    record.set(bytes.subarray(SHADOW + (offset >> 3), SHADOW + (offset >> 3) + SHADOW_SIZE), PAGE_SIZE);
    this.#copied += PAGE_RECORD;
    return record;
  }

  /** Of many pages that are copied at once, some share a buffer: thousands of small ones are slow to make and to let go. */
  #newRecord(): Page {
    if (!this.#isMany) return new Uint8Array(PAGE_RECORD);
    if (this.#slabLeft === 0) {
      this.#slab = new ArrayBuffer(SLAB * PAGE_RECORD);
      this.#slabLeft = SLAB;
    }
    return new Uint8Array(this.#slab, --this.#slabLeft * PAGE_RECORD, PAGE_RECORD);
  }

  #put(bytes: Uint8Array, page: number, record: Page | undefined): void {
    const offset = page << PAGE_SHIFT;
    if (offset >= bytes.length) return;
    const shadow = SHADOW + (offset >> 3);
    if (record === undefined) {
      bytes.fill(0, offset, offset + PAGE_SIZE);
      bytes.fill(0, shadow, shadow + SHADOW_SIZE);
    } else {
      bytes.set(record.subarray(0, PAGE_SIZE), offset);
      bytes.set(record.subarray(PAGE_SIZE), shadow);
    }
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
  const shadow = new Uint32Array(bytes.buffer, SHADOW + page * SHADOW_SIZE, SHADOW_SIZE / 4);
  for (let i = 0; i < shadow.length; i++) if (shadow[i] !== UNWRITTEN_SHADOW) return false;
  return true;
}

function isAllZero(bytes: Uint8Array, offset: number): boolean {
  const data = new Uint32Array(bytes.buffer, offset, PAGE_SIZE / 4);
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) return false;
  return true;
}

function pageOf(tree: PageTree, page: number): Page | undefined {
  return tree.nodes[Math.floor(page / NODE)]?.[page % NODE];
}

/** Bytes of the pages in which a checkpoint differs from another (or from empty memory): what keeping it costs. */
export function pageTreeBytes(tree: PageTree, other: PageTree = EMPTY): number {
  let sum = 0;
  for (let n = 0; n < NODES; n++) {
    const node = tree.nodes[n];
    if (node === undefined || node === other.nodes[n]) continue;
    for (let i = 0; i < NODE; i++) {
      const page = node[i];
      if (page !== undefined && page !== UNWRITTEN_PAGE && page !== other.nodes[n]?.[i]) sum += page.length;
    }
  }
  return sum;
}

/** Calls back for each page that a checkpoint holds, in order: what a hash or a file is made from. */
export function eachPage(tree: PageTree, visit: (page: number, record: Uint8Array) => void): void {
  for (let n = 0; n < NODES; n++) {
    tree.nodes[n]?.forEach((record, i) => {
      if (record !== undefined) visit(n * NODE + i, record);
    });
  }
}

const hashes = new WeakMap<Page, readonly [number, number]>();

/**
 * A hash of all that a checkpoint holds, as hexadecimal text: two runs are in the same state if it is the same. Pages that
 * two checkpoints share are hashed once.
 */
export function pageTreeHash(tree: PageTree): string {
  const sum = new HashSum();
  eachPage(tree, (page, record) => sum.add(page, ...hashOf(record)));
  return sum.text;
}

/** Puts the hashes of pages together, in their order. */
class HashSum {
  #high = 0x9e3779b9;
  #low = 0x85ebca6b;

  add(page: number, a: number, b: number): void {
    // A page that was written and is zero again is as good as one that was never there.
    if (a === 0 && b === 0) return;
    this.#high = Math.imul(this.#high ^ a, 0x01000193) ^ page;
    this.#low = Math.imul(this.#low ^ b, 0x85ebca77) + this.#high;
  }

  get text(): string {
    return hex(this.#high) + hex(this.#low);
  }
}

/** The hash of each page of memory as it was when it was last hashed. */
class PageHashes {
  readonly #halves = new Uint32Array(2 * PAGES);
  /** Pages of a node that have one: most nodes have none. */
  readonly #used = new Uint8Array(NODES);

  set(page: number, a: number, b: number): void {
    this.#halves[2 * page] = a;
    this.#halves[2 * page + 1] = b;
    this.#used[Math.floor(page / NODE)] = 1;
  }

  all(): string {
    const sum = new HashSum();
    for (let n = 0; n < NODES; n++) {
      if (this.#used[n] === 0) continue;
      for (let page = n * NODE; page < (n + 1) * NODE; page++) {
        sum.add(page, this.#halves[2 * page]!, this.#halves[2 * page + 1]!);
      }
    }
    return sum.text;
  }
}

function hashOf(record: Page): readonly [number, number] {
  let hash = hashes.get(record);
  if (hash === undefined) {
    hash = computeHash(new Uint32Array(record.buffer, record.byteOffset, record.length >> 2));
    hashes.set(record, hash);
  }
  return hash;
}

/** [0, 0] for a page that is all zero. */
function computeHash(words: Uint32Array): readonly [number, number] {
  let a = 0;
  let b = 0;
  let any = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    any |= word;
    a = Math.imul(a ^ word, 0x9e3779b1);
    a ^= a >>> 15;
    b = Math.imul(b + word + i, 0x85ebca77);
    b ^= b >>> 13;
  }
  return any === 0 ? [0, 0] : [a, b | 1];
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
