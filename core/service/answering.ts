/** The service as functions that never throw: what a remote call's server is made of. */
import type { SessionApi } from '../protocol/api.ts';
import type { Answer } from '../protocol/wire.ts';
import { answer } from './answers.ts';

export type Answers = {
  readonly [Name in keyof SessionApi]: (...args: Parameters<SessionApi[Name]>) => Answer<ReturnType<SessionApi[Name]>>;
};

/** Every method of the API; the compiler refuses a table that lacks one. */
const METHODS: Readonly<Record<keyof SessionApi, true>> = {
  state: true,
  open: true,
  examples: true,
  openExample: true,
  save: true,
  export: true,
  select: true,
  setProfile: true,
  verification: true,
  log: true,
  logLines: true,
  logLinesOf: true,
  searchLog: true,
  exploration: true,
  known: true,
  code: true,
  codeRows: true,
  codeRowOf: true,
  codeRowsOfLine: true,
  searchCode: true,
  codeNotes: true,
  countHits: true,
  go: true,
  reset: true,
  at: true,
  whoWrote: true,
  addBreakpoint: true,
  toggleBreakpoint: true,
  addWatchpoint: true,
  changeBreakpoint: true,
  deleteBreakpoint: true,
  addBookmark: true,
  deleteBookmark: true,
  runs: true,
  timeline: true,
  moment: true,
  summary: true,
  findEvent: true,
  events: true,
  output: true,
  maps: true,
  mapEntries: true,
  editMap: true,
  execute: true,
  complete: true,
  commands: true,
};

/** Functions by name, and none that an object has by birth. `called` runs after each of them, before its answer is sent. */
export function answering(service: SessionApi, called: () => void): Answers {
  const functions = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(METHODS) as (keyof SessionApi)[]) {
    const method = service[name] as (...args: unknown[]) => unknown;
    functions[name] = (...args: unknown[]): Answer<unknown> => {
      const result = answer(() => method.apply(service, args));
      called();
      return result;
    };
  }
  return functions as Answers;
}
