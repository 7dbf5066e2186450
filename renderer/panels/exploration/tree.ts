/**
 * The verifier's paths as a tree from left to right: where each stretch is drawn, and how one walks from one to another.
 * A stretch begins where its condition held and ends in a fork, or as a path ends.
 */
import type { ExplorationView, PathNodeView } from '../../../core/protocol/verifier.ts';
import { assertNever } from '../../../core/errors.ts';
import { count, plural } from '../../common/format.ts';

export interface TreeNode {
  readonly view: PathNodeView;
  readonly parent: TreeNode | undefined;
  readonly children: TreeNode[];
  readonly level: number;
  /** Its line, in pixels: from `x` to `end` at the height `y`. */
  x: number;
  end: number;
  y: number;
  /** On the way to the rejection. */
  isFailing: boolean;
}

export interface Tree {
  /** As they were explored; a parent stands before its children. */
  readonly nodes: readonly TreeNode[];
  readonly roots: readonly TreeNode[];
  readonly failed: TreeNode | undefined;
  readonly width: number;
  readonly height: number;
}

/** Between two lines; how far a fork opens; what a letter takes. */
export const ROW = 40;
const OPENING = 70;
const GLYPH = 6.7;
const MARGIN = 40;
const LEAST = 60;
/** A stretch is drawn longer when it is long, but not in proportion: stretches of 1 and of 100,000 instructions occur. */
const PER_DOUBLING = 14;

function lengthOf({ label, insns }: PathNodeView): number {
  return Math.max(LEAST + PER_DOUBLING * Math.log2(1 + insns), label.length * GLYPH + 30);
}

export function treeOf({ nodes: views }: ExplorationView): Tree {
  const byId = new Map<number, TreeNode>();
  const nodes: TreeNode[] = [];
  for (const view of views) {
    const parent = view.parent === undefined ? undefined : byId.get(view.parent);
    const node = { view, parent, children: [], level: (parent?.level ?? 0) + 1, x: 0, end: 0, y: 0, isFailing: false };
    parent?.children.push(node);
    byId.set(view.id, node);
    nodes.push(node);
  }
  for (const node of nodes) {
    node.x = node.parent === undefined ? MARGIN : node.parent.end + OPENING;
    node.end = node.x + lengthOf(node.view);
  }
  const roots = nodes.filter(({ parent }) => parent === undefined);
  const rows = placeRows(roots);
  const failed = nodes.find(({ view }) => view.end === 'rejected');
  for (let node = failed; node !== undefined; node = node.parent) node.isFailing = true;
  const width =
    nodes.reduce((most, node) => Math.max(most, node.end + endText(node.view).length * GLYPH + 20), 0) + MARGIN;
  return { nodes, roots, failed, width, height: rows * ROW + ROW };
}

/** Ends of paths stand below each other, forks in the middle of what they open into. Trees may be deep: no recursion. */
function placeRows(roots: readonly TreeNode[]): number {
  const order: TreeNode[] = [];
  const stack = [...roots].reverse();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    order.push(node);
    for (let i = node.children.length - 1; i >= 0; i--) stack.push(node.children[i]!);
  }
  let rows = 0;
  for (const node of order) if (node.children.length === 0) node.y = ROW * ++rows;
  for (const node of order.reverse()) {
    const { children } = node;
    if (children.length > 0) node.y = (children[0]!.y + children.at(-1)!.y) / 2;
  }
  return rows;
}

/** What stands beside the end of a path. */
export function endText({ end, to, prunedAt }: PathNodeView): string {
  switch (end) {
    case 'fork':
      return '';
    case 'exit':
      return 'exit, safe';
    case 'throw':
      return 'throws, safe';
    case 'rejected':
      return `insn ${to}: rejected`;
    case 'pruned':
      return prunedAt === undefined ? 'pruned' : `same as a state at insn ${prunedAt}, pruned`;
    default:
      return assertNever(end);
  }
}

/** All of a stretch, in words. */
export function nodeText({ view, isFailing }: TreeNode): string {
  const { label, from, to, insns, line } = view;
  const where = `insn ${from} to ${to}${line === undefined ? '' : `, line ${line}`}`;
  const how = view.end === 'fork' ? 'then a fork' : endText(view);
  return [label, where, plural(insns, 'instruction'), how, isFailing ? 'on the failing path' : '']
    .filter((part) => part !== '')
    .join(', ');
}

/** `4 paths · 1 pruned · 9 states`. */
export function remarkOf({ paths, pruned, states, nodes, truncated }: ExplorationView): string {
  // The path that was rejected is one, too, though it was not walked to its end.
  const failed = nodes.some(({ end }) => end === 'rejected') ? 1 : 0;
  const all = `${plural(paths + failed, 'path')} · ${count(pruned)} pruned · ${plural(states, 'state')}`;
  return truncated ? `${all} · the first ${count(nodes.length)} stretches are drawn` : all;
}

/** Where a key leads in the tree. */
export function walked(key: string, node: TreeNode, tree: Tree): TreeNode | undefined {
  const siblings = node.parent?.children ?? tree.roots;
  const at = siblings.indexOf(node);
  switch (key) {
    case 'ArrowRight':
      return node.children.find(({ isFailing }) => isFailing) ?? node.children[0];
    case 'ArrowLeft':
      return node.parent;
    case 'ArrowDown':
      return siblings[at + 1] ?? besides(node, 1);
    case 'ArrowUp':
      return siblings[at - 1] ?? besides(node, -1);
    case 'Home':
      return tree.roots[0];
    case 'End':
      return tree.failed ?? tree.nodes.at(-1);
    default:
      return undefined;
  }
}

/** The nearest branch above or below that does not begin at the same fork. */
function besides(node: TreeNode, by: 1 | -1): TreeNode | undefined {
  for (let up = node.parent; up?.parent !== undefined; up = up.parent) {
    const { children } = up.parent;
    const next = children[children.indexOf(up) + by];
    if (next !== undefined) return next;
  }
  return undefined;
}

const NEAR = 12;

/** The stretch at a place of the drawing: its line, its end, and the words beside them. */
export function nodeAt(tree: Tree, x: number, y: number): TreeNode | undefined {
  return tree.nodes.find(
    (node) =>
      y > node.y - NEAR - 8 &&
      y < node.y + NEAR &&
      x > node.x - NEAR &&
      x < node.end + NEAR + endText(node.view).length * GLYPH,
  );
}

/** What a click there is about: where the stretch ends when the click is beside that, else where it begins. */
export function insnAt({ view, end }: TreeNode, x: number): number {
  return x > end - NEAR * 1.5 ? view.to : view.from;
}

/** How the drawing lies in its window. */
export interface Pose {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

const LEAST_SCALE = 0.005;
const MOST_SCALE = 3;
/** Below this, words cannot be read. */
const READABLE = 0.8;

/** As much as can be read, the rejection in sight. */
export function poseOf(tree: Tree, width: number, height: number, all = false): Pose {
  const fit = Math.min(width / tree.width, height / tree.height, 1);
  const scale = Math.max(fit, all ? LEAST_SCALE : READABLE);
  if (scale === fit) {
    return { scale, x: Math.min((width - tree.width * scale) / 2, 24), y: (height - tree.height * scale) / 2 };
  }
  // The root at the left, in the middle as far as there is something above and below.
  const room = height - tree.height * scale;
  const root = height / 2 - (tree.roots[0]?.y ?? 0) * scale;
  const start = { scale, x: 0, y: room > 0 ? room / 2 : Math.min(0, Math.max(room, root)) };
  return tree.failed === undefined ? start : around(tree.failed, start, width, height);
}

/** As little movement as brings a stretch into sight. */
export function around(node: TreeNode, pose: Pose, width: number, height: number): Pose {
  const { scale } = pose;
  const left = node.x * scale + pose.x;
  const right = (node.end + endText(node.view).length * GLYPH + 20) * scale + pose.x;
  const y = node.y * scale + pose.y;
  const [beyond, before] = [Math.max(0, right - width), Math.min(0, left - 40)];
  const dx = beyond > 0 ? -beyond : -before;
  const dy = y < 30 ? 30 - y : y > height - 30 ? height - 30 - y : 0;
  return { scale, x: pose.x + dx, y: pose.y + dy };
}

export function scaledAt(pose: Pose, factor: number, x: number, y: number): Pose {
  const scale = Math.min(Math.max(pose.scale * factor, LEAST_SCALE), MOST_SCALE);
  const by = scale / pose.scale;
  return { scale, x: x - (x - pose.x) * by, y: y - (y - pose.y) * by };
}
