/** Writes the values of a scenario into memory as a BTF type lays them out. */
import { BailoutError } from '../../errors.ts';
import type { Btf } from '../../object/btf/btf.ts';
import {
  BTF_INT_SIGNED,
  BTF_KIND_ARRAY,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_UNION,
} from '../../object/btf/kinds.ts';
import { utf8, writeBytes } from '../bytes.ts';
import type { Kernel } from '../kernel.ts';
import { StructLayout, writeField, writeInteger } from '../layout.ts';
import type { ScenarioInteger, ScenarioValue } from '../scenario.ts';
import { hexBytes, integer } from '../scenario.ts';

/** Writes a value of a type at an offset, never more than `room` bytes. A type of 0 means: no BTF, take the value's own shape. */
export function writeValue(
  kernel: Kernel,
  btf: Btf | undefined,
  typeId: number,
  at: number,
  room: number,
  value: ScenarioValue,
): void {
  if (value === null) return;
  if (typeof value === 'object' && 'hex' in value) {
    writeBytes(kernel.memory, at, hexBytes(value.hex).subarray(0, room));
    return;
  }
  if (typeof value === 'object' && 'ref' in value) {
    writeInteger(kernel.memory, at, Math.min(8, room), kernel.world.reference(value.ref));
    return;
  }
  if (typeof value === 'object' && 'struct' in value) {
    writeInteger(kernel.memory, at, Math.min(8, room), kernel.world.makeObject(value.struct, value.fields ?? {}));
    return;
  }
  const id = btf?.resolve(typeId) ?? 0;
  if (btf === undefined || id === 0) {
    writeUntyped(kernel, at, room, value);
    return;
  }
  switch (btf.kind(id)) {
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      if (typeof value === 'object' && 'fields' in value) writeFields(kernel, btf, id, at, value.fields);
      else if (Array.isArray(value)) writeMembers(kernel, btf, id, at, value);
      else writeUntyped(kernel, at, Math.min(room, btf.size(id)), value);
      return;
    case BTF_KIND_ARRAY:
      writeArray(kernel, btf, id, at, room, value);
      return;
    case BTF_KIND_INT:
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
    case BTF_KIND_PTR:
      writeInteger(kernel.memory, at, Math.min(room, btf.resolveSize(id) ?? 0, 8), scalar(value));
      return;
    default:
      writeUntyped(kernel, at, room, value);
  }
}

/** Writes named fields (paths as in {@link StructLayout.find}) of a struct. */
export function writeFields(
  kernel: Kernel,
  btf: Btf,
  typeId: number,
  at: number,
  fields: Readonly<Record<string, ScenarioValue>>,
): void {
  const layout =
    btf === kernel.btf
      ? (kernel.layouts.find(btf.name(typeId)) ?? new StructLayout(btf, typeId))
      : new StructLayout(btf, typeId);
  for (const [path, value] of Object.entries(fields)) {
    const field = layout.find(path);
    if (field === undefined) {
      throw new BailoutError(
        'SCENARIO_NO_FIELD',
        `struct ${layout.name} has no field ${path}, which the scenario sets.`,
      );
    }
    if (field.bitSize > 0) writeField(kernel.memory, at, field, scalar(value));
    else writeValue(kernel, btf, field.typeId, at + field.offset, field.size, value);
  }
}

function writeMembers(kernel: Kernel, btf: Btf, typeId: number, at: number, values: readonly ScenarioValue[]): void {
  for (const [i, value] of values.entries()) {
    if (i >= btf.count(typeId)) return;
    const member = btf.memberTypeId(typeId, i);
    writeValue(kernel, btf, member, at + (btf.memberBitOffset(typeId, i) >> 3), btf.resolveSize(member) ?? 0, value);
  }
}

function writeArray(kernel: Kernel, btf: Btf, id: number, at: number, room: number, value: ScenarioValue): void {
  const element = btf.typeId(id);
  const size = btf.resolveSize(element) ?? 0;
  if (Array.isArray(value)) {
    for (const [i, part] of value.entries()) {
      if ((i + 1) * size > room) return;
      writeValue(kernel, btf, element, at + i * size, size, part);
    }
    return;
  }
  const isText =
    typeof value === 'string' && size === 1 && (btf.intEncoding(btf.resolve(element)) & ~BTF_INT_SIGNED) === 0;
  if (isText) writeBytes(kernel.memory, at, utf8(value).subarray(0, room));
  else writeUntyped(kernel, at, Math.min(room, size), value);
}

function writeUntyped(kernel: Kernel, at: number, room: number, value: ScenarioValue): void {
  if (Array.isArray(value)) {
    throw new BailoutError(
      'SCENARIO_UNTYPED',
      'A list in the scenario stands where no BTF says what its elements are.',
    );
  }
  if (typeof value === 'string' && !/^\s*-?(0x[0-9a-f]+|\d+)\s*$/i.test(value))
    writeBytes(kernel.memory, at, utf8(value).subarray(0, room));
  else writeInteger(kernel.memory, at, room, scalar(value));
}

/** A value as a 64-bit number. */
export function scalar(value: ScenarioValue): bigint {
  if (value === true) return 1n;
  if (value === false || value === null) return 0n;
  if (typeof value === 'object') {
    throw new BailoutError('SCENARIO_NOT_A_NUMBER', 'The scenario gives a compound value where a number is wanted.');
  }
  return numberOf(value);
}

function numberOf(value: ScenarioInteger): bigint {
  if (typeof value === 'string' && !/^\s*-?(0x[0-9a-f]+|\d+)\s*$/i.test(value)) {
    throw new BailoutError('SCENARIO_NOT_A_NUMBER', `The scenario gives "${value}" where a number is wanted.`);
  }
  return integer(value);
}
