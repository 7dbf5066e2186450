import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestMemory } from '../testing/memory.ts';
import { Tree } from './rbtree.ts';

/** A tree of numbers, which lie in memory behind the node. */
class Numbers {
  readonly memory = new TestMemory();
  readonly root = this.memory.allocate(16);
  readonly tree = new Tree(this.memory, this.root);

  add(number: number): number {
    const node = this.memory.allocate(40);
    this.memory.writeU32(node + 32, number);
    let parent = 0;
    let next = this.tree.top;
    let asLeft = true;
    let leftmost = true;
    while (next !== 0) {
      parent = next;
      asLeft = number < this.value(parent);
      if (!asLeft) leftmost = false;
      next = asLeft ? this.tree.left(parent) : this.tree.right(parent);
    }
    this.tree.insert(node, parent, asLeft, leftmost);
    return node;
  }

  value(node: number): number {
    return this.memory.readU32(node + 32);
  }

  inOrder(node = this.tree.top): number[] {
    return node === 0
      ? []
      : [...this.inOrder(this.tree.left(node)), this.value(node), ...this.inOrder(this.tree.right(node))];
  }

  isBlack(node: number): boolean {
    return node === 0 || (this.memory.readU64(node) & 1n) === 1n;
  }

  /** Black nodes on each way down; throws where the tree is not red-black. */
  blackHeight(node = this.tree.top): number {
    if (node === 0) return 0;
    const left = this.tree.left(node);
    const right = this.tree.right(node);
    if (!this.isBlack(node) && !(this.isBlack(left) && this.isBlack(right)))
      throw new Error('a red node below a red one');
    for (const child of [left, right]) {
      if (child !== 0 && (this.memory.offset(this.memory.readU64(child) & ~3n) ?? 0) !== node)
        throw new Error('a child that knows another parent');
    }
    const height = this.blackHeight(left);
    if (height !== this.blackHeight(right)) throw new Error('ways with unequal numbers of black nodes');
    return height + (this.isBlack(node) ? 1 : 0);
  }
}

describe('red-black trees in memory', () => {
  it('stay sorted and balanced, whatever is added and erased', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(100), fc.boolean(), fc.nat(1000)), { maxLength: 80 }), (steps) => {
        const numbers = new Numbers();
        const nodes: number[] = [];
        for (const [number, erase, which] of steps) {
          if (erase && nodes.length > 0) {
            const [node] = nodes.splice(which % nodes.length, 1);
            numbers.tree.erase(node!);
          } else nodes.push(numbers.add(number));
          const expected = nodes.map((node) => numbers.value(node)).sort((a, b) => a - b);
          expect(numbers.inOrder()).toEqual(expected);
          expect(numbers.isBlack(numbers.tree.top)).toBe(true);
          numbers.blackHeight();
          expect(numbers.tree.leftmost === 0 ? undefined : numbers.value(numbers.tree.leftmost)).toBe(expected[0]);
        }
      }),
      { numRuns: 150 },
    );
  });
});
