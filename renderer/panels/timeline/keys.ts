/** What the keys of the timeline do. */
import type { Direction } from '../../../core/protocol/state.ts';

/** While it is held down, the view moves on. */
export type Motion = 'in' | 'out' | 'left' | 'right';

export type KeyAction =
  | { readonly kind: 'move'; readonly motion: Motion }
  /** The playhead, by an instruction or phase. */
  | { readonly kind: 'step'; readonly direction: Direction }
  | { readonly kind: 'find'; readonly direction: Direction }
  | { readonly kind: 'edge'; readonly edge: 'start' | 'end' }
  | { readonly kind: 'scroll'; readonly rows: number }
  | { readonly kind: 'fit' | 'clear' | 'search' };

export interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

const PAGE = 8;

const ACTIONS: Readonly<Record<string, KeyAction>> = {
  w: { kind: 'move', motion: 'in' },
  '+': { kind: 'move', motion: 'in' },
  '=': { kind: 'move', motion: 'in' },
  s: { kind: 'move', motion: 'out' },
  '-': { kind: 'move', motion: 'out' },
  a: { kind: 'move', motion: 'left' },
  d: { kind: 'move', motion: 'right' },
  arrowleft: { kind: 'step', direction: 'backwards' },
  arrowright: { kind: 'step', direction: 'forwards' },
  arrowup: { kind: 'scroll', rows: -1 },
  arrowdown: { kind: 'scroll', rows: 1 },
  pageup: { kind: 'scroll', rows: -PAGE },
  pagedown: { kind: 'scroll', rows: PAGE },
  n: { kind: 'find', direction: 'forwards' },
  p: { kind: 'find', direction: 'backwards' },
  home: { kind: 'edge', edge: 'start' },
  end: { kind: 'edge', edge: 'end' },
  f: { kind: 'fit' },
  escape: { kind: 'clear' },
  '/': { kind: 'search' },
};

/** Undefined for keys that mean something elsewhere. */
export function actionOf({ key, ctrlKey, metaKey, altKey }: Pressed): KeyAction | undefined {
  return ctrlKey || metaKey || altKey ? undefined : ACTIONS[key.toLowerCase()];
}

export const HELP =
  'W and S zoom, A and D move the view. Arrow left and right move the present moment by a step, N and P to the next and previous event that the search finds. ' +
  'Home and End show the start and the end, F fits the selection or the whole run, slash goes to the search, arrow up and down scroll the lanes.';
