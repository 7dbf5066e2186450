/** The session as its pages see it: core/protocol/api.ts over console and session. One of them serves any number of pages. */
import type { Profile } from '../exceptions/profile.ts';
import type { Program } from '../object/program.ts';
import type { CommandInfo, CommandResult, DroppedFile, ExampleInfo, Move, SessionApi } from '../protocol/api.ts';
import type { CodeMode, CodeNotes, CodeRow, CodeSummary, SearchResult } from '../protocol/code.ts';
import type { MapPage, MapSummary, OutputPage } from '../protocol/maps.ts';
import type { Direction, Position, SessionState, StopView } from '../protocol/state.ts';
import type { EventPage, EventQuery, RangeSummary, RunPage, TimelineView } from '../protocol/timeline.ts';
import type {
  ExplorationView,
  KnownHereView,
  LogLevel,
  LogLine,
  LogSummary,
  VerificationView,
} from '../protocol/verifier.ts';
import type { MomentView, Wants } from '../protocol/views.ts';
import { addBreakpoint, changeBreakpoint, toggleBreakpoint } from './breakpoints.ts';
import { ClaimsOfPrograms, explorationView, knownHere } from './claims.ts';
import { codeNotes, countRun, hitsOf } from './code-notes.ts';
import { Code, programNamed } from './code.ts';
import { Desk, notRunning, stopView } from './desk.ts';
import { diagnosisOf } from './diagnosis-view.ts';
import { Events } from './events-view.ts';
import { exampleInfos } from './examples.ts';
import { exported, openExample, openFile, saved } from './files.ts';
import { go } from './going.ts';
import type { ServiceHost } from './host.ts';
import type { Log } from './log.ts';
import { editMap, mapPage, mapSummaries, outputPage } from './maps-view.ts';
import { momentView } from './moment.ts';
import type { Again } from './run-parts.ts';
import { runPage } from './runs-view.ts';
import { stateView } from './state-view.ts';
import { executeLine } from './terminal.ts';
import { rangeSummary, timelineView } from './timeline-view.ts';
import { Logs, verificationOf, verificationView } from './verifier-view.ts';

/** Instructions that notes are given for at once. */
const MAX_NOTES = 5000;

export class Service implements SessionApi {
  readonly #desk: Desk;
  readonly #logs: Logs;
  readonly #events: Events;
  readonly #claims: ClaimsOfPrograms;
  #codes = new Map<Program, Code>();

  constructor(host: ServiceHost, again?: Again) {
    this.#desk = new Desk(host, again);
    this.#logs = new Logs(this.#desk);
    this.#events = new Events(this.#desk);
    this.#claims = new ClaimsOfPrograms(this.#desk);
  }

  get revision(): number {
    return this.#desk.revision;
  }

  state(): SessionState {
    return stateView(this.#desk);
  }

  // ---- files ----------------------------------------------------------------------------------------------------------

  open(file: DroppedFile): ReturnType<SessionApi['open']> {
    const what = openFile(this.#desk, file);
    this.#renewed();
    return { what };
  }

  save(): DroppedFile {
    return saved(this.#desk);
  }

  export(format: 'perfetto' | 'csv' | 'folded'): DroppedFile {
    return exported(this.#desk, format);
  }

  examples(): readonly ExampleInfo[] {
    return exampleInfos();
  }

  openExample(id: string): void {
    openExample(this.#desk, id);
    this.#renewed();
  }

  #renewed(): void {
    this.#codes.clear();
    this.#logs.clear();
    this.#events.clear();
    this.#claims.clear();
    this.#desk.changed(true);
  }

  // ---- programs -------------------------------------------------------------------------------------------------------

  select(program: string): void {
    this.#changing(() => {
      const selected = this.#desk.session.select(program);
      if (selected.loadError === undefined) verificationOf(this.#desk, selected);
    });
  }

  setProfile(profile: Profile | undefined): void {
    this.#desk.requireLive();
    this.#desk.session.setProfile(profile);
    this.#desk.stop = stopView(
      'loaded',
      profile === undefined ? 'Each program has its own profile' : `Profile ${profile}`,
    );
    this.#renewed();
  }

  verification(program: string): VerificationView {
    const verification = verificationOf(this.#desk, this.#program(program));
    const diagnosis = diagnosisOf(this.#desk, verification);
    return { ...verificationView(verification), ...(diagnosis === undefined ? {} : { diagnosis }) };
  }

  exploration(program: string): ExplorationView {
    return explorationView(this.#claims.of(this.#program(program)));
  }

  known(program: string, insn: number): KnownHereView {
    return knownHere(this.#claims.of(this.#program(program)), insn);
  }

  log(program: string, level: LogLevel): LogSummary {
    return this.#log(program, level).summary();
  }

  logLines(program: string, level: LogLevel, from: number, to: number): readonly LogLine[] {
    return this.#log(program, level).lines(from, to);
  }

  logLinesOf(program: string, level: LogLevel, insn: number): SearchResult {
    return this.#log(program, level).linesOf(insn);
  }

  searchLog(program: string, level: LogLevel, text: string): SearchResult {
    return this.#log(program, level).search(text);
  }

  #log(name: string, level: LogLevel): Log {
    return this.#logs.of(this.#desk.session, this.#program(name), level);
  }

  #program(name: string): Program {
    return programNamed(this.#desk.session.object.programs, name);
  }

  // ---- code -----------------------------------------------------------------------------------------------------------

  code(program: string, mode?: CodeMode): CodeSummary {
    return this.#code(program).summary(mode);
  }

  codeRows(program: string, from: number, to: number, mode?: CodeMode): readonly CodeRow[] {
    return this.#code(program).rows(from, to, mode);
  }

  codeRowOf(program: string, insn: number, mode?: CodeMode): number {
    return this.#code(program).rowOf(insn, mode);
  }

  codeRowsOfLine(program: string, file: string, line: number): readonly number[] {
    return this.#code(program).rowsOfLine(file, line);
  }

  searchCode(program: string, text: string, mode?: CodeMode): SearchResult {
    return this.#code(program).search(text, mode);
  }

  codeNotes(name: string, from: number, to: number, _frame: number): CodeNotes {
    const program = this.#program(name);
    const range = { from: Math.max(from, 0), to: Math.min(to, program.instructions.length, from + MAX_NOTES) };
    const count = Math.max(range.to - range.from, 0);
    return {
      hits: hitsOf(this.#desk, program, range.from, count),
      notes: codeNotes(this.#desk.session, program, range, this.#claims),
    };
  }

  countHits(): boolean {
    return countRun(this.#desk);
  }

  #code(name: string): Code {
    const program = this.#program(name);
    let code = this.#codes.get(program);
    if (code === undefined) {
      // A rejection ends the verifier's way: what it did not reach is not dead.
      const verification = program.loadError === undefined ? verificationOf(this.#desk, program) : undefined;
      code = new Code(program, verification?.verdict === 'accepted' ? verification.seen : undefined);
      this.#codes.set(program, code);
    }
    return code;
  }

  // ---- going ----------------------------------------------------------------------------------------------------------

  go(move: Move): StopView {
    try {
      return go(this.#desk, move);
    } finally {
      this.#desk.changed();
    }
  }

  reset(): void {
    this.#desk.requireLive();
    this.#desk.session.reset();
    this.#desk.stop = stopView('loaded', 'All runs are forgotten');
    this.#desk.changed(true);
  }

  at(position: Position, wants: Wants): MomentView {
    return momentView(this.#desk, position, wants, this.#claims);
  }

  whoWrote(text: string, frame: number): ReturnType<SessionApi['whoWrote']> {
    const desk = this.#desk;
    if (!desk.isRunning) throw notRunning();
    return desk.work('looking backwards', (limits) =>
      desk.inFrame(frame, (session) => {
        const written = session.whoWrote(text, limits);
        return written === undefined
          ? null
          : { position: written.position, insn: written.insn, program: written.program.name };
      }),
    );
  }

  // ---- stopping -------------------------------------------------------------------------------------------------------

  addBreakpoint(text: string, condition?: string): number {
    return this.#changing(() => addBreakpoint(this.#desk.session, text, condition));
  }

  toggleBreakpoint(program: string, insn: number): void {
    this.#changing(() => toggleBreakpoint(this.#desk.session, program, insn));
  }

  addWatchpoint(text: string): number {
    return this.#changing(() => this.#desk.session.addWatchpoint(text).id);
  }

  changeBreakpoint(id: number, change: Parameters<SessionApi['changeBreakpoint']>[1]): void {
    this.#changing(() => changeBreakpoint(this.#desk.session, id, change));
  }

  deleteBreakpoint(id: number): void {
    this.#changing(() => this.#desk.session.delete(id));
  }

  addBookmark(name: string): number {
    if (!this.#desk.isRunning) throw notRunning();
    return this.#changing(() => this.#desk.session.addBookmark(name).id);
  }

  deleteBookmark(id: number): void {
    this.#changing(() => this.#desk.session.deleteBookmark(id));
  }

  #changing<T>(action: () => T): T {
    try {
      return action();
    } finally {
      this.#desk.changed();
    }
  }

  // ---- what happened --------------------------------------------------------------------------------------------------

  runs(filter: string, from: number, count: number): RunPage {
    return runPage(this.#desk, filter, from, count);
  }

  timeline(run: number, from: number, to: number, pixels: number): TimelineView {
    return timelineView(this.#desk, run, from, to, pixels);
  }

  moment(run: number, tick: number): Position {
    if (!this.#desk.isRunning) throw notRunning();
    return this.#desk.runs.of(run).positionOf(tick);
  }

  summary(run: number, from: number, to: number): RangeSummary {
    return rangeSummary(this.#desk, run, from, to);
  }

  findEvent(run: number, filter: string, tick: number, direction: Direction): Position | null {
    return this.#events.find(run, filter, tick, direction);
  }

  events(query: EventQuery): EventPage {
    return this.#events.page(query);
  }

  output(from: number, count: number): OutputPage {
    return outputPage(this.#desk, from, count);
  }

  // ---- maps -----------------------------------------------------------------------------------------------------------

  maps(): readonly MapSummary[] {
    return mapSummaries(this.#desk);
  }

  mapEntries(name: string, from: number, count: number): MapPage {
    return mapPage(this.#desk, name, from, count);
  }

  editMap(name: string, key: string, value?: string): void {
    editMap(this.#desk, name, key, value);
    this.#desk.changed(true);
  }

  // ---- terminal -------------------------------------------------------------------------------------------------------

  execute(line: string): CommandResult {
    try {
      const { everything, ...result } = executeLine(this.#desk, line);
      if (everything) this.#renewed();
      return result;
    } finally {
      this.#desk.changed();
    }
  }

  complete(line: string): ReturnType<SessionApi['complete']> {
    return this.#desk.console.complete(line);
  }

  commands(): readonly CommandInfo[] {
    return this.#desk.console.commands.map(({ name, aliases, group, usage, summary }) => ({
      name,
      aliases,
      group,
      usage,
      summary,
    }));
  }
}
