/**
 * Spreads objects over threads. A program that takes too long, or too much memory, costs its thread and nothing else: the
 * thread is ended, the program noted, and a new thread goes on with the object's next one.
 */
import { Worker } from 'node:worker_threads';
import type { Comparison, Outcome } from './compare.ts';
import { compare } from './compare.ts';
import type { Divergence } from './logs.ts';
import type { ReferenceRow } from './reference.ts';
import type { Job, WorkerMessage, WorkerSettings } from './worker.ts';

export interface Result {
  readonly comparison: Comparison;
  readonly divergence?: Divergence;
  readonly log?: string;
}

export interface PoolSettings extends WorkerSettings {
  /** The bundle that starts the thread (`serve` of worker.ts). */
  readonly script: string;
  readonly workers: number;
  /** Seconds of wall time for one program. */
  readonly timeout: number;
  readonly onResult?: (result: Result, done: number) => void;
}

interface Assignment {
  readonly object: string;
  /** Programs without a result, in order. */
  readonly rows: ReferenceRow[];
}

const memoryLimits = { maxOldGenerationSizeMb: 2048, maxYoungGenerationSizeMb: 128 };

export async function verifyAll(rows: readonly ReferenceRow[], settings: PoolSettings): Promise<Result[]> {
  const byObject = new Map<string, ReferenceRow[]>();
  for (const row of rows) {
    const group = byObject.get(row.object);
    if (group === undefined) byObject.set(row.object, [row]);
    else group.push(row);
  }
  // The slowest objects first, so that no thread is left alone with one at the end.
  const cost = (group: readonly ReferenceRow[]): number => group.reduce((sum, { insns }) => sum + insns + 500, 0);
  const queue: Assignment[] = [...byObject]
    .map(([object, group]) => ({ object, rows: group }))
    .sort((a, b) => cost(b.rows) - cost(a.rows));
  const results: Result[] = [];
  const record = (row: ReferenceRow, outcome: Outcome, divergence?: Divergence, log?: string): void => {
    const result: Result = {
      comparison: compare(row, outcome),
      ...(divergence === undefined ? {} : { divergence }),
      ...(log === undefined ? {} : { log }),
    };
    results.push(result);
    settings.onResult?.(result, results.length);
  };
  await Promise.all(Array.from({ length: settings.workers }, () => runThread(queue, settings, record)));
  const order = new Map(rows.map((row, index) => [row, index]));
  return results.sort((a, b) => order.get(a.comparison.reference)! - order.get(b.comparison.reference)!);
}

type Recorder = (row: ReferenceRow, outcome: Outcome, divergence?: Divergence, log?: string) => void;

/** One lane of work: a thread, and its successors when it has to be ended. */
async function runThread(queue: Assignment[], settings: PoolSettings, record: Recorder): Promise<void> {
  let unfinished: Assignment | undefined;
  for (;;) {
    unfinished ??= queue.shift();
    if (unfinished === undefined) return;
    unfinished = await runUntilEnd(unfinished, queue, settings, record);
  }
}

/** Resolves with what is left of an object when the thread had to be ended, with nothing when the queue is empty. */
function runUntilEnd(
  first: Assignment,
  queue: Assignment[],
  settings: PoolSettings,
  record: Recorder,
): Promise<Assignment | undefined> {
  return new Promise((resolve) => {
    const workerData: WorkerSettings = {
      corpus: settings.corpus,
      keepLog: settings.keepLog,
      ...(settings.oracle === undefined ? {} : { oracle: settings.oracle }),
    };
    const thread = new Worker(settings.script, { workerData, resourceLimits: memoryLimits });
    let assignment = first;
    let alarm: NodeJS.Timeout | undefined;
    let over = false;

    const end = (rest: Assignment | undefined): void => {
      if (over) return;
      over = true;
      clearTimeout(alarm);
      void thread.terminate().then(() => resolve(rest));
    };
    const giveUp = (outcome: Outcome): void => {
      if (over) return;
      const row = assignment.rows.shift();
      if (row !== undefined) record(row, outcome);
      end(assignment.rows.length > 0 ? assignment : undefined);
    };
    const hand = (): void => {
      const job: Job = { object: assignment.object, programs: assignment.rows.map(({ program }) => program) };
      thread.postMessage(job);
    };

    thread.on('message', (message: WorkerMessage) => {
      if (over) return;
      switch (message.kind) {
        case 'ready':
          hand();
          break;
        case 'started':
          clearTimeout(alarm);
          alarm = setTimeout(
            () => giveUp({ kind: 'timeout', message: `no verdict after ${settings.timeout} s` }),
            settings.timeout * 1000,
          );
          break;
        case 'done':
          record(assignment.rows.shift()!, message.outcome, message.divergence, message.log);
          break;
        case 'finished': {
          clearTimeout(alarm);
          const next = queue.shift();
          if (next === undefined) end(undefined);
          else {
            assignment = next;
            hand();
          }
          break;
        }
      }
    });
    thread.on('error', (error) => giveUp({ kind: 'crash', message: `${error.name}: ${error.message}` }));
  });
}
