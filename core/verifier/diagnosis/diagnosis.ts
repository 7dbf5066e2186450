/**
 * Why a program was rejected, as plain data: what a page, a terminal or a script shows beside the verifier's terse line.
 * `diagnose` (diagnose.ts) makes it.
 */
import type { Profile } from '../../exceptions/profile.ts';

/** What kind of thing is wrong. The codes never change; the words are for people. */
export const CATEGORIES = {
  memory: 'Memory Safety',
  null: 'Null Pointer',
  uninitialised: 'Uninitialised',
  reference: 'Reference Leak',
  loop: 'Control Flow',
  limit: 'Limits',
  call: 'Calls and Arguments',
  type: 'Types',
  return: 'Return Value',
  exception: 'Exceptions',
  region: 'Locks and Regions',
  structure: 'Program Structure',
  permission: 'Permissions and Context',
  loading: 'Loading',
  verifier: 'Verifier',
} as const;

export type Category = keyof typeof CATEGORIES;

/** A place in the program. */
export interface DiagnosisPlace {
  readonly insn: number;
  /** The function's name. */
  readonly function: string;
  /** The instruction in words, and where in these the operand stands that is meant (`end` exclusive). */
  readonly text: string;
  readonly operand?: TextRange;
  readonly source?: DiagnosisSource;
}

/** Characters of a text, counted from 0; `end` is exclusive. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

export interface DiagnosisSource {
  readonly file: string;
  readonly line: number;
  /** From 1, as BTF has it; 0 when unknown. */
  readonly column: number;
  /** The line without the white space around it, tabs as spaces. */
  readonly text: string;
  /** The part of `text` that the instruction came from, as far as can be told; the whole line else. */
  readonly range: TextRange;
  /** False when `range` is the whole line for want of better. */
  readonly exact: boolean;
}

export type CausalKind =
  | 'entry'
  | 'constant'
  | 'load'
  | 'copy'
  | 'arithmetic'
  | 'spill'
  | 'fill'
  | 'store'
  | 'branch'
  | 'call'
  | 'result'
  | 'argument'
  | 'return'
  | 'overwritten'
  | 'acquired'
  | 'released'
  | 'entered'
  | 'error';

/** One step of the way on which a value, or something held, came to be what the verifier refused. */
export interface CausalStep {
  readonly kind: CausalKind;
  readonly insn: number;
  /** Number of the frame, 0 for the outermost, and its function. */
  readonly frame: number;
  readonly function: string;
  readonly source?: DiagnosisSource;
  /** The instruction in words. */
  readonly text: string;
  /** What happens here, in words: `len * 8`, `if (len < 20)   not taken`. */
  readonly what: string;
  /** The register or stack slot: `r6`, `fp-16`; empty where none is meant. */
  readonly place: string;
  /** What the verifier knows after it: `r6 = scalar(umax=255)`, or what has changed: `umin 0 → 20`. */
  readonly change: string;
  /** How often the path came by here, when the steps of a loop are taken together. */
  readonly turns: number;
  /** For a branch: which way the path went. */
  readonly taken?: boolean;
  /** Position on the failing path, in instructions from its start. */
  readonly position: number;
}

export type Trial =
  | { readonly kind: 'accepted'; readonly insns: number }
  | { readonly kind: 'rejected'; readonly message: string; readonly insns: number }
  /** It cannot be tried by changing the program (or there was no time left). */
  | { readonly kind: 'untried' };

/** A place where a suggestion can be carried out. */
export interface SuggestionPlace {
  /** Before this instruction, at which the value is in this register. */
  readonly insn: number;
  readonly file?: string;
  /** Before this line of the source. */
  readonly line?: number;
  readonly function: string;
  /** What is written there. */
  readonly code: string;
  readonly tried: Trial;
}

export interface Suggestion {
  readonly text: string;
  /** What is written into the source: `bpf_assert_lt(len, 256);`. */
  readonly code?: string;
  readonly at?: SuggestionPlace;
  readonly tried: Trial;
  /** Other places at which it would do as well. */
  readonly elsewhere: readonly SuggestionPlace[];
}

export interface Diagnosis {
  readonly program: string;
  readonly profile: Profile;
  /** Stable, `category.what`: `memory.map-value`. */
  readonly code: string;
  readonly category: Category;
  readonly categoryName: string;
  /** What is wrong, in one sentence. */
  readonly title: string;
  /** The kernel's words, and what it said before them. */
  readonly message: string;
  readonly before: readonly string[];
  /** With figures from the verifier's state; empty when the title says it all. */
  readonly reason: string;
  /** Where the verifier stopped; absent when no instruction is at fault. */
  readonly at?: DiagnosisPlace;
  /** Oldest first; the last one is the error. */
  readonly path: readonly CausalStep[];
  /** Steps left out in the middle of `path`. */
  readonly omitted: number;
  /** Best first. */
  readonly suggestions: readonly Suggestion[];
  /** Instructions on the way from the entry to the error. */
  readonly pathLength: number;
}

export interface DiagnoseOptions {
  /** Try suggestions by verifying the program with them; on when absent. */
  readonly tryOut?: boolean;
  /** For everything together, in milliseconds; when absent 1,500 and five times what the verification took. What is not done by then is left out. */
  readonly budgetMs?: number;
  readonly isCancelled?: () => boolean;
  /** As for the verification. */
  readonly maxInsns?: number;
}
