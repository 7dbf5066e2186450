/**
 * A part of one run, heard again: all events of it, without limits, and what was under way and held where it begins. So what a
 * timeline only counted can be shown as if it had been kept.
 */
import type { LedgerEntry } from '../kernel/ledger.ts';
import type { Frame } from '../machine/frames.ts';
import { Collector, EVERYTHING } from './collect.ts';
import type { EventTable, Overflow, EventIndex } from './events.ts';
import { EVENT_KINDS } from './events.ts';
import type { Patience, Position, Timeline } from './timeline.ts';
import { NOTHING, comparePositions, throwIfCancelled, withoutProgress } from './timeline.ts';

/** Steps of a run, from the first one's beginning to before the last one's. */
export interface PartBounds {
  readonly run: number;
  readonly from: number;
  /** Infinity: up to the last moment of the run, as far as it has come. */
  readonly to: number;
}

export interface RunPart {
  readonly events: EventIndex;
  /** From the outermost to the innermost, where the part begins. */
  readonly frames: readonly Frame[];
  /** What the run had acquired there and not let go, in the order of acquisition. */
  readonly held: readonly LedgerEntry[];
}

/** Calls and returns are what there is most of. */
const WITHOUT_FLOW = { ...EVERYTHING, flow: 0 };
/** Steps between two looks at how many events there are. */
const PIECE = 100_000;

export interface Hearing extends Patience {
  /** With more events than this nothing is given. */
  readonly most?: number;
  /** Who asks for no calls and returns gets none, sooner. */
  readonly flow?: boolean;
}

/**
 * Hears a part; the timeline stays where it is, and is never taken further than it has been. Undefined when there are too many events.
 * Throws CANCELLED.
 */
export function hearPart(timeline: Timeline, bounds: PartBounds, hearing: Hearing = {}): RunPart | undefined {
  const start = { run: bounds.run, step: bounds.from, phase: 0 };
  return timeline.glance(start, () => hearOn(timeline, bounds, hearing), withoutProgress(hearing));
}

/** The same, going there, and on: for who hears one part after the other, and comes back by himself. */
export function hearOn(timeline: Timeline, { run, from, to }: PartBounds, hearing: Hearing = {}): RunPart | undefined {
  const { most = Infinity } = hearing;
  timeline.seek({ run, step: from, phase: 0 });
  const { machine } = timeline;
  const frames = [...machine.frames()].reverse();
  const held = machine.kernel.ledger.outstanding();
  const end = endOf(timeline, run, to);
  const collector = new Collector(hearing.flow === false ? WITHOUT_FLOW : EVERYTHING);
  const { events } = collector;
  collector.enterRun(run);
  collector.attach(machine);
  try {
    while (machine.end === undefined && comparePositions(timeline.position, end) < 0) {
      throwIfCancelled(hearing);
      const next = { run, step: timeline.position.step + PIECE, phase: 0 };
      const found = timeline.searchForward(NOTHING, { until: comparePositions(next, end) < 0 ? next : end });
      if (events.length > most) return undefined;
      hearing.onProgress?.(timeline.position.step - from, end.step - from);
      // A recording that was cut off goes no further.
      if (found === 'end') break;
    }
    if (machine.end !== undefined && to === Infinity) collector.ended(machine.end, timeline.position);
  } finally {
    collector.detach();
  }
  return { events, frames, held };
}

function endOf({ runs, frontier }: Timeline, run: number, to: number): Position {
  const last = runs[run]?.last ?? (frontier.run === run ? frontier : { run, step: 0, phase: 0 });
  const wanted = { run, step: to, phase: 0 };
  return comparePositions(wanted, last) < 0 ? wanted : last;
}

// ---- how much is in it --------------------------------------------------------------------------------------------------

/** What was only counted of a run. */
export function overflowOf({ overflows }: EventIndex, run: number): Overflow | undefined {
  return overflows.find((overflow) => overflow.run === run);
}

/** About how many events a part has, kept or counted: those of a stretch are taken to lie evenly in it. */
export function estimateOf(events: EventIndex, { run, from, to }: PartBounds, kinds?: ReadonlySet<number>): number {
  let sum = rowsIn(events.flow, { run, from, to }, kinds) + rowsIn(events.rest, { run, from, to }, kinds);
  const overflow = overflowOf(events, run);
  if (overflow === undefined) return sum;
  const size = 2 ** overflow.shift;
  const stretches = overflow.counts.length / EVENT_KINDS.length;
  const last = Math.min(Math.ceil(to / size), stretches);
  for (let stretch = Math.max(Math.floor(from / size), 0); stretch < last; stretch++) {
    const share = (Math.min(to, (stretch + 1) * size) - Math.max(from, stretch * size)) / size;
    if (share <= 0) continue;
    for (let kind = 0; kind < EVENT_KINDS.length; kind++)
      if (kinds?.has(kind) !== false) sum += share * overflow.counts[stretch * EVENT_KINDS.length + kind]!;
  }
  return sum;
}

function rowsIn(table: EventTable, { run, from, to }: PartBounds, kinds: ReadonlySet<number> | undefined): number {
  const end = table.firstFrom(to === Infinity ? { run: run + 1, step: 0, phase: 0 } : { run, step: to, phase: 0 });
  const first = table.firstFrom({ run, step: from, phase: 0 });
  if (kinds === undefined) return Math.max(end - first, 0);
  let count = 0;
  for (let row = first; row < end; row++) if (kinds.has(table.columns.kind[row]!)) count++;
  return count;
}

/** The step from which on something of these kinds was only counted: before it all is known. Infinity when nothing was. */
export function countedFrom(events: EventIndex, run: number, kinds?: ReadonlySet<number>): number {
  const overflow = overflowOf(events, run);
  const isMeant = (at: number): boolean => kinds?.has(at % EVENT_KINDS.length) !== false;
  const at = overflow?.counts.findIndex((count, i) => count > 0 && isMeant(i)) ?? -1;
  return overflow === undefined || at < 0 ? Infinity : Math.floor(at / EVENT_KINDS.length) * 2 ** overflow.shift;
}
