/** `bailout record`: runs a program while listening, and keeps what happened in a file. */
import { ethernetFrame, capturedPackets } from '../../../core/kernel/pcap.ts';
import type { ContextScenario, Scenario } from '../../../core/kernel/scenario.ts';
import { BailoutError } from '../../../core/errors.ts';
import type { ObjectFile, Program } from '../../../core/object/program.ts';
import type { AttachedObject, RecordedAttachment } from '../../../core/trace/attached.ts';
import { FileWriter } from '../../../core/trace/file.ts';
import type { RecordingSource } from '../../../core/trace/recording.ts';
import { recordInSteps } from '../../../core/trace/recording.ts';
import type { Recording } from '../../../core/trace/recording.ts';
import { zstd } from '../../compression.ts';
import type { Outcome } from '../format/verify.ts';
import { formatOutcome } from '../format/verify.ts';
import { setGlobals } from '../globals.ts';
import type { ExitStatus, Host } from '../host.ts';
import { loadFile } from '../load.ts';
import type { RecordRequest } from '../options.ts';
import { packetBytes } from '../packet.ts';
import { baseName, chooseProgram } from '../program.ts';
import { ProgressLine } from '../progress.ts';
import { summary } from './replay.ts';
import { attachedProgram, scenarioOf } from './run.ts';
import { explained } from './verify.ts';

const WHOLE_CAPTURE = /\.(?:pcap|pcapng|cap)$/i;
/** More belong into several recordings: what is known of so many runs, and the way to each of them, fits into 512 MB. */
const MAX_RUNS = 25_000;

export async function recordCommand(request: RecordRequest, host: Host): Promise<ExitStatus> {
  const object = loadFile(host, request.file);
  const program = chooseProgram(object, request.program);
  const { globals, inMemory } = changedGlobals(object, request.globals);
  const profile = request.profile === undefined ? {} : { profile: request.profile };
  const outcome = explained(program, profile, 0);
  if (isRefused(outcome)) return refuse(outcome, host);
  const attach: RecordedAttachment[] = [];
  for (const { bound, recorded } of attachments(request, object, program, host)) {
    const verdict = explained(bound, profile, 0);
    if (isRefused(verdict)) return refuse(verdict, host);
    attach.push(recorded);
  }
  const read = scenarioOf(request, host);
  const scenario = request.globals.length === 0 ? read : { ...read, globals: { ...read.globals, ...inMemory } };
  const inputs = inputsOf(request, scenario.context ?? {}, host);
  const source: RecordingSource = {
    objectName: baseName(request.file),
    objectBytes: host.readFile(request.file),
    ...profile,
    scenario,
    requests: inputs.map((input) => ({ program: program.name, ...input })),
    globals,
    ...(attach.length === 0 ? {} : { attach }),
    maxSteps: request.maxSteps,
  };
  const { recording, isInterrupted } = await recordWatched(source, host, host.createFile(request.output));
  host.write(`${summary(recording).join('\n')}\n`);
  if (isInterrupted) return 130;
  return recording.complete && recording.runs.every(({ end }) => end.kind === 'exit') ? 0 : 1;
}

function isRefused(outcome: Outcome): boolean {
  return outcome.kind === 'unloaded' || outcome.verification.verdict === 'rejected';
}

/** A program, or one that is attached to it, is not run. */
function refuse(outcome: Outcome, host: Host): ExitStatus {
  const { name, type } = outcome.program;
  const widths = { name: name.length, type: type.length };
  host.write(`${formatOutcome(outcome, widths, host.style).join('\n')}\n`);
  return 1;
}

/** What `--attach` names, bound to its function and as a recording keeps it. A file that is named twice is one object. */
function* attachments(
  request: RecordRequest,
  object: ObjectFile,
  target: Program,
  host: Host,
): Generator<{ readonly bound: Program; readonly recorded: RecordedAttachment }> {
  const others = new Map<string, { readonly object: ObjectFile; readonly kept: AttachedObject }>();
  for (const option of request.attach) {
    const { file } = option;
    if (file !== undefined && !others.has(file)) {
      const kept = { name: baseName(file), bytes: host.readFile(file) };
      others.set(file, { object: loadFile(host, file), kept });
    }
    const other = file === undefined ? undefined : others.get(file);
    const bound = attachedProgram(other?.object ?? object, option, target);
    const kept = other === undefined ? {} : { object: other.kept };
    yield {
      bound,
      recorded: { ...kept, program: bound.name, target: target.name, function: option.function },
    };
  }
}

/** Between two looks at whether somebody pressed Ctrl-C. */
const BREATH_MS = 50;

/** Records, and says how far it is. Ctrl-C ends the recording: what was recorded so far is a whole file. */
async function recordWatched(
  source: RecordingSource,
  host: Host,
  append: (bytes: Uint8Array) => void,
): Promise<{ readonly recording: Recording; readonly isInterrupted: boolean }> {
  let isInterrupted = false;
  const interrupt = (): void => void (isInterrupted = true);
  process.on('SIGINT', interrupt);
  const line = host.terminal === undefined ? undefined : new ProgressLine('recording', host.terminal);
  const runs = source.requests.length;
  try {
    const steps = recordInSteps(source, {
      kernelBtf: host.kernelBtf(),
      writer: new FileWriter(append, zstd),
      isCancelled: () => isInterrupted,
    });
    for (let breath = Date.now(); ;) {
      const { done, value } = steps.next();
      if (done === true) return { recording: value, isInterrupted };
      if (Date.now() - breath < BREATH_MS) continue;
      breath = Date.now();
      // Of many runs the number says more than that of their instructions.
      if (runs > 1) line?.update(value.run, runs, 'runs');
      else line?.update(value.steps, undefined);
      await new Promise(setImmediate);
    }
  } finally {
    line?.clear();
    process.off('SIGINT', interrupt);
  }
}

/** A capture without a number is all of its packets: a run for each. */
function inputsOf(
  request: RecordRequest,
  context: ContextScenario,
  host: Host,
): { readonly context: ContextScenario; readonly input?: string }[] {
  const { packet } = request;
  if (packet === undefined) return [{ context }];
  const withData = (data: string): ContextScenario => {
    const { pcap: _, ...rest } = context.packet ?? {};
    return { ...context, packet: { ...rest, data } };
  };
  if (!WHOLE_CAPTURE.test(packet)) return [{ context: withData(packetBytes(packet, host)) }];
  const contexts: ContextScenario[] = [];
  for (const captured of capturedPackets(host.readFile(packet), baseName(packet))) {
    if (contexts.length === MAX_RUNS) {
      throw new BailoutError(
        'RECORD_TOO_MANY',
        `${baseName(packet)} holds more than the ${MAX_RUNS} packets that one recording takes.`,
        {
          hint: `Cut the capture in pieces: editcap -c ${MAX_RUNS} IN OUT.`,
        },
      );
    }
    contexts.push(withData(Buffer.from(ethernetFrame(captured, baseName(packet))).toString('hex')));
  }
  if (contexts.length === 0) throw new BailoutError('PCAP_EMPTY', `${baseName(packet)} holds no packet.`);
  const count = contexts.length;
  return contexts.map((one, i) => ({ context: one, input: `packet ${i + 1} of ${count} (${baseName(packet)})` }));
}

/** The contents of the maps that `--global` changed, and the variables that only a running kernel has bytes for. */
function changedGlobals(
  object: ObjectFile,
  assignments: RecordRequest['globals'],
): Pick<RecordingSource, 'globals'> & { readonly inMemory: Scenario['globals'] } {
  const before = object.maps.map(({ initialData }) => initialData?.slice());
  const inMemory = setGlobals(object, assignments);
  const globals = object.maps.flatMap(({ initialData }, map) => {
    const old = before[map];
    if (initialData === undefined || old?.every((byte, i) => byte === initialData[i]) === true) return [];
    return [{ map, bytes: initialData.slice() }];
  });
  return { globals, inMemory };
}
