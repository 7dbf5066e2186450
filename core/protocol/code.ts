/** Source lines and instructions, interleaved. Rows of a program never change; what is marked beside them does. */

export type CodeRow =
  | {
      readonly kind: 'function';
      readonly name: string;
      readonly insn: number;
      readonly linkage: 'main' | 'static' | 'global';
    }
  | { readonly kind: 'source'; readonly file: string; readonly line: number; readonly text: string }
  | {
      readonly kind: 'insn';
      readonly insn: number;
      readonly text: string;
      /** Target of a jump or a call within the program. */
      readonly target?: number;
      /** No path of the verifier reaches it. */
      readonly dead: boolean;
    };

/** Which rows there are: all, or instructions and the functions above them only. Rows are numbered in each by themselves. */
export type CodeMode = 'all' | 'insns';

export interface CodeSummary {
  readonly program: string;
  readonly rows: number;
  readonly insns: number;
  readonly functions: readonly { readonly name: string; readonly insn: number; readonly row: number }[];
  /** `source from BTF`, or why there is none. */
  readonly source: string;
  readonly hasSource: boolean;
}

/** What is said beside an instruction, now. */
export interface CodeNote {
  readonly insn: number;
  /** `value`: what it read and wrote; `claim`: how it changed what the verifier knows; `frame`: an outer frame stands here; `throw`. */
  readonly kind: 'value' | 'claim' | 'frame' | 'throw' | 'error';
  readonly text: string;
}

export interface CodeNotes {
  /** Executions in the present run, an instruction each from `from` on; -1 where they have not been counted: those of long runs are when somebody asks. */
  readonly hits: readonly number[];
  readonly notes: readonly CodeNote[];
}

/** Rows that contain a text: at most so many are listed. */
export interface SearchResult {
  readonly rows: readonly number[];
  readonly total: number;
}
