/**
 * Parts of a run, fetched as they come into sight. One question is under way at a time, and the newest wins. What was seen
 * is kept, so that there is always something to draw: the whole run at least, coarsely.
 */
import type { TimelineView } from '../../../core/protocol/timeline.ts';
import type { Picture } from './picture.ts';
import { pictureOf } from './picture.ts';
import type { Range } from './scale.ts';
import { spanOf } from './scale.ts';

/** A question to the session. */
export interface Ask extends Range {
  readonly pixels: number;
}

const KEPT = 48;
const MOST_PIXELS = 16_384;

/**
 * What to ask for, so that a view can be drawn and moved a little: aligned to quarters of a power of the root of two,
 * so that a view beside it asks for the same, and fine enough for the closest view of that power.
 */
export function askFor(view: Range, axis: Range, width: number): Ask {
  const level = 2 ** (Math.ceil(2 * Math.log2(Math.max(spanOf(view), 1))) / 2);
  const quarter = level / 4;
  const from = Math.max(axis.from, Math.floor(Math.floor((view.from - level / 8) / quarter) * quarter));
  const to = Math.min(Math.ceil(axis.to), Math.ceil(Math.ceil((view.to + level / 8) / quarter) * quarter));
  const pixels = Math.min(Math.ceil((Math.SQRT2 * (to - from) * width) / level), MOST_PIXELS);
  return { from, to, pixels };
}

/** Whether everything is in it that a view of so many pixels can show. */
export function serves(ask: Ask, view: Range, axis: Range, width: number): boolean {
  const { from, to, pixels } = ask;
  if (from > Math.max(view.from, axis.from) || to < Math.min(view.to, axis.to)) return false;
  const ticksPerPixel = (to - from) / pixels;
  // More pixels than the most are not to be had.
  return pixels >= MOST_PIXELS || ticksPerPixel <= Math.max(1, (spanOf(view) / width) * 1.05);
}

interface Kept {
  readonly ask: Ask;
  readonly picture: Picture;
  used: number;
}

/** Rows that the deepest of what was seen needs, so that lanes stay where they are. */
export interface Rows {
  readonly depth: number;
  readonly resources: number;
}

const NO_ROWS: Rows = { depth: 1, resources: 1 };

export class TimelineSource {
  readonly #ask: (ask: Ask) => Promise<TimelineView | undefined>;
  readonly #changed: () => void;
  #kept: Kept[] = [];
  #whole: Kept | undefined;
  #wanted: { readonly view: Range | undefined; readonly width: number } | undefined;
  #isAsking = false;
  #isStale = false;
  #generation = 0;
  #clock = 0;
  #rows: Rows = NO_ROWS;

  /** `changed` is called whenever there is something new to draw. */
  constructor(ask: (ask: Ask) => Promise<TimelineView | undefined>, changed: () => void) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** The whole run. */
  get whole(): Picture | undefined {
    return this.#whole?.picture;
  }

  get rows(): Rows {
    return this.#rows;
  }

  /** Whether what there is to draw a view with is all that is to be had. */
  isServed(view: Range, width: number): boolean {
    const whole = this.#whole;
    if (whole === undefined) return false;
    const axis = axisOfPicture(whole.picture);
    return this.#kept.some(({ ask }) => serves(ask, view, axis, width));
  }

  /** Another run: nothing of what was seen belongs to it. */
  clear(): void {
    this.#generation++;
    this.#rows = NO_ROWS;
    this.#kept = [];
    this.#whole = undefined;
    this.#isStale = false;
  }

  /** The run has grown or got other marks: everything is asked for again, and what is there is drawn until then. */
  refresh(): void {
    this.#generation++;
    this.#isStale = true;
    this.#next();
  }

  /** What is in sight. Without a view: the whole run. */
  want(view: Range | undefined, width: number): void {
    this.#wanted = { view, width };
    this.#next();
  }

  /** What there is to draw a view with, from the back to the front. */
  pictures(view: Range, width: number): Picture[] {
    const whole = this.#whole;
    if (whole === undefined) return [];
    const axis = axisOfPicture(whole.picture);
    let best: Kept | undefined;
    let near: Kept | undefined;
    for (const kept of this.#kept) {
      if (serves(kept.ask, view, axis, width)) {
        if (best === undefined || spanOf(kept.ask) < spanOf(best.ask)) best = kept;
      } else if (kept.ask.from < view.to && kept.ask.to > view.from && spanOf(kept.ask) < spanOf(whole.ask)) {
        // Something of it is in sight, or it is too coarse: the newest will do until there is better.
        if (near === undefined || kept.used > near.used) near = kept;
      }
    }
    const front = best ?? near;
    if (front === undefined || front === whole) return [whole.picture];
    if (best !== undefined) best.used = ++this.#clock;
    return [whole.picture, front.picture];
  }

  #missing(): Ask | undefined {
    const wanted = this.#wanted;
    if (wanted === undefined) return undefined;
    const { view, width } = wanted;
    if (this.#whole === undefined || this.#isStale) {
      return {
        from: 0,
        to: Number.MAX_SAFE_INTEGER,
        pixels: Math.min(Math.max(Math.ceil(width * 2), 256), MOST_PIXELS),
      };
    }
    if (view === undefined) return undefined;
    const axis = axisOfPicture(this.#whole.picture);
    if (this.#kept.some(({ ask }) => serves(ask, view, axis, width))) return undefined;
    return askFor(view, axis, width);
  }

  #next(): void {
    if (this.#isAsking) return;
    const ask = this.#missing();
    if (ask === undefined) return;
    this.#isAsking = true;
    void this.#fetch(ask);
  }

  async #fetch(ask: Ask): Promise<void> {
    const generation = this.#generation;
    let view: TimelineView | undefined;
    try {
      view = await this.#ask(ask);
    } finally {
      this.#isAsking = false;
    }
    if (view === undefined) {
      // Somebody has been told why. It is asked for again with the next move.
      if (generation === this.#generation) this.#wanted = undefined;
      else this.#next();
      return;
    }
    if (generation === this.#generation) this.#keep(ask, view);
    this.#changed();
    this.#next();
  }

  #keep(ask: Ask, view: TimelineView): void {
    const isWhole = ask.to === Number.MAX_SAFE_INTEGER;
    const covered = {
      ...ask,
      from: Math.min(view.from, isWhole ? view.from : ask.from),
      to: isWhole ? Math.max(view.to, view.last) : Math.max(view.to, ask.to),
    };
    this.#rows = {
      depth: Math.max(this.#rows.depth, view.depth),
      resources: Math.max(this.#rows.resources, view.resourceRows),
    };
    const kept = { ask: covered, picture: pictureOf(view), used: ++this.#clock };
    if (isWhole) {
      // Finer parts of what the run was before are not true any more.
      if (this.#isStale) this.#kept = [];
      this.#isStale = false;
      this.#whole = kept;
    }
    this.#kept.push(kept);
    if (this.#kept.length > KEPT) this.#kept = this.#kept.sort((a, b) => b.used - a.used).slice(0, KEPT / 2);
  }
}

function axisOfPicture({ view: { first, last } }: Picture): Range {
  return { from: first, to: Math.max(last, first + 1) };
}
