/**
 * A session and its pages, seen from the host: a worker that may be busy, the pages' messages on their way to it, and what the
 * host does by itself meanwhile. Used by the web server and by the desktop.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { BailoutError } from '../../core/errors.ts';
import type { ApiError, Channel, ToPage } from '../../core/protocol/wire.ts';
import { packToPage, unpackToHost } from '../transport/packed.ts';
import type { First, FromWorker, ToWorker, WorkerData } from './protocol.ts';

export type { First } from './protocol.ts';

/** The part of a worker that is used: tests have another one. */
export interface Thread {
  postMessage(message: ToWorker, transfer: readonly MessagePort[]): void;
  onMessage(listener: (message: FromWorker) => void): void;
  /** Once, when it has ended, by itself or not. */
  onExit(listener: (reason: string) => void): void;
  terminate(): Promise<unknown>;
}

export interface SessionProcessOptions {
  start(data: WorkerData): Thread;
  readonly host: 'electron' | 'web';
  readonly version: string;
  readonly examples: string;
  /** What is opened first; {@link SessionProcess.reopen} begins with it again. */
  readonly first: First;
}

interface Page {
  readonly channel: Channel;
  port: MessagePort;
}

export class SessionProcess {
  readonly #options: SessionProcessOptions;
  readonly #cancel = new SharedArrayBuffer(4);
  readonly #flag = new Int32Array(this.#cancel);
  readonly #pages = new Set<Page>();
  #thread: Thread | undefined;
  #isClosed = false;

  private constructor(options: SessionProcessOptions) {
    this.#options = options;
  }

  /** Starts the worker and opens what is to be opened first. Throws when that cannot be opened. */
  static async start(options: SessionProcessOptions): Promise<SessionProcess> {
    const process = new SessionProcess(options);
    const error = await process.#begin(options.first);
    if (error !== undefined) {
      await process.close();
      throw new BailoutError(error.code, error.message, { hint: error.hint });
    }
    return process;
  }

  /** How many pages look on. */
  get pages(): number {
    return this.#pages.size;
  }

  /** Serves a page until what is returned is called. */
  connect(channel: Channel): () => void {
    const page: Page = { channel, port: this.#plug(channel) };
    this.#pages.add(page);
    channel.on((bytes) => {
      if (this.#pages.has(page)) this.#receive(page, bytes);
    });
    const { host, version } = this.#options;
    this.#send(channel, { kind: 'hello', host, version, platform: process.platform });
    return () => {
      this.#pages.delete(page);
      page.port.close();
    };
  }

  /** Whatever takes long is to end. */
  cancel(): void {
    Atomics.store(this.#flag, 0, 1);
  }

  /** Begins a new session in place of one that is gone. */
  async reopen(): Promise<void> {
    const old = this.#thread;
    this.#thread = undefined;
    await old?.terminate();
    // What was opened first may be what it died of.
    await this.#begin({ kind: 'nothing' });
    for (const page of this.#pages) {
      page.port.close();
      page.port = this.#plug(page.channel);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { port } of this.#pages) port.close();
    this.#pages.clear();
    await this.#thread?.terminate();
    this.#thread = undefined;
  }

  #begin(first: First): Promise<ApiError | undefined> {
    const { start, examples } = this.#options;
    const thread = start({ cancel: this.#cancel, first, examples });
    this.#thread = thread;
    return new Promise((resolve) => {
      thread.onMessage(({ error }) => resolve(error));
      thread.onExit((reason) => {
        resolve({ code: 'SESSION_GONE', message: `The session ended: ${reason}.` });
        if (this.#thread !== thread || this.#isClosed) return;
        this.#thread = undefined;
        for (const { channel } of this.#pages) this.#send(channel, { kind: 'gone', reason });
      });
    });
  }

  /** A page's way to the worker. */
  #plug(channel: Channel): MessagePort {
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (message: unknown) => this.#send(channel, { kind: 'rpc', message }));
    this.#thread?.postMessage({ kind: 'connect', port: port2 }, [port2]);
    return port1;
  }

  #receive(page: Page, bytes: Uint8Array): void {
    const message = unpackToHost(bytes);
    switch (message.kind) {
      case 'rpc':
        page.port.postMessage(message.message);
        break;
      case 'cancel':
        this.cancel();
        break;
      case 'reopen':
        void this.reopen();
        break;
    }
  }

  #send(channel: Channel, message: ToPage): void {
    channel.post(packToPage(message));
  }
}

/** The worker as a thread of this process. `file` is what scripts/build.mjs makes of worker.ts. */
export function workerThread(file: URL): (data: WorkerData) => Thread {
  return (data) => {
    const worker = new Worker(file, { workerData: data });
    let reason = 'the worker ended';
    worker.on('error', (error: Error) => (reason = error.message));
    return {
      postMessage: (message, transfer) => worker.postMessage(message, transfer),
      onMessage: (listener) => void worker.on('message', listener),
      onExit: (listener) => void worker.on('exit', () => listener(reason)),
      terminate: () => worker.terminate(),
    };
  };
}
