/** All maps of a run: made from the object's definitions, filled from the object's data and the scenario. */
import { BailoutError } from '../../errors.ts';
import type { Btf } from '../../object/btf/btf.ts';
import type { MapDefinition, ObjectFile } from '../../object/program.ts';
import { fillBytes } from '../bytes.ts';
import { specialFields } from '../fields.ts';
import type { Kernel } from '../kernel.ts';
import { writeValue } from '../objects/values.ts';
import type { MapScenario } from '../scenario.ts';
import { hexBytes } from '../scenario.ts';
import { ArenaMap } from './arena.ts';
import { ArrayMap } from './array.ts';
import { HashMap } from './hash.ts';
import type { BpfMap, MapSetup } from './map.ts';
import { BPF_ANY } from './map.ts';
import { BloomFilterMap, QueueMap } from './queue.ts';
import { ReferenceMap } from './references.ts';
import { RingBufferMap, UserRingBufferMap } from './ringbuf.ts';
import { CgroupStorageMap, StorageMap } from './storage.ts';
import { TrieMap } from './trie.ts';

/** BPF_MAP_TYPE_*. */
export const MapType = {
  hash: 1,
  array: 2,
  progArray: 3,
  perfEventArray: 4,
  perCpuHash: 5,
  perCpuArray: 6,
  stackTrace: 7,
  cgroupArray: 8,
  lruHash: 9,
  lruPerCpuHash: 10,
  lpmTrie: 11,
  arrayOfMaps: 12,
  hashOfMaps: 13,
  devMap: 14,
  sockMap: 15,
  cpuMap: 16,
  xskMap: 17,
  sockHash: 18,
  cgroupStorage: 19,
  reuseportSockArray: 20,
  perCpuCgroupStorage: 21,
  queue: 22,
  stack: 23,
  skStorage: 24,
  devMapHash: 25,
  structOps: 26,
  ringBuffer: 27,
  inodeStorage: 28,
  taskStorage: 29,
  bloomFilter: 30,
  userRingBuffer: 31,
  cgroupLocalStorage: 32,
  arena: 33,
} as const;

/** Maps are made before a run and never go: only their number matters. */
export interface MapStoreCheckpoint {
  readonly count: number;
}

const PAGE_SIZE = 4096;
const MAX_MAP_BYTES = 1 << 30;

export class MapStore {
  readonly #kernel: Kernel;
  #maps: BpfMap[] = [];
  readonly #byDefinition = new Map<MapDefinition, BpfMap>();
  /** By the offset of its struct bpf_map. */
  readonly #byAddress = new Map<number, BpfMap>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  load(object: ObjectFile): void {
    if (object.maps.every((definition) => this.#byDefinition.has(definition))) return;
    for (const definition of object.maps) this.make(definition, object.btf);
    for (const definition of object.maps) this.#fillSlots(definition);
    this.#setGlobals(object);
    for (const definition of object.maps) this.#fill(definition, object.btf);
    for (const definition of object.maps) {
      const map = this.#byDefinition.get(definition);
      if (definition.frozen && map instanceof ArrayMap) map.freeze();
    }
  }

  /** The map of a definition, made when it does not exist yet. */
  make(definition: MapDefinition, btf: Btf | undefined): BpfMap {
    const known = this.#byDefinition.get(definition);
    if (known !== undefined) return known;
    const map = this.#create(definition, btf);
    this.#byDefinition.set(definition, map);
    return map;
  }

  all(): readonly BpfMap[] {
    return this.#maps;
  }

  of(definition: MapDefinition): BpfMap {
    const map = this.#byDefinition.get(definition);
    if (map === undefined) throw new BailoutError('MAP_NOT_LOADED', `Map ${definition.name} was not loaded.`);
    return map;
  }

  byId(id: number): BpfMap | undefined {
    return this.#maps[id - 1];
  }

  byName(name: string): BpfMap | undefined {
    return this.#maps.find((map) => map.name === name);
  }

  /** The map that a program's map pointer means. */
  byAddress(address: bigint): BpfMap | undefined {
    const offset = this.#kernel.memory.offset(address);
    return offset === undefined ? undefined : this.#byAddress.get(offset);
  }

  /** The arena that an offset lies in: what is not allocated there reads as 0 and swallows stores, as arena accesses do in the kernel. */
  arenaAt(offset: number): ArenaMap | undefined {
    for (const map of this.#maps) if (map instanceof ArenaMap && map.contains(offset)) return map;
    return undefined;
  }

  /** A record for user space. */
  emit(map: BpfMap, bytes: Uint8Array, kind: 'ringbuf' | 'perf'): void {
    this.#kernel.print({ kind, text: '', map: map.name, bytes, at: this.#kernel.here });
    this.#kernel.observer.emitted?.(map.id, bytes);
  }

  userSpaceReads(): void {
    for (const map of this.#maps) if (map instanceof RingBufferMap) map.consume();
  }

  checkpoint(): MapStoreCheckpoint {
    return { count: this.#maps.length };
  }

  restore(checkpoint: MapStoreCheckpoint): void {
    for (const map of this.#maps.splice(checkpoint.count)) {
      this.#byAddress.delete(this.#kernel.offset(map.address));
      this.#byDefinition.delete(map.definition);
    }
  }

  #create(definition: MapDefinition, btf: Btf | undefined): BpfMap {
    const scenario = this.#scenario(definition);
    const id = this.#maps.length + 1;
    const fields = specialFields(btf, definition.valueTypeId);
    const maxEntries = this.#maxEntries(definition, scenario);
    const size = maxEntries * Math.max(definition.valueSize, 1);
    if (definition.type === MapType.array && size > MAX_MAP_BYTES) {
      throw new BailoutError('MAP_TOO_LARGE', `Map ${definition.name} would take ${size} bytes.`, {
        hint: 'Give it fewer entries in the scenario (maps.NAME.maxEntries).',
      });
    }
    const map = createMap({ kernel: this.#kernel, id, definition, maxEntries, fields }, scenario);
    this.#maps.push(map);
    this.#byAddress.set(this.#kernel.offset(map.address), map);
    return map;
  }

  #scenario(definition: MapDefinition): MapScenario | undefined {
    const maps = this.#kernel.scenario.maps;
    return maps !== undefined && Object.hasOwn(maps, definition.name) ? maps[definition.name] : undefined;
  }

  #maxEntries(definition: MapDefinition, scenario: MapScenario | undefined): number {
    const entries = scenario?.maxEntries ?? definition.maxEntries;
    switch (definition.type) {
      case MapType.perfEventArray:
        return entries === 0 ? this.#kernel.cpus : entries;
      case MapType.ringBuffer:
      case MapType.userRingBuffer: {
        // The loader rounds up to a power of two of whole pages.
        let size = PAGE_SIZE;
        while (size < entries && size < 2 ** 30) size *= 2;
        return size;
      }
      default:
        return entries;
    }
  }

  /** Static slots of the object, then the scenario's: programs and maps by name. */
  #fillSlots(definition: MapDefinition): void {
    const map = this.of(definition);
    if (!(map instanceof ReferenceMap)) return;
    const slots = new Map<number, string>((definition.innerValues ?? []).map((value) => [value.slot, value.name]));
    for (const [slot, name] of Object.entries(this.#scenario(definition)?.slots ?? {})) slots.set(Number(slot), name);
    for (const [slot, name] of slots) {
      const key = this.#kernel.scratch(Math.max(8, map.keySize));
      this.#kernel.memory.writeU32(key, slot);
      const target = this.#target(map, name);
      if (target !== 0n) map.setTarget(key, target, BPF_ANY);
    }
  }

  #target(map: ReferenceMap, name: string): bigint {
    if (map.kind === 'program') {
      const program = this.#kernel.programByName(name);
      return program === undefined ? 0n : BigInt(this.#kernel.addProgram(program) + 1);
    }
    if (map.kind === 'map') {
      const inner = map.definition.inner;
      if (name === 'new' && inner !== undefined) return this.#create(inner, undefined).address;
      return this.byName(name)?.address ?? 0n;
    }
    return this.#kernel.world.reference(name);
  }

  #setGlobals(object: ObjectFile): void {
    const globals = this.#kernel.scenario.globals;
    const btf = object.btf;
    if (globals === undefined || btf === undefined) return;
    for (const definition of object.maps) {
      if (definition.origin === 'user' || definition.origin === 'struct_ops') continue;
      const map = this.of(definition);
      for (const variable of btf.sectionVariables(btf.resolve(definition.valueTypeId))) {
        const name = btf.name(variable.typeId);
        if (!Object.hasOwn(globals, name)) continue;
        // Of all kinds of value addresses (an arena's too) the lower half is the offset.
        const at = Number(map.valueAddress(variable.offset) & 0xffffffffn);
        writeValue(this.#kernel, btf, btf.typeId(variable.typeId), at, variable.size, globals[name]!);
      }
    }
  }

  #fill(definition: MapDefinition, btf: Btf | undefined): void {
    const map = this.of(definition);
    const memory = this.#kernel.memory;
    const entries = this.#scenario(definition)?.entries ?? [];
    if (entries.length === 0) return;
    const key = memory.allocate(Math.max(8, map.keySize), { access: 'none', label: 'key from the scenario' });
    const value = memory.allocate(Math.max(8, map.valueSize), { access: 'none', label: 'value from the scenario' });
    const cpu = this.#kernel.cpu;
    for (const entry of entries) {
      fillBytes(memory, key, map.keySize, 0);
      if (entry.key !== undefined) writeValue(this.#kernel, btf, definition.keyTypeId, key, map.keySize, entry.key);
      const perCpu = isPerCpu(map.type)
        ? Array.isArray(entry.value)
          ? entry.value
          : this.#forEachCpu(entry.value)
        : [entry.value];
      for (const [index, content] of perCpu.entries()) {
        if (isPerCpu(map.type)) this.#kernel.cpu = index;
        fillBytes(memory, value, map.valueSize, 0);
        writeValue(this.#kernel, btf, definition.valueTypeId, value, map.valueSize, content);
        this.#put(map, key, value, entry.owner);
      }
      this.#kernel.cpu = cpu;
    }
    memory.free(key);
    memory.free(value);
  }

  #put(map: BpfMap, key: number, value: number, owner: string | undefined): void {
    let result: number;
    if (map instanceof StorageMap) result = map.set(this.#kernel.world.reference(owner ?? ''), value, BPF_ANY);
    else if (map instanceof QueueMap || map instanceof BloomFilterMap) result = map.push(value, BPF_ANY);
    else result = map.update(key, value, BPF_ANY);
    if (result !== 0) {
      throw new BailoutError(
        'SCENARIO_MAP_ENTRY',
        `The scenario's entry for map ${map.name} was refused (errno ${-result}).`,
      );
    }
  }

  #forEachCpu<T>(value: T): T[] {
    return Array.from({ length: this.#kernel.cpus }, () => value);
  }
}

function isPerCpu(type: number): boolean {
  return type === MapType.perCpuArray || type === MapType.perCpuHash || type === MapType.lruPerCpuHash;
}

function createMap(setup: MapSetup, scenario: MapScenario | undefined): BpfMap {
  const samples = scenario?.samples?.map(hexBytes) ?? [];
  switch (setup.definition.type) {
    case MapType.array:
    case MapType.structOps:
      return new ArrayMap(setup, false);
    case MapType.perCpuArray:
      return new ArrayMap(setup, true);
    case MapType.hash:
    case MapType.stackTrace:
      return new HashMap(setup, { lru: false, perCpu: false });
    case MapType.perCpuHash:
      return new HashMap(setup, { lru: false, perCpu: true });
    case MapType.lruHash:
      return new HashMap(setup, { lru: true, perCpu: false });
    case MapType.lruPerCpuHash:
      return new HashMap(setup, { lru: true, perCpu: true });
    case MapType.lpmTrie:
      return new TrieMap(setup);
    case MapType.queue:
      return new QueueMap(setup, false);
    case MapType.stack:
      return new QueueMap(setup, true);
    case MapType.bloomFilter:
      return new BloomFilterMap(setup);
    case MapType.ringBuffer:
      return new RingBufferMap(setup);
    case MapType.userRingBuffer:
      return new UserRingBufferMap(setup, samples);
    case MapType.skStorage:
    case MapType.inodeStorage:
    case MapType.taskStorage:
    case MapType.cgroupLocalStorage:
      return new StorageMap(setup);
    case MapType.cgroupStorage:
      return new CgroupStorageMap(setup, false);
    case MapType.perCpuCgroupStorage:
      return new CgroupStorageMap(setup, true);
    case MapType.progArray:
      return new ReferenceMap(setup, 'program', true);
    case MapType.arrayOfMaps:
      return new ReferenceMap(setup, 'map', true);
    case MapType.hashOfMaps:
      return new ReferenceMap(setup, 'map', false);
    case MapType.devMap:
      return new ReferenceMap(setup, 'device', true);
    case MapType.devMapHash:
      return new ReferenceMap(setup, 'device', false);
    case MapType.cpuMap:
      return new ReferenceMap(setup, 'cpu', true);
    case MapType.sockMap:
    case MapType.xskMap:
    case MapType.reuseportSockArray:
      return new ReferenceMap(setup, 'socket', true);
    case MapType.sockHash:
      return new ReferenceMap(setup, 'socket', false);
    case MapType.perfEventArray:
    case MapType.cgroupArray:
      return new ReferenceMap(setup, 'event', true);
    case MapType.arena:
      return new ArenaMap(setup);
    default:
      throw new BailoutError(
        'MAP_TYPE_UNKNOWN',
        `Map ${setup.definition.name} has the unknown type ${setup.definition.type}.`,
      );
  }
}
