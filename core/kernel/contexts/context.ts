/**
 * Contexts: what R1 points to when a program begins, by program type.
 *
 * Where the kernel rewrites accesses (struct __sk_buff, xdp_md…), the context is a trapped region: its bytes hold the
 * fields' values as programs know them, except pointers that programs load from 4 bytes, which {@link Contexts.load}
 * answers. A load from there sets all 64 bits of the register. Elsewhere the context is ordinary memory.
 */
import { BailoutError } from '../../errors.ts';
import type { Program, ProgramTypeName } from '../../object/program.ts';
import { readBytes } from '../bytes.ts';
import type { Kernel } from '../kernel.ts';
import { readInteger, writeInteger } from '../layout.ts';
import type { ContextScenario } from '../scenario.ts';
import { Packets } from './packet.ts';
import { buildSkb, buildXdp, skbStored } from './packets.ts';
import { buildNetwork, networkStored } from './network.ts';
import { buildTracing } from './tracing.ts';

/** The context of the running program. Plain data. */
export interface CurrentContext {
  /** Offset of what R1 points to. */
  readonly offset: number;
  /** UAPI struct of a trapped context; '' when the context is ordinary memory. */
  readonly struct: string;
  /** The kernel's own object behind it (sk_buff, xdp_buff, sock…), or 0. */
  readonly object: number;
  /** Second object: of sockets, the pair's other part. */
  readonly extra: number;
  /** Of tracing: how many arguments the traced function has, and whether its result follows them. */
  readonly arguments: number;
  readonly hasResult: boolean;
  readonly type: ProgramTypeName;
  readonly target: string;
  readonly attach: string;
}

export interface ContextCheckpoint {
  readonly current: CurrentContext | undefined;
  readonly result: bigint;
  readonly overridden: bigint | undefined;
}

export class Contexts {
  readonly kernel: Kernel;
  readonly packets: Packets;
  current: CurrentContext | undefined;
  #result = 0n;
  #overridden: bigint | undefined;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.packets = new Packets(kernel);
  }

  /** Builds the context of a program. Returns R1. */
  build(program: Program, scenario: ContextScenario): bigint {
    this.#result = 0n;
    this.#overridden = undefined;
    const { belongings } = this.kernel.world;
    belongings.letGo();
    this.current = belongings.gather(() => buildFor(this.kernel, program, scenario));
    return this.kernel.memory.pointer(this.current.offset);
  }

  load(offset: number, size: number): bigint {
    const current = this.#at(offset);
    const within = offset - current.offset;
    const field = this.kernel.layouts.struct(current.struct).nameAt(within);
    if (field !== undefined && current.object !== 0 && within === field.start) {
      const { packets, kernel } = this;
      const isPacket = current.struct === 'xdp_md' || current.struct === '__sk_buff';
      if (isPacket && field.name === 'data') return kernel.memory.pointer(packets.data(current.object));
      if (isPacket && field.name === 'data_end') return kernel.memory.pointer(packets.end(current.object));
      if (isPacket && field.name === 'data_meta') return kernel.memory.pointer(packets.meta(current.object));
      if (current.struct === '__sk_buff' && field.name === 'len') return BigInt(packets.length(current.object));
    }
    return readInteger(this.kernel.memory, offset, size);
  }

  store(offset: number, size: number, value: bigint): void {
    const current = this.#at(offset);
    writeInteger(this.kernel.memory, offset, size, value);
    const field = this.kernel.layouts.struct(current.struct).nameAt(offset - current.offset);
    if (field === undefined || current.object === 0) return;
    const stored = readInteger(this.kernel.memory, current.offset + field.start, Math.min(field.size, 8));
    if (current.struct === '__sk_buff') skbStored(this.kernel, current, field.name, stored);
    else networkStored(this.kernel, current, field.name, stored);
  }

  /** Reads a field of a trapped context by name, for helpers. */
  field(name: string): bigint {
    const current = this.current;
    if (current === undefined || current.struct === '') return 0n;
    const field = this.kernel.layouts.struct(current.struct).find(name);
    return field === undefined
      ? 0n
      : readInteger(this.kernel.memory, current.offset + field.offset, Math.min(field.size, 8));
  }

  setField(name: string, value: bigint): void {
    const current = this.current;
    if (current === undefined || current.struct === '') return;
    const field = this.kernel.layouts.struct(current.struct).find(name);
    if (field !== undefined)
      writeInteger(this.kernel.memory, current.offset + field.offset, Math.min(field.size, 8), value);
  }

  #at(offset: number): CurrentContext {
    const current = this.current;
    if (current === undefined || current.struct === '' || offset < current.offset) {
      throw new BailoutError('KERNEL_NO_CONTEXT', `There is no context at offset ${offset}.`);
    }
    return current;
  }

  // ---- packets --------------------------------------------------------------------------------------------------------

  /** The kernel's own object behind a context pointer (bpf_cast_to_kern_ctx); other pointers are objects already. */
  kernelContext(pointer: bigint): bigint {
    const current = this.current;
    if (current !== undefined && current.object !== 0 && pointer === this.kernel.memory.pointer(current.offset)) {
      return this.kernel.memory.pointer(current.object);
    }
    return pointer;
  }

  packetStart(object: number): number {
    return this.packets.data(object);
  }

  packetMeta(object: number): number {
    return this.packets.meta(object);
  }

  packetLength(object: number): number {
    return this.packets.length(object);
  }

  metaLength(object: number): number {
    return this.packets.data(object) - this.packets.meta(object);
  }

  /** Programs that only look at packets get read-only dynptrs. */
  packetIsReadOnly(): boolean {
    return this.current?.type === 'socket_filter' || this.current?.type === 'cgroup_skb';
  }

  /** The first bytes of the packet behind a context; undefined when it is shorter. */
  packetBytes(context: bigint, count: number): Uint8Array | undefined {
    const object = this.kernel.offset(this.kernelContext(context));
    if (count > this.packets.length(object)) return undefined;
    return readBytes(this.kernel.memory, this.packets.data(object), count);
  }

  /** ld_abs and ld_ind: in network order; negative offsets reach the headers (SKF_NET_OFF, SKF_LL_OFF). */
  legacyLoad(context: bigint, offset: number, size: number): bigint | undefined {
    const { memory } = this.kernel;
    const skb = this.kernel.offset(this.kernelContext(context));
    const head = memory.offset(this.kernel.world.get(skb, 'sk_buff', 'head')) ?? 0;
    let at = this.packets.data(skb) + offset;
    if (offset < 0) {
      if (offset >= SKF_NET_OFF)
        at = head + Number(this.kernel.world.get(skb, 'sk_buff', 'network_header')) + offset - SKF_NET_OFF;
      else if (offset >= SKF_LL_OFF)
        at = head + Number(this.kernel.world.get(skb, 'sk_buff', 'mac_header')) + offset - SKF_LL_OFF;
      else return undefined;
    }
    if (at < head || at + size > this.packets.end(skb)) return undefined;
    let value = 0n;
    for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(memory.readU8(at + i));
    return value;
  }

  // ---- tracing --------------------------------------------------------------------------------------------------------

  functionArgumentCount(): number {
    return this.current?.arguments ?? 0;
  }

  functionArgument(index: number): bigint | undefined {
    const current = this.current;
    if (current === undefined || index < 0 || index >= current.arguments) return undefined;
    return this.kernel.memory.readU64(current.offset + 8 * index);
  }

  functionResult(): bigint | undefined {
    const current = this.current;
    if (current?.hasResult !== true) return undefined;
    return this.kernel.memory.readU64(current.offset + 8 * current.arguments);
  }

  functionAddress(): bigint {
    return this.kernel.world.symbol(this.current?.target ?? '');
  }

  isReturn(): boolean {
    return this.current?.hasResult ?? false;
  }

  sessionCookie(): number {
    return this.kernel.memory.offset(this.kernel.world.symbol('session cookie')) ?? 0;
  }

  /** bpf_override_return: what the probed function returns instead of running. */
  overrideReturn(value: bigint): void {
    this.#overridden = value;
  }

  get overridden(): bigint | undefined {
    return this.#overridden;
  }

  /** bpf_set_retval and bpf_get_retval: the result that cgroup programs hand from one to the next. */
  setResult(value: bigint): void {
    this.#result = value;
  }

  result(): bigint {
    return this.#result;
  }

  checkpoint(): ContextCheckpoint {
    return { current: this.current, result: this.#result, overridden: this.#overridden };
  }

  restore(checkpoint: ContextCheckpoint): void {
    this.current = checkpoint.current;
    this.#result = checkpoint.result;
    this.#overridden = checkpoint.overridden;
  }
}

/** Offsets of classic BPF that mean "from the network header" and "from the link-layer header". */
const SKF_NET_OFF = -0x100000;
const SKF_LL_OFF = -0x200000;

function buildFor(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  switch (program.type) {
    case 'xdp':
      return buildXdp(kernel, program, scenario);
    case 'socket_filter':
    case 'sched_cls':
    case 'sched_act':
    case 'cgroup_skb':
    case 'lwt_in':
    case 'lwt_out':
    case 'lwt_xmit':
    case 'lwt_seg6local':
    case 'sk_skb':
    case 'flow_dissector':
      return buildSkb(kernel, program, scenario);
    case 'cgroup_sock':
    case 'sock_ops':
    case 'cgroup_sock_addr':
    case 'sk_msg':
    case 'sk_reuseport':
    case 'sk_lookup':
    case 'cgroup_device':
    case 'cgroup_sysctl':
    case 'cgroup_sockopt':
    case 'netfilter':
    case 'perf_event':
    case 'lirc_mode2':
      return buildNetwork(kernel, program, scenario);
    case 'kprobe':
    case 'tracepoint':
    case 'raw_tracepoint':
    case 'raw_tracepoint_writable':
    case 'tracing':
    case 'lsm':
    case 'struct_ops':
    case 'syscall':
    case 'unspec':
      return buildTracing(kernel, program, scenario);
    case 'ext':
      return buildExtension(kernel, program, scenario);
  }
}

/** A program that replaces a function gets the function's arguments; the first one tells what it works on. */
function buildExtension(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const btf = program.btf;
  const proto = btf?.typeId(program.subprograms[0]?.funcTypeId ?? 0) ?? 0;
  const first = btf === undefined ? '' : btf.name(btf.resolve(btf.typeId(btf.resolve(btf.paramTypeId(proto, 0)))));
  if (first === '__sk_buff') return buildSkb(kernel, program, scenario);
  if (first === 'xdp_md') return buildXdp(kernel, program, scenario);
  return buildTracing(kernel, program, scenario);
}
