/**
 * Red-black trees of program objects, in linear memory and with the kernel's layout: a node is parent and colour, right,
 * left, owner; a root is the top node and the leftmost one. Programs see the shape of the tree (bpf_rbtree_root, _left,
 * _right) and the order of comparisons, so the balancing is that of lib/rbtree.c: Cormen et al., with the new node red.
 */
import type { Memory } from '../memory.ts';

const PARENT = 0;
const RIGHT = 8;
const LEFT = 16;

/** Of struct bpf_rb_root. */
const TOP = 0;
const LEFTMOST = 8;

const BLACK = 1n;

export class Tree {
  readonly #memory: Memory;
  readonly #root: number;

  constructor(memory: Memory, root: number) {
    this.#memory = memory;
    this.#root = root;
  }

  get top(): number {
    return this.#get(this.#root + TOP);
  }

  get leftmost(): number {
    return this.#get(this.#root + LEFTMOST);
  }

  left(node: number): number {
    return this.#get(node + LEFT);
  }

  right(node: number): number {
    return this.#get(node + RIGHT);
  }

  /** Links a new node below a parent (0: as the top) and restores the balance. */
  insert(node: number, parent: number, asLeft: boolean, isLeftmost: boolean): void {
    this.#setParent(node, parent, false);
    this.#set(node + LEFT, 0);
    this.#set(node + RIGHT, 0);
    if (parent === 0) this.#set(this.#root + TOP, node);
    else this.#set(parent + (asLeft ? LEFT : RIGHT), node);
    if (isLeftmost) this.#set(this.#root + LEFTMOST, node);
    this.#balanceInsert(node);
  }

  /** Takes a node out of the tree. */
  erase(node: number): void {
    if (this.leftmost === node) this.#set(this.#root + LEFTMOST, this.#successor(node));
    const left = this.left(node);
    const right = this.right(node);
    let child: number;
    let parent: number;
    let removedBlack: boolean;
    if (left === 0 || right === 0) {
      child = left === 0 ? right : left;
      parent = this.#parent(node);
      removedBlack = this.#isBlack(node);
      this.#replace(node, child, parent);
      if (child !== 0) this.#setParent(child, parent, this.#isBlack(child));
    } else {
      let successor = right;
      while (this.left(successor) !== 0) successor = this.left(successor);
      child = this.right(successor);
      removedBlack = this.#isBlack(successor);
      if (successor === right) parent = successor;
      else {
        parent = this.#parent(successor);
        this.#set(parent + LEFT, child);
        if (child !== 0) this.#setParent(child, parent, this.#isBlack(child));
        this.#set(successor + RIGHT, right);
        this.#setParent(right, successor, this.#isBlack(right));
      }
      this.#set(successor + LEFT, left);
      this.#setParent(left, successor, this.#isBlack(left));
      this.#replace(node, successor, this.#parent(node));
      this.#setParent(successor, this.#parent(node), this.#isBlack(node));
    }
    if (removedBlack) this.#balanceErase(child, parent);
    this.#set(node + LEFT, 0);
    this.#set(node + RIGHT, 0);
  }

  #balanceInsert(start: number): void {
    let node = start;
    for (;;) {
      let parent = this.#parent(node);
      if (parent === 0) {
        this.#setParent(node, 0, true);
        return;
      }
      if (this.#isBlack(parent)) return;
      const grandparent = this.#parent(parent);
      const parentIsLeft = this.left(grandparent) === parent;
      const uncle = parentIsLeft ? this.right(grandparent) : this.left(grandparent);
      if (uncle !== 0 && !this.#isBlack(uncle)) {
        this.#setParent(uncle, grandparent, true);
        this.#setParent(parent, grandparent, true);
        this.#setParent(grandparent, this.#parent(grandparent), false);
        node = grandparent;
        continue;
      }
      const inner = parentIsLeft ? this.right(parent) : this.left(parent);
      if (inner === node) {
        this.#rotate(parent, parentIsLeft);
        parent = node;
      }
      this.#setParent(parent, this.#parent(parent), true);
      this.#setParent(grandparent, this.#parent(grandparent), false);
      this.#rotate(grandparent, !parentIsLeft);
      return;
    }
  }

  #balanceErase(start: number, startParent: number): void {
    let node = start;
    let parent = startParent;
    while (parent !== 0 && (node === 0 || this.#isBlack(node))) {
      const isLeft = this.left(parent) === node;
      let sibling = isLeft ? this.right(parent) : this.left(parent);
      if (!this.#isBlack(sibling)) {
        this.#setParent(sibling, this.#parent(sibling), true);
        this.#setParent(parent, this.#parent(parent), false);
        this.#rotate(parent, isLeft);
        sibling = isLeft ? this.right(parent) : this.left(parent);
      }
      const near = isLeft ? this.left(sibling) : this.right(sibling);
      const far = isLeft ? this.right(sibling) : this.left(sibling);
      if (this.#blackOrNone(near) && this.#blackOrNone(far)) {
        this.#setParent(sibling, parent, false);
        node = parent;
        parent = this.#parent(node);
        continue;
      }
      if (this.#blackOrNone(far)) {
        this.#setParent(near, this.#parent(near), true);
        this.#setParent(sibling, this.#parent(sibling), false);
        this.#rotate(sibling, !isLeft);
        sibling = isLeft ? this.right(parent) : this.left(parent);
      }
      this.#setParent(sibling, this.#parent(sibling), this.#isBlack(parent));
      this.#setParent(parent, this.#parent(parent), true);
      const outer = isLeft ? this.right(sibling) : this.left(sibling);
      this.#setParent(outer, this.#parent(outer), true);
      this.#rotate(parent, isLeft);
      return;
    }
    if (node !== 0) this.#setParent(node, this.#parent(node), true);
  }

  /** Turns a node down to the left (or right); its child on the other side takes its place. */
  #rotate(node: number, toLeft: boolean): void {
    const down = toLeft ? LEFT : RIGHT;
    const up = toLeft ? RIGHT : LEFT;
    const child = this.#get(node + up);
    const parent = this.#parent(node);
    const middle = this.#get(child + down);
    this.#set(node + up, middle);
    if (middle !== 0) this.#setParent(middle, node, this.#isBlack(middle));
    this.#replace(node, child, parent);
    this.#setParent(child, parent, this.#isBlack(child));
    this.#set(child + down, node);
    this.#setParent(node, child, this.#isBlack(node));
  }

  #replace(old: number, by: number, parent: number): void {
    if (parent === 0) this.#set(this.#root + TOP, by);
    else this.#set(parent + (this.left(parent) === old ? LEFT : RIGHT), by);
  }

  #successor(node: number): number {
    let next = this.right(node);
    if (next !== 0) {
      while (this.left(next) !== 0) next = this.left(next);
      return next;
    }
    let child = node;
    next = this.#parent(child);
    while (next !== 0 && this.right(next) === child) {
      child = next;
      next = this.#parent(child);
    }
    return next;
  }

  #blackOrNone(node: number): boolean {
    return node === 0 || this.#isBlack(node);
  }

  #isBlack(node: number): boolean {
    return (this.#memory.readU64(node + PARENT) & BLACK) !== 0n;
  }

  #parent(node: number): number {
    return this.#memory.offset(this.#memory.readU64(node + PARENT) & ~3n) ?? 0;
  }

  #setParent(node: number, parent: number, black: boolean): void {
    const pointer = parent === 0 ? 0n : this.#memory.pointer(parent);
    this.#memory.writeU64(node + PARENT, black ? pointer | BLACK : pointer);
  }

  #get(at: number): number {
    return this.#memory.offset(this.#memory.readU64(at)) ?? 0;
  }

  #set(at: number, node: number): void {
    this.#memory.writeU64(at, node === 0 ? 0n : this.#memory.pointer(node));
  }
}
