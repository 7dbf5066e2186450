/**
 * What all parts of the service share: the console with its session, what was opened, why it stands where it stands, and how
 * work is watched. There is one present moment, shared by all pages.
 */
import { BailoutError } from '../errors.ts';
import type { CommandHost, Context } from '../commands/command.ts';
import { Console } from '../commands/console.ts';
import type { Session, Stopped } from '../debugger/session.ts';
import type { StopView } from '../protocol/state.ts';
import type { Limits, Position, Timeline } from '../trace/timeline.ts';
import { comparePositions } from '../trace/timeline.ts';
import { Replay } from '../trace/replay.ts';
import { cancelled } from './answers.ts';
import type { ServiceHost } from './host.ts';
import { RunIndexes } from './run-indexes.ts';
import type { Again } from './run-parts.ts';

/** Between two messages about how far something has come. */
const PROGRESS_MS = 100;
/** What is over before anybody would read it is not told. */
const QUIET_MS = 150;

/** What the session is made of. */
export interface Opened {
  readonly name: string;
  readonly recording?: { readonly name: string; readonly bytes: number; readonly complete: boolean };
}

/** A breakpoint stopped the session here. */
export interface BreakpointHit {
  readonly id: number;
  readonly text: string;
  readonly position: Position;
}

/** The newest are kept. */
const MAX_HITS = 500;

export class Desk {
  #hits: readonly BreakpointHit[] = [];
  /** The timeline that they are on: another object or a reset begins another. */
  #hitsOn: Timeline | undefined;
  readonly host: ServiceHost;
  readonly console: Console;
  readonly runs: RunIndexes;
  stop: StopView = stopView('loaded', '');
  /** The name of the scenario, as the user knows it. */
  scenarioName = 'default';
  opened: Opened | undefined;
  #revision = 0;
  #epoch = 0;
  /** Files that came from a page: commands find them by their names. */
  readonly files = new Map<string, Uint8Array>();

  constructor(host: ServiceHost, again?: Again) {
    this.host = host;
    const commandHost: CommandHost = {
      readFile: (path) => this.files.get(path) ?? host.readFile(path),
      kernelBtf: () => host.kernelBtf(),
      writeFile: (path, pieces) => host.writeFile(path, pieces),
      compression: host.compression,
    };
    this.console = new Console(commandHost);
    this.runs = new RunIndexes(() => this.session.timeline, again);
  }

  /** Whether the recording that is looked at has its end. */
  get isWhole(): boolean {
    const { timeline } = this.session;
    return timeline instanceof Replay && timeline.recording.complete;
  }

  sizeOf(path: string): number {
    return (this.files.get(path) ?? this.host.readFile(path)).length;
  }

  /** Goes on with another session; `bytes` are those of its object, which a recording of its runs contains. */
  begin(session: Session, opened: Opened, bytes: Uint8Array): void {
    this.console.context.open(session, opened.name);
    this.files.clear();
    this.files.set(opened.name, bytes);
    this.opened = opened;
    this.changed(true);
  }

  /** Whether a recording is looked at, which cannot be run on. */
  get isReplay(): boolean {
    return this.isRunning && this.session.timeline instanceof Replay;
  }

  /** A session in which something can be changed. */
  requireLive(): void {
    if (this.isReplay)
      throw new BailoutError('REPLAY_ONLY', 'A recording cannot be changed.', {
        hint: 'Open an object to begin anew.',
      });
  }

  /** A file that another one names: one that was dropped before, by its last name. */
  readBeside(path: string): Uint8Array {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const found = this.files.get(name);
    if (found !== undefined) return found;
    throw new BailoutError('FILE_UNREADABLE', `${path} cannot be read: a page gives only what was opened in it.`, {
      hint: `Open ${name} first, then the file that names it.`,
    });
  }

  get context(): Context {
    return this.console.context;
  }

  /** The session; an error that says how to get one when there is none. */
  get session(): Session {
    return this.console.session;
  }

  get hasSession(): boolean {
    return this.console.context.hasSession;
  }

  /** Whether a program has been run, so that there is a present moment. */
  get isRunning(): boolean {
    return this.hasSession && this.session.isRunning;
  }

  get revision(): number {
    return this.#revision;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Something changed; `everywhere` when views of one and the same moment may be others now. */
  changed(everywhere = false): void {
    this.#revision++;
    if (everywhere) {
      this.#epoch++;
      this.runs.clear();
    }
  }

  // ---- long work ------------------------------------------------------------------------------------------------------

  /** Does something that may take long: it is told how far it is, and it can be cancelled. */
  work<T>(what: string, action: (limits: Limits) => T): T {
    const { work } = this.host;
    work.begin();
    const began = Date.now();
    let last = began + QUIET_MS - PROGRESS_MS;
    let told = false;
    try {
      return action({
        isCancelled: () => work.isCancelled(),
        onProgress: (done, total) => {
          const now = Date.now();
          if (now - last < PROGRESS_MS) return;
          last = now;
          told = true;
          work.progress({ what, done, ...(total === undefined || total <= 0 ? {} : { total }) });
        },
      });
    } finally {
      if (told) work.progress(undefined);
    }
  }

  /** The same, for what can be left out: undefined when it was cancelled. */
  workOrNot<T>(what: string, action: (limits: Limits) => T): T | undefined {
    try {
      return this.work(what, action);
    } catch (error) {
      if (!(error instanceof BailoutError) || error.code !== 'CANCELLED') throw error;
      return undefined;
    }
  }

  /** Says what takes long where nobody can tell how far it has come. */
  silently<T>(what: string, action: () => T): T {
    const { work } = this.host;
    work.begin();
    work.progress({ what, done: 0 });
    try {
      return action();
    } finally {
      work.progress(undefined);
    }
  }

  // ---- moments --------------------------------------------------------------------------------------------------------

  /** The timeline's whole present run, so that everything that happens in it is known. */
  complete(): void {
    const { session } = this;
    const newest = session.timeline.runs.at(-1);
    if (newest === undefined || newest.end !== undefined) return;
    this.work('running', (limits) => session.complete(limits));
  }

  /** Looks at a moment, and comes back. */
  atMoment<T>(position: Position, look: (session: Session) => T): T {
    const { session } = this;
    const here = session.position;
    if (comparePositions(here, position) === 0) return look(session);
    const { frame } = session.scope;
    try {
      return session.timeline.glance(position, () => look(session));
    } finally {
      session.scope.frame = frame;
    }
  }

  /** Expressions see another frame for a while. */
  inFrame<T>(frame: number, look: (session: Session) => T): T {
    const { session } = this;
    const before = session.scope.frame;
    session.scope.frame = frame;
    try {
      return look(session);
    } finally {
      session.scope.frame = before;
    }
  }

  // ---- stopping -------------------------------------------------------------------------------------------------------

  stopped(stopped: Stopped): StopView {
    if (stopped.why === 'cancelled') throwIfNowhere(this);
    this.#remember(stopped);
    this.stop = {
      why: stopped.why,
      text: reasonOf(stopped, this.session),
      breakpoints: stopped.breakpoints.map(({ id }) => id),
      watchpoints: stopped.watchpoints.map(({ id, before, after }) => ({ id, before, after })),
    };
    return this.stop;
  }

  /** Where breakpoints of the present runs have stopped the session, as long as they are there: for the timeline. */
  hitsIn(run: number): readonly BreakpointHit[] {
    if (!this.isRunning || this.#hitsOn !== this.session.timeline) return [];
    const present = new Set(this.session.breakpoints.map(({ id }) => id));
    return this.#hits.filter(({ position, id }) => position.run === run && present.has(id));
  }

  #remember({ position, breakpoints }: Stopped): void {
    if (breakpoints.length === 0) return;
    const { timeline } = this.session;
    if (this.#hitsOn !== timeline) this.#hits = [];
    this.#hitsOn = timeline;
    for (const { id, text } of breakpoints) {
      const isKnown = this.#hits.some((hit) => hit.id === id && comparePositions(hit.position, position) === 0);
      if (!isKnown) this.#hits = [...this.#hits, { id, text, position }].slice(-MAX_HITS);
    }
  }
}

/** A search that is cancelled stays where it got to, and that is an answer; without a run there is none. */
function throwIfNowhere(desk: Desk): void {
  if (!desk.isRunning) throw cancelled();
}

export function stopView(why: StopView['why'], text: string): StopView {
  return { why, text, breakpoints: [], watchpoints: [] };
}

function reasonOf(stopped: Stopped, session: Session): string {
  const lines = stopped.breakpoints.map(({ id, text }) => `Breakpoint ${id}: ${text}`);
  for (const { id, expression, before, after } of stopped.watchpoints)
    lines.push(`Watchpoint ${id}: ${expression} was ${before}, is ${after}`);
  if (lines.length > 0) return lines.join('; ');
  switch (stopped.why) {
    case 'end':
      return 'End of the run';
    case 'start':
      return 'Beginning of the run';
    case 'limit':
      return `Stopped after ${session.maxSteps} instructions`;
    case 'cancelled':
      return 'Cancelled';
    default:
      return '';
  }
}

export function notRunning(): BailoutError {
  return new BailoutError('NOT_RUNNING', 'No program has been run.', { hint: 'Start one: run.' });
}
