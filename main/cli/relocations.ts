/** What an object asks its loader to fill in: ELF relocations of code and data, and CO-RE relocations of field accesses. */
import type { Btf } from '../../core/object/btf/btf.ts';
import { CORE_RELOCATION_WORDS, readBtfExt } from '../../core/object/btf/btf-ext.ts';
import {
  ElfFile,
  R_BPF_64_32,
  R_BPF_64_64,
  R_BPF_64_ABS64,
  SHF_EXECINSTR,
  SHN_UNDEF,
  SHT_REL,
  SHT_RELA,
  STT_FUNC,
  STT_SECTION,
} from '../../core/object/elf.ts';
import type { ElfSection, ElfSymbol } from '../../core/object/elf.ts';

export type RelocationKind = 'map' | 'data' | 'call' | 'function' | 'extern' | 'core';

export interface Relocation {
  /** Of the code or data that is filled in. */
  readonly section: string;
  /** In bytes from the section's start. */
  readonly offset: number;
  readonly kind: RelocationKind;
  /** The symbol, or for CO-RE the type and the path in it. */
  readonly target: string;
  /** ELF: the relocation's number by name; CO-RE: what is asked about the target. */
  readonly what: string;
}

/** CO-RE kinds by number (kernel: enum bpf_core_relo_kind). */
const CORE_KINDS = [
  'field offset',
  'field size',
  'field exists',
  'field is signed',
  'field left shift',
  'field right shift',
  'local type id',
  'target type id',
  'type exists',
  'type size',
  'enumerator exists',
  'enumerator value',
  'type matches',
];

const ELF_TYPES = new Map([
  [R_BPF_64_64, 'R_BPF_64_64'],
  [R_BPF_64_32, 'R_BPF_64_32'],
  [R_BPF_64_ABS64, 'R_BPF_64_ABS64'],
]);

/** Relocations in the order of the file; those of debug information are the linker's business, and left out. */
export function relocationsOf(bytes: Uint8Array, btf: Btf | undefined): Relocation[] {
  const elf = new ElfFile(bytes);
  const out: Relocation[] = [];
  for (const section of elf.sections) {
    if (section.type !== SHT_REL && section.type !== SHT_RELA) continue;
    const target = elf.sections[section.info];
    if (target === undefined || /^\.(debug|BTF|eh_frame|llvm)/.test(target.name)) continue;
    for (const { offset, symbol, type } of elf.relocations(section)) {
      const meant = elf.symbols[symbol];
      out.push({
        section: target.name,
        offset,
        kind: meant === undefined ? 'data' : kindOf(elf, meant, type),
        target: meant === undefined ? `symbol ${symbol}` : symbolName(elf, meant, addend(elf, target, offset, type)),
        what: ELF_TYPES.get(type) ?? `type ${type}`,
      });
    }
  }
  return [...out, ...coreRelocationsOf(elf, btf)];
}

function kindOf(elf: ElfFile, symbol: ElfSymbol, type: number): RelocationKind {
  if (symbol.section === SHN_UNDEF) return 'extern';
  const section = elf.sections[symbol.section]?.name ?? '';
  if (section === '.maps' || section === 'maps') return 'map';
  if (type === R_BPF_64_32) return 'call';
  return symbol.type === STT_FUNC || /^\.text/.test(section) ? 'function' : 'data';
}

/** Where in the symbol's section a relocation of code points to, in bytes; the place that is relocated holds it. */
function addend(elf: ElfFile, section: ElfSection, offset: number, type: number): number | undefined {
  if ((section.flags & SHF_EXECINSTR) === 0 || offset + 8 > section.data.length) return undefined;
  const imm = new DataView(section.data.buffer, section.data.byteOffset + offset).getInt32(4, !elf.bigEndian);
  // A call counts instructions from the following one.
  return type === R_BPF_64_32 ? (imm + 1) * 8 : imm;
}

/** A symbol's name. Compilers name local functions and variables by their section and a place in it: then what is there. */
function symbolName(elf: ElfFile, symbol: ElfSymbol, place: number | undefined): string {
  if (symbol.type !== STT_SECTION && symbol.name !== '') return symbol.name;
  const section = elf.sections[symbol.section]?.name ?? '';
  const there = elf.symbols.find(
    (other) =>
      other.section === symbol.section && other.value === place && other.type !== STT_SECTION && other.name !== '',
  );
  if (there !== undefined) return there.name;
  return place === undefined || place === 0 ? section : `${section}+${place}`;
}

function coreRelocationsOf(elf: ElfFile, btf: Btf | undefined): Relocation[] {
  const section = elf.section('.BTF.ext');
  if (btf === undefined || section === undefined) return [];
  const out: Relocation[] = [];
  for (const { nameOffset, count, words } of readBtfExt(section.data).coreRelocations) {
    const name = btf.string(nameOffset);
    for (let i = 0; i < count; i++) {
      const [offset = 0, typeId = 0, access = 0, kind = 0] = words.subarray(i * CORE_RELOCATION_WORDS);
      out.push({
        section: name,
        offset,
        kind: 'core',
        target: accessPath(btf, typeId, btf.string(access)),
        what: CORE_KINDS[kind] ?? `kind ${kind}`,
      });
    }
  }
  return out;
}

/** `struct task_struct.pid` for type 12 and the access string `0:3`. */
function accessPath(btf: Btf, typeId: number, access: string): string {
  const root = btf.skipModifiers(typeId);
  const kind = btf.kindName(root);
  const word = /^(struct|union|enum)/.test(kind) ? `${kind.replace('enum64', 'enum')} ` : '';
  let path = `${word}${btf.name(typeId) || btf.name(root) || '(anonymous)'}`;
  const steps = access.split(':').slice(1).map(Number);
  if (btf.isEnum(root)) return `${path} ${btf.enumeratorName(root, Number(access))}`;
  let type = btf.resolve(typeId);
  for (const step of steps) {
    if (!btf.isComposite(type)) {
      path += `[${step}]`;
      type = btf.resolve(btf.typeId(type));
    } else if (step < btf.count(type)) {
      const member = btf.memberName(type, step);
      if (member !== '') path += `.${member}`;
      type = btf.resolve(btf.memberTypeId(type, step));
    } else break;
  }
  return path;
}
