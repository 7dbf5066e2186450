/** A session outlives its pages: reloaded, looked at by two, ended, and begun again. And it is nobody else's. */
import { spawn } from 'node:child_process';
import type { Page } from '@playwright/test';
import { WebSocket } from 'ws';
import { ROOT, example, expect, test } from './fixtures.ts';
import { drop, go, notice, openTab, panel, runToThrow, where } from './page.ts';

test('a page that is reloaded finds the session again: program, moment, breakpoints', async ({ bailout }) => {
  const list = await openTab(bailout, 'Breakpoints');
  await list.getByRole('textbox', { name: 'Where to stop' }).fill('check');
  await list.getByRole('button', { name: 'Add' }).click();
  await bailout.keyboard.press('F5');
  await expect(where(bailout)).toContainText('step 43');
  const before = await where(bailout).innerText();

  await bailout.reload();
  await bailout.locator('[data-session="open"]').waitFor();
  await expect(where(bailout)).toHaveText(before, { useInnerText: true });
  const again = await openTab(bailout, 'Breakpoints');
  await expect(again.getByRole('listitem')).toContainText('check');
  await expect(again.getByRole('listitem')).toContainText('1 hit');
});

test('two pages look at one session: what one does, the other shows', async ({ bailout, served, context }) => {
  const other = await context.newPage();
  await other.goto(served.address);
  await other.locator('[data-session="open"]').waitFor();
  await runToThrow(bailout);
  await expect(where(other)).toContainText('unwinding 0 of');
  await expect(panel(other, 'unwind')).toContainText('0 of 4 let go');
  await go(other, 'Alt+F5');
  await expect(where(bailout)).toContainText('step 0 of');
  // One that is closed leaves the session to the other.
  await other.close();
  await go(bailout, 'F5');
  await expect(where(bailout)).toContainText('unwinding 0 of');
});

// ---- a session that ends by itself --------------------------------------------------------------------------------------

/** Ends the thread of a session from outside, as a crash would: through the debugger of the server's own Node. */
async function killWorker(inspector: string): Promise<void> {
  const socket = new WebSocket(inspector);
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  const send = (id: number, method: string, params: object): void =>
    socket.send(JSON.stringify({ id, method, params }));
  await new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const { method, params } = JSON.parse(data.toString()) as { method?: string; params?: { sessionId: string } };
      if (method === 'NodeWorker.attachedToWorker' && params !== undefined) {
        const evaluate = { id: 1, method: 'Runtime.evaluate', params: { expression: 'process.exit(1)' } };
        send(2, 'NodeWorker.sendMessageToWorker', { sessionId: params.sessionId, message: JSON.stringify(evaluate) });
      }
      if (method === 'NodeWorker.detachedFromWorker') resolve();
    });
    send(1, 'NodeWorker.enable', { waitForDebuggerOnStart: false });
  });
  socket.close();
}

/** A server whose thread can be ended: the addresses of its page and of its debugger. */
async function debuggedServer(): Promise<{ page: string; inspector: string; stop(): void }> {
  const child = spawn(process.execPath, ['--inspect=127.0.0.1:0', 'dist/bailout.mjs', 'serve', '--port', '0'], {
    cwd: ROOT,
  });
  let said = '';
  const [page, inspector] = await new Promise<[string, string]>((resolve, reject) => {
    const hear = (data: Buffer): void => {
      said += data.toString();
      const at = /(http:\/\/127\.0\.0\.1:\d+\/\S*)/.exec(said)?.[1];
      const debug = /(ws:\/\/\S+)/.exec(said)?.[1];
      if (at !== undefined && debug !== undefined) resolve([at, debug]);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', () => reject(new Error(said)));
  });
  return { page, inspector, stop: () => void child.kill('SIGTERM') };
}

async function open(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.locator('[data-session="open"]').waitFor();
}

test('when the session’s thread dies the page says so, and a new session is one click away', async ({ page }) => {
  const server = await debuggedServer();
  try {
    await open(page, server.page);
    await runToThrow(page);
    await killWorker(server.inspector);
    const dialog = page.getByRole('alertdialog', { name: 'The session ended' });
    await expect(dialog).toContainText('What was not saved is lost');
    // It cannot be waved away: nothing behind it works any more.
    await page.keyboard.press('Escape');
    await expect(dialog).toBeVisible();
    await dialog.getByRole('button', { name: 'Open a new session' }).click();
    await expect(dialog).toBeHidden();
    await expect(page.getByRole('heading', { name: 'Examples' })).toBeVisible();
    await drop(page, example('deep-throw.bpf.o'), example('deep-throw.json'));
    await expect(notice(page, 'Opened deep-throw.json')).toBeVisible();
    await runToThrow(page);
  } finally {
    server.stop();
  }
});

test('when the server ends the page says that the connection is lost', async ({ bailout, served }) => {
  // Panels come from the server, too: all of them are there first.
  await bailout.waitForLoadState('networkidle');
  await expect(panel(bailout, 'terminal')).toContainText('help lists the commands');
  served.process.kill('SIGTERM');
  await expect(bailout.getByRole('contentinfo')).toContainText('connection lost');
});

// ---- who may ask --------------------------------------------------------------------------------------------------------

test('without the address’ token nothing is shown, and no other site may ask', async ({ served, request }) => {
  const { origin, href } = new URL(served.address);
  expect((await request.get(`${origin}/`)).status()).toBe(403);
  expect((await request.get(`${origin}/?token=0123456789abcdef0123456789abcdef`)).status()).toBe(403);
  expect((await request.get(href, { headers: { Origin: 'https://evil.example' } })).status()).toBe(403);
  expect((await request.get(href)).status()).toBe(200);

  const refused = (from: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`${href.replace('http', 'ws').replace('/?', '/session?')}`, { origin: from });
      socket.on('open', () => (socket.terminate(), resolve(101)));
      socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode ?? 0));
      socket.on('error', reject);
    });
  expect(await refused('https://evil.example')).toBe(403);
  expect(await refused(origin)).toBe(101);
});
