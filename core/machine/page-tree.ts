/**
 * What a checkpoint of linear memory is: a tree of pages, each with its shadow bytes, of which two checkpoints share all that did not
 * change between them. A page that is absent was never touched: all zero.
 */
import { ADDRESS_LIMIT, PAGE_SHIFT, PAGE_SIZE, SHADOW, SHADOW_FULL } from './engine/layout.ts';

export const SHADOW_SIZE = PAGE_SIZE >> 3;
/** Bytes that a copy of a page takes. */
export const PAGE_RECORD = PAGE_SIZE + SHADOW_SIZE;
export const PAGES = ADDRESS_LIMIT >> PAGE_SHIFT;
/** Pages per node of the tree. */
export const NODE = 128;
export const NODES = PAGES / NODE;

/**
 * A copy of a page: one of those in a slab, which holds the bytes of its pages one behind the other and then their shadow bytes, so that
 * pages that lie side by side are copied at once.
 */
export interface PageCopy {
  readonly slab: Uint8Array;
  /** Pages in the slab. */
  readonly capacity: number;
  readonly index: number;
}

export type Node = readonly (PageCopy | undefined)[];

/** Nodes and pages are shared between checkpoints, and never written once they stand in one. */
export interface PageTree {
  readonly nodes: readonly (Node | undefined)[];
}

export const EMPTY_TREE: PageTree = { nodes: new Array<Node | undefined>(NODES).fill(undefined) };

/** Large allocations are mostly pages that exist and were never written: one copy stands for all of them. */
export const UNWRITTEN_PAGE: PageCopy = (() => {
  const slab = new Uint8Array(PAGE_RECORD);
  slab.fill(SHADOW_FULL, PAGE_SIZE);
  return { slab, capacity: 1, index: 0 };
})();

export function bytesOfCopy({ slab, index }: PageCopy, pages = 1): Uint8Array {
  return slab.subarray(index * PAGE_SIZE, (index + pages) * PAGE_SIZE);
}

export function shadowOfCopy(copy: PageCopy, pages = 1): Uint8Array {
  const start = shadowStart(copy);
  return copy.slab.subarray(start, start + pages * SHADOW_SIZE);
}

/** Where a copy's shadow bytes are in its slab. */
export function shadowStart({ capacity, index }: PageCopy): number {
  return capacity * PAGE_SIZE + index * SHADOW_SIZE;
}

/** Where the shadow bytes of a page lie. */
export function shadowAddress(page: number): number {
  return SHADOW + page * SHADOW_SIZE;
}

export function pageOf(tree: PageTree, page: number): PageCopy | undefined {
  return tree.nodes[Math.floor(page / NODE)]?.[page % NODE];
}

/** Bytes of the pages in which a checkpoint differs from another (or from empty memory): what keeping it costs. */
export function pageTreeBytes(tree: PageTree, other: PageTree = EMPTY_TREE): number {
  let sum = 0;
  for (let n = 0; n < NODES; n++) {
    const node = tree.nodes[n];
    if (node === undefined || node === other.nodes[n]) continue;
    for (let i = 0; i < NODE; i++) {
      const page = node[i];
      if (page !== undefined && page !== UNWRITTEN_PAGE && page !== other.nodes[n]?.[i]) sum += PAGE_RECORD;
    }
  }
  return sum;
}

/** Calls back for each page in which two checkpoints differ, with what the first holds. */
export function eachDifference(
  tree: PageTree,
  other: PageTree,
  visit: (page: number, copy: PageCopy | undefined) => void,
): void {
  for (let n = 0; n < NODES; n++) {
    const node = tree.nodes[n];
    const from = other.nodes[n];
    if (from === node) continue;
    for (let i = 0; i < NODE; i++) if (from?.[i] !== node?.[i]) visit(n * NODE + i, node?.[i]);
  }
}

/** Calls back for each page that a checkpoint holds, in order. */
export function eachPage(tree: PageTree, visit: (page: number, copy: PageCopy) => void): void {
  eachDifference(tree, EMPTY_TREE, (page, copy) => {
    if (copy !== undefined) visit(page, copy);
  });
}

// ---- hashes -----------------------------------------------------------------------------------------------------------

const hashes = new WeakMap<PageCopy, readonly [number, number]>();

/**
 * A hash of all that a checkpoint holds, as hexadecimal text: two runs are in the same state if it is the same. Pages that
 * two checkpoints share are hashed once.
 */
export function pageTreeHash(tree: PageTree): string {
  const sum = new HashSum();
  eachPage(tree, (page, copy) => sum.add(page, ...hashOfCopy(copy)));
  return sum.text;
}

export function hashOfCopy(copy: PageCopy): readonly [number, number] {
  let hash = hashes.get(copy);
  if (hash === undefined) {
    hash = computeHash([words(bytesOfCopy(copy)), words(shadowOfCopy(copy))]);
    hashes.set(copy, hash);
  }
  return hash;
}

function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}

/** [0, 0] for a page that is all zero. */
function computeHash(parts: readonly Uint32Array[]): readonly [number, number] {
  let a = 0;
  let b = 0;
  let any = 0;
  let number = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      const word = part[i]!;
      any |= word;
      a = Math.imul(a ^ word, 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul(b + word + number++, 0x85ebca77);
      b ^= b >>> 13;
    }
  }
  return any === 0 ? [0, 0] : [a, b | 1];
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
export class PageHashes {
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

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
