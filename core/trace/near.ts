/**
 * Where checkpoints are far apart, because each of them is dear, one more moment is remembered just before the one that was visited last:
 * stepping back from there must not run millions of instructions again for each step.
 */
import type { Machine, MachineCheckpoint } from '../machine/machine.ts';
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

export class NearPlace {
  /** The machine keeps one moment aside: the newest. */
  #place: Place | undefined;

  /** Where to take one on the way to a moment; undefined when the way is short. */
  stepBefore(target: Position, from: Position): number | undefined {
    const start = from.run === target.run ? from.step : target.step;
    return target.step - start > FAR ? target.step - BEFORE : undefined;
  }

  /** Remembers where the machine stands. */
  take(machine: Machine, position: Position): void {
    this.#place = { position, checkpoint: machine.setAside() };
  }

  /** This one or another place, whichever is the later of those at a position or before it. */
  best(position: Position, other: Place | undefined, isStrict = false): Place | undefined {
    const place = this.#place;
    if (place === undefined) return other;
    const order = comparePositions(place.position, position);
    if (order > 0 || (isStrict && order === 0)) return other;
    return other === undefined || comparePositions(place.position, other.position) > 0 ? place : other;
  }
}
