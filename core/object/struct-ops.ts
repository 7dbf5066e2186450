/**
 * struct_ops: kernel structs of function pointers that programs fill in.
 *
 * Each variable of section `.struct_ops` (or `.struct_ops.link`) is a map of one value. The object's idea of the struct may differ from the kernel's, so members are
 * matched by name: data is copied, and a program that stands in a member gets to know which it implements.
 */
import { SLOT_SIZE } from '../isa/opcodes.ts';
import type { Btf } from './btf/btf.ts';
import { BTF_KIND_DATASEC, BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, BTF_KIND_STRUCT } from './btf/kinds.ts';
import { essentialName } from './btf/names.ts';
import type { Code, CodeFunction } from './code.ts';
import type { ElfFile, ElfSection } from './elf.ts';
import { SHT_PROGBITS } from './elf.ts';
import type { MapDraft } from './map-draft.ts';
import { mapDefinition } from './map-draft.ts';
import { BPF_F_LINK, BPF_MAP_TYPE_STRUCT_OPS } from './map-numbers.ts';
import type { StructOpsMember } from './program.ts';
import type { Refusal } from './refusal.ts';
import { relocatedSection } from './relocations.ts';

const sectionNames: ReadonlySet<string> = new Set([
  '.struct_ops',
  '.struct_ops.link',
  '?.struct_ops',
  '?.struct_ops.link',
]);
const VALUE_PREFIX = 'bpf_struct_ops_';

/** A struct_ops map being read. */
export interface StructOpsDraft {
  readonly draft: MapDraft;
  /** The struct, in the object's BTF. */
  readonly typeId: number;
  readonly data: Uint8Array;
  /** By index of the member in the object's struct. */
  readonly programs: Map<number, CodeFunction>;
}

/** What a struct_ops program implements, and the kernel struct's id. */
export interface StructOpsAttachment extends StructOpsMember {
  readonly kernelTypeId: number;
}

/** The results of matching against the kernel. */
export interface StructOpsResult {
  readonly attachments: ReadonlyMap<CodeFunction, StructOpsAttachment>;
  /** Programs that maps refer to, and whether one of those maps is created. */
  readonly autoload: ReadonlyMap<CodeFunction, boolean>;
}

const isStructOps = (section: ElfSection): boolean =>
  section.type === SHT_PROGBITS && section.size > 0 && sectionNames.has(section.name);

function readSection(
  btf: Btf,
  section: ElfSection,
  add: (draft: MapDraft) => void,
  refusal: Refusal,
): StructOpsDraft[] {
  const sectionType = btf.findByName(section.name, BTF_KIND_DATASEC);
  if (sectionType === 0) {
    refusal.refuse('STRUCT_OPS', `BTF does not describe section ${section.name}.`);
    return [];
  }
  const autocreate = !section.name.startsWith('?');
  const name = autocreate ? section.name : section.name.slice(1);
  const drafts: StructOpsDraft[] = [];
  for (const variable of btf.sectionVariables(sectionType)) {
    const typeId = btf.resolve(btf.typeId(variable.typeId));
    const size = btf.size(typeId);
    if (btf.kind(typeId) !== BTF_KIND_STRUCT || btf.name(typeId) === '') {
      refusal.refuse(
        'STRUCT_OPS',
        `Variable ${btf.name(variable.typeId)} of section ${section.name} is not of a named struct type.`,
      );
      continue;
    }
    if (variable.offset + size > section.data.length) {
      refusal.refuse(
        'STRUCT_OPS',
        `Variable ${btf.name(variable.typeId)} reaches beyond the end of section ${section.name}.`,
      );
      continue;
    }
    const draft: MapDraft = {
      definition: mapDefinition({
        index: -1,
        name: btf.name(variable.typeId),
        type: BPF_MAP_TYPE_STRUCT_OPS,
        keySize: 4,
        valueSize: size,
        maxEntries: 1,
        flags: name === '.struct_ops.link' ? BPF_F_LINK : 0,
        valueTypeId: typeId,
        origin: 'struct_ops',
        section: name,
        autocreate,
      }),
      sectionIndex: section.index,
      sectionOffset: variable.offset,
      sectionSize: size,
    };
    add(draft);
    drafts.push({
      draft,
      typeId,
      data: section.data.slice(variable.offset, variable.offset + size),
      programs: new Map(),
    });
  }
  return drafts;
}

/** Adds a map for every struct_ops variable. */
export function addStructOpsMaps(
  elf: ElfFile,
  btf: Btf | undefined,
  add: (draft: MapDraft) => void,
  refusal: Refusal,
): StructOpsDraft[] {
  const sections = elf.sections.filter(isStructOps);
  if (sections.length === 0) return [];
  if (btf === undefined) {
    refusal.refuse('STRUCT_OPS', `Section ${sections[0]!.name} needs BTF, which the object does not have.`);
    return [];
  }
  return sections.flatMap((section) => readSection(btf, section, add, refusal));
}

function memberAt(btf: Btf, typeId: number, bitOffset: number): number {
  for (let i = 0; i < btf.count(typeId); i++) if (btf.memberBitOffset(typeId, i) === bitOffset) return i;
  return -1;
}

function isFunctionPointer(btf: Btf, typeId: number): boolean {
  const pointer = btf.resolve(typeId);
  return btf.kind(pointer) === BTF_KIND_PTR && btf.kind(btf.resolve(btf.typeId(pointer))) === BTF_KIND_FUNC_PROTO;
}

/** Finds the program of every member that is initialised with one. `isStructOpsProgram` tells by section name. */
export function collectStructOpsRelocations(
  elf: ElfFile,
  code: Code,
  btf: Btf | undefined,
  drafts: readonly StructOpsDraft[],
  isStructOpsProgram: (candidate: CodeFunction) => boolean,
  refusal: Refusal,
): void {
  if (btf === undefined) return;
  for (const section of elf.sections) {
    const target = relocatedSection(elf, section);
    if (target === undefined || !isStructOps(target)) continue;
    for (const relocation of elf.relocations(section)) {
      const refuse = (trouble: string): void =>
        refusal.refuse('STRUCT_OPS', `Section ${section.name}, offset ${relocation.offset}: ${trouble}.`);
      const symbol = elf.symbols[relocation.symbol];
      const found = drafts.find(
        ({ draft }) =>
          draft.sectionIndex === target.index &&
          draft.sectionOffset <= relocation.offset &&
          relocation.offset - draft.sectionOffset < draft.definition.valueSize,
      );
      if (symbol === undefined || found === undefined) {
        refuse(symbol === undefined ? `symbol ${relocation.symbol} does not exist` : 'no variable is there');
        continue;
      }
      const member = memberAt(btf, found.typeId, (relocation.offset - found.draft.sectionOffset) * 8);
      if (member < 0 || !isFunctionPointer(btf, btf.memberTypeId(found.typeId, member))) {
        refuse(`struct ${btf.name(found.typeId)} has no function pointer there`);
        continue;
      }
      const program = symbol.value % SLOT_SIZE === 0 ? code.find(symbol.section, symbol.value / SLOT_SIZE) : undefined;
      if (program === undefined)
        refuse(`member ${btf.memberName(found.typeId, member)} is given "${symbol.name}", which is no program`);
      else if (!isStructOpsProgram(program)) refuse(`program ${program.name} is not of type struct_ops`);
      else found.programs.set(member, program);
    }
  }
}

interface KernelTypes {
  readonly structId: number;
  readonly valueId: number;
  /** Of the struct in the value, in bytes. */
  readonly dataOffset: number;
}

function findKernelTypes(kernel: Btf, name: string, refusal: Refusal): KernelTypes | undefined {
  const valueId = kernel.findByName(VALUE_PREFIX + name, BTF_KIND_STRUCT);
  const structId = kernel.findByName(name, BTF_KIND_STRUCT);
  if (valueId === 0 || structId === 0) {
    refusal.refuse(
      'STRUCT_OPS',
      `Struct ${valueId === 0 ? VALUE_PREFIX : ''}${name} is not found in the kernel's BTF.`,
    );
    return undefined;
  }
  for (let i = 0; i < kernel.count(valueId); i++)
    if (kernel.memberTypeId(valueId, i) === structId)
      return { structId, valueId, dataOffset: kernel.memberBitOffset(valueId, i) / 8 };
  refusal.refuse('STRUCT_OPS', `Struct ${VALUE_PREFIX}${name} of the kernel does not hold a struct ${name}.`);
  return undefined;
}

class KernelMatcher {
  readonly #btf: Btf;
  readonly #kernel: Btf;
  readonly #refusal: Refusal;
  readonly attachments = new Map<CodeFunction, StructOpsAttachment>();

  constructor(btf: Btf, kernel: Btf, refusal: Refusal) {
    this.#btf = btf;
    this.#kernel = kernel;
    this.#refusal = refusal;
  }

  match({ draft, typeId, data, programs }: StructOpsDraft): void {
    const btf = this.#btf;
    const kernel = this.#kernel;
    const { definition } = draft;
    const structName = essentialName(btf.name(typeId));
    const types = findKernelTypes(kernel, structName, this.#refusal);
    if (types === undefined) return;
    const value = new Uint8Array(kernel.size(types.valueId));
    const names = new Map<string, string>();
    for (let i = 0; i < btf.count(typeId); i++) {
      const member = btf.memberName(typeId, i);
      const refuse = (trouble: string): void =>
        this.#refusal.refuse('STRUCT_OPS', `Map ${definition.name}: member ${member} ${trouble}.`);
      const offset = btf.memberBitOffset(typeId, i) / 8;
      const size = btf.resolveSize(btf.memberTypeId(typeId, i));
      if (size === undefined) {
        refuse('has no size');
        continue;
      }
      const bytes = data.subarray(offset, offset + size);
      const index = this.#kernelMember(types.structId, member);
      if (index < 0) {
        if (bytes.some((byte) => byte !== 0) || programs.has(i)) refuse("is not in the kernel's struct");
        continue;
      }
      if (btf.memberBitSize(typeId, i) !== 0 || kernel.memberBitSize(types.structId, index) !== 0) {
        refuse('is a bitfield, which is not supported');
        continue;
      }
      const ours = btf.resolve(btf.memberTypeId(typeId, i));
      const theirs = kernel.resolve(kernel.memberTypeId(types.structId, index));
      if (btf.kind(ours) !== kernel.kind(theirs)) {
        refuse(`is a ${btf.kindName(ours)}, and in the kernel a ${kernel.kindName(theirs)}`);
      } else if (btf.kind(ours) === BTF_KIND_PTR) {
        const program = programs.get(i);
        if (program === undefined) continue;
        if (!isFunctionPointer(kernel, theirs)) refuse('is not a function pointer in the kernel');
        else {
          names.set(member, program.name);
          this.#attach(program, { structName, member, memberIndex: index, kernelTypeId: types.structId }, refuse);
        }
      } else if (kernel.resolveSize(theirs) !== size)
        refuse(`has ${size} bytes, and in the kernel ${kernel.resolveSize(theirs) ?? 0}`);
      else {
        const to = types.dataOffset + kernel.memberBitOffset(types.structId, index) / 8;
        if (to + bytes.length <= value.length) value.set(bytes, to);
      }
    }
    definition.valueSize = value.length;
    definition.initialData = value;
    definition.structOps = {
      structName,
      kernelTypeId: types.structId,
      kernelValueTypeId: types.valueId,
      programs: names,
      link: (definition.flags & BPF_F_LINK) !== 0,
    };
  }

  #kernelMember(structId: number, name: string): number {
    for (let i = 0; i < this.#kernel.count(structId); i++) if (this.#kernel.memberName(structId, i) === name) return i;
    return -1;
  }

  #attach(program: CodeFunction, attachment: StructOpsAttachment, refuse: (trouble: string) => void): void {
    const known = this.attachments.get(program);
    if (known === undefined) this.attachments.set(program, attachment);
    else if (known.kernelTypeId !== attachment.kernelTypeId || known.memberIndex !== attachment.memberIndex)
      refuse(`reuses program ${program.name}, which implements ${known.structName}.${known.member} already`);
  }
}

/** Matches all struct_ops maps that are to be created with the kernel's structs. */
export function matchStructOps(
  btf: Btf,
  kernel: Btf,
  drafts: readonly StructOpsDraft[],
  refusal: Refusal,
): StructOpsResult {
  const matcher = new KernelMatcher(btf, kernel, refusal);
  const autoload = new Map<CodeFunction, boolean>();
  for (const draft of drafts) {
    const { autocreate } = draft.draft.definition;
    if (autocreate) matcher.match(draft);
    for (const [member, program] of draft.programs) {
      // A program in a member that this kernel does not have is not used by this map.
      const isUsed =
        !autocreate || draft.draft.definition.structOps?.programs.has(btf.memberName(draft.typeId, member)) === true;
      if (isUsed) autoload.set(program, (autoload.get(program) ?? false) || autocreate);
      else if (!autoload.has(program)) autoload.set(program, false);
    }
  }
  return { attachments: matcher.attachments, autoload };
}
