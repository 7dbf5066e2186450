/**
 * Where the fields of a C type lie, from BTF. All that the simulated kernel knows about its own structs it asks here,
 * so that objects have the layout that the program was relocated against.
 */
import { BailoutError } from '../errors.ts';
import type { Btf } from '../object/btf/btf.ts';
import { BTF_INT_SIGNED, BTF_KIND_ARRAY, BTF_KIND_STRUCT, BTF_KIND_UNION } from '../object/btf/kinds.ts';
import type { Memory } from './memory.ts';

export interface Field {
  /** In bytes from the start of the struct; of a bitfield, of the byte that its first bit lies in. */
  readonly offset: number;
  readonly size: number;
  readonly typeId: number;
  /** Of a bitfield, within the byte at `offset`; else 0. */
  readonly bitShift: number;
  /** 0 for a field that is no bitfield. */
  readonly bitSize: number;
  readonly signed: boolean;
}

export class StructLayout {
  readonly btf: Btf;
  readonly typeId: number;
  readonly name: string;
  readonly size: number;
  readonly #fields = new Map<string, Field | undefined>();

  constructor(btf: Btf, typeId: number) {
    this.btf = btf;
    this.typeId = btf.resolve(typeId);
    this.name = btf.name(this.typeId);
    this.size = btf.resolveSize(this.typeId) ?? 0;
  }

  /** A field by path: `pid`, `cgroups.dfl_cgrp` for a struct in place, `iov[2].len`. Members of anonymous structs count as the outer's. */
  find(path: string): Field | undefined {
    if (this.#fields.has(path)) return this.#fields.get(path);
    const field = findPath(this.btf, this.typeId, path);
    this.#fields.set(path, field);
    return field;
  }

  field(path: string): Field {
    const field = this.find(path);
    if (field === undefined) {
      throw new BailoutError('KERNEL_NO_FIELD', `The kernel's BTF has no field ${path} in struct ${this.name}.`);
    }
    return field;
  }

  offset(path: string): number {
    return this.field(path).offset;
  }

  /** The name of the field at an offset (the outermost one that starts at or before it), for contexts that are accessed by offset. */
  nameAt(offset: number): { readonly name: string; readonly start: number; readonly size: number } | undefined {
    return nameAt(this.btf, this.typeId, offset, 0);
  }
}

function nameAt(
  btf: Btf,
  typeId: number,
  offset: number,
  base: number,
): { name: string; start: number; size: number } | undefined {
  for (let i = 0; i < btf.count(typeId); i++) {
    const start = base + (btf.memberBitOffset(typeId, i) >> 3);
    const size = btf.resolveSize(btf.memberTypeId(typeId, i)) ?? 0;
    if (offset < start || offset >= start + size) continue;
    const name = btf.memberName(typeId, i);
    if (name !== '') return { name, start, size };
    return nameAt(btf, btf.resolve(btf.memberTypeId(typeId, i)), offset, start);
  }
  return undefined;
}

function findPath(btf: Btf, typeId: number, path: string): Field | undefined {
  let at: Field = { offset: 0, size: 0, typeId, bitShift: 0, bitSize: 0, signed: false };
  for (const part of path.split('.')) {
    const [name, ...indexes] = part.split('[');
    const member = name === undefined ? undefined : findMember(btf, btf.resolve(at.typeId), name, at.offset * 8);
    if (member === undefined) return undefined;
    at = member;
    for (const text of indexes) {
      const array = btf.resolve(at.typeId);
      if (btf.kind(array) !== BTF_KIND_ARRAY) return undefined;
      const element = btf.typeId(array);
      const size = btf.resolveSize(element) ?? 0;
      at = { ...at, offset: at.offset + Number.parseInt(text, 10) * size, size, typeId: element };
    }
  }
  return at;
}

function findMember(btf: Btf, typeId: number, name: string, baseBits: number): Field | undefined {
  const kind = btf.kind(typeId);
  if (kind !== BTF_KIND_STRUCT && kind !== BTF_KIND_UNION) return undefined;
  for (let i = 0; i < btf.count(typeId); i++) {
    const memberType = btf.memberTypeId(typeId, i);
    const bits = baseBits + btf.memberBitOffset(typeId, i);
    const memberName = btf.memberName(typeId, i);
    if (memberName === name) {
      const bitSize = btf.memberBitSize(typeId, i);
      const signed = (btf.intEncoding(btf.resolve(memberType)) & BTF_INT_SIGNED) !== 0;
      const size = btf.resolveSize(memberType) ?? 0;
      return { offset: bits >> 3, size, typeId: memberType, bitShift: bits & 7, bitSize, signed };
    }
    if (memberName === '') {
      const inner = findMember(btf, btf.resolve(memberType), name, bits);
      if (inner !== undefined) return inner;
    }
  }
  return undefined;
}

/** Layouts by name, found once. */
export class Layouts {
  readonly btf: Btf;
  readonly #byName = new Map<string, StructLayout | undefined>();

  constructor(btf: Btf) {
    this.btf = btf;
  }

  find(name: string): StructLayout | undefined {
    if (this.#byName.has(name)) return this.#byName.get(name);
    let id = this.btf.findByName(name, BTF_KIND_STRUCT);
    if (id === 0) id = this.btf.findByName(name, BTF_KIND_UNION);
    const layout = id === 0 ? undefined : new StructLayout(this.btf, id);
    this.#byName.set(name, layout);
    return layout;
  }

  struct(name: string): StructLayout {
    const layout = this.find(name);
    if (layout === undefined) throw new BailoutError('KERNEL_NO_STRUCT', `The kernel's BTF has no struct ${name}.`);
    return layout;
  }
}

/** Reads an integer, pointer or bitfield of up to 8 bytes; zero- or sign-extended to 64 bits. */
export function readField(memory: Memory, base: number, field: Field): bigint {
  const at = base + field.offset;
  if (field.bitSize > 0) {
    let bits = 0n;
    for (let i = ((field.bitShift + field.bitSize + 7) >> 3) - 1; i >= 0; i--)
      bits = (bits << 8n) | BigInt(memory.readU8(at + i));
    const value = BigInt.asUintN(field.bitSize, bits >> BigInt(field.bitShift));
    return field.signed ? BigInt.asUintN(64, BigInt.asIntN(field.bitSize, value)) : value;
  }
  const value = readInteger(memory, at, field.size);
  return field.signed ? BigInt.asUintN(64, BigInt.asIntN(8 * field.size, value)) : value;
}

export function writeField(memory: Memory, base: number, field: Field, value: bigint): void {
  const at = base + field.offset;
  if (field.bitSize === 0) {
    writeInteger(memory, at, field.size, value);
    return;
  }
  const length = (field.bitShift + field.bitSize + 7) >> 3;
  let bits = 0n;
  for (let i = length - 1; i >= 0; i--) bits = (bits << 8n) | BigInt(memory.readU8(at + i));
  const mask = ((1n << BigInt(field.bitSize)) - 1n) << BigInt(field.bitShift);
  bits = (bits & ~mask) | ((value << BigInt(field.bitShift)) & mask);
  for (let i = 0; i < length; i++) memory.writeU8(at + i, Number((bits >> BigInt(8 * i)) & 0xffn));
}

/** 1 to 8 bytes, little endian. */
export function readInteger(memory: Memory, at: number, size: number): bigint {
  switch (size) {
    case 1:
      return BigInt(memory.readU8(at));
    case 2:
      return BigInt(memory.readU16(at));
    case 4:
      return BigInt(memory.readU32(at));
    case 8:
      return memory.readU64(at);
    default: {
      let value = 0n;
      for (let i = Math.min(size, 8) - 1; i >= 0; i--) value = (value << 8n) | BigInt(memory.readU8(at + i));
      return value;
    }
  }
}

export function writeInteger(memory: Memory, at: number, size: number, value: bigint): void {
  switch (size) {
    case 1:
      memory.writeU8(at, Number(value & 0xffn));
      return;
    case 2:
      memory.writeU16(at, Number(value & 0xffffn));
      return;
    case 4:
      memory.writeU32(at, Number(value & 0xffffffffn));
      return;
    case 8:
      memory.writeU64(at, BigInt.asUintN(64, value));
      return;
    default:
      for (let i = 0; i < Math.min(size, 8); i++) memory.writeU8(at + i, Number((value >> BigInt(8 * i)) & 0xffn));
  }
}
