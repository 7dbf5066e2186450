/** The session as its pages see it: core/protocol/api.ts over console and session. One of them serves any number of pages. */
import { BailoutError } from '../errors.ts';
import type { Profile } from '../exceptions/profile.ts';
import type { Program } from '../object/program.ts';
import type { CommandInfo, CommandResult, DroppedFile, ExampleInfo, Move, SessionApi } from '../protocol/api.ts';
import type { CodeMode, CodeRow, CodeSummary, SearchResult } from '../protocol/code.ts';
import type { Position, SessionState, StopView } from '../protocol/state.ts';
import type { MomentView, Wants } from '../protocol/views.ts';
import { Code, programNamed } from './code.ts';
import { Desk, stopView } from './desk.ts';
import { exampleInfos } from './examples.ts';
import { openExample, openFile } from './files.ts';
import { go } from './going.ts';
import type { ServiceHost } from './host.ts';
import { momentView } from './moment.ts';
import { stateView } from './state-view.ts';

export class Service {
  readonly #desk: Desk;
  #codes = new Map<Program, Code>();

  constructor(host: ServiceHost) {
    this.#desk = new Desk(host);
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

  examples(): readonly ExampleInfo[] {
    return exampleInfos();
  }

  openExample(id: string): void {
    openExample(this.#desk, id);
    this.#renewed();
  }

  #renewed(): void {
    this.#codes.clear();
    this.#desk.changed(true);
  }

  // ---- programs -------------------------------------------------------------------------------------------------------

  select(program: string): void {
    this.#desk.session.select(program);
    this.#desk.changed();
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

  #code(name: string): Code {
    const { session } = this.#desk;
    const program = programNamed(session.object.programs, name);
    let code = this.#codes.get(program);
    if (code === undefined) {
      // A rejection ends the verifier's way: what it did not reach is not dead.
      const verification = program.loadError === undefined ? session.verification(program) : undefined;
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
    return momentView(this.#desk, position, wants);
  }

  // ---- terminal -------------------------------------------------------------------------------------------------------

  execute(line: string): CommandResult {
    const { console } = this.#desk;
    try {
      const { text, quit } = console.execute(line, true);
      return { text, failed: false, quit: quit === true };
    } catch (error) {
      if (!(error instanceof BailoutError)) throw error;
      const hint = error.hint === undefined ? '' : `\n${error.hint}`;
      return { text: `${error.message} [${error.code}]${hint}`, failed: true, quit: false };
    } finally {
      this.#renewed();
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
