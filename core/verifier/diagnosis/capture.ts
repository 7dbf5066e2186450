/**
 * What the verifier knew at chosen moments of the failing path. The program is verified once more, to the same end, and
 * looked at only there: keeping every state of a path of a million instructions would take gigabytes.
 */
import type { Program } from '../../object/program.ts';
import type { Env } from '../context.ts';
import type { PathObserver } from '../paths/observer.ts';
import { registerText } from '../print-state.ts';
import { ROW, type State, slotKind } from '../state/state.ts';
import { STACK_INVALID, STACK_MISC, STACK_SPILL, STACK_ZERO } from '../state/types.ts';
import type { VerifyOptions } from '../verification.ts';
import { verifyObserved } from '../verify.ts';
import type { PathRecorder, PlaceCode } from './record.ts';
import { isSlotPlace, placeBase, placeFrame, placeIndex } from './record.ts';

/** A register or slot at one moment. */
export interface Known {
  /** The row's words. */
  readonly row: Int32Array;
  /** As the log prints it: `scalar(umin=20)`. */
  readonly text: string;
}

export interface Captured {
  /** By position on the path, then place: what was known before the instruction there. */
  at(position: number, place: PlaceCode): Known | undefined;
  /** The state before the instruction that failed. */
  readonly last: State | undefined;
  readonly env: Env | undefined;
}

class Capture implements PathObserver, Captured {
  readonly #path: PathRecorder;
  readonly #wanted: ReadonlyMap<number, readonly PlaceCode[]>;
  /** Positions of interest by how many instructions have been processed, ascending. */
  readonly #moments: readonly (readonly [sequence: number, position: number])[];
  #next = 0;
  readonly #known = new Map<string, Known>();
  last: State | undefined;
  env: Env | undefined;

  constructor(path: PathRecorder, wanted: ReadonlyMap<number, readonly PlaceCode[]>) {
    this.#path = path;
    this.#wanted = wanted;
    this.#moments = [...wanted.keys()]
      .filter((position) => position < path.length)
      .sort((a, b) => a - b)
      .map((position) => [path.sequence[position]!, position] as const);
  }

  at(position: number, place: PlaceCode): Known | undefined {
    return this.#known.get(`${position}:${place}`);
  }

  began(env: Env): void {
    this.env = env;
  }

  step(env: Env): void {
    const sequence = env.insnsProcessed;
    const moment = this.#moments[this.#next];
    if (moment !== undefined && moment[0] === sequence) {
      this.#next++;
      for (const place of this.#wanted.get(moment[1]) ?? []) {
        const known = knownAt(env, env.state, place);
        if (known !== undefined) this.#known.set(`${moment[1]}:${place}`, known);
      }
    }
    if (this.#path.length > 0 && sequence === this.#path.sequence[this.#path.length - 1]) {
      this.last = env.state.clone();
      this.env = env;
    }
  }

  queued(): void {
    // Only what is known at a moment matters, not how the paths hang together.
  }

  pathEnded(): void {
    // As above.
  }
}

/** What a state knows of a place. */
export function knownAt(env: Env, state: State, place: PlaceCode): Known | undefined {
  const frame = state.frames[placeFrame(place)];
  if (frame === undefined || (isSlotPlace(place) && placeIndex(place) >= frame.slots)) return undefined;
  const base = placeBase(place);
  const row = frame.w.slice(base, base + ROW);
  if (!isSlotPlace(place)) return { row, text: registerText(env, placeFrame(place), row, 0) };
  switch (slotKind(row, 0)) {
    case STACK_SPILL:
      return { row, text: registerText(env, placeFrame(place), row, 0) };
    case STACK_INVALID:
      return { row, text: 'nothing written' };
    case STACK_ZERO:
      return { row, text: '0' };
    case STACK_MISC:
      return { row, text: 'any bytes' };
    default:
      return { row, text: 'an object of the kernel' };
  }
}

/** Verifies again and keeps what was known at the wanted positions and at the end. */
export function capture(
  program: Program,
  options: VerifyOptions,
  path: PathRecorder,
  wanted: ReadonlyMap<number, readonly PlaceCode[]>,
): Captured {
  const observer = new Capture(path, wanted);
  verifyObserved(program, options, observer);
  return observer;
}
