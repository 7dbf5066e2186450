/**
 * Types of expressions: those of BTF, and what an expression can make of them (a pointer to a type that has no pointer in the
 * BTF, an element of an array of such). BTF ids mean something in one BTF only, so a type from there brings its BTF along.
 */
import type { Btf } from '../../object/btf/btf.ts';
import {
  BTF_INT_BOOL,
  BTF_INT_CHAR,
  BTF_INT_SIGNED,
  BTF_KIND_ARRAY,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_FLOAT,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_TYPEDEF,
  BTF_KIND_UNION,
  BTF_KIND_VAR,
} from '../../object/btf/kinds.ts';
import { typeName } from '../../object/btf/type-names.ts';
import type { TypeSyntax } from './syntax.ts';

export type CType =
  | IntegerType
  | { readonly kind: 'pointer'; readonly to: CType }
  | { readonly kind: 'array'; readonly of: CType; readonly count: number }
  | { readonly kind: 'void' }
  /** Seen through typedefs and modifiers by {@link shapeOf}; the name that it was written with stays. */
  | { readonly kind: 'btf'; readonly btf: Btf; readonly id: number };

export interface IntegerType {
  readonly kind: 'integer';
  readonly name: string;
  /** Bytes: 1, 2, 4, 8, or 16 for __int128. */
  readonly size: number;
  readonly signed: boolean;
  readonly boolean?: boolean;
  /** Characters: arrays of them are text. */
  readonly text?: boolean;
  /** A register or address: shown in hexadecimal when it points into memory. */
  readonly address?: boolean;
}

/** What a type is once typedefs and modifiers are seen through. */
export type Shape =
  | IntegerType
  | { readonly kind: 'pointer'; readonly to: CType }
  | { readonly kind: 'array'; readonly of: CType; readonly count: number }
  | { readonly kind: 'enum'; readonly btf: Btf; readonly id: number; readonly size: number; readonly signed: boolean }
  | { readonly kind: 'struct' | 'union'; readonly btf: Btf; readonly id: number; readonly size: number }
  | { readonly kind: 'float'; readonly size: number }
  | { readonly kind: 'void' }
  /** A function, or a type of which only the name is known. */
  | { readonly kind: 'opaque' };

export const VOID: CType = { kind: 'void' };
export const INT = integerType('int', 4, true);
export const UNSIGNED_INT = integerType('unsigned int', 4, false);
export const LONG = integerType('long', 8, true);
export const UNSIGNED_LONG = integerType('unsigned long', 8, false);
export const CHAR: IntegerType = { ...integerType('char', 1, true), text: true };
export const BOOL: IntegerType = { ...integerType('bool', 1, false), boolean: true };
/** R0 to R10. */
export const REGISTER: IntegerType = { ...integerType('u64', 8, false), address: true };

function integerType(name: string, size: number, signed: boolean): IntegerType {
  return { kind: 'integer', name, size, signed };
}

/** Names that every BPF program's author knows, whether or not the object has them. */
const WELL_KNOWN: ReadonlyMap<string, CType> = new Map<string, CType>([
  ...([8, 16, 32, 64] as const).flatMap((bits): [string, CType][] => [
    [`u${bits}`, integerType(`u${bits}`, bits / 8, false)],
    [`s${bits}`, integerType(`s${bits}`, bits / 8, true)],
    [`__u${bits}`, integerType(`__u${bits}`, bits / 8, false)],
    [`__s${bits}`, integerType(`__s${bits}`, bits / 8, true)],
    [`uint${bits}_t`, integerType(`uint${bits}_t`, bits / 8, false)],
    [`int${bits}_t`, integerType(`int${bits}_t`, bits / 8, true)],
  ]),
  ['bool', BOOL],
  ['_Bool', BOOL],
  ['void', VOID],
  ['size_t', integerType('size_t', 8, false)],
]);

/** `unsigned long long`, in any order of its words. */
function basicType(name: string): CType | undefined {
  const words = name.split(' ').sort();
  const has = (word: string): boolean => words.includes(word);
  if (!words.every((word) => ['unsigned', 'signed', 'long', 'short', 'int', 'char'].includes(word))) return undefined;
  if (has('char')) return has('unsigned') ? { ...integerType('unsigned char', 1, false), text: true } : CHAR;
  if (has('short')) return integerType(has('unsigned') ? 'unsigned short' : 'short', 2, !has('unsigned'));
  if (has('long')) return has('unsigned') ? UNSIGNED_LONG : LONG;
  return has('unsigned') ? UNSIGNED_INT : INT;
}

/** A type of a BTF; 0 is void. */
export function btfType(btf: Btf, id: number): CType {
  return id === 0 ? VOID : { kind: 'btf', btf, id };
}

export function pointerTo(to: CType): CType {
  return { kind: 'pointer', to };
}

/** Where types are looked up by name: the object's BTF before the kernel's. */
export class TypeNames {
  readonly #btfs: readonly Btf[];

  constructor(btfs: readonly Btf[]) {
    this.#btfs = btfs;
  }

  /** Whether a name that stands alone is a type's, as after a typedef. */
  isType(name: string): boolean {
    return WELL_KNOWN.has(name) || this.#find(name, [BTF_KIND_TYPEDEF]) !== undefined;
  }

  /** The type that was written; undefined when nobody knows it. */
  resolve(syntax: TypeSyntax): CType | undefined {
    let type = this.#base(syntax);
    if (type === undefined) return undefined;
    for (let i = 0; i < syntax.stars; i++) type = pointerTo(type);
    for (const count of [...syntax.lengths].reverse()) type = { kind: 'array', of: type, count };
    return type;
  }

  /** The value of an enumerator. */
  enumerator(name: string): { readonly type: CType; readonly value: bigint } | undefined {
    // BTF has no index of enumerators: an object's few enums are searched, the kernel's thousands only when nothing else fits.
    for (const btf of this.#btfs) {
      for (let id = btf.firstId; id < btf.typeCount; id++) {
        if (!btf.isEnum(id)) continue;
        for (let i = 0; i < btf.count(id); i++) {
          if (btf.enumeratorName(id, i) === name) return { type: btfType(btf, id), value: btf.enumeratorValue(id, i) };
        }
      }
    }
    return undefined;
  }

  #base({ keyword, name }: TypeSyntax): CType | undefined {
    switch (keyword) {
      case 'struct':
        return this.#find(name, [BTF_KIND_STRUCT]);
      case 'union':
        return this.#find(name, [BTF_KIND_UNION]);
      case 'enum':
        return this.#find(name, [BTF_KIND_ENUM, BTF_KIND_ENUM64]);
      case undefined:
        return WELL_KNOWN.get(name) ?? basicType(name) ?? this.#find(name, [BTF_KIND_TYPEDEF]);
    }
  }

  #find(name: string, kinds: readonly number[]): CType | undefined {
    for (const btf of this.#btfs) {
      for (const kind of kinds) {
        const id = btf.findByName(name, kind);
        if (id !== 0) return btfType(btf, id);
      }
    }
    return undefined;
  }
}

/** Sees through typedefs, modifiers and variables. */
export function shapeOf(type: CType): Shape {
  if (type.kind !== 'btf') return type;
  const { btf } = type;
  let id = btf.resolve(type.id);
  if (btf.kind(id) === BTF_KIND_VAR) id = btf.resolve(btf.typeId(id));
  switch (btf.kind(id)) {
    case BTF_KIND_INT: {
      const encoding = btf.intEncoding(id);
      const name = btf.name(id);
      const size = btf.size(id);
      return {
        ...integerType(name, size, (encoding & BTF_INT_SIGNED) !== 0),
        ...((encoding & BTF_INT_BOOL) === 0 ? {} : { boolean: true }),
        // Compilers mark characters, or only name them so; `unsigned char` is a byte.
        ...(size === 1 && ((encoding & BTF_INT_CHAR) !== 0 || name === 'char') ? { text: true } : {}),
      };
    }
    case BTF_KIND_PTR:
      return { kind: 'pointer', to: btfType(btf, btf.typeId(id)) };
    case BTF_KIND_ARRAY:
      return { kind: 'array', of: btfType(btf, btf.typeId(id)), count: btf.arrayCount(id) };
    case BTF_KIND_STRUCT:
      return { kind: 'struct', btf, id, size: btf.size(id) };
    case BTF_KIND_UNION:
      return { kind: 'union', btf, id, size: btf.size(id) };
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      return { kind: 'enum', btf, id, size: btf.size(id), signed: btf.kindFlag(id) };
    case BTF_KIND_FLOAT:
      return { kind: 'float', size: btf.size(id) };
    case 0:
      return VOID as Shape;
    default:
      return { kind: 'opaque' };
  }
}

/** Size in bytes; undefined for what has none. gcc's and gdb's void has 1, so that arithmetic with `void *` counts bytes. */
export function sizeOf(type: CType): number | undefined {
  const shape = shapeOf(type);
  switch (shape.kind) {
    case 'integer':
    case 'enum':
    case 'struct':
    case 'union':
    case 'float':
      return shape.size;
    case 'pointer':
      return 8;
    case 'array': {
      const element = sizeOf(shape.of);
      return element === undefined ? undefined : element * shape.count;
    }
    case 'void':
      return 1;
    case 'opaque':
      return undefined;
  }
}

/** The type as C writes it: `struct task_struct *`, `u32[4]`. */
export function nameOf(type: CType): string {
  switch (type.kind) {
    case 'integer':
      return type.name;
    case 'void':
      return 'void';
    case 'pointer': {
      const to = nameOf(type.to);
      if (to.includes('[')) return to.replace('[', ' (*)[');
      return to.endsWith('*') ? `${to}*` : `${to} *`;
    }
    case 'array': {
      const element = nameOf(type.of);
      const inner = element.indexOf('[');
      return inner < 0
        ? `${element}[${type.count}]`
        : `${element.slice(0, inner)}[${type.count}]${element.slice(inner)}`;
    }
    case 'btf':
      return type.btf.kind(type.id) === BTF_KIND_VAR
        ? typeName(type.btf, type.btf.typeId(type.id))
        : typeName(type.btf, type.id);
  }
}

/** A member of a struct or union, found through members without a name as C finds it. */
export interface MemberPlace {
  readonly type: CType;
  readonly bitOffset: number;
  /** 0 when it is no bitfield. */
  readonly bitSize: number;
}

const MAX_ANONYMOUS_DEPTH = 8;

export function findMember(shape: Extract<Shape, { btf: Btf }>, name: string, depth = 0): MemberPlace | undefined {
  const { btf, id } = shape;
  if (!btf.isComposite(id) || depth > MAX_ANONYMOUS_DEPTH) return undefined;
  for (let i = 0; i < btf.count(id); i++) {
    const memberName = btf.memberName(id, i);
    const bitOffset = btf.memberBitOffset(id, i);
    const type = btfType(btf, btf.memberTypeId(id, i));
    if (memberName === name) return { type, bitOffset, bitSize: btf.memberBitSize(id, i) };
    if (memberName !== '') continue;
    const inner = shapeOf(type);
    if (inner.kind !== 'struct' && inner.kind !== 'union') continue;
    const found = findMember(inner, name, depth + 1);
    if (found !== undefined) return { ...found, bitOffset: bitOffset + found.bitOffset };
  }
  return undefined;
}

/** Names of the members that {@link findMember} finds, for completion and for guesses. */
export function memberNames(shape: Extract<Shape, { btf: Btf }>, depth = 0): string[] {
  const { btf, id } = shape;
  if (depth > MAX_ANONYMOUS_DEPTH) return [];
  return btf.members(id).flatMap(({ name, typeId }) => {
    if (name !== '') return [name];
    const inner = shapeOf(btfType(btf, typeId));
    return inner.kind === 'struct' || inner.kind === 'union' ? memberNames(inner, depth + 1) : [];
  });
}
