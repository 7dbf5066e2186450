/** `bailout replay`: what a recording holds; whether it still is the same run; exports. */
import { BailoutError } from '../../../core/errors.ts';
import { runsLike } from '../../../core/debugger/runs.ts';
import { Session } from '../../../core/debugger/session.ts';
import type { TraceEvent } from '../../../core/trace/events.ts';
import { readRecording } from '../../../core/trace/file.ts';
import { checked, historyOf } from '../../../core/trace/history.ts';
import type { Range } from '../../../core/trace/history.ts';
import type { RecordedRun, Recording } from '../../../core/trace/recording.ts';
import { Replay } from '../../../core/trace/replay.ts';
import { zstd } from '../../compression.ts';
import type { ExitStatus, Host } from '../host.ts';
import { ProgressLine } from '../progress.ts';
import type { ReplayRequest } from '../options.ts';
import { exportWatched } from './replay-export.ts';

/** Events that are shown of a run when it is asked for. */
const SHOWN = 200;
/** Characters that are written at once. */
const WRITTEN = 65_536;

export async function replayCommand(request: ReplayRequest, host: Host): Promise<ExitStatus> {
  const recording = readRecording(host.readFile(request.file), zstd);
  const range = rangeOf(request, recording);
  const line = host.terminal === undefined ? undefined : new ProgressLine('replaying', host.terminal);
  const timeline = new Replay(recording, { kernelBtf: host.kernelBtf() });
  timeline.prepare({ onProgress: (done, total) => line?.update(done, total) });
  line?.clear();
  const only = request.run === undefined ? filtered(timeline, request.runs, host) : [request.run];
  if (request.exportTo !== undefined && !(await exportWatched(timeline, range, request.exportTo, host))) {
    if (!request.json) host.write(`${request.exportTo.path} is not written.\n`);
    return 130;
  }
  const listed = request.run === undefined ? undefined : eventsIn(timeline, range);
  if (request.json) {
    for (const text of summaryJson(recording, only, listed)) host.write(text);
  } else {
    const text = summary(recording, only, listed).join('\n');
    host.write(`${text}\nThe replay is the recorded run, to the last bit.\n`);
  }
  return 0;
}

/** What is listed and exported. What is wrong with it is said before anything is run. */
function rangeOf({ run, from, to }: ReplayRequest, { runs }: Recording): Range {
  const range = {
    ...(run === undefined ? {} : { run }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
  return checked(
    runs.map(({ firstStep, lastStep }) => ({ from: firstStep, to: lastStep })),
    range,
  );
}

function* eventsIn(timeline: Replay, range: Range): Generator<TraceEvent, void> {
  for (const piece of historyOf(timeline, range).pieces()) yield* piece;
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

/** A line per run, all or those that are asked for; then some events, or how much happened. */
export function summary(recording: Recording, only?: readonly number[], listed?: Iterable<TraceEvent>): string[] {
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
  if (listed === undefined) {
    if (wanted?.size === 0) lines.push('None of them is like that.');
    const totals = Object.entries(events.totals()).filter(([, count]) => count > 0);
    lines.push(`events: ${totals.map(([kind, count]) => `${kind} ${count.toLocaleString('en')}`).join(', ')}`);
    return lines;
  }
  let shown = 0;
  for (const event of listed) {
    if (++shown > SHOWN) {
      lines.push('… more: --json, or --export csv -o FILE');
      break;
    }
    lines.push(line(event));
  }
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

/** The summary as data (docs/cli.md), in pieces: the list of a run is as long as the run. */
function* summaryJson(
  recording: Recording,
  only: readonly number[] | undefined,
  listed: Iterable<TraceEvent> | undefined,
): Generator<string, void> {
  const { runs, events, complete, source } = recording;
  const inputs = inputsOf(recording);
  // The list of one run stands beside all runs.
  const wanted = listed === undefined && only !== undefined ? new Set(only) : undefined;
  const rows = runs.map((run, index) => ({ run, index })).filter(({ index }) => wanted?.has(index) !== false);
  const head = {
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
  };
  const text = JSON.stringify(head, null, 2);
  if (listed === undefined) {
    yield `${text}\n`;
    return;
  }
  yield `${text.slice(0, text.lastIndexOf('\n'))},\n  "list": [`;
  let items = '';
  let count = 0;
  for (const event of listed) {
    items += `${count++ === 0 ? '' : ','}\n    ${JSON.stringify(eventJson(event), null, 2).replaceAll('\n', '\n    ')}`;
    if (items.length < WRITTEN) continue;
    yield items;
    items = '';
  }
  yield `${items}${count === 0 ? '' : '\n  '}]\n}\n`;
}

function eventJson(event: TraceEvent): object {
  return {
    ...event,
    ...(event.value === undefined ? {} : { value: `0x${event.value.toString(16)}` }),
    ...(event.args === undefined ? {} : { args: event.args.map((arg) => `0x${arg.toString(16)}`) }),
  };
}
