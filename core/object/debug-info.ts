/** Function and line information of a linked program, from the `.BTF.ext` records of the functions it is made of. */
import { BailoutError } from '../errors.ts';
import { SLOT_SIZE } from '../isa/opcodes.ts';
import type { Btf } from './btf/btf.ts';
import type { BtfExt, ExtSection } from './btf/btf-ext.ts';
import { BTF_FUNC_EXTERN, BTF_FUNC_GLOBAL } from './btf/kinds.ts';
import type { CodeFunction } from './code.ts';
import type { ElfFile } from './elf.ts';
import type { LinkedPart } from './linker.ts';
import type { LineInfo, Linkage, Subprogram } from './program.ts';

/** One table's records by index of the ELF section that they are about. Several entries for one section: the first counts, as in libbpf. */
function bySection(elf: ElfFile, btf: Btf, sections: readonly ExtSection[]): Map<number, ExtSection> {
  const found = new Map<number, ExtSection>();
  for (const section of sections) {
    const name = btf.string(section.nameOffset);
    const index = name === '' ? undefined : elf.section(name)?.index;
    if (index !== undefined && !found.has(index)) found.set(index, section);
  }
  return found;
}

/** The records from the first to the last that fall into a function, as [first, end) of record numbers. */
function recordsOf(section: ExtSection | undefined, code: CodeFunction): readonly [number, number] | undefined {
  if (section === undefined) return undefined;
  const { words, stride, count } = section;
  let first = -1;
  let end = 0;
  for (let record = 0; record < count; record++) {
    const insn = Math.floor(words[record * stride]! / SLOT_SIZE);
    if (insn < code.start) continue;
    if (insn >= code.start + code.length) break;
    if (first < 0) first = record;
    end = record + 1;
  }
  return first < 0 ? undefined : [first, end];
}

function linkageOf(btf: Btf, funcId: number): Linkage {
  const linkage = btf.funcLinkage(funcId);
  if (linkage === BTF_FUNC_GLOBAL) return 'global';
  return linkage === BTF_FUNC_EXTERN ? 'extern' : 'static';
}

export class DebugInfo {
  readonly #btf: Btf | undefined;
  readonly #functions: ReadonlyMap<number, ExtSection>;
  readonly #lines: ReadonlyMap<number, ExtSection>;
  /** Record ranges found so far: subprograms are part of many programs. */
  readonly #functionRanges = new Map<CodeFunction, readonly [number, number] | undefined>();
  readonly #lineRanges = new Map<CodeFunction, readonly [number, number] | undefined>();

  constructor(elf: ElfFile, btf: Btf | undefined, ext: BtfExt | undefined) {
    this.#btf = btf;
    this.#functions = btf === undefined || ext === undefined ? new Map() : bySection(elf, btf, ext.funcInfo);
    this.#lines = btf === undefined || ext === undefined ? new Map() : bySection(elf, btf, ext.lineInfo);
  }

  #range(
    cache: Map<CodeFunction, readonly [number, number] | undefined>,
    table: ReadonlyMap<number, ExtSection>,
    code: CodeFunction,
  ) {
    if (!cache.has(code)) cache.set(code, recordsOf(table.get(code.sectionIndex), code));
    return cache.get(code);
  }

  /** What the verifier knows of each function. A main program without a record makes all go without; a subprogram alone without one is an error. */
  subprograms(parts: readonly LinkedPart[]): Subprogram[] {
    const main = parts[0]!.code;
    const hasInfo = this.#range(this.#functionRanges, this.#functions, main) !== undefined;
    return parts.map(({ code, start }) => {
      const range = hasInfo ? this.#range(this.#functionRanges, this.#functions, code) : undefined;
      if (hasInfo && range === undefined)
        throw new BailoutError(
          'BTF_EXT',
          `Program ${main.name}: .BTF.ext has no function information for subprogram ${code.name}.`,
        );
      const section = this.#functions.get(code.sectionIndex);
      const funcTypeId =
        range === undefined || section === undefined ? 0 : section.words[range[0] * section.stride + 1]!;
      const linkage =
        this.#btf === undefined || funcTypeId === 0
          ? code === main
            ? 'global'
            : 'static'
          : linkageOf(this.#btf, funcTypeId);
      return { name: code.name, start, end: start + code.length, linkage, funcTypeId };
    });
  }

  /** Source lines, sorted by instruction. */
  lines(parts: readonly LinkedPart[]): LineInfo[] {
    const btf = this.#btf;
    const main = parts[0]!.code;
    if (btf === undefined || this.#range(this.#lineRanges, this.#lines, main) === undefined) return [];
    const lines: LineInfo[] = [];
    for (const { code, start } of parts) {
      const section = this.#lines.get(code.sectionIndex);
      const range = this.#range(this.#lineRanges, this.#lines, code);
      if (section === undefined || range === undefined)
        throw new BailoutError(
          'BTF_EXT',
          `Program ${main.name}: .BTF.ext has no line information for subprogram ${code.name}.`,
        );
      for (let record = range[0]; record < range[1]; record++) {
        const at = record * section.stride;
        const position = section.words[at + 3]!;
        lines.push({
          insn: Math.floor(section.words[at]! / SLOT_SIZE) - code.start + start,
          file: btf.string(section.words[at + 1]!),
          line: position >>> 10,
          column: position & 0x3ff,
          text: btf.string(section.words[at + 2]!),
        });
      }
    }
    return lines.sort((a, b) => a.insn - b.insn);
  }
}
