/**
 * Maps that nobody wrote down as maps: one array map of one element for each section of global variables, and the variables of an arena.
 */
import type { Btf } from './btf/btf.ts';
import { BTF_KIND_DATASEC, BTF_KIND_VAR, BTF_VAR_STATIC } from './btf/kinds.ts';
import type { ElfFile, ElfSection } from './elf.ts';
import { SHF_EXECINSTR, SHT_NOBITS, SHT_PROGBITS } from './elf.ts';
import type { Extern } from './externs.ts';
import type { MapDraft } from './map-draft.ts';
import { globalDataName, mapDefinition } from './map-draft.ts';
import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, BPF_MAP_TYPE_ARENA, BPF_MAP_TYPE_ARRAY, PAGE_SIZE } from './map-numbers.ts';
import type { MapOrigin } from './program.ts';
import type { Refusal } from './refusal.ts';

const MAX_VALUE_SIZE = 0xffffffff;
const ARENA_SECTION = '.addr_space.1';

/** What kind of global data a section holds. */
export function dataKind(section: ElfSection): 'data' | 'rodata' | 'bss' | undefined {
  const is = (name: string): boolean => section.name === name || section.name.startsWith(`${name}.`);
  if (section.size === 0) return undefined;
  if (section.type === SHT_NOBITS) return is('.bss') ? 'bss' : undefined;
  if (section.type !== SHT_PROGBITS || (section.flags & SHF_EXECINSTR) !== 0) return undefined;
  if (is('.data')) return 'data';
  return is('.rodata') ? 'rodata' : undefined;
}

/** User space may only map sections of which it can see a variable: one that is neither static nor hidden. */
function hasVisibleVariable(btf: Btf, sectionType: number): boolean {
  return btf
    .sectionVariables(sectionType)
    .some(({ typeId }) => btf.kind(typeId) === BTF_KIND_VAR && btf.varLinkage(typeId) !== BTF_VAR_STATIC);
}

interface GlobalData {
  readonly object: string;
  readonly section: string;
  readonly origin: MapOrigin;
  readonly size: number;
  readonly sectionIndex: number;
  readonly btf: Btf | undefined;
  readonly data?: Uint8Array;
}

function globalDataMap(given: GlobalData): MapDraft {
  const { btf, section, size } = given;
  const valueTypeId = btf?.findByName(section) ?? 0;
  const isReadOnly = given.origin === 'rodata' || given.origin === 'kconfig';
  const isMappable =
    btf !== undefined && btf.kind(valueTypeId) === BTF_KIND_DATASEC && hasVisibleVariable(btf, valueTypeId);
  const definition = mapDefinition({
    index: -1,
    name: section,
    kernelName: globalDataName(given.object, section),
    type: BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize: size,
    maxEntries: 1,
    flags: (isReadOnly ? BPF_F_RDONLY_PROG : 0) | (isMappable ? BPF_F_MMAPABLE : 0),
    valueTypeId,
    origin: given.origin,
    section,
    frozen: isReadOnly,
  });
  if (given.data !== undefined) definition.initialData = given.data;
  return { definition, sectionIndex: given.sectionIndex, sectionOffset: 0, sectionSize: size };
}

/** One map for each `.data`, `.rodata`, `.bss` and their dotted relatives. A `.bss` has no initial data: it is zero. */
export function addDataMaps(
  elf: ElfFile,
  object: string,
  btf: Btf | undefined,
  add: (draft: MapDraft) => void,
  refusal: Refusal,
): void {
  for (const section of elf.sections) {
    const origin = dataKind(section);
    if (origin === undefined) continue;
    if (section.size > MAX_VALUE_SIZE) {
      refusal.refuse('MAP_TOO_LARGE', `Section ${section.name} of ${section.size} bytes is too large for a map.`);
      continue;
    }
    add(
      globalDataMap({
        object,
        section: section.name,
        origin,
        size: section.size,
        sectionIndex: section.index,
        btf,
        ...(origin === 'bss' ? {} : { data: section.data.slice() }),
      }),
    );
  }
}

/** The map of kernel configuration; its contents come when the externs are resolved. */
export function addKconfigMap(
  elf: ElfFile,
  object: string,
  btf: Btf | undefined,
  externs: readonly Extern[],
  add: (draft: MapDraft) => void,
): void {
  const last = externs.filter((extern) => extern.kind === 'kconfig').at(-1);
  if (last === undefined) return;
  const size = last.offset + last.size;
  add(
    globalDataMap({
      object,
      section: '.kconfig',
      origin: 'kconfig',
      size,
      // Symbols of configuration stand in no section; libbpf files them under the symbol table.
      sectionIndex: elf.symbolSection,
      btf,
      data: new Uint8Array(size),
    }),
  );
}

/** Gives the arena map the variables of section `.addr_space.1`. Returns the section's index, 0 when there is none. */
export function attachArenaData(elf: ElfFile, maps: readonly MapDraft[], refusal: Refusal): number {
  const arenas = maps.filter(({ definition }) => definition.type === BPF_MAP_TYPE_ARENA);
  if (arenas.length > 1)
    refusal.refuse(
      'MAP_DEFINITION',
      `Map ${arenas[1]!.definition.name}: an object can have one arena, and ${arenas[0]!.definition.name} is one already.`,
    );
  for (const { definition } of arenas) definition.origin = 'arena';
  const section = elf.section(ARENA_SECTION);
  if (section === undefined || section.type !== SHT_PROGBITS || section.size === 0) return 0;
  const arena = arenas[0]?.definition;
  if (arena === undefined) {
    refusal.refuse(
      'MAP_DEFINITION',
      `Section ${ARENA_SECTION} has variables of an arena, and section .maps defines no arena.`,
    );
    return section.index;
  }
  if (Math.ceil(section.size / PAGE_SIZE) > arena.maxEntries)
    refusal.refuse(
      'MAP_DEFINITION',
      `Map ${arena.name}: its ${arena.maxEntries} pages cannot hold the ${section.size} bytes of section ${ARENA_SECTION}.`,
    );
  arena.initialData = section.data.slice();
  return section.index;
}
