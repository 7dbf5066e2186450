/** Local storage: one value per task, socket, inode or cgroup, found by its owner's address. It goes when its owner does. */
import { EEXIST, EINVAL, ENOENT } from '../errno.ts';
import { copyValue } from '../fields.ts';
import type { MapElement, MapSetup } from './map.ts';
import { BPF_EXIST, BPF_NOEXIST, BpfMap } from './map.ts';
import { HashTable } from './table.ts';

/** Flag of the *_storage_get helpers. */
export const STORAGE_GET_CREATE = 1n;

export class StorageMap extends BpfMap {
  readonly #table: HashTable;
  /** Where the owner's address is put to be looked up. */
  readonly #owner: number;

  constructor(setup: MapSetup) {
    super(setup, 'bpf_local_storage_map');
    this.#table = new HashTable(this.kernel.memory, 8, this.valueSize, `storage of ${this.name}`);
    this.#owner = this.kernel.memory.allocate(8, { access: 'none', label: `owner in ${this.name}` });
  }

  /** The value of an owner; with `create` a new one, zeroed or copied from `initial`. 0 when there is none. */
  get(owner: bigint, create: boolean, initial: number): number {
    this.kernel.memory.writeU64(this.#owner, owner);
    let element = this.#table.find(this.#owner);
    if (element === 0) {
      if (!create) return 0;
      element = this.#table.insert(this.#owner);
      if (initial !== 0)
        copyValue(this.kernel.memory, this.#table.value(element), initial, this.valueSize, this.fields);
    }
    return this.#table.value(element);
  }

  set(owner: bigint, value: number, flags: bigint): number {
    if (flags > BPF_EXIST) return -EINVAL;
    const exists = this.get(owner, false, 0) !== 0;
    if (exists && flags === BPF_NOEXIST) return -EEXIST;
    if (!exists && flags === BPF_EXIST) return -ENOENT;
    copyValue(this.kernel.memory, this.get(owner, true, 0), value, this.valueSize, this.fields);
    return 0;
  }

  remove(owner: bigint): number {
    this.kernel.memory.writeU64(this.#owner, owner);
    const element = this.#table.find(this.#owner);
    if (element === 0) return -ENOENT;
    this.kernel.heap.freeFields(this.#table.value(element), this.fields);
    this.#table.remove(element);
    return 0;
  }

  override advance(cursor: number): number {
    return cursor === 0 ? this.#table.first() : this.#table.next(cursor);
  }

  override elementAt(cursor: number): MapElement {
    return { key: this.#table.key(cursor), value: this.#table.value(cursor) };
  }

  override keyOfValue(value: number): number {
    return this.#table.key(this.#table.elementOfValue(value));
  }

  override get count(): number {
    return this.#table.count;
  }
}

/** The older kind: one value per cgroup (and attach type), for the program's own cgroup alone. It always exists. */
export class CgroupStorageMap extends BpfMap {
  readonly #table: HashTable;
  readonly #key: number;
  readonly #stride: number;
  readonly #perCpu: boolean;

  constructor(setup: MapSetup, perCpu: boolean) {
    super(setup, 'bpf_cgroup_storage_map');
    this.#perCpu = perCpu;
    this.#stride = (this.valueSize + 7) & ~7;
    const size = perCpu ? this.#stride * this.kernel.cpus : this.valueSize;
    this.#table = new HashTable(this.kernel.memory, 8, size, `storage of ${this.name}`);
    this.#key = this.kernel.memory.allocate(8, { access: 'none', label: `cgroup in ${this.name}` });
  }

  /** The storage of a cgroup, made when it is first asked for (the kernel makes it at attachment). */
  of(cgroup: bigint): number {
    this.kernel.memory.writeU64(this.#key, cgroup);
    let element = this.#table.find(this.#key);
    if (element === 0) element = this.#table.insert(this.#key);
    return this.#table.value(element) + (this.#perCpu ? this.#stride * this.kernel.cpu : 0);
  }

  override advance(cursor: number): number {
    return cursor === 0 ? this.#table.first() : this.#table.next(cursor);
  }

  override elementAt(cursor: number): MapElement {
    return { key: this.#table.key(cursor), value: this.#table.value(cursor) };
  }
}
