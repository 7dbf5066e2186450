/**
 * Objects that programs allocate (bpf_obj_new, bpf_percpu_obj_new), and what happens to special fields when the
 * memory around them goes: references in kptrs are released, lists and trees drained, timers cancelled.
 */
import type { Btf } from '../object/btf/btf.ts';
import type { SpecialField } from './fields.ts';
import { specialFields } from './fields.ts';
import type { Kernel } from './kernel.ts';
import type { StateMapCheckpoint } from './state.ts';
import { StateMap } from './state.ts';

export interface HeapObject {
  readonly offset: number;
  readonly size: number;
  /** Index into the heap's list of BTFs: a checkpoint holds numbers only. */
  readonly btf: number;
  readonly typeId: number;
  readonly typeName: string;
  /** One copy per CPU, `stride` apart. */
  readonly perCpu: boolean;
}

/** A type as programs allocate it, with what the kernel looks up about it at load. */
export interface ObjectType {
  readonly btf: number;
  readonly typeId: number;
  readonly typeName: string;
  readonly size: number;
  readonly fields: readonly SpecialField[];
  /** Offset of its bpf_refcount, or -1. */
  readonly refcount: number;
}

export interface HeapCheckpoint {
  readonly objects: StateMapCheckpoint<number, HeapObject>;
  readonly waiting: readonly number[];
}

/** Offsets within struct bpf_list_node_kern and bpf_rb_node_kern: the head that the node is linked to. */
export const LIST_NODE_OWNER = 16;
export const RB_NODE_OWNER = 24;

export class Heap {
  readonly #kernel: Kernel;
  readonly #objects = new StateMap<number, HeapObject>();
  readonly #btfs: Btf[] = [];
  readonly #types = new Map<string, ObjectType>();
  /** Freed, but still readable until the RCU readers are done. */
  #waiting: readonly number[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  type(btf: Btf, typeId: number): ObjectType {
    let index = this.#btfs.indexOf(btf);
    if (index < 0) index = this.#btfs.push(btf) - 1;
    const id = btf.resolve(typeId);
    const key = `${index}:${id}`;
    let type = this.#types.get(key);
    if (type === undefined) {
      const fields = specialFields(btf, id);
      const refcount = fields.find((field) => field.kind === 'refcount')?.offset ?? -1;
      type = { btf: index, typeId: id, typeName: btf.name(id), size: btf.resolveSize(id) ?? 0, fields, refcount };
      this.#types.set(key, type);
    }
    return type;
  }

  typeOf(object: HeapObject): ObjectType {
    return this.type(this.#btfs[object.btf]!, object.typeId);
  }

  allocate(btf: Btf, typeId: number, perCpu: boolean): HeapObject {
    const type = this.type(btf, typeId);
    const stride = this.stride(type.size);
    const label = `struct ${type.typeName}${perCpu ? ' __percpu' : ''}`;
    const offset = this.#kernel.memory.allocate(perCpu ? stride * this.#kernel.cpus : type.size, { label });
    const object: HeapObject = {
      offset,
      size: type.size,
      btf: type.btf,
      typeId: type.typeId,
      typeName: type.typeName,
      perCpu,
    };
    this.#objects.set(offset, object);
    if (type.refcount >= 0) this.#kernel.memory.writeU32(offset + type.refcount, 1);
    return object;
  }

  stride(size: number): number {
    return (size + 7) & ~7;
  }

  at(offset: number): HeapObject | undefined {
    return this.#objects.get(offset);
  }

  /** The object that an address lies in: of a list or tree node, the object around it. */
  around(offset: number): HeapObject | undefined {
    const exact = this.#objects.get(offset);
    if (exact !== undefined) return exact;
    const allocation = this.#kernel.memory.allocationAt(offset);
    return allocation === undefined ? undefined : this.#objects.get(allocation.offset);
  }

  objects(): readonly HeapObject[] {
    return this.#objects.values();
  }

  /** Counts a further reference; false when the object is already gone. */
  addReference(object: HeapObject): boolean {
    const refcount = this.typeOf(object).refcount;
    if (refcount < 0) return false;
    const count = this.#kernel.memory.readU32(object.offset + refcount);
    if (count === 0) return false;
    this.#kernel.memory.writeU32(object.offset + refcount, count + 1);
    return true;
  }

  /** Drops one reference, and with the last one the object. Returns whether it went. */
  drop(object: HeapObject): boolean {
    const type = this.typeOf(object);
    const memory = this.#kernel.memory;
    if (type.refcount >= 0) {
      const count = memory.readU32(object.offset + type.refcount) - 1;
      memory.writeU32(object.offset + type.refcount, count);
      if (count > 0) return false;
    }
    for (let cpu = 0; cpu < (object.perCpu ? this.#kernel.cpus : 1); cpu++) {
      this.freeFields(object.offset + cpu * this.stride(object.size), type.fields);
    }
    this.#objects.delete(object.offset);
    // What others may read under RCU (counted objects, and those with nodes in somebody's collection) goes when the readers are done.
    const visible =
      type.refcount >= 0 || type.fields.some((field) => field.kind === 'list_node' || field.kind === 'rb_node');
    if (visible && this.#kernel.inRcu()) this.#waiting = [...this.#waiting, object.offset];
    else memory.free(object.offset);
    return true;
  }

  /** The RCU readers are done: memory that waited for them goes. */
  graceEnds(): void {
    for (const offset of this.#waiting) this.#kernel.memory.free(offset);
    this.#waiting = [];
  }

  /** Lets go of what special fields hold, before their memory is freed or reused (kernel: bpf_obj_free_fields). */
  freeFields(base: number, fields: readonly SpecialField[]): void {
    const kernel = this.#kernel;
    const memory = kernel.memory;
    for (const field of fields) {
      const at = base + field.offset;
      switch (field.kind) {
        case 'spin_lock':
        case 'res_spin_lock':
        case 'refcount':
        case 'list_node':
        case 'rb_node':
        case 'untrusted_kptr':
        case 'uptr':
          break;
        case 'timer':
        case 'workqueue':
        case 'task_work':
          kernel.async.forget(at);
          memory.writeU64(at, 0n);
          break;
        case 'kptr':
        case 'percpu_kptr': {
          const pointer = memory.readU64(at);
          memory.writeU64(at, 0n);
          if (pointer !== 0n) kernel.dropStored(pointer);
          break;
        }
        case 'list_head':
          this.#drainList(at);
          break;
        case 'rb_root':
          this.#drainTree(at);
      }
    }
  }

  #drainList(head: number): void {
    const memory = this.#kernel.memory;
    const self = memory.pointer(head);
    let node = memory.readU64(head);
    while (node !== 0n && node !== self) {
      const at = this.#kernel.offset(node);
      const next = memory.readU64(at);
      memory.writeU64(at + LIST_NODE_OWNER, 0n);
      this.#kernel.dropStored(node);
      node = next;
    }
    memory.writeU64(head, self);
    memory.writeU64(head + 8, self);
  }

  #drainTree(root: number): void {
    const memory = this.#kernel.memory;
    const nodes: number[] = [];
    const visit = (pointer: bigint): void => {
      if (pointer === 0n) return;
      const node = this.#kernel.offset(pointer);
      visit(memory.readU64(node + 16));
      nodes.push(node);
      visit(memory.readU64(node + 8));
    };
    visit(memory.readU64(root));
    memory.writeU64(root, 0n);
    memory.writeU64(root + 8, 0n);
    for (const node of nodes) {
      memory.writeU64(node + RB_NODE_OWNER, 0n);
      this.#kernel.dropStored(memory.pointer(node));
    }
  }

  checkpoint(): HeapCheckpoint {
    return { objects: this.#objects.checkpoint(), waiting: this.#waiting };
  }

  restore(checkpoint: HeapCheckpoint): void {
    this.#objects.restore(checkpoint.objects);
    this.#waiting = checkpoint.waiting;
  }
}
