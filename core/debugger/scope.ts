/** What expressions see at a moment: registers of a chosen frame, the object's variables and maps, memory as the program has it. */
import type { Parameter } from './parameters.ts';
import { parametersOf } from './parameters.ts';
import { HashMap } from '../kernel/maps/hash.ts';
import type { BpfMap } from '../kernel/maps/map.ts';
import { describeFault } from '../kernel/memory.ts';
import type { Frame } from '../machine/frames.ts';
import { savedAt } from '../machine/frames.ts';
import type { Machine } from '../machine/machine.ts';
import type { Btf } from '../object/btf/btf.ts';
import type { ObjectFile } from '../object/program.ts';
import { ValueError } from './expressions/errors.ts';
import type { Scope } from './expressions/evaluate.ts';
import type { CType } from './expressions/types.ts';
import { LONG, REGISTER, TypeNames, UNSIGNED_LONG, btfType, pointerTo, shapeOf, sizeOf } from './expressions/types.ts';
import type { Value } from './expressions/values.ts';
import { bytesOf, numberOf, scalar } from './expressions/values.ts';
import type { Position } from '../trace/timeline.ts';

/** Context structs as programs see them, by program type; the others have none of their own. */
const CONTEXTS: Readonly<Record<string, string>> = {
  xdp: 'xdp_md',
  sched_cls: '__sk_buff',
  sched_act: '__sk_buff',
  socket_filter: '__sk_buff',
  cgroup_skb: '__sk_buff',
  lwt_in: '__sk_buff',
  lwt_out: '__sk_buff',
  lwt_xmit: '__sk_buff',
  sk_skb: '__sk_buff',
  cgroup_sock: 'bpf_sock',
  cgroup_sock_addr: 'bpf_sock_addr',
  sock_ops: 'bpf_sock_ops',
  sk_msg: 'sk_msg_md',
  cgroup_sysctl: 'bpf_sysctl',
  cgroup_sockopt: 'bpf_sockopt',
  cgroup_device: 'bpf_cgroup_dev_ctx',
  sk_reuseport: 'sk_reuseport_md',
  sk_lookup: 'bpf_sk_lookup',
  kprobe: 'pt_regs',
};

const SPECIAL = ['$pc', '$step', '$phase', '$run', '$depth', '$held', '$cookie', '$retval', '$time', '$cpu'] as const;

/** Names that do not change while a program runs. Made once per object. */
export class Symbols {
  readonly object: ObjectFile;
  readonly types: TypeNames;
  /** Variables of the object's sections, and where they lie in their maps. */
  readonly #variables = new Map<string, { readonly map: string; readonly offset: number; readonly type: CType }>();
  readonly #maps: ReadonlySet<string>;

  constructor(object: ObjectFile) {
    this.object = object;
    this.types = new TypeNames(object.btf === undefined ? [object.kernelBtf] : [object.btf, object.kernelBtf]);
    this.#maps = new Set(object.maps.map(({ name }) => name));
    const { btf } = object;
    if (btf === undefined) return;
    for (const map of object.maps) {
      if (map.origin === 'user' || map.origin === 'struct_ops') continue;
      for (const { typeId, offset } of btf.sectionVariables(btf.resolve(map.valueTypeId))) {
        this.#variables.set(btf.name(typeId), { map: map.name, offset, type: btfType(btf, btf.typeId(typeId)) });
      }
    }
  }

  get btf(): Btf | undefined {
    return this.object.btf;
  }

  variable(name: string): { readonly map: string; readonly offset: number; readonly type: CType } | undefined {
    return this.#variables.get(name);
  }

  isMap(name: string): boolean {
    return this.#maps.has(name);
  }

  names(): string[] {
    return [...this.#variables.keys(), ...this.#maps];
  }
}

/** The state of a machine as a scope of expressions. Reads when it is asked, so one scope serves all moments. */
export class MachineScope implements Scope {
  readonly types: TypeNames;
  /** Innermost first; 0 is where the machine stands. */
  frame = 0;
  /** Values that were printed: `$1`, `$2`… and `$` for the last. */
  readonly history: Value[] = [];
  readonly #symbols: Symbols;
  readonly #machine: Machine;
  readonly #position: () => Position;

  constructor(symbols: Symbols, machine: Machine, position: () => Position) {
    this.#symbols = symbols;
    this.types = symbols.types;
    this.#machine = machine;
    this.#position = position;
  }

  name(name: string): Value | undefined {
    const register = registerNumber(name);
    if (register !== undefined) return this.register(register);
    if (name.startsWith('$')) return this.#special(name);
    if (name.startsWith('map '))
      return this.#symbols.isMap(name.slice(4)) ? { kind: 'map', name: name.slice(4) } : undefined;
    if (name === 'map') return { kind: 'map', name: '' };
    const variable = this.#symbols.variable(name);
    if (variable !== undefined) return this.#variable(name, variable);
    if (this.#symbols.isMap(name)) return { kind: 'map', name };
    const parameter = this.#parameters().find((one) => one.name === name);
    if (name === 'ctx' && (parameter === undefined || this.#machine.frames()[this.frame]?.subprogram === 0))
      return this.#context();
    return parameter === undefined ? undefined : this.#parameter(parameter);
  }

  #parameters(): readonly Parameter[] {
    const frame = this.#machine.frames()[this.frame];
    return frame === undefined ? [] : parametersOf(frame);
  }

  #parameter({ name, type, register, isThere }: Parameter): Value {
    // Who waits for a call has R1 to R5 no more.
    if (!isThere || this.frame > 0) throw new ValueError(`\`${name}\` is no longer in a register`);
    const bits = this.#machine.registers[register] ?? 0n;
    const shape = shapeOf(type);
    const size = 8 * (sizeOf(type) ?? 8);
    const isSigned = shape.kind === 'integer' && shape.signed;
    return { kind: 'scalar', type, bits: isSigned ? BigInt.asIntN(size, bits) : BigInt.asUintN(size, bits) };
  }

  names(): readonly string[] {
    const registers = Array.from({ length: 11 }, (_, i) => `r${i}`);
    const parameters = this.#parameters().map(({ name }) => name);
    return [
      ...registers,
      'fp',
      'ctx',
      ...parameters.filter((name) => name !== '' && name !== 'ctx'),
      'map',
      ...SPECIAL,
      ...this.#symbols.names(),
    ];
  }

  /** A register of the chosen frame; of an outer frame only those that calls preserve. */
  register(register: number): Value {
    const frames = this.#machine.frames();
    const frame = frames[this.frame];
    if (frame === undefined) throw new ValueError('No program runs');
    return registerOf(this.#machine, frames, this.frame, register);
  }

  read(address: bigint, size: number): Uint8Array {
    return readMemory(this.#machine, address, size);
  }

  element(map: string, key: Value): Value {
    return elementOf(this.#machine, this.#symbols, map, key, (address, size) => this.read(address, size));
  }

  #variable(name: string, { map, offset, type }: { map: string; offset: number; type: CType }): Value {
    const found = this.#machine.kernel.maps.byName(map);
    const address = found?.valueAddress(offset);
    if (address === undefined || address === 0n) return { kind: 'nothing', type, why: `${name} is in no memory yet` };
    return { kind: 'place', type, address };
  }

  #context(): Value | undefined {
    const program = this.#machine.location?.program ?? this.#machine.kernel.running;
    const { current } = this.#machine.kernel.contexts;
    if (program === undefined || current === undefined) return undefined;
    const struct = CONTEXTS[program.type];
    const type =
      struct === undefined
        ? undefined
        : this.types.resolve({ at: 0, keyword: 'struct', name: struct, stars: 0, lengths: [] });
    return scalar(pointerTo(type ?? UNSIGNED_LONG), this.#machine.memory.pointer(current.offset));
  }

  #special(name: string): Value | undefined {
    const machine = this.#machine;
    const position = this.#position();
    const number = (value: number): Value => scalar(LONG, BigInt(value));
    if (name === '$') return this.history.at(-1);
    if (/^\$\d+$/.test(name)) return this.history[Number(name.slice(1)) - 1];
    switch (name) {
      case '$step':
        return number(position.step);
      case '$phase':
        return number(position.phase);
      case '$run':
        return number(position.run);
      case '$pc':
        return number(machine.frames()[this.frame]?.insn ?? 0);
      case '$depth':
        return number(machine.frames().length);
      case '$held':
        return number(machine.kernel.ledger.held().length);
      case '$time':
        return scalar(UNSIGNED_LONG, machine.kernel.time);
      case '$cpu':
        return number(machine.kernel.cpu);
      case '$cookie': {
        const plan = machine.unwinding ?? machine.throws.at(-1);
        return plan === undefined
          ? { kind: 'nothing', type: UNSIGNED_LONG, why: 'nothing was thrown' }
          : scalar(UNSIGNED_LONG, plan.cookie);
      }
      case '$retval': {
        const { end } = machine;
        return end?.kind === 'exit'
          ? scalar(LONG, BigInt.asIntN(32, end.value))
          : { kind: 'nothing', type: LONG, why: 'the run has not returned' };
      }
      default:
        return undefined;
    }
  }
}

/** 0 to 10 for `r0` to `r10`, `$r0`, `fp`, `$fp`, and for the lower halves of neither. */
export function registerNumber(name: string): number | undefined {
  const match = /^\$?(?:r(10|\d)|(fp))$/.exec(name);
  if (match === null) return undefined;
  return match[2] === undefined ? Number(match[1]) : 10;
}

/** A register of a frame, by its index from the innermost. */
export function registerOf(machine: Machine, frames: readonly Frame[], index: number, register: number): Value {
  const frame = frames[index];
  if (frame === undefined) throw new ValueError('There is no such frame');
  const { memory } = machine;
  if (register === 10) return scalar(REGISTER, memory.pointer(frame.framePointer));
  if (index === 0) return scalar(REGISTER, machine.registers[register] ?? 0n);
  if (register >= 6 && register <= 9) {
    const inner = frames[index - 1]!;
    return scalar(REGISTER, memory.readU64(inner.framePointer + savedAt(register as 6 | 7 | 8 | 9)));
  }
  return { kind: 'nothing', type: REGISTER, why: `r${register} of an outer frame is kept nowhere` };
}

/** Memory as the program sees it, contexts that the kernel answers field by field among it. */
export function readMemory(machine: Machine, address: bigint, size: number): Uint8Array {
  const { memory } = machine;
  const offset = memory.offset(BigInt.asUintN(64, address));
  const fault = memory.check(address, size, 'read');
  if (fault === undefined || fault.kind === 'uninitialised') return memory.bytes.slice(offset, offset! + size);
  if (fault.kind === 'trap' && offset !== undefined) return readContext(machine, offset, size);
  const text = describeFault(fault);
  throw new ValueError(text.charAt(0).toUpperCase() + text.slice(1));
}

/** A context's fields are answered one by one, four or eight bytes at a time, as the program would load them. */
function readContext(machine: Machine, offset: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const here = machine.checkpoint();
  try {
    for (let i = 0; i < size;) {
      const width = (offset + i) % 4 === 0 && size - i >= 4 ? 4 : 1;
      const value = BigInt.asUintN(64, machine.kernel.contextLoad(offset + i, width));
      for (let k = 0; k < width; k++) bytes[i + k] = Number(BigInt.asUintN(8, value >> BigInt(8 * k)));
      i += width;
    }
  } finally {
    machine.restore(here);
  }
  return bytes;
}

/** The value of a key in a map, as the running CPU sees it; looking changes nothing, not even which element an LRU map used last. */
export function elementOf(
  machine: Machine,
  symbols: Symbols,
  name: string,
  key: Value,
  read: (address: bigint, size: number) => Uint8Array,
): Value {
  const { kernel } = machine;
  const map = kernel.maps.byName(name);
  const { btf } = symbols;
  if (map === undefined) throw new ValueError(`There is no map ${name}`);
  const type: CType =
    btf !== undefined && map.definition.valueTypeId !== 0
      ? btfType(btf, map.definition.valueTypeId)
      : { kind: 'array', of: { kind: 'integer', name: 'u8', size: 1, signed: false }, count: map.valueSize };
  const bytes = keyBytes(map, symbols, key, read);
  const value = lookup(machine, map, bytes);
  if (value === 0) return { kind: 'nothing', type, why: `${name} has no such key` };
  return { kind: 'place', type, address: kernel.memory.pointer(value) };
}

/** The bytes of a key: a number in the width of the map's keys, a struct as it lies in memory, a text padded with zeros. */
function keyBytes(
  map: BpfMap,
  symbols: Symbols,
  key: Value,
  read: (address: bigint, size: number) => Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(map.keySize);
  const { btf } = symbols;
  const keyType =
    btf !== undefined && map.definition.keyTypeId !== 0 ? btfType(btf, map.definition.keyTypeId) : undefined;
  const isNumber =
    key.kind === 'scalar' || (key.kind === 'place' && ['integer', 'enum', 'pointer'].includes(shapeOf(key.type).kind));
  if (isNumber) {
    if (map.keySize > 8) {
      throw new ValueError(
        `A key of ${map.name} has ${map.keySize} bytes, which is no number: name a place in memory, *(TYPE *)ADDRESS`,
      );
    }
    const { bits } = numberOf(key, read);
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number(BigInt.asUintN(8, bits >> BigInt(8 * i)));
    return bytes;
  }
  const raw = bytesOf(key, read);
  if (key.kind !== 'text' && raw.length !== map.keySize) {
    const size = keyType === undefined ? map.keySize : sizeOf(keyType);
    throw new ValueError(`A key of ${map.name} has ${size ?? map.keySize} bytes, this has ${raw.length}`);
  }
  bytes.set(raw.subarray(0, bytes.length));
  return bytes;
}

/** Offset of the value of a key; 0 when there is none. */
export function lookup(machine: Machine, map: BpfMap, key: Uint8Array): number {
  const { kernel } = machine;
  return unseen(machine, key.length, (scratch) => {
    kernel.memory.bytes.set(key, scratch);
    // An LRU map would count a lookup as a use.
    if (map instanceof HashMap) {
      const element = map.table.find(scratch);
      if (element === 0) return 0;
      return map.table.value(element) + perCpuOffset(map, kernel.cpu);
    }
    return map.lookup(scratch);
  });
}

function perCpuOffset(map: HashMap, cpu: number): number {
  // BPF_MAP_TYPE_PERCPU_HASH and BPF_MAP_TYPE_LRU_PERCPU_HASH.
  return map.type === 5 || map.type === 10 ? cpu * map.stride : 0;
}

/** Lets something use the kernel's scratch space, which is then as it was. */
export function unseen<T>(machine: Machine, size: number, action: (scratch: number) => T): T {
  const { kernel } = machine;
  const scratch = kernel.scratch(0);
  const saved = kernel.memory.bytes.slice(scratch, scratch + Math.max(size, 64));
  try {
    return action(scratch);
  } finally {
    kernel.memory.bytes.set(saved, scratch);
    kernel.memory.touch(scratch, saved.length);
  }
}
