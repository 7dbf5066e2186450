/** What there is at a moment: answers of `at`. */
import type { Position } from './state.ts';

/** A register or a word of the stack beside what the verifier said about it. */
export interface ClaimView {
  /** As the log writes it: `scalar(smin=0,smax=255)`; empty when the verifier says nothing here. */
  readonly text: string;
  /** The value is outside of it on every path that leads here: a defect of the verifier. */
  readonly violated: boolean;
  /** Paths that reach the instruction with another claim. */
  readonly others: number;
}

export interface RegisterView {
  /** `r0` to `r9`, `fp`. */
  readonly name: string;
  /** Absent where it is kept nowhere, or cannot be read here: {@link note} says why. */
  readonly value?: string;
  readonly decimal?: string;
  /** What it is: `struct bpf_cpumask #2`, `map_value flows+16`, `fp-24 of classify`. */
  readonly pointsTo?: string;
  /** `saved by parse_options at fp-8`, `unreadable after a throw`. */
  readonly note?: string;
  /** The resource that it names: a number in the ledger. */
  readonly resource?: number;
  readonly claim?: ClaimView;
  /** The next instruction reads or writes it. */
  readonly use?: 'read' | 'write' | 'both';
}

export interface FrameView {
  /** 0 is the innermost. */
  readonly index: number;
  readonly program: string;
  readonly function: string;
  readonly kind: string;
  readonly insn: number;
  readonly text: string;
  readonly framePointer: string;
  readonly file?: string;
  readonly line?: number;
  readonly source?: string;
  /** Resources that the frame holds now. */
  readonly held: number;
}

/** Eight bytes of a frame. */
export interface StackSlotView {
  /** -8, -16, … */
  readonly offset: number;
  readonly address: string;
  /** Sixteen hex digits, lowest address first; `··` for bytes never written. */
  readonly bytes: string;
  /** The value when all bytes are known. */
  readonly value?: string;
  /** What it is: `spilled r6`, `saved r7`, `iter_num #4`, a variable's name where BTF or the source tells. */
  readonly what?: string;
  readonly pointsTo?: string;
  /** The resource that it names, or is: a number in the ledger. */
  readonly resource?: number;
  readonly claim?: ClaimView;
}

export interface MemoryView {
  readonly address: string;
  /** Two hex digits a byte; `··` where nothing may be read. */
  readonly bytes: readonly string[];
  /** What lies there: `map flows value+16`, `packet+14`. */
  readonly label: string;
}

/** A resource of the present run, held or let go. */
export interface ResourceView {
  /** Its number in the ledger. */
  readonly id: number;
  /** `struct bpf_cpumask`, `ringbuf record`, `RCU read section`. */
  readonly typeName: string;
  readonly kind: string;
  readonly value: string;
  readonly state: 'held' | 'releasing' | 'released' | 'stored' | 'leaked';
  readonly acquiredBy: string;
  readonly acquiredAt: {
    readonly position?: Position;
    readonly program: string;
    readonly function: string;
    readonly insn: number;
    readonly line?: number;
  };
  /** Where it is now: `r6`, `fp-24`; empty when in no register or slot of a frame. */
  readonly place: string;
  /** The frame that holds it; of a released one the frame that held it. */
  readonly frame: string;
  /** Who took it back, and when. */
  readonly releasedBy?: string;
  readonly releasedAt?: Position;
  /** Let go by an unwinding. */
  readonly unwound: boolean;
  /** In force before the run began. */
  readonly before: boolean;
}

export interface ResourcesView {
  readonly resources: readonly ResourceView[];
  /** How many more were let go, earlier than those that are listed. */
  readonly earlier?: number;
  /** Before the run, now, and what must be left at the end. */
  readonly before: number;
  readonly now: number;
}

/** One place of a frame that a descriptor names. */
export interface UnwindEntryView {
  /** `r7`, `fp-24`, `region`. */
  readonly place: string;
  readonly typeName: string;
  /** Number in the ledger, when something is there. */
  readonly resource?: number;
  readonly release: string;
  /** Where its value was found: `saved by parse_options at fp-8`, `live register at the throw`. */
  readonly found: string;
  /** Of a saved register: where it was saved. Frames are counted from the outermost one, 0, so that unwinding changes no number. */
  readonly savedIn?: { readonly depth: number; readonly offset: number };
  readonly acquiredInsn?: number;
  readonly acquiredAt?: Position;
  /** The phase that lets it go, and the state of that now: `releasing` while it is the next phase to be carried out. */
  readonly phase: number;
  readonly state: 'held' | 'releasing' | 'released' | 'skipped';
  /** Of a skipped one: `null here`, `released already`. */
  readonly reason?: string;
}

export interface UnwindFrameView {
  readonly function: string;
  /** `main program`, `static`, `global`, `callback`. */
  readonly linkage: string;
  readonly insn: number;
  /** `called from insn 94`; of the innermost `throws here`. */
  readonly note: string;
  readonly file?: string;
  readonly line?: number;
  /** `descriptor 2 of 5 · 24 bytes`; absent when nothing can be held there. */
  readonly descriptor?: string;
  readonly entries: readonly UnwindEntryView[];
  /** Phases that enter and leave it. */
  readonly enter: number;
  readonly leave: number;
  readonly state: 'waiting' | 'now' | 'gone';
}

/** An unwinding that is under way, or the newest one of the run before now. */
export interface UnwindView {
  readonly cookie: string;
  /** The program whose frames are unwound. */
  readonly program: string;
  /** The throw itself. Its position is phase 0: the throw is executed, nothing is unwound. The other phases have its run and step. */
  readonly thrown: {
    readonly position: Position;
    readonly function: string;
    readonly insn: number;
    readonly file?: string;
    readonly line?: number;
  };
  /** `bpf_assert_lt(len, 256) failed: len was 300`, when an assertion threw; its source line otherwise. */
  readonly why: string;
  /** Phases done, and all. */
  readonly phase: number;
  readonly phases: number;
  /** Innermost first. */
  readonly frames: readonly UnwindFrameView[];
  readonly callback: {
    readonly kind: 'program' | 'default';
    readonly name: string;
    readonly insn?: number;
    readonly state: 'waiting' | 'now' | 'gone';
  };
  /** What the program returned, once the timeline knows it. */
  readonly returned?: { readonly value: number; readonly name?: string; readonly state: 'waiting' | 'now' };
}

/** Which parts of a moment a page shows. What is not asked for is not made. */
export interface Wants {
  /** Of frame `frame`, 0 the innermost. */
  readonly registers?: { readonly frame: number };
  readonly frames?: true;
  readonly stack?: { readonly frame: number };
  /** `address`: an expression of the debugger (`0xffff…`, `r6`, `fp-24`, `&flow->key`). */
  readonly memory?: { readonly frame: number; readonly address: string; readonly size: number };
  readonly resources?: true;
  readonly unwinding?: true;
  /** Expressions that are watched or hovered over. */
  readonly expressions?: { readonly frame: number; readonly texts: readonly string[] };
}

export interface MomentView {
  readonly position: Position;
  readonly registers?: readonly RegisterView[];
  readonly frames?: readonly FrameView[];
  readonly stack?: readonly StackSlotView[];
  /** An error's text when there is no such place. */
  readonly memory?: MemoryView | { readonly error: string };
  readonly resources?: ResourcesView;
  /** Null when nothing was thrown up to now. */
  readonly unwinding?: UnwindView | null;
  readonly expressions?: readonly {
    readonly text: string;
    readonly value?: string;
    readonly type?: string;
    readonly error?: string;
  }[];
}
