/**
 * An index that is kept with a BTF, so that opening it reads neither types nor names: how long each type is, and the table of names.
 *
 * It stands after the string section, where every reader of BTF stops looking; so a BTF with an index is still a BTF. The bundled kernel types have one
 * (scripts/kernel-btf.mjs makes it), those of a running kernel do not, and are indexed when they are opened.
 *
 *     "BTFindex"                      8 bytes, at a multiple of 4
 *     types, buckets                  two 32-bit numbers, little-endian
 *     words of each type              a byte each, 0 for 255 and more
 *     types in each bucket            16 bits each
 *     types by bucket                 24 bits each
 */
import type { NameTable } from './names.ts';
import { bucketCount } from './names.ts';

const MAGIC = [0x42, 0x54, 0x46, 0x69, 0x6e, 0x64, 0x65, 0x78];
const HEADER_SIZE = 16;
const MAX_SIZE = 0xff;

export interface StoredIndex {
  readonly offsets: Uint32Array;
  readonly names: NameTable;
}

/** Where an index would begin after a string section that ends at `end`. */
const placeAfter = (end: number): number => Math.ceil(end / 4) * 4;

/**
 * The BTF with its index appended.
 *
 * @param bytes little-endian BTF that ends with its string section
 * @param offsets word index of each type, [0] being void's
 */
export function withIndex(bytes: Uint8Array, words: Uint32Array, offsets: Uint32Array, names: NameTable): Uint8Array {
  const count = offsets.length - 1;
  const buckets = names.starts.length - 1;
  const start = placeAfter(bytes.length);
  const sizesAt = start + HEADER_SIZE;
  const countsAt = sizesAt + count;
  const typesAt = countsAt + 2 * buckets;
  const result = new Uint8Array(typesAt + 3 * names.types.length);
  const view = new DataView(result.buffer);
  result.set(bytes);
  result.set(MAGIC, start);
  view.setUint32(start + 8, count, true);
  view.setUint32(start + 12, buckets, true);
  for (let index = 1; index <= count; index++) {
    const size = (offsets[index + 1] ?? words.length) - offsets[index]!;
    result[sizesAt + index - 1] = size >= MAX_SIZE ? 0 : size;
  }
  for (let bucket = 0; bucket < buckets; bucket++)
    view.setUint16(countsAt + 2 * bucket, names.starts[bucket + 1]! - names.starts[bucket]!, true);
  names.types.forEach((type, i) => {
    view.setUint16(typesAt + 3 * i, type & 0xffff, true);
    view.setUint8(typesAt + 3 * i + 2, type >>> 16);
  });
  return result;
}

/**
 * Reads the index after a string section; undefined when there is none, or one that does not fit the types.
 *
 * @param sizeOf words of the type that begins at a word, for those that are too long for the index
 */
export function readIndex(
  bytes: Uint8Array,
  stringsEnd: number,
  words: number,
  firstWord: number,
  sizeOf: (at: number) => number,
): StoredIndex | undefined {
  const start = placeAfter(stringsEnd);
  if (start + HEADER_SIZE > bytes.length || MAGIC.some((byte, i) => bytes[start + i] !== byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(start + 8, true);
  const buckets = view.getUint32(start + 12, true);
  const sizesAt = start + HEADER_SIZE;
  const countsAt = sizesAt + count;
  const typesAt = countsAt + 2 * buckets;
  if (typesAt > bytes.length || buckets !== bucketCount(count + 1)) return undefined;

  const offsets = new Uint32Array(count + 1);
  let at = firstWord;
  for (let index = 1; index <= count; index++) {
    offsets[index] = at;
    const size = bytes[sizesAt + index - 1]!;
    at += size === 0 ? sizeOf(at) : size;
    if (at > words) return undefined;
  }
  if (at !== words) return undefined;

  const starts = new Uint32Array(buckets + 1);
  for (let bucket = 0, sum = 0; bucket < buckets; bucket++)
    starts[bucket + 1] = sum += bytes[countsAt + 2 * bucket]! | (bytes[countsAt + 2 * bucket + 1]! << 8);
  const types = new Uint32Array(starts[buckets]!);
  if (typesAt + 3 * types.length > bytes.length) return undefined;
  for (let i = 0, from = typesAt; i < types.length; i++, from += 3) {
    const type = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16);
    if (type > count) return undefined;
    types[i] = type;
  }
  return { offsets, names: { starts, types } };
}
