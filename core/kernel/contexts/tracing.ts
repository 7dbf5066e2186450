/**
 * Contexts in ordinary memory: arrays of 64-bit arguments (fentry, fexit, LSM, struct_ops, raw tracepoints), registers
 * (kprobe), records (tracepoint, syscall), and the struct that an iterator passes. What a scenario leaves out is made up
 * from the types of the traced function: numbers are 0, pointers lead to objects, since tracing hands out trusted ones.
 */
import type { Btf } from '../../object/btf/btf.ts';
import { BTF_KIND_FUNC, BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, BTF_KIND_TYPEDEF } from '../../object/btf/kinds.ts';
import type { Program } from '../../object/program.ts';
import { latin1, writeBytes } from '../bytes.ts';
import type { Kernel } from '../kernel.ts';
import { defaultSocket } from '../objects/network.ts';
import { writeValue } from '../objects/values.ts';
import { SAFE_TRUSTED } from '../tables/btf-lists.ts';
import type { ContextScenario, ScenarioValue } from '../scenario.ts';
import { hexBytes, integer } from '../scenario.ts';
import type { CurrentContext } from './context.ts';
import { Packets } from './packet.ts';
import { contextOf } from './packets.ts';

/** Arguments that a trampoline can pass (MAX_BPF_FUNC_ARGS). */
const MAX_ARGUMENTS = 12;
const DEFAULT_RECORD = 64;
const SYSCALL_CONTEXT = 64;

export function buildTracing(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  switch (program.type) {
    case 'kprobe':
      return registers(kernel, program, scenario);
    case 'tracepoint':
      return record(kernel, program, scenario, DEFAULT_RECORD, 'ro');
    case 'syscall':
      return record(kernel, program, scenario, SYSCALL_CONTEXT, 'rw');
    case 'tracing':
      return program.attachType === 'trace_iter'
        ? iterator(kernel, program, scenario)
        : functionArguments(kernel, program, scenario);
    default:
      return functionArguments(kernel, program, scenario);
  }
}

function record(
  kernel: Kernel,
  program: Program,
  scenario: ContextScenario,
  size: number,
  access: 'ro' | 'rw',
): CurrentContext {
  const bytes = scenario.bytes === undefined ? new Uint8Array(size) : hexBytes(scenario.bytes);
  const offset = kernel.memory.allocate(Math.max(bytes.length, size), { access, label: 'context' });
  writeBytes(kernel.memory, offset, bytes);
  return contextOf(program, { offset });
}

const ARGUMENT_REGISTERS = ['di', 'si', 'dx', 'cx', 'r8', 'r9'];

function registers(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const regs = kernel.world.make('pt_regs', '', { temporary: true });
  const set = (name: string, value: bigint | number): void => kernel.world.set(regs, 'pt_regs', name, value);
  const stack = kernel.memory.allocate(256, { access: 'ro', label: 'stack of the probed function' });
  set('ip', kernel.world.symbol(program.attachTarget ?? 'probed function'));
  set('sp', kernel.memory.pointer(stack));
  set('flags', 0x202);
  const args = Array.isArray(scenario.args)
    ? (scenario.args as readonly ScenarioValue[])
    : Object.values(scenario.args ?? {});
  const slot = kernel.scratch(8);
  for (const [i, value] of args.entries()) {
    const register = ARGUMENT_REGISTERS[i];
    if (register === undefined) break;
    kernel.memory.writeU64(slot, 0n);
    writeValue(kernel, undefined, 0, slot, 8, value);
    set(register, kernel.memory.readU64(slot));
  }
  if (scenario.ret !== undefined) {
    kernel.memory.writeU64(slot, 0n);
    writeValue(kernel, undefined, 0, slot, 8, scenario.ret);
    set('ax', kernel.memory.readU64(slot));
  }
  for (const [name, value] of Object.entries(scenario.regs ?? {})) set(name, integer(value));
  return contextOf(program, { offset: regs, hasResult: scenario.ret !== undefined });
}

interface Signature {
  readonly proto: number;
  /** Parameters before the first that the program sees. */
  readonly skip: number;
}

/** The prototype whose arguments the program gets. */
function signature(kernel: Kernel, program: Program): Signature | undefined {
  const { btf } = kernel;
  if (program.structOps !== undefined) {
    const struct = btf.findByName(program.structOps.structName);
    for (const member of btf.members(struct)) {
      if (member.name === program.structOps.member)
        return { proto: btf.resolve(btf.typeId(btf.resolve(member.typeId))), skip: 0 };
    }
    return undefined;
  }
  const id = program.attachBtfId ?? btf.findByName(`btf_trace_${program.attachTarget ?? ''}`, BTF_KIND_TYPEDEF);
  if (btf.kind(id) === BTF_KIND_FUNC) return { proto: btf.typeId(id), skip: 0 };
  if (btf.kind(id) !== BTF_KIND_TYPEDEF) return undefined;
  // A tracepoint's type is a pointer to its probe, whose first parameter is the probe's own. It names no parameters; the
  // function that a probe's breakpoint sits in has the same ones with their names.
  const stub = btf.findByName(btf.name(id).replace('btf_trace_', '__probestub_'), BTF_KIND_FUNC);
  return { proto: stub === 0 ? btf.resolve(btf.typeId(btf.resolve(id))) : btf.typeId(stub), skip: 1 };
}

function functionArguments(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const { btf, memory } = kernel;
  const found = signature(kernel, program);
  const known =
    found !== undefined && btf.kind(found.proto) === BTF_KIND_FUNC_PROTO
      ? btf.params(found.proto).slice(found.skip)
      : [];
  const count = found === undefined ? MAX_ARGUMENTS : Math.min(known.length, MAX_ARGUMENTS);
  const writable =
    program.type === 'raw_tracepoint_writable' ||
    program.type === 'struct_ops' ||
    program.attachType === 'modify_return';
  // A raw tracepoint's program may read all that a trampoline can pass, however few arguments there are.
  const slots = program.type === 'tracing' || program.type === 'lsm' ? count + 1 : MAX_ARGUMENTS + 1;
  const offset = memory.allocate(8 * slots, { access: writable ? 'rw' : 'ro', label: 'arguments' });
  const given = scenario.args;
  for (let i = 0; i < count; i++) {
    const param = known[i];
    const byName =
      given !== undefined && !Array.isArray(given) ? (given as Readonly<Record<string, ScenarioValue>>) : undefined;
    const value =
      byName === undefined ? (given as readonly ScenarioValue[] | undefined)?.[i] : byName[param?.name ?? ''];
    // A module's tracepoint, of which nothing is known but that it hands out a buffer.
    const isBuffer =
      i === 0 && found === undefined && program.type === 'raw_tracepoint_writable' && value === undefined;
    const word = isBuffer
      ? memory.pointer(memory.allocate(DEFAULT_RECORD, { access: 'rw', label: 'buffer of the tracepoint' }))
      : argument(kernel, param?.typeId ?? 0, value);
    memory.writeU64(offset + 8 * i, word);
  }
  const hasResult =
    program.attachType === 'trace_fexit' ||
    program.attachType === 'modify_return' ||
    program.attachType === 'lsm_cgroup';
  if (scenario.ret !== undefined && found !== undefined) {
    memory.writeU64(offset + 8 * count, argument(kernel, btf.typeId(found.proto), scenario.ret));
  }
  return contextOf(program, { offset, arguments: count, hasResult });
}

/** One argument as 64 bits. */
function argument(kernel: Kernel, typeId: number, value: ScenarioValue | undefined): bigint {
  const { btf, memory } = kernel;
  const id = btf.resolve(typeId);
  const slot = kernel.memory.allocate(8, { access: 'none', label: 'argument' });
  try {
    if (value === undefined) return btf.kind(id) === BTF_KIND_PTR ? defaultPointer(kernel, btf, id) : 0n;
    if (btf.kind(id) === BTF_KIND_PTR && value !== null && typeof value === 'object') {
      if ('fields' in value && !('struct' in value)) {
        return kernel.world.makeObject(btf.name(btf.resolve(btf.typeId(id))), value.fields);
      }
      if ('hex' in value) {
        const bytes = hexBytes(value.hex);
        const at = memory.allocate(Math.max(bytes.length, 1), { label: 'argument' });
        writeBytes(memory, at, bytes);
        return memory.pointer(at);
      }
    }
    if (btf.kind(id) === BTF_KIND_PTR && typeof value === 'string' && !/^\s*-?(0x[0-9a-f]+|\d+)\s*$/i.test(value))
      return textPointer(kernel, value);
    // An argument fills its register, however narrow its type.
    writeValue(kernel, undefined, 0, slot, 8, value);
    return memory.readU64(slot);
  } finally {
    memory.free(slot);
  }
}

function textPointer(kernel: Kernel, text: string): bigint {
  const at = kernel.memory.allocate(text.length + 1, { access: 'ro', label: 'text' });
  writeBytes(kernel.memory, at, latin1(text));
  return kernel.memory.pointer(at);
}

/** Objects that stand in for arguments of a struct type. */
function defaultPointer(kernel: Kernel, btf: Btf, pointer: number): bigint {
  const { world, memory } = kernel;
  const pointee = btf.resolve(btf.typeId(pointer));
  const struct = btf.isComposite(pointee) ? btf.name(pointee) : '';
  switch (struct) {
    case '': {
      const size = btf.resolveSize(pointee) ?? 0;
      return memory.pointer(memory.allocate(Math.max(size, 8), { access: 'ro', label: 'argument' }));
    }
    case 'task_struct':
      return memory.pointer(world.currentTask);
    case 'bpf_map':
      return kernel.maps.all()[0]?.address ?? world.makeObject(struct, {});
    case 'cgroup':
      return world.reference('cgroup:1');
    case 'file':
      return world.reference('file:/tmp/file');
    case 'sk_buff':
      return memory.pointer(new Packets(kernel).makeSkb(kernel.scenario.context?.packet ?? {}, true));
    case 'sock':
    case 'tcp_sock':
    case 'sock_common':
      return memory.pointer(defaultSocket(world));
    case 'net_device':
      return world.reference('device:1');
    default: {
      const object = world.makeObject(struct, {});
      fillTrusted(kernel, btf, pointee, memory.offset(object) ?? 0);
      return object;
    }
  }
}

/** Programs rely on these fields as on the object itself: in the kernel none is ever null. */
function fillTrusted(kernel: Kernel, btf: Btf, struct: number, object: number): void {
  const trusted = SAFE_TRUSTED.get(btf.name(struct));
  if (trusted === undefined) return;
  for (const { name, typeId, bitOffset } of btf.members(struct)) {
    if (trusted.has(name))
      kernel.memory.writeU64(object + (bitOffset >> 3), defaultPointer(kernel, btf, btf.resolve(typeId)));
  }
}

/** struct bpf_iter__NAME { meta, objects… }: one step of the walk, at the first object. */
function iterator(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const { btf, memory, world, layouts } = kernel;
  const struct = `bpf_iter__${program.attachTarget ?? ''}`;
  const layout = layouts.find(struct);
  if (layout === undefined) return functionArguments(kernel, program, scenario);
  const offset = memory.allocate(layout.size, { access: 'ro', label: `struct ${struct}` });
  const given =
    scenario.args !== undefined && !Array.isArray(scenario.args)
      ? (scenario.args as Readonly<Record<string, ScenarioValue>>)
      : {};
  for (const member of btf.members(layout.typeId)) {
    // Pointers lie in unions of 8 bytes, which carry no name.
    const inner = member.name === '' ? btf.members(btf.resolve(member.typeId))[0] : member;
    if (inner === undefined) continue;
    const at = offset + (member.bitOffset >> 3);
    if (inner.name === 'meta') {
      const meta = world.make('bpf_iter_meta', '', { temporary: true });
      world.point(meta, 'bpf_iter_meta', 'seq', world.make('seq_file', '', { temporary: true }));
      memory.writeU64(at, memory.pointer(meta));
      continue;
    }
    const value = Object.hasOwn(given, inner.name) ? given[inner.name] : undefined;
    // Keys and values of maps (void pointers) are null unless the scenario has some: so the kernel says that the walk is over.
    if (value === undefined && btf.resolve(btf.typeId(btf.resolve(inner.typeId))) === 0) continue;
    memory.writeU64(at, argument(kernel, inner.typeId, value));
  }
  return contextOf(program, { offset });
}
