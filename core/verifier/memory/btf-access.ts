/**
 * Loads and stores through pointers whose type BTF tells: which member lies there, whether it is a pointer again, and how
 * far that one can be trusted.
 */
import { SAFE_RCU, SAFE_RCU_OR_NULL, SAFE_TRUSTED, SAFE_TRUSTED_OR_NULL } from '../../kernel/tables/btf-lists.ts';
import type { WritableField } from '../../kernel/tables/btf-arguments.ts';
import { WRITABLE_OBJECTS } from '../../kernel/tables/btf-arguments.ts';
import type { MapTypeName } from '../../kernel/tables/map-types.ts';
import { mapTypeName } from '../../kernel/tables/map-types.ts';
import type { Btf } from '../../object/btf/btf.ts';
import {
  BTF_KIND_ARRAY,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_TYPE_TAG,
  BTF_KIND_UNION,
} from '../../object/btf/kinds.ts';
import { structRecord } from '../calls/records.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import { tnumLogText } from '../print-state.ts';
import { inRcuSection } from './rcu-section.ts';
import { isRcuRegister, isTrustedRegister, markBtfRegister } from '../state/registers.ts';
import { AUX0, AUX1, REF_OBJ_ID, ROW, TYPE, VALUE, isConst, setPointer } from '../state/state.ts';
import {
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_USER,
  NON_OWN_REF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  SCALAR_VALUE,
  typeIsPointerAllocated,
} from '../state/types.ts';

/** What lies at an offset in a struct. */
export type Walk =
  | { readonly kind: 'scalar' }
  | { readonly kind: 'pointer'; readonly typeId: number; readonly flags: number; readonly field: string }
  /** A pointer to something that is no struct: readable, at the reader's risk. */
  | { readonly kind: 'memory' }
  /** A struct begins exactly there. */
  | { readonly kind: 'struct'; readonly typeId: number; readonly flags: number }
  | { readonly kind: 'error'; readonly message: string };

const SCALAR: Walk = { kind: 'scalar' };
const error = (message: string): Walk => ({ kind: 'error', message });

/** How many structs may be nested before a BTF is taken for broken. */
const MAX_NESTING = 64;

interface Element {
  readonly typeId: number;
  readonly size: number;
  readonly count: number;
}

/** Looks through the dimensions of an array; any other type is one element. */
function elementOf(btf: Btf, typeId: number): Element | undefined {
  let type = btf.resolve(typeId);
  let count = 1;
  for (let depth = 0; btf.kind(type) === BTF_KIND_ARRAY; depth++) {
    if (depth > MAX_NESTING) return undefined;
    count *= btf.arrayCount(type);
    type = btf.resolve(btf.typeId(type));
  }
  const size = btf.kind(type) === BTF_KIND_PTR ? 8 : btf.size(type);
  return size === 0 && btf.count(type) !== 0 ? undefined : { typeId: type, size, count };
}

/**
 * Finds what an access of some bytes meets (btf_struct_walk of the kernel).
 *
 * @param flags PTR_UNTRUSTED when a union was walked before
 * @param flexible an array without a length at the end goes on for ever
 */
export function btfStructWalk(
  btf: Btf,
  structId: number,
  offset: number,
  size: number,
  flags: number,
  flexible: boolean,
): Walk {
  let type = btf.resolve(structId);
  let at = offset;
  let flagsNow = flags;
  for (let nesting = 0; nesting < MAX_NESTING; nesting++) {
    const name = btf.name(type);
    if (!btf.isComposite(type)) return error(`Type '${name}' is not a struct`);
    // What a union holds depends on the kernel's mood: pointers out of it are not trusted.
    if (btf.kind(type) === BTF_KIND_UNION && btf.count(type) !== 1) flagsNow |= PTR_UNTRUSTED;
    if (at + size > btf.size(type)) {
      const inside = flexible ? flexibleElement(btf, type, at) : undefined;
      if (inside === 'int') return SCALAR;
      if (inside === undefined) return error(`access beyond struct ${name} at off ${at} size ${size}`);
      type = inside.typeId;
      at = inside.offset;
      continue;
    }
    const found = findMember(btf, type, at, size, flagsNow);
    if (found === undefined) return error(`struct ${name} doesn't have field at offset ${at}`);
    if (found.kind !== 'inside') return found;
    type = found.typeId;
    at = found.offset;
  }
  return error(`Type '${btf.name(structId)}' is nested too deeply`);
}

interface Inside {
  readonly kind: 'inside';
  readonly typeId: number;
  readonly offset: number;
}

/** Where an access beyond the end of a struct falls in the array without a length that ends it. */
function flexibleElement(btf: Btf, type: number, at: number): 'int' | { typeId: number; offset: number } | undefined {
  const last = btf.count(type) - 1;
  if (last < 0) return undefined;
  const array = btf.resolve(btf.memberTypeId(type, last));
  if (btf.kind(array) !== BTF_KIND_ARRAY || btf.arrayCount(array) !== 0) return undefined;
  const start = btf.memberBitOffset(type, last) >> 3;
  if (at < start) return undefined;
  const element = btf.resolve(btf.typeId(array));
  if (btf.kind(element) === BTF_KIND_INT) return 'int';
  if (!btf.isComposite(element) || btf.size(element) === 0) return undefined;
  return { typeId: element, offset: (at - start) % btf.size(element) };
}

function findMember(btf: Btf, type: number, at: number, size: number, flags: number): Walk | Inside | undefined {
  const count = btf.count(type);
  for (let i = 0; i < count; i++) {
    let start = btf.memberBitOffset(type, i) >> 3;
    if (at + size <= start) return undefined;
    const bits = btf.memberBitSize(type, i);
    if (bits !== 0) {
      const end = (btf.memberBitOffset(type, i) + bits + 7) >> 3;
      if (at <= start && end <= at + size) return SCALAR;
      continue;
    }
    if (at < start) return undefined;
    const name = btf.memberName(type, i);
    const element = elementOf(btf, btf.memberTypeId(type, i));
    if (element === undefined) return error(`field ${name} doesn't have size`);
    const end = start + element.size * element.count;
    if (at >= end) continue;
    if (element.size > 0 && element.count > 1) start += Math.floor((at - start) / element.size) * element.size;
    if (btf.isComposite(element.typeId)) {
      if (at === start) return { kind: 'struct', typeId: element.typeId, flags };
      return { kind: 'inside', typeId: element.typeId, offset: at - start };
    }
    if (btf.kind(element.typeId) === BTF_KIND_PTR) {
      if (element.size !== size || at !== start) {
        return error(
          `cannot access ptr member ${name} with moff ${start} in struct ${btf.name(type) || '(anon)'} with off ${at} size ${size}`,
        );
      }
      const pointee = btf.resolve(btf.typeId(element.typeId));
      if (btf.isComposite(pointee)) {
        return { kind: 'pointer', typeId: pointee, flags: flags | tagFlags(btf, element.typeId), field: name };
      }
      return { kind: 'memory' };
    }
    // An array of numbers may be used as scratch space, so the end is that of the whole member.
    if (at + size > end && (flags & PTR_UNTRUSTED) === 0) {
      return error(
        `access beyond the end of member ${name} (mend:${end}) in struct ${btf.name(type) || '(anon)'} with off ${at} size ${size}`,
      );
    }
    return SCALAR;
  }
  return undefined;
}

/** What a type tag says of the memory that a pointer leads to. */
function tagFlags(btf: Btf, pointer: number): number {
  const target = btf.typeId(pointer);
  if (btf.kind(target) !== BTF_KIND_TYPE_TAG) return 0;
  switch (btf.name(target)) {
    case 'user':
      return MEM_USER;
    case 'percpu':
      return MEM_PERCPU;
    case 'rcu':
      return MEM_RCU;
    default:
      return 0;
  }
}

/** Whether a pointer to one struct (plus an offset) is also a pointer to another one that lies first in it, at any depth. */
export function structIdsMatch(
  btf: Btf,
  structId: number,
  offset: number,
  neededBtf: Btf,
  neededId: number,
  strict: boolean,
  say?: (line: string) => void,
): boolean {
  const same = (id: number): boolean => {
    if (id !== neededId) return false;
    return btf === neededBtf || id < Math.max(btf.firstId, neededBtf.firstId);
  };
  if (offset === 0 && same(structId)) return true;
  if (strict) return false;
  let at = offset;
  let id = structId;
  for (let nesting = 0; nesting < MAX_NESTING; nesting++) {
    const found = btfStructWalk(btf, id, at, 1, 0, false);
    if (found.kind !== 'struct') {
      if (found.kind === 'error') say?.(`${found.message}\n`);
      return false;
    }
    id = found.typeId;
    if (same(id)) return true;
    at = 0;
  }
  return false;
}

/** Checks an access to a struct and says what is read: a scalar or another BTF pointer. */
export function btfStructAccess(
  env: Env,
  type: number,
  btfHandle: number,
  structId: number,
  offset: number,
  size: number,
): { readonly type: number; readonly typeId: number; readonly flags: number; readonly field: string } {
  const btf = env.btfs[btfHandle]!;
  const allocated = (type & MEM_ALLOC) !== 0;
  if (allocated) {
    const record = structRecord(env, btfHandle, structId);
    for (const field of record?.fields ?? []) {
      if (offset < field.offset + field.size && field.offset < offset + size) {
        env.fail(`direct access to ${field.kind.replace('kptr_untrusted', 'kptr')} is disallowed`);
      }
    }
  }
  let id = structId;
  let at = offset;
  let flags = 0;
  for (let nesting = 0; nesting < MAX_NESTING; nesting++) {
    const found = btfStructWalk(btf, id, at, size, flags, !allocated);
    switch (found.kind) {
      case 'error':
        env.fail(found.message);
        break;
      case 'scalar':
        return { type: SCALAR_VALUE, typeId: 0, flags: 0, field: '' };
      case 'memory':
        return { type: PTR_TO_MEM, typeId: 0, flags: MEM_RDONLY | PTR_UNTRUSTED, field: '' };
      case 'pointer':
        // Types of the program's own hold no pointers that could be followed.
        if (allocated) return { type: SCALAR_VALUE, typeId: 0, flags: 0, field: '' };
        return { type: PTR_TO_BTF_ID, typeId: found.typeId, flags: found.flags, field: found.field };
      case 'struct':
        id = found.typeId;
        at = 0;
        flags = found.flags;
        break;
    }
  }
  return env.reject();
}

/** Checks a load or store through a register that holds a BTF pointer; `offset` already has the register's constant part. */
export function checkBtfPointerAccess(
  env: Env,
  register: number,
  offset: number,
  size: number,
  access: 'read' | 'write',
  valueRegister: number,
): void {
  const w = env.frame.w;
  const base = register * ROW;
  const type = w[base + TYPE]!;
  const handle = w[base + AUX1]!;
  const structId = w[base + AUX0]!;
  const btf = env.btfs[handle]!;
  const name = btf.name(structId);
  const { program } = env;
  const refuse = (what: string): never => env.fail(`R${register} is ptr_${name} ${what}`);

  if (handle === KERNEL_BTF && !isGplCompatible(program.license)) {
    env.fail(`Cannot access kernel 'struct ${name}' from non-GPL compatible program`);
  }
  if (offset < 0) refuse(`invalid negative access: off=${offset}`);
  if (!isConst(w, base) || (w[base + VALUE]! | w[base + VALUE + 1]!) !== 0) {
    refuse(`invalid variable offset: off=${offset}, var_off=${tnumLogText(w, base + VALUE)}`);
  }
  if ((type & MEM_USER) !== 0) refuse(`access user memory: off=${offset}`);
  if ((type & MEM_PERCPU) !== 0) refuse(`access percpu memory: off=${offset}`);
  if (access === 'write' && (type & PTR_UNTRUSTED) !== 0) env.fail('only read is supported');

  if (access === 'write' && (type & MEM_ALLOC) === 0 && writableObject(env) !== undefined) {
    checkKernelWrite(env, btf, structId, offset, size);
    return;
  }
  if (access === 'write' && !typeIsPointerAllocated(type)) env.fail('only read is supported');
  if ((type & MEM_ALLOC) !== 0 && (type & NON_OWN_REF) === 0 && (type & MEM_RCU) === 0 && w[base + REF_OBJ_ID] === 0) {
    env.fail('ref_obj_id for allocated object must be non-zero');
  }
  const found = btfStructAccess(env, type, handle, structId, offset, size);
  if (access !== 'read' || valueRegister < 0) return;
  if (found.type === PTR_TO_MEM) {
    setPointer(env.frame.w, valueRegister * ROW, PTR_TO_MEM | found.flags);
    return;
  }
  const flags = found.type === PTR_TO_BTF_ID ? trustOf(env, base, found) : 0;
  markBtfRegister(env, env.frame, valueRegister, found.type, handle, found.typeId, flags);
}

/** The kernel struct behind a map pointer, by map type; types without one cannot be looked into. */
const MAP_STRUCTS: ReadonlyMap<MapTypeName, string> = new Map<MapTypeName, string>([
  ['hash', 'bpf_htab'],
  ['array', 'bpf_array'],
  ['prog_array', 'bpf_array'],
  ['perf_event_array', 'bpf_array'],
  ['percpu_hash', 'bpf_htab'],
  ['percpu_array', 'bpf_array'],
  ['stack_trace', 'bpf_stack_map'],
  ['cgroup_array', 'bpf_array'],
  ['lru_hash', 'bpf_htab'],
  ['lru_percpu_hash', 'bpf_htab'],
  ['lpm_trie', 'lpm_trie'],
  ['array_of_maps', 'bpf_array'],
  ['hash_of_maps', 'bpf_htab'],
  ['devmap', 'bpf_dtab'],
  ['sockmap', 'bpf_stab'],
  ['cpumap', 'bpf_cpu_map'],
  ['xskmap', 'xsk_map'],
  ['sockhash', 'bpf_shtab'],
  ['cgroup_storage', 'bpf_cgroup_storage_map'],
  ['reuseport_sockarray', 'reuseport_array'],
  ['percpu_cgroup_storage', 'bpf_cgroup_storage_map'],
  ['queue', 'bpf_queue_stack'],
  ['stack', 'bpf_queue_stack'],
  ['sk_storage', 'bpf_local_storage_map'],
  ['devmap_hash', 'bpf_dtab'],
  ['struct_ops', 'bpf_struct_ops_map'],
  ['ringbuf', 'bpf_ringbuf_map'],
  ['inode_storage', 'bpf_local_storage_map'],
  ['task_storage', 'bpf_local_storage_map'],
  ['bloom_filter', 'bpf_bloom_filter'],
  ['user_ringbuf', 'bpf_ringbuf_map'],
  ['cgrp_storage', 'bpf_local_storage_map'],
  ['arena', 'bpf_arena'],
]);

/** Checks a load through a pointer to a map itself: the kernel's struct may be read. */
export function checkMapPointerAccess(
  env: Env,
  register: number,
  offset: number,
  size: number,
  access: 'read' | 'write',
  valueRegister: number,
): void {
  const map = env.maps[env.frame.w[register * ROW + AUX0]!]!;
  const btf = env.btfs[KERNEL_BTF];
  const name = MAP_STRUCTS.get(mapTypeName(map.type));
  const struct = name === undefined ? 0 : btf.findByName(name, BTF_KIND_STRUCT);
  if (name === undefined || struct <= 0) env.fail(`map_ptr access not supported for map type ${map.type}`);
  if (offset < 0) env.fail(`R${register} is ${name} invalid negative access: off=${offset}`);
  if (access !== 'read') env.fail(`only read from ${name} is supported`);
  const found = btfStructAccess(env, PTR_TO_BTF_ID, KERNEL_BTF, struct, offset, size);
  if (valueRegister < 0) return;
  markBtfRegister(env, env.frame, valueRegister, found.type, KERNEL_BTF, found.typeId, found.flags);
}

/** How far a pointer can be trusted that was read through another one. */
function trustOf(
  env: Env,
  base: number,
  found: { readonly typeId: number; readonly flags: number; readonly field: string },
): number {
  const w = env.frame.w;
  const type = w[base + TYPE]!;
  const structName = env.btfs[w[base + AUX1]!]!.name(w[base + AUX0]!);
  const listed = (table: ReadonlyMap<string, ReadonlySet<string>>): boolean =>
    table.get(structName)?.has(found.field) === true;
  if ((type & PTR_UNTRUSTED) !== 0) return PTR_UNTRUSTED;
  const inherited = found.flags & ~(PTR_TRUSTED | MEM_RCU);
  if (!isTrustedRegister(w, base) && !isRcuRegister(type)) return inherited;
  if (listed(SAFE_TRUSTED)) return found.flags | PTR_TRUSTED;
  if (listed(SAFE_TRUSTED_OR_NULL)) return found.flags | PTR_TRUSTED | PTR_MAYBE_NULL;
  if (!inRcuSection(env) || (type & PTR_MAYBE_NULL) !== 0) return PTR_UNTRUSTED;
  if (listed(SAFE_RCU)) return found.flags | MEM_RCU;
  const orNull = listed(SAFE_RCU_OR_NULL);
  if ((found.flags & MEM_RCU) !== 0 || orNull) {
    const flags = found.flags | MEM_RCU | PTR_MAYBE_NULL;
    return orNull ? flags & ~PTR_UNTRUSTED : flags;
  }
  if ((found.flags & (MEM_PERCPU | MEM_USER)) !== 0) return found.flags;
  return inherited;
}

function writableObject(env: Env): ReturnType<typeof WRITABLE_OBJECTS.get> {
  const { type, structOps } = env.program;
  return WRITABLE_OBJECTS.get(type === 'struct_ops' ? (structOps?.structName ?? '') : type);
}

/** A few fields of a few kernel objects may be written. */
function checkKernelWrite(env: Env, btf: Btf, structId: number, offset: number, size: number): void {
  const object = writableObject(env)!;
  const name = btf.name(structId);
  if (!object.structs.includes(name)) env.fail(object.otherwise);
  if (object.fields === 'all') {
    if (offset + size > btf.size(structId)) env.fail(`write access at off ${offset} with size ${size}`);
    return;
  }
  for (const field of object.fields) {
    const range = fieldRange(btf, field);
    if (range === undefined || offset < range.start || offset >= range.end) continue;
    if (offset !== range.start && !range.divisible) continue;
    if (offset + size <= range.end) return;
    env.fail(
      `write access at off ${offset} with size ${size} beyond the member of ${object.structs[0]} ended at ${range.end}`,
    );
  }
  env.fail(`no write support to ${object.structs[0]} at off ${offset}`);
}

/** Where a field lies: the structs that contain one another here all begin at offset 0. */
function fieldRange(
  btf: Btf,
  [structName, path]: WritableField,
): { readonly start: number; readonly end: number; readonly divisible: boolean } | undefined {
  let type = btf.findByName(structName, BTF_KIND_STRUCT);
  if (type <= 0) return undefined;
  let start = 0;
  for (const name of path.split('.')) {
    const found = namedMember(btf, type, name);
    if (found === undefined) return undefined;
    start += found.offset;
    type = btf.resolve(found.typeId);
  }
  const size = btf.resolveSize(type) ?? 0;
  return { start, end: start + size, divisible: btf.kind(type) === BTF_KIND_ARRAY };
}

/** A member by name, also inside of members without a name. */
function namedMember(btf: Btf, type: number, name: string): { offset: number; typeId: number } | undefined {
  for (const member of btf.members(type)) {
    const offset = member.bitOffset >> 3;
    if (member.name === name) return { offset, typeId: member.typeId };
    if (member.name !== '') continue;
    const inner = namedMember(btf, btf.resolve(member.typeId), name);
    if (inner !== undefined) return { offset: offset + inner.offset, typeId: inner.typeId };
  }
  return undefined;
}

/** Licenses under which a program may use what the kernel exports as GPL only (license_is_gpl_compatible). */
const GPL_COMPATIBLE: ReadonlySet<string> = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

export function isGplCompatible(license: string): boolean {
  return GPL_COMPATIBLE.has(license);
}
