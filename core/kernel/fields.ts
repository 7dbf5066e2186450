/**
 * Special fields: parts of a map value or allocated object that belong to the kernel (locks, timers, kptrs, lists,
 * trees, counts), found by the names of their types and by BTF tags (kernel: btf_parse_fields).
 *
 * A program's copy of a value never overwrites them, and what they hold is let go when the value goes.
 */
import type { Btf } from '../object/btf/btf.ts';
import {
  BTF_KIND_ARRAY,
  BTF_KIND_DATASEC,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_TYPE_TAG,
  BTF_KIND_UNION,
} from '../object/btf/kinds.ts';
import { copyWithin } from './bytes.ts';
import type { Memory } from './memory.ts';

export type SpecialKind =
  | 'spin_lock'
  | 'res_spin_lock'
  | 'timer'
  | 'workqueue'
  | 'task_work'
  | 'kptr'
  | 'percpu_kptr'
  | 'untrusted_kptr'
  | 'uptr'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'refcount';

export interface SpecialField {
  readonly kind: SpecialKind;
  readonly offset: number;
  readonly size: number;
  /** Of a kptr: the pointee, in the BTF that it was found in. */
  readonly typeId: number;
  /** Of a kptr: the name of the pointee's struct. Of a list head or root: the struct that it contains. */
  readonly typeName: string;
  /** Of a list head or root: the name of the node's member in that struct. */
  readonly node: string;
}

const BY_NAME: Readonly<Record<string, SpecialKind>> = {
  bpf_spin_lock: 'spin_lock',
  bpf_res_spin_lock: 'res_spin_lock',
  bpf_timer: 'timer',
  bpf_wq: 'workqueue',
  bpf_task_work: 'task_work',
  bpf_list_head: 'list_head',
  bpf_list_node: 'list_node',
  bpf_rb_root: 'rb_root',
  bpf_rb_node: 'rb_node',
  bpf_refcount: 'refcount',
};

const BY_TAG: Readonly<Record<string, SpecialKind>> = {
  kptr: 'kptr',
  kptr_untrusted: 'untrusted_kptr',
  percpu_kptr: 'percpu_kptr',
  uptr: 'uptr',
};

const NONE: readonly SpecialField[] = [];
const MAX_DEPTH = 8;
const MAX_FIELDS = 4096;

/** The special fields of a struct (or the variables of a section), by ascending offset. */
export function specialFields(btf: Btf | undefined, typeId: number): readonly SpecialField[] {
  if (btf === undefined || typeId === 0) return NONE;
  const found: SpecialField[] = [];
  const root = btf.resolve(typeId);
  if (btf.kind(root) === BTF_KIND_DATASEC) {
    for (const variable of btf.sectionVariables(root)) {
      collect(btf, btf.typeId(variable.typeId), variable.offset, found, 0, variable.typeId, -1);
    }
  } else collect(btf, root, 0, found, 0, 0, -1);
  return found.length === 0 ? NONE : found.sort((a, b) => a.offset - b.offset);
}

function collect(
  btf: Btf,
  typeId: number,
  offset: number,
  found: SpecialField[],
  depth: number,
  owner: number,
  component: number,
): void {
  if (depth > MAX_DEPTH || found.length >= MAX_FIELDS) return;
  const id = btf.resolve(typeId);
  switch (btf.kind(id)) {
    case BTF_KIND_PTR:
      collectPointer(btf, id, offset, found);
      return;
    case BTF_KIND_ARRAY: {
      const element = btf.typeId(id);
      const size = btf.resolveSize(element) ?? 0;
      const before = found.length;
      const count = btf.arrayCount(id);
      for (let i = 0; i < count; i++) {
        collect(btf, element, offset + i * size, found, depth + 1, owner, component);
        if (found.length === before || size === 0) return;
      }
      return;
    }
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION: {
      const kind = Object.hasOwn(BY_NAME, btf.name(id)) ? BY_NAME[btf.name(id)] : undefined;
      if (kind !== undefined) {
        const contains = kind === 'list_head' || kind === 'rb_root' ? containsTag(btf, owner, component) : undefined;
        found.push({
          kind,
          offset,
          size: btf.size(id),
          typeId: id,
          typeName: contains?.typeName ?? btf.name(id),
          node: contains?.node ?? '',
        });
        return;
      }
      for (let i = 0; i < btf.count(id); i++) {
        collect(btf, btf.memberTypeId(id, i), offset + (btf.memberBitOffset(id, i) >> 3), found, depth + 1, id, i);
      }
      return;
    }
    default:
  }
}

function collectPointer(btf: Btf, pointer: number, offset: number, found: SpecialField[]): void {
  const tag = btf.typeId(pointer);
  if (btf.kind(tag) !== BTF_KIND_TYPE_TAG) return;
  const kind = Object.hasOwn(BY_TAG, btf.name(tag)) ? BY_TAG[btf.name(tag)] : undefined;
  if (kind === undefined) return;
  const typeId = btf.resolve(btf.typeId(tag));
  found.push({ kind, offset, size: 8, typeId, typeName: btf.name(typeId), node: '' });
}

/** The declaration tag `contains:STRUCT:MEMBER` of a list head or root: on a variable, or on a struct's member. */
function containsTag(btf: Btf, owner: number, component: number): { typeName: string; node: string } | undefined {
  for (const tag of btf.declTags(owner)) {
    if (!tag.text.startsWith('contains:') || tag.component !== component) continue;
    const [, typeName, node] = tag.text.split(':');
    if (typeName !== undefined && node !== undefined) return { typeName, node };
  }
  return undefined;
}

/** Copies a value, leaving out what belongs to the kernel (kernel: copy_map_value). */
export function copyValue(
  memory: Memory,
  to: number,
  from: number,
  size: number,
  fields: readonly SpecialField[],
): void {
  let done = 0;
  for (const field of fields) {
    copyWithin(memory, to + done, from + done, field.offset - done);
    done = field.offset + field.size;
  }
  copyWithin(memory, to + done, from + done, size - done);
}
