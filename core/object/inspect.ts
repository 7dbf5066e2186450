/**
 * What is in an object, as plain data to be printed: programs with their functions and callbacks, maps, externs, and every place that is filled in when the object is
 * loaded, with what is filled in.
 */
import { BailoutError } from '../errors.ts';
import { BPF_PSEUDO_FUNC, SLOT_SIZE } from '../isa/opcodes.ts';
import type { Btf } from './btf/btf.ts';
import { readBtfExt } from './btf/btf-ext.ts';
import { BTF_KIND_FUNC } from './btf/kinds.ts';
import { typeName } from './btf/type-names.ts';
import { isCode } from './code.ts';
import { CoreRelocator } from './core/relocate.ts';
import type { ElfSection, ElfSymbol } from './elf.ts';
import {
  ElfFile,
  R_BPF_64_32,
  R_BPF_64_64,
  R_BPF_64_ABS32,
  R_BPF_64_ABS64,
  R_BPF_64_NODYLD32,
  STT_FUNC,
  STT_SECTION,
} from './elf.ts';
import { isExternSymbol } from './externs.ts';
import { mapTypeNames } from './map-numbers.ts';
import type {
  ExternSymbol,
  InnerValue,
  Linkage,
  MapDefinition,
  ObjectFile,
  PoisonedInstruction,
  Program,
} from './program.ts';
import { relocatedSection } from './relocations.ts';

export interface FunctionSummary {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly linkage: Linkage;
  /** `int handle(u64 cookie)`, when BTF has it. */
  readonly declaration?: string;
}

/** A subprogram that something else than a call can enter. */
export interface CallbackSummary {
  readonly subprogram: string;
  /** Its address is taken at these instructions, or the program's tag names it. */
  readonly by: { readonly kind: 'address'; readonly insns: readonly number[] } | { readonly kind: 'exception-tag' };
}

export interface ProgramSummary {
  readonly name: string;
  readonly section: string;
  readonly type: string;
  readonly attachType?: string;
  readonly attachTarget?: string;
  readonly sleepable: boolean;
  readonly autoload: boolean;
  readonly insns: number;
  readonly functions: readonly FunctionSummary[];
  readonly callbacks: readonly CallbackSummary[];
  readonly poisoned: readonly PoisonedInstruction[];
  readonly loadError?: { readonly code: string; readonly message: string };
}

export interface MapSummary {
  readonly name: string;
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly origin: string;
  readonly pinning: string;
  /** Types of key and value in C, when BTF has them. */
  readonly key?: string;
  readonly value?: string;
  readonly inner?: MapSummary;
  readonly innerValues: readonly InnerValue[];
}

export interface RelocationSummary {
  readonly section: string;
  /** In bytes from the section's start. */
  readonly offset: number;
  /** The function and its slot, for code. */
  readonly function?: string;
  readonly insn?: number;
  readonly kind: 'map' | 'data' | 'call' | 'function' | 'extern' | 'core';
  /** The symbol, or what CO-RE asks. */
  readonly target: string;
  /** `R_BPF_64_64` and the like; for CO-RE `4 → 16`, or `4 → missing`. */
  readonly what: string;
}

export interface ObjectSummary {
  readonly name: string;
  readonly license: string;
  readonly programs: readonly ProgramSummary[];
  readonly maps: readonly MapSummary[];
  readonly externs: readonly ExternSymbol[];
  readonly relocations: readonly RelocationSummary[];
  readonly notes: readonly string[];
}

const relocationNames: ReadonlyMap<number, string> = new Map([
  [R_BPF_64_64, 'R_BPF_64_64'],
  [R_BPF_64_ABS64, 'R_BPF_64_ABS64'],
  [R_BPF_64_ABS32, 'R_BPF_64_ABS32'],
  [R_BPF_64_NODYLD32, 'R_BPF_64_NODYLD32'],
  [R_BPF_64_32, 'R_BPF_64_32'],
]);

function callbacksOf(program: Program): CallbackSummary[] {
  const { instructions, subprograms, btf } = program;
  const addresses = new Map<string, number[]>();
  for (let i = 0; i < instructions.length; i += instructions.slots(i)) {
    if (!instructions.isLdImm64(i) || instructions.src[i] !== BPF_PSEUDO_FUNC) continue;
    const target = i + 1 + instructions.imm[i]!;
    const name = subprograms.find(({ start }) => start === target)?.name ?? `instruction ${target}`;
    const insns = addresses.get(name);
    if (insns === undefined) addresses.set(name, [i]);
    else insns.push(i);
  }
  const callbacks: CallbackSummary[] = [...addresses].map(([subprogram, insns]) => ({
    subprogram,
    by: { kind: 'address', insns },
  }));
  for (const { text, component } of btf?.declTags(btf.findByName(program.name, BTF_KIND_FUNC)) ?? []) {
    const name = /^exception_callback:(.+)$/.exec(text)?.[1];
    if (name !== undefined && component === -1) callbacks.push({ subprogram: name, by: { kind: 'exception-tag' } });
  }
  return callbacks;
}

function summariseProgram(program: Program): ProgramSummary {
  const { btf, attachType, attachTarget, loadError } = program;
  return {
    name: program.name,
    section: program.section,
    type: program.type,
    ...(attachType === undefined ? {} : { attachType }),
    ...(attachTarget === undefined ? {} : { attachTarget }),
    sleepable: program.sleepable,
    autoload: program.autoload,
    insns: program.instructions.length,
    functions: program.subprograms.map(({ name, start, end, linkage, funcTypeId }) => ({
      name,
      start,
      end,
      linkage,
      ...(btf === undefined || funcTypeId === 0 ? {} : { declaration: typeName(btf, funcTypeId) }),
    })),
    callbacks: callbacksOf(program),
    poisoned: program.poisoned,
    ...(loadError === undefined ? {} : { loadError: { code: loadError.code, message: loadError.message } }),
  };
}

function summariseMap(map: MapDefinition, btf: Btf | undefined): MapSummary {
  const named = (id: number): string | undefined => (btf === undefined || id === 0 ? undefined : typeName(btf, id));
  const key = named(map.keyTypeId);
  const value = named(map.valueTypeId);
  return {
    name: map.name,
    type: mapTypeNames[map.type] ?? `type ${map.type}`,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: map.flags,
    origin: map.origin,
    pinning: map.pinning,
    ...(key === undefined ? {} : { key }),
    ...(value === undefined ? {} : { value }),
    ...(map.inner === undefined ? {} : { inner: summariseMap(map.inner, btf) }),
    innerValues: map.innerValues ?? [],
  };
}

/** Finds names for places in sections: compilers name static functions and variables by their section and a distance. */
class Places {
  readonly #elf: ElfFile;
  readonly #bySection = new Map<number, ElfSymbol[]>();

  constructor(elf: ElfFile) {
    this.#elf = elf;
    for (const symbol of elf.symbols) {
      if (symbol.type === STT_SECTION || symbol.name === '') continue;
      const list = this.#bySection.get(symbol.section);
      if (list === undefined) this.#bySection.set(symbol.section, [symbol]);
      else list.push(symbol);
    }
  }

  /** The function that holds a byte of a section. */
  functionAt(section: number, offset: number): ElfSymbol | undefined {
    return this.#bySection
      .get(section)
      ?.find(({ type, value, size }) => type === STT_FUNC && value <= offset && offset < value + size);
  }

  nameOf(symbol: ElfSymbol, distance: number): string {
    if (symbol.type !== STT_SECTION && symbol.name !== '') return symbol.name;
    const section = this.#elf.sections[symbol.section]?.name ?? '?';
    const there = this.#bySection
      .get(symbol.section)
      ?.find(({ value, type }) => value === distance && (type === STT_FUNC || section !== '.text'));
    return there?.name ?? (distance === 0 ? section : `${section}+${distance}`);
  }
}

function kindOf(elf: ElfFile, symbol: ElfSymbol, type: number): RelocationSummary['kind'] {
  if (isExternSymbol(symbol)) return 'extern';
  const section = elf.sections[symbol.section];
  if (section === undefined) return 'data';
  if (section.name === '.maps' || section.name === 'maps') return 'map';
  if (type === R_BPF_64_32) return 'call';
  return isCode(section) ? 'function' : 'data';
}

/** What the place holds that is relocated, as a distance in bytes from the symbol. */
function distanceIn(elf: ElfFile, section: ElfSection, offset: number, type: number): number {
  if (!isCode(section) || offset + SLOT_SIZE > section.data.length) return 0;
  const view = new DataView(section.data.buffer, section.data.byteOffset, section.data.byteLength);
  const immediate = view.getInt32(offset + 4, !elf.bigEndian);
  return type === R_BPF_64_32 ? (immediate + 1) * SLOT_SIZE : immediate;
}

function where(
  places: Places,
  section: ElfSection,
  offset: number,
): Pick<RelocationSummary, 'section' | 'offset' | 'function' | 'insn'> {
  const owner = isCode(section) ? places.functionAt(section.index, offset) : undefined;
  if (owner === undefined) return { section: section.name, offset };
  return { section: section.name, offset, function: owner.name, insn: Math.floor((offset - owner.value) / SLOT_SIZE) };
}

function elfRelocations(elf: ElfFile, places: Places): RelocationSummary[] {
  const found: RelocationSummary[] = [];
  for (const section of elf.sections) {
    const target = relocatedSection(elf, section);
    if (target === undefined || /^\.(debug|BTF|eh_frame|llvm)/.test(target.name)) continue;
    for (const { offset, symbol: index, type } of elf.relocations(section)) {
      const symbol = elf.symbols[index];
      if (symbol === undefined) continue;
      found.push({
        ...where(places, target, offset),
        kind: kindOf(elf, symbol, type),
        target: places.nameOf(symbol, distanceIn(elf, target, offset, type)),
        what: relocationNames.get(type) ?? `type ${type}`,
      });
    }
  }
  return found;
}

function coreRelocations(elf: ElfFile, places: Places, btf: Btf, kernel: Btf): RelocationSummary[] {
  const ext = elf.section('.BTF.ext');
  if (ext === undefined) return [];
  const relocator = new CoreRelocator(btf, kernel);
  const explain = (typeId: number, access: string, kind: number): { target: string; what: string } => {
    try {
      const { question, before, after } = relocator.explain({ typeId, access, kind });
      return { target: question, what: `${before} → ${after ?? 'missing'}` };
    } catch (error) {
      if (!(error instanceof BailoutError)) throw error;
      return { target: `type [${typeId}], access ${access}`, what: error.message };
    }
  };
  return readBtfExt(ext.data).coreRelocations.flatMap(({ nameOffset, count, words, stride }) => {
    const section = elf.section(btf.string(nameOffset));
    if (section === undefined) return [];
    return Array.from({ length: count }, (_, record): RelocationSummary => {
      const at = record * stride;
      return {
        ...where(places, section, words[at]!),
        kind: 'core',
        ...explain(words[at + 1]!, btf.string(words[at + 2]!), words[at + 3]!),
      };
    });
  });
}

/**
 * Summarises an object.
 *
 * @param bytes what {@link loadObject} made `object` from; what cannot be read of its relocations becomes a note
 */
export function inspectObject(bytes: Uint8Array, object: ObjectFile): ObjectSummary {
  const notes = [...object.notes];
  const relocations: RelocationSummary[] = [];
  try {
    const elf = new ElfFile(bytes);
    const places = new Places(elf);
    relocations.push(...elfRelocations(elf, places));
    if (object.btf !== undefined) relocations.push(...coreRelocations(elf, places, object.btf, object.kernelBtf));
  } catch (error) {
    if (!(error instanceof BailoutError)) throw error;
    notes.push(`Relocations: ${error.message}`);
  }
  return {
    name: object.name,
    license: object.license,
    programs: object.programs.map(summariseProgram),
    maps: object.maps.map((map) => summariseMap(map, object.btf)),
    externs: object.externs,
    relocations,
    notes,
  };
}
