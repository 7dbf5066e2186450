/** The axis of a timeline: which part of it is in sight, how a tick becomes a pixel, and where the axis has its marks. */
import type { TickRange } from '../../../core/protocol/timeline.ts';

/** A part of an axis, in ticks. In sight are also parts that begin or end between two of them. */
export type Range = TickRange;

/** Nothing is gained by looking closer: a tick is a moment. */
const LEAST_SPAN = 12;
/** Room after the last moment, so that the playhead can stand there. */
const ROOM = 0.03;

export const spanOf = ({ from, to }: Range): number => to - from;

/** All that can be in sight of a run from its first to its last tick. */
export function axisOf(first: number, last: number): Range {
  return { from: first, to: last + Math.max(1, (last - first) * ROOM) };
}

export function xOf(tick: number, view: Range, left: number, width: number): number {
  return left + ((tick - view.from) / (view.to - view.from)) * width;
}

export function tickAt(x: number, view: Range, left: number, width: number): number {
  return view.from + ((x - left) / width) * (view.to - view.from);
}

/** Inside of the axis, as wide as it was where that is possible. */
export function clamped(view: Range, axis: Range): Range {
  const span = Math.min(Math.max(spanOf(view), Math.min(LEAST_SPAN, spanOf(axis))), spanOf(axis));
  const from = Math.min(Math.max(view.from, axis.from), axis.to - span);
  return { from, to: from + span };
}

/** `factor` below 1 looks closer. The tick `at` stays where it is on the screen. */
export function zoomed(view: Range, factor: number, at: number, axis: Range): Range {
  const least = Math.min(LEAST_SPAN, spanOf(axis));
  const span = Math.min(Math.max(spanOf(view) * factor, least), spanOf(axis));
  const share = (at - view.from) / spanOf(view);
  const from = at - share * span;
  return clamped({ from, to: from + span }, axis);
}

/** By a share of what is in sight. */
export function panned(view: Range, share: number, axis: Range): Range {
  const delta = spanOf(view) * share;
  return clamped({ from: view.from + delta, to: view.to + delta }, axis);
}

/** A part of the axis with a little room at both sides. */
export function fitted(part: Range, axis: Range): Range {
  const room = spanOf(part) * 0.04;
  const wide = { from: part.from - room, to: part.to + room };
  const lack = Math.max(0, Math.min(LEAST_SPAN, spanOf(axis)) - spanOf(wide));
  return clamped({ from: wide.from - lack / 2, to: wide.to + lack / 2 }, axis);
}

/** As little movement as brings a tick into sight: into the middle, when it was not. */
export function revealed(tick: number, view: Range, axis: Range): Range {
  if (tick >= view.from && tick <= view.to) return view;
  const half = spanOf(view) / 2;
  return clamped({ from: tick - half, to: tick + half }, axis);
}

const NUMBER = new Intl.NumberFormat('en-US');

export interface AxisTick {
  readonly tick: number;
  readonly label: string;
}

/** Round numbers, 1, 2 or 5 times a power of ten apart, with room for their labels. */
export function axisTicks(view: Range, width: number, glyph = 6.6): AxisTick[] {
  const span = spanOf(view);
  if (!(span > 0) || !(width > 0)) return [];
  const room = NUMBER.format(Math.ceil(view.to)).length * glyph + 40;
  const least = (span * room) / width;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = Math.max(1, [1, 2, 5, 10].map((by) => by * power).find((by) => by >= least) ?? 10 * power);
  const ticks: AxisTick[] = [];
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
    ticks.push({ tick: at, label: NUMBER.format(at) });
  }
  return ticks;
}
