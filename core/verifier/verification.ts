/** What verifying a program gives: the verdict, the log, and the facts that later stages use. */
import type { Profile } from '../exceptions/profile.ts';
import type { FrameDescriptor } from '../exceptions/descriptor.ts';
import type { MergeConflict } from '../exceptions/merge.ts';
import type { Program } from '../object/program.ts';
import type { AssertionFact } from './throws/assertions.ts';

export type { AssertionFact } from './throws/assertions.ts';

export interface VerifyOptions {
  /** Which rules for exceptions; chosen from the program when absent (docs/exceptions.md, section 3). */
  readonly profile?: Profile;
  /** 0: errors only; 1: the states at branches and the failing path's instructions; 2: every instruction and state. */
  readonly logLevel?: 0 | 1 | 2;
  /** Instructions to process before giving up; the kernel's million when absent. */
  readonly maxInsns?: number;
  /** Asked every few thousand instructions; true ends the verification with a rejection. */
  readonly isCancelled?: () => boolean;
}

export interface Verification {
  readonly program: Program;
  readonly profile: Profile;
  readonly verdict: 'accepted' | 'rejected';
  /** The last line of the kernel's error; empty when accepted. */
  readonly message: string;
  readonly log: string;
  /** Instructions processed, over all paths. */
  readonly insns: number;
  readonly states: number;
  readonly peakStates: number;
  /** Bytes of stack, by subprogram. */
  readonly stackDepth: readonly number[];
  readonly durationUs: number;
  /** What unwinding releases, frame by frame (profile `proposal`). */
  readonly descriptors: readonly FrameDescriptor[];
  /** How often a path met a descriptor that an earlier path had made. */
  readonly merges: number;
  /** Why descriptors could not be merged: at most one, since it rejects the program. */
  readonly conflicts: readonly MergeConflict[];
  /** The tests that guard throws, and what each of them told. */
  readonly assertions: readonly AssertionFact[];
  readonly exceptionCallback?: { readonly subprogram: number; readonly how: 'call' | 'tag' };
  /** Per instruction: 1 when some path reaches it. */
  readonly seen: Uint8Array;
  /** Per instruction: 1 for a load through an untrusted pointer, where a fault reads as zero. */
  readonly probeMem: Uint8Array;
}
