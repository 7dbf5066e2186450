/** Values of expressions: numbers, and places in memory that are read when their contents are asked for. */
import { BailoutError } from '../../errors.ts';
import { ValueError } from './errors.ts';
import type { CType, Shape } from './types.ts';
import { nameOf, shapeOf, sizeOf } from './types.ts';

export type Value =
  /** A number of an integer, enum, pointer type; `bits` is in the range of its type. */
  | { readonly kind: 'scalar'; readonly type: CType; readonly bits: bigint }
  /** Something that lies in memory. */
  | {
      readonly kind: 'place';
      readonly type: CType;
      readonly address: bigint;
      /** Within the place, for bitfields. */
      readonly bits?: { readonly offset: number; readonly size: number };
    }
  /** A text in quotes. */
  | { readonly kind: 'text'; readonly text: string }
  /** A map, waiting for a key. */
  | { readonly kind: 'map'; readonly name: string }
  /** Something that has no value now: a map's element that does not exist. Comparisons know it as NULL. */
  | { readonly kind: 'nothing'; readonly type: CType; readonly why: string };

/** Reads memory as the program sees it. Throws a {@link ValueError} that says why it cannot. */
export type ReadMemory = (address: bigint, size: number) => Uint8Array;

/** No value is larger than this when it is read as a whole. */
const MAX_BYTES = 1 << 20;

/** A number brought into the range of a type. */
export function wrap(value: bigint, type: CType): bigint {
  const shape = shapeOf(type);
  switch (shape.kind) {
    case 'integer':
      if (shape.boolean === true) return value === 0n ? 0n : 1n;
      return shape.signed ? BigInt.asIntN(shape.size * 8, value) : BigInt.asUintN(shape.size * 8, value);
    case 'enum':
      return shape.signed ? BigInt.asIntN(shape.size * 8, value) : BigInt.asUintN(shape.size * 8, value);
    default:
      return BigInt.asUintN(64, value);
  }
}

export function scalar(type: CType, bits: bigint): Value {
  return { kind: 'scalar', type, bits: wrap(bits, type) };
}

/** The number that a value is, or that lies at its place. Arrays are the address of their first element, as in C. */
export function numberOf(value: Value, read: ReadMemory): { readonly type: CType; readonly bits: bigint } {
  switch (value.kind) {
    case 'scalar':
      return value;
    case 'nothing':
      throw new ValueError(value.why);
    case 'text':
      throw new ValueError(`The text ${JSON.stringify(value.text)} is not a number`);
    case 'map':
      throw new ValueError(`The map ${value.name} is not a number: name a key, ${value.name}[key]`);
    case 'place':
      return loadNumber(value, read);
  }
}

function loadNumber(place: Extract<Value, { kind: 'place' }>, read: ReadMemory): { type: CType; bits: bigint } {
  const { type, address } = place;
  const shape = shapeOf(type);
  switch (shape.kind) {
    case 'integer':
    case 'enum': {
      const { bits } = place;
      if (bits === undefined) return { type, bits: wrap(unsigned(read(address, shape.size)), type) };
      const first = bits.offset >> 3;
      const bytes = read(address + BigInt(first), ((bits.offset + bits.size + 7) >> 3) - first);
      const raw = BigInt.asUintN(bits.size, unsigned(bytes) >> BigInt(bits.offset & 7));
      return { type, bits: wrap(shape.signed ? BigInt.asIntN(bits.size, raw) : raw, type) };
    }
    case 'pointer':
      return { type, bits: unsigned(read(address, 8)) };
    case 'array':
      return { type: { kind: 'pointer', to: shape.of }, bits: address };
    case 'struct':
    case 'union':
    case 'float':
    case 'void':
    case 'opaque':
      throw new ValueError(`A ${nameOf(type)} is not a number`);
  }
}

/** The bytes that a value has in memory, for keys of maps and for views. */
export function bytesOf(value: Value, read: ReadMemory): Uint8Array {
  if (value.kind === 'place') {
    const size = sizeOf(value.type);
    if (size === undefined) throw new ValueError(`A ${nameOf(value.type)} has no size`);
    if (size > MAX_BYTES)
      throw new ValueError(`A ${nameOf(value.type)} of ${size} bytes is too large to be read at once`);
    if (value.bits === undefined) return read(value.address, size);
  }
  if (value.kind === 'text') return new TextEncoder().encode(`${value.text}\0`);
  const { type, bits } = numberOf(value, read);
  return littleEndian(bits, sizeOf(type) ?? 8);
}

/** The text at a character array or pointer to characters, up to its end. */
export function textOf(value: Value, read: ReadMemory): string | undefined {
  if (value.kind === 'text') return value.text;
  if (value.kind !== 'place' && value.kind !== 'scalar') return undefined;
  const shape = shapeOf(value.type);
  if (shape.kind === 'array' && isCharacter(shapeOf(shape.of))) {
    if (value.kind !== 'place') return undefined;
    const bytes = read(value.address, Math.min(shape.count, MAX_BYTES));
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }
  if (shape.kind === 'pointer' && isCharacter(shapeOf(shape.to))) {
    return stringAt(numberOf(value, read).bits, read);
  }
  return undefined;
}

const MAX_STRING = 200;

function stringAt(address: bigint, read: ReadMemory): string | undefined {
  const bytes: number[] = [];
  try {
    while (bytes.length < MAX_STRING) {
      const byte = read(address + BigInt(bytes.length), 1)[0]!;
      if (byte === 0) break;
      bytes.push(byte);
    }
  } catch (error) {
    // What can be read of it is shown; nothing at all is no text.
    if (!(error instanceof BailoutError)) throw error;
    if (bytes.length === 0) return undefined;
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

export function isCharacter(shape: Shape): boolean {
  return shape.kind === 'integer' && shape.text === true;
}

export function unsigned(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

export function littleEndian(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = Number(BigInt.asUintN(8, value >> BigInt(8 * i)));
  return bytes;
}
