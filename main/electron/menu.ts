/** The application's menu. Whatever a page can do by itself is a command of the page's own list, named here by its id. */
import type { MenuItemConstructorOptions } from 'electron';

export interface MenuActions {
  open(): void;
  openRecent(path: string): void;
  clearRecent(): void;
  newWindow(): void;
  newSession(): void;
  /** Sends a command to the page in front. */
  command(id: string): void;
}

type Item = MenuItemConstructorOptions;
const separator: Item = { type: 'separator' };

export function menuTemplate(actions: MenuActions, recent: readonly string[], isMac: boolean): Item[] {
  /** Keys stand beside the words, but the page acts on them: it knows whether somebody is typing. */
  const page = (label: string, id: string, accelerator?: string): Item => ({
    id,
    label,
    ...(accelerator === undefined ? {} : { accelerator, registerAccelerator: false }),
    click: () => actions.command(id),
  });
  const recentItems: Item[] =
    recent.length === 0
      ? [{ label: 'None', enabled: false }]
      : [
          ...recent.map((path): Item => ({ label: path, click: () => actions.openRecent(path) })),
          separator,
          { label: 'Clear', click: () => actions.clearRecent() },
        ];
  return [
    ...(isMac ? [{ role: 'appMenu' } satisfies Item] : []),
    {
      label: '&File',
      submenu: [
        { id: 'open', label: '&Open…', accelerator: 'CmdOrCtrl+O', click: () => actions.open() },
        { label: 'Open &Recent', submenu: recentItems },
        separator,
        page('&Save Recording…', 'file.save', 'CmdOrCtrl+S'),
        {
          label: '&Export',
          submenu: [
            page('Perfetto trace', 'export.perfetto'),
            page('Events as CSV', 'export.csv'),
            page('Folded stacks', 'export.folded'),
          ],
        },
        separator,
        { id: 'new-window', label: 'New &Window on this Session', click: () => actions.newWindow() },
        {
          id: 'new-session',
          label: '&New Session',
          accelerator: 'CmdOrCtrl+Shift+N',
          click: () => actions.newSession(),
        },
        separator,
        isMac ? { role: 'close' } : { role: 'quit' },
      ],
    },
    { role: 'editMenu' },
    {
      label: '&View',
      submenu: [
        page('All &Commands…', 'view.palette', 'CmdOrCtrl+Shift+P'),
        separator,
        page('&Verify', 'view.verify'),
        page('&Debug', 'view.debug'),
        page('&Unwind', 'view.unwind'),
        page('&Trace', 'view.trace'),
        page('&Reset Layout', 'view.reset'),
        separator,
        {
          label: '&Theme',
          submenu: [page('System', 'theme.system'), page('Light', 'theme.light'), page('Dark', 'theme.dark')],
        },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { role: 'togglefullscreen' },
        separator,
        { role: 'toggleDevTools' },
      ],
    },
    {
      label: '&Run',
      submenu: [
        page('&Run', 'run.run'),
        page('&Continue', 'run.continue', 'F5'),
        page('Continue &Backwards', 'run.rcontinue', 'Alt+F5'),
        separator,
        page('Step &Over', 'run.over', 'F10'),
        page('Step Over Backwards', 'run.rover', 'Alt+F10'),
        page('Step &Into', 'run.into', 'F11'),
        page('Step Into Backwards', 'run.rinto', 'Alt+F11'),
        page('Step O&ut', 'run.out', 'Shift+F11'),
        page('Step Out Backwards', 'run.rout', 'Alt+Shift+F11'),
        separator,
        page('To the &Start', 'run.start'),
        page('To the &End', 'run.end'),
        separator,
        page('Re&set', 'run.reset'),
      ],
    },
    { role: 'windowMenu' },
    { label: '&Help', submenu: [page('&Keys', 'view.keys')] },
  ];
}
