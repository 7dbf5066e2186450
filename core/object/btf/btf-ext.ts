/**
 * Reads `.BTF.ext`: which function, source line or CO-RE relocation belongs to which instruction (Documentation/bpf/btf.rst, ".BTF.ext section").
 *
 * Each of its three tables states how long its records are, so newer compilers may append fields: only those known here are kept, as columns of words.
 */
import { BailoutError } from '../../errors.ts';
import { BTF_MAGIC } from './kinds.ts';

/** One table's records for one ELF section. */
export interface ExtSection {
  /** Offset of the ELF section's name in the strings of `.BTF`. */
  readonly nameOffset: number;
  readonly count: number;
  /** `stride` words a record; the first is the instruction's offset in the section, in bytes. */
  readonly words: Uint32Array;
  readonly stride: number;
}

export interface BtfExt {
  /** Records of [instruction offset, FUNC id]. */
  readonly funcInfo: readonly ExtSection[];
  /** Records of [instruction offset, file name, line text, line << 10 | column]. */
  readonly lineInfo: readonly ExtSection[];
  /** Records of [instruction offset, type id, access string, kind]. */
  readonly coreRelocations: readonly ExtSection[];
}

export const FUNC_INFO_WORDS = 2;
export const LINE_INFO_WORDS = 4;
export const CORE_RELOCATION_WORDS = 4;

interface Table {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly stride: number;
}

function readTable(view: DataView, little: boolean, headerLength: number, table: Table): ExtSection[] {
  const { name, length, stride } = table;
  if (length === 0) return [];
  let at = headerLength + table.offset;
  const end = at + length;
  const fail = (message: string, offset: number): never => {
    throw new BailoutError('BTF_EXT', `.BTF.ext: ${name} ${message}.`, { offset });
  };
  if (table.offset % 4 !== 0) fail('is not aligned to 4 bytes', at);
  if (end > view.byteLength) fail('reaches beyond the end of the section', at);
  if (length < 4) fail('has no record size', at);
  const recordSize = view.getUint32(at, little);
  if (recordSize < stride * 4 || recordSize % 4 !== 0) fail(`has records of ${recordSize} bytes`, at);
  at += 4;
  if (at === end) fail('has no records', at);
  const sections: ExtSection[] = [];
  while (at < end) {
    if (end - at < 8) fail('ends inside the head of a section', at);
    const nameOffset = view.getUint32(at, little);
    const count = view.getUint32(at + 4, little);
    at += 8;
    if (count === 0 || count * recordSize > end - at)
      fail(`has a section of ${count} records, which do not fit`, at - 4);
    const words = new Uint32Array(count * stride);
    for (let record = 0, to = 0; record < count; record++, at += recordSize)
      for (let word = 0; word < stride; word++) words[to++] = view.getUint32(at + word * 4, little);
    sections.push({ nameOffset, count, words, stride });
  }
  return sections;
}

/** Reads the section's bytes; throws a BailoutError where libbpf would do without the section. */
export function readBtfExt(bytes: Uint8Array): BtfExt {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fail = (message: string, offset: number): never => {
    throw new BailoutError('BTF_EXT', `.BTF.ext: ${message}.`, { offset });
  };
  if (bytes.length < 8) fail('its header is cut off', 0);
  const little = view.getUint16(0, true) === BTF_MAGIC;
  if (!little && view.getUint16(0, false) !== BTF_MAGIC) fail('its magic number is missing', 0);
  if (bytes[2] !== 1) fail(`version ${bytes[2]} is unknown`, 2);
  if (bytes[3] !== 0) fail(`flags ${bytes[3]} are unknown`, 3);
  const headerLength = view.getUint32(4, little);
  if (headerLength > bytes.length || headerLength < 24) fail(`its header is said to be ${headerLength} bytes long`, 4);
  if (headerLength === bytes.length) fail('it has no data', 4);
  const table = (name: string, field: number, stride: number): Table => ({
    name,
    offset: view.getUint32(field, little),
    length: view.getUint32(field + 4, little),
    stride,
  });
  return {
    funcInfo: readTable(view, little, headerLength, table('func_info', 8, FUNC_INFO_WORDS)),
    lineInfo: readTable(view, little, headerLength, table('line_info', 16, LINE_INFO_WORDS)),
    // Written by compilers since CO-RE; older headers end before.
    coreRelocations:
      headerLength < 32 ? [] : readTable(view, little, headerLength, table('core_relo', 24, CORE_RELOCATION_WORDS)),
  };
}
