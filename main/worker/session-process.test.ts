/** The worker's part runs in this thread here: what is tested is how messages go, not threads. */
import type { MessagePort } from 'node:worker_threads';
import { Packr } from 'msgpackr/pack';
import { createBirpc } from 'birpc';
import { expect, test } from 'vitest';
import type { SessionApi } from '../../core/protocol/api.ts';
import type { SessionState } from '../../core/protocol/state.ts';
import type { Channel, ToPage } from '../../core/protocol/wire.ts';
import type { Answers } from '../../core/service/answering.ts';
import { testHost } from '../../core/service/testing/host.ts';
import { Service } from '../../core/service/service.ts';
import { toApiError } from '../../core/service/answers.ts';
import { PageGroup } from './page-group.ts';
import type { FromWorker, WorkerData } from './protocol.ts';
import type { First, Thread } from './session-process.ts';
import { SessionProcess } from './session-process.ts';

const packr = new Packr({ structuredClone: true });

class LocalThread implements Thread {
  readonly service = new Service(testHost());
  readonly cancel: Int32Array;
  readonly #pages = new PageGroup(this.service);
  readonly #ports: MessagePort[] = [];
  readonly #first: First;
  #exited: ((reason: string) => void) | undefined;

  constructor(data: WorkerData) {
    this.cancel = new Int32Array(data.cancel);
    this.#first = data.first;
  }

  postMessage({ port }: { readonly port: MessagePort }): void {
    this.#ports.push(port);
    const disconnect = this.#pages.connect({
      postMessage: (message) => port.postMessage(message),
      onMessage: (listener) => void port.on('message', listener),
    });
    port.on('close', disconnect);
  }

  onMessage(listener: (message: FromWorker) => void): void {
    queueMicrotask(() => {
      try {
        if (this.#first.kind === 'example') this.service.openExample(this.#first.id);
        else if (this.#first.kind === 'file') this.service.open(this.#first);
        listener({ kind: 'ready' });
      } catch (error) {
        listener({ kind: 'ready', error: toApiError(error) });
      }
    });
  }

  onExit(listener: (reason: string) => void): void {
    this.#exited = listener;
  }

  terminate(): Promise<void> {
    this.die('terminated');
    return Promise.resolve();
  }

  die(reason: string): void {
    for (const port of this.#ports) port.close();
    this.#exited?.(reason);
  }
}

interface TestPage {
  readonly channel: Channel;
  readonly heard: ToPage[];
  readonly states: SessionState[];
  call<Name extends keyof SessionApi>(
    name: Name,
    ...args: Parameters<SessionApi[Name]>
  ): Promise<ReturnType<Answers[Name]>>;
  send(message: unknown): void;
  until(test: () => boolean): Promise<void>;
}

function testPage(): TestPage {
  const heard: ToPage[] = [];
  const states: SessionState[] = [];
  const listeners: ((bytes: Uint8Array) => void)[] = [];
  const received: ((message: unknown) => void)[] = [];
  const waiting: (() => void)[] = [];
  const send = (message: unknown): void => listeners.forEach((listener) => listener(packr.pack(message)));
  const rpc = createBirpc<Answers, object, false>(
    { state: (state: SessionState) => states.push(state), progress: () => undefined },
    {
      post: (message: unknown) => send({ kind: 'rpc', message }),
      on: (listener) => received.push(listener),
      timeout: -1,
      proxify: false,
    },
  );
  const call = rpc.$call as unknown as TestPage['call'];
  return {
    channel: {
      post(bytes) {
        const message = packr.unpack(bytes) as ToPage;
        heard.push(message);
        if (message.kind === 'rpc') for (const hear of received) hear(message.message);
        for (const look of waiting) look();
      },
      on: (listener) => listeners.push(listener),
    },
    heard,
    states,
    call,
    send,
    until: (test) =>
      new Promise((resolve) => {
        const look = (): void => void setTimeout(() => test() && resolve());
        waiting.push(look);
        look();
      }),
  };
}

async function started(first: First): Promise<{ session: SessionProcess; threads: LocalThread[] }> {
  const threads: LocalThread[] = [];
  const session = await SessionProcess.start({
    start: (data) => {
      const thread = new LocalThread(data);
      threads.push(thread);
      return thread;
    },
    host: 'web',
    version: '1.2.3',
    examples: '',
    first,
  });
  return { session, threads };
}

test('each page is greeted, and all of them hear what one of them does', async () => {
  const { session } = await started({ kind: 'example', id: 'deep-throw' });
  const [one, other] = [testPage(), testPage()];
  session.connect(one.channel);
  const leave = session.connect(other.channel);
  expect(one.heard[0]).toMatchObject({ kind: 'hello', host: 'web', version: '1.2.3' });
  expect(await one.call('go', { kind: 'run' })).toMatchObject({ ok: true, value: { why: 'throw' } });
  await other.until(() => other.states.at(-1)?.unwinding !== undefined);
  expect(one.states.at(-1)).toEqual(other.states.at(-1));
  expect(await other.call('go', { kind: 'run-index', run: 0 })).toMatchObject({ ok: true });
  await one.until(() => one.states.at(-1)?.tick === 0);
  leave();
  expect(session.pages).toBe(1);
  await session.close();
});

test('errors are answers, and what is no method is one, too', async () => {
  const { session } = await started({ kind: 'nothing' });
  const page = testPage();
  session.connect(page.channel);
  expect(await page.call('go', { kind: 'run' })).toMatchObject({ ok: false, error: { code: 'NO_OBJECT' } });
  const call = page.call as unknown as (name: string) => Promise<unknown>;
  await expect(call('constructor')).rejects.toThrow();
  await expect(call('__proto__')).rejects.toThrow();
  await session.close();
});

test('a first file that cannot be opened ends the start', async () => {
  const bytes = new TextEncoder().encode('no object');
  await expect(started({ kind: 'file', name: 'bad.o', bytes })).rejects.toMatchObject({ code: 'FILE_UNKNOWN' });
});

test('cancelling reaches the worker while it is busy', async () => {
  const { session, threads } = await started({ kind: 'nothing' });
  const page = testPage();
  session.connect(page.channel);
  page.send({ kind: 'cancel' });
  expect(Atomics.load(threads[0]!.cancel, 0)).toBe(1);
  await session.close();
});

test('pages are told when the worker dies, and a new one takes its place', async () => {
  const { session, threads } = await started({ kind: 'example', id: 'deep-throw' });
  const page = testPage();
  session.connect(page.channel);
  await page.until(() => page.states.length > 0);
  threads[0]!.die('out of memory');
  expect(page.heard.at(-1)).toEqual({ kind: 'gone', reason: 'out of memory' });
  const before = page.states.length;
  page.send({ kind: 'reopen' });
  await page.until(() => page.states.length > before);
  expect(threads).toHaveLength(2);
  expect(page.states.at(-1)?.object).toBeUndefined();
  expect(await page.call('openExample', 'rejected')).toMatchObject({ ok: true });
  await session.close();
});
