/**
 * An unwinding as cards on a rail. The protocol tells the phases of everything that it does; from these and from how many of
 * them are done follows what each card and each entry looks like, so that going back needs nothing of its own.
 *
 * A phase that is the next one is `now`: what it lets go is still held, as an instruction that is pointed at has not run.
 */
import type { Position } from '../../../core/protocol/state.ts';
import type { UnwindEntryView, UnwindFrameView, UnwindView } from '../../../core/protocol/views.ts';

export type CardState = 'waiting' | 'now' | 'done';
export type EntryState = 'held' | 'releasing' | 'released' | 'skipped';

export interface EntryCard {
  readonly entry: UnwindEntryView;
  readonly state: EntryState;
  /** Phases done when this one is the next. */
  readonly phase: number;
}

export interface FrameCard {
  readonly kind: 'frame';
  readonly key: string;
  readonly state: CardState;
  readonly frame: UnwindFrameView;
  /** 1 is the main program's frame. */
  readonly number: number;
  readonly entries: readonly EntryCard[];
  readonly phase: number;
}

export type Card =
  | { readonly kind: 'throw'; readonly key: string; readonly state: CardState; readonly phase: number }
  | FrameCard
  | { readonly kind: 'callback'; readonly key: string; readonly state: CardState; readonly phase: number }
  | { readonly kind: 'return'; readonly key: string; readonly state: CardState };

/** The cards from the throw down to the value returned. */
export function cardsOf(view: UnwindView): Card[] {
  const { phase, frames } = view;
  return [
    { kind: 'throw', key: 'throw', state: phase < 1 ? 'now' : 'done', phase: 0 },
    ...frames.map((frame, index): FrameCard => {
      const number = frames.length - index;
      return {
        kind: 'frame',
        key: `frame-${number}`,
        state: phase >= frame.leave ? 'done' : phase >= frame.enter - 1 ? 'now' : 'waiting',
        frame,
        number,
        entries: frame.entries.map((entry) => ({ entry, state: entryState(entry, phase), phase: entry.phase - 1 })),
        phase: frame.enter - 1,
      };
    }),
    { kind: 'callback', key: 'callback', state: callbackState(view), phase: view.phases - 1 },
    { kind: 'return', key: 'return', state: view.returned?.state === 'now' ? 'now' : 'waiting' },
  ];
}

function entryState(entry: UnwindEntryView, phase: number): EntryState {
  if (entry.state === 'skipped') return 'skipped';
  if (phase >= entry.phase) return 'released';
  return phase === entry.phase - 1 ? 'releasing' : 'held';
}

function callbackState({ callback, phase, phases, returned }: UnwindView): CardState {
  if (callback.state === 'gone' || returned?.state === 'now') return 'done';
  return callback.state === 'now' || phase >= phases - 1 ? 'now' : 'waiting';
}

/** The moment after so many phases of an unwinding. */
export function phasePosition(view: UnwindView, phase: number): Position {
  const { run, step } = view.thrown.position;
  return { run, step, phase: Math.min(Math.max(0, phase), view.phases) };
}

/** Resources that are let go, and how many of them are gone. */
export function progressOf(view: UnwindView): { readonly released: number; readonly total: number } {
  const entries = view.frames.flatMap((frame) => frame.entries).filter((entry) => entry.state !== 'skipped');
  return { released: entries.filter((entry) => view.phase >= entry.phase).length, total: entries.length };
}

// ---- room ---------------------------------------------------------------------------------------------------------------

/** Heights of what a rail is made of, in pixels: of an estimate nothing else depends than which cards are folded. */
const GAP = 8;
const HEAD = 37;
const ENTRY = 40;
const LAST_PADDING = 8;

function heightOf(card: Card, open: boolean): number {
  if (card.kind !== 'frame' || !open || card.entries.length === 0) return HEAD + GAP;
  return HEAD + card.entries.length * ENTRY + LAST_PADDING + GAP;
}

/**
 * Which frames show their entries: the present one, then as many as there is room for, those that come next before those that are done.
 * So a step opens one card and folds one, and what is to come stays in sight. Cards that were opened or folded by hand stay so.
 */
export function openCards(
  cards: readonly Card[],
  height: number,
  byHand: ReadonlyMap<string, boolean>,
): ReadonlySet<string> {
  const open = new Set<string>();
  let room = height - cards.reduce((sum, card) => sum + heightOf(card, byHand.get(card.key) === true), 0) + GAP;
  const rank = { now: 0, waiting: 1, done: 2 };
  const frames = cards.filter((card) => card.kind === 'frame' && card.entries.length > 0);
  // Of those that are done the last one is nearest.
  const inOrder = [...frames].sort(
    (a, b) => rank[a.state] - rank[b.state] || (frames.indexOf(a) - frames.indexOf(b)) * (a.state === 'done' ? -1 : 1),
  );
  let isFull = false;
  for (const card of inOrder) {
    const wanted = byHand.get(card.key);
    if (wanted !== undefined) {
      if (wanted) open.add(card.key);
      continue;
    }
    const more = heightOf(card, true) - heightOf(card, false);
    isFull ||= card.state !== 'now' && more > room;
    if (isFull) continue;
    open.add(card.key);
    room -= more;
  }
  return open;
}
