/**
 * The functions of an object, cut out of its executable sections.
 *
 * A global function in a named section is an entry point; functions in `.text` are subprograms, which linking appends to the entry points that call
 * them. Instructions are as compiled here; relocations are collected beside them.
 */
import { BailoutError } from '../errors.ts';
import { Instructions } from '../isa/instructions.ts';
import { SLOT_SIZE } from '../isa/opcodes.ts';
import type { ElfFile, ElfSection, ElfSymbol } from './elf.ts';
import { SHF_EXECINSTR, SHT_PROGBITS, STB_LOCAL, STT_FUNC, STV_HIDDEN, STV_INTERNAL } from './elf.ts';
import type { Refusal } from './refusal.ts';

/** What a place in the code refers to; `insn` counts from the start of the function. */
export type CodeRelocation =
  | { readonly kind: 'call'; readonly insn: number; readonly symbolOffset: number }
  | { readonly kind: 'function-address'; readonly insn: number; readonly symbolOffset: number }
  | { readonly kind: 'map'; readonly insn: number; readonly map: number }
  | { readonly kind: 'data'; readonly insn: number; readonly map: number; readonly symbolOffset: number }
  | { readonly kind: 'extern-call'; readonly insn: number; readonly extern: number }
  | { readonly kind: 'extern-address'; readonly insn: number; readonly extern: number };

/** One function. */
export interface CodeFunction {
  readonly name: string;
  readonly sectionIndex: number;
  /** Without the `?` that switches automatic loading off. */
  readonly section: string;
  readonly autoload: boolean;
  /** Position in the section and length, in slots. */
  readonly start: number;
  readonly length: number;
  readonly isSubprogram: boolean;
  readonly isGlobal: boolean;
  /** Global, but hidden outside the object: the verifier is to treat it as static. */
  readonly isHidden: boolean;
  readonly instructions: Instructions;
  /** Sorted by `insn` once collected. */
  readonly relocations: CodeRelocation[];
}

export class Code {
  /** Sorted by section and start. */
  readonly functions: readonly CodeFunction[];
  /** Index of `.text`; 0 when there is none. */
  readonly textSection: number;

  constructor(functions: readonly CodeFunction[], textSection: number) {
    this.functions = functions;
    this.textSection = textSection;
  }

  /** The function that holds slot `insn` of a section. */
  find(sectionIndex: number, insn: number): CodeFunction | undefined {
    let low = 0;
    let high = this.functions.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const candidate = this.functions[middle]!;
      if (candidate.sectionIndex < sectionIndex || (candidate.sectionIndex === sectionIndex && candidate.start <= insn))
        low = middle;
      else high = middle - 1;
    }
    const found = this.functions[low];
    if (found?.sectionIndex !== sectionIndex) return undefined;
    return insn >= found.start && insn < found.start + found.length ? found : undefined;
  }

  /** An entry point by name. */
  entryPoint(name: string): CodeFunction | undefined {
    return this.functions.find((candidate) => !candidate.isSubprogram && candidate.name === name);
  }
}

/** Whether a section holds code that libbpf would look at. */
export function isCode(section: ElfSection): boolean {
  return (
    section.type === SHT_PROGBITS &&
    section.size > 0 &&
    (section.flags & SHF_EXECINSTR) !== 0 &&
    !section.name.startsWith('.debug_')
  );
}

function cutFunction(elf: ElfFile, section: ElfSection, symbol: ElfSymbol): CodeFunction {
  const { name, value, size } = symbol;
  const where = `Function ${name} of section ${section.name}`;
  if (value + size > section.data.length)
    throw new BailoutError(
      'OBJECT_FUNCTION_BOUNDS',
      `${where} takes bytes ${value} to ${value + size} of a section of ${section.data.length}.`,
      {
        offset: section.offset,
      },
    );
  if (size === 0 || size % SLOT_SIZE !== 0 || value % SLOT_SIZE !== 0)
    throw new BailoutError(
      'OBJECT_FUNCTION_BOUNDS',
      `${where}, ${size} bytes at ${value}, is not made of whole instructions.`,
      {
        offset: section.offset + value,
      },
    );
  const isGlobal = symbol.binding !== STB_LOCAL;
  return {
    name,
    sectionIndex: section.index,
    section: section.name.startsWith('?') ? section.name.slice(1) : section.name,
    autoload: !section.name.startsWith('?'),
    start: value / SLOT_SIZE,
    length: size / SLOT_SIZE,
    isSubprogram: section.name === '.text',
    isGlobal,
    isHidden: isGlobal && (symbol.visibility === STV_HIDDEN || symbol.visibility === STV_INTERNAL),
    instructions: Instructions.fromBytes(section.data.subarray(value, value + size), { bigEndian: elf.bigEndian }),
    relocations: [],
  };
}

/** Finds the functions of all executable sections. */
export function collectCode(elf: ElfFile, refusal: Refusal): Code {
  const textSection = elf.sections.find((section) => section.name === '.text' && isCode(section))?.index ?? 0;
  let bytes = 0;
  const functions: CodeFunction[] = [];
  for (const symbol of elf.symbols) {
    const section = elf.sections[symbol.section];
    if (symbol.type !== STT_FUNC || section === undefined || !isCode(section)) continue;
    if (section.name !== '.text' && symbol.binding === STB_LOCAL)
      refusal.refuse(
        'OBJECT_STATIC_PROGRAM',
        `Section ${section.name}: program ${symbol.name} is static, which is not supported.`,
      );
    const found = cutFunction(elf, section, symbol);
    // Symbols may overlap, so that many of them over one big section would hold far more code than the file.
    bytes += found.length * SLOT_SIZE;
    if (bytes > 8 * elf.size)
      throw new BailoutError(
        'OBJECT_FUNCTION_BOUNDS',
        `The functions of section ${section.name} overlap each other many times over.`,
        {
          offset: section.offset,
        },
      );
    functions.push(found);
  }
  functions.sort((a, b) => a.sectionIndex - b.sectionIndex || a.start - b.start);
  return new Code(functions, textSection);
}
