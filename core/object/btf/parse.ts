/**
 * Takes a `.BTF` section apart: header, type section, string section, and where each type begins.
 *
 * Every field of the type section is a 32-bit word, so the section is kept as words, in the host's byte order whatever the file's was. What is
 * checked here is what makes reading safe afterwards: no type crosses the section's end, and strings end in a NUL. Ids and name offsets
 * inside types are checked by {@link validateReferences}; the kernel's own BTF is exempt from that (it is big, and accessors treat a bad id as void).
 */
import { BailoutError } from '../../errors.ts';
import {
  BTF_KIND_ARRAY,
  BTF_KIND_CONST,
  BTF_KIND_DATASEC,
  BTF_KIND_DECL_TAG,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_FUNC,
  BTF_KIND_FUNC_PROTO,
  BTF_KIND_PTR,
  BTF_KIND_RESTRICT,
  BTF_KIND_STRUCT,
  BTF_KIND_TYPEDEF,
  BTF_KIND_TYPE_TAG,
  BTF_KIND_UNION,
  BTF_KIND_VAR,
  BTF_KIND_VOLATILE,
  BTF_MAGIC,
  TYPE_HEADER_WORDS,
  trailingWords,
} from './kinds.ts';
import type { NameTable } from './names.ts';
import { makeNameTable } from './names.ts';
import { readIndex, withIndex } from './stored-index.ts';

const HEADER_SIZE = 24;

/** The word index at which `words` begins with types: three zero words stand first, which read as the type `void`. */
const FIRST_TYPE_WORD = TYPE_HEADER_WORDS;

export interface BtfSections {
  /** Three zero words (void), then the type section. */
  readonly words: Uint32Array;
  /** Word index of each type; [0] is void's. */
  readonly offsets: Uint32Array;
  readonly strings: Uint8Array;
  /** The table of names, when the file brings it along. */
  readonly names?: NameTable;
}

interface Header {
  readonly bigEndian: boolean;
  readonly typeStart: number;
  readonly typeLength: number;
  readonly stringStart: number;
  readonly stringLength: number;
}

function readHeader(bytes: Uint8Array, view: DataView, what: string): Header {
  const fail = (message: string, offset: number): never => {
    throw new BailoutError('BTF_HEADER', `${what}: ${message}.`, { offset });
  };
  if (bytes.length < HEADER_SIZE)
    fail(`the BTF header needs ${HEADER_SIZE} bytes and only ${bytes.length} are there`, 0);
  let bigEndian = false;
  if (view.getUint16(0, true) !== BTF_MAGIC) {
    if (view.getUint16(0, false) !== BTF_MAGIC) fail('this is not BTF, its magic number is missing', 0);
    bigEndian = true;
  }
  const u32 = (at: number): number => view.getUint32(at, !bigEndian);
  if (bytes[2] !== 1) fail(`BTF version ${bytes[2]} is unknown`, 2);
  const headerLength = u32(4);
  if (headerLength < HEADER_SIZE || headerLength > bytes.length)
    fail(`the header says it is ${headerLength} bytes long`, 4);
  const typeOffset = u32(8);
  const typeLength = u32(12);
  const stringOffset = u32(16);
  const stringLength = u32(20);
  const left = bytes.length - headerLength;
  if (stringOffset + stringLength > left) fail('the string section reaches beyond the end', 16);
  if (typeOffset + typeLength > stringOffset) fail('the type section runs into the string section', 8);
  if (typeOffset % 4 !== 0) fail('the type section is not aligned to 4 bytes', 8);
  return {
    bigEndian,
    typeStart: headerLength + typeOffset,
    typeLength,
    stringStart: headerLength + stringOffset,
    stringLength,
  };
}

function readWords(bytes: Uint8Array, header: Header): Uint32Array {
  const count = header.typeLength >>> 2;
  const words = new Uint32Array(FIRST_TYPE_WORD + count);
  const start = bytes.byteOffset + header.typeStart;
  const hostIsLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  if (header.bigEndian !== hostIsLittle && start % 4 === 0) {
    words.set(new Uint32Array(bytes.buffer, start, count), FIRST_TYPE_WORD);
  } else {
    const view = new DataView(bytes.buffer, start, header.typeLength);
    for (let i = 0; i < count; i++) words[FIRST_TYPE_WORD + i] = view.getUint32(i * 4, !header.bigEndian);
  }
  return words;
}

function indexTypes(words: Uint32Array, what: string, firstId: number, typeStart: number): Uint32Array {
  // A type takes at least its three header words, which bounds how many there can be.
  const offsets = new Uint32Array(Math.floor(words.length / TYPE_HEADER_WORDS) + 1);
  let count = 1;
  let at = FIRST_TYPE_WORD;
  while (at < words.length) {
    const info = words[at + 1] ?? 0;
    const kind = (info >>> 24) & 0x1f;
    const extra = trailingWords(kind, info & 0xffff);
    const end = at + TYPE_HEADER_WORDS + extra;
    if (extra < 0 || end > words.length) {
      const id = firstId + count - 1;
      const trouble =
        extra < 0 ? `has kind ${kind}, which does not exist` : 'reaches beyond the end of the type section';
      throw new BailoutError('BTF_TYPE', `${what}: type [${id}] ${trouble}.`, {
        offset: typeStart + (at - FIRST_TYPE_WORD) * 4,
      });
    }
    offsets[count++] = at;
    at = end;
  }
  return offsets.slice(0, count);
}

/**
 * Reads a `.BTF` section, or the contents of a `/sys/kernel/btf` file.
 *
 * @param what how error messages name the input
 * @param firstId id of the first type: 1, or for a split BTF the number of types in its base
 * @param useIndex believe an index that stands behind the BTF; not for files from just anywhere, since a wrong one gives wrong answers
 */
export function parseBtf(bytes: Uint8Array, what: string, firstId: number, useIndex: boolean): BtfSections {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(bytes, view, what);
  if (header.typeLength % 4 !== 0)
    throw new BailoutError(
      'BTF_HEADER',
      `${what}: the type section's length ${header.typeLength} is not a multiple of 4.`,
      { offset: 12 },
    );
  const strings = bytes.subarray(header.stringStart, header.stringStart + header.stringLength);
  const mayBeEmpty = firstId > 1;
  if (strings.length === 0 ? !mayBeEmpty : strings[strings.length - 1] !== 0 || (firstId === 1 && strings[0] !== 0))
    throw new BailoutError(
      'BTF_STRINGS',
      `${what}: the string section does not begin with an empty string and end in a NUL byte.`,
      {
        offset: header.stringStart,
      },
    );
  const words = readWords(bytes, header);
  const stringsEnd = header.stringStart + header.stringLength;
  const sizeOf = (at: number): number => {
    const info = words[at + 1] ?? 0;
    return TYPE_HEADER_WORDS + Math.max(0, trailingWords((info >>> 24) & 0x1f, info & 0xffff));
  };
  const stored = useIndex ? readIndex(bytes, stringsEnd, words.length, FIRST_TYPE_WORD, sizeOf) : undefined;
  if (stored !== undefined) return { words, strings, ...stored };
  return { words, offsets: indexTypes(words, what, firstId, header.typeStart), strings };
}

interface ReferenceLimits {
  readonly what: string;
  readonly firstId: number;
  /** Ids from here on do not exist. */
  readonly endId: number;
  /** String offsets from here on do not exist. */
  readonly endString: number;
}

/** Checks that every id and every name offset inside the types exists, and that a FUNC refers to a FUNC_PROTO. */
export function validateReferences(sections: BtfSections, limits: ReferenceLimits): void {
  const { words, offsets } = sections;
  const { what, firstId, endId, endString } = limits;
  const fail = (index: number, trouble: string): never => {
    throw new BailoutError('BTF_REFERENCE', `${what}: type [${firstId + index - 1}] ${trouble}.`);
  };
  for (let index = 1; index < offsets.length; index++) {
    const at = offsets[index]!;
    const info = words[at + 1]!;
    const kind = (info >>> 24) & 0x1f;
    const vlen = info & 0xffff;
    const body = at + TYPE_HEADER_WORDS;
    const string = (word: number, whose: string): void => {
      if (words[word]! >= endString) fail(index, `has a ${whose} name outside the string section`);
    };
    const type = (word: number): void => {
      if (words[word]! >= endId) fail(index, `refers to type [${words[word]!}], which does not exist`);
    };
    string(at, 'type');
    switch (kind) {
      case BTF_KIND_PTR:
      case BTF_KIND_TYPEDEF:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_CONST:
      case BTF_KIND_RESTRICT:
      case BTF_KIND_VAR:
      case BTF_KIND_DECL_TAG:
      case BTF_KIND_TYPE_TAG:
        type(at + 2);
        break;
      case BTF_KIND_FUNC: {
        type(at + 2);
        const target = words[at + 2]! - firstId + 1;
        // A prototype in the base was checked when the base was opened.
        if (target >= 1 && ((words[offsets[target]! + 1]! >>> 24) & 0x1f) !== BTF_KIND_FUNC_PROTO)
          fail(index, 'is a FUNC whose type is not a FUNC_PROTO');
        if (words[at + 2] === 0) fail(index, 'is a FUNC whose type is not a FUNC_PROTO');
        break;
      }
      case BTF_KIND_ARRAY:
        type(body);
        type(body + 1);
        break;
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
        for (let i = 0; i < vlen; i++) {
          string(body + 3 * i, 'member');
          type(body + 3 * i + 1);
        }
        break;
      case BTF_KIND_ENUM:
        for (let i = 0; i < vlen; i++) string(body + 2 * i, 'enumerator');
        break;
      case BTF_KIND_ENUM64:
        for (let i = 0; i < vlen; i++) string(body + 3 * i, 'enumerator');
        break;
      case BTF_KIND_FUNC_PROTO:
        type(at + 2);
        for (let i = 0; i < vlen; i++) {
          string(body + 2 * i, 'parameter');
          type(body + 2 * i + 1);
        }
        break;
      case BTF_KIND_DATASEC:
        for (let i = 0; i < vlen; i++) type(body + 3 * i);
        break;
    }
  }
}

/** A kernel's BTF with an index behind it, for bundling: see stored-index.ts. */
export function addIndex(bytes: Uint8Array): Uint8Array {
  const { words, offsets, strings } = parseBtf(bytes, 'kernel BTF', 1, false);
  const source = { words, offsets, strings, stringBase: 0, baseName: () => new Uint8Array(0) };
  return withIndex(bytes, words, offsets, makeNameTable(source));
}
