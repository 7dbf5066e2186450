/**
 * Records of special fields: where in a map value, or in a struct that a program allocates, lie locks, timers, kernel pointers, list and tree
 * roots and nodes. BTF says it: by the name of a member's struct, by type tags on pointers, and by declaration tags on roots.
 */
import { DESTRUCTORS } from '../../kernel/tables/btf-lists.ts';
import { BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, mapTypeName } from '../../kernel/tables/map-types.ts';
import type { Btf } from '../../object/btf/btf.ts';
import {
  BTF_KIND_ARRAY,
  BTF_KIND_DATASEC,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_TYPE_TAG,
  BTF_KIND_UNION,
  BTF_KIND_VOLATILE,
} from '../../object/btf/kinds.ts';
import type { MapDefinition } from '../../object/program.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF, PROGRAM_BTF } from '../context.ts';
import { AUX0, AUX1, TYPE } from '../state/state.ts';
import { BASE_TYPE_MASK, PTR_TO_BTF_ID, PTR_TO_MAP_VALUE, typeIsPointerAllocated } from '../state/types.ts';
import { isStruct } from './btf-words.ts';

export type FieldKind =
  | 'bpf_spin_lock'
  | 'bpf_res_spin_lock'
  | 'bpf_timer'
  | 'bpf_wq'
  | 'bpf_task_work'
  | 'bpf_list_head'
  | 'bpf_list_node'
  | 'bpf_rb_root'
  | 'bpf_rb_node'
  | 'bpf_refcount'
  | 'kptr_untrusted'
  | 'kptr'
  | 'percpu_kptr'
  | 'uptr';

export interface BtfField {
  readonly kind: FieldKind;
  readonly offset: number;
  readonly size: number;
  /** Of a kptr: what it points to; of a root: the struct of its nodes. */
  readonly btf: number;
  readonly typeId: number;
  /** Of a root: where in that struct the node lies. */
  readonly nodeOffset: number;
}

export interface BtfRecord {
  /** By ascending offset. */
  readonly fields: readonly BtfField[];
  readonly kinds: ReadonlySet<FieldKind>;
  /** Offsets of what there can only be one of; negative when absent. */
  readonly spinLockOff: number;
  readonly resSpinLockOff: number;
  readonly timerOff: number;
  readonly wqOff: number;
  readonly taskWorkOff: number;
  readonly refcountOff: number;
}

const UNIQUE: ReadonlySet<FieldKind> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_task_work',
  'bpf_refcount',
]);

/** Kinds that may lie in arrays. */
const REPEATABLE: ReadonlySet<FieldKind> = new Set([
  'kptr_untrusted',
  'kptr',
  'percpu_kptr',
  'uptr',
  'bpf_list_head',
  'bpf_rb_root',
]);

const SMALL_ALIGNMENT: ReadonlySet<FieldKind> = new Set(['bpf_spin_lock', 'bpf_res_spin_lock', 'bpf_refcount']);

export const LOCK_KINDS = ['bpf_spin_lock', 'bpf_res_spin_lock'] as const;

export const KPTR_KINDS: ReadonlySet<FieldKind> = new Set(['kptr_untrusted', 'kptr', 'percpu_kptr', 'uptr']);

const MAP_MASK: ReadonlySet<FieldKind> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_task_work',
  'bpf_list_head',
  'bpf_rb_root',
  'bpf_refcount',
  'kptr',
  'uptr',
]);

const OBJECT_MASK: ReadonlySet<FieldKind> = new Set([
  'bpf_spin_lock',
  'bpf_res_spin_lock',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
  'kptr',
]);

/** Structs whose presence as a member makes a struct one with special fields. */
const OBJECT_FIELD_STRUCTS = [
  'bpf_spin_lock',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
  'bpf_res_spin_lock',
] as const;

const MAX_FIELDS = 11;
const MAX_DEPTH = 32;

/** The BTF is not what a special field must look like; the kernel then takes the type as having no record at all. */
class MalformedRecord extends Error {}

interface Found {
  kind: FieldKind;
  offset: number;
  size: number;
  typeId: number;
  nodeName: string;
}

class Parser {
  readonly #btf: Btf;
  readonly #kernel: Btf;
  readonly #mask: ReadonlySet<FieldKind>;
  readonly #seen = new Set<FieldKind>();

  constructor(btf: Btf, kernel: Btf, mask: ReadonlySet<FieldKind>) {
    this.#btf = btf;
    this.#kernel = kernel;
    this.#mask = mask;
  }

  fields(typeId: number): Found[] {
    const btf = this.#btf;
    if (isStruct(btf, typeId)) return this.#structFields(typeId, 0);
    if (btf.kind(typeId) !== BTF_KIND_DATASEC) throw new MalformedRecord();
    const found: Found[] = [];
    for (const variable of btf.sectionVariables(typeId)) {
      found.push(...this.#field(variable.typeId, btf.typeId(variable.typeId), -1, variable.offset, variable.size, 0));
    }
    return found;
  }

  #structFields(typeId: number, level: number): Found[] {
    const btf = this.#btf;
    const found: Found[] = [];
    const count = btf.count(typeId);
    for (let i = 0; i < count; i++) {
      const bits = btf.memberBitOffset(typeId, i);
      const memberType = btf.memberTypeId(typeId, i);
      if (bits % 8 !== 0) {
        if (btf.memberBitSize(typeId, i) > 0) continue;
        throw new MalformedRecord();
      }
      found.push(...this.#field(typeId, memberType, i, bits / 8, 0, level));
    }
    return found;
  }

  /** One variable or member: `owner` carries the declaration tags, at component `index`. */
  #field(owner: number, type: number, index: number, offset: number, expected: number, level: number): Found[] {
    const btf = this.#btf;
    let elements = 1;
    for (let depth = 0; btf.kind(type) === BTF_KIND_ARRAY; depth++) {
      if (depth === MAX_DEPTH) throw new MalformedRecord();
      elements *= btf.arrayCount(type);
      type = btf.typeId(type);
    }
    if (elements === 0) return [];

    const kind = this.#kindOf(type);
    if (kind === undefined) {
      if (!isStruct(btf, type)) return [];
      const size = btf.size(type);
      if (expected !== 0 && expected !== size * elements) return [];
      if (level + 1 >= MAX_DEPTH) throw new MalformedRecord();
      const nested = this.#structFields(type, level + 1);
      for (const field of nested) field.offset += offset;
      return elements > 1 ? repeat(nested, elements, size) : nested;
    }

    const size = fieldSize(this.#kernel, kind);
    if (expected !== 0 && expected !== size * elements) return [];
    if (offset % (SMALL_ALIGNMENT.has(kind) ? 4 : 8) !== 0) return [];
    const found = this.#special(kind, owner, type, index, offset, size);
    if (found === undefined) return [];
    return elements > 1 ? repeat([found], elements, size) : [found];
  }

  #kindOf(type: number): FieldKind | undefined {
    const name = this.#btf.name(type);
    for (const kind of this.#mask) {
      if (KPTR_KINDS.has(kind) || kind !== name) continue;
      if (UNIQUE.has(kind)) {
        if (this.#seen.has(kind)) throw new MalformedRecord();
        this.#seen.add(kind);
      }
      return kind;
    }
    return (this.#mask.has('kptr') || this.#mask.has('uptr')) && !isStruct(this.#btf, type) ? 'kptr' : undefined;
  }

  #special(
    kind: FieldKind,
    owner: number,
    type: number,
    index: number,
    offset: number,
    size: number,
  ): Found | undefined {
    const btf = this.#btf;
    if (kind === 'kptr') return this.#kernelPointer(type, offset, size);
    if (!isStruct(btf, type) || btf.size(type) !== size) return undefined;
    if (kind !== 'bpf_list_head' && kind !== 'bpf_rb_root') return { kind, offset, size, typeId: 0, nodeName: '' };
    const contains = btf.declTags(owner).filter((tag) => tag.component === index && tag.text.startsWith('contains:'));
    if (contains.length !== 1) throw new MalformedRecord();
    const value = contains[0]!.text.slice('contains:'.length);
    const colon = value.indexOf(':');
    if (colon < 0 || colon === value.length - 1) throw new MalformedRecord();
    const typeId = btf.findByName(value.slice(0, colon), BTF_KIND_STRUCT);
    if (typeId <= 0) throw new MalformedRecord();
    return { kind, offset, size, typeId, nodeName: value.slice(colon + 1) };
  }

  #kernelPointer(type: number, offset: number, size: number): Found | undefined {
    const btf = this.#btf;
    if (btf.kind(type) === BTF_KIND_VOLATILE) type = btf.typeId(type);
    if (btf.kind(type) !== BTF_KIND_PTR) return undefined;
    const tag = btf.typeId(type);
    if (btf.kind(tag) !== BTF_KIND_TYPE_TAG) return undefined;
    if (btf.kind(btf.typeId(tag)) === BTF_KIND_TYPE_TAG) throw new MalformedRecord();
    const name = btf.name(tag);
    let kind: FieldKind;
    switch (name) {
      case 'kptr_untrusted':
      case 'kptr':
      case 'percpu_kptr':
        kind = name;
        break;
      case 'uptr':
        kind = 'uptr';
        break;
      default:
        throw new MalformedRecord();
    }
    if (kind === 'uptr' ? !this.#mask.has('uptr') : !this.#mask.has('kptr')) return undefined;
    const pointee = btf.resolve(btf.typeId(tag));
    if (!isStruct(btf, pointee)) throw new MalformedRecord();
    return { kind, offset, size, typeId: pointee, nodeName: '' };
  }
}

function repeat(fields: readonly Found[], elements: number, elementSize: number): Found[] {
  if (fields.length === 0) return [];
  for (const field of fields) if (!REPEATABLE.has(field.kind)) throw new MalformedRecord();
  if (fields.length * elements > MAX_FIELDS) throw new MalformedRecord();
  const all: Found[] = [];
  for (let i = 0; i < elements; i++) {
    for (const field of fields) all.push({ ...field, offset: field.offset + i * elementSize });
  }
  return all;
}

function fieldSize(kernel: Btf, kind: FieldKind): number {
  switch (kind) {
    case 'kptr_untrusted':
    case 'kptr':
    case 'percpu_kptr':
    case 'uptr':
      return 8;
    default: {
      const id = kernel.findByName(kind, BTF_KIND_STRUCT);
      return id > 0 ? kernel.size(id) : 8;
    }
  }
}

/** Completes a found field with what its kind needs from elsewhere. */
function complete(btf: Btf, kernel: Btf, found: Found): BtfField {
  const { kind, offset, size, typeId } = found;
  if (kind === 'uptr') return { kind, offset, size, btf: PROGRAM_BTF, typeId, nodeOffset: 0 };
  if (KPTR_KINDS.has(kind)) {
    const name = btf.name(typeId);
    const kernelId = kernel.findByName(name, btf.kind(typeId));
    // A type of the program's own: an object that bpf_obj_new made.
    if (kernelId <= 0) return { kind, offset, size, btf: PROGRAM_BTF, typeId, nodeOffset: 0 };
    if (kind === 'kptr') {
      const destructor = DESTRUCTORS.get(name);
      if (destructor === undefined) throw new MalformedRecord();
    }
    return { kind, offset, size, btf: KERNEL_BTF, typeId: kernelId, nodeOffset: 0 };
  }
  if (kind === 'bpf_list_head' || kind === 'bpf_rb_root') {
    const nodeStruct = kind === 'bpf_list_head' ? 'bpf_list_node' : 'bpf_rb_node';
    let nodeOffset = -1;
    const count = btf.count(typeId);
    for (let i = 0; i < count; i++) {
      if (btf.memberName(typeId, i) !== found.nodeName) continue;
      const member = btf.memberTypeId(typeId, i);
      const bits = btf.memberBitOffset(typeId, i);
      if (nodeOffset >= 0 || !isStruct(btf, member) || btf.name(member) !== nodeStruct || bits % 64 !== 0) {
        throw new MalformedRecord();
      }
      nodeOffset = bits / 8;
    }
    if (nodeOffset < 0) throw new MalformedRecord();
    return { kind, offset, size, btf: PROGRAM_BTF, typeId, nodeOffset };
  }
  return { kind, offset, size, btf: 0, typeId: 0, nodeOffset: 0 };
}

function parseRecord(
  btf: Btf,
  kernel: Btf,
  typeId: number,
  mask: ReadonlySet<FieldKind>,
  valueSize: number,
): BtfRecord | undefined {
  const found = new Parser(btf, kernel, mask).fields(typeId);
  if (found.length === 0) return undefined;
  if (found.length > MAX_FIELDS) throw new MalformedRecord();
  let next = 0;
  for (const field of found) {
    if (field.offset + field.size > valueSize || field.offset < next) throw new MalformedRecord();
    next = field.offset + field.size;
  }
  const fields = found.map((field) => complete(btf, kernel, field));
  const kinds = new Set(fields.map((field) => field.kind));
  const offsetOf = (kind: FieldKind): number => fields.find((field) => field.kind === kind)?.offset ?? -22;
  const record: BtfRecord = {
    fields: fields.sort((a, b) => a.offset - b.offset),
    kinds,
    spinLockOff: offsetOf('bpf_spin_lock'),
    resSpinLockOff: offsetOf('bpf_res_spin_lock'),
    timerOff: offsetOf('bpf_timer'),
    wqOff: offsetOf('bpf_wq'),
    taskWorkOff: offsetOf('bpf_task_work'),
    refcountOff: offsetOf('bpf_refcount'),
  };
  if (record.spinLockOff >= 0 && record.resSpinLockOff >= 0) throw new MalformedRecord();
  if ((kinds.has('bpf_list_head') || kinds.has('bpf_rb_root')) && record.spinLockOff < 0 && record.resSpinLockOff < 0) {
    throw new MalformedRecord();
  }
  if (record.refcountOff < 0 && kinds.has('bpf_list_node') && kinds.has('bpf_rb_node')) throw new MalformedRecord();
  return record;
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

const KPTR_MAPS = words(`
  hash percpu_hash lru_hash lru_percpu_hash array percpu_array sk_storage inode_storage task_storage cgrp_storage`);
const GRAPH_MAPS = words('hash lru_hash array');

/** Map types that may carry each kind of field; creating another map with it fails, and the loader then leaves its BTF out. */
const MAPS_OF_FIELD: Readonly<Partial<Record<FieldKind, ReadonlySet<string>>>> = {
  bpf_spin_lock: words('hash array cgroup_storage sk_storage inode_storage task_storage cgrp_storage'),
  bpf_res_spin_lock: words('hash array cgroup_storage sk_storage inode_storage task_storage cgrp_storage'),
  bpf_timer: GRAPH_MAPS,
  bpf_wq: GRAPH_MAPS,
  bpf_task_work: GRAPH_MAPS,
  kptr_untrusted: KPTR_MAPS,
  kptr: KPTR_MAPS,
  percpu_kptr: KPTR_MAPS,
  bpf_refcount: KPTR_MAPS,
  uptr: words('task_storage'),
  bpf_list_head: GRAPH_MAPS,
  bpf_rb_root: GRAPH_MAPS,
};

/** Map types whose BTF the loader does not pass on. */
const MAPS_WITHOUT_BTF = words(`
  perf_event_array cgroup_array stack_trace array_of_maps hash_of_maps devmap devmap_hash cpumap xskmap sockmap sockhash queue stack
  arena ringbuf user_ringbuf prog_array reuseport_sockarray`);

interface MapBtf {
  readonly hasBtf: boolean;
  readonly record: BtfRecord | undefined;
}

const NO_BTF: MapBtf = { hasBtf: false, record: undefined };

function mapBtf(env: Env, map: MapDefinition): MapBtf {
  const cache = mapCache(env);
  const known = cache.get(map);
  if (known !== undefined) return known;
  const made = readMapBtf(env, map);
  cache.set(map, made);
  return made;
}

function mapCache(env: Env): Map<MapDefinition, MapBtf> {
  let cache = env.callFacts.get('map records') as Map<MapDefinition, MapBtf> | undefined;
  if (cache === undefined) {
    cache = new Map();
    env.callFacts.set('map records', cache);
  }
  return cache;
}

function readMapBtf(env: Env, map: MapDefinition): MapBtf {
  const btf = env.btfs[PROGRAM_BTF];
  const type = mapTypeName(map.type);
  if (btf === undefined || map.valueTypeId === 0 || MAPS_WITHOUT_BTF.has(type)) return NO_BTF;
  const valueType = btf.resolve(map.valueTypeId);
  if (!isStruct(btf, valueType) && btf.kind(valueType) !== BTF_KIND_DATASEC) {
    return { hasBtf: true, record: undefined };
  }
  let record: BtfRecord | undefined;
  try {
    record = parseRecord(btf, env.btfs[KERNEL_BTF], valueType, MAP_MASK, map.valueSize);
  } catch (error) {
    if (!(error instanceof MalformedRecord)) throw error;
    return { hasBtf: true, record: undefined };
  }
  if (record === undefined) return { hasBtf: true, record };
  if ((map.flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)) !== 0) return NO_BTF;
  for (const kind of record.kinds) if (MAPS_OF_FIELD[kind]?.has(type) !== true) return NO_BTF;
  return { hasBtf: true, record };
}

/** Whether the kernel has the map's BTF (messages differ where it has not). */
export function mapHasBtf(env: Env, map: MapDefinition): boolean {
  return mapBtf(env, map).hasBtf;
}

/** The special fields of a map's values, or undefined when there are none. */
export function mapRecord(env: Env, map: MapDefinition): BtfRecord | undefined {
  return mapBtf(env, map).record;
}

/** Whether values of the map carry timers or work that may outlive the program's run: inner maps must then be told apart. */
export function mapHasDeferredWork(env: Env, map: MapDefinition): boolean {
  const record = mapRecord(env, map);
  return (
    record !== undefined &&
    (record.kinds.has('bpf_timer') || record.kinds.has('bpf_wq') || record.kinds.has('bpf_task_work'))
  );
}

/** The special fields of a struct that programs may allocate, or undefined when it has none. */
export function structRecord(env: Env, btfHandle: number, typeId: number): BtfRecord | undefined {
  const btf = env.btfs[PROGRAM_BTF];
  if (btfHandle !== PROGRAM_BTF || btf === undefined) return undefined;
  let cache = env.callFacts.get('struct records') as Map<number, BtfRecord | undefined> | undefined;
  if (cache === undefined) {
    cache = new Map();
    env.callFacts.set('struct records', cache);
  }
  if (cache.has(typeId)) return cache.get(typeId);
  let record: BtfRecord | undefined;
  if (hasSpecialMember(btf, typeId)) {
    try {
      record = parseRecord(btf, env.btfs[KERNEL_BTF], typeId, OBJECT_MASK, btf.size(typeId));
    } catch (error) {
      if (!(error instanceof MalformedRecord)) throw error;
    }
  }
  cache.set(typeId, record);
  return record;
}

function hasSpecialMember(btf: Btf, typeId: number): boolean {
  const kind = btf.kind(typeId);
  if (kind !== BTF_KIND_STRUCT && kind !== BTF_KIND_UNION) return false;
  const count = btf.count(typeId);
  for (let i = 0; i < count; i++) {
    const member = btf.memberTypeId(typeId, i);
    if (
      btf.kind(member) === BTF_KIND_STRUCT &&
      (OBJECT_FIELD_STRUCTS as readonly string[]).includes(btf.name(member))
    ) {
      return true;
    }
    if (btf.kind(member) === BTF_KIND_PTR && btf.kind(btf.typeId(member)) === BTF_KIND_TYPE_TAG) {
      const tag = btf.name(btf.typeId(member));
      if (tag === 'kptr' || tag === 'kptr_untrusted' || tag === 'percpu_kptr') return true;
    }
  }
  return false;
}

/** The field that starts at this offset, if it is of one of these kinds. */
export function findField(
  record: BtfRecord | undefined,
  offset: number,
  kinds: ReadonlySet<FieldKind>,
): BtfField | undefined {
  return record?.fields.find((field) => field.offset === offset && kinds.has(field.kind));
}

/** Special fields of what a register points to: a map value or an allocated object. */
export function registerRecord(env: Env, w: Int32Array, base: number): BtfRecord | undefined {
  const type = w[base + TYPE]!;
  if ((type & BASE_TYPE_MASK) === PTR_TO_MAP_VALUE) return mapRecord(env, env.maps[w[base + AUX0]!]!);
  if ((type & BASE_TYPE_MASK) === PTR_TO_BTF_ID && typeIsPointerAllocated(type)) {
    return structRecord(env, w[base + AUX1]!, w[base + AUX0]!);
  }
  return undefined;
}

/** Whether a pointer may lead to a lock, so that it needs an id of its own. */
export function registerHasSpinLock(env: Env, w: Int32Array, base: number): boolean {
  const record = registerRecord(env, w, base);
  return record !== undefined && (record.spinLockOff >= 0 || record.resSpinLockOff >= 0);
}
