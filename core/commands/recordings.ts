/** Commands about recordings: keeping the runs of a session in a file, going through one, exporting what happened. */
import { BailoutError } from '../errors.ts';
import { formatPosition } from '../debugger/inspect.ts';
import { Session } from '../debugger/session.ts';
import type { EventKind, TraceEvent } from '../trace/events.ts';
import { EVENT_KINDS } from '../trace/events.ts';
import { allEvents } from '../trace/all-events.ts';
import { EXPORT_FORMATS, exportBytes } from '../trace/exports.ts';
import { readRecording, writeRecording } from '../trace/file.ts';
import type { Range } from '../trace/history.ts';
import { historyOf } from '../trace/history.ts';
import type { Recording } from '../trace/recording.ts';
import { record } from '../trace/recording.ts';
import { Replay } from '../trace/replay.ts';
import { throwIfCancelled } from '../trace/timeline.ts';
import type { Command, Context, Output } from './command.ts';
import { table, usageError, words } from './command.ts';

const OBJECT = 'object path';
/** Events that `events` shows. */
const SHOWN = 100;

const recordings = new WeakMap<Session, { readonly recording: Recording; readonly runs: number }>();

/** The recording that is replayed, or one of the runs so far: recorded anew, which gives the same runs to the last bit. */
export function recordingOf(context: Context): Recording {
  const { session, host, memory, limits } = context;
  const known = recordings.get(session);
  if (known !== undefined && known.runs === session.requests.length) return known.recording;
  const path = memory.get(OBJECT);
  if (session.requests.length === 0 || path === undefined) throw notRun();
  if (session.isChanged) {
    throw new BailoutError(
      'RECORD_CHANGED',
      'Maps were changed by hand between these runs, so they cannot be recorded.',
      { hint: 'Put the contents into the scenario, reset, and run again.' },
    );
  }
  const source = {
    objectName: session.object.name,
    objectBytes: host.readFile(path),
    ...(session.chosenProfile === undefined ? {} : { profile: session.chosenProfile }),
    scenario: session.scenario,
    requests: [...session.requests],
    globals: [],
    maxSteps: session.maxSteps,
  };
  const recording = record(source, {
    kernelBtf: host.kernelBtf(),
    ...(limits.isCancelled === undefined ? {} : { isCancelled: () => limits.isCancelled?.() === true }),
    onProgress: ({ steps }) => limits.onProgress?.(steps, undefined),
  });
  throwIfCancelled(limits);
  recordings.set(session, { recording, runs: session.requests.length });
  return recording;
}

function notRun(): BailoutError {
  return new BailoutError('NOT_RUNNING', 'No program has been run.', { hint: 'Start one: run.' });
}

const recordCommand: Command = {
  name: 'record',
  aliases: ['rec'],
  group: 'Running',
  usage: 'record FILE',
  summary: 'keeps the runs so far in a recording',
  run(args, context) {
    const path = args.trim();
    if (path === '') throw usageError(recordCommand, 'In which file?');
    const bytes = writeRecording(recordingOf(context), context.host.compression);
    context.host.writeFile(path, [bytes]);
    return {
      text: `${path}: ${context.session.timeline.runs.length} runs.`,
      data: { file: path, bytes: bytes.length },
    };
  },
};

const replay: Command = {
  name: 'replay',
  aliases: [],
  group: 'Programs',
  usage: 'replay FILE',
  summary: 'opens a recording, at its first instruction',
  run(args, context) {
    const path = args.trim();
    if (path === '') throw usageError(replay, 'Which recording?');
    const recording = readRecording(context.host.readFile(path), context.host.compression);
    const timeline = new Replay(recording, { kernelBtf: context.host.kernelBtf() });
    const session = new Session(timeline.object, recording.source.scenario);
    session.setProfile(recording.source.profile);
    session.attach(timeline, recording.source.requests);
    context.open(session, path);
    recordings.set(session, { recording, runs: 0 });
    const count = recording.runs.length;
    return {
      text: `${recording.source.objectName}: ${count} ${count === 1 ? 'run' : 'runs'}${recording.complete ? '' : ', cut off'}`,
      data: { object: recording.source.objectName, runs: count, complete: recording.complete },
    };
  },
};

const exportCommand: Command = {
  name: 'export',
  aliases: [],
  group: 'Looking',
  usage: 'export perfetto | csv | folded FILE [RUN: | [RUN:]STEP..STEP]',
  summary: 'writes what happened for another tool: a trace, a table, a flame graph',
  details:
    'All that happened in all runs, whatever the length: what was only counted is run again. `3:` is run 3 alone, `1000..2000` these steps ' +
    'of the present run, `3:1000..` those of run 3 from 1,000 on.',
  run(args, context) {
    const [word = '', path, range, extra] = words(args);
    const format = EXPORT_FORMATS.find((name) => name === word);
    if (path === undefined) throw usageError(exportCommand, 'As what, and in which file?');
    if (format === undefined) throw usageError(exportCommand, `There is no format \`${word}\`.`);
    if (extra !== undefined) throw usageError(exportCommand, `\`${extra}\` is one word too many.`);
    const { session, host, limits } = context;
    if (!session.isRunning) throw notRun();
    const wanted = range === undefined ? {} : rangeOf(range, session);
    const pieces = exportBytes(format, historyOf(session.timeline, wanted, limits));
    if (host.streamFile === undefined) host.writeFile(path, [...pieces]);
    else host.streamFile(path, pieces);
    return { text: `${path} is written.`, data: { file: path, format, ...wanted } };
  },
  complete: (args) => (args.length <= 1 ? [...EXPORT_FORMATS] : []),
};

function rangeOf(text: string, session: Session): Range {
  const match = /^(?:(\d+):)?(?:([\d,_]*)\.\.([\d,_]*))?$/.exec(text);
  if (match === null) throw usageError(exportCommand, `\`${text}\` is no range.`);
  const step = (digits: string): number => Number(digits.replaceAll(/[,_]/g, ''));
  const [, run, from = '', to = ''] = match;
  return {
    run: run === undefined ? session.position.run : Number(run),
    ...(from === '' ? {} : { from: step(from) }),
    ...(to === '' ? {} : { to: step(to) }),
  };
}

export const events: Command = {
  name: 'events',
  aliases: [],
  group: 'Looking',
  usage: 'events [KIND…] [here]',
  summary: 'lists what happened: calls, resources, map changes, throws, phases',
  details: `Of all that was run so far. Kinds: ${EVENT_KINDS.join(' ')}. With \`here\` from the present moment on. The first ${SHOWN} are shown; \`export csv\` has all.`,
  run(args, context): Output {
    const wanted = words(args);
    const kinds = wanted.filter((word) => word !== 'here').map(kindOf);
    const { session, limits } = context;
    if (!session.isRunning) throw notRun();
    const { timeline } = session;
    const query = {
      ...limits,
      ...(wanted.includes('here') ? { from: session.position } : {}),
      ...(kinds.length === 0 ? {} : { kinds }),
      limit: SHOWN + 1,
    };
    const found = [...allEvents(timeline, query)];
    const several = timeline.runs.length > 1;
    const rows = found
      .slice(0, SHOWN)
      .map((event) => [formatPosition(event.position, several), event.kind, eventText(event)]);
    const more = found.length > SHOWN ? ['…'] : [];
    return {
      text: rows.length === 0 ? 'Nothing of that kind happened.' : [table(rows), ...more].join('\n'),
      data: found.slice(0, SHOWN).map(eventData),
    };
  },
  complete: () => [...EVENT_KINDS, 'here'],
};

function kindOf(word: string): EventKind {
  const kind = EVENT_KINDS.find((candidate) => candidate === word);
  if (kind === undefined) throw usageError(events, `There is no kind of event \`${word}\`.`);
  return kind;
}

function eventText({ name, detail, value, args }: TraceEvent): string {
  const given = args === undefined ? '' : `(${args.map((arg) => `0x${arg.toString(16)}`).join(', ')})`;
  return `${name}${given}${value === undefined ? '' : ` = 0x${value.toString(16)}`}${detail === '' ? '' : ` · ${detail}`}`;
}

function eventData(event: TraceEvent): object {
  const { value, args, ...rest } = event;
  return {
    ...rest,
    ...(value === undefined ? {} : { value: `0x${value.toString(16)}` }),
    ...(args === undefined ? {} : { args: args.map((arg) => `0x${arg.toString(16)}`) }),
  };
}

/** Remembers where an object came from, so that its bytes can go into a recording. */
export function rememberObject(context: Context, path: string): void {
  context.memory.set(OBJECT, path);
}

export const RECORDINGS: readonly Command[] = [recordCommand, replay, exportCommand, events];
