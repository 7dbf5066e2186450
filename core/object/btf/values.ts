/**
 * Values of a BTF type, read from bytes: as a tree for whoever shows it, or as text in the form of a C initialiser.
 *
 * Bytes may be fewer than the type needs (a map value cut short, memory that cannot be read): what is not there is `missing`. Trees are bounded, since a type can say
 * that it has four billion elements.
 */
import type { Btf } from './btf.ts';
import {
  BTF_INT_BOOL,
  BTF_INT_CHAR,
  BTF_INT_SIGNED,
  BTF_KIND_ARRAY,
  BTF_KIND_DATASEC,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_FLOAT,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_UNION,
  BTF_KIND_VAR,
} from './kinds.ts';

export interface BtfField {
  readonly name: string;
  readonly typeId: number;
  /** Of the member in its struct, in bits. */
  readonly bitOffset: number;
  readonly value: BtfValue;
}

export type BtfValue =
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'enum'; readonly value: bigint; readonly name?: string }
  | { readonly kind: 'pointer'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly text: string }
  /** `count` elements, of which the first are read. */
  | { readonly kind: 'array'; readonly count: number; readonly elements: readonly BtfValue[] }
  | { readonly kind: 'struct' | 'union'; readonly fields: readonly BtfField[] }
  /** Not all of its bytes are there. */
  | { readonly kind: 'missing' }
  /** A type without values (void, a function), or one that lies too deep. */
  | { readonly kind: 'opaque' };

export interface ReadOptions {
  readonly bigEndian?: boolean;
  /** Elements of an array that are read; 64 unless told. */
  readonly maxElements?: number;
}

const MAX_DEPTH = 16;
/** Values in one tree. */
const MAX_VALUES = 10_000;

const missing: BtfValue = { kind: 'missing' };
const opaque: BtfValue = { kind: 'opaque' };

class Reader {
  readonly #btf: Btf;
  readonly #bytes: Uint8Array;
  readonly #little: boolean;
  readonly #maxElements: number;
  #left = MAX_VALUES;

  constructor(btf: Btf, bytes: Uint8Array, options: ReadOptions) {
    this.#btf = btf;
    this.#bytes = bytes;
    this.#little = options.bigEndian !== true;
    this.#maxElements = options.maxElements ?? 64;
  }

  /** The unsigned number in `bits` bits from bit `at`, as C numbers the bits of a bitfield in this byte order. */
  #bits(at: number, bits: number): bigint | undefined {
    const first = Math.floor(at / 8);
    const last = Math.ceil((at + bits) / 8);
    if (bits === 0 || last > this.#bytes.length) return undefined;
    let all = 0n;
    for (let i = first; i < last; i++) {
      const byte = BigInt(this.#bytes[i]!);
      all = this.#little ? all | (byte << BigInt(8 * (i - first))) : (all << 8n) | byte;
    }
    const skip = this.#little ? at - 8 * first : 8 * last - (at + bits);
    return BigInt.asUintN(bits, all >> BigInt(skip));
  }

  read(id: number, at: number, depth: number, bitSize = 0): BtfValue {
    const btf = this.#btf;
    const type = btf.resolve(id);
    if (depth > MAX_DEPTH || --this.#left < 0) return opaque;
    const size = btf.size(type);
    switch (btf.kind(type)) {
      case BTF_KIND_INT: {
        const bits = bitSize === 0 ? size * 8 : bitSize;
        const raw = this.#bits(at, bits);
        if (raw === undefined) return missing;
        const encoding = btf.intEncoding(type);
        if ((encoding & BTF_INT_BOOL) !== 0) return { kind: 'boolean', value: raw !== 0n };
        return { kind: 'integer', value: (encoding & BTF_INT_SIGNED) !== 0 ? BigInt.asIntN(bits, raw) : raw };
      }
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64: {
        const bits = bitSize === 0 ? size * 8 : bitSize;
        const raw = this.#bits(at, bits);
        if (raw === undefined) return missing;
        const value = btf.kindFlag(type) ? BigInt.asIntN(bits, raw) : raw;
        for (let i = 0; i < btf.count(type); i++)
          if (btf.enumeratorValue(type, i) === value) return { kind: 'enum', value, name: btf.enumeratorName(type, i) };
        return { kind: 'enum', value };
      }
      case BTF_KIND_PTR: {
        const value = this.#bits(at, 64);
        return value === undefined ? missing : { kind: 'pointer', value };
      }
      case BTF_KIND_FLOAT:
        return this.#float(at, size);
      case BTF_KIND_ARRAY:
        return this.#array(type, at, depth);
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
        return {
          kind: btf.kind(type) === BTF_KIND_STRUCT ? 'struct' : 'union',
          fields: this.#fields(type, at, depth),
        };
      case BTF_KIND_VAR:
        return this.read(btf.typeId(type), at, depth + 1);
      case BTF_KIND_DATASEC:
        return {
          kind: 'struct',
          fields: btf.sectionVariables(type).map(({ typeId, offset }) => ({
            name: btf.name(typeId),
            typeId,
            bitOffset: 8 * offset,
            value: this.read(typeId, at + 8 * offset, depth + 1),
          })),
        };
      default:
        return opaque;
    }
  }

  #fields(type: number, at: number, depth: number): BtfField[] {
    const btf = this.#btf;
    const fields: BtfField[] = [];
    for (let i = 0; i < btf.count(type) && this.#left > 0; i++) {
      const typeId = btf.memberTypeId(type, i);
      const bitOffset = btf.memberBitOffset(type, i);
      const value = this.read(typeId, at + bitOffset, depth + 1, btf.memberBitSize(type, i));
      fields.push({ name: btf.memberName(type, i), typeId, bitOffset, value });
    }
    return fields;
  }

  #float(at: number, size: number): BtfValue {
    const start = at / 8;
    if (start + size > this.#bytes.length) return missing;
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, size);
    if (size === 4) return { kind: 'float', value: view.getFloat32(0, this.#little) };
    return size === 8 ? { kind: 'float', value: view.getFloat64(0, this.#little) } : opaque;
  }

  #array(type: number, at: number, depth: number): BtfValue {
    const btf = this.#btf;
    const element = btf.typeId(type);
    const size = btf.resolveSize(element);
    const count = btf.arrayCount(type);
    if (size === undefined) return opaque;
    if (this.#isText(element)) return this.#text(at / 8, count);
    const elements: BtfValue[] = [];
    const read = Math.min(count, this.#maxElements);
    for (let i = 0; i < read && this.#left > 0; i++) elements.push(this.read(element, at + i * size * 8, depth + 1));
    return { kind: 'array', count, elements };
  }

  /** Arrays of `char`, which compilers mark as such or only name so, are text. */
  #isText(element: number): boolean {
    const type = this.#btf.resolve(element);
    if (this.#btf.kind(type) !== BTF_KIND_INT || this.#btf.size(type) !== 1) return false;
    return (this.#btf.intEncoding(type) & BTF_INT_CHAR) !== 0 || this.#btf.name(type) === 'char';
  }

  #text(start: number, count: number): BtfValue {
    if (start + count > this.#bytes.length) return missing;
    const bytes = this.#bytes.subarray(start, start + count);
    const end = bytes.indexOf(0);
    return { kind: 'string', text: new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)) };
  }
}

/** Reads the value of type `id` from the start of `bytes`. */
export function readValue(btf: Btf, bytes: Uint8Array, id: number, options: ReadOptions = {}): BtfValue {
  return new Reader(btf, bytes, options).read(id, 0, 0);
}

/** Longest text of a value. */
const MAX_TEXT = 100_000;

function format(value: BtfValue): string {
  switch (value.kind) {
    case 'integer':
      return String(value.value);
    case 'boolean':
      return String(value.value);
    case 'enum':
      return value.name ?? String(value.value);
    case 'pointer':
      return value.value === 0n ? 'NULL' : `0x${value.value.toString(16)}`;
    case 'float':
      return String(value.value);
    case 'string':
      return JSON.stringify(value.text);
    case 'array': {
      const more = value.count > value.elements.length ? [`… ${value.count - value.elements.length} more`] : [];
      return value.count === 0 ? '{}' : `{ ${[...value.elements.map(format), ...more].join(', ')} }`;
    }
    case 'struct':
    case 'union': {
      const fields = value.fields.map(({ name, value: field }) =>
        name === '' ? format(field) : `.${name} = ${format(field)}`,
      );
      return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
    }
    case 'missing':
      return '<not there>';
    case 'opaque':
      return '…';
  }
}

/** The value of type `id` at the start of `bytes`, as a C initialiser: `{ .pid = 7, .comm = "bash", .next = NULL }`. */
export function formatValue(btf: Btf, bytes: Uint8Array, id: number, options: ReadOptions = {}): string {
  const text = format(readValue(btf, bytes, id, options));
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
