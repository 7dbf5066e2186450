/**
 * The desktop: windows on sessions, a menu, files that are opened from outside. What a page asks goes to the session's worker;
 * this process only passes it on, so that windows stay responsive whatever a session does.
 */
import { readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { WebContents } from 'electron';
import { BrowserWindow, Menu, app, dialog, ipcMain } from 'electron';
import { refusalOfSize } from '../../core/protocol/files.ts';
import type { ToPage } from '../../core/protocol/wire.ts';
import { packToPage } from '../transport/packed.ts';
import type { First } from '../worker/session-process.ts';
import { SessionProcess, workerThread } from '../worker/session-process.ts';
import { filesIn } from './arguments.ts';
import { menuTemplate } from './menu.ts';
import { registerScheme, servePage } from './page.ts';
import { RecentFiles } from './recent-files.ts';
import { isOurs, openWindow, refusePermissions } from './window.ts';

const CHANNEL = 'session';

/** What Node's own loaders read cannot lie in the archive that a package is. */
const onDisk = (path: string): string => path.replace(/\bapp\.asar\b/, 'app.asar.unpacked');
const dist = fileURLToPath(new URL('..', import.meta.url));

/** A page in a window: what it says goes to its session; what it is told comes from there, or from the menu. */
interface PageInWindow {
  readonly tell: (message: ToPage) => void;
  readonly hear: (bytes: Uint8Array) => void;
  readonly leave: () => void;
}

/** By the number of a window's contents. A page is there from its first word on, and until the window shows another. */
const sessions = new Map<number, SessionProcess>();
const pages = new Map<number, PageInWindow>();
let recent: RecentFiles | undefined;

async function startSession(first: First): Promise<SessionProcess> {
  return SessionProcess.start({
    start: workerThread(pathToFileURL(onDisk(join(dist, 'worker.mjs')))),
    host: 'electron',
    version: app.getVersion(),
    examples: onDisk(join(dist, '../examples')),
    first,
  });
}

/** A window on a session. The session ends with its last window. */
function showWindow(session: SessionProcess): void {
  const window = openWindow();
  const { webContents } = window;
  const { id } = webContents;
  sessions.set(id, session);
  // A page that was reloaded is another page.
  webContents.on('did-start-navigation', ({ isMainFrame, isSameDocument }) => {
    if (isMainFrame && !isSameDocument) forget(id);
  });
  window.on('closed', () => {
    forget(id);
    sessions.delete(id);
    if (![...sessions.values()].includes(session)) void session.close();
  });
}

function forget(id: number): void {
  pages.get(id)?.leave();
  pages.delete(id);
}

function greet(session: SessionProcess, webContents: WebContents): PageInWindow {
  let hear: (bytes: Uint8Array) => void = () => undefined;
  const post = (bytes: Uint8Array): void => {
    if (!webContents.isDestroyed()) webContents.send(CHANNEL, bytes);
  };
  const leave = session.connect({ post, on: (listener) => (hear = listener) });
  return { tell: (message) => post(packToPage(message)), hear: (bytes) => hear(bytes), leave };
}

ipcMain.on(CHANNEL, ({ sender, senderFrame }, bytes: unknown) => {
  if (senderFrame === null || !isOurs(senderFrame.url) || !(bytes instanceof Uint8Array)) return;
  const session = sessions.get(sender.id);
  if (session === undefined) return;
  const page = pages.get(sender.id) ?? greet(session, sender);
  pages.set(sender.id, page);
  page.hear(bytes);
});

/** The number of the window that menu commands are about. */
function windowInFront(): number | undefined {
  return (BrowserWindow.getFocusedWindow() ?? BrowserWindow.getAllWindows().at(-1))?.webContents.id;
}

function tellPage(message: ToPage): void {
  const id = windowInFront();
  if (id !== undefined) pages.get(id)?.tell(message);
}

// ---- files --------------------------------------------------------------------------------------------------------------

async function chooseFile(): Promise<void> {
  const { canceled, filePaths } = await dialog.showOpenDialog({
    title: 'Open an object, a recording, a capture or a scenario',
    properties: ['openFile'],
    filters: [
      { name: 'What Bailout opens', extensions: ['o', 'bailout', 'pcap', 'pcapng', 'cap', 'json'] },
      { name: 'All files', extensions: ['*'] },
    ],
  });
  const [path] = filePaths;
  if (!canceled && path !== undefined) await openPath(path);
}

/** Opens a file in the page in front, which says so when it cannot be opened. */
async function openPath(path: string): Promise<void> {
  const file = readPath(path);
  if (file === undefined) return;
  recent?.add(path);
  app.addRecentDocument(path);
  refreshMenu();
  if (windowInFront() !== undefined) tellPage({ kind: 'file', ...file });
  else showWindow(await startSession({ kind: 'file', ...file }));
}

function readPath(path: string): { readonly name: string; readonly bytes: Uint8Array } | undefined {
  const name = basename(path);
  try {
    const refusal = refusalOfSize(name, statSync(path).size);
    if (refusal === undefined) return { name, bytes: readFileSync(path) };
    dialog.showErrorBox(refusal.message, refusal.hint ?? '');
  } catch {
    dialog.showErrorBox(`${name} cannot be read.`, path);
  }
  return undefined;
}

// ---- the menu -----------------------------------------------------------------------------------------------------------

function refreshMenu(): void {
  const template = menuTemplate(
    {
      open: () => void chooseFile(),
      openRecent: (path) => void openPath(path),
      clearRecent: () => {
        recent?.clear();
        app.clearRecentDocuments();
        refreshMenu();
      },
      newWindow: () => {
        const session = sessions.get(windowInFront() ?? -1);
        if (session !== undefined) showWindow(session);
      },
      newSession: () => void newSession(),
      command: (id) => tellPage({ kind: 'command', id }),
    },
    recent?.paths ?? [],
    process.platform === 'darwin',
  );
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}

async function newSession(): Promise<void> {
  showWindow(await startSession({ kind: 'example', id: 'deep-throw' }));
}

// ---- the application ----------------------------------------------------------------------------------------------------

/** Files that were named before there was a window. */
const waiting: string[] = [];

function openLater(path: string): void {
  if (app.isReady() && pages.size > 0) void openPath(path);
  else waiting.push(path);
}

async function begin(): Promise<void> {
  servePage(join(dist, 'page'));
  refusePermissions();
  recent = new RecentFiles(join(app.getPath('userData'), 'recent.json'));
  refreshMenu();
  waiting.push(...filesIn(process.argv.slice(1), process.cwd()));
  const path = waiting.shift();
  const file = path === undefined ? undefined : readPath(path);
  if (file === undefined) return newSession();
  recent.add(path!);
  refreshMenu();
  try {
    showWindow(await startSession({ kind: 'file', ...file }));
  } catch (error) {
    // The page says what is wrong with the file, as it would had it been dropped there.
    dialog.showErrorBox(`${file.name} cannot be opened.`, error instanceof Error ? error.message : String(error));
    await newSession();
  }
}

registerScheme();
if (!app.requestSingleInstanceLock()) app.quit();
else {
  app.on('open-file', (event, path) => {
    event.preventDefault();
    openLater(path);
  });
  app.on('second-instance', (_event, argv, folder) => {
    const [window] = BrowserWindow.getAllWindows();
    if (window?.isMinimized() === true) window.restore();
    window?.focus();
    for (const path of filesIn(argv.slice(1), folder)) openLater(path);
  });
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit();
  });
  app.on('activate', () => {
    if (BrowserWindow.getAllWindows().length === 0) void newSession();
  });
  void app.whenReady().then(begin);
}
