/**
 * Which rows of a long list are in sight, and where they stand.
 *
 * Browsers cannot lay out a box of any height (Chromium ends at 33,554,428 pixels), so the rows of a very long list stand on
 * an axis of their own, and the scroll bar's axis is a shorter picture of it. Up to {@link LONGEST} both are the same.
 */

/** Height of the box that is scrolled, at most, in pixels. */
export const LONGEST = 8_000_000;

export interface RowWindow {
  /** Height of the scrolled box. */
  readonly height: number;
  /** The first row to draw, and the one after the last. */
  readonly first: number;
  readonly end: number;
  /** Where the first drawn row begins in the scrolled box, in pixels. */
  readonly top: number;
}

export interface RowList {
  readonly count: number;
  /** Pixels. */
  readonly rowHeight: number;
  /** Height of what is in sight, in pixels. */
  readonly view: number;
}

/** How much longer the rows' axis is than the scroll bar's: 1 for all but very long lists. */
function stretch({ count, rowHeight, view }: RowList): number {
  const rows = count * rowHeight;
  return rows <= LONGEST ? 1 : (rows - view) / (LONGEST - view);
}

/** Where the scroll bar stands when the rows are scrolled to `offset`, and the other way round. */
export function scrollTopOf(offset: number, list: RowList): number {
  return offset / stretch(list);
}

export function offsetOf(scrollTop: number, list: RowList): number {
  return scrollTop * stretch(list);
}

/** `offset`: how far the rows are scrolled. `spare` rows beyond both edges are drawn so that scrolling shows no gap. */
export function rowWindow(offset: number, list: RowList, spare = 8): RowWindow {
  const { count, rowHeight, view } = list;
  const height = Math.min(count * rowHeight, LONGEST);
  const first = Math.min(Math.max(0, Math.floor(offset / rowHeight) - spare), Math.max(0, count - 1));
  const end = Math.min(count, Math.ceil((offset + view) / rowHeight) + spare);
  return { height, first, end, top: scrollTopOf(offset, list) + (first * rowHeight - offset) };
}

/** The offset nearest to `offset` that has a row in sight; `center` puts a row that is not in sight into the middle. */
export function offsetToShow(
  index: number,
  offset: number,
  list: RowList,
  align: 'nearest' | 'center' = 'nearest',
): number {
  const { count, rowHeight, view } = list;
  const most = Math.max(0, count * rowHeight - view);
  const top = index * rowHeight;
  const bottom = top + rowHeight;
  if (top >= offset && bottom <= offset + view) return Math.min(offset, most);
  const wanted = align === 'center' ? top - (view - rowHeight) / 2 : top < offset ? top : bottom - view;
  return Math.min(Math.max(0, wanted), most);
}
