/** The pages of one session: each has remote calls of its own, and all of them hear what changes. */
import { createBirpc } from 'birpc';
import type { PageApi, SessionApi } from '../../core/protocol/api.ts';
import type { Progress } from '../../core/protocol/state.ts';
import { answering } from '../../core/service/answering.ts';
import type { Answers } from '../../core/service/answering.ts';

/** The end of a page's channel: a message port, or whatever a test has. */
export interface PagePort {
  postMessage(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

export interface Watched extends SessionApi {
  /** Grows with each change of the state. */
  readonly revision: number;
}

interface Page {
  send(method: keyof PageApi, argument: unknown): void;
}

export class PageGroup {
  readonly #service: Watched;
  readonly #answers: Answers;
  readonly #pages = new Set<Page>();
  /** The revision that all pages know. */
  #told = -1;

  constructor(service: Watched) {
    this.#service = service;
    this.#answers = answering(service, () => this.#tell());
  }

  get size(): number {
    return this.#pages.size;
  }

  /** Serves a page; what is returned takes it away again. */
  connect(port: PagePort): () => void {
    const rpc = createBirpc<PageApi, Answers, false>(this.#answers, {
      post: (message: unknown) => port.postMessage(message),
      on: (listener) => port.onMessage(listener),
      timeout: -1,
      proxify: false,
    });
    const page: Page = {
      // Events are posted before the call returns, so that progress arrives while the worker is busy.
      send: (method, argument) => void rpc.$callEvent(method, argument as never),
    };
    this.#pages.add(page);
    page.send('state', this.#service.state());
    return () => {
      this.#pages.delete(page);
      rpc.$close();
    };
  }

  progress(progress: Progress | undefined): void {
    for (const page of this.#pages) page.send('progress', progress);
  }

  #tell(): void {
    const { revision } = this.#service;
    if (revision === this.#told) return;
    this.#told = revision;
    const state = this.#service.state();
    for (const page of this.#pages) page.send('state', state);
  }
}
