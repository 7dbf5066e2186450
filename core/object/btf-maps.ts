/**
 * Maps defined in section `.maps`: each is a variable whose struct type says everything, an integer by the length of an array
 * (`int (*max_entries)[64]`), key and value by the type pointed to. Nothing of it is in the section's bytes.
 */
import type { Btf } from './btf/btf.ts';
import {
  BTF_KIND_ARRAY,
  BTF_KIND_FUNC_PROTO,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_VAR,
  BTF_VAR_GLOBAL_ALLOCATED,
} from './btf/kinds.ts';
import { BailoutError } from '../errors.ts';
import type { MapDraft } from './map-draft.ts';
import { mapDefinition } from './map-draft.ts';
import {
  BPF_MAP_TYPE_PROG_ARRAY,
  BPF_MAP_TYPE_RINGBUF,
  BPF_MAP_TYPE_USER_RINGBUF,
  PAGE_SIZE,
  isMapInMap,
} from './map-numbers.ts';

interface Attributes {
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  extra: bigint;
  numaNode: number;
  keyTypeId: number;
  valueTypeId: number;
  pinned: boolean;
  inner?: Attributes;
}

class DefinitionReader {
  readonly #btf: Btf;
  readonly #map: string;

  constructor(btf: Btf, map: string) {
    this.#btf = btf;
    this.#map = map;
  }

  fail(message: string): never {
    throw new BailoutError('MAP_DEFINITION', `Map ${this.#map}: ${message}.`);
  }

  /** `int (*name)[VALUE]` */
  integer(field: string, typeId: number): number {
    const pointer = this.#btf.resolve(typeId);
    if (this.#btf.kind(pointer) !== BTF_KIND_PTR)
      this.fail(`attribute ${field} is a ${this.#btf.kindName(pointer)}, not a pointer`);
    const array = this.#btf.typeId(pointer);
    if (this.#btf.kind(array) !== BTF_KIND_ARRAY)
      this.fail(`attribute ${field} points to a ${this.#btf.kindName(array)}, not to an array`);
    return this.#btf.arrayCount(array);
  }

  /** As {@link integer}, or by an enum with one value, which may have 64 bits. */
  long(field: string, typeId: number): bigint {
    const type = this.#btf.resolve(typeId);
    if (this.#btf.kind(type) === BTF_KIND_PTR) return BigInt(this.integer(field, typeId));
    if (!this.#btf.isEnum(type)) this.fail(`attribute ${field} is a ${this.#btf.kindName(type)}, not an enum`);
    if (this.#btf.count(type) !== 1)
      this.fail(`attribute ${field} is an enum of ${this.#btf.count(type)} values, not of one`);
    return BigInt.asUintN(64, this.#btf.enumeratorValue(type, 0));
  }

  /** `TYPE *key` */
  typed(field: string, typeId: number): { typeId: number; size: number } {
    if (this.#btf.kind(typeId) !== BTF_KIND_PTR)
      this.fail(`attribute ${field} is a ${this.#btf.kindName(typeId)}, not a pointer`);
    const target = this.#btf.typeId(typeId);
    const size = this.#btf.resolveSize(target);
    if (size === undefined) this.fail(`the size of its ${field}, type [${target}], cannot be determined`);
    return { typeId: target, size };
  }

  agree(what: string, before: number, now: number): number {
    if (before !== 0 && before !== now) this.fail(`its ${what} size is said to be ${before} and ${now}`);
    return now;
  }

  /** `values`, the last member: what the slots of a map-in-map or program array hold. */
  values(attributes: Attributes, typeId: number, isLast: boolean): void {
    if (!isLast) this.fail('its member "values" is not the last one');
    const holdsMaps = isMapInMap(attributes.type);
    if (!holdsMaps && attributes.type !== BPF_MAP_TYPE_PROG_ARRAY)
      this.fail('"values" needs a map-in-map or a program array');
    if (attributes.valueSize !== 0 && attributes.valueSize !== 4)
      this.fail(`its value size is said to be ${attributes.valueSize} and 4`);
    attributes.valueSize = 4;
    const btf = this.#btf;
    if (btf.kind(typeId) !== BTF_KIND_ARRAY || btf.arrayCount(typeId) !== 0)
      this.fail('"values" is not an array without a length');
    const pointer = btf.resolve(btf.typeId(typeId));
    if (btf.kind(pointer) !== BTF_KIND_PTR) this.fail(`"values" holds a ${btf.kindName(pointer)}, not pointers`);
    const target = btf.resolve(btf.typeId(pointer));
    if (!holdsMaps) {
      if (btf.kind(target) !== BTF_KIND_FUNC_PROTO)
        this.fail(`"values" points to a ${btf.kindName(target)}, not to functions`);
      return;
    }
    if (btf.kind(target) !== BTF_KIND_STRUCT)
      this.fail(`"values" points to a ${btf.kindName(target)}, not to a map's struct`);
    attributes.inner = new DefinitionReader(btf, `${this.#map}.inner`).read(target, true);
  }

  read(structId: number, isInner: boolean): Attributes {
    const btf = this.#btf;
    const count = btf.count(structId);
    const result: Attributes = {
      type: 0,
      keySize: 0,
      valueSize: 0,
      maxEntries: 0,
      flags: 0,
      extra: 0n,
      numaNode: 0,
      keyTypeId: 0,
      valueTypeId: 0,
      pinned: false,
    };
    for (let i = 0; i < count; i++) {
      const field = btf.memberName(structId, i);
      const typeId = btf.memberTypeId(structId, i);
      switch (field) {
        case 'type':
          result.type = this.integer(field, typeId);
          break;
        case 'max_entries':
          result.maxEntries = this.integer(field, typeId);
          break;
        case 'map_flags':
          result.flags = this.integer(field, typeId);
          break;
        case 'numa_node':
          result.numaNode = this.integer(field, typeId);
          break;
        case 'key_size':
          result.keySize = this.agree('key', result.keySize, this.integer(field, typeId));
          break;
        case 'value_size':
          result.valueSize = this.agree('value', result.valueSize, this.integer(field, typeId));
          break;
        case 'key': {
          const key = this.typed(field, typeId);
          result.keySize = this.agree('key', result.keySize, key.size);
          result.keyTypeId = key.typeId;
          break;
        }
        case 'value': {
          const value = this.typed(field, typeId);
          result.valueSize = this.agree('value', result.valueSize, value.size);
          result.valueTypeId = value.typeId;
          break;
        }
        case 'values':
          if (isInner) this.fail('maps can be nested only once');
          this.values(result, typeId, i === count - 1);
          break;
        case 'pinning': {
          if (isInner) this.fail('an inner map cannot be pinned');
          const pinning = this.integer(field, typeId);
          if (pinning > 1) this.fail(`pinning ${pinning} is unknown`);
          result.pinned = pinning === 1;
          break;
        }
        case 'map_extra':
          result.extra = this.long(field, typeId);
          break;
        default:
          this.fail(`it has a member "${field}", which is unknown`);
      }
    }
    if (result.type === 0) this.fail('it does not say its type');
    return result;
  }
}

/** The kernel wants a ring buffer's size to be a page times a power of two; libbpf rounds up to the next. */
function ringBufferSize(size: number): number {
  if (size === 0 || (size % PAGE_SIZE === 0 && Number.isInteger(Math.log2(size / PAGE_SIZE)))) return size;
  for (let rounded = PAGE_SIZE; rounded <= 0xffffffff; rounded *= 2) if (rounded > size) return rounded;
  return size;
}

function toDefinition(attributes: Attributes, name: string, index: number): MapDraft['definition'] {
  const { pinned, inner, ...fields } = attributes;
  const isRing = fields.type === BPF_MAP_TYPE_RINGBUF || fields.type === BPF_MAP_TYPE_USER_RINGBUF;
  const definition = mapDefinition({
    ...fields,
    index,
    name,
    origin: 'user',
    section: '.maps',
    maxEntries: isRing ? ringBufferSize(fields.maxEntries) : fields.maxEntries,
    pinning: pinned ? 'by-name' : 'none',
  });
  if (inner !== undefined) definition.inner = toDefinition(inner, `${name}.inner`, -1);
  return definition;
}

/** Reads all maps of section `.maps`; `sectionType` is the DATASEC of that name. Throws the first error, as libbpf stops at it. */
export function readBtfMaps(
  btf: Btf,
  sectionType: number,
  sectionIndex: number,
  sectionSize: number,
  add: (draft: MapDraft) => void,
): void {
  btf.sectionVariables(sectionType).forEach((variable, i) => {
    const name = btf.name(variable.typeId);
    const reader = new DefinitionReader(btf, name === '' ? `number ${i}` : name);
    if (btf.kind(variable.typeId) !== BTF_KIND_VAR || name === '') reader.fail('it has no name');
    if (variable.offset + variable.size > sectionSize) reader.fail('it reaches beyond the end of section .maps');
    if (btf.varLinkage(variable.typeId) !== BTF_VAR_GLOBAL_ALLOCATED) reader.fail('it is not a global variable');
    const structId = btf.resolve(btf.typeId(variable.typeId));
    if (btf.kind(structId) !== BTF_KIND_STRUCT)
      reader.fail(`its definition is a ${btf.kindName(structId)}, not a struct`);
    if (btf.size(structId) > variable.size) reader.fail('its definition is larger than its variable');
    add({
      definition: toDefinition(reader.read(structId, false), name, -1),
      sectionIndex,
      sectionOffset: variable.offset,
      sectionSize: variable.size,
    });
  });
}
