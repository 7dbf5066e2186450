/**
 * Searching backwards by running forwards: from the nearest place before the present moment up to it, remembering the last hit; when there
 * is none, from the place before that one, and so on.
 */
import type { Machine } from '../machine/machine.ts';
import type { Place } from './near.ts';
import type { Found, Limits, Patience, Position, Search, TimelineRun } from './timeline.ts';
import { NOTHING, comparePositions } from './timeline.ts';

/** What it asks of a timeline. */
export interface BackwardHost {
  readonly machine: Machine;
  readonly position: Position;
  readonly first: Position;
  readonly runs: readonly TimelineRun[];
  /** The nearest place strictly before a moment. */
  placeBefore(end: Position): Place | undefined;
  restore(place: Place): void;
  /** Runs until a hit, a position, or the end of the run. */
  forward(search: Search, until: Position | undefined, limits: Patience, first: 'run' | 'step'): Found;
  /** From the end of a run to the beginning of the next. */
  cross(): void;
  /** Whether the search means the present moment, which was reached in another way than by running. */
  arrived(search: Search, position: Position): boolean;
  seek(position: Position): void;
}

export function searchBackward(host: BackwardHost, search: Search, limits: Limits): Found {
  return new BackwardSearch(host, search, limits).run();
}

class BackwardSearch {
  readonly #host: BackwardHost;
  readonly #search: Search;
  readonly #limits: Limits;
  readonly #until: Position;
  /** For what runs within a slice: its own steps are no progress. */
  readonly #patience: Patience;
  /** Where runs begin that have no checkpoint, with those of the slices to come. */
  readonly #laid: Place[] = [];

  constructor(host: BackwardHost, search: Search, limits: Limits) {
    this.#host = host;
    this.#search = search;
    this.#limits = limits;
    this.#until = limits.until ?? host.first;
    const { isCancelled } = limits;
    this.#patience = isCancelled === undefined ? {} : { isCancelled: () => isCancelled() };
  }

  run(): Found {
    const host = this.#host;
    const from = host.position;
    const until = this.#until;
    let end = from;
    let inclusive = false;
    let done = 0;
    const total = stepsBetween(host.runs, until, from);
    while (comparePositions(end, until) > 0) {
      const start = this.#toSliceBefore(end);
      if (start === undefined) break;
      let hit: Position | undefined;
      if (comparePositions(start.position, until) < 0) {
        host.forward(NOTHING, until, this.#patience, 'run');
        if (host.arrived(this.#search, until)) hit = host.position;
      }
      const last = this.#lastHit(end, inclusive);
      if (last === 'cancelled' || this.#limits.isCancelled?.() === true) {
        host.seek(from);
        return 'cancelled';
      }
      hit = last ?? hit;
      if (hit !== undefined) {
        host.seek(hit);
        return 'hit';
      }
      if (end.run === start.position.run) done += end.step - start.position.step;
      this.#limits.onProgress?.(done, total);
      // The first moment of a run is reached from nowhere: it is looked at here.
      if (this.#isFirst(start.position) && comparePositions(start.position, until) >= 0) {
        host.restore(start);
        if (host.arrived(this.#search, start.position)) return 'hit';
      }
      end = start.position;
      inclusive = !this.#isFirst(start.position);
    }
    host.seek(until);
    return comparePositions(until, host.first) > 0 ? 'until' : 'start';
  }

  /**
   * Goes to the nearest place before an end from which no other run comes in between, and says where that is. Where a checkpoint is only
   * in an earlier run, the runs after it are run, and where they begin is remembered for the slices to come.
   */
  #toSliceBefore(end: Position): Place | undefined {
    const host = this.#host;
    const laid = this.#laid;
    const run = this.#isFirst(end) ? end.run - 1 : end.run;
    while (laid.length > 0 && comparePositions(laid.at(-1)!.position, end) >= 0) laid.pop();
    const kept = host.placeBefore(end);
    const near = laid.at(-1);
    const start = near !== undefined && (kept === undefined || near.position.run > kept.position.run) ? near : kept;
    if (start === undefined) return undefined;
    host.restore(start);
    while (host.position.run < run) {
      host.forward(NOTHING, undefined, {}, 'run');
      host.cross();
      laid.push({ position: host.position, checkpoint: host.machine.checkpoint() });
    }
    return host.position.run === start.position.run ? start : laid.at(-1);
  }

  /** The last hit between the present moment and an end; of both, only the end may be one. */
  #lastHit(end: Position, inclusive: boolean): Position | 'cancelled' | undefined {
    const host = this.#host;
    const search = this.#search;
    let last: Position | undefined;
    let next: 'run' | 'step' = search.begin?.(host.machine, host.position) ?? 'run';
    for (;;) {
      const found = host.forward(search, end, this.#patience, next);
      const { position } = host;
      if (found === 'cancelled') return found;
      if (found !== 'hit') return last;
      const isEnd = comparePositions(position, end) >= 0;
      if (isEnd && !inclusive) return last;
      if (comparePositions(position, this.#until) >= 0) last = position;
      if (isEnd) return last;
      next = search.begin?.(host.machine, position) ?? 'run';
    }
  }

  #isFirst(position: Position): boolean {
    const first = this.#host.runs[position.run]?.first;
    return first !== undefined && comparePositions(first, position) === 0;
  }
}

/** Instructions from one moment to a later one, as far as runs are known. */
function stepsBetween(runs: readonly TimelineRun[], from: Position, to: Position): number {
  let steps = 0;
  for (let run = from.run; run <= to.run; run++) {
    const { first, last } = runs[run]!;
    steps += (run === to.run ? to : (last ?? first)).step - (run === from.run ? from : first).step;
  }
  return steps;
}
