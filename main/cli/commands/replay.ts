/** `bailout replay`: what a recording holds; whether it still is the same run; exports. */
import { BailoutError } from '../../../core/errors.ts';
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
  new Replay(recording, { kernelBtf: host.kernelBtf() }).prepare({
    onProgress: (done, total) => line?.update(done, total),
  });
  line?.clear();
  if (request.exportTo !== undefined) {
    const append = host.createFile(request.exportTo.path);
    const encoder = new TextEncoder();
    for (const piece of EXPORTS[request.exportTo.format](recording)) append(encoder.encode(piece));
  }
  if (request.json) host.write(`${JSON.stringify(summaryJson(recording, request.run), null, 2)}\n`);
  else host.write(`${summary(recording, request.run).join('\n')}\nThe replay is the recorded run, to the last bit.\n`);
  return 0;
}

/** A line per run, and how much happened; of one run, its events. */
export function summary(recording: Recording, only: number | undefined): string[] {
  const { runs, events } = recording;
  const lines = [
    `${recording.source.objectName}: ${runs.length} run${runs.length === 1 ? '' : 's'}${recording.complete ? '' : ' (cut off)'}`,
  ];
  runs.forEach((run, index) => {
    if (only === undefined || only === index)
      lines.push(
        `run ${index} · ${run.program}${run.what === 'program' ? '' : ` (${run.what})`} · ${result(run)} · ${steps(run)}${thrown(run)}`,
      );
  });
  if (only === undefined) {
    const totals = Object.entries(events.totals()).filter(([, count]) => count > 0);
    lines.push(`events: ${totals.map(([kind, count]) => `${kind} ${count.toLocaleString('en')}`).join(', ')}`);
    return lines;
  }
  const query = { from: { run: only, step: 0, phase: 0 }, to: { run: only + 1, step: 0, phase: 0 } };
  const shown = [...events.events({ ...query, limit: SHOWN + 1 })];
  for (const event of shown.slice(0, SHOWN)) lines.push(line(event));
  if (shown.length > SHOWN || events.omitted(only) > 0) lines.push('… more: --export csv -o FILE');
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

/** The summary as data (docs/cli.md). */
function summaryJson(recording: Recording, only: number | undefined): unknown {
  const { runs, events, complete, source } = recording;
  const query = { from: { run: only ?? 0, step: 0, phase: 0 }, to: { run: (only ?? -1) + 1, step: 0, phase: 0 } };
  return {
    object: source.objectName,
    complete,
    runs: runs.map((run, index) => ({
      run: index,
      program: run.program,
      what: run.what,
      steps: run.lastStep - run.firstStep,
      throws: run.throws,
      ...(run.end.kind === 'exit' ? { retval: Number(BigInt.asIntN(32, run.end.value)) } : {}),
      ...(run.end.kind === 'fault' ? { error: { code: run.end.code, message: run.end.message } } : {}),
      ...(run.end.kind === 'unfinished' ? { unfinished: true } : {}),
    })),
    events: events.totals(),
    ...(only === undefined
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
