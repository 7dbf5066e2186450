/**
 * Recordings as files (docs/recording-format.md): a header, then chunks, each with its length and checksum, only ever appended.
 * A file whose writer was killed is whole up to the last chunk that arrived.
 */
import { BailoutError } from '../errors.ts';
import { isProfile } from '../exceptions/profile.ts';
import type { Scenario } from '../kernel/scenario.ts';
import { checkScenario } from '../kernel/scenario-file.ts';
import type { AttachedObject, RecordedAttachment } from './attached.ts';
import type { Chunk, Compression } from './bytes.ts';
import { altered, decodeChunk, encodeChunk, joined } from './bytes.ts';
import { decodeOverflow, decodeRows, encodeOverflow, encodeRows } from './event-bytes.ts';
import { upgradeEvents } from './event-bytes-1.ts';
import { EventIndex } from './events.ts';
import type { RecordedHash, RecordedRun, Recording, RecordingSource, RecordingWriter, RunEnd } from './recording.ts';

export type { Compression } from './bytes.ts';

const MAGIC = 'BAILOUT\0';
export const FORMAT_VERSION = 3;
const FILE_HEADER = 16;
const MAX_FILE = 1024 * 1024 * 1024;
const MAX_UNPACKED = 1024 * 1024 * 1024;

/** From version n to n + 1, by n. What changes in the format adds a row here, and no reader of an older version goes. */
const UPGRADERS: Readonly<Record<number, (chunks: readonly Chunk[]) => readonly Chunk[]>> = {
  1: (chunks) => chunks.map(upgradeChunk),
  // Nothing was attached: a source without the field says so.
  2: (chunks) => chunks,
};

function upgradeChunk(chunk: Chunk): Chunk {
  switch (chunk.type) {
    case 'FLOW':
    case 'REST':
    case 'OVER':
      return upgradeEvents(chunk);
    case 'RUNS':
      return {
        ...chunk,
        bytes: encoder.encode(toJson(array(json(chunk), chunk).map((run) => upgradeRun(run, chunk)))),
      };
    default:
      return chunk;
  }
}

/** A fault had the position of its instruction; it comes one phase later. */
function upgradeRun(value: unknown, chunk: Chunk): unknown {
  const run = object(value, chunk);
  const end = object(run['end'], chunk);
  return end['kind'] === 'fault' ? { ...run, lastPhase: natural(run['lastPhase'], chunk) + 1 } : run;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

// ---- writing ----------------------------------------------------------------------------------------------------------

/** Appends a recording to a file while it grows. */
export class FileWriter implements RecordingWriter {
  readonly #append: (bytes: Uint8Array) => void;
  readonly #compression: Compression;
  #names = 1;
  #flow = 0;
  #rest = 0;
  #runs = 0;
  #hashes = 0;
  /** Events of each run that were counted only, when its counts were last written. */
  readonly #counted = new Map<number, number>();

  constructor(append: (bytes: Uint8Array) => void, compression: Compression) {
    this.#append = append;
    this.#compression = compression;
  }

  begin(source: RecordingSource): void {
    const header = new Uint8Array(FILE_HEADER);
    header.set(encoder.encode(MAGIC));
    new DataView(header.buffer).setUint32(8, FORMAT_VERSION, true);
    this.#append(header);
    const { objectBytes, globals, attach = [], ...rest } = source;
    const others = [...new Set(attach.flatMap((one) => one.object ?? []))];
    const json = encoder.encode(
      toJson({
        ...rest,
        object: objectBytes.length,
        globals: globals.map(({ map, bytes }) => ({ map, size: bytes.length })),
        ...(attach.length === 0 ? {} : attachJson(attach, others)),
      }),
    );
    const size = new Uint8Array(Uint32Array.of(json.length).buffer);
    this.#chunk('SRCE', joined([size, json, objectBytes, ...[...globals, ...others].map(({ bytes }) => bytes)]));
  }

  update(recording: Recording): void {
    const { events, runs, hashes, complete } = recording;
    const { texts } = events.names;
    if (texts.length > this.#names) this.#json('NAME', texts.slice(this.#names));
    this.#names = texts.length;
    if (events.flow.length > this.#flow) this.#chunk('FLOW', encodeRows(events.flow, this.#flow));
    this.#flow = events.flow.length;
    if (events.rest.length > this.#rest) this.#chunk('REST', encodeRows(events.rest, this.#rest));
    this.#rest = events.rest.length;
    for (const overflow of events.overflows) {
      if (this.#counted.get(overflow.run) === overflow.total) continue;
      this.#counted.set(overflow.run, overflow.total);
      this.#chunk('OVER', encodeOverflow(overflow));
    }
    if (hashes.length > this.#hashes) this.#json('HASH', hashes.slice(this.#hashes));
    this.#hashes = hashes.length;
    const over = runs.filter(({ end }) => end.kind !== 'unfinished');
    if (over.length > this.#runs) this.#json('RUNS', over.slice(this.#runs));
    this.#runs = over.length;
    if (runs.length > over.length) this.#json('PART', runs.at(-1));
    if (complete) this.#json('DONE', {});
  }

  #json(type: string, value: unknown): void {
    this.#chunk(type, encoder.encode(toJson(value)));
  }

  #chunk(type: string, bytes: Uint8Array): void {
    this.#append(encodeChunk(type, bytes, this.#compression));
  }
}

/** Objects of attached programs stand once in the file, and attachments name them by their place. */
function attachJson(attach: readonly RecordedAttachment[], others: readonly AttachedObject[]): object {
  return {
    objects: others.map(({ name, bytes }) => ({ name, size: bytes.length })),
    attach: attach.map(({ object: other, ...names }) => ({
      ...names,
      ...(other === undefined ? {} : { object: others.indexOf(other) }),
    })),
  };
}

/** A whole recording as one file. */
export function writeRecording(recording: Recording, compression: Compression): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new FileWriter((bytes) => parts.push(bytes), compression);
  writer.begin(recording.source);
  writer.update(recording);
  return joined(parts);
}

/** Whole numbers of any size are texts, as scenarios allow. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
}

// ---- reading ----------------------------------------------------------------------------------------------------------

/** Reads a file. One that ends too early is read as far as it goes, and the recording says that it is not complete. */
export function readRecording(file: Uint8Array, compression: Compression): Recording {
  const version = readHeader(file);
  let chunks: readonly Chunk[] = readChunks(file, compression);
  for (let at = version; at < FORMAT_VERSION; at++) chunks = UPGRADERS[at]?.(chunks) ?? chunks;
  const [first] = chunks;
  if (first === undefined) throw truncated(file.length);
  if (first.type !== 'SRCE') throw altered(first.offset, 'the recording begins with something else than its source');
  const source = readSource(first);
  const events = new EventIndex();
  const runs: RecordedRun[] = [];
  const hashes: RecordedHash[] = [];
  /** Where each run's is. */
  const overflows = new Map<number, number>();
  let part: RecordedRun | undefined;
  let complete = false;
  for (const chunk of chunks.slice(1)) {
    switch (chunk.type) {
      case 'NAME':
        for (const text of array(json(chunk), chunk)) events.names.texts.push(string(text, chunk));
        break;
      case 'FLOW':
        decodeRows(chunk, events.flow);
        break;
      case 'REST':
        decodeRows(chunk, events.rest);
        break;
      case 'OVER': {
        const overflow = decodeOverflow(chunk);
        const known = overflows.get(overflow.run);
        if (known === undefined) overflows.set(overflow.run, events.overflows.push(overflow) - 1);
        else events.overflows[known] = overflow;
        break;
      }
      case 'HASH':
        for (const item of array(json(chunk), chunk)) hashes.push(readHash(item, chunk));
        break;
      case 'RUNS':
        for (const item of array(json(chunk), chunk)) runs.push(readRun(item, chunk));
        part = undefined;
        break;
      case 'PART':
        part = readRun(json(chunk), chunk);
        break;
      case 'DONE':
        complete = true;
        break;
      default:
        // Chunks that a later version adds without need are passed over.
        break;
    }
  }
  if (part !== undefined) runs.push(part);
  if (runs.length === 0) throw truncated(file.length);
  return { source, runs, hashes, events, complete };
}

function readHeader(file: Uint8Array): number {
  const magic = String.fromCharCode(...file.subarray(0, 8));
  if (magic !== MAGIC.slice(0, magic.length) || file.length === 0) {
    throw new BailoutError('TRACE_NOT_A_RECORDING', 'This is no recording of Bailout.', {
      offset: 0,
      hint: '`bailout record` makes one.',
    });
  }
  if (file.length < FILE_HEADER) throw truncated(file.length);
  if (file.length > MAX_FILE) {
    throw new BailoutError(
      'TRACE_TOO_LARGE',
      `The recording has ${file.length} bytes, more than the ${MAX_FILE} that are read.`,
    );
  }
  const version = new DataView(file.buffer, file.byteOffset).getUint32(8, true);
  if (version > FORMAT_VERSION) {
    throw new BailoutError(
      'TRACE_TOO_NEW',
      `The recording has format ${version}; this version of Bailout reads up to ${FORMAT_VERSION}.`,
      {
        offset: 8,
        hint: 'Read it with a newer version of Bailout.',
      },
    );
  }
  if (version < 1)
    throw new BailoutError('TRACE_ALTERED', 'The recording was altered: there is no format 0.', { offset: 8 });
  return version;
}

function readChunks(file: Uint8Array, compression: Compression): Chunk[] {
  const chunks: Chunk[] = [];
  let room = MAX_UNPACKED;
  for (let offset = FILE_HEADER; offset < file.length;) {
    const read = decodeChunk(file, offset, compression, room);
    if (read === undefined) break;
    chunks.push(read.chunk);
    room -= read.chunk.bytes.length;
    offset = read.next;
  }
  return chunks;
}

function truncated(length: number): BailoutError {
  return new BailoutError(
    'TRACE_TRUNCATED',
    `The recording ends after ${length} bytes, before it holds anything that was run.`,
    {
      offset: length,
    },
  );
}

function readSource(chunk: Chunk): RecordingSource {
  const { bytes } = chunk;
  const size = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (size > bytes.length - 4) throw altered(chunk.offset, 'its description is cut off');
  const fields = object(json({ ...chunk, bytes: bytes.subarray(4, 4 + size) }), chunk);
  let at = 4 + size;
  const take = (length: number): Uint8Array => {
    if (length < 0 || at + length > bytes.length) throw altered(chunk.offset, 'its bytes are cut off');
    at += length;
    return bytes.slice(at - length, at);
  };
  const objectBytes = take(natural(fields['object'], chunk));
  const globals = array(fields['globals'], chunk).map((item) => {
    const { map, size: length } = object(item, chunk);
    return { map: natural(map, chunk), bytes: take(natural(length, chunk)) };
  });
  const others = optionalArray(fields['objects'], chunk).map((item) => {
    const { name, size: length } = object(item, chunk);
    return { name: string(name, chunk), bytes: take(natural(length, chunk)) };
  });
  const attach = optionalArray(fields['attach'], chunk).map((item) => readAttachment(item, others, chunk));
  const { profile } = fields;
  if (profile !== undefined && (typeof profile !== 'string' || !isProfile(profile)))
    throw altered(chunk.offset, 'it names no profile that there is');
  return {
    objectName: string(fields['objectName'], chunk),
    objectBytes,
    ...(profile === undefined ? {} : { profile }),
    scenario: scenario(fields['scenario'], chunk),
    requests: array(fields['requests'], chunk).map((item) => {
      const { program, context, input } = object(item, chunk);
      return {
        program: string(program, chunk),
        context: scenario({ context }, chunk).context ?? {},
        ...(input === undefined ? {} : { input: string(input, chunk) }),
      };
    }),
    globals,
    ...(attach.length === 0 ? {} : { attach }),
    maxSteps: natural(fields['maxSteps'], chunk),
    ...(fields['kernelTypes'] === undefined ? {} : { kernelTypes: string(fields['kernelTypes'], chunk) }),
  };
}

function readAttachment(value: unknown, others: readonly AttachedObject[], chunk: Chunk): RecordedAttachment {
  const { object: index, program, target, function: name } = object(value, chunk);
  const other = index === undefined ? undefined : others[natural(index, chunk)];
  if (index !== undefined && other === undefined) throw altered(chunk.offset, 'an attached program is in no object');
  return {
    ...(other === undefined ? {} : { object: other }),
    program: string(program, chunk),
    target: string(target, chunk),
    function: string(name, chunk),
  };
}

function readRun(value: unknown, chunk: Chunk): RecordedRun {
  const run = object(value, chunk);
  const { what } = run;
  if (what !== 'program' && what !== 'timer' && what !== 'workqueue' && what !== 'task_work')
    throw altered(chunk.offset, 'a run is of no kind that there is');
  return {
    program: string(run['program'], chunk),
    what,
    firstStep: natural(run['firstStep'], chunk),
    lastStep: natural(run['lastStep'], chunk),
    lastPhase: natural(run['lastPhase'], chunk),
    end: readEnd(object(run['end'], chunk), chunk),
    throws: natural(run['throws'], chunk),
    hash: string(run['hash'], chunk),
  };
}

function readEnd(end: Readonly<Record<string, unknown>>, chunk: Chunk): RunEnd {
  switch (end['kind']) {
    case 'exit': {
      const value = string(end['value'], chunk);
      if (!/^\d{1,20}$/.test(value)) throw altered(chunk.offset, 'a result is no number');
      return { kind: 'exit', value: BigInt.asUintN(64, BigInt(value)) };
    }
    case 'fault':
      return { kind: 'fault', code: string(end['code'], chunk), message: string(end['message'], chunk) };
    case 'unfinished':
      return { kind: 'unfinished' };
    default:
      throw altered(chunk.offset, 'a run ended in a way that there is not');
  }
}

function readHash(value: unknown, chunk: Chunk): RecordedHash {
  const { run, step, hash } = object(value, chunk);
  return { run: natural(run, chunk), step: natural(step, chunk), hash: string(hash, chunk) };
}

function scenario(value: unknown, chunk: Chunk): Scenario {
  try {
    return checkScenario(value);
  } catch (cause) {
    if (!(cause instanceof BailoutError)) throw cause;
    throw new BailoutError('TRACE_ALTERED', `The scenario of the recording is none: ${cause.message}`, {
      offset: chunk.offset,
      cause,
    });
  }
}

// ---- JSON that nobody vouches for -------------------------------------------------------------------------------------

function json(chunk: Chunk): unknown {
  try {
    return JSON.parse(decoder.decode(chunk.bytes));
  } catch (cause) {
    throw new BailoutError('TRACE_ALTERED', `The chunk at offset ${chunk.offset} is no JSON.`, {
      offset: chunk.offset,
      cause,
    });
  }
}

function object(value: unknown, chunk: Chunk): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw altered(chunk.offset, 'an object is missing');
  return value as Readonly<Record<string, unknown>>;
}

function array(value: unknown, chunk: Chunk): readonly unknown[] {
  if (!Array.isArray(value)) throw altered(chunk.offset, 'a list is missing');
  return value;
}

/** A list that is left out is empty. */
function optionalArray(value: unknown, chunk: Chunk): readonly unknown[] {
  return value === undefined ? [] : array(value, chunk);
}

function string(value: unknown, chunk: Chunk): string {
  if (typeof value !== 'string') throw altered(chunk.offset, 'a text is missing');
  return value;
}

function natural(value: unknown, chunk: Chunk): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw altered(chunk.offset, 'a number is missing');
  return value;
}
