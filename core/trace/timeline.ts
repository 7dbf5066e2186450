/**
 * What a session moves along: runs of programs, one after the other, in which every moment can be reached from every other.
 * A recording offers this, and so does a program that runs without one (live.ts).
 */
import { BailoutError } from '../errors.ts';
import type { Machine } from '../machine/machine.ts';
import type { End } from '../machine/stop.ts';
import type { ObjectFile, Program } from '../object/program.ts';
import type { EventIndex } from './events.ts';

/**
 * A moment: in which run, after how many instructions, and of the unwinding that the last one began after how many phases. A fault is a
 * phase of its own, since the instruction that faults is not counted.
 */
export interface Position {
  readonly run: number;
  readonly step: number;
  readonly phase: number;
}

export function comparePositions(a: Position, b: Position): number {
  return a.run - b.run || a.step - b.step || a.phase - b.phase;
}

/** One program from its first instruction to its end, or a callback that ran on its own after one. */
export interface TimelineRun {
  readonly program: Program;
  readonly what: 'program' | 'timer' | 'workqueue' | 'task_work';
  readonly first: Position;
  /** The last moment, once it is known. */
  readonly last?: Position;
  readonly end?: End;
  /** How often something was thrown, once it is over. */
  readonly throws?: number;
}

/** Something that is looked for by running: breakpoints, watchpoints, the end of a line or function. */
export interface Search {
  /** Whether phases of an unwinding are looked at. */
  readonly phases: boolean;
  /** 1 at each instruction of a program before which the machine has to stop and ask; undefined for none. */
  stops(program: Program): Uint8Array | undefined;
  /**
   * The search begins here, or a part of it does: forget what was seen before. `step` when the very next instruction has to
   * be looked at by itself.
   */
  begin?(machine: Machine, position: Position): 'run' | 'step';
  /** The machine has stopped: is this what was looked for? `step` executes one instruction or phase, and asks again. */
  test(machine: Machine, position: Position): 'hit' | 'miss' | 'step';
}

/** Looks for nothing: runs on to an end. */
export const NOTHING: Search = { phases: false, stops: () => undefined, test: () => 'miss' };

/** Who waits for something that takes long. Both are asked often: at least once in what runs in a tenth of a second. */
export interface Patience {
  /** Instructions gone through, and all of them where that is known. */
  onProgress?(done: number, total: number | undefined): void;
  isCancelled?(): boolean;
}

/** For a part of something that tells how far it is by itself. */
export function withoutProgress({ isCancelled }: Patience): Patience {
  return isCancelled === undefined ? {} : { isCancelled: () => isCancelled() };
}

export interface Limits extends Patience {
  /** Going no further than this. */
  readonly until?: Position;
}

/** What was asked for was given up by whoever asked, and there is no part of an answer. */
export function cancelled(): BailoutError {
  return new BailoutError('CANCELLED', 'This was cancelled.');
}

export function throwIfCancelled(limits: Patience): void {
  if (limits.isCancelled?.() === true) throw cancelled();
}

/** How a search ended: `end` is the end of the present run; asked again, it goes into the next. */
export type Found = 'hit' | 'until' | 'start' | 'end' | 'cancelled';

/** How far runs were run: all to their end, or up to the greatest number of instructions. */
export type Completed = 'end' | 'limit' | 'cancelled';

export interface Timeline {
  readonly machine: Machine;
  readonly object: ObjectFile;
  /** What happened in all that was run so far, each part heard once. It grows while runs go on. */
  readonly events: EventIndex;
  readonly runs: readonly TimelineRun[];
  readonly position: Position;
  readonly first: Position;
  /** The furthest moment that was ever reached. */
  readonly frontier: Position;
  /** Moments from which others are reached. */
  readonly checkpoints: number;
  /** Runs what was begun to its end, without moving the present moment: afterwards all events of it are known. */
  complete(limits?: Patience): Completed;
  /** Goes to the nearest moment that there is, and says where that was. Throws CANCELLED, and stays where it was. */
  seek(position: Position, limits?: Patience): Position;
  /** Does something at another moment, or the nearest that there is; afterwards the present one is what it was. */
  glance<T>(position: Position, action: () => T, limits?: Patience): T;
  /** The first hit after the present moment. */
  searchForward(search: Search, limits?: Limits): Found;
  /** The last hit before the present moment. */
  searchBackward(search: Search, limits?: Limits): Found;
}
