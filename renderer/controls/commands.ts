/** Everything the page can do, by name: what buttons, keys, menus and the list of all commands carry out. */
import type { Move } from '../../core/protocol/api.ts';
import type { Direction, Profile } from '../../core/protocol/state.ts';
import { cyclePanels, nextTab, openPanel, resetLayout, toggleMaximized, usePreset } from '../layout/dock.ts';
import { PANELS } from '../layout/panels.ts';
import { PRESETS } from '../layout/presets.ts';
import { toggleScreenReader } from '../panels/terminal/input.ts';
import { useSession } from '../session/store.ts';
import type { ThemeChoice } from '../theme/theme.ts';
import { chooseTheme } from '../theme/theme.ts';
import { openDialog } from './dialogs.ts';
import { chooseFile, download, openFile } from './files.ts';

export interface PageCommand {
  readonly id: string;
  readonly title: string;
  readonly group: 'Run' | 'Stop' | 'File' | 'View' | 'Panel' | 'Theme' | 'Profile';
  /** Name of a codicon. */
  readonly icon?: string;
  /** The icon points the other way. */
  readonly mirrored?: boolean;
  /** While its key is held down it waits for the answer before it counts again. */
  readonly moves?: boolean;
  can(): boolean;
  run(): void;
}

type SessionStore = ReturnType<typeof useSession>;
const always = (): boolean => true;

/** Stepping both ways: what is named once here has a command for each direction, `run.over` and `run.rover`. */
const BOTH_WAYS: readonly {
  readonly id: string;
  readonly title: string;
  readonly icon: string;
  move(direction: Direction): Move;
}[] = [
  {
    id: 'insn',
    title: 'Step instruction',
    icon: 'debug-line-by-line',
    move: (direction) => ({ kind: 'insn', direction }),
  },
  { id: 'into', title: 'Step into', icon: 'debug-step-into', move: (direction) => ({ kind: 'into', direction }) },
  { id: 'over', title: 'Step over', icon: 'debug-step-over', move: (direction) => ({ kind: 'over', direction }) },
  { id: 'out', title: 'Step out', icon: 'debug-step-out', move: (direction) => ({ kind: 'out', direction }) },
  { id: 'throw', title: 'Go to throw', icon: 'zap', move: (direction) => ({ kind: 'throw', direction }) },
];

/** What is chosen is one packet of several: see chooseCaptured in core/commands/packets.ts. */
const CAPTURED = /^packet \d+ of \d+ /;

async function runAll(session: SessionStore): Promise<void> {
  const result = await session.tell(session.api.execute('run --all'));
  const [line] = result?.text.split('\n') ?? [];
  if (line !== undefined && line !== '') session.notify(result?.failed === true ? 'error' : 'info', line);
}

function moves(session: SessionStore): readonly PageCommand[] {
  const began = (): boolean => session.state.position !== undefined;
  const loaded = (): boolean => session.state.program !== undefined;
  const live = (): boolean => loaded() && session.state.recording === undefined;
  const go = (move: Move): void => void session.go(move);
  const stepping = BOTH_WAYS.flatMap(({ id, title, icon, move }): PageCommand[] => [
    {
      id: `run.${id}`,
      title: id === 'throw' ? 'Go to the next throw' : title,
      group: 'Run',
      icon,
      moves: true,
      // The first step of all begins a run.
      can: () => began() || live(),
      run: () => go(began() ? move('forwards') : { kind: id === 'throw' ? 'run' : 'start' }),
    },
    {
      id: `run.r${id}`,
      title: id === 'throw' ? 'Go to the throw before' : `${title} backwards`,
      group: 'Run',
      icon,
      mirrored: true,
      moves: true,
      can: began,
      run: () => go(move('backwards')),
    },
  ]);
  const toCursor = (direction: Direction): void => {
    const { cursor } = session;
    if (cursor !== undefined) go({ kind: 'to-insn', direction, ...cursor });
  };
  const pointed = (): boolean => session.cursor !== undefined && began();
  return [
    {
      id: 'run.continue',
      title: 'Continue',
      group: 'Run',
      icon: 'debug-continue',
      moves: true,
      can: () => began() || live(),
      run: () => go(began() ? { kind: 'continue', direction: 'forwards' } : { kind: 'run' }),
    },
    {
      id: 'run.rcontinue',
      title: 'Continue backwards',
      group: 'Run',
      icon: 'debug-reverse-continue',
      moves: true,
      can: began,
      run: () => go({ kind: 'continue', direction: 'backwards' }),
    },
    {
      id: 'run.run',
      title: 'Run the program',
      group: 'Run',
      icon: 'debug-rerun',
      can: live,
      run: () => go({ kind: 'run' }),
    },
    {
      id: 'run.all',
      title: 'Run the program with each packet of the capture',
      group: 'Run',
      can: () => live() && CAPTURED.test(session.state.scenario.input ?? ''),
      run: () => void runAll(session),
    },
    {
      id: 'run.first',
      title: 'Start at the first instruction',
      group: 'Run',
      icon: 'debug-start',
      can: live,
      run: () => go({ kind: 'start' }),
    },
    ...stepping,
    {
      id: 'run.start',
      title: 'To the start of the run',
      group: 'Run',
      icon: 'to-start',
      moves: true,
      can: began,
      run: () => go({ kind: 'edge', edge: 'start' }),
    },
    {
      id: 'run.end',
      title: 'To the end of the run',
      group: 'Run',
      icon: 'to-end',
      moves: true,
      can: began,
      run: () => go({ kind: 'edge', edge: 'end' }),
    },
    {
      id: 'run.toHere',
      title: 'Run to the selected line',
      group: 'Run',
      can: pointed,
      run: () => toCursor('forwards'),
    },
    {
      id: 'run.rtoHere',
      title: 'Run backwards to the selected line',
      group: 'Run',
      can: pointed,
      run: () => toCursor('backwards'),
    },
    {
      id: 'go.to',
      title: 'Go to a step, event or run…',
      group: 'Run',
      can: began,
      run: () => (openDialog.value = 'goto'),
    },
    {
      id: 'run.previousRun',
      title: 'Previous run',
      group: 'Run',
      can: () => (session.state.runs.current?.index ?? 0) > 0,
      run: () => go({ kind: 'run-index', run: (session.state.runs.current?.index ?? 1) - 1 }),
    },
    {
      id: 'run.nextRun',
      title: 'Next run',
      group: 'Run',
      can: () => (session.state.runs.current?.index ?? 0) < session.state.runs.count - 1,
      run: () => go({ kind: 'run-index', run: (session.state.runs.current?.index ?? 0) + 1 }),
    },
    {
      id: 'run.reset',
      title: 'Forget all runs',
      group: 'Run',
      icon: 'debug-restart',
      can: () => session.busy || session.state.runs.count > 0,
      run: () => {
        if (session.busy) session.cancel();
        else void session.tell(session.api.reset());
      },
    },
    {
      id: 'run.cancel',
      title: 'Cancel what is going on',
      group: 'Run',
      icon: 'debug-stop',
      can: () => session.busy,
      run: () => session.cancel(),
    },
  ];
}

function stops(session: SessionStore): readonly PageCommand[] {
  /** The selected line; without one, where the session stands. */
  const place = (): { program: string; insn: number } | undefined => session.cursor ?? session.state.place;
  return [
    {
      id: 'breakpoint.toggle',
      title: 'Breakpoint at the selected line, or none',
      group: 'Stop',
      can: () => place() !== undefined,
      run: () => {
        const at = place();
        if (at !== undefined) void session.tell(session.api.toggleBreakpoint(at.program, at.insn));
      },
    },
    {
      id: 'breakpoint.throw',
      title: 'Stop at every throw',
      group: 'Stop',
      can: () => session.state.object !== undefined,
      run: () => void session.tell(session.api.addBreakpoint('throw')),
    },
    {
      id: 'bookmark.add',
      title: 'Bookmark this moment',
      group: 'Stop',
      can: () => session.state.position !== undefined,
      run: () => {
        const { place: at } = session.state;
        void session.tell(session.api.addBookmark(at === undefined ? 'here' : `${at.function}, insn ${at.insn}`));
      },
    },
  ];
}

function files(session: SessionStore): readonly PageCommand[] {
  const recorded = (): boolean => session.state.runs.count > 0;
  const get = async (file: ReturnType<SessionStore['api']['save']>): Promise<void> => {
    const made = await session.tell(file);
    if (made !== undefined) download(made);
  };
  const exporting = (format: 'perfetto' | 'csv' | 'folded', title: string): PageCommand => ({
    id: `export.${format}`,
    title,
    group: 'File',
    icon: 'export',
    can: recorded,
    run: () => void get(session.api.export(format)),
  });
  return [
    {
      id: 'file.open',
      title: 'Open a file…',
      group: 'File',
      icon: 'folder-opened',
      can: always,
      run: () => void chooseFile().then((file) => (file === undefined ? undefined : openFile(session, file))),
    },
    {
      id: 'file.save',
      title: 'Save the recording',
      group: 'File',
      icon: 'save',
      can: recorded,
      run: () => void get(session.api.save()),
    },
    exporting('perfetto', 'Export for Perfetto'),
    exporting('csv', 'Export events as CSV'),
    exporting('folded', 'Export folded stacks for a flame graph'),
  ];
}

function view(session: SessionStore): readonly PageCommand[] {
  const themes: readonly [ThemeChoice, string, string][] = [
    ['system', 'Theme of the system', 'device-desktop'],
    ['light', 'Light theme', 'color-mode'],
    ['dark', 'Dark theme', 'color-mode'],
  ];
  const profiles: readonly [string, string, Profile | undefined][] = [
    ['proposal', 'Profile: the 2023 proposal', 'proposal'],
    ['linux', 'Profile: Linux 6.18', 'linux'],
    ['auto', 'Profile: the one each program was written for', undefined],
  ];
  return [
    ...PRESETS.map(({ id, title, about }): PageCommand => ({
      id: `view.${id}`,
      title: `${title}: ${about}`,
      group: 'View',
      icon: 'layout',
      can: always,
      run: () => usePreset(id),
    })),
    { id: 'view.reset', title: 'Reset the layout', group: 'View', icon: 'discard', can: always, run: resetLayout },
    {
      id: 'view.maximize',
      title: 'Give the panel all the room, or back',
      group: 'View',
      icon: 'screen-full',
      can: always,
      run: toggleMaximized,
    },
    { id: 'view.nextPanel', title: 'To the next panel', group: 'View', can: always, run: () => cyclePanels(1) },
    { id: 'view.previousPanel', title: 'To the panel before', group: 'View', can: always, run: () => cyclePanels(-1) },
    { id: 'view.nextTab', title: 'To the next tab', group: 'View', can: always, run: () => nextTab(1) },
    { id: 'view.previousTab', title: 'To the tab before', group: 'View', can: always, run: () => nextTab(-1) },
    {
      id: 'view.screenReader',
      title: 'Read out the terminal, or not',
      group: 'View',
      can: always,
      run: toggleScreenReader,
    },
    {
      id: 'view.palette',
      title: 'All commands',
      group: 'View',
      can: always,
      run: () => (openDialog.value = 'palette'),
    },
    {
      id: 'view.keys',
      title: 'All keys',
      group: 'View',
      icon: 'keyboard',
      can: always,
      run: () => (openDialog.value = 'keys'),
    },
    ...PANELS.map(({ id, title, about }): PageCommand => ({
      id: `panel.${id}`,
      title: `${title}: ${about}`,
      group: 'Panel',
      can: always,
      run: () => openPanel(id),
    })),
    ...themes.map(([id, title, icon]): PageCommand => ({
      id: `theme.${id}`,
      title,
      group: 'Theme',
      icon,
      can: always,
      run: () => chooseTheme(id),
    })),
    ...profiles.map(([id, title, profile]): PageCommand => ({
      id: `profile.${id}`,
      title,
      group: 'Profile',
      can: () => session.state.object !== undefined && session.state.recording === undefined,
      run: () => void session.tell(session.api.setProfile(profile)),
    })),
  ];
}

let all: ReadonlyMap<string, PageCommand> | undefined;

/** All commands by their ids, in the order in which they are listed. */
export function pageCommands(): ReadonlyMap<string, PageCommand> {
  const session = useSession();
  all ??= new Map(
    [...moves(session), ...stops(session), ...files(session), ...view(session)].map((command) => [command.id, command]),
  );
  return all;
}

/** Carries out a command, when it can be done now. */
export function runCommand(id: string): void {
  const command = pageCommands().get(id);
  if (command?.can() === true) command.run();
}
