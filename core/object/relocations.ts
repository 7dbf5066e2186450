/**
 * Reads the relocation sections of code and of `.maps`: what each place refers to.
 *
 * In code the type of a relocation says nothing that the instruction does not (R_BPF_64_64 stands at 64-bit loads, R_BPF_64_32 at calls), so the
 * instruction decides. R_BPF_64_ABS64 stands in `.maps` and `.struct_ops`, R_BPF_64_ABS32 and R_BPF_64_NODYLD32 in debugging sections and BTF, where
 * the value in place is already right.
 */
import { BPF_PSEUDO_CALL, OPCODE_CALL, OPCODE_LD_IMM64, SLOT_SIZE } from '../isa/opcodes.ts';
import type { Btf } from './btf/btf.ts';
import type { Code, CodeFunction, CodeRelocation } from './code.ts';
import { isCode } from './code.ts';
import { dataKind } from './data-maps.ts';
import type { ElfFile, ElfRelocation, ElfSection, ElfSymbol } from './elf.ts';
import { SHN_LORESERVE, SHT_REL, STB_GLOBAL, STB_WEAK, STT_FUNC, STT_SECTION } from './elf.ts';
import type { Extern } from './externs.ts';
import { isExternSymbol } from './externs.ts';
import type { MapDraft } from './map-draft.ts';
import { BPF_MAP_TYPE_HASH_OF_MAPS, BPF_MAP_TYPE_PROG_ARRAY, isMapInMap } from './map-numbers.ts';
import type { InnerValue } from './program.ts';
import type { Refusal } from './refusal.ts';

export interface RelocationContext {
  readonly elf: ElfFile;
  readonly code: Code;
  readonly btf: Btf | undefined;
  readonly maps: readonly MapDraft[];
  readonly externs: readonly Extern[];
  /** Section indices; 0 when the object does not have one. */
  readonly mapSection: number;
  readonly arenaSection: number;
  readonly refusal: Refusal;
}

/** The section that a relocation section is about, when it is one that counts. */
export function relocatedSection(elf: ElfFile, section: ElfSection): ElfSection | undefined {
  return section.type === SHT_REL ? elf.sections[section.info] : undefined;
}

function refersToSubprogram(symbol: ElfSymbol, textSection: number): boolean {
  if (textSection === 0 || symbol.section !== textSection) return false;
  // A static function is named by its section, a global one by itself.
  return (
    symbol.type === STT_SECTION ||
    ((symbol.binding === STB_GLOBAL || symbol.binding === STB_WEAK) && symbol.type === STT_FUNC)
  );
}

/** Resolves relocations of code, with an index over maps and externs. */
class CodeRelocator {
  readonly #context: RelocationContext;
  readonly #externBySymbol: ReadonlyMap<number, number>;

  constructor(context: RelocationContext) {
    this.#context = context;
    this.#externBySymbol = new Map(context.externs.map((extern, index) => [extern.symbol, index]));
  }

  apply(section: ElfSection, target: ElfSection): void {
    const { elf, code, refusal } = this.#context;
    for (const relocation of elf.relocations(section)) {
      const symbol = elf.symbols[relocation.symbol];
      if (symbol === undefined || (symbol.section >= elf.sections.length && symbol.section < SHN_LORESERVE)) {
        refusal.refuse(
          'RELOCATION_SYMBOL',
          `Section ${section.name}: symbol ${relocation.symbol}, or its section, does not exist.`,
        );
        continue;
      }
      if (symbol.section >= elf.sections.length) {
        refusal.refuse(
          'RELOCATION_SYMBOL',
          `Section ${section.name}: symbol "${symbol.name}" stands in special section 0x${symbol.section.toString(16)}.`,
          'Give the global variable an initial value, or make it static.',
        );
        continue;
      }
      if (relocation.offset % SLOT_SIZE !== 0 || relocation.offset >= target.data.length) {
        refusal.refuse(
          'RELOCATION_OFFSET',
          `Section ${section.name}: offset ${relocation.offset} is no instruction of section ${target.name}.`,
        );
        continue;
      }
      const insn = relocation.offset / SLOT_SIZE;
      const owner = code.find(target.index, insn);
      // A weak function that another one replaced leaves its relocations behind.
      if (owner === undefined) continue;
      const resolved = this.#resolve(owner, insn - owner.start, relocation, symbol);
      if (resolved !== undefined) owner.relocations.push(resolved);
    }
  }

  #refuse(owner: CodeFunction, insn: number, symbol: ElfSymbol, trouble: string): undefined {
    const name = symbol.name === '' ? (this.#context.elf.sections[symbol.section]?.name ?? '?') : symbol.name;
    this.#context.refusal.refuse(
      'RELOCATION',
      `Function ${owner.name}, instruction ${insn}: the relocation against "${name}" ${trouble}.`,
    );
    return undefined;
  }

  #resolve(
    owner: CodeFunction,
    insn: number,
    relocation: ElfRelocation,
    symbol: ElfSymbol,
  ): CodeRelocation | undefined {
    const { code, elf } = this.#context;
    const opcode = owner.instructions.code[insn];
    const isCall = opcode === OPCODE_CALL;
    if (!isCall && opcode !== OPCODE_LD_IMM64)
      return this.#refuse(
        owner,
        insn,
        symbol,
        `stands at an instruction of opcode 0x${(opcode ?? 0).toString(16)}, which is neither call nor 64-bit load`,
      );
    if (!isCall && insn + 1 >= owner.length)
      return this.#refuse(owner, insn, symbol, 'stands at a 64-bit load that is cut off');
    if (isExternSymbol(symbol)) {
      const extern = this.#externBySymbol.get(relocation.symbol);
      if (extern === undefined)
        return this.#refuse(owner, insn, symbol, 'is against an extern that has no declaration');
      return { kind: isCall ? 'extern-call' : 'extern-address', insn, extern };
    }
    if (isCall) {
      if (owner.instructions.src[insn] !== BPF_PSEUDO_CALL)
        return this.#refuse(owner, insn, symbol, 'stands at a call that is none of a subprogram');
      if (symbol.section === 0 || symbol.section !== code.textSection)
        return this.#refuse(
          owner,
          insn,
          symbol,
          `is a call into section ${elf.sections[symbol.section]?.name ?? '?'}, and only those into .text can be linked`,
        );
      if (symbol.value % SLOT_SIZE !== 0)
        return this.#refuse(owner, insn, symbol, `points to ${symbol.value}, where no instruction begins`);
      return { kind: 'call', insn, symbolOffset: symbol.value };
    }
    if (symbol.section === 0) return this.#refuse(owner, insn, symbol, 'is against a symbol that is not defined');
    if (refersToSubprogram(symbol, code.textSection)) {
      const addend = owner.instructions.imm[insn]!;
      if (symbol.value % SLOT_SIZE !== 0 || addend % SLOT_SIZE !== 0)
        return this.#refuse(owner, insn, symbol, `points to ${symbol.value}+${addend}, where no instruction begins`);
      return { kind: 'function-address', insn, symbolOffset: symbol.value };
    }
    return this.#resolveData(owner, insn, symbol);
  }

  #resolveData(owner: CodeFunction, insn: number, symbol: ElfSymbol): CodeRelocation | undefined {
    const { elf, maps, mapSection, arenaSection } = this.#context;
    const section = elf.sections[symbol.section]!;
    if (arenaSection !== 0 && symbol.section === arenaSection) {
      const map = maps.findIndex(({ definition }) => definition.origin === 'arena');
      if (map < 0) return this.#refuse(owner, insn, symbol, 'is against a variable of an arena, and there is none');
      return { kind: 'data', insn, map, symbolOffset: symbol.value };
    }
    if (dataKind(section) !== undefined) {
      const map = maps.findIndex(
        (draft) => draft.sectionIndex === symbol.section && draft.definition.origin !== 'user',
      );
      if (map < 0)
        return this.#refuse(owner, insn, symbol, `is against section ${section.name}, for which there is no map`);
      return { kind: 'data', insn, map, symbolOffset: symbol.value };
    }
    if (mapSection === 0 || symbol.section !== mapSection)
      return this.#refuse(owner, insn, symbol, `is against section ${section.name}, which holds neither maps nor data`);
    const map = maps.findIndex(
      (draft) => draft.sectionIndex === symbol.section && draft.sectionOffset === symbol.value,
    );
    if (map < 0)
      return this.#refuse(
        owner,
        insn,
        symbol,
        `is against offset ${symbol.value} of section ${section.name}, where no map begins`,
      );
    return { kind: 'map', insn, map };
  }
}

/** Fills in the `relocations` of every function. */
export function collectCodeRelocations(context: RelocationContext): void {
  const relocator = new CodeRelocator(context);
  for (const section of context.elf.sections) {
    const target = relocatedSection(context.elf, section);
    if (target !== undefined && isCode(target)) relocator.apply(section, target);
  }
  for (const { relocations } of context.code.functions) relocations.sort((a, b) => a.insn - b.insn);
}

/** Finds what the slots of maps-in-maps and program arrays are initialised with. */
export function collectMapRelocations(context: RelocationContext): void {
  const { elf, code, btf, maps, mapSection, refusal } = context;
  if (mapSection === 0 || btf === undefined) return;
  const slots = new Map<MapDraft, InnerValue[]>();
  for (const section of elf.sections) {
    if (relocatedSection(elf, section)?.index !== mapSection) continue;
    for (const relocation of elf.relocations(section)) {
      const symbol = elf.symbols[relocation.symbol];
      const draft = maps.find(
        ({ sectionIndex, sectionOffset, sectionSize }) =>
          sectionIndex === mapSection &&
          sectionOffset <= relocation.offset &&
          relocation.offset + 8 <= sectionOffset + sectionSize,
      );
      const refuse = (trouble: string): void =>
        refusal.refuse('MAP_VALUES', `Section ${section.name}, offset ${relocation.offset}: ${trouble}.`);
      if (symbol === undefined || draft === undefined) {
        refuse(symbol === undefined ? `symbol ${relocation.symbol} does not exist` : 'there is no map');
        continue;
      }
      const { definition } = draft;
      const slot = slotOf(btf, draft, relocation.offset);
      if (slot === undefined) {
        refuse(`map ${definition.name} has no slot there`);
        continue;
      }
      const values = slots.get(draft) ?? [];
      if (isMapInMap(definition.type)) {
        if (symbol.section !== mapSection || !maps.some((map) => map.definition.name === symbol.name))
          refuse(`"${symbol.name}" is no map of the object`);
        else if (definition.type === BPF_MAP_TYPE_HASH_OF_MAPS && definition.keySize !== 4)
          refuse(`map ${definition.name} has values, so its key size must be 4`);
        else values.push({ slot, kind: 'map', name: symbol.name });
      } else if (definition.type === BPF_MAP_TYPE_PROG_ARRAY) {
        const program = code.entryPoint(symbol.name);
        if (
          program === undefined ||
          program.sectionIndex !== symbol.section ||
          program.start * SLOT_SIZE !== symbol.value
        )
          refuse(`"${symbol.name}" is no program of the object`);
        else values.push({ slot, kind: 'program', name: symbol.name });
      } else refuse(`map ${definition.name} can hold neither maps nor programs`);
      slots.set(draft, values);
    }
  }
  for (const [{ definition }, values] of slots) definition.innerValues = values.sort((a, b) => a.slot - b.slot);
}

/** The index into member `values` of a map's struct that an offset in `.maps` means. */
function slotOf(btf: Btf, draft: MapDraft, offset: number): number | undefined {
  const variable = btf
    .sectionVariables(btf.findByName('.maps'))
    .find(({ typeId }) => btf.name(typeId) === draft.definition.name);
  if (variable === undefined) return undefined;
  const structId = btf.resolve(btf.typeId(variable.typeId));
  const last = btf.count(structId) - 1;
  if (last < 0 || btf.memberName(structId, last) !== 'values') return undefined;
  const bytes = offset - draft.sectionOffset - btf.memberBitOffset(structId, last) / 8;
  return bytes >= 0 && bytes % 8 === 0 ? bytes / 8 : undefined;
}
