/** The strip with the whole run: how much happened where, and how its window is dragged. */
import type { TimelineView } from '../../../core/protocol/timeline.ts';
import type { Range } from './scale.ts';
import { clamped, spanOf, xOf } from './scale.ts';

/** Columns of two pixels with a share of 1 where most happened. Roots, so that little is not nothing. */
export function columnsOf(
  { from, to, density }: Pick<TimelineView, 'from' | 'to' | 'density'>,
  axis: Range,
  width: number,
): { readonly x: number; readonly share: number }[] {
  const columns = new Float64Array(Math.ceil(width / 2));
  const stretch = (to - from) / density.length;
  density.forEach((count, i) => {
    const x = xOf(from + i * stretch, axis, 0, width);
    const right = Math.max(x, xOf(from + (i + 1) * stretch, axis, 0, width) - 1e-6);
    const [first, last] = [Math.floor(x / 2), Math.min(Math.floor(right / 2), columns.length - 1)];
    for (let column = first; column <= last; column++) columns[column]! += count / (last - first + 1);
  });
  const most = Math.max(...columns, 1e-9);
  return [...columns.entries()]
    .filter(([, count]) => count > 0)
    .map(([column, count]) => ({ x: column * 2, share: Math.sqrt(count / most) }));
}

/** Never narrower than can be taken hold of. */
const LEAST = 8;

export interface Window {
  readonly x: number;
  readonly right: number;
}

export function windowOf(view: Range, axis: Range, left: number, width: number): Window {
  const x = xOf(view.from, axis, left, width);
  const right = xOf(view.to, axis, left, width);
  const lack = Math.max(0, LEAST - (right - x)) / 2;
  return { x: x - lack, right: right + lack };
}

/** What of the window the pointer holds: an edge of it, all of it, or nothing. */
export type Grip = 'from' | 'to' | 'all';

const EDGE = 5;

export function gripAt(pointer: number, { x, right }: Window): Grip | 'none' {
  // Of a narrow window the edges are outside.
  const inside = Math.min(EDGE, (right - x) / 4);
  if (pointer < x - EDGE || pointer > right + EDGE) return 'none';
  if (pointer < x + inside) return 'from';
  return pointer > right - inside ? 'to' : 'all';
}

/** Where a view is after its grip was moved by so many ticks. */
export function dragged(grip: Grip, view: Range, by: number, axis: Range): Range {
  const least = spanOf(view) * 1e-3;
  switch (grip) {
    case 'all':
      return clamped({ from: view.from + by, to: view.to + by }, axis);
    case 'from':
      return clamped({ from: Math.max(axis.from, Math.min(view.from + by, view.to - least)), to: view.to }, axis);
    case 'to':
      return clamped({ from: view.from, to: Math.min(axis.to, Math.max(view.to + by, view.from + least)) }, axis);
  }
}
