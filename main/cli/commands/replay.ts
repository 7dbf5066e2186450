/** `bailout replay`: what a recording holds; whether it still is the same run; exports. */
import { BailoutError } from '../../../core/errors.ts';
import { runsLike } from '../../../core/debugger/runs.ts';
import { Session } from '../../../core/debugger/session.ts';
import type { TraceEvent } from '../../../core/trace/events.ts';
import { csv, folded } from '../../../core/trace/export-text.ts';
import { perfettoJson } from '../../../core/trace/export-perfetto.ts';
import { readRecording } from '../../../core/trace/file.ts';
import type { RecordedRun, Recording } from '../../../core/trace/recording.ts';
import { Replay } from '../../../core/trace/replay.ts';
import { zstd } from '../../compression.ts';
import type { ExitStatus, Host } from '../host.ts';
import { ProgressLine } from '../progress.ts';
import type { ExportFormat, ReplayRequest } from '../options.ts';

const EXPORTS: Readonly<Record<ExportFormat, (recording: Recording) => Iterable<string>>> = {
  perfetto: perfettoJson,
  csv,
  folded,
};
/** Events that are shown of a run when it is asked for. */
const SHOWN = 200;

export function replayCommand(request: ReplayRequest, host: Host): ExitStatus {
  const recording = readRecording(host.readFile(request.file), zstd);
  if (request.run !== undefined && request.run >= recording.runs.length) {
    throw new BailoutError(
      'USAGE',
      `There is no run ${request.run}: the recording has ${recording.runs.length}, counted from 0.`,
    );
  }
  const line = host.terminal === undefined ? undefined : new ProgressLine('replaying', host.terminal);
  const timeline = new Replay(recording, { kernelBtf: host.kernelBtf() });
  timeline.prepare({ onProgress: (done, total) => line?.update(done, total) });
  line?.clear();
  const only = request.run === undefined ? filtered(timeline, request.runs, host) : [request.run];
  if (request.exportTo !== undefined) {
    const append = host.createFile(request.exportTo.path);
    const encoder = new TextEncoder();
    for (const piece of EXPORTS[request.exportTo.format](recording)) append(encoder.encode(piece));
  }
  if (request.json) host.write(`${JSON.stringify(summaryJson(recording, request.run, only), null, 2)}\n`);
  else
    host.write(
      `${summary(recording, request.run, only).join('\n')}\nThe replay is the recorded run, to the last bit.\n`,
    );
  return 0;
}

/** The runs that `--runs` lets through; undefined for all. What is wrong with it is wrong with the command line. */
function filtered(timeline: Replay, filter: string | undefined, host: Host): readonly number[] | undefined {
  if (filter === undefined) return undefined;
  const { scenario, requests } = timeline.recording.source;
  const session = new Session(timeline.object, scenario);
  session.attach(timeline, requests);
  const line = host.terminal === undefined ? undefined : new ProgressLine('filtering', host.terminal);
  try {
    return runsLike(session, filter, { onProgress: (done, total) => line?.update(done, total, 'runs') });
  } catch (error) {
    if (error instanceof BailoutError && error.code.startsWith('EXPRESSION'))
      throw new BailoutError('USAGE', error.message, { hint: error.hint, cause: error });
    throw error;
  } finally {
    line?.clear();
  }
}

/** A line per run, all or those that are asked for, and how much happened; of a single one, its events. */
export function summary(recording: Recording, single?: number, only?: readonly number[]): string[] {
  const { runs, events } = recording;
  const inputs = inputsOf(recording);
  const lines = [
    `${recording.source.objectName}: ${runs.length} run${runs.length === 1 ? '' : 's'}${recording.complete ? '' : ' (cut off)'}`,
  ];
  const wanted = only === undefined ? undefined : new Set(only);
  runs.forEach((run, index) => {
    if (wanted?.has(index) !== false)
      lines.push(
        `run ${index} · ${run.program}${run.what === 'program' ? '' : ` (${run.what})`} · ${result(run)} · ${steps(run)}${thrown(run)}${inputs[index] === undefined ? '' : ` · ${inputs[index]}`}`,
      );
  });
  if (single === undefined) {
    if (wanted?.size === 0) lines.push('None of them is like that.');
    const totals = Object.entries(events.totals()).filter(([, count]) => count > 0);
    lines.push(`events: ${totals.map(([kind, count]) => `${kind} ${count.toLocaleString('en')}`).join(', ')}`);
    return lines;
  }
  const query = { from: { run: single, step: 0, phase: 0 }, to: { run: single + 1, step: 0, phase: 0 } };
  const shown = [...events.events({ ...query, limit: SHOWN + 1 })];
  for (const event of shown.slice(0, SHOWN)) lines.push(line(event));
  if (shown.length > SHOWN || events.omitted(single) > 0) lines.push('… more: --export csv -o FILE');
  return lines;
}

function line(event: TraceEvent): string {
  const { step, phase } = event.position;
  const where = phase === 0 ? step.toLocaleString('en') : `${step.toLocaleString('en')}.${phase}`;
  const args = event.args === undefined ? '' : `(${event.args.map((arg) => `0x${arg.toString(16)}`).join(', ')})`;
  const value = event.value === undefined ? '' : ` = 0x${event.value.toString(16)}`;
  const detail = event.detail === '' ? '' : ` · ${event.detail}`;
  return `${where.padStart(12)}  ${event.kind.padEnd(10)} ${event.name}${args}${value}${detail}`.trimEnd();
}

function result(run: RecordedRun): string {
  switch (run.end.kind) {
    case 'exit':
      return `returned ${BigInt.asIntN(32, run.end.value)}`;
    case 'fault':
      return `fault: ${run.end.message} [${run.end.code}]`;
    case 'unfinished':
      return 'not finished';
  }
}

function steps(run: RecordedRun): string {
  return `${(run.lastStep - run.firstStep).toLocaleString('en')} instructions`;
}

function thrown({ throws }: RecordedRun): string {
  return throws === 0 ? '' : ` · ${throws} throw${throws === 1 ? '' : 's'}`;
}

/** What each run got, where that was chosen: requests are the runs of programs, in order. */
function inputsOf({ runs, source }: Recording): readonly (string | undefined)[] {
  let request = 0;
  return runs.map(({ what }) => (what === 'program' ? source.requests[request++]?.input : undefined));
}

/** The summary as data (docs/cli.md). */
function summaryJson(recording: Recording, single: number | undefined, only: readonly number[] | undefined): unknown {
  const { runs, events, complete, source } = recording;
  const inputs = inputsOf(recording);
  // The list of one run stands beside all runs.
  const wanted = single === undefined && only !== undefined ? new Set(only) : undefined;
  const rows = runs.map((run, index) => ({ run, index })).filter(({ index }) => wanted?.has(index) !== false);
  const query = { from: { run: single ?? 0, step: 0, phase: 0 }, to: { run: (single ?? -1) + 1, step: 0, phase: 0 } };
  return {
    object: source.objectName,
    complete,
    runs: rows.map(({ run, index }) => ({
      run: index,
      program: run.program,
      what: run.what,
      steps: run.lastStep - run.firstStep,
      throws: run.throws,
      ...(run.end.kind === 'exit' ? { retval: Number(BigInt.asIntN(32, run.end.value)) } : {}),
      ...(run.end.kind === 'fault' ? { error: { code: run.end.code, message: run.end.message } } : {}),
      ...(run.end.kind === 'unfinished' ? { unfinished: true } : {}),
      ...(inputs[index] === undefined ? {} : { input: inputs[index] }),
    })),
    events: events.totals(),
    ...(single === undefined
      ? {}
      : {
          list: [...events.events(query)].map((event) => ({
            ...event,
            ...(event.value === undefined ? {} : { value: `0x${event.value.toString(16)}` }),
            ...(event.args === undefined ? {} : { args: event.args.map((arg) => `0x${arg.toString(16)}`) }),
          })),
        }),
  };
}
