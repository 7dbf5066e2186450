/**
 * What all kinds of maps have in common. A map's contents lie in linear memory, at addresses that stay what they are
 * as long as an element lives; an operation takes offsets of keys and values there, and returns 0 or a negative errno.
 */
import type { MapDefinition } from '../../object/program.ts';
import { EOPNOTSUPP } from '../errno.ts';
import type { SpecialField } from '../fields.ts';
import { latin1, writeBytes } from '../bytes.ts';
import type { Kernel } from '../kernel.ts';
import { writeField } from '../layout.ts';

export const BPF_ANY = 0n;
export const BPF_NOEXIST = 1n;
export const BPF_EXIST = 2n;
export const BPF_F_LOCK = 4n;

export interface MapSetup {
  readonly kernel: Kernel;
  readonly id: number;
  readonly definition: MapDefinition;
  /** As the scenario may override it. */
  readonly maxEntries: number;
  readonly fields: readonly SpecialField[];
}

/** One element as views and iterations see it: offsets of key and value in linear memory. */
export interface MapElement {
  readonly key: number;
  readonly value: number;
}

export abstract class BpfMap {
  readonly kernel: Kernel;
  readonly id: number;
  readonly definition: MapDefinition;
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly fields: readonly SpecialField[];
  /** Of its struct bpf_map: what a program holds as the map. */
  readonly address: bigint;

  constructor(setup: MapSetup, structName: string) {
    const { kernel, definition } = setup;
    this.kernel = kernel;
    this.id = setup.id;
    this.definition = definition;
    this.name = definition.name;
    this.type = definition.type;
    this.keySize = definition.keySize;
    this.valueSize = definition.valueSize;
    this.maxEntries = setup.maxEntries;
    this.flags = definition.flags;
    this.fields = setup.fields;
    this.address = kernel.memory.pointer(this.#makeStruct(structName));
  }

  /** The value of a key as the running CPU sees it; 0 when there is none. */
  lookup(_key: number): number {
    return 0;
  }

  /** The same for somebody who only looks: what an LRU map used last stays what it is. */
  valueOf(key: number): number {
    return this.lookup(key);
  }

  /** The value that another CPU sees. Of maps without per-CPU values, the value. */
  lookupCpu(key: number, _cpu: number): number {
    return this.lookup(key);
  }

  update(_key: number, _value: number, _flags: bigint): number {
    return -EOPNOTSUPP;
  }

  delete(_key: number): number {
    return -EOPNOTSUPP;
  }

  push(_value: number, _flags: bigint): number {
    return -EOPNOTSUPP;
  }

  /** Copies the next value out; `remove` also takes it. */
  peek(_value: number, _remove: boolean): number {
    return -EOPNOTSUPP;
  }

  /** The element after a cursor (0: the first one), or 0 at the end. A cursor is plain data and survives changes of other elements. */
  advance(_cursor: number): number {
    return 0;
  }

  /** The element at a cursor, its value as the running CPU sees it. */
  elementAt(_cursor: number): MapElement {
    return { key: 0, value: 0 };
  }

  /** For values whose key a callback gets: where it can be read. */
  keyOfValue(_value: number): number {
    return this.kernel.scratch(8);
  }

  /** Where the contents of a global data map lie. */
  valueAddress(_offset: number): bigint {
    return 0n;
  }

  /** bpf_map_sum_elem_count and views. */
  get count(): number {
    let count = 0;
    for (let cursor = this.advance(0); cursor !== 0; cursor = this.advance(cursor)) count++;
    return count;
  }

  /** Elements in the order of iteration, each to be read before the next is asked for (the key of an array's element exists only so long): of arrays by index, of hash tables by age, of LRU tables by use, of tries as the kernel walks them. */
  *elements(): Generator<MapElement> {
    for (let cursor = this.advance(0); cursor !== 0; cursor = this.advance(cursor)) yield this.elementAt(cursor);
  }

  /** The map's own object goes when the kernel does; contents set by a previous run stay. */
  protected special(kind: SpecialField['kind']): SpecialField | undefined {
    return this.fields.find((field) => field.kind === kind);
  }

  /** Flags of an update that all keyed maps refuse alike. */
  protected badUpdateFlags(flags: bigint): boolean {
    if ((flags & ~BPF_F_LOCK) > BPF_EXIST) return true;
    return (
      (flags & BPF_F_LOCK) !== 0n &&
      this.special('spin_lock') === undefined &&
      this.special('res_spin_lock') === undefined
    );
  }

  #makeStruct(structName: string): number {
    const { layouts, memory } = this.kernel;
    const common = layouts.struct('bpf_map');
    const layout = layouts.find(structName) ?? common;
    const at = memory.allocate(Math.max(layout.size, common.size), { access: 'ro', label: `map ${this.name}` });
    const set = (field: string, value: number): void => {
      const found = common.find(field);
      if (found !== undefined) writeField(memory, at, found, BigInt(value));
    };
    set('map_type', this.type);
    set('key_size', this.keySize);
    set('value_size', this.valueSize);
    set('max_entries', this.maxEntries);
    set('map_flags', this.flags);
    set('id', this.id);
    const name = common.find('name');
    if (name !== undefined) writeBytes(memory, at + name.offset, latin1(this.name.slice(0, 15)));
    // A cast to the map's own struct (struct bpf_array) sees the size of its elements.
    const element = layout.find('elem_size');
    if (element !== undefined && layout !== common) writeField(memory, at, element, BigInt((this.valueSize + 7) & ~7));
    return at;
  }
}
