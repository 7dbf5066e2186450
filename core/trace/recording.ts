/**
 * Recording: running programs while somebody listens.
 *
 * A run is a function of the object, the scenario and what it is called with, so a recording holds these, and beside them
 * what one wants to see without running again: results and events. Hashes of the state at many moments make sure that
 * a replay is the same run, to the last bit.
 */
import type { Profile } from '../exceptions/profile.ts';
import type { ContextScenario, Scenario } from '../kernel/scenario.ts';
import type { Btf } from '../object/btf/btf.ts';
import { loadObject } from '../object/object.ts';
import type { ObjectFile, Program } from '../object/program.ts';
import type { Verification } from '../verifier/verification.ts';
import { verify } from '../verifier/verify.ts';
import type { RecordedAttachment } from './attached.ts';
import { attachmentsOf, programNamed } from './attached.ts';
import type { CollectorLimits } from './collect.ts';
import type { EventIndex } from './events.ts';
import { LiveTimeline } from './live.ts';
import type { Position, TimelineRun } from './timeline.ts';
import { NOTHING } from './timeline.ts';

export { programNamed } from './attached.ts';

/** One call of a program. */
export interface RunRequest {
  readonly program: string;
  readonly context: ContextScenario;
  /** What it got, in words, where that was chosen: `packet 3 of 43 (http.pcap)`. Nothing depends on it. */
  readonly input?: string;
}

/** All that a recording is a function of. */
export interface RecordingSource {
  readonly objectName: string;
  readonly objectBytes: Uint8Array;
  /** The user's choice; without one each program has the profile that it was written for. */
  readonly profile?: Profile;
  readonly scenario: Scenario;
  /** One after the other, maps kept between them. */
  readonly requests: readonly RunRequest[];
  /** Contents that a loader gave to maps of global variables, by the index of the map. */
  readonly globals: readonly { readonly map: number; readonly bytes: Uint8Array }[];
  /** Programs attached to functions of those that are run. */
  readonly attach?: readonly RecordedAttachment[];
  /** Instructions that one run may take. */
  readonly maxSteps: number;
  /** Of the kernel's types with which it was recorded: {@link Btf.identity}. Files of the first version have none. */
  readonly kernelTypes?: string;
}

/** How a run ended; `unfinished` when the recording stopped before. */
export type RunEnd =
  | { readonly kind: 'exit'; readonly value: bigint }
  | { readonly kind: 'fault'; readonly code: string; readonly message: string }
  | { readonly kind: 'unfinished' };

export interface RecordedRun {
  readonly program: string;
  readonly what: TimelineRun['what'];
  /** Its first and last step; a timer's callback counts on from the program before it. */
  readonly firstStep: number;
  readonly lastStep: number;
  readonly lastPhase: number;
  readonly end: RunEnd;
  readonly throws: number;
  /** Of the state at the end; empty when it is not known. */
  readonly hash: string;
}

export interface RecordedHash {
  readonly run: number;
  readonly step: number;
  readonly hash: string;
}

export interface Recording {
  readonly source: RecordingSource;
  readonly runs: readonly RecordedRun[];
  readonly hashes: readonly RecordedHash[];
  readonly events: EventIndex;
  /** False when it was cancelled, or the process was killed. */
  readonly complete: boolean;
}

/** Who keeps a recording while it grows: see file.ts. */
export interface RecordingWriter {
  begin(source: RecordingSource): void;
  /** About twice a second, and at the end. */
  update(recording: Recording): void;
}

export interface RecordOptions {
  readonly kernelBtf: Btf;
  readonly writer?: RecordingWriter;
  readonly limits?: CollectorLimits;
  /** Instructions between hashes, to begin with. */
  readonly spacing?: number;
  onProgress?(progress: RecordProgress): void;
  isCancelled?(): boolean;
}

export interface RecordProgress {
  /** The run that goes on, from 0, and how many were asked for. */
  readonly run: number;
  readonly runs: number;
  /** Instructions of all runs so far. */
  readonly steps: number;
}

const SPACING = 1_000_000;
/** Hashing a byte takes as long as a fraction of an instruction: with this a recording pays a few hundredths for its hashes. */
const STEPS_PER_BYTE = 8;
const FLUSH_MS = 500;
/** Nobody who waits notices so much. */
const PAUSE_MS = 10;

/** Loads what a source names, as it was when it was recorded. */
export function loadSource(source: RecordingSource, kernelBtf: Btf): ObjectFile {
  const object = loadObject(source.objectBytes, { name: source.objectName, kernelBtf });
  for (const { map, bytes } of source.globals)
    object.maps[map]?.initialData?.set(bytes.subarray(0, object.maps[map].initialData.length));
  return object;
}

/** What the verifier says about each program, asked once. */
export function factsOf(source: RecordingSource): (program: Program) => Verification {
  const known = new Map<Program, Verification>();
  const options = source.profile === undefined ? {} : { profile: source.profile };
  return (program) => {
    const facts = known.get(program) ?? verify(program, options);
    known.set(program, facts);
    return facts;
  };
}

/** Runs all that a source asks for, and listens. */
export function record(source: RecordingSource, options: RecordOptions): Recording {
  const steps = recordInSteps(source, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    options.onProgress?.(value);
  }
}

/** The same, left off often, so that whoever waits can do something else in between. */
export function* recordInSteps(
  asked: RecordingSource,
  options: Omit<RecordOptions, 'onProgress'>,
): Generator<RecordProgress, Recording> {
  const source = { ...asked, kernelTypes: options.kernelBtf.identity };
  const object = loadSource(source, options.kernelBtf);
  const programs = source.requests.map(({ program }) => programNamed(object, program));
  const runs: RecordedRun[] = [];
  const hashes: RecordedHash[] = [];
  const facts = factsOf(source);
  const timeline: LiveTimeline = new LiveTimeline({
    object,
    scenario: source.scenario,
    attach: attachmentsOf(source.attach ?? [], object, options.kernelBtf),
    profile: source.profile ?? (programs[0] === undefined ? 'proposal' : facts(programs[0]).profile),
    factsOf: facts,
    maxSteps: source.maxSteps,
    spacing: options.spacing ?? SPACING,
    forwardOnly: { stepsPerByte: options.spacing === undefined ? STEPS_PER_BYTE : 0 },
    ...(options.limits === undefined ? {} : { events: options.limits }),
    onKept: ({ run, step }, hash) => hashes.push({ run, step, hash: hash() }),
    onEnded: (position, hash) => {
      runs.push(runOf(timeline, position, endOf(timeline), hash()));
    },
  });
  const recording = { source, runs, hashes, events: timeline.events, complete: false };
  const write = throttled(() => options.writer?.update(partly(recording, timeline)));
  const isCancelled = (): boolean => options.isCancelled?.() === true;
  options.writer?.begin(source);
  let before = 0;
  for (const [run, request] of source.requests.entries()) {
    timeline.begin(programs[run]!, request.context);
    while (!isOver(timeline)) {
      const found = timeline.searchForward(NOTHING, { isCancelled: pause(isCancelled) });
      write();
      yield { run, runs: source.requests.length, steps: before + timeline.machine.step };
      const tooLong = found === 'end' && timeline.machine.end === undefined;
      if (tooLong || isCancelled()) {
        const unfinished = partly(recording, timeline);
        options.writer?.update(unfinished);
        return unfinished;
      }
    }
    before += timeline.machine.step;
  }
  const complete = { ...recording, complete: true };
  options.writer?.update(complete);
  return complete;
}

/** Whether the newest run is at its end, timers and work queues included. */
function isOver(timeline: LiveTimeline): boolean {
  return timeline.machine.end !== undefined && timeline.position.run === timeline.runs.length - 1;
}

/** The search is left off after a while, or when somebody gives up, between two of the pieces that it runs at once. */
function pause(isCancelled: () => boolean): () => boolean {
  const began = Date.now();
  let asked = 0;
  return () => ++asked > 1 && (Date.now() - began >= PAUSE_MS || isCancelled());
}

/** The recording as it stands, with the run that is under way. */
function partly(recording: Recording, timeline: LiveTimeline): Recording {
  if (timeline.runs.length === 0 || recording.runs.length >= timeline.runs.length) return recording;
  const unfinished = runOf(timeline, timeline.position, { kind: 'unfinished' }, '');
  return { ...recording, runs: [...recording.runs, unfinished] };
}

function runOf(timeline: LiveTimeline, position: Position, end: RunEnd, hash: string): RecordedRun {
  const run = timeline.runs[position.run];
  return {
    program: run?.program.name ?? '',
    what: run?.what ?? 'program',
    firstStep: run?.first.step ?? 0,
    lastStep: position.step,
    lastPhase: position.phase,
    end,
    throws: run?.throws ?? [...timeline.events.events({ from: run?.first, kinds: ['throw'] })].length,
    hash,
  };
}

function endOf(timeline: LiveTimeline): RunEnd {
  const { end } = timeline.machine;
  if (end === undefined) return { kind: 'unfinished' };
  if (end.kind === 'exit') return { kind: 'exit', value: end.value };
  return { kind: 'fault', code: end.fault.code, message: end.fault.message };
}

function throttled(action: () => void): () => void {
  let last = Date.now();
  return () => {
    const now = Date.now();
    if (now - last < FLUSH_MS) return;
    last = now;
    action();
  };
}
