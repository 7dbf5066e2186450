/**
 * Writes BTF: one call per type, in order of ids. Made for Bailout's own additions to the kernel's types and for tests.
 *
 *     const types = new BtfBuilder();
 *     const int = types.int('int', 4, { signed: true });
 *     const proto = types.funcProto(int, [{ name: 'cookie', type: int }]);
 *     types.func('callback', proto, BTF_FUNC_GLOBAL);
 *     Btf.open(types.bytes());
 */
import {
  BTF_FUNC_GLOBAL,
  BTF_INT_BOOL,
  BTF_INT_CHAR,
  BTF_INT_SIGNED,
  BTF_KIND_ARRAY,
  BTF_KIND_CONST,
  BTF_KIND_DATASEC,
  BTF_KIND_DECL_TAG,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_FLOAT,
  BTF_KIND_FUNC,
  BTF_KIND_FUNC_PROTO,
  BTF_KIND_FWD,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_RESTRICT,
  BTF_KIND_STRUCT,
  BTF_KIND_TYPEDEF,
  BTF_KIND_TYPE_TAG,
  BTF_KIND_UNION,
  BTF_KIND_VAR,
  BTF_KIND_VOLATILE,
  BTF_MAGIC,
  BTF_VAR_GLOBAL_ALLOCATED,
} from './kinds.ts';

export interface MemberSpec {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** Makes the member a bitfield, and the struct one of kind_flag. */
  readonly bitSize?: number;
}

const kindOfModifier = {
  const: BTF_KIND_CONST,
  volatile: BTF_KIND_VOLATILE,
  restrict: BTF_KIND_RESTRICT,
} as const;

const utf8 = new TextEncoder();

export class BtfBuilder {
  readonly #words: number[] = [];
  readonly #strings: number[];
  readonly #known = new Map<string, number>();
  readonly #stringBase: number;
  #nextId: number;

  /** Ids and string offsets begin after those of a base, when this is to become a split BTF. */
  constructor(base: { firstId: number; firstString: number } = { firstId: 1, firstString: 0 }) {
    this.#nextId = base.firstId;
    this.#stringBase = base.firstString;
    this.#strings = base.firstString === 0 ? [0] : [];
    this.#known.set('', 0);
  }

  /** Offset of a string, which is stored once. */
  string(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const offset = this.#stringBase + this.#strings.length;
    this.#strings.push(...utf8.encode(text), 0);
    this.#known.set(text, offset);
    return offset;
  }

  #add(
    name: string,
    kind: number,
    vlen: number,
    kindFlag: boolean,
    sizeOrType: number,
    body: readonly number[] = [],
  ): number {
    this.#words.push(this.string(name), ((kindFlag ? 0x80000000 : 0) | (kind << 24) | vlen) >>> 0, sizeOrType, ...body);
    return this.#nextId++;
  }

  int(name: string, size: number, encoding: { signed?: boolean; char?: boolean; bool?: boolean } = {}): number {
    const bits =
      (encoding.signed ? BTF_INT_SIGNED : 0) | (encoding.char ? BTF_INT_CHAR : 0) | (encoding.bool ? BTF_INT_BOOL : 0);
    return this.#add(name, BTF_KIND_INT, 0, false, size, [((bits << 24) | (size * 8)) >>> 0]);
  }

  float(name: string, size: number): number {
    return this.#add(name, BTF_KIND_FLOAT, 0, false, size);
  }

  pointer(type: number): number {
    return this.#add('', BTF_KIND_PTR, 0, false, type);
  }

  modifier(kind: keyof typeof kindOfModifier, type: number): number {
    return this.#add('', kindOfModifier[kind], 0, false, type);
  }

  typedef(name: string, type: number): number {
    return this.#add(name, BTF_KIND_TYPEDEF, 0, false, type);
  }

  typeTag(text: string, type: number): number {
    return this.#add(text, BTF_KIND_TYPE_TAG, 0, false, type);
  }

  declTag(text: string, type: number, component = -1): number {
    return this.#add(text, BTF_KIND_DECL_TAG, 0, false, type, [component >>> 0]);
  }

  forward(name: string, isUnion = false): number {
    return this.#add(name, BTF_KIND_FWD, 0, isUnion, 0);
  }

  array(element: number, count: number, index: number): number {
    return this.#add('', BTF_KIND_ARRAY, 0, false, 0, [element, index, count]);
  }

  struct(name: string, size: number, members: readonly MemberSpec[], kind: 'struct' | 'union' = 'struct'): number {
    const bitfields = members.some(({ bitSize }) => bitSize !== undefined);
    const body = members.flatMap(({ name: member, type, bitOffset, bitSize = 0 }) => [
      this.string(member),
      type,
      bitfields ? ((bitSize << 24) | bitOffset) >>> 0 : bitOffset,
    ]);
    return this.#add(name, kind === 'struct' ? BTF_KIND_STRUCT : BTF_KIND_UNION, members.length, bitfields, size, body);
  }

  enum(name: string, values: Readonly<Record<string, number>>, signed = false, size = 4): number {
    const entries = Object.entries(values);
    const body = entries.flatMap(([label, value]) => [this.string(label), value >>> 0]);
    return this.#add(name, BTF_KIND_ENUM, entries.length, signed, size, body);
  }

  enum64(name: string, values: Readonly<Record<string, bigint>>, signed = false): number {
    const entries = Object.entries(values);
    const body = entries.flatMap(([label, value]) => [
      this.string(label),
      Number(BigInt.asUintN(32, value)),
      Number(BigInt.asUintN(32, value >> 32n)),
    ]);
    return this.#add(name, BTF_KIND_ENUM64, entries.length, signed, 8, body);
  }

  funcProto(result: number, params: readonly { name: string; type: number }[]): number {
    const body = params.flatMap(({ name, type }) => [this.string(name), type]);
    return this.#add('', BTF_KIND_FUNC_PROTO, params.length, false, result, body);
  }

  func(name: string, proto: number, linkage: number = BTF_FUNC_GLOBAL): number {
    return this.#add(name, BTF_KIND_FUNC, linkage, false, proto);
  }

  variable(name: string, type: number, linkage: number = BTF_VAR_GLOBAL_ALLOCATED): number {
    return this.#add(name, BTF_KIND_VAR, 0, false, type, [linkage]);
  }

  section(name: string, size: number, variables: readonly { type: number; offset: number; size: number }[]): number {
    const body = variables.flatMap(({ type, offset, size: bytes }) => [type, offset, bytes]);
    return this.#add(name, BTF_KIND_DATASEC, variables.length, false, size, body);
  }

  /** The whole section. */
  bytes(options: { bigEndian?: boolean } = {}): Uint8Array {
    const little = options.bigEndian !== true;
    const typeLength = this.#words.length * 4;
    const bytes = new Uint8Array(24 + typeLength + this.#strings.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, BTF_MAGIC, little);
    view.setUint8(2, 1);
    view.setUint32(4, 24, little);
    view.setUint32(12, typeLength, little);
    view.setUint32(16, typeLength, little);
    view.setUint32(20, this.#strings.length, little);
    this.#words.forEach((word, i) => view.setUint32(24 + i * 4, word, little));
    bytes.set(this.#strings, 24 + typeLength);
    return bytes;
  }
}
