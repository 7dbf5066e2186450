/**
 * Reads relocatable ELF64 files (System V ABI, "Object Files"; the BPF part is in the kernel's Documentation/bpf/llvm_reloc.rst), of either byte order.
 *
 * Everything that a header says is checked against the file's length before it is used; whatever does not fit is a BailoutError with the offset
 * of the field that says it.
 */
import { BailoutError } from '../errors.ts';

export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_LLVM_ADDRSIG = 0x6fff4c03;

export const SHF_EXECINSTR = 4;

export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_COMMON = 0xfff2;

export const STB_LOCAL = 0;
export const STB_GLOBAL = 1;
export const STB_WEAK = 2;

export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;

export const STV_INTERNAL = 1;
export const STV_HIDDEN = 2;

/** Relocation types of BPF. Which field of an instruction or datum they change is told in llvm_reloc.rst. */
export const R_BPF_NONE = 0;
export const R_BPF_64_64 = 1;
export const R_BPF_64_ABS64 = 2;
export const R_BPF_64_ABS32 = 3;
export const R_BPF_64_NODYLD32 = 4;
export const R_BPF_64_32 = 10;

const ET_REL = 1;
const EM_NONE = 0;
const EM_BPF = 247;
const FILE_HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;
const SYMBOL_SIZE = 24;
const REL_SIZE = 16;
const RELA_SIZE = 24;

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** Where its contents begin in the file. */
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entrySize: number;
  /** Empty for a section that has no bytes in the file (SHT_NOBITS). */
  readonly data: Uint8Array;
}

export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  readonly value: number;
  readonly size: number;
  readonly binding: number;
  readonly type: number;
  readonly visibility: number;
  /** Section index, or one of the SHN_ numbers. */
  readonly section: number;
}

export interface ElfRelocation {
  /** In bytes from the start of the section that is relocated. */
  readonly offset: number;
  readonly symbol: number;
  readonly type: number;
}

const utf8 = new TextDecoder();

/** A file's sections and symbols. */
export class ElfFile {
  /** Length of the file. */
  readonly size: number;
  readonly bigEndian: boolean;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
  /** Index of the symbol table's section; 0 when there is none. */
  readonly symbolSection: number;

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const header = readFileHeader(bytes, view);
    this.size = bytes.length;
    this.bigEndian = header.bigEndian;
    this.sections = readSections(bytes, view, header);
    const tables = this.sections.filter((section) => section.type === SHT_SYMTAB);
    if (tables.length > 1)
      throw new BailoutError('ELF_SYMBOLS', 'The file has more than one symbol table.', { offset: tables[1]!.offset });
    this.symbolSection = tables[0]?.index ?? 0;
    this.symbols = tables[0] === undefined ? [] : readSymbols(tables[0], this.sections, header.bigEndian);
  }

  section(name: string): ElfSection | undefined {
    return this.sections.find((section) => section.name === name);
  }

  /** The entries of a SHT_REL or SHT_RELA section. BPF keeps addends in the place that is relocated, so those of RELA are not looked at. */
  relocations(section: ElfSection): ElfRelocation[] {
    const size = section.type === SHT_RELA ? RELA_SIZE : REL_SIZE;
    if (section.entrySize !== size)
      throw new BailoutError(
        'ELF_RELOCATIONS',
        `Section ${section.name} says its entries are ${section.entrySize} bytes long, not ${size}.`,
        {
          offset: section.offset,
        },
      );
    const view = new DataView(section.data.buffer, section.data.byteOffset, section.data.byteLength);
    const little = !this.bigEndian;
    return Array.from({ length: Math.floor(section.data.length / size) }, (_, i) => {
      const at = i * size;
      const info = at + 8;
      return {
        offset: readU64(view, at, little),
        symbol: view.getUint32(this.bigEndian ? info : info + 4, little),
        type: view.getUint32(this.bigEndian ? info + 4 : info, little),
      };
    });
  }
}

interface FileHeader {
  readonly bigEndian: boolean;
  readonly sectionTable: number;
  readonly sectionCount: number;
  readonly nameSection: number;
}

/** As a number: above 2^53 it is inexact, but then it is far outside any file and is refused. */
function readU64(view: DataView, at: number, little: boolean): number {
  const low = view.getUint32(little ? at : at + 4, little);
  const high = view.getUint32(little ? at + 4 : at, little);
  return high * 0x1_0000_0000 + low;
}

function readFileHeader(bytes: Uint8Array, view: DataView): FileHeader {
  if (bytes.length < 4 || view.getUint32(0, false) !== 0x7f454c46)
    throw new BailoutError('ELF_FORMAT', 'This is not an ELF file: its first four bytes are not 7f 45 4c 46.', {
      offset: 0,
    });
  if (bytes.length < FILE_HEADER_SIZE)
    throw new BailoutError(
      'ELF_TRUNCATED',
      `The ELF header needs ${FILE_HEADER_SIZE} bytes and the file has only ${bytes.length}.`,
      {
        offset: bytes.length,
      },
    );
  if (bytes[4] !== 2) throw new BailoutError('ELF_FORMAT', 'This is not a 64-bit ELF file.', { offset: 4 });
  if (bytes[5] !== 1 && bytes[5] !== 2)
    throw new BailoutError('ELF_FORMAT', `The ELF header names byte order ${bytes[5]}, which does not exist.`, {
      offset: 5,
    });
  const bigEndian = bytes[5] === 2;
  const little = !bigEndian;
  const type = view.getUint16(16, little);
  const machine = view.getUint16(18, little);
  // Old compilers left the machine empty.
  if (type !== ET_REL || (machine !== EM_BPF && machine !== EM_NONE))
    throw new BailoutError(
      'ELF_NOT_BPF',
      `This is an ELF file of type ${type} for machine ${machine}, not a relocatable BPF object.`,
      {
        offset: 16,
        hint: 'Compile with "clang -target bpf -c", and do not link.',
      },
    );
  const sectionTable = readU64(view, 40, little);
  let sectionCount = view.getUint16(60, little);
  let nameSection = view.getUint16(62, little);
  if (sectionTable === 0) throw new BailoutError('ELF_SECTIONS', 'The file has no section table.', { offset: 40 });
  if (view.getUint16(58, little) !== SECTION_HEADER_SIZE)
    throw new BailoutError(
      'ELF_SECTIONS',
      `Section headers are said to be ${view.getUint16(58, little)} bytes long, not ${SECTION_HEADER_SIZE}.`,
      {
        offset: 58,
      },
    );
  if (sectionTable + SECTION_HEADER_SIZE > bytes.length)
    throw new BailoutError(
      'ELF_TRUNCATED',
      `The section table at ${sectionTable} lies beyond the file's end at ${bytes.length}.`,
      { offset: 40 },
    );
  // With 0xff00 sections or more, section 0 holds the real numbers.
  if (sectionCount === 0) sectionCount = readU64(view, sectionTable + 32, little);
  if (nameSection === 0xffff) nameSection = view.getUint32(sectionTable + 40, little);
  if (sectionTable + sectionCount * SECTION_HEADER_SIZE > bytes.length)
    throw new BailoutError(
      'ELF_TRUNCATED',
      `The table of ${sectionCount} sections reaches beyond the file's end at ${bytes.length}.`,
      {
        offset: 60,
      },
    );
  return { bigEndian, sectionTable, sectionCount, nameSection };
}

function readSections(bytes: Uint8Array, view: DataView, header: FileHeader): ElfSection[] {
  const little = !header.bigEndian;
  const contents = (index: number, name: string): Uint8Array => {
    const at = header.sectionTable + index * SECTION_HEADER_SIZE;
    if (view.getUint32(at + 4, little) === SHT_NOBITS) return new Uint8Array(0);
    const offset = readU64(view, at + 24, little);
    const size = readU64(view, at + 32, little);
    if (size > 0 && index > 0 && offset + size > bytes.length)
      throw new BailoutError(
        'ELF_TRUNCATED',
        `Section ${name} takes bytes ${offset} to ${offset + size}, beyond the file's end at ${bytes.length}.`,
        {
          offset: at + 24,
        },
      );
    return index === 0 ? new Uint8Array(0) : bytes.subarray(offset, offset + size);
  };
  if (header.nameSection === 0 || header.nameSection >= header.sectionCount)
    throw new BailoutError(
      'ELF_SECTIONS',
      `The section of section names is said to be number ${header.nameSection}, which does not exist.`,
      {
        offset: 62,
      },
    );
  const names = contents(header.nameSection, 'of section names');
  return Array.from({ length: header.sectionCount }, (_, index) => {
    const at = header.sectionTable + index * SECTION_HEADER_SIZE;
    const name = index === 0 ? '' : readString(names, view.getUint32(at, little), 'section name', at);
    return {
      index,
      name,
      type: view.getUint32(at + 4, little),
      flags: view.getUint32(little ? at + 8 : at + 12, little),
      offset: readU64(view, at + 24, little),
      size: readU64(view, at + 32, little),
      link: view.getUint32(at + 40, little),
      info: view.getUint32(at + 44, little),
      entrySize: readU64(view, at + 56, little),
      data: contents(index, name === '' ? String(index) : name),
    };
  });
}

function readSymbols(table: ElfSection, sections: readonly ElfSection[], bigEndian: boolean): ElfSymbol[] {
  if (table.entrySize !== SYMBOL_SIZE)
    throw new BailoutError(
      'ELF_SYMBOLS',
      `The symbol table says its entries are ${table.entrySize} bytes long, not ${SYMBOL_SIZE}.`,
      {
        offset: table.offset,
      },
    );
  const strings = sections[table.link];
  if (table.link === 0 || strings === undefined)
    throw new BailoutError('ELF_SYMBOLS', 'The symbol table names no section for its strings.', {
      offset: table.offset,
    });
  const little = !bigEndian;
  const view = new DataView(table.data.buffer, table.data.byteOffset, table.data.byteLength);
  return Array.from({ length: Math.floor(table.data.length / SYMBOL_SIZE) }, (_, index) => {
    const at = index * SYMBOL_SIZE;
    const info = view.getUint8(at + 4);
    return {
      index,
      name: readString(strings.data, view.getUint32(at, little), 'symbol name', table.offset + at),
      value: readU64(view, at + 8, little),
      size: readU64(view, at + 16, little),
      binding: info >> 4,
      type: info & 0x0f,
      visibility: view.getUint8(at + 5) & 0x03,
      section: view.getUint16(at + 6, little),
    };
  });
}

/** A NUL-terminated string of a string table. */
function readString(table: Uint8Array, start: number, what: string, offset: number): string {
  if (start === 0 && table.length === 0) return '';
  const end = start < table.length ? table.indexOf(0, start) : -1;
  if (end < 0)
    throw new BailoutError(
      'ELF_STRING',
      `A ${what} begins at ${start} of a string table of ${table.length} bytes and has no end.`,
      { offset },
    );
  return utf8.decode(table.subarray(start, end));
}
