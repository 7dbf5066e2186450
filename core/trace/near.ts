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

/** What takes longer to run again than this is noticed when it comes with each step back. */
const FAR_MS = 2;
/** What may be run again for a step: few instructions, and fewer where they are slow. */
const BEFORE_MS = 0.5;
const MOST_BEFORE = 4096;
const LEAST_BEFORE = 16;

export class NearPlace {
  /** The machine keeps one moment aside: the newest. */
  #place: Place | undefined;

  /** Where to take one on the way to a moment; undefined when the way is short. `msPerStep`: how long instructions take. */
  stepBefore(target: Position, from: Position, msPerStep: number): number | undefined {
    const way = target.step - (from.run === target.run ? from.step : target.step);
    if (way * msPerStep <= FAR_MS) return undefined;
    const before = Math.min(Math.max(Math.floor(BEFORE_MS / msPerStep), LEAST_BEFORE), MOST_BEFORE);
    return way > before ? target.step - before : undefined;
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
