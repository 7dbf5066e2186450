/** Pieces that the file format is made of: checksums, chunks, and columns as bytes. */
import { BailoutError } from '../errors.ts';

/** What packs and unpacks; the host brings it, since core runs everywhere. */
export interface Compression {
  /** How {@link compress} packs, as chunks name it: 1 is raw deflate, 2 zstd. */
  readonly codec: number;
  compress(bytes: Uint8Array): Uint8Array;
  /** Ways of unpacking, by how chunks name them. Each throws when the bytes are not what was packed, or unpack to more than `size`. */
  readonly decoders: Readonly<Record<number, (bytes: Uint8Array, size: number) => Uint8Array>>;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0xedb88320;
  return value;
});

/** CRC-32 as in gzip and PNG. */
export function crc32(...parts: readonly Uint8Array[]): number {
  let crc = 0xffffffff;
  for (const bytes of parts)
    for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}

export interface Chunk {
  /** Four letters. */
  readonly type: string;
  readonly bytes: Uint8Array;
  /** Where it stands in the file. */
  readonly offset: number;
}

const STORED = 0;
/** Type, codec, stored length, unpacked length, checksum. */
const CHUNK_HEADER = 20;
/** Below this packing does not pay. */
const MIN_PACKED = 64;
export const MAX_CHUNK = 128 * 1024 * 1024;

export function encodeChunk(type: string, bytes: Uint8Array, compression: Compression): Uint8Array {
  const packed = bytes.length < MIN_PACKED ? bytes : compression.compress(bytes);
  const worth = packed.length < bytes.length;
  const payload = worth ? packed : bytes;
  const chunk = new Uint8Array(CHUNK_HEADER + payload.length);
  const view = new DataView(chunk.buffer);
  for (let i = 0; i < 4; i++) chunk[i] = type.charCodeAt(i);
  view.setUint32(4, worth ? compression.codec : STORED, true);
  view.setUint32(8, payload.length, true);
  view.setUint32(12, bytes.length, true);
  chunk.set(payload, CHUNK_HEADER);
  view.setUint32(16, crc32(chunk.subarray(0, 16), payload), true);
  return chunk;
}

/** Reads one chunk; undefined when the file ends within it. */
export function decodeChunk(
  file: Uint8Array,
  offset: number,
  compression: Compression,
  room: number,
): { chunk: Chunk; next: number } | undefined {
  if (file.length - offset < CHUNK_HEADER) return undefined;
  const view = new DataView(file.buffer, file.byteOffset + offset, CHUNK_HEADER);
  const codec = view.getUint32(4, true);
  const stored = view.getUint32(8, true);
  const size = view.getUint32(12, true);
  const end = offset + CHUNK_HEADER + stored;
  const type = String.fromCharCode(...file.subarray(offset, offset + 4));
  if (size > MAX_CHUNK || size > room) {
    throw new BailoutError(
      'TRACE_TOO_LARGE',
      `The chunk at offset ${offset} says that it unpacks to ${size} bytes, more than the ${Math.min(room, MAX_CHUNK)} allowed.`,
      { offset },
    );
  }
  if (end > file.length) return undefined;
  const payload = file.subarray(offset + CHUNK_HEADER, end);
  if (crc32(file.subarray(offset, offset + 16), payload) !== view.getUint32(16, true))
    throw altered(offset, 'its checksum is wrong');
  return { chunk: { type, bytes: unpack(payload, codec, size, compression, offset), offset }, next: end };
}

function unpack(
  payload: Uint8Array,
  codec: number,
  size: number,
  compression: Compression,
  offset: number,
): Uint8Array {
  const decode = codec === STORED ? undefined : compression.decoders[codec];
  if (codec !== STORED && decode === undefined) {
    throw new BailoutError(
      'TRACE_TOO_NEW',
      `The chunk at offset ${offset} is packed in way ${codec}, which this version does not know.`,
      { offset },
    );
  }
  let bytes = payload;
  if (decode !== undefined) {
    try {
      bytes = decode(payload, size);
    } catch (cause) {
      throw new BailoutError('TRACE_ALTERED', `The chunk at offset ${offset} cannot be unpacked.`, { offset, cause });
    }
  }
  if (bytes.length !== size) throw altered(offset, `it unpacks to ${bytes.length} bytes, not ${size}`);
  // A host's own kind of byte array may slice without copying.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

export function altered(offset: number, why: string): BailoutError {
  return new BailoutError('TRACE_ALTERED', `The recording was altered: in the chunk at offset ${offset}, ${why}.`, {
    offset,
    hint: 'The file was changed after it was written, or damaged on its way.',
  });
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The bytes of a column's part. */
export function bytesOf(column: ArrayBufferView): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}

/** Takes columns out of a chunk, one behind the other. */
export class ColumnReader {
  readonly #chunk: Chunk;
  #at = 0;

  constructor(chunk: Chunk) {
    this.#chunk = chunk;
  }

  get left(): number {
    return this.#chunk.bytes.length - this.#at;
  }

  /** The next bytes, copied so that they begin at an aligned place. */
  take(size: number): ArrayBuffer {
    if (size > this.left) throw altered(this.#chunk.offset, 'a column is cut off');
    const part = this.#chunk.bytes.slice(this.#at, this.#at + size);
    this.#at += size;
    return part.buffer;
  }

  u32(): number {
    return new Uint32Array(this.take(4))[0] ?? 0;
  }

  end(): void {
    if (this.left !== 0) throw altered(this.#chunk.offset, `${this.left} bytes are left over`);
  }
}
