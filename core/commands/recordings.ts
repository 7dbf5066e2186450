/** Commands about recordings: keeping the runs of a session in a file, going through one, exporting what happened. */
import { BailoutError } from '../errors.ts';
import { formatPosition } from '../debugger/inspect.ts';
import { Session } from '../debugger/session.ts';
import type { EventKind, TraceEvent } from '../trace/events.ts';
import { EVENT_KINDS } from '../trace/events.ts';
import { csv, folded } from '../trace/export-text.ts';
import { perfettoJson } from '../trace/export-perfetto.ts';
import { readRecording, writeRecording } from '../trace/file.ts';
import type { Recording } from '../trace/recording.ts';
import { record } from '../trace/recording.ts';
import { Replay } from '../trace/replay.ts';
import { throwIfCancelled } from '../trace/timeline.ts';
import type { Command, Context, Output } from './command.ts';
import { table, usageError, words } from './command.ts';

const OBJECT = 'object path';
/** Events that `info events` shows. */
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

export const EXPORTS: Readonly<Record<string, (recording: Recording) => Iterable<string>>> = {
  perfetto: perfettoJson,
  csv,
  folded,
};

const exportCommand: Command = {
  name: 'export',
  aliases: [],
  group: 'Looking',
  usage: 'export perfetto | csv | folded FILE',
  summary: 'writes what happened for another tool: a trace, a table, a flame graph',
  run(args, context) {
    const [format = '', path] = words(args);
    const pieces = EXPORTS[format];
    if (pieces === undefined || path === undefined)
      throw usageError(
        exportCommand,
        path === undefined ? 'As what, and in which file?' : `There is no format \`${format}\`.`,
      );
    const encoder = new TextEncoder();
    const bytes = Array.from(pieces(recordingOf(context)), (piece) => encoder.encode(piece));
    context.host.writeFile(path, bytes);
    return { text: `${path} is written.`, data: { file: path, format } };
  },
  complete: (args) => (args.length <= 1 ? Object.keys(EXPORTS) : []),
};

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
    const { session } = context;
    if (!session.isRunning) throw notRun();
    const { timeline } = session;
    const query = {
      ...(wanted.includes('here') ? { from: session.position } : {}),
      ...(kinds.length === 0 ? {} : { kinds }),
      limit: SHOWN + 1,
    };
    const found = [...timeline.events.events(query)];
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
