/** The thread that verifies. It is given one object at a time, and can be ended at any moment by the pool. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { BailoutError } from '../../core/errors.ts';
import { verify } from '../../core/verifier/verify.ts';
import type { Outcome } from './compare.ts';
import { kernelBtf } from './kernel-btf.ts';
import { loadCorpusObject, referenceProgram } from './loading.ts';
import type { Divergence } from './logs.ts';
import { firstDivergence } from './logs.ts';

export interface WorkerSettings {
  readonly corpus: string;
  /** Folder of the kernel's logs, when they are to be compared. */
  readonly oracle?: string;
  readonly keepLog: boolean;
}

export interface Job {
  readonly object: string;
  readonly programs: readonly string[];
}

export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'started'; readonly program: string }
  | {
      readonly kind: 'done';
      readonly program: string;
      readonly outcome: Outcome;
      readonly divergence?: Divergence;
      readonly log?: string;
    }
  | { readonly kind: 'finished' };

/** A log of a program that needs more than this many instructions is too large to make for every program. */
const longestCompared = 20_000;

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error.stack?.split('\n').find((line) => line.trimStart().startsWith('at ')) ?? '';
  return `${error.name}: ${error.message} ${place.trim().replace(/\(?file:.*\//, '(')}`.trim();
}

function readLog(folder: string, object: string, program: string): string | undefined {
  try {
    return readFileSync(join(folder, object, `${program}.log`), 'utf8');
  } catch {
    return undefined;
  }
}

/** Answers each job with one `done` per program and a `finished`. */
export function serve(port: MessagePort, settings: WorkerSettings): void {
  const post = (message: WorkerMessage): void => port.postMessage(message);
  const btf = kernelBtf();

  const perform = ({ object: name, programs }: Job): void => {
    // What goes wrong with the object goes wrong with each of its programs.
    let failure: Outcome | undefined;
    let object: ReturnType<typeof loadCorpusObject> | undefined;
    post({ kind: 'started', program: programs[0] ?? '' });
    try {
      object = loadCorpusObject(name, readFileSync(join(settings.corpus, name)), btf);
    } catch (error) {
      failure = { kind: error instanceof BailoutError ? 'unloaded' : 'crash', message: describe(error) };
    }
    for (const program of programs) {
      post({ kind: 'started', program });
      if (object === undefined) {
        post({ kind: 'done', program, outcome: failure! });
        continue;
      }
      post(verifyOne(object, name, program));
    }
    post({ kind: 'finished' });
  };

  const verifyOne = (object: ReturnType<typeof loadCorpusObject>, name: string, programName: string): WorkerMessage => {
    try {
      const program = referenceProgram(object, programName);
      if (program === undefined) {
        return { kind: 'done', program: programName, outcome: { kind: 'unloaded', message: 'no such program' } };
      }
      if (program.loadError !== undefined) {
        return {
          kind: 'done',
          program: programName,
          outcome: { kind: 'unloaded', message: program.loadError.message },
        };
      }
      const started = performance.now();
      const { verdict, message, insns, states, stackDepth } = verify(program, { profile: 'linux', logLevel: 0 });
      const outcome: Outcome = {
        kind: verdict,
        message,
        insns,
        states,
        durationUs: Math.round((performance.now() - started) * 1000),
        stackDepth: stackDepth.join('+'),
      };
      if (settings.keepLog) {
        return {
          kind: 'done',
          program: programName,
          outcome,
          log: verify(program, { profile: 'linux', logLevel: 2 }).log,
        };
      }
      if (settings.oracle === undefined || insns > longestCompared) {
        return { kind: 'done', program: programName, outcome };
      }
      const kernelLog = readLog(settings.oracle, name, programName);
      if (kernelLog === undefined) return { kind: 'done', program: programName, outcome };
      const ours = verify(program, { profile: 'linux', logLevel: 2 }).log;
      const divergence = firstDivergence(kernelLog, ours);
      return { kind: 'done', program: programName, outcome, ...(divergence === undefined ? {} : { divergence }) };
    } catch (error) {
      return { kind: 'done', program: programName, outcome: { kind: 'crash', message: describe(error) } };
    }
  };

  port.on('message', perform);
  post({ kind: 'ready' });
}
