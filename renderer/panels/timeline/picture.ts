/** A part of a run, ordered so that what is at a place is found at once; and in which lane it stands. */
import type {
  CallSpan,
  PointMark,
  ResourceSpan,
  ThrowSpan,
  TimelineMark,
  TimelineView,
} from '../../../core/protocol/timeline.ts';
import type { Range } from './scale.ts';

export interface Picture {
  readonly view: TimelineView;
  /** By depth, then in the order of time. Those of one row never overlap. */
  readonly calls: readonly (readonly CallSpan[])[];
  /** By row, likewise. */
  readonly resources: readonly (readonly ResourceSpan[])[];
  readonly points: readonly PointMark[];
  readonly throws: readonly ThrowSpan[];
  readonly marks: readonly TimelineMark[];
}

const byFrom = (a: { from: number }, b: { from: number }): number => a.from - b.from;
const byTick = (a: { tick: number }, b: { tick: number }): number => a.tick - b.tick;

function rowsOf<Span extends { readonly from: number }>(spans: readonly Span[], row: (span: Span) => number): Span[][] {
  const rows: Span[][] = [];
  for (const span of spans) (rows[row(span)] ??= []).push(span);
  return Array.from(rows, (one) => (one ?? []).sort(byFrom));
}

export function pictureOf(view: TimelineView): Picture {
  return {
    view,
    calls: rowsOf(view.calls, ({ depth }) => depth),
    resources: rowsOf(view.resources, ({ row }) => row),
    points: [...view.points].sort(byTick),
    throws: [...view.throws].sort(byFrom),
    marks: [...view.marks].sort(byTick),
  };
}

/** The first element for which `isAfter` holds, of a list where it holds for all that follow, too. */
export function lowerBound<T>(list: readonly T[], isAfter: (element: T) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isAfter(list[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Where a span ends on the axis; what was never let go lasts as long as the axis. */
export const endOf = (span: { readonly to?: number }): number => span.to ?? Infinity;

/** The spans of a row, first and end, of which something is in the range. */
export function spansIn<Span extends { readonly from: number; readonly to?: number }>(
  row: readonly Span[],
  range: Range,
): readonly [number, number] {
  const first = lowerBound(row, (span) => endOf(span) >= range.from);
  const end = lowerBound(row, (span) => span.from > range.to);
  return [first, Math.max(first, end)];
}

/** Rows of one kind, one below the other, in CSS pixels from the top of what can be scrolled. */
export interface Lane {
  readonly top: number;
  readonly rows: number;
  readonly rowHeight: number;
}

export interface Lanes {
  readonly calls: Lane;
  readonly points: Lane;
  /** How much happened, where single events are too many. */
  readonly counted: Lane;
  readonly resources: Lane;
  readonly height: number;
}

/** Labels of the axis, and the marks below them: they stay where they are when lanes are scrolled. */
export const AXIS_HEIGHT = 32;
/** The column with the lanes' names, and the room at the right. */
export const LEFT = 92;
export const RIGHT = 12;
/** Between rows, inside of their height. */
export const ROW_GAP = 2;

const CALL_ROW = 18;
const RESOURCE_ROW = 19;
const POINT_ROW = 22;
const COUNTED_ROW = 26;
const GAP = 6;
/** Where there is room, rows are higher, up to so many times. */
const MOST_STRETCH = 1.35;

export interface LaneSize {
  readonly depth: number;
  readonly resourceRows: number;
  readonly isCounted: boolean;
  /** Pixels that there are. */
  readonly height?: number;
}

export function lanesOf(size: LaneSize): Lanes {
  const natural = lanesAt(size, 1);
  const stretch = Math.min(MOST_STRETCH, (size.height ?? 0) / natural.height);
  return stretch > 1 ? lanesAt(size, stretch) : natural;
}

function lanesAt(size: LaneSize, stretch: number): Lanes {
  const callRow = Math.floor(CALL_ROW * stretch);
  const pointRow = Math.floor(POINT_ROW * stretch);
  const resourceRow = Math.floor(RESOURCE_ROW * stretch);
  const calls = { top: 2, rows: Math.max(1, size.depth), rowHeight: callRow };
  const points = { top: calls.top + calls.rows * callRow + GAP, rows: 1, rowHeight: pointRow };
  const counted = { top: points.top + pointRow + 2, rows: size.isCounted ? 1 : 0, rowHeight: COUNTED_ROW };
  const resources = {
    top: counted.top + counted.rows * (COUNTED_ROW + GAP),
    rows: Math.max(1, size.resourceRows),
    rowHeight: resourceRow,
  };
  return { calls, points, counted, resources, height: resources.top + resources.rows * resourceRow + GAP };
}

/** The row of a lane at a height, when there is one. */
export function rowAt({ top, rows, rowHeight }: Lane, y: number): number | undefined {
  const row = Math.floor((y - top) / rowHeight);
  return row >= 0 && row < rows ? row : undefined;
}
