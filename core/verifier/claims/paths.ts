/** The paths that an ordinary verification took, as a tree in flat arrays. */

/** How a stretch of instructions ended. */
export type PathEnd = 'fork' | 'exit' | 'throw' | 'pruned' | 'rejected' | 'unfinished';

export interface PathTree {
  /** Instruction that the stretch begins with, and the last one that was verified in it. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** The stretch before it; -1 where a function begins to be verified. */
  readonly parent: readonly number[];
  /** What was decided on the way to it: `r0 == 0 taken`, or the function that begins. */
  readonly label: readonly string[];
  /** Instructions verified in it. */
  readonly insns: readonly number[];
  readonly end: readonly PathEnd[];
  /** Of a pruned one: the stretch whose state at the same instruction served; -1 otherwise. */
  readonly servedBy: readonly number[];
  readonly paths: number;
  readonly pruned: number;
  readonly states: number;
  /** There are more stretches than are listed. */
  readonly truncated: boolean;
}
