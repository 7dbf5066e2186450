/**
 * Parts of long runs, heard again when somebody looks at them, and kept while he looks around there. Each is wider than what was asked
 * for, and begins at a round step, so that what is beside it is in it too.
 */
import type { Hearing, PartBounds } from '../trace/part.ts';
import { estimateOf, hearPart } from '../trace/part.ts';
import type { Patience, Timeline } from '../trace/timeline.ts';
import type { RunColumns } from './run-columns.ts';
import { kfuncTest, runColumns } from './run-columns.ts';
import type { RunAxis } from './run-axis.ts';
import { RunIndex } from './run-index.ts';

/** What is known in full: of a whole run, or of the steps of a part. */
export interface Known {
  readonly index: RunIndex;
  readonly columns: RunColumns;
}

export interface KnownPart extends Known {
  readonly bounds: PartBounds;
}

/** How much is heard again while somebody waits. */
export interface Again {
  /** A run of no more events and steps than this is heard as a whole, once: that takes a tenth of a second. */
  readonly wholeEvents: number;
  readonly wholeSteps: number;
  /** Of a longer one a part, for each picture that has none yet; with what is beside it when that is not more than `roomyEvents`. */
  readonly partEvents: number;
  readonly partSteps: number;
  readonly roomyEvents: number;
  /** Where little happens a part is no shorter than this, since looking closer should not mean waiting again. */
  readonly leastSteps: number;
  readonly leastEvents: number;
  /** What came and went in so many steps before a moment is told there. */
  readonly leadingSteps: number;
}

export const AGAIN: Again = {
  wholeEvents: 80_000,
  wholeSteps: 4_000_000,
  partEvents: 40_000,
  partSteps: 4_000_000,
  roomyEvents: 25_000,
  leastSteps: 32_768,
  leastEvents: 15_000,
  leadingSteps: 4096,
};

/** Those that were used last are kept, of so many events in all. */
const MAX_KEPT = 6;
const MAX_EVENTS = 300_000;

export class RunParts {
  readonly #timeline: () => Timeline;
  readonly #again: Again;
  /** In the order of use. */
  #kept: { readonly part: KnownPart; readonly frontier: number }[] = [];

  constructor(timeline: () => Timeline, again: Again) {
    this.#timeline = timeline;
    this.#again = again;
  }

  clear(): void {
    this.#kept = [];
  }

  /** A part that holds these steps; undefined when they are too many, or what happens in them. Throws CANCELLED. */
  of(axis: RunAxis, from: number, to: number, patience: Patience = {}): KnownPart | undefined {
    const timeline = this.#timeline();
    const { run } = axis;
    const frontier = frontierOf(timeline, run);
    const at = this.#kept.findLastIndex(({ part: { bounds }, frontier: heard }) => {
      return bounds.run === run && heard === frontier && bounds.from <= from && bounds.to >= to;
    });
    if (at >= 0) {
      const [found] = this.#kept.splice(at, 1);
      this.#kept.push(found!);
      return found!.part;
    }
    const bounds = boundsFor(timeline, run, from, to, this.#again);
    if (bounds === undefined) return undefined;
    // What was estimated may be wrong by what stretches have in their other parts.
    const most = 4 * this.#again.partEvents;
    const part = hearKnown(timeline, axis, bounds, { ...patience, most });
    if (part !== undefined) this.#keep(part, frontier);
    return part;
  }

  #keep(part: KnownPart, frontier: number): void {
    this.#kept.push({ part, frontier });
    let sum = this.#kept.reduce((events, one) => events + one.part.index.events.length, 0);
    while (this.#kept.length > 1 && (this.#kept.length > MAX_KEPT || sum > MAX_EVENTS))
      sum -= this.#kept.shift()!.part.index.events.length;
  }
}

/** Up to where a run has come: what was heard of one that goes on may not be all any more. */
function frontierOf({ runs, frontier }: Timeline, run: number): number {
  const last = runs[run]?.last ?? (frontier.run === run ? frontier : undefined);
  return last === undefined ? 0 : last.step + last.phase / 65_536;
}

/** What to hear so that steps are in it: wider than they are, if that is not too much. */
function boundsFor(
  timeline: Timeline,
  run: number,
  from: number,
  to: number,
  { partEvents, partSteps, roomyEvents, leastSteps, leastEvents }: Again,
): PartBounds | undefined {
  const { runs, events, frontier } = timeline;
  const first = runs[run]?.first.step ?? 0;
  const last = runs[run]?.last?.step ?? (frontier.run === run ? frontier.step : first);
  const end = Math.min(to, last + 1);
  const clip = (a: number, b: number): PartBounds => ({ run, from: Math.max(a, first), to: b > last ? Infinity : b });
  const fits = (bounds: PartBounds, most: number): boolean =>
    Math.min(bounds.to, last + 1) - bounds.from <= partSteps && estimateOf(events, bounds) <= most;
  const around = (size: number): PartBounds => {
    const half = Math.max(size / 2, 1);
    return clip(Math.floor(from / half) * half, (Math.floor(end / half) + 1) * half);
  };
  const span = Math.max(end - from, 1);
  if (span <= leastSteps && fits(around(leastSteps), leastEvents)) return around(leastSteps);
  const roomy = around(2 ** Math.ceil(Math.log2(span)));
  if (fits(roomy, roomyEvents)) return roomy;
  return fits(clip(from, to), partEvents) ? clip(from, to) : undefined;
}

/** Hears a part, wherever that is. */
export function hearKnown(
  timeline: Timeline,
  axis: RunAxis,
  bounds: PartBounds,
  hearing: Hearing,
  hear = hearPart,
): KnownPart | undefined {
  const part = hear(timeline, bounds, hearing);
  if (part === undefined) return undefined;
  const index = new RunIndex(part.events, axis, part.held);
  const lanes = {
    from: axis.tickOf({ step: bounds.from, phase: 0 }),
    to: bounds.to === Infinity ? Infinity : axis.tickOf({ step: bounds.to, phase: 0 }),
    frames: part.frames,
  };
  let columns: RunColumns | undefined;
  return {
    bounds,
    index,
    // Who looks for a name needs no lanes.
    get columns() {
      columns ??= runColumns(timeline, index, kfuncTest(timeline.object.programs), lanes);
      return columns;
    },
  };
}
