/** Opening what is dropped or chosen, and saving. What a file is shows in its bytes. A file that is none changes nothing. */
import { BailoutError } from '../errors.ts';
import { recordingOf, rememberObject } from '../commands/recordings.ts';
import { chooseCaptured } from '../commands/packets.ts';
import { Session } from '../debugger/session.ts';
import { loadObject } from '../object/object.ts';
import type { Scenario } from '../kernel/scenario.ts';
import { parseScenario, withCapturedPacket } from '../kernel/scenario-file.ts';
import type { DroppedFile } from '../protocol/api.ts';
import { refusalOfSize } from '../protocol/files.ts';
import { joined } from '../trace/bytes.ts';
import { EXPORT_FORMATS, exportBytes } from '../trace/exports.ts';
import { readRecording, writeRecording } from '../trace/file.ts';
import { historyOf } from '../trace/history.ts';
import { Replay } from '../trace/replay.ts';
import type { Desk } from './desk.ts';
import { notRunning, stopView } from './desk.ts';
import { verificationOf } from './verifier-view.ts';
import { exampleOf } from './examples.ts';

export type FileKind = 'object' | 'recording' | 'capture' | 'scenario';

/** What a file is, by its first bytes. */
export function kindOf(name: string, bytes: Uint8Array): FileKind {
  const starts = (...first: number[]): boolean => first.every((byte, i) => bytes[i] === byte);
  if (starts(0x7f, 0x45, 0x4c, 0x46)) return 'object';
  if (starts(0x42, 0x41, 0x49, 0x4c, 0x4f, 0x55, 0x54, 0)) return 'recording';
  if (isCapture(bytes)) return 'capture';
  // White space, then a brace: JSON.
  const first = bytes.subarray(0, 4096).find((byte) => byte !== 0x20 && byte !== 9 && byte !== 10 && byte !== 13);
  if (first === 0x7b) return 'scenario';
  throw new BailoutError('FILE_UNKNOWN', `${name} is nothing that Bailout can open.`, {
    hint: 'It opens BPF objects (.bpf.o), recordings (.bailout), captures (.pcap, .pcapng) and scenarios (.json).',
  });
}

const CAPTURE_MAGIC: readonly number[] = [0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a];

function isCapture(bytes: Uint8Array): boolean {
  if (bytes.length < 4) return false;
  return CAPTURE_MAGIC.includes(new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true));
}

export function openFile(desk: Desk, file: DroppedFile): FileKind {
  const { name, bytes } = file;
  const refusal = refusalOfSize(name, bytes.length);
  if (refusal !== undefined) throw new BailoutError(refusal.code, refusal.message, { hint: refusal.hint });
  const kind = kindOf(name, bytes);
  switch (kind) {
    case 'object':
      openObject(desk, name, bytes, {});
      desk.scenarioName = 'default';
      break;
    case 'recording':
      openRecording(desk, name, bytes);
      break;
    case 'capture':
      openCapture(desk, name, bytes);
      break;
    case 'scenario':
      openScenario(desk, name, bytes);
      break;
  }
  return kind;
}

export function openExample(desk: Desk, id: string): void {
  const { object, scenario, program } = exampleOf(id);
  const bytes = desk.host.readExample(object);
  const parsed = parseScenario(new TextDecoder().decode(desk.host.readExample(scenario)), scenario);
  openObject(desk, object, bytes, parsed);
  desk.scenarioName = scenario;
  desk.session.select(program);
}

function openObject(desk: Desk, name: string, bytes: Uint8Array, scenario: Scenario): void {
  desk.silently(`loading ${name}`, () => {
    const object = loadObject(bytes, { name, kernelBtf: desk.host.kernelBtf() });
    const session = new Session(object, scenario);
    if (!session.hasProgram && object.programs[0] !== undefined) session.select(object.programs[0].name);
    desk.begin(session, { name }, bytes);
    rememberObject(desk.context, name);
  });
  verifySelected(desk);
  desk.stop = stopView('loaded', `${name} is loaded`);
}

/** The state has the verdict of the selected program. Cancelling leaves it open. */
export function verifySelected(desk: Desk): void {
  const { session } = desk;
  if (!session.hasProgram || session.program.loadError !== undefined) return;
  try {
    verificationOf(desk, session.program);
  } catch (error) {
    if (!(error instanceof BailoutError)) throw error;
  }
}

function openRecording(desk: Desk, name: string, bytes: Uint8Array): void {
  desk.silently(`opening ${name}`, () => {
    const recording = readRecording(bytes, desk.host.compression);
    const timeline = new Replay(recording, { kernelBtf: desk.host.kernelBtf() });
    const session = new Session(timeline.object, recording.source.scenario);
    session.setProfile(recording.source.profile);
    session.attach(timeline, recording.source.requests);
    const about = { name, bytes: bytes.length, complete: recording.complete };
    desk.begin(session, { name, recording: about }, recording.source.objectBytes);
    desk.scenarioName = 'of the recording';
  });
  verifySelected(desk);
  desk.stop = stopView('loaded', `${name} is opened`);
}

/** The first packet of a capture becomes the input of the next runs; `run --all` takes each. */
function openCapture(desk: Desk, name: string, bytes: Uint8Array): void {
  desk.requireLive();
  const { files } = desk;
  const before = files.get(name);
  files.set(name, bytes);
  try {
    chooseCaptured(desk.context, name, 1);
  } catch (error) {
    // A file that is none changes nothing.
    if (before === undefined) files.delete(name);
    else files.set(name, before);
    throw error;
  }
}

function openScenario(desk: Desk, name: string, bytes: Uint8Array): void {
  desk.requireLive();
  const parsed = parseScenario(new TextDecoder().decode(bytes), name);
  const scenario = withCapturedPacket(parsed, (path) => desk.readBeside(path));
  const { session } = desk;
  session.scenario = scenario;
  session.reset();
  desk.files.set(name, bytes);
  desk.scenarioName = name;
  desk.stop = stopView('loaded', `${name} is the scenario`);
}

// ---- saving -----------------------------------------------------------------------------------------------------------

/** `deep-throw` for `deep-throw.bpf.o`. */
function baseOf(desk: Desk): string {
  return desk.session.object.name.replace(/(\.bpf)?\.o$/, '');
}

export function saved(desk: Desk): DroppedFile {
  return desk.silently('saving the runs', () => ({
    name: `${baseOf(desk)}.bailout`,
    bytes: writeRecording(recordingOf(desk.context), desk.host.compression),
  }));
}

const ENDINGS: Readonly<Record<'perfetto' | 'csv' | 'folded', string>> = {
  perfetto: 'perfetto.json',
  csv: 'csv',
  folded: 'folded',
};

/** More than this does not go through a page: what is written to disk as it comes may be of any size. */
const MAX_EXPORT = 256 * 1024 * 1024;

/** All that happened in the session's runs. What is not kept is run again, which may take long: it can be given up. */
export function exported(desk: Desk, format: 'perfetto' | 'csv' | 'folded'): DroppedFile {
  if (!EXPORT_FORMATS.includes(format)) throw new BailoutError('USAGE', `There is no format \`${String(format)}\`.`);
  if (!desk.isRunning) throw notRunning();
  const { timeline } = desk.session;
  const parts = desk.work(`writing ${format}`, (limits) => {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (const part of exportBytes(format, historyOf(timeline, {}, limits))) {
      parts.push(part);
      size += part.length;
      if (size > MAX_EXPORT) throw tooLarge(format);
    }
    return parts;
  });
  return { name: `${baseOf(desk)}.${ENDINGS[format]}`, bytes: joined(parts) };
}

function tooLarge(format: string): BailoutError {
  return new BailoutError(
    'EXPORT_TOO_LARGE',
    `What happened takes more than ${MAX_EXPORT / 2 ** 20} MB as ${format}.`,
    {
      hint: `In the terminal, \`export ${format} FILE STEP..STEP\` writes a part of it; \`bailout replay\` writes all of a saved recording.`,
    },
  );
}
