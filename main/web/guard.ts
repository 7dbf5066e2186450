/**
 * Who may talk to the server. It listens on loopback, but every web page that the user visits can send requests there, too, and so
 * can every other user of the machine: whoever asks has to know the token, under the address that the server itself gave out.
 */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Guard {
  readonly port: number;
  readonly token: string;
}

/** Cookies do not tell ports of one host apart: the name does. */
export function cookieName({ port }: Guard): string {
  return `bailout-${port}`;
}

/** Sent with the first page, so that reloading works without the token in the address. No script reads it, no other site sends it. */
export function cookieOf(guard: Guard): string {
  return `${cookieName(guard)}=${guard.token}; Path=/; HttpOnly; SameSite=Strict`;
}

export function hostsOf({ port }: Guard): readonly string[] {
  return [`127.0.0.1:${port}`, `localhost:${port}`];
}

/** Why a request is refused; undefined when it is not. */
export function refusal(guard: Guard, request: IncomingMessage): string | undefined {
  const { host, origin } = request.headers;
  // Under another name it would be somebody's domain that was made to point here.
  if (host === undefined || !hostsOf(guard).includes(host))
    return 'This address is not the one under which Bailout serves.';
  if (origin !== undefined && origin !== `http://${host}`) return 'This request comes from another site.';
  if (request.headers['sec-fetch-site'] === 'cross-site' && request.headers['sec-fetch-mode'] !== 'navigate')
    return 'This request comes from another site.';
  if (!knowsToken(guard, request))
    return 'The token is missing or wrong: use the address that `bailout serve` printed.';
  return undefined;
}

/** A WebSocket is opened by a page of ours only: a browser always says whose page it is. */
export function socketRefusal(guard: Guard, request: IncomingMessage): string | undefined {
  if (request.headers.origin === undefined) return 'A WebSocket needs an origin.';
  return refusal(guard, request);
}

function knowsToken(guard: Guard, request: IncomingMessage): boolean {
  const given = tokenOfQuery(request.url ?? '');
  if (given !== undefined && isSame(given, guard.token)) return true;
  const cookie = cookies(request.headers.cookie ?? '').get(cookieName(guard));
  return cookie !== undefined && isSame(cookie, guard.token);
}

function tokenOfQuery(url: string): string | undefined {
  const at = url.indexOf('?');
  return at < 0 ? undefined : (new URLSearchParams(url.slice(at + 1)).get('token') ?? undefined);
}

function cookies(header: string): Map<string, string> {
  return new Map(
    header.split(';').map((pair): [string, string] => {
      const at = pair.indexOf('=');
      return at < 0 ? [pair.trim(), ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    }),
  );
}

/** In the same time, wherever they differ. */
function isSame(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}
