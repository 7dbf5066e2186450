/** The session as the page calls it: methods that give their value, or throw what went wrong. */
import { createBirpc } from 'birpc';
import { Packr } from 'msgpackr';
import type { PageApi, SessionApi } from '../../core/protocol/api.ts';
import type { Answer, ApiError, Remote, ToHost, ToPage } from '../../core/protocol/wire.ts';
import type { PageChannel } from './channel.ts';

/** The code of calls whose session, or connection, ended before they were answered. */
export const LOST = 'LOST';

/** What a session answered instead of a value. */
export class SessionError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor({ code, message, hint }: ApiError) {
    super(message);
    this.name = 'SessionError';
    this.code = code;
    this.hint = hint;
  }
}

/** The API with promises of plain values. Each may reject with a {@link SessionError}. */
export type Calls = {
  readonly [Name in keyof SessionApi]: (
    ...args: Parameters<SessionApi[Name]>
  ) => Promise<Awaited<ReturnType<SessionApi[Name]>>>;
};

export interface Client {
  readonly calls: Calls;
  cancel(): void;
  reopen(): void;
  /** Calls that nobody will answer any more are rejected, with the code LOST. */
  abandon(): void;
}

export interface HostListener {
  hello(message: Extract<ToPage, { kind: 'hello' }>): void;
  gone(reason: string): void;
  /** A command of the page was chosen in a menu. */
  command(id: string): void;
  /** A file was opened in a dialog of the host. */
  file(file: { readonly name: string; readonly bytes: Uint8Array }): void;
}

export function createClient(channel: PageChannel, page: PageApi, listener: HostListener): Client {
  const packr = new Packr({ structuredClone: true });
  const post = (message: ToHost): void => channel.post(packr.pack(message));
  const received: ((message: unknown) => void)[] = [];
  channel.on((bytes) => {
    // The host is trusted to speak the protocol: its messages are typed by what it was built from.
    const message = packr.unpack(bytes) as ToPage;
    switch (message.kind) {
      case 'rpc':
        for (const hear of received) hear(message.message);
        break;
      case 'hello':
        listener.hello(message);
        break;
      case 'gone':
        listener.gone(message.reason);
        break;
      case 'command':
        listener.command(message.id);
        break;
      case 'file':
        listener.file(message);
        break;
    }
  });
  const rpc = createBirpc<Remote<SessionApi>, PageApi, false>(page, {
    post: (message: unknown) => post({ kind: 'rpc', message }),
    on: (hear) => received.push(hear),
    // What takes long shows its progress, and is ended by hand.
    timeout: -1,
    proxify: false,
  });
  const calls = new Proxy(
    {},
    {
      get:
        (_target, name: keyof SessionApi) =>
        async (...args: unknown[]): Promise<unknown> => {
          const call = rpc.$call as unknown as (method: string, ...rest: unknown[]) => Promise<Answer<unknown>>;
          const answer = await call(name, ...args);
          if (!answer.ok) throw new SessionError(answer.error);
          return answer.value;
        },
    },
  ) as Calls;
  return {
    calls,
    cancel: () => post({ kind: 'cancel' }),
    reopen: () => post({ kind: 'reopen' }),
    abandon: () => {
      const lost = new SessionError({ code: LOST, message: 'The connection to the session was lost.' });
      rpc.$rejectPendingCalls(({ reject }) => reject(lost));
    },
  };
}
