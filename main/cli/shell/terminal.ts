/**
 * The side of a conversation that a person sees: lines with history and completion, what commands say, how far the present one is.
 * Ctrl-C ends the present command, or clears the line where none runs; Ctrl-D leaves.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import type { ExitStatus } from '../host.ts';
import { writeTo } from '../files.ts';
import type { ShellRequest } from '../options.ts';
import { ProgressLine } from '../progress.ts';
import type { EndingSignal } from '../writing.ts';
import { endBy } from '../writing.ts';
import type { FromShell, ShellStart, ToShell } from './messages.ts';

const PROMPT = '(bailout) ';
const HISTORY_LINES = 1000;
/** How long a command may take to hear that the process is to end. */
const PATIENCE_MS = 2000;

export function talk(request: ShellRequest, colour: boolean): Promise<ExitStatus> {
  return new Promise((resolve, reject) => {
    const terminal = new Terminal(request, colour, resolve, reject);
    terminal.begin();
  });
}

class Terminal {
  readonly #cancel = new Int32Array(new SharedArrayBuffer(4));
  readonly #worker: Worker;
  readonly #lines: Interface;
  readonly #resolve: (status: ExitStatus) => void;
  /** Lines that were typed or pasted while a command ran. */
  readonly #waiting: string[] = [];
  #progress: ProgressLine | undefined;
  #isBusy = true;
  #isOver = false;
  /** What ends the conversation from outside. */
  #ending: EndingSignal | undefined;
  #completing: ((result: [string[], string]) => void) | undefined;

  constructor(
    request: ShellRequest,
    colour: boolean,
    resolve: (status: ExitStatus) => void,
    reject: (error: unknown) => void,
  ) {
    const start: ShellStart = {
      role: 'shell',
      cancel: this.#cancel,
      ...(request.object === undefined ? {} : { object: request.object }),
      json: request.json,
      colour,
    };
    // The command line is one file, and the thread is another way into it.
    this.#worker = new Worker(new URL(import.meta.url), { workerData: start });
    this.#worker.on('message', (message: FromShell) => this.#hear(message));
    this.#worker.on('error', (error) => {
      this.#lines.close();
      reject(error);
    });
    const history = readHistory();
    this.#lines = createInterface({
      input: process.stdin,
      output: process.stdout,
      prompt: PROMPT,
      history,
      historySize: HISTORY_LINES,
      completer: (line: string, answer: (error: null, result: [string[], string]) => void) => {
        this.#completing = (result) => answer(null, result);
        this.#tell({ kind: 'complete', line });
      },
    });
    this.#resolve = resolve;
  }

  begin(): void {
    const lines = this.#lines;
    lines.on('line', (line) => {
      this.#waiting.push(line);
      this.#next();
    });
    lines.on('SIGINT', () => this.#interrupt());
    lines.on('history', (entries: string[]) => remember(entries));
    lines.on('close', () => {
      this.#isOver = true;
      if (!this.#isBusy) void this.#leave(0);
      else Atomics.store(this.#cancel, 0, 1);
    });
    process.on('SIGINT', () => this.#interrupt());
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => this.#endBy(signal));
  }

  #tell(message: ToShell): void {
    this.#worker.postMessage(message);
  }

  #next(): void {
    if (this.#isBusy) return;
    const line = this.#waiting.shift();
    if (line === undefined) {
      if (this.#isOver) void this.#leave(0);
      else this.#lines.prompt();
      return;
    }
    this.#isBusy = true;
    Atomics.store(this.#cancel, 0, 0);
    this.#progress = new ProgressLine('running', (text) => writeTo(1, text));
    this.#tell({ kind: 'execute', line });
  }

  #interrupt(): void {
    if (this.#isBusy) {
      Atomics.store(this.#cancel, 0, 1);
      this.#waiting.length = 0;
      return;
    }
    // To the end of the line, and away with all before it.
    this.#lines.write(null, { ctrl: true, name: 'e' });
    this.#lines.write(null, { ctrl: true, name: 'u' });
    writeTo(1, '^C\n');
    this.#lines.prompt();
  }

  /** Lets the present command end first, which puts away what it has begun. The terminal may be gone: nothing more is said. */
  #endBy(signal: EndingSignal): void {
    this.#ending = signal;
    Atomics.store(this.#cancel, 0, 1);
    if (this.#isBusy) setTimeout(() => this.#end(signal), PATIENCE_MS);
    else this.#end(signal);
  }

  #end(signal: EndingSignal): void {
    try {
      this.#lines.close();
    } finally {
      endBy(signal);
    }
  }

  #hear(message: FromShell): void {
    if (this.#ending !== undefined) {
      if (message.kind === 'done' || message.kind === 'ready') this.#end(this.#ending);
      return;
    }
    switch (message.kind) {
      case 'ready':
        writeTo(1, 'Type `help` for the commands, `quit` to leave.\n');
        this.#isBusy = false;
        this.#next();
        return;
      case 'words':
        this.#completing?.([[...message.words], message.word]);
        this.#completing = undefined;
        return;
      case 'progress':
        this.#progress?.update(message.done, message.total);
        return;
      case 'done':
        this.#progress?.clear();
        this.#progress = undefined;
        writeTo(message.failed ? 2 : 1, message.text);
        this.#isBusy = false;
        if (message.quit) void this.#leave(message.failed ? 3 : 0);
        else this.#next();
    }
  }

  async #leave(status: ExitStatus): Promise<void> {
    this.#lines.close();
    await this.#worker.terminate();
    this.#resolve(status);
  }
}

function historyFile(): string {
  return join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'bailout', 'history');
}

function readHistory(): string[] {
  const file = historyFile();
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/** A history that cannot be written is none, not an error. */
function remember(entries: readonly string[]): void {
  const file = historyFile();
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${entries.slice(0, HISTORY_LINES).join('\n')}\n`, { mode: 0o600 });
  } catch {
    // Read-only homes are common in containers.
  }
}
