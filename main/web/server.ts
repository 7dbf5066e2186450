/** The web host: the page over HTTP, and its session over a WebSocket, for a browser on the same machine. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { BailoutError } from '../../core/errors.ts';
import { MAX_MESSAGE } from '../transport/packed.ts';
import type { SessionProcess } from '../worker/session-process.ts';
import type { Guard } from './guard.ts';
import { cookieOf, hostsOf, refusal, socketRefusal } from './guard.ts';
import { staticFile } from './static-files.ts';

export interface WebHost {
  /** `http://127.0.0.1:PORT/?token=…` */
  readonly url: string;
  close(): Promise<void>;
}

export interface WebHostOptions {
  readonly session: SessionProcess;
  /** Folder of the built page. */
  readonly page: string;
  /** 0: any that is free. */
  readonly port: number;
}

export async function startWebHost({ session, page, port }: WebHostOptions): Promise<WebHost> {
  const token = randomBytes(24).toString('base64url');
  const server = createServer();
  const guard: Guard = { port: await listen(server, port), token };
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, perMessageDeflate: false });
  server.on('request', (request, response) => void respond(guard, page, request, response));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refused = socketRefusal(guard, request);
    if (refused !== undefined || pathOf(request) !== '/session') {
      socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n${refused ?? ''}\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => attach(session, webSocket));
  });
  return {
    url: `http://127.0.0.1:${guard.port}/?token=${token}`,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await session.close();
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new BailoutError('SERVE_PORT', `Port ${port} cannot be listened on: ${cause.code ?? cause.message}.`, {
          cause,
          hint: 'Without --port any free one is taken.',
        }),
      ),
    );
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

// ---- the session --------------------------------------------------------------------------------------------------------

/** A page's messages. One that no page sends ends its connection. */
function attach(session: SessionProcess, socket: WebSocket): void {
  socket.binaryType = 'nodebuffer';
  const disconnect = session.connect({
    post: (message) => {
      if (socket.readyState === socket.OPEN) socket.send(message);
    },
    on: (listener) =>
      void socket.on('message', (data: Buffer) => {
        try {
          listener(data);
        } catch (error) {
          if (!(error instanceof BailoutError)) throw error;
          socket.close(1008, error.code);
        }
      }),
  });
  socket.on('close', disconnect);
  // A connection that breaks is closed; there is nobody to tell.
  socket.on('error', () => socket.terminate());
}

// ---- the page -----------------------------------------------------------------------------------------------------------

async function respond(guard: Guard, page: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(headersOf(guard))) response.setHeader(name, value);
  const refused = refusal(guard, request);
  if (refused !== undefined) return end(request, response, 403, refused);
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(request, response, 405, 'Only GET is served.');
  const path = pathOf(request);
  const file = await staticFile(page, path);
  if (file === undefined) {
    const isPage = path === '/' || path === '/index.html';
    return end(request, response, 404, isPage ? 'The page is not built: npm run build' : 'Not found.');
  }
  if (file.type.startsWith('text/html')) response.setHeader('Set-Cookie', cookieOf(guard));
  response.setHeader('Content-Type', file.type);
  response.setHeader('Cache-Control', file.immutable ? 'private, max-age=31536000, immutable' : 'no-store');
  response.setHeader('Content-Length', file.bytes.length);
  response.writeHead(200).end(request.method === 'HEAD' ? undefined : file.bytes);
}

function end(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Cache-Control', 'no-store');
  response.writeHead(status).end(request.method === 'HEAD' ? undefined : `${text}\n`);
}

/** Panels and the terminal write style elements; nothing else comes from anywhere but this server. */
function headersOf(guard: Guard): Readonly<Record<string, string>> {
  const sockets = hostsOf(guard)
    .map((host) => `ws://${host}`)
    .join(' ');
  return {
    'Content-Security-Policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self' 'unsafe-inline'",
      "font-src 'self'",
      "img-src 'self' data:",
      `connect-src 'self' ${sockets}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
  };
}
