/** Windows, and what keeps a page in one from being anything else than ours. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WebContents } from 'electron';
import { BrowserWindow, session, shell } from 'electron';
import { ORIGIN } from './page.ts';

const PRELOAD = join(fileURLToPath(new URL('.', import.meta.url)), 'preload.cjs');

/** Once, before the first window: a page is granted nothing. */
export function refusePermissions(): void {
  session.defaultSession.setPermissionRequestHandler((_contents, permission, answer) =>
    // Copying from the terminal is the one thing that a page asks for.
    answer(permission === 'clipboard-sanitized-write'),
  );
  session.defaultSession.setPermissionCheckHandler(
    (_contents, permission) => permission === 'clipboard-sanitized-write',
  );
}

export function openWindow(): BrowserWindow {
  const window = new BrowserWindow({
    width: 1600,
    height: 1000,
    minWidth: 800,
    minHeight: 500,
    backgroundColor: '#0e1116',
    show: false,
    title: 'Bailout',
    webPreferences: {
      preload: PRELOAD,
      contextIsolation: true,
      nodeIntegration: false,
      sandbox: true,
      webSecurity: true,
      spellcheck: false,
    },
  });
  window.once('ready-to-show', () => window.show());
  keepAtHome(window.webContents);
  void window.loadURL(`${ORIGIN}/index.html`);
  return window;
}

/** Whether a message comes from our page and not from something that took its place. */
export function isOurs(address: string): boolean {
  return address.startsWith(`${ORIGIN}/`);
}

/** No other page in this window, no window but ours; links of the web go to the browser. */
function keepAtHome(contents: WebContents): void {
  contents.on('will-navigate', (event) => {
    if (!isOurs(event.url)) event.preventDefault();
  });
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    if (/^https:\/\//.test(url)) void shell.openExternal(url);
    return { action: 'deny' };
  });
}
