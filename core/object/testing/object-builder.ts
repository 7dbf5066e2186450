/**
 * Compiles BPF objects for tests without a compiler: functions as assembly, variables, BTF, and everything that a compiler would put around them.
 *
 *     const object = new ObjectBuilder();
 *     object.function('xdp', 'main', 'call -1; exit', { references: { 0: 'helper' } });
 *     object.function('.text', 'helper', 'r0 = 2; exit');
 *     loadObject(object.bytes(), { name: 'test.bpf.o', kernelBtf });
 */
import { assemble } from '../../isa/assemble.ts';
import { SLOT_SIZE } from '../../isa/opcodes.ts';
import { BtfBuilder } from '../btf/builder.ts';
import { BTF_FUNC_GLOBAL } from '../btf/kinds.ts';
import {
  SHF_EXECINSTR,
  SHT_NOBITS,
  SHT_PROGBITS,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STT_SECTION,
} from '../elf.ts';
import { ElfBuilder } from './elf-builder.ts';

export interface FunctionSpec {
  /** Slot to the symbol that it refers to; a section's name refers to the section itself, as for static functions. */
  readonly references?: Readonly<Record<number, string>>;
  readonly isStatic?: boolean;
  readonly visibility?: number;
  /** FUNC id for func_info. */
  readonly typeId?: number;
  /** Slot to [line, column, text]. */
  readonly lines?: Readonly<Record<number, readonly [number, number, string]>>;
  /** Slot to [type id, access string, kind]. */
  readonly core?: Readonly<Record<number, readonly [number, string, number]>>;
}

interface Code {
  readonly bytes: number[];
  readonly functions: { name: string; start: number; length: number; spec: FunctionSpec }[];
}

interface Variable {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly binding: number;
  readonly visibility: number;
}

interface Data {
  size: number;
  readonly bytes: number[];
  readonly variables: Variable[];
  readonly references: { offset: number; symbol: string }[];
}

export class ObjectBuilder {
  readonly types = new BtfBuilder();
  readonly #code = new Map<string, Code>();
  readonly #data = new Map<string, Data>();
  readonly #externs: { name: string; weak: boolean }[] = [];
  readonly #bigEndian: boolean;
  #hasBtf = true;
  #license: string | undefined = 'GPL';

  constructor(options: { bigEndian?: boolean } = {}) {
    this.#bigEndian = options.bigEndian === true;
  }

  withoutBtf(): this {
    this.#hasBtf = false;
    return this;
  }

  license(text: string | undefined): this {
    this.#license = text;
    return this;
  }

  /** Statements are separated by semicolons or lines. Functions of one section follow each other. */
  function(section: string, name: string, text: string, spec: FunctionSpec = {}): this {
    const code = this.#code.get(section) ?? { bytes: [], functions: [] };
    const { instructions } = assemble(text.replaceAll(';', '\n'));
    code.functions.push({ name, start: code.bytes.length / SLOT_SIZE, length: instructions.length, spec });
    // One by one: as arguments, a long function would not fit on the stack.
    for (const byte of instructions.toBytes({ bigEndian: this.#bigEndian })) code.bytes.push(byte);
    this.#code.set(section, code);
    return this;
  }

  /** A global variable; a number is the size of one without contents. */
  variable(
    section: string,
    name: string,
    contents: number | readonly number[],
    more: { binding?: number; visibility?: number; references?: Readonly<Record<number, string>> } = {},
  ): this {
    const data = this.#data.get(section) ?? { size: 0, bytes: [], variables: [], references: [] };
    const offset = Math.ceil(data.size / 8) * 8;
    const size = typeof contents === 'number' ? contents : contents.length;
    data.variables.push({ name, offset, size, binding: more.binding ?? STB_GLOBAL, visibility: more.visibility ?? 0 });
    for (const [at, symbol] of Object.entries(more.references ?? {}))
      data.references.push({ offset: offset + Number(at), symbol });
    while (data.bytes.length < offset + size) data.bytes.push(0);
    if (typeof contents !== 'number') contents.forEach((byte, i) => (data.bytes[offset + i] = byte));
    data.size = offset + size;
    this.#data.set(section, data);
    return this;
  }

  extern(name: string, weak = false): this {
    this.#externs.push({ name, weak });
    return this;
  }

  /** A map as `struct { int (*type)[N]; … } name SEC(".maps")`; fields that are no numbers are type ids of pointers. */
  map(
    name: string,
    fields: Readonly<Record<string, number | { typeId: number }>>,
    values: Readonly<Record<number, string>> = {},
  ): number {
    const { types } = this;
    const int = types.int('int', 4, { signed: true });
    const count = Object.keys(fields).length;
    const members = Object.entries(fields).map(([field, value], i) => ({
      name: field,
      type: typeof value === 'number' ? types.pointer(types.array(int, value, int)) : value.typeId,
      bitOffset: i * 64,
    }));
    const slots = Math.max(-1, ...Object.keys(values).map(Number)) + 1;
    const references = Object.fromEntries(
      Object.entries(values).map(([slot, symbol]) => [(count - 1 + Number(slot)) * 8, symbol]),
    );
    const size = (slots > 0 ? count - 1 + slots : count) * 8;
    this.variable('.maps', name, size, { references });
    return types.variable(name, types.struct('', (slots > 0 ? count - 1 : count) * 8, members));
  }

  /** Describes the variables of a section to BTF; sizes and offsets are left to the loader, as compilers leave them. */
  describe(section: string, variables: readonly number[], sizes: readonly number[] = []): void {
    this.types.section(
      section,
      0,
      variables.map((type, i) => ({
        type,
        offset: 0,
        size: sizes[i] ?? this.#data.get(section)?.variables[i]?.size ?? 0,
      })),
    );
  }

  bytes(): Uint8Array {
    const elf = new ElfBuilder({ bigEndian: this.#bigEndian });
    const symbols = new Map<string, number>();
    const pending: { section: number; offset: number; symbol: string; type: number }[] = [];
    if (this.#license !== undefined) elf.section('license', { data: new TextEncoder().encode(`${this.#license}\0`) });
    for (const [name, code] of this.#code) {
      const section = elf.section(name, { flags: SHF_EXECINSTR | 2, data: Uint8Array.from(code.bytes) });
      symbols.set(name, elf.symbol('', { section, type: STT_SECTION, binding: STB_LOCAL }));
      for (const { name: symbol, start, length, spec } of code.functions) {
        const binding = spec.isStatic === true ? STB_LOCAL : STB_GLOBAL;
        const place = { section, value: start * SLOT_SIZE, size: length * SLOT_SIZE };
        symbols.set(
          symbol,
          elf.symbol(symbol, { ...place, type: STT_FUNC, binding, visibility: spec.visibility ?? 0 }),
        );
        for (const [slot, target] of Object.entries(spec.references ?? {}))
          pending.push({ section, offset: (start + Number(slot)) * SLOT_SIZE, symbol: target, type: 1 });
      }
    }
    for (const [name, data] of this.#data) {
      const isEmpty = name.startsWith('.bss');
      const section = isEmpty
        ? elf.section(name, { type: SHT_NOBITS, size: data.size })
        : elf.section(name, { type: SHT_PROGBITS, data: Uint8Array.from(data.bytes) });
      symbols.set(name, elf.symbol('', { section, type: STT_SECTION, binding: STB_LOCAL }));
      for (const { name: symbol, offset, size, binding, visibility } of data.variables)
        symbols.set(
          symbol,
          elf.symbol(symbol, { section, value: offset, size, type: STT_OBJECT, binding, visibility }),
        );
      for (const { offset, symbol } of data.references) pending.push({ section, offset, symbol, type: 2 });
    }
    for (const { name, weak } of this.#externs)
      symbols.set(name, elf.symbol(name, { type: STT_NOTYPE, binding: weak ? STB_WEAK : STB_GLOBAL }));
    for (const { section, offset, symbol, type } of pending) {
      const index = symbols.get(symbol);
      if (index === undefined) throw new Error(`the test refers to ${symbol}, which it does not define`);
      elf.relocate(section, offset, index, type);
    }
    if (this.#hasBtf) {
      const ext = this.#btfExt();
      elf.section('.BTF', { data: this.types.bytes({ bigEndian: this.#bigEndian }) });
      if (ext !== undefined) elf.section('.BTF.ext', { data: ext });
    }
    return elf.bytes();
  }

  #btfExt(): Uint8Array | undefined {
    const { types } = this;
    const tables = [2, 4, 4].map((stride) => ({ stride, words: [] as number[] }));
    const [functions, lines, core] = tables as [(typeof tables)[0], (typeof tables)[0], (typeof tables)[0]];
    for (const [section, code] of this.#code) {
      const records: [number[][], number[][], number[][]] = [[], [], []];
      for (const { start, spec } of code.functions) {
        const at = (slot: number | string): number => (start + Number(slot)) * SLOT_SIZE;
        if (spec.typeId !== undefined) records[0].push([at(0), spec.typeId]);
        for (const [slot, [line, column, text]] of Object.entries(spec.lines ?? {}))
          records[1].push([at(slot), types.string('test.c'), types.string(text), ((line << 10) | column) >>> 0]);
        for (const [slot, [typeId, access, kind]] of Object.entries(spec.core ?? {}))
          records[2].push([at(slot), typeId, types.string(access), kind]);
      }
      [functions, lines, core].forEach((table, i) => {
        const list = records[i]!;
        if (list.length > 0) table.words.push(types.string(section), list.length, ...list.flat());
      });
    }
    if (tables.every(({ words }) => words.length === 0)) return undefined;
    const body: number[] = [];
    const header: number[] = [];
    for (const { stride, words } of tables) {
      header.push(body.length * 4, words.length === 0 ? 0 : (words.length + 1) * 4);
      if (words.length > 0) body.push(stride * 4, ...words);
    }
    const bytes = new Uint8Array(32 + body.length * 4);
    const view = new DataView(bytes.buffer);
    const little = !this.#bigEndian;
    view.setUint16(0, 0xeb9f, little);
    view.setUint8(2, 1);
    view.setUint32(4, 32, little);
    header.forEach((word, i) => view.setUint32(8 + i * 4, word, little));
    body.forEach((word, i) => view.setUint32(32 + i * 4, word, little));
    return bytes;
  }

  /** Adds a FUNC of `int name(void)` to BTF and returns its id, for `typeId`. */
  funcType(name: string, linkage: number = BTF_FUNC_GLOBAL): number {
    const int = this.types.int('int', 4, { signed: true });
    return this.types.func(name, this.types.funcProto(int, []), linkage);
  }
}
