/**
 * Where checkpoints are far apart, because each of them is dear, a few more lie just before the moments that were visited last: stepping
 * back from there must not run millions of instructions again for each step.
 */
import type { MachineCheckpoint } from '../machine/machine.ts';
import { costOf } from './checkpoints.ts';
import type { Position } from './timeline.ts';
import { comparePositions } from './timeline.ts';

export interface Place {
  readonly position: Position;
  readonly checkpoint: MachineCheckpoint;
}

/** What runs again from further away than this takes noticeably long. */
const FAR = 1_000_000;
/** So many instructions before where somebody goes. */
const BEFORE = 4096;
/** All but the newest have to be small. */
const MAX_PLACES = 4;
const MAX_BYTES = 24 * 1024 * 1024;

export class NearPlaces {
  /** The newest last. */
  #places: (Place & { readonly bytes: number })[] = [];

  /** Where to take one on the way to a moment; undefined when the way is short. */
  stepBefore(target: Position, from: Position): number | undefined {
    const start = from.run === target.run ? from.step : target.step;
    return target.step - start > FAR ? target.step - BEFORE : undefined;
  }

  add(place: Place, reachedFrom: Place): void {
    const bytes = costOf(place.checkpoint, reachedFrom.checkpoint);
    this.#places.push({ ...place, bytes });
    let sum = 0;
    for (let i = this.#places.length - 1; i >= 0; i--) {
      sum += this.#places[i]!.bytes;
      // The newest stays, however large it is.
      if (i < this.#places.length - 1 && (this.#places.length - i > MAX_PLACES || sum > MAX_BYTES)) {
        this.#places.splice(0, i + 1);
        return;
      }
    }
  }

  /** The latest of these and another place at a position, or before it. */
  best(position: Position, other: Place | undefined, isStrict = false): Place | undefined {
    let best = other;
    for (const place of this.#places) {
      const order = comparePositions(place.position, position);
      if (order > 0 || (isStrict && order === 0)) continue;
      if (best === undefined || comparePositions(place.position, best.position) > 0) best = place;
    }
    return best;
  }
}
