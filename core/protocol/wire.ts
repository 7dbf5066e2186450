/**
 * How the API crosses a channel. A page's messages reach a host first (Electron's main process, or the web server); it passes calls on
 * to the worker that runs the session and acts on the rest itself, since a worker that is busy hears nothing.
 */

/** Both ends of a transport: IPC, a WebSocket, a message port. */
export interface Channel {
  post(message: Uint8Array): void;
  on(listener: (message: Uint8Array) => void): void;
}

/** From a page. */
export type ToHost =
  /** A message of the remote calls, for the session. */
  | { readonly kind: 'rpc'; readonly message: unknown }
  /** Whatever takes long is to end: the call in question answers with the error CANCELLED, or with where it got to. */
  | { readonly kind: 'cancel' }
  /** The session is gone: begin a new one. */
  | { readonly kind: 'reopen' };

/** To a page. */
export type ToPage =
  | { readonly kind: 'rpc'; readonly message: unknown }
  /** The first message: who answers. */
  | { readonly kind: 'hello'; readonly host: 'electron' | 'web'; readonly version: string; readonly platform: string }
  /** The worker ended by itself. */
  | { readonly kind: 'gone'; readonly reason: string }
  /** Somebody chose a command of the page by its name elsewhere: in a menu. */
  | { readonly kind: 'command'; readonly id: string }
  /** Somebody opened a file elsewhere: in a dialog, or by double clicking it. The page opens it as if it had been dropped. */
  | { readonly kind: 'file'; readonly name: string; readonly bytes: Uint8Array };

/** Errors as data: a stable code, a sentence, and what to do. */
export interface ApiError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** Every call is answered so. A defect of Bailout has the code DEFECT, and its stack as hint. */
export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ApiError };

/** An interface as it looks from the other end of a channel. */
export type Remote<Api> = {
  readonly [Name in keyof Api]: Api[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Answer<Awaited<Result>>>
    : never;
};
