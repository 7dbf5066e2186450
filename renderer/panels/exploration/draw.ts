/** Draws the tree of paths: a shape and a colour for each way in which a path can end. */
import type { PathNodeView } from '../../../core/protocol/verifier.ts';
import type { Palette } from '../../common/palette.ts';
import type { Pose, Tree, TreeNode } from './tree.ts';
import { endText } from './tree.ts';

export const COLOURS = ['panel', 'line2', 'text', 'dim', 'faint', 'here', 'throw', 'held', 'ok', 'mono'] as const;
export type Colours = Palette<(typeof COLOURS)[number]>;

export interface TreeDrawing {
  readonly tree: Tree;
  readonly pose: Pose;
  readonly width: number;
  readonly height: number;
  readonly active: TreeNode | undefined;
  readonly hovered: TreeNode | undefined;
}

/** Below this scale words are left out, and below the next one ends are dots. */
const WORDS = 0.55;
const SHAPES = 0.25;
const OPENING = 70;

/** How many stretches were drawn. */
export function drawTree(context: CanvasRenderingContext2D, drawing: TreeDrawing, colours: Colours): number {
  const { tree, pose, width, height } = drawing;
  context.fillStyle = colours.panel;
  context.fillRect(0, 0, width, height);
  const [left, right] = [-pose.x / pose.scale, (width - pose.x) / pose.scale];
  const [top, bottom] = [-pose.y / pose.scale, (height - pose.y) / pose.scale];
  const seen = tree.nodes.filter((node) => {
    const parent = node.parent ?? node;
    const [above, below] = parent.y < node.y ? [parent.y, node.y] : [node.y, parent.y];
    return node.x - OPENING < right && node.end + 400 > left && above - 24 < bottom && below + 24 > top;
  });
  context.save();
  context.translate(pose.x, pose.y);
  context.scale(pose.scale, pose.scale);
  // The failing path lies above the others.
  for (const isFailing of [false, true]) {
    context.strokeStyle = isFailing ? colours.throw : colours.line2;
    // Never thinner than can be seen, however small the tree is.
    context.lineWidth = Math.max(isFailing ? 2.5 : 2, (isFailing ? 1.5 : 0.75) / pose.scale);
    context.beginPath();
    for (const node of seen) if (node.isFailing === isFailing) line(context, node);
    context.stroke();
  }
  if (pose.scale >= SHAPES) for (const node of seen) drawEnd(context, node, colours);
  if (pose.scale >= WORDS) drawWords(context, seen, Math.min(11 / pose.scale, 13.5), colours);
  for (const node of [drawing.hovered, drawing.active]) if (node !== undefined) outline(context, node, colours);
  context.restore();
  return seen.length;
}

function line(context: CanvasRenderingContext2D, { parent, x, end, y }: TreeNode): void {
  if (parent === undefined) {
    context.moveTo(x, y);
  } else {
    const middle = (parent.end + x) / 2;
    context.moveTo(parent.end, parent.y);
    context.bezierCurveTo(middle, parent.y, middle, y, x, y);
  }
  context.lineTo(end, y);
}

/** exit: a full circle; throw: a triangle; rejected: a cross in a square; pruned: a bar; fork: an empty circle. */
function drawEnd(context: CanvasRenderingContext2D, { view, end: x, y, isFailing }: TreeNode, colours: Colours): void {
  context.beginPath();
  switch (view.end) {
    case 'fork':
      context.arc(x, y, 5.5, 0, Math.PI * 2);
      context.fillStyle = colours.panel;
      context.fill();
      context.strokeStyle = isFailing ? colours.throw : colours.line2;
      context.lineWidth = 2;
      context.stroke();
      return;
    case 'exit':
      context.arc(x, y, 6.5, 0, Math.PI * 2);
      break;
    case 'throw':
      context.moveTo(x - 6, y - 7);
      context.lineTo(x + 8, y);
      context.lineTo(x - 6, y + 7);
      break;
    case 'rejected':
      context.rect(x - 7, y - 7, 14, 14);
      break;
    case 'pruned':
      context.rect(x - 2, y - 7, 4, 14);
      break;
  }
  context.fillStyle = colours[END_COLOURS[view.end]];
  context.fill();
  if (view.end !== 'rejected') return;
  context.beginPath();
  context.moveTo(x - 3.5, y - 3.5);
  context.lineTo(x + 3.5, y + 3.5);
  context.moveTo(x + 3.5, y - 3.5);
  context.lineTo(x - 3.5, y + 3.5);
  context.strokeStyle = colours.panel;
  context.lineWidth = 2;
  context.stroke();
}

const END_COLOURS: Readonly<Record<PathNodeView['end'], keyof Colours>> = {
  fork: 'dim',
  exit: 'ok',
  throw: 'held',
  rejected: 'throw',
  pruned: 'dim',
};

/** `size`: of the letters, so that they can be read when the tree is small. */
function drawWords(
  context: CanvasRenderingContext2D,
  nodes: readonly TreeNode[],
  size: number,
  colours: Colours,
): void {
  context.font = `${size}px ${colours.mono}`;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  for (const { view, x, end, y } of nodes) {
    context.fillStyle = colours.dim;
    context.fillText(view.label, x, y - 12);
    const text = view.end === 'fork' ? `insn ${view.to}` : endText(view);
    context.fillStyle = view.end === 'fork' ? colours.faint : colours[END_COLOURS[view.end]];
    if (view.end === 'fork') context.fillText(text, end - text.length * 3.3, y + 15);
    else context.fillText(text, end + 14, y);
  }
}

function outline(context: CanvasRenderingContext2D, { x, end, y }: TreeNode, colours: Colours): void {
  context.strokeStyle = colours.here;
  context.lineWidth = 1.5;
  context.beginPath();
  context.roundRect(x - 8, y - 22, end - x + 18, 34, 6);
  context.stroke();
}
