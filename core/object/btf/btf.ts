/**
 * BTF, the BPF Type Format, as a lazily read table of types.
 *
 * Opening it only finds where each type begins; every question is answered from the words of the section, without objects in between. Accessors
 * that take an id accept any number: one that does not exist reads as `void` (kind 0, empty name, no members), so walking a damaged BTF cannot fail, and
 * loops over references are bounded. Type 0 is always `void`.
 */
import type { BtfSections } from './parse.ts';
import { parseBtf, validateReferences } from './parse.ts';
import type { NameTable } from './names.ts';
import { NameIndex, essentialName, makeNameTable } from './names.ts';
import {
  BTF_KIND_ARRAY,
  BTF_KIND_CONST,
  BTF_KIND_DATASEC,
  BTF_KIND_DECL_TAG,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_FLOAT,
  BTF_KIND_FUNC,
  BTF_KIND_FUNC_PROTO,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_RESTRICT,
  BTF_KIND_STRUCT,
  BTF_KIND_TYPEDEF,
  BTF_KIND_TYPE_TAG,
  BTF_KIND_UNION,
  BTF_KIND_VAR,
  BTF_KIND_VOLATILE,
  TYPE_HEADER_WORDS,
  btfKindNames,
} from './kinds.ts';

export interface BtfMember {
  readonly name: string;
  readonly typeId: number;
  readonly bitOffset: number;
  /** 0 for a member that is no bitfield. */
  readonly bitSize: number;
}

export interface BtfParam {
  readonly name: string;
  /** 0 for the `...` of a variadic function. */
  readonly typeId: number;
}

export interface BtfEnumerator {
  readonly name: string;
  readonly value: bigint;
}

export interface BtfSectionVariable {
  /** Of the VAR (or, in `.ksyms`, the FUNC). */
  readonly typeId: number;
  readonly offset: number;
  readonly size: number;
}

export interface BtfDeclTag {
  readonly id: number;
  readonly text: string;
  /** Parameter or member index; -1 for the declaration itself. */
  readonly component: number;
}

export interface BtfOptions {
  /** How error messages name the input; `.BTF` unless told. */
  readonly what?: string;
  /** Makes this a split BTF, whose ids and strings continue those of the base. */
  readonly base?: Btf;
  /** Check every reference (the default). A kernel's own BTF may go without, and then an index that comes with it is used. */
  readonly validate?: boolean;
}

/** Longest chain of typedefs and modifiers, or of nested arrays, that is followed; libbpf's limit. */
const MAX_RESOLVE_DEPTH = 32;
/** Members that finding an alignment looks at: structs in structs can be made such that there are very many. */
const MAX_ALIGN_STEPS = 100_000;
const POINTER_SIZE = 8;
const MAX_U32 = 0xffffffff;

/** FNV-1a over words or bytes, by index: there are millions of them, and an iterator would take ten times as long. */
function mixed(values: Uint32Array | Uint8Array): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < values.length; i++) hash = Math.imul(hash ^ values[i]!, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

const utf8 = new TextDecoder();
const utf8Encoder = new TextEncoder();

export class Btf {
  readonly base: Btf | undefined;
  /** Ids below are the base's (or void). */
  readonly firstId: number;
  /** Ids from 0 (void) to typeCount - 1 exist, the base's included. */
  readonly typeCount: number;
  readonly #words: Uint32Array;
  readonly #offsets: Uint32Array;
  readonly #strings: Uint8Array;
  readonly #stringBase: number;
  readonly #stringEnd: number;
  readonly #decoded = new Map<number, string>();
  readonly #storedNames: NameTable | undefined;
  #names: NameIndex | undefined;
  #identity: string | undefined;
  #tags: Map<number, BtfDeclTag[]> | undefined;

  private constructor(sections: BtfSections, base: Btf | undefined) {
    this.base = base;
    this.firstId = base === undefined ? 1 : base.typeCount;
    this.typeCount = this.firstId + sections.offsets.length - 1;
    this.#words = sections.words;
    this.#offsets = sections.offsets;
    this.#strings = sections.strings;
    this.#storedNames = sections.names;
    this.#stringBase = base === undefined ? 0 : base.#stringEnd;
    this.#stringEnd = this.#stringBase + sections.strings.length;
  }

  /** A text that equal types and names have in common, those of the base included: how one kernel's BTF is told from another's. */
  get identity(): string {
    this.#identity ??= `${this.base === undefined ? '' : `${this.base.identity}+`}${this.typeCount}-${mixed(this.#words)}${mixed(this.#strings)}`;
    return this.#identity;
  }

  /** Opens the contents of a `.BTF` section. */
  static open(bytes: Uint8Array, options: BtfOptions = {}): Btf {
    const { what = '.BTF', base, validate = true } = options;
    const sections = parseBtf(bytes, what, base === undefined ? 1 : base.typeCount, !validate);
    const btf = new Btf(sections, base);
    if (validate)
      validateReferences(sections, { what, firstId: btf.firstId, endId: btf.typeCount, endString: btf.#stringEnd });
    return btf;
  }

  // ---- one type -----------------------------------------------------------------------------------------------------------------------------

  /** A BTF_KIND_* number; 0 for void and for ids that do not exist. */
  kind(id: number): number {
    if (id < this.firstId && this.base !== undefined) return this.base.kind(id);
    return (this.#words[this.#at(id) + 1]! >>> 24) & 0x1f;
  }

  /** The kind as libbpf prints it: `struct`, `func_proto`, `void`… */
  kindName(id: number): string {
    return btfKindNames[this.kind(id)] ?? 'unknown';
  }

  name(id: number): string {
    if (id < this.firstId && this.base !== undefined) return this.base.name(id);
    return this.string(this.#words[this.#at(id)]!);
  }

  /** Members, parameters, enumerators or variables; for a FUNC its linkage. */
  count(id: number): number {
    if (id < this.firstId && this.base !== undefined) return this.base.count(id);
    return this.#words[this.#at(id) + 1]! & 0xffff;
  }

  /** kind_flag: bitfield encoding of a struct's members, signedness of an enum, union-ness of a FWD. */
  kindFlag(id: number): boolean {
    if (id < this.firstId && this.base !== undefined) return this.base.kindFlag(id);
    return this.#words[this.#at(id) + 1]! >>> 31 === 1;
  }

  /** Size in bytes as the type itself states it (INT, STRUCT, UNION, ENUM, ENUM64, FLOAT, DATASEC); others 0. See also {@link resolveSize}. */
  size(id: number): number {
    switch (this.kind(id)) {
      case BTF_KIND_INT:
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64:
      case BTF_KIND_FLOAT:
      case BTF_KIND_DATASEC:
        return this.#sizeOrType(id);
      default:
        return 0;
    }
  }

  /** What the type refers to: pointee, aliased type, element of an array, prototype of a FUNC, result of a FUNC_PROTO, type of a VAR, target of a DECL_TAG. */
  typeId(id: number): number {
    switch (this.kind(id)) {
      case BTF_KIND_PTR:
      case BTF_KIND_TYPEDEF:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_CONST:
      case BTF_KIND_RESTRICT:
      case BTF_KIND_FUNC:
      case BTF_KIND_FUNC_PROTO:
      case BTF_KIND_VAR:
      case BTF_KIND_DECL_TAG:
      case BTF_KIND_TYPE_TAG:
        return this.#sizeOrType(id);
      case BTF_KIND_ARRAY:
        return this.#body(id, 0);
      default:
        return 0;
    }
  }

  /** Bits of BTF_INT_SIGNED, BTF_INT_CHAR, BTF_INT_BOOL. */
  intEncoding(id: number): number {
    return this.kind(id) === BTF_KIND_INT ? (this.#body(id, 0) >>> 24) & 0x0f : 0;
  }

  intBits(id: number): number {
    return this.kind(id) === BTF_KIND_INT ? this.#body(id, 0) & 0xff : 0;
  }

  /** Bit offset of an old-style bitfield integer; 0 in all that compilers emit today. */
  intBitOffset(id: number): number {
    return this.kind(id) === BTF_KIND_INT ? (this.#body(id, 0) >>> 16) & 0xff : 0;
  }

  arrayCount(id: number): number {
    return this.kind(id) === BTF_KIND_ARRAY ? this.#body(id, 2) : 0;
  }

  arrayIndexTypeId(id: number): number {
    return this.kind(id) === BTF_KIND_ARRAY ? this.#body(id, 1) : 0;
  }

  /** BTF_FUNC_STATIC, _GLOBAL or _EXTERN. */
  funcLinkage(id: number): number {
    return this.kind(id) === BTF_KIND_FUNC ? this.count(id) : 0;
  }

  /** BTF_VAR_STATIC, _GLOBAL_ALLOCATED or _GLOBAL_EXTERN. */
  varLinkage(id: number): number {
    return this.kind(id) === BTF_KIND_VAR ? this.#body(id, 0) : 0;
  }

  /** Parameter or member that a DECL_TAG is about; -1 for the declaration as a whole. */
  declTagComponent(id: number): number {
    return this.kind(id) === BTF_KIND_DECL_TAG ? this.#body(id, 0) | 0 : -1;
  }

  // ---- members, parameters and the like, by index and without allocation -------------------------------------------------------------------------

  memberName(id: number, index: number): string {
    return this.isComposite(id) && index < this.count(id) ? this.string(this.#body(id, 3 * index)) : '';
  }

  memberTypeId(id: number, index: number): number {
    return this.isComposite(id) && index < this.count(id) ? this.#body(id, 3 * index + 1) : 0;
  }

  memberBitOffset(id: number, index: number): number {
    if (!this.isComposite(id) || index >= this.count(id)) return 0;
    const offset = this.#body(id, 3 * index + 2);
    return this.kindFlag(id) ? offset & 0xffffff : offset;
  }

  /** 0 when the member is no bitfield. */
  memberBitSize(id: number, index: number): number {
    if (!this.isComposite(id) || index >= this.count(id) || !this.kindFlag(id)) return 0;
    return this.#body(id, 3 * index + 2) >>> 24;
  }

  paramName(id: number, index: number): string {
    return this.kind(id) === BTF_KIND_FUNC_PROTO && index < this.count(id)
      ? this.string(this.#body(id, 2 * index))
      : '';
  }

  paramTypeId(id: number, index: number): number {
    return this.kind(id) === BTF_KIND_FUNC_PROTO && index < this.count(id) ? this.#body(id, 2 * index + 1) : 0;
  }

  enumeratorName(id: number, index: number): string {
    if (!this.isEnum(id) || index >= this.count(id)) return '';
    return this.string(this.#body(id, (this.kind(id) === BTF_KIND_ENUM ? 2 : 3) * index));
  }

  /** Sign-extended or not, as the enum says. */
  enumeratorValue(id: number, index: number): bigint {
    if (!this.isEnum(id) || index >= this.count(id)) return 0n;
    const signed = this.kindFlag(id);
    if (this.kind(id) === BTF_KIND_ENUM) {
      const value = this.#body(id, 2 * index + 1);
      return BigInt(signed ? value | 0 : value);
    }
    const value = (BigInt(this.#body(id, 3 * index + 2)) << 32n) | BigInt(this.#body(id, 3 * index + 1));
    return signed ? BigInt.asIntN(64, value) : value;
  }

  /** Of a struct or union. */
  members(id: number): BtfMember[] {
    if (!this.isComposite(id)) return [];
    return Array.from({ length: this.count(id) }, (_, i) => ({
      name: this.memberName(id, i),
      typeId: this.memberTypeId(id, i),
      bitOffset: this.memberBitOffset(id, i),
      bitSize: this.memberBitSize(id, i),
    }));
  }

  /** Of a FUNC_PROTO. */
  params(id: number): BtfParam[] {
    if (this.kind(id) !== BTF_KIND_FUNC_PROTO) return [];
    return Array.from({ length: this.count(id) }, (_, i) => ({
      name: this.paramName(id, i),
      typeId: this.paramTypeId(id, i),
    }));
  }

  /** Of an ENUM or ENUM64. */
  enumerators(id: number): BtfEnumerator[] {
    if (!this.isEnum(id)) return [];
    return Array.from({ length: this.count(id) }, (_, i) => ({
      name: this.enumeratorName(id, i),
      value: this.enumeratorValue(id, i),
    }));
  }

  /** Of a DATASEC. */
  sectionVariables(id: number): BtfSectionVariable[] {
    if (this.kind(id) !== BTF_KIND_DATASEC) return [];
    return Array.from({ length: this.count(id) }, (_, i) => ({
      typeId: this.#body(id, 3 * i),
      offset: this.#body(id, 3 * i + 1),
      size: this.#body(id, 3 * i + 2),
    }));
  }

  /** The DECL_TAGs of a struct, typedef, function or variable, in ascending order of id. */
  declTags(id: number): readonly BtfDeclTag[] {
    const inherited = this.base !== undefined && id < this.firstId ? this.base.declTags(id) : [];
    if (this.#tags === undefined) this.#tags = this.#collectTags();
    const own = this.#tags.get(id);
    if (own === undefined) return inherited;
    return inherited.length === 0 ? own : [...inherited, ...own];
  }

  #collectTags(): Map<number, BtfDeclTag[]> {
    const tags = new Map<number, BtfDeclTag[]>();
    for (let id = this.firstId; id < this.typeCount; id++) {
      if (this.kind(id) !== BTF_KIND_DECL_TAG) continue;
      const target = this.typeId(id);
      const tag = { id, text: this.name(id), component: this.declTagComponent(id) };
      const list = tags.get(target);
      if (list === undefined) tags.set(target, [tag]);
      else list.push(tag);
    }
    return tags;
  }

  // ---- questions about types ----------------------------------------------------------------------------------------------------------------------

  isComposite(id: number): boolean {
    const kind = this.kind(id);
    return kind === BTF_KIND_STRUCT || kind === BTF_KIND_UNION;
  }

  isEnum(id: number): boolean {
    const kind = this.kind(id);
    return kind === BTF_KIND_ENUM || kind === BTF_KIND_ENUM64;
  }

  /** CONST, VOLATILE, RESTRICT or TYPE_TAG. */
  isModifier(id: number): boolean {
    switch (this.kind(id)) {
      case BTF_KIND_CONST:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_RESTRICT:
      case BTF_KIND_TYPE_TAG:
        return true;
      default:
        return false;
    }
  }

  /** The type without the const, volatile, restrict and type tags before it; typedefs stay. */
  skipModifiers(id: number): number {
    for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
      if (!this.isModifier(id)) return id;
      id = this.typeId(id);
    }
    return 0;
  }

  /** The type without modifiers and typedefs. A cycle reads as void. */
  resolve(id: number): number {
    for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
      if (!this.isModifier(id) && this.kind(id) !== BTF_KIND_TYPEDEF) return id;
      id = this.typeId(id);
    }
    return 0;
  }

  /** Size in bytes of a value of the type; undefined for what has none (void, functions, forward declarations) and beyond 4 GB. */
  resolveSize(id: number): number | undefined {
    let elements = 1;
    for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
      switch (this.kind(id)) {
        case BTF_KIND_INT:
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION:
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
        case BTF_KIND_DATASEC:
        case BTF_KIND_FLOAT:
          return elements * this.size(id) > MAX_U32 ? undefined : elements * this.size(id);
        case BTF_KIND_PTR:
          return elements * POINTER_SIZE > MAX_U32 ? undefined : elements * POINTER_SIZE;
        case BTF_KIND_TYPEDEF:
        case BTF_KIND_VOLATILE:
        case BTF_KIND_CONST:
        case BTF_KIND_RESTRICT:
        case BTF_KIND_VAR:
        case BTF_KIND_DECL_TAG:
        case BTF_KIND_TYPE_TAG:
          break;
        case BTF_KIND_ARRAY:
          elements *= this.arrayCount(id);
          if (elements > MAX_U32) return undefined;
          break;
        default:
          return undefined;
      }
      id = this.typeId(id);
    }
    return undefined;
  }

  /** Alignment in bytes; 0 where there is none. A struct whose members or size break their alignment is packed: 1. */
  alignOf(id: number): number {
    return this.#alignOf(id, 0, { left: MAX_ALIGN_STEPS });
  }

  #alignOf(id: number, depth: number, steps: { left: number }): number {
    if (depth > MAX_RESOLVE_DEPTH || --steps.left < 0) return 0;
    switch (this.kind(id)) {
      case BTF_KIND_INT:
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64:
      case BTF_KIND_FLOAT:
        return Math.min(POINTER_SIZE, this.size(id));
      case BTF_KIND_PTR:
        return POINTER_SIZE;
      case BTF_KIND_TYPEDEF:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_CONST:
      case BTF_KIND_RESTRICT:
      case BTF_KIND_TYPE_TAG:
      case BTF_KIND_ARRAY:
        return this.#alignOf(this.typeId(id), depth + 1, steps);
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION: {
        let widest = 1;
        for (let i = 0; i < this.count(id); i++) {
          const align = this.#alignOf(this.memberTypeId(id, i), depth + 1, steps);
          if (align === 0) return 0;
          widest = Math.max(widest, align);
          if (this.memberBitSize(id, i) === 0 && this.memberBitOffset(id, i) % (8 * align) !== 0) return 1;
        }
        return this.size(id) % widest === 0 ? widest : 1;
      }
      default:
        return 0;
    }
  }

  // ---- by name ------------------------------------------------------------------------------------------------------------------------------------

  /** Lowest id of that name (and kind), the base's first; 0 when there is none. */
  findByName(name: string, kind?: number): number {
    if (name === '') return 0;
    if (this.base !== undefined) {
      const id = this.base.findByName(name, kind);
      if (id !== 0) return id;
    }
    const names = this.#nameIndex();
    const bytes = utf8Encoder.encode(name);
    for (const index of names.candidates(utf8Encoder.encode(essentialName(name)))) {
      const id = this.firstId + index - 1;
      if ((kind === undefined || this.kind(id) === kind) && names.spelled(index, bytes)) return id;
    }
    return 0;
  }

  /** All ids whose name is `essential`, with or without a `___flavour`, in ascending order. A split BTF only counts when its base has none. */
  findFlavours(essential: string): number[] {
    if (essential === '') return [];
    const found = this.base === undefined ? [] : this.base.findFlavours(essential);
    if (found.length > 0) return found;
    const names = this.#nameIndex();
    for (const index of names.candidates(utf8Encoder.encode(essential))) {
      const id = this.firstId + index - 1;
      if (essentialName(this.name(id)) === essential) found.push(id);
    }
    return found;
  }

  #nameIndex(): NameIndex {
    if (this.#names === undefined) {
      const source = {
        words: this.#words,
        offsets: this.#offsets,
        strings: this.#strings,
        stringBase: this.#stringBase,
        baseName: this.#baseStringBytes,
      };
      this.#names = new NameIndex(source, this.#storedNames ?? makeNameTable(source));
    }
    return this.#names;
  }

  readonly #baseStringBytes = (offset: number): Uint8Array => utf8Encoder.encode(this.base?.string(offset) ?? '');

  /** The string at an offset of the string section; empty where there is none. */
  string(offset: number): string {
    if (offset < this.#stringBase) return this.base === undefined ? '' : this.base.string(offset);
    const known = this.#decoded.get(offset);
    if (known !== undefined) return known;
    const start = offset - this.#stringBase;
    if (start >= this.#strings.length) return '';
    const end = this.#strings.indexOf(0, start);
    const text = utf8.decode(this.#strings.subarray(start, end < 0 ? this.#strings.length : end));
    this.#decoded.set(offset, text);
    return text;
  }

  /** String offsets below exist, in this BTF or its base; a split BTF on top of this one begins its own here. */
  get stringEnd(): number {
    return this.#stringEnd;
  }

  // ---- the loader's corrections -------------------------------------------------------------------------------------------------------------------

  /** Compilers leave sizes and offsets of global data empty, for the loader to fill in. Only for that, before anyone else has the Btf. */
  setSection(id: number, size: number, variables: readonly BtfSectionVariable[]): void {
    if (this.kind(id) !== BTF_KIND_DATASEC || variables.length !== this.count(id)) return;
    const at = this.#at(id);
    this.#words[at + 2] = size;
    variables.forEach((variable, i) => {
      this.#words.set([variable.typeId, variable.offset, variable.size], at + TYPE_HEADER_WORDS + 3 * i);
    });
  }

  /** Hidden symbols count as static whatever the compiler wrote. Only for the loader, before anyone else has the Btf. */
  setLinkage(id: number, linkage: number): void {
    const at = this.#at(id);
    if (this.kind(id) === BTF_KIND_FUNC) this.#words[at + 1] = ((this.#words[at + 1]! & 0xffff0000) | linkage) >>> 0;
    else if (this.kind(id) === BTF_KIND_VAR) this.#words[at + TYPE_HEADER_WORDS] = linkage;
  }

  // ---- words --------------------------------------------------------------------------------------------------------------------------------------

  #at(id: number): number {
    // Type 0 is the three zero words at the start; so is every id that does not exist.
    return this.#offsets[id < this.firstId ? 0 : id - this.firstId + 1] ?? 0;
  }

  #sizeOrType(id: number): number {
    if (id < this.firstId && this.base !== undefined) return this.base.#sizeOrType(id);
    return this.#words[this.#at(id) + 2]!;
  }

  #body(id: number, word: number): number {
    if (id < this.firstId && this.base !== undefined) return this.base.#body(id, word);
    return this.#words[this.#at(id) + TYPE_HEADER_WORDS + word] ?? 0;
  }
}
