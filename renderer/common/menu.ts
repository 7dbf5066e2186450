/** Entries of a menu, and where it fits. */

export type MenuEntry<Id extends string> =
  | {
      readonly kind: 'item';
      readonly id: Id;
      readonly text: string;
      readonly keys?: string;
      readonly disabled?: boolean;
    }
  | { readonly kind: 'title'; readonly text: string }
  | { readonly kind: 'line' };

interface Size {
  readonly width: number;
  readonly height: number;
}

const EDGE = 4;

/** Beside the point where it was asked for; moved so that all of it is inside the window. */
export function placeMenu(
  at: { readonly x: number; readonly y: number },
  menu: Size,
  window: Size,
): { readonly x: number; readonly y: number } {
  const along = (from: number, size: number, room: number): number =>
    Math.max(EDGE, Math.min(from, room - size - EDGE));
  const fitsBelow = at.y + menu.height + EDGE <= window.height;
  const y = fitsBelow || at.y < menu.height ? at.y : at.y - menu.height;
  return { x: along(at.x, menu.width, window.width), y: along(y, menu.height, window.height) };
}
