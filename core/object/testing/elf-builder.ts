/** Writes small ELF64 files for tests: sections, symbols and relocations in the order in which they are added. */
import { SHT_PROGBITS, SHT_REL, SHT_STRTAB, SHT_SYMTAB, STB_GLOBAL, STT_NOTYPE } from '../elf.ts';

export interface SectionSpec {
  readonly type?: number;
  readonly flags?: number;
  readonly data?: Uint8Array;
  /** For sections without bytes in the file. */
  readonly size?: number;
  readonly link?: number;
  readonly info?: number;
  readonly entrySize?: number;
}

export interface SymbolSpec {
  readonly section?: number;
  readonly value?: number;
  readonly size?: number;
  readonly binding?: number;
  readonly type?: number;
  readonly visibility?: number;
}

interface Section extends SectionSpec {
  readonly name: string;
}

class Strings {
  readonly bytes: number[] = [0];

  add(text: string): number {
    if (text === '') return 0;
    const at = this.bytes.length;
    this.bytes.push(...new TextEncoder().encode(text), 0);
    return at;
  }
}

const HEADER_SIZE = 64;

export class ElfBuilder {
  readonly #sections: Section[] = [{ name: '', type: 0 }];
  readonly #symbols: (SymbolSpec & { name: string })[] = [{ name: '', type: 0, binding: 0 }];
  readonly #relocations = new Map<number, { offset: number; symbol: number; type: number }[]>();
  readonly #bigEndian: boolean;

  constructor(options: { bigEndian?: boolean } = {}) {
    this.#bigEndian = options.bigEndian === true;
  }

  /** Returns the section's index. */
  section(name: string, spec: SectionSpec = {}): number {
    return this.#sections.push({ name, ...spec }) - 1;
  }

  /** Returns the symbol's index. */
  symbol(name: string, spec: SymbolSpec = {}): number {
    return this.#symbols.push({ name, ...spec }) - 1;
  }

  relocate(section: number, offset: number, symbol: number, type = 1): void {
    const list = this.#relocations.get(section) ?? [];
    list.push({ offset, symbol, type });
    this.#relocations.set(section, list);
  }

  bytes(): Uint8Array {
    const little = !this.#bigEndian;
    const sections = [...this.#sections];
    const symbolTable = sections.length;
    const stringTable = symbolTable + 1;
    const strings = new Strings();
    const symbolData = new Uint8Array(this.#symbols.length * 24);
    const symbols = new DataView(symbolData.buffer);
    this.#symbols.forEach((symbol, i) => {
      const at = i * 24;
      symbols.setUint32(at, strings.add(symbol.name), little);
      symbols.setUint8(at + 4, ((symbol.binding ?? STB_GLOBAL) << 4) | (symbol.type ?? STT_NOTYPE));
      symbols.setUint8(at + 5, symbol.visibility ?? 0);
      symbols.setUint16(at + 6, symbol.section ?? 0, little);
      symbols.setBigUint64(at + 8, BigInt(symbol.value ?? 0), little);
      symbols.setBigUint64(at + 16, BigInt(symbol.size ?? 0), little);
    });
    sections.push({ name: '.symtab', type: SHT_SYMTAB, data: symbolData, link: stringTable, entrySize: 24 });
    sections.push({ name: '.strtab', type: SHT_STRTAB, data: Uint8Array.from(strings.bytes) });
    for (const [target, list] of this.#relocations) {
      const data = new Uint8Array(list.length * 16);
      const view = new DataView(data.buffer);
      list.forEach(({ offset, symbol, type }, i) => {
        view.setBigUint64(i * 16, BigInt(offset), little);
        view.setBigUint64(i * 16 + 8, (BigInt(symbol) << 32n) | BigInt(type), little);
      });
      sections.push({
        name: `.rel${sections[target]!.name}`,
        type: SHT_REL,
        data,
        link: symbolTable,
        info: target,
        entrySize: 16,
      });
    }
    return this.#write(sections);
  }

  #write(sections: Section[]): Uint8Array {
    const little = !this.#bigEndian;
    const names = new Strings();
    const nameOffsets = [...sections, { name: '.shstrtab' }].map(({ name }) => names.add(name));
    sections.push({ name: '.shstrtab', type: SHT_STRTAB, data: Uint8Array.from(names.bytes) });
    const offsets: number[] = [];
    let end = HEADER_SIZE;
    for (const { data } of sections) {
      end = Math.ceil(end / 8) * 8;
      offsets.push(end);
      end += data?.length ?? 0;
    }
    const table = Math.ceil(end / 8) * 8;
    const bytes = new Uint8Array(table + sections.length * 64);
    const view = new DataView(bytes.buffer);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, little ? 1 : 2, 1]);
    view.setUint16(16, 1, little);
    view.setUint16(18, 247, little);
    view.setUint32(20, 1, little);
    view.setBigUint64(40, BigInt(table), little);
    view.setUint16(52, HEADER_SIZE, little);
    view.setUint16(58, 64, little);
    view.setUint16(60, sections.length, little);
    view.setUint16(62, sections.length - 1, little);
    sections.forEach((section, i) => {
      const at = table + i * 64;
      if (section.data !== undefined) bytes.set(section.data, offsets[i]!);
      view.setUint32(at, nameOffsets[i]!, little);
      view.setUint32(at + 4, section.type ?? SHT_PROGBITS, little);
      view.setBigUint64(at + 8, BigInt(section.flags ?? 0), little);
      view.setBigUint64(at + 24, BigInt(i === 0 ? 0 : offsets[i]!), little);
      view.setBigUint64(at + 32, BigInt(section.size ?? section.data?.length ?? 0), little);
      view.setUint32(at + 40, section.link ?? 0, little);
      view.setUint32(at + 44, section.info ?? 0, little);
      view.setBigUint64(at + 56, BigInt(section.entrySize ?? 0), little);
    });
    return bytes;
  }
}
