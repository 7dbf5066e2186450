/** A line of the terminal: what it says, and what it changes for all pages. */
import { BailoutError } from '../errors.ts';
import type { Session } from '../debugger/session.ts';
import { baseName } from '../debugger/source.ts';
import type { CommandResult } from '../protocol/api.ts';
import type { Timeline } from '../trace/timeline.ts';
import type { Desk } from './desk.ts';
import { stopView } from './desk.ts';
import { verifySelected } from './files.ts';

const CHANGED = ' (changed)';

/** Whether views of one and the same moment may be others than before. */
interface Executed extends CommandResult {
  readonly everything: boolean;
}

export function executeLine(desk: Desk, line: string): Executed {
  const before = momentOf(desk);
  const result = said(desk, line);
  const after = momentOf(desk);
  if (after.session === undefined) return { ...result, everything: false };
  if (after.session !== before.session) opened(desk, after.session, line);
  else if (after.stop !== undefined && after.stop !== before.stop) {
    // What was begun is run to its end, so that its whole timeline is there; what was cancelled is not gone on with.
    if (after.stop.why !== 'cancelled') desk.complete();
    desk.stopped(after.stop);
  } else if (!desk.isRunning && before.timeline !== undefined) desk.stop = stopView('loaded', '');
  if (after.program !== before.program || after.profile !== before.profile) verifySelected(desk);
  if (!result.failed) desk.scenarioName = scenarioAfter(line, desk.scenarioName);
  const everything =
    after.session !== before.session ||
    after.timeline !== before.timeline ||
    after.profile !== before.profile ||
    /^\s*(?:map|maps|set|scenario)\b/.test(line);
  return { ...result, everything };
}

/** What pages call the scenario after a line of the terminal. */
function scenarioAfter(line: string, before: string): string {
  const [, what, file = ''] = /^\s*scenario\s+(load|set)\s+(\S+)/.exec(line) ?? [];
  if (what === 'load') return baseName(file);
  return what === 'set' && !before.endsWith(CHANGED) ? before + CHANGED : before;
}

function said(desk: Desk, line: string): CommandResult {
  try {
    const { text, quit } = desk.work('running', (limits) => desk.console.execute(line, { interactive: true, limits }));
    return { text, failed: false, quit: quit === true };
  } catch (error) {
    if (!(error instanceof BailoutError)) throw error;
    const hint = error.hint === undefined ? '' : `\n${error.hint}`;
    return { text: `${error.message} [${error.code}]${hint}`, failed: true, quit: false };
  }
}

interface Moment {
  readonly session: Session | undefined;
  readonly timeline: Timeline | undefined;
  readonly program: string | undefined;
  readonly profile: string | undefined;
  readonly stop: Session['lastStop'];
}

function momentOf(desk: Desk): Moment {
  const session = desk.hasSession ? desk.session : undefined;
  return {
    session,
    timeline: session?.isRunning === true ? session.timeline : undefined,
    program: session?.hasProgram === true ? session.program.name : undefined,
    profile: session?.chosenProfile,
    stop: session?.lastStop,
  };
}

/** `load` and `replay` begin another session. */
function opened(desk: Desk, session: Session, line: string): void {
  const path = line.trim().replace(/^\S+\s+/, '');
  const name = baseName(path);
  desk.scenarioName = 'default';
  desk.opened = {
    name,
    ...(desk.isReplay ? { recording: { name, bytes: desk.sizeOf(path), complete: desk.isWhole } } : {}),
  };
  desk.stop = stopView('loaded', `${desk.isReplay ? name : session.object.name} is loaded`);
  verifySelected(desk);
}
