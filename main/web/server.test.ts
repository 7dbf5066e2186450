import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Thread } from '../worker/session-process.ts';
import { SessionProcess } from '../worker/session-process.ts';
import type { WebHost } from './server.ts';
import { startWebHost } from './server.ts';

/** A session that answers nothing: who may ask is what is tested. */
function silentThread(): Thread {
  return {
    postMessage: () => undefined,
    onMessage: (listener) => queueMicrotask(() => listener({ kind: 'ready' })),
    onExit: () => undefined,
    terminate: () => Promise.resolve(),
  };
}

let folder: string;
let host: WebHost;
let session: SessionProcess;
let port: string;
let token: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bailout-web-'));
  mkdirSync(join(folder, 'page/assets'), { recursive: true });
  writeFileSync(join(folder, 'page/index.html'), '<!doctype html><title>Bailout</title>');
  writeFileSync(join(folder, 'page/assets/main-a1b2c3d4.js'), 'export {};');
  writeFileSync(join(folder, 'page/secret.pem'), 'no kind of file that a page is made of');
  writeFileSync(join(folder, 'outside.html'), 'outside');
  symlinkSync(join(folder, 'outside.html'), join(folder, 'page/link.html'));
  session = await SessionProcess.start({
    start: silentThread,
    host: 'web',
    version: '0',
    examples: '',
    first: { kind: 'nothing' },
  });
  host = await startWebHost({ session, page: join(folder, 'page'), port: 0 });
  const url = new URL(host.url);
  ({ port } = url);
  token = url.searchParams.get('token') ?? '';
});

afterAll(async () => {
  await host.close();
  rmSync(folder, { recursive: true });
});

interface Response {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** Sent as written: fetch would tidy paths and headers up. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, method, headers: { Host: `127.0.0.1:${port}`, ...headers } },
      (response) => {
        let body = '';
        response.on('data', (data: Buffer) => (body += data.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

const withToken = (path: string): string => `${path}?token=${token}`;

describe('who may ask', () => {
  test('the address has a token, and the page sets it as a cookie that no other site sends', async () => {
    expect(token.length).toBeGreaterThanOrEqual(32);
    const { status, headers } = await get(withToken('/'));
    expect(status).toBe(200);
    expect(String(headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Strict/);
    const cookie = String(headers['set-cookie']).split(';')[0]!;
    expect((await get('/', { Cookie: cookie })).status).toBe(200);
  });

  test.each(['/', '/?token=', '/?token=wrong', '/assets/main-a1b2c3d4.js'])('%s is refused', async (path) => {
    expect((await get(path)).status).toBe(403);
  });

  test('neither under another name nor for another site', async () => {
    expect((await get(withToken('/'), { Host: 'evil.example' })).status).toBe(403);
    expect((await get(withToken('/'), { Host: `evil.example:${port}` })).status).toBe(403);
    expect((await get(withToken('/'), { Host: `127.0.0.1:1` })).status).toBe(403);
    expect((await get(withToken('/'), { Origin: 'https://evil.example' })).status).toBe(403);
    expect((await get(withToken('/'), { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' })).status).toBe(
      403,
    );
    expect((await get(withToken('/'), { Host: `localhost:${port}` })).status).toBe(200);
  });

  test('only reading', async () => {
    expect((await get(withToken('/'), {}, 'POST')).status).toBe(405);
    expect(await get(withToken('/'), {}, 'HEAD')).toMatchObject({ status: 200, body: '' });
  });
});

describe('files', () => {
  test('have their kinds, and headers that keep others out', async () => {
    const { status, headers } = await get(withToken('/assets/main-a1b2c3d4.js'));
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(headers['cache-control']).toContain('immutable');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
  });

  test.each([
    '/../outside.html',
    '/%2e%2e/outside.html',
    '/..%2foutside.html',
    '/assets/../../outside.html',
    '/..\\outside.html',
    '/%00',
    '/%',
    '/link.html',
    '/secret.pem',
    '/assets',
    '//etc/passwd',
    '/missing.html',
  ])('%s is not found', async (path) => {
    const { status, body } = await get(withToken(path));
    expect(status).toBe(404);
    expect(body).not.toContain('outside');
  });

  test('a page that is not built says so', async () => {
    const other = await startWebHost({ session, page: join(folder, 'nowhere'), port: 0 });
    const response = await fetch(other.url);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('not built');
    // The session is the other server's, too: closing it twice does no harm.
    await other.close();
  });
});

describe('the session', () => {
  /** What becomes of a WebSocket: open, or the status with which it was refused. */
  function connect(
    path: string,
    origin: string | undefined,
    hostName = `127.0.0.1:${port}`,
  ): Promise<WebSocket | number> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, {
        headers: { Host: hostName },
        ...(origin === undefined ? {} : { origin }),
      });
      socket.on('open', () => resolve(socket));
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      socket.on('error', reject);
    });
  }

  test('is for our page only', async () => {
    const origin = `http://127.0.0.1:${port}`;
    expect(await connect(withToken('/session'), undefined)).toBe(403);
    expect(await connect(withToken('/session'), 'https://evil.example')).toBe(403);
    expect(await connect('/session', origin)).toBe(403);
    expect(await connect(withToken('/other'), origin)).toBe(403);
    expect(await connect(withToken('/session'), 'http://evil.example', 'evil.example')).toBe(403);
  });

  test('several pages may look on; a message that no page sends ends its connection', async () => {
    const origin = `http://127.0.0.1:${port}`;
    const sockets = [await connect(withToken('/session'), origin), await connect(withToken('/session'), origin)];
    const [one, other] = sockets;
    if (!(one instanceof WebSocket) || !(other instanceof WebSocket)) throw new Error('refused');
    const closed = new Promise<number>((resolve) => one.on('close', resolve));
    one.send(Uint8Array.of(0xc1, 1, 2, 3));
    expect(await closed).toBe(1008);
    expect(other.readyState).toBe(WebSocket.OPEN);
    other.terminate();
  });
});
