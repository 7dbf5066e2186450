/** Values as gdb prints them: `{pid = 7, comm = "bash", '\000' <repeats 11 times>}`, `(struct task_struct *) 0xffff88800041f000`. */
import { BailoutError } from '../../errors.ts';
import type { CType, Shape } from './types.ts';
import { btfType, nameOf, shapeOf, sizeOf } from './types.ts';
import type { ReadMemory, Value } from './values.ts';
import { isCharacter, numberOf, textOf, wrap } from './values.ts';

/** gdb's letters: hexadecimal, decimal, unsigned, octal, binary, address, character, zero-padded hexadecimal, string. */
export type Format = 'x' | 'd' | 'u' | 'o' | 't' | 'a' | 'c' | 'z' | 's';
export const FORMATS: readonly Format[] = ['x', 'd', 'u', 'o', 't', 'a', 'c', 'z', 's'];

export interface FormatOptions {
  readonly format?: Format;
  /** Says where an address points: `<fp-8>`, `<map flows>`. */
  readonly symbol?: (address: bigint) => string | undefined;
}

/** gdb's limits: elements of an array, and repetitions from which on they are counted. */
const MAX_ELEMENTS = 200;
const REPEATS = 10;
const MAX_DEPTH = 12;
/** Text of one value; longer ones are cut. */
const MAX_TEXT = 100_000;
const MAX_STRUCT_BYTES = 1 << 16;

export function formatValue(value: Value, read: ReadMemory, options: FormatOptions = {}): string {
  const text = new Formatter(read, options).top(value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** One number in one of gdb's formats. */
export function formatNumber(bits: bigint, size: number, format: Format): string {
  const width = size * 8;
  const plain = BigInt.asUintN(width, bits);
  switch (format) {
    case 'x':
    case 'a':
      return `0x${plain.toString(16)}`;
    case 'z':
      return `0x${plain.toString(16).padStart(size * 2, '0')}`;
    case 'd':
      return String(BigInt.asIntN(width, bits));
    case 'u':
      return String(plain);
    case 'o':
      return plain === 0n ? '0' : `0${plain.toString(8)}`;
    case 't':
      return plain.toString(2);
    case 'c':
      return character(BigInt.asIntN(8, bits));
    case 's':
      return String(plain);
  }
}

function character(code: bigint): string {
  const byte = Number(BigInt.asUintN(8, code));
  return `${code} '${byte >= 32 && byte < 127 ? (byte === 39 || byte === 92 ? `\\${String.fromCharCode(byte)}` : String.fromCharCode(byte)) : `\\${byte.toString(8).padStart(3, '0')}`}'`;
}

class Formatter {
  readonly #read: ReadMemory;
  readonly #options: FormatOptions;

  constructor(read: ReadMemory, options: FormatOptions) {
    this.#read = read;
    this.#options = options;
  }

  top(value: Value): string {
    switch (value.kind) {
      case 'text':
        return JSON.stringify(value.text);
      case 'map':
        return `<map ${value.name}>`;
      case 'nothing':
        return `<${value.why}>`;
      case 'scalar':
        return this.#number(value.type, value.bits, true);
      case 'place':
        return this.#place(value, true, 0);
    }
  }

  #place(value: Extract<Value, { kind: 'place' }>, top: boolean, depth: number): string {
    const shape = shapeOf(value.type);
    switch (shape.kind) {
      case 'struct':
      case 'union':
        return depth >= MAX_DEPTH ? '{...}' : this.#struct(shape, value.address, depth);
      case 'array':
        return depth >= MAX_DEPTH ? '{...}' : this.#array(shape, value.address, depth);
      case 'float': {
        const bytes = this.#read(value.address, shape.size);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        return String(shape.size === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true));
      }
      case 'void':
      case 'opaque':
        return `<${nameOf(value.type)}>`;
      default: {
        const { type, bits } = numberOf(value, this.#read);
        return this.#number(type, bits, top);
      }
    }
  }

  #struct(shape: Extract<Shape, { kind: 'struct' | 'union' }>, address: bigint, depth: number): string {
    const { btf, id } = shape;
    if (shape.size > MAX_STRUCT_BYTES) return '{...}';
    const members = btf.members(id).map(({ name, typeId, bitOffset, bitSize }) => {
      const place: Value =
        bitSize === 0
          ? { kind: 'place', type: btfType(btf, typeId), address: address + BigInt(bitOffset >> 3) }
          : { kind: 'place', type: btfType(btf, typeId), address, bits: { offset: bitOffset, size: bitSize } };
      const text = this.#guarded(() => this.#place(place, false, depth + 1));
      return name === '' ? text : `${name} = ${text}`;
    });
    return `{${members.join(', ')}}`;
  }

  #array(shape: Extract<Shape, { kind: 'array' }>, address: bigint, depth: number): string {
    const element = shapeOf(shape.of);
    const size = sizeOf(shape.of) ?? 1;
    const format = this.#options.format;
    if (isCharacter(element) && (format === undefined || format === 's')) return this.#text(address, shape.count);
    const count = Math.min(shape.count, MAX_ELEMENTS);
    const parts: string[] = [];
    let index = 0;
    while (index < count) {
      const text = this.#element(shape.of, address + BigInt(index * size), depth);
      let end = index + 1;
      while (end < count && this.#element(shape.of, address + BigInt(end * size), depth) === text) end++;
      if (end - index >= REPEATS) parts.push(`${text} <repeats ${end - index} times>`);
      else for (let i = index; i < end; i++) parts.push(text);
      index = end;
    }
    return `{${parts.join(', ')}${shape.count > count ? '...' : ''}}`;
  }

  #element(type: CType, address: bigint, depth: number): string {
    return this.#guarded(() => this.#place({ kind: 'place', type, address }, false, depth + 1));
  }

  /** A character array, with what follows its end told only when it is not zero. */
  #text(address: bigint, count: number): string {
    const bytes = this.#read(address, Math.min(count, MAX_ELEMENTS));
    const end = bytes.indexOf(0);
    const text = JSON.stringify(new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)));
    if (end < 0) return count > bytes.length ? `${text}...` : text;
    const rest = bytes.subarray(end);
    if (rest.every((byte) => byte === 0)) return text;
    return `${text}, ${Array.from(rest, (byte) => character(BigInt(byte))).join(', ')}`;
  }

  #number(type: CType, bits: bigint, top: boolean): string {
    const { format } = this.#options;
    const shape = shapeOf(type);
    const size = sizeOf(type) ?? 8;
    if (format !== undefined && format !== 's')
      return this.#withSymbol(formatNumber(bits, size, format), bits, format === 'a');
    switch (shape.kind) {
      case 'integer':
        if (shape.boolean === true) return bits === 0n ? 'false' : 'true';
        if (shape.text === true) return character(bits);
        if (shape.address === true && isAddress(bits)) return this.#withSymbol(`0x${bits.toString(16)}`, bits, true);
        return String(bits);
      case 'enum':
        return this.#enum(shape, bits);
      case 'pointer':
        return this.#pointer(type, shape.to, bits, top);
      default:
        return String(wrap(bits, type));
    }
  }

  #pointer(type: CType, to: CType, bits: bigint, top: boolean): string {
    const address = this.#withSymbol(`0x${bits.toString(16)}`, bits, true);
    const text =
      isCharacter(shapeOf(to)) && bits !== 0n ? textOf({ kind: 'scalar', type, bits }, this.#read) : undefined;
    const shown = text === undefined ? address : `${address} ${JSON.stringify(text)}`;
    return top && text === undefined ? `(${nameOf(type)}) ${shown}` : shown;
  }

  #enum({ btf, id }: Extract<Shape, { kind: 'enum' }>, bits: bigint): string {
    const all = btf.enumerators(id);
    const exact = all.find(({ value }) => value === bits);
    if (exact !== undefined) return exact.name;
    // Flags: several enumerators with a bit each.
    const set = all.filter(({ value }) => value > 0n && (value & (value - 1n)) === 0n && (bits & value) === value);
    const rest = set.reduce((left, { value }) => left & ~value, bits);
    if (set.length === 0 || bits < 0n) return String(bits);
    return `(${[...set.map(({ name }) => name), ...(rest === 0n ? [] : [`unknown: 0x${rest.toString(16)}`])].join(' | ')})`;
  }

  #withSymbol(text: string, bits: bigint, wanted: boolean): string {
    const symbol = wanted ? this.#options.symbol?.(BigInt.asUintN(64, bits)) : undefined;
    return symbol === undefined ? text : `${text} <${symbol}>`;
  }

  /** A part of a value that cannot be read does not hide the others. */
  #guarded(format: () => string): string {
    try {
      return format();
    } catch (error) {
      if (!(error instanceof BailoutError)) throw error;
      return `<${error.message.replace(/\.$/, '')}>`;
    }
  }
}

/** Whether a number of 64 bits looks like an address of the kernel. */
function isAddress(bits: bigint): boolean {
  const high = BigInt.asUintN(64, bits) >> 32n;
  return high >= 0xffff8000n && high < 0xffffffffn;
}
