/**
 * What can be asked of a session. Every method may fail with an {@link ApiError}; what may take long tells its progress to
 * {@link PageApi.progress} and can be cancelled.
 */
import type { CodeMode, CodeNotes, CodeRow, CodeSummary, SearchResult } from './code.ts';
import type { MapPage, MapSummary, OutputPage } from './maps.ts';
import type { Direction, Position, Profile, Progress, SessionState, StopView } from './state.ts';
import type { EventPage, EventQuery, RangeSummary, RunPage, TimelineView } from './timeline.ts';
import type { ExplorationView, KnownHereView, LogLevel, LogLine, LogSummary, VerificationView } from './verifier.ts';
import type { MomentView, Wants } from './views.ts';

/** Going somewhere. */
export type Move =
  /** Runs the selected program once more, to the first breakpoint or throw, or to its end. */
  | { readonly kind: 'run' }
  /** To its first instruction. */
  | { readonly kind: 'start' }
  | { readonly kind: 'continue'; readonly direction: Direction }
  /** An instruction, or a phase of an unwinding. */
  | { readonly kind: 'insn'; readonly direction: Direction; readonly count?: number }
  | { readonly kind: 'into'; readonly direction: Direction }
  | { readonly kind: 'over'; readonly direction: Direction }
  | { readonly kind: 'out'; readonly direction: Direction; readonly frame?: number }
  /** To where an instruction is executed next. */
  | { readonly kind: 'to-insn'; readonly direction: Direction; readonly program: string; readonly insn: number }
  /** To the first or last moment of the present run. */
  | { readonly kind: 'edge'; readonly edge: 'start' | 'end' }
  /** To the next throw. */
  | { readonly kind: 'throw'; readonly direction: Direction }
  | { readonly kind: 'position'; readonly position: Position }
  | { readonly kind: 'run-index'; readonly run: number };

export interface CommandResult {
  readonly text: string;
  readonly failed: boolean;
  /** `quit` was said. */
  readonly quit: boolean;
}

export interface CommandInfo {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly group: string;
  readonly usage: string;
  readonly summary: string;
}

export interface ExampleInfo {
  readonly id: string;
  readonly title: string;
  readonly about: string;
}

/** A file that was dropped or chosen in a page. What it is shows in its bytes. */
export interface DroppedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface SessionApi {
  state(): SessionState;

  // ---- files ----------------------------------------------------------------------------------------------------------
  /** An object, a recording, a capture or a scenario. When it is none, the session stays as it was. */
  open(file: DroppedFile): { readonly what: 'object' | 'recording' | 'capture' | 'scenario' };
  examples(): readonly ExampleInfo[];
  openExample(id: string): void;
  /** The runs so far as a file. */
  save(): DroppedFile;
  export(format: 'perfetto' | 'csv' | 'folded'): DroppedFile;

  // ---- programs -------------------------------------------------------------------------------------------------------
  select(program: string): void;
  setProfile(profile: Profile | undefined): void;
  verification(program: string): VerificationView;
  log(program: string, level: LogLevel): LogSummary;
  logLines(program: string, level: LogLevel, from: number, to: number): readonly LogLine[];
  searchLog(program: string, level: LogLevel, text: string): SearchResult;
  /** Lines about an instruction: one for each time that a path came by. */
  logLinesOf(program: string, level: LogLevel, insn: number): SearchResult;
  exploration(program: string): ExplorationView;
  known(program: string, insn: number): KnownHereView;

  // ---- code -----------------------------------------------------------------------------------------------------------
  code(program: string, mode?: CodeMode): CodeSummary;
  codeRows(program: string, from: number, to: number, mode?: CodeMode): readonly CodeRow[];
  /** The row of an instruction. */
  codeRowOf(program: string, insn: number, mode?: CodeMode): number;
  /** The source rows of a line: one for each piece of code that the compiler made of it. */
  codeRowsOfLine(program: string, file: string, line: number): readonly number[];
  searchCode(program: string, text: string, mode?: CodeMode): SearchResult;
  /** What is said beside instructions `from` to `to` at a moment, seen from a frame. */
  codeNotes(program: string, from: number, to: number, frame: number): CodeNotes;
  /** Counts how often each instruction of the present run was executed, for {@link codeNotes}: it runs the run again. False while it is not over. */
  countHits(): boolean;

  // ---- going ----------------------------------------------------------------------------------------------------------
  go(move: Move): StopView;
  /** Forgets all runs, and what they left in maps. */
  reset(): void;
  /** What there is at a moment. The session stays where it is. */
  at(position: Position, wants: Wants): MomentView;
  /** The last write to a register, a stack slot or another place before now. */
  whoWrote(
    text: string,
    frame: number,
  ): { readonly position: Position; readonly insn: number; readonly program: string } | null;

  // ---- stopping -------------------------------------------------------------------------------------------------------
  addBreakpoint(text: string, condition?: string): number;
  toggleBreakpoint(program: string, insn: number): void;
  addWatchpoint(text: string): number;
  changeBreakpoint(id: number, change: { readonly enabled?: boolean; readonly condition?: string }): void;
  deleteBreakpoint(id: number): void;
  addBookmark(name: string): number;
  deleteBookmark(id: number): void;

  // ---- what happened --------------------------------------------------------------------------------------------------
  runs(filter: string, from: number, count: number): RunPage;
  timeline(run: number, from: number, to: number, pixels: number): TimelineView;
  moment(run: number, tick: number): Position;
  summary(run: number, from: number, to: number): RangeSummary;
  /** The next event that a filter matches, after or before a tick. */
  findEvent(run: number, filter: string, tick: number, direction: Direction): Position | null;
  events(query: EventQuery): EventPage;
  output(from: number, count: number): OutputPage;

  // ---- maps -----------------------------------------------------------------------------------------------------------
  maps(): readonly MapSummary[];
  mapEntries(name: string, from: number, count: number): MapPage;
  /** Between runs, as user space would. `value` absent deletes. Keys and values as in `map update`. */
  editMap(name: string, key: string, value?: string): void;

  // ---- terminal -------------------------------------------------------------------------------------------------------
  execute(line: string): CommandResult;
  complete(line: string): { readonly word: string; readonly words: readonly string[] };
  commands(): readonly CommandInfo[];
}

/** What a session tells its pages by itself. */
export interface PageApi {
  state(state: SessionState): void;
  /** Undefined: nothing is going on any more. */
  progress(progress: Progress | undefined): void;
}
