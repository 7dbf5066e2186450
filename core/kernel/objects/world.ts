/**
 * The kernel's own objects: tasks, cgroups, sockets, devices, files, keys… as the scenario describes them, laid out in
 * linear memory by the kernel's BTF, each with a count of references. An object is made when somebody first asks for it.
 */
import { BailoutError } from '../../errors.ts';
import type { Btf } from '../../object/btf/btf.ts';
import { BTF_KIND_ARRAY, BTF_KIND_DATASEC, BTF_KIND_FUNC, BTF_KIND_VAR } from '../../object/btf/kinds.ts';
import type { Call } from '../behaviour.ts';
import type { Kernel } from '../kernel.ts';
import { readField, writeField } from '../layout.ts';
import type { ScenarioValue } from '../scenario.ts';
import type { StateMapCheckpoint } from '../state.ts';
import { StateMap } from '../state.ts';
import type { BelongingsCheckpoint } from './belongings.ts';
import { Belongings } from './belongings.ts';
import { makeDevice, makeNamespace, makeSocket, socketView } from './network.ts';
import { cgroupAncestor, cgroupOfTask, makeCgroup, makeFile, makeTask } from './tasks.ts';
import { writeFields, writeValue } from './values.ts';

export interface KernelObject {
  readonly offset: number;
  /** Name of the struct. */
  readonly struct: string;
  /** `task:1000`; objects that a call made have none of their own and go with the last reference. */
  readonly name: string;
  readonly references: number;
  readonly temporary: boolean;
}

export interface WorldCheckpoint {
  readonly objects: StateMapCheckpoint<number, KernelObject>;
  readonly byName: StateMapCheckpoint<string, number>;
  readonly texts: StateMapCheckpoint<number, string>;
  readonly views: StateMapCheckpoint<number, number>;
  readonly perCpu: StateMapCheckpoint<number, number>;
  readonly belongings: BelongingsCheckpoint;
}

export class World {
  readonly kernel: Kernel;
  readonly #objects = new StateMap<number, KernelObject>();
  readonly #byName = new StateMap<string, number>();
  /** What has no place in memory: the path of a file, the text of a key. */
  readonly #texts = new StateMap<number, string>();
  /** Second faces of an object (struct bpf_sock of a socket), to the object. */
  readonly #views = new StateMap<number, number>();
  /** Per-CPU variables and their stride. */
  readonly #perCpu = new StateMap<number, number>();

  readonly belongings: Belongings;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.belongings = new Belongings(kernel);
  }

  // ---- finding --------------------------------------------------------------------------------------------------------

  /** A pointer to what a scenario calls `task:1000`, `cgroup:7`, `socket:web`, `device:2`, `file:/bin/sh`, `map:NAME`, or one of its objects. */
  reference(name: string): bigint {
    const offset = this.find(name);
    if (offset === 0)
      throw new BailoutError('SCENARIO_NO_OBJECT', `The scenario refers to "${name}", which it does not describe.`);
    return this.kernel.memory.pointer(offset);
  }

  /** The offset of a named object, or 0. */
  find(name: string): number {
    const known = this.#byName.get(name);
    return known ?? this.belongings.keep(() => this.#make(name));
  }

  /** What has a name is there for all runs. */
  #make(name: string): number {
    const [kind, id = ''] = splitName(name);
    switch (kind) {
      case 'task':
        return makeTask(this, Number(id));
      case 'cgroup':
        return makeCgroup(this, Number(id));
      case 'file':
        return makeFile(this, id);
      case 'socket':
        return makeSocket(this, id);
      case 'device':
        return makeDevice(this, Number(id));
      case 'net':
        return makeNamespace(this);
      case 'map':
        return this.kernel.memory.offset(this.kernel.maps.byName(id)?.address ?? 0n) ?? 0;
      default: {
        const objects = this.kernel.scenario.objects ?? {};
        const object = Object.hasOwn(objects, name) ? objects[name] : undefined;
        if (object === undefined) return 0;
        const offset = this.make(object.struct, name);
        this.setFields(offset, object.struct, object.fields ?? {});
        return offset;
      }
    }
  }

  /** The object at an address, or the one whose second face lies there. */
  at(offset: number): KernelObject | undefined {
    return this.#objects.get(this.#views.get(offset) ?? offset);
  }

  /** The object behind a pointer that a program passed; undefined when there is none. */
  behind(pointer: bigint): KernelObject | undefined {
    const offset = this.kernel.memory.offset(pointer);
    return offset === undefined ? undefined : this.at(offset);
  }

  all(): readonly KernelObject[] {
    return this.#objects.values();
  }

  get currentTask(): number {
    return this.find(`task:${this.currentPid}`);
  }

  get currentPid(): number {
    const { currentTask, tasks } = this.kernel.scenario;
    return currentTask ?? tasks?.[0]?.pid ?? 1000;
  }

  // ---- making ---------------------------------------------------------------------------------------------------------

  /** A zeroed object of a kernel struct. `extra` bytes follow it, for arrays at its end. */
  make(
    struct: string,
    name: string,
    options: { readonly extra?: number; readonly temporary?: boolean; readonly writable?: boolean } = {},
  ): number {
    const layout = this.kernel.layouts.struct(struct);
    const extra = (options.extra ?? 0) + (endsOpen(this.kernel.btf, layout.typeId) ? FLEXIBLE_ROOM : 0);
    const label = name === '' ? `struct ${struct}` : name;
    // Programs read kernel objects. Some fields of some structs may be written by struct_ops: which ones, the verifier decides.
    const access = options.writable === true || this.kernel.running?.type === 'struct_ops' ? 'rw' : 'ro';
    const offset = this.kernel.memory.allocate(layout.size + extra, { label, access });
    this.#objects.set(offset, { offset, struct, name, references: 1, temporary: options.temporary ?? false });
    if (name !== '') this.#byName.set(name, offset);
    return offset;
  }

  /** An object that the scenario describes in place. */
  makeObject(struct: string, fields: Readonly<Record<string, ScenarioValue>>): bigint {
    const offset = this.make(struct, '', { writable: true });
    this.setFields(offset, struct, fields);
    return this.kernel.memory.pointer(offset);
  }

  setFields(offset: number, struct: string, fields: Readonly<Record<string, ScenarioValue>>): void {
    writeFields(this.kernel, this.kernel.btf, this.kernel.layouts.struct(struct).typeId, offset, fields);
  }

  /** Sets a field where this kernel has it: some come and go with versions and configurations. */
  set(offset: number, struct: string, path: string, value: bigint | number): void {
    const field = this.kernel.layouts.struct(struct).find(path);
    if (field !== undefined) writeField(this.kernel.memory, offset, field, BigInt(value));
  }

  point(offset: number, struct: string, path: string, to: number): void {
    this.set(offset, struct, path, to === 0 ? 0n : this.kernel.memory.pointer(to));
  }

  get(offset: number, struct: string, path: string): bigint {
    const field = this.kernel.layouts.struct(struct).find(path);
    return field === undefined ? 0n : readField(this.kernel.memory, offset, field);
  }

  text(offset: number): string | undefined {
    return this.#texts.get(offset);
  }

  setText(offset: number, text: string): void {
    this.#texts.set(offset, text);
  }

  /** Another struct at another address that stands for the same object. */
  addView(view: number, object: number): void {
    this.#views.set(view, object);
  }

  viewsOf(object: number): readonly number[] {
    return this.#views
      .entries()
      .filter(([, of]) => of === object)
      .map(([view]) => view);
  }

  // ---- references -----------------------------------------------------------------------------------------------------

  addReference(object: KernelObject): void {
    this.#count(object, object.references + 1);
  }

  /** Drops a reference; a temporary object goes with the last one. Returns whether it went. */
  drop(object: KernelObject): boolean {
    if (object.references > 1 || !object.temporary) {
      this.#count(object, Math.max(object.references - 1, 0));
      return false;
    }
    return this.remove(object.offset);
  }

  /** Ends the object at an offset, however many references there are. Returns whether there was one. */
  remove(offset: number): boolean {
    if (!this.#objects.delete(offset)) return false;
    for (const view of this.viewsOf(offset)) {
      this.#views.delete(view);
      this.kernel.memory.free(view);
    }
    this.#texts.delete(offset);
    this.kernel.memory.free(offset);
    return true;
  }

  #count(object: KernelObject, references: number): void {
    this.#objects.set(object.offset, { ...object, references });
    // Programs can see the count of a task.
    if (object.struct === 'task_struct') this.set(object.offset, 'task_struct', 'rcu_users.refs.counter', references);
    if (object.struct === 'bpf_cpumask') this.set(object.offset, 'bpf_cpumask', 'usage.refs.counter', references);
  }

  /** A socket that leaves a map or lookup: the face of it that programs see, counted and entered in the ledger. */
  handOutSocket(call: Call, socket: number): bigint {
    const object = this.at(socket);
    if (object === undefined) return 0n;
    this.addReference(object);
    const pointer = this.kernel.memory.pointer(socketView(this, object.offset));
    this.kernel.acquire(call, 'reference', 'struct bpf_sock', pointer, 'bpf_sk_release');
    return pointer;
  }

  /** Whether a task is in a cgroup or below it. */
  isUnder(task: number, cgroup: number): boolean {
    const own = cgroupOfTask(this, task);
    return cgroupAncestor(this, own, Number(this.get(cgroup, 'cgroup', 'level'))) === cgroup;
  }

  // ---- variables ------------------------------------------------------------------------------------------------------

  /** The address of a kernel variable by BTF id; of a per-CPU one, of CPU 0's copy. */
  variable(btfId: number): bigint {
    const { btf, memory } = this.kernel;
    const key = `variable:${btfId}`;
    const known = this.#byName.get(key);
    if (known !== undefined) return memory.pointer(known);
    if (btf.kind(btfId) === BTF_KIND_FUNC) return this.symbol(btf.name(btfId));
    if (btf.kind(btfId) !== BTF_KIND_VAR)
      throw new BailoutError('KERNEL_NO_VARIABLE', `Type ${btfId} of the kernel's BTF is no variable.`);
    const name = btf.name(btfId);
    const size = btf.resolveSize(btf.typeId(btfId)) ?? 8;
    const stride = (size + 7) & ~7;
    const perCpu = this.#isPerCpu(btfId);
    const offset = this.belongings.keep(() =>
      memory.allocate(perCpu ? stride * this.kernel.cpus : size, { label: name, access: 'ro' }),
    );
    this.#byName.set(key, offset);
    if (perCpu) this.#perCpu.set(offset, stride);
    const value = this.kernel.scenario.variables?.[name];
    for (let cpu = 0; cpu < (perCpu ? this.kernel.cpus : 1); cpu++) {
      const at = offset + cpu * stride;
      if (value !== undefined) writeValue(this.kernel, btf, btf.typeId(btfId), at, size, value);
      else if (name === 'runqueues') this.set(at, 'rq', 'cpu', cpu);
    }
    return memory.pointer(offset);
  }

  /** The address of a kernel function or of a variable without a type: a place of its own, that holds nothing. */
  symbol(name: string): bigint {
    const key = `symbol:${name}`;
    let offset = this.#byName.get(key);
    if (offset === undefined) {
      offset = this.belongings.keep(() => this.kernel.memory.allocate(8, { label: name, access: 'none' }));
      this.#byName.set(key, offset);
    }
    return this.kernel.memory.pointer(offset);
  }

  /** Distance between the copies of a per-CPU variable; undefined for other addresses. */
  perCpuStride(offset: number): number | undefined {
    return this.#perCpu.get(offset);
  }

  #isPerCpu(btfId: number): boolean {
    const { btf } = this.kernel;
    const section = btf.findByName('.data..percpu', BTF_KIND_DATASEC);
    return btf.sectionVariables(section).some((variable) => variable.typeId === btfId);
  }

  // ---- checkpoints ----------------------------------------------------------------------------------------------------

  checkpoint(): WorldCheckpoint {
    return {
      objects: this.#objects.checkpoint(),
      byName: this.#byName.checkpoint(),
      texts: this.#texts.checkpoint(),
      views: this.#views.checkpoint(),
      perCpu: this.#perCpu.checkpoint(),
      belongings: this.belongings.checkpoint(),
    };
  }

  restore(checkpoint: WorldCheckpoint): void {
    this.#objects.restore(checkpoint.objects);
    this.#byName.restore(checkpoint.byName);
    this.#texts.restore(checkpoint.texts);
    this.#views.restore(checkpoint.views);
    this.#perCpu.restore(checkpoint.perCpu);
    this.belongings.restore(checkpoint.belongings);
  }
}

/** Room behind a struct that ends in an array without a length. */
const FLEXIBLE_ROOM = 256;

function endsOpen(btf: Btf, typeId: number): boolean {
  const last = btf.resolve(btf.memberTypeId(typeId, btf.count(typeId) - 1));
  return btf.kind(last) === BTF_KIND_ARRAY && btf.arrayCount(last) === 0;
}

function splitName(name: string): [string, string?] {
  const colon = name.indexOf(':');
  return colon < 0 ? [name] : [name.slice(0, colon), name.slice(colon + 1)];
}
