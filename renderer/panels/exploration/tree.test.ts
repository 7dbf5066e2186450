import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExplorationView, PathNodeView } from '../../../core/protocol/verifier.ts';
import { ROW, around, endText, insnAt, nodeAt, nodeText, poseOf, remarkOf, scaledAt, treeOf, walked } from './tree.ts';

function node(
  id: number,
  parent: number | undefined,
  end: PathNodeView['end'],
  more: Partial<PathNodeView> = {},
): PathNodeView {
  return {
    id,
    ...(parent === undefined ? {} : { parent }),
    from: id * 10,
    to: id * 10 + 5,
    label: `label ${id}`,
    insns: 6,
    end,
    ...more,
  };
}

function exploration(nodes: readonly PathNodeView[], truncated = false): ExplorationView {
  return { nodes, paths: 4, pruned: 1, states: 9, truncated };
}

/** A fork whose first branch ends well, and whose second one forks again: one is rejected there, one pruned. */
const VIEW = exploration([
  node(0, undefined, 'fork', { label: 'classify' }),
  node(1, 0, 'exit', { label: 'r0 == 0' }),
  node(2, 0, 'fork', { label: 'r0 != 0' }),
  node(3, 2, 'rejected', { label: 'len >= 20' }),
  node(4, 2, 'pruned', { label: 'len < 20', prunedAt: 73 }),
]);

describe('the tree of paths', () => {
  const tree = treeOf(VIEW);

  it('has the ends of paths below each other, and forks in their middle', () => {
    expect(tree.nodes.map(({ y }) => y)).toEqual([ROW * 1.75, ROW, ROW * 2.5, ROW * 2, ROW * 3]);
    expect(tree.height).toBe(ROW * 4);
  });

  it('goes from left to right', () => {
    for (const { parent, x, end } of tree.nodes) {
      expect(end).toBeGreaterThan(x);
      if (parent !== undefined) expect(x).toBeGreaterThan(parent.end);
    }
  });

  it('marks the way to the rejection', () => {
    expect(tree.nodes.filter(({ isFailing }) => isFailing).map(({ view }) => view.id)).toEqual([0, 2, 3]);
  });

  it('tells how each path ended', () => {
    expect(VIEW.nodes.map(endText)).toEqual([
      '',
      'exit, safe',
      '',
      'insn 35: rejected',
      'same as a state at insn 73, pruned',
    ]);
    expect(nodeText(tree.nodes[3]!)).toBe(
      'len >= 20, insn 30 to 35, 6 instructions, insn 35: rejected, on the failing path',
    );
    expect(remarkOf(VIEW)).toBe('5 paths · 1 pruned · 9 states');
    expect(remarkOf(exploration(VIEW.nodes, true))).toContain('the first 5 stretches are drawn');
  });

  it('may be as deep as a long loop', () => {
    const deep = treeOf(
      exploration(Array.from({ length: 20_000 }, (_, i) => node(i, i === 0 ? undefined : i - 1, 'fork'))),
    );
    expect(deep.nodes.at(-1)?.level).toBe(20_000);
  });

  it('never has two ends on one line', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 80 }), (parents) => {
        const grown = treeOf(
          exploration(parents.map((parent, i) => node(i, i === 0 ? undefined : parent % i, 'exit'))),
        );
        const ends = grown.nodes.filter(({ children }) => children.length === 0).map(({ y }) => y);
        expect(new Set(ends).size).toBe(ends.length);
        for (const { y } of grown.nodes) expect(y).toBeLessThan(grown.height);
      }),
    );
  });
});

describe('walking in it', () => {
  const tree = treeOf(VIEW);
  const from = (id: number, key: string): number | undefined => walked(key, tree.nodes[id]!, tree)?.view.id;

  it('follows the failing path to the right', () => {
    expect([from(0, 'ArrowRight'), from(2, 'ArrowRight'), from(3, 'ArrowRight')]).toEqual([2, 3, undefined]);
    expect(from(3, 'ArrowLeft')).toBe(2);
  });

  it('goes to the branch above or below', () => {
    expect([from(3, 'ArrowDown'), from(4, 'ArrowUp'), from(3, 'ArrowUp'), from(4, 'ArrowDown')]).toEqual([
      4,
      3,
      1,
      undefined,
    ]);
  });

  it('jumps to the start, and to the rejection', () => {
    expect([from(4, 'Home'), from(0, 'End'), from(0, 'x')]).toEqual([0, 3, undefined]);
  });
});

describe('pointing at it', () => {
  const tree = treeOf(VIEW);
  const [, safe] = tree.nodes;

  it('finds a stretch, its end and its words', () => {
    expect(nodeAt(tree, safe!.x + 10, safe!.y)?.view.id).toBe(1);
    expect(nodeAt(tree, safe!.end + 30, safe!.y)?.view.id).toBe(1);
    expect(nodeAt(tree, safe!.x + 10, safe!.y + 19)).toBeUndefined();
  });

  it('means its beginning, or its end', () => {
    expect(insnAt(safe!, safe!.x + 5)).toBe(10);
    expect(insnAt(safe!, safe!.end)).toBe(15);
  });
});

describe('how it lies in its window', () => {
  const tree = treeOf(VIEW);

  it('is as large as it can be read, with the rejection in sight', () => {
    expect(poseOf(tree, 4000, 1000).scale).toBe(1);
    const pose = poseOf(tree, 300, 100);
    expect(pose.scale).toBe(0.8);
    const failed = tree.failed!;
    expect(failed.end * pose.scale + pose.x).toBeLessThan(300);
    expect(failed.y * pose.scale + pose.y).toBeLessThan(100);
    expect(poseOf(tree, 300, 100, true).scale).toBeLessThan(0.8);
  });

  it('begins with the root in sight, when nothing was rejected', () => {
    const wide = treeOf(
      exploration([node(0, undefined, 'fork'), ...Array.from({ length: 99 }, (_, i) => node(i + 1, 0, 'exit'))]),
    );
    const { scale, y } = poseOf(wide, 300, 200);
    expect(wide.roots[0]!.y * scale + y).toBe(100);
  });

  it('stays where it is when what is looked for is in sight', () => {
    const pose = { scale: 1, x: 0, y: 0 };
    expect(around(tree.nodes[0]!, pose, 4000, 1000)).toEqual(pose);
  });

  it('is scaled around the pointer', () => {
    const pose = scaledAt({ scale: 1, x: 10, y: 20 }, 2, 110, 120);
    expect(pose).toEqual({ scale: 2, x: -90, y: -80 });
  });
});
