/** What the verifier claims beside what a machine holds. */
import type { Claims } from '../verifier/claims/claims.ts';
import type { Machine } from '../machine/machine.ts';

/** What is claimed of one register or stack slot. */
export interface ClaimView {
  /** As the log writes it. */
  readonly text: string;
  /** The value lies outside of the claims of all paths that lead here: a defect of the verifier, or of the machine. */
  readonly violated: boolean;
  /** Other claims about it, of other paths that reach the instruction. */
  readonly alternatives: number;
}

export interface FrameClaims {
  readonly insn: number;
  /** By register number; absent where nothing is said. */
  readonly registers: readonly (ClaimView | undefined)[];
  /** By distance from the frame pointer: -8, -16, … */
  readonly slots: ReadonlyMap<number, ClaimView>;
  /** States in which paths reach the instruction. */
  readonly states: number;
  /** One of them holds what the machine holds. True as well where nothing is said. */
  readonly contained: boolean;
  /** Whether a value outside of the claims is an error. */
  readonly complete: boolean;
}

export type ClaimAt = (machine: Machine, claims: Claims, frame: number) => FrameClaims | undefined;
