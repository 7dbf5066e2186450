/** What the verifier said, and why. */
import type { Profile } from './state.ts';

export interface CausalStepView {
  readonly insn: number;
  readonly frame: number;
  readonly function: string;
  readonly file?: string;
  readonly line?: number;
  readonly source?: string;
  /** What the step is: `len = fl->len`, `not taken`. */
  readonly text: string;
  /** What it changed: `umin 0 → 20`. */
  readonly change: string;
  /** The last one: the check that failed. */
  readonly failed: boolean;
}

/** What the verifier said when a suggestion was tried. */
export interface TrialView {
  readonly verdict: 'accepted' | 'rejected';
  readonly insns: number;
  readonly message: string;
}

export interface SuggestionView {
  readonly text: string;
  /** A line to write, when there is one: `bpf_assert_lt(len, 256);`. */
  readonly code?: string;
  /** Before which line, or at which instruction. */
  readonly where?: { readonly insn: number; readonly file?: string; readonly line?: number };
  /** It was tried: what the verifier said then. */
  readonly tried?: TrialView;
  /** Other places where it would do. */
  readonly others?: readonly {
    readonly insn: number;
    readonly function: string;
    readonly file?: string;
    readonly line?: number;
    readonly code: string;
    readonly tried?: TrialView;
  }[];
}

export interface DiagnosisView {
  readonly category: string;
  readonly title: string;
  readonly message: string;
  readonly reason: string;
  readonly at?: {
    readonly insn: number;
    readonly function: string;
    readonly file?: string;
    readonly line?: number;
    readonly source?: string;
    /** Columns of the source text that are meant. */
    readonly caret?: { readonly from: number; readonly to: number };
    /** The instruction in words, and the columns of the operand in it that is meant. */
    readonly text: string;
    readonly operand?: { readonly from: number; readonly to: number };
  };
  readonly path: readonly CausalStepView[];
  readonly suggestions: readonly SuggestionView[];
}

export interface DescriptorView {
  readonly function: string;
  readonly insn: number;
  readonly bytes: number;
  readonly entries: readonly {
    readonly place: string;
    readonly type: string;
    readonly release: string;
    readonly acquiredAt: readonly number[];
  }[];
}

export interface VerificationView {
  readonly program: string;
  readonly profile: Profile;
  readonly verdict: 'accepted' | 'rejected';
  readonly message: string;
  readonly insns: number;
  readonly states: number;
  readonly peakStates: number;
  readonly durationUs: number;
  readonly stackDepth: readonly { readonly function: string; readonly bytes: number }[];
  readonly descriptors: readonly DescriptorView[];
  /** What assertions told the verifier. */
  readonly assertions: readonly {
    readonly insn: number;
    readonly register: string;
    readonly condition: string;
    readonly before: string;
    readonly after: string;
    readonly line?: number;
  }[];
  readonly diagnosis?: DiagnosisView;
}

export type LogLevel = 0 | 1 | 2;

export interface LogLine {
  readonly text: string;
  readonly kind: 'source' | 'insn' | 'state' | 'error' | 'other';
  /** The instruction it is about. */
  readonly insn?: number;
}

export interface LogSummary {
  readonly lines: number;
  /** Of the error, in a rejection. */
  readonly errorLine?: number;
}

/** A stretch of instructions that the verifier walked without a choice. */
export interface PathNodeView {
  readonly id: number;
  readonly parent?: number;
  readonly from: number;
  readonly to: number;
  /** The condition that led here: `r0 == 0 taken`. */
  readonly label: string;
  readonly insns: number;
  readonly end: 'fork' | 'exit' | 'pruned' | 'rejected' | 'throw';
  /** Of a pruned one: the instruction of the state that was the same. */
  readonly prunedAt?: number;
  readonly line?: number;
}

export interface ExplorationView {
  readonly nodes: readonly PathNodeView[];
  readonly paths: number;
  readonly pruned: number;
  readonly states: number;
  /** There are more than are listed. */
  readonly truncated: boolean;
}

/** What the verifier knows before an instruction. */
export interface KnownHereView {
  readonly insn: number;
  readonly visits: number;
  readonly registers: readonly { readonly name: string; readonly claims: readonly string[] }[];
  /** Resources held here, on some path. */
  readonly held: readonly { readonly typeName: string; readonly acquiredAt: number }[];
  readonly complete: boolean;
}
