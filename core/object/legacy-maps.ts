/**
 * Maps of section `maps`, as objects had them before BTF: each symbol is a `struct bpf_map_def` of five or more 32-bit words.
 *
 * libbpf 1.0 and later refuse such objects; other loaders take them. Bailout reads them and says so in a note.
 */
import { BailoutError } from '../errors.ts';
import type { ElfFile, ElfSection } from './elf.ts';
import { STT_FUNC, STT_SECTION } from './elf.ts';
import type { MapDraft } from './map-draft.ts';
import { mapDefinition } from './map-draft.ts';

const DEFINITION_SIZE = 20;

export function addLegacyMaps(elf: ElfFile, section: ElfSection, add: (draft: MapDraft) => void): void {
  const symbols = elf.symbols
    .filter(
      (symbol) =>
        symbol.section === section.index &&
        symbol.type !== STT_SECTION &&
        symbol.type !== STT_FUNC &&
        symbol.name !== '',
    )
    .sort((a, b) => a.value - b.value);
  const view = new DataView(section.data.buffer, section.data.byteOffset, section.data.byteLength);
  symbols.forEach((symbol, i) => {
    const end = symbols[i + 1]?.value ?? section.data.length;
    if (end - symbol.value < DEFINITION_SIZE || symbol.value + DEFINITION_SIZE > section.data.length)
      throw new BailoutError(
        'MAP_DEFINITION',
        `Map ${symbol.name} of section maps has less than the ${DEFINITION_SIZE} bytes of a definition.`,
        {
          offset: section.offset + Math.min(symbol.value, section.data.length),
        },
      );
    const word = (index: number): number => view.getUint32(symbol.value + 4 * index, !elf.bigEndian);
    add({
      definition: mapDefinition({
        index: -1,
        name: symbol.name,
        type: word(0),
        keySize: word(1),
        valueSize: word(2),
        maxEntries: word(3),
        flags: word(4),
        origin: 'user',
        section: section.name,
      }),
      sectionIndex: section.index,
      sectionOffset: symbol.value,
      sectionSize: end - symbol.value,
    });
  });
}
