/**
 * Dynptrs: 16 bytes that a program holds but never looks into. Laid out as struct bpf_dynptr_kern: the address of the
 * data (of a packet: of its sk_buff or xdp_buff), the size with type and read-only bit in the upper byte, an offset.
 */
import type { Behaviour, Call } from '../behaviour.ts';
import { KernelFault, errno } from '../behaviour.ts';
import { copyWithin, fillBytes, readBytes, writeBytes } from '../bytes.ts';
import { E2BIG, EAGAIN, EFAULT, EINVAL, ENOENT, EOPNOTSUPP } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { RingBufferMap } from '../maps/ringbuf.ts';
import { arg, map, mapOf, readable, size, u32, writable } from './arguments.ts';

export type DynptrType = 'none' | 'local' | 'ringbuf' | 'skb' | 'xdp' | 'skb_meta' | 'file';

const TYPES: readonly DynptrType[] = ['none', 'local', 'ringbuf', 'skb', 'xdp', 'skb_meta', 'file'];
const SIZE_MASK = 0xffffff;
const TYPE_SHIFT = 24;
const READ_ONLY = 0x8000_0000;
export const DYNPTR_BYTES = 16;

export interface Dynptr {
  readonly type: DynptrType;
  /** The data, or the packet's structure. 0 in a null dynptr. */
  readonly data: bigint;
  readonly size: number;
  readonly offset: number;
  readonly readOnly: boolean;
}

export function readDynptr(kernel: Kernel, at: number): Dynptr {
  const word = kernel.memory.readU32(at + 8);
  return {
    data: kernel.memory.readU64(at),
    size: word & SIZE_MASK,
    type: TYPES[(word >>> TYPE_SHIFT) & 0x7f] ?? 'none',
    readOnly: word >= READ_ONLY,
    offset: kernel.memory.readU32(at + 12),
  };
}

export function initDynptr(
  kernel: Kernel,
  at: number,
  dynptr: Omit<Dynptr, 'offset'> & { readonly offset?: number },
): void {
  kernel.memory.writeU64(at, dynptr.data);
  const word = (dynptr.size & SIZE_MASK) | (TYPES.indexOf(dynptr.type) << TYPE_SHIFT);
  kernel.memory.writeU32(at + 8, (dynptr.readOnly ? word | READ_ONLY : word) >>> 0);
  kernel.memory.writeU32(at + 12, dynptr.offset ?? 0);
}

export function nullDynptr(kernel: Kernel, at: number): void {
  fillBytes(kernel.memory, at, DYNPTR_BYTES, 0);
}

/** Where the bytes of a dynptr lie in linear memory, its own offset included. */
export function dynptrBase(kernel: Kernel, dynptr: Dynptr): number {
  switch (dynptr.type) {
    case 'skb':
    case 'xdp':
      return kernel.contexts.packetStart(kernel.offset(dynptr.data)) + dynptr.offset;
    case 'skb_meta':
      return kernel.contexts.packetMeta(kernel.offset(dynptr.data)) + dynptr.offset;
    case 'none':
    case 'local':
    case 'ringbuf':
    case 'file':
      return kernel.offset(dynptr.data) + dynptr.offset;
  }
}

/** The dynptr that an argument points to. Programs cannot forge one, so its memory needs no check of ours. */
export function dynptrArg(call: Call, index: number): Dynptr {
  return readDynptr(call.kernel, call.kernel.offset(arg(call, index)));
}

/** Offset of the 16 bytes that a constructor fills. */
export function dynptrPlace(call: Call, index: number): number {
  return call.kernel.offset(arg(call, index));
}

/** Whether `length` bytes from `offset` lie within the dynptr: 0 or an errno (kernel: bpf_dynptr_check_off_len). */
export function outside(dynptr: Dynptr, offset: number, length: number): number {
  return length > dynptr.size || offset > dynptr.size - length ? E2BIG : 0;
}

const fromMem: Behaviour = (call) => {
  const at = dynptrPlace(call, 3);
  const bytes = u32(call, 1);
  const flags = arg(call, 2);
  if (bytes > SIZE_MASK || flags !== 0n) {
    nullDynptr(call.kernel, at);
    return errno(bytes > SIZE_MASK ? E2BIG : EINVAL);
  }
  initDynptr(call.kernel, at, { type: 'local', data: arg(call, 0), size: bytes, readOnly: false });
  return 0n;
};

const read: Behaviour = (call) => {
  const length = u32(call, 1);
  const source = dynptrArg(call, 2);
  const offset = u32(call, 3);
  if (source.data === 0n || arg(call, 4) !== 0n) return errno(EINVAL);
  const error = outside(source, offset, length);
  if (error !== 0) return errno(error);
  const to = writable(call, 0, length);
  copyWithin(call.kernel.memory, to, dynptrBase(call.kernel, source) + offset, length);
  return 0n;
};

const write: Behaviour = (call) => {
  const target = dynptrArg(call, 0);
  const offset = u32(call, 1);
  const length = u32(call, 3);
  if (target.data === 0n || target.readOnly) return errno(EINVAL);
  // Only of packets the flags mean something (BPF_F_RECOMPUTE_CSUM, BPF_F_INVALIDATE_HASH).
  if (arg(call, 4) !== 0n && target.type !== 'skb') return errno(EINVAL);
  const error = outside(target, offset, length);
  if (error !== 0) return errno(error);
  copyWithin(call.kernel.memory, dynptrBase(call.kernel, target) + offset, readable(call, 2, length), length);
  return 0n;
};

const data: Behaviour = (call) => {
  const dynptr = dynptrArg(call, 0);
  const offset = u32(call, 1);
  if (dynptr.data === 0n || outside(dynptr, offset, u32(call, 2)) !== 0 || dynptr.readOnly) return 0n;
  if (dynptr.type !== 'local' && dynptr.type !== 'ringbuf') return 0n;
  return call.kernel.memory.pointer(dynptrBase(call.kernel, dynptr) + offset);
};

// ---- ring buffers -----------------------------------------------------------------------------------------------------

const RECORD = 'ringbuf record';
const RECORD_DYNPTR = 'ringbuf dynptr';
/** BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP */
const WAKEUP_FLAGS = 3n;

const reserve: Behaviour = (call) => {
  if (arg(call, 2) !== 0n) return 0n;
  const record = mapOf(call, 0, RingBufferMap).reserve(size(call, 1));
  if (record === 0) return 0n;
  const pointer = call.kernel.memory.pointer(record);
  call.kernel.acquire(call, 'ringbuf_record', RECORD, pointer, 'bpf_ringbuf_discard');
  return pointer;
};

const finish =
  (discard: boolean): Behaviour =>
  (call) => {
    finishRecord(call.kernel, arg(call, 0), discard, call.name);
    return 0n;
  };

/** Submits or discards the record at a pointer, which the ledger must know. */
export function finishRecord(kernel: Kernel, pointer: bigint, discard: boolean, by: string): void {
  kernel.ledger.release('ringbuf_record', pointer, by);
  ringOf(kernel, kernel.offset(pointer)).commit(kernel.offset(pointer), discard);
}

function ringOf(kernel: Kernel, record: number): RingBufferMap {
  for (const candidate of kernel.maps.all())
    if (candidate instanceof RingBufferMap && candidate.contains(record)) return candidate;
  throw new KernelFault('BAD_POINTER', `no ring buffer has a record at offset ${record}`);
}

const output: Behaviour = (call) => {
  const target = mapOf(call, 0, RingBufferMap);
  if ((arg(call, 3) & ~WAKEUP_FLAGS) !== 0n) return errno(EINVAL);
  const bytes = size(call, 2);
  return target.output(readable(call, 1, bytes), bytes) ? 0n : errno(EAGAIN);
};

const query: Behaviour = (call) => mapOf(call, 0, RingBufferMap).query(arg(call, 1));

const reserveDynptr: Behaviour = (call) => {
  const target = mapOf(call, 0, RingBufferMap);
  const at = dynptrPlace(call, 3);
  const bytes = u32(call, 1);
  let error = 0;
  if (arg(call, 2) !== 0n) error = EINVAL;
  else if (bytes > SIZE_MASK) error = E2BIG;
  const record = error === 0 ? target.reserve(bytes) : 0;
  // The kernel says EINVAL for a full ring here.
  if (error === 0 && record === 0) error = EINVAL;
  if (error === 0)
    initDynptr(call.kernel, at, {
      type: 'ringbuf',
      data: call.kernel.memory.pointer(record),
      size: bytes,
      readOnly: false,
    });
  else nullDynptr(call.kernel, at);
  // Also a dynptr that could not be made has to be submitted or discarded.
  call.kernel.acquire(call, 'dynptr', RECORD_DYNPTR, call.kernel.memory.pointer(at), 'bpf_ringbuf_discard_dynptr');
  return error === 0 ? 0n : errno(error);
};

const finishDynptr =
  (discard: boolean): Behaviour =>
  (call) => {
    finishRecordDynptr(call.kernel, arg(call, 0), discard, call.name);
    return 0n;
  };

/** Submits or discards through the dynptr at an address. */
export function finishRecordDynptr(kernel: Kernel, pointer: bigint, discard: boolean, by: string): void {
  const at = kernel.offset(pointer);
  const dynptr = readDynptr(kernel, at);
  kernel.ledger.release('dynptr', pointer, by);
  if (dynptr.data !== 0n) {
    const record = kernel.offset(dynptr.data);
    ringOf(kernel, record).commit(record, discard);
  }
  nullDynptr(kernel, at);
}

// ---- perf events ------------------------------------------------------------------------------------------------------

const BPF_F_INDEX_MASK = 0xffffffffn;
const BPF_F_CURRENT_CPU = 0xffffffffn;
const BPF_F_CTXLEN_MASK = 0xfffffn << 32n;

const perfOutput: Behaviour = (call) => {
  const { kernel } = call;
  const target = map(call, 1);
  const flags = arg(call, 2);
  if ((flags & ~(BPF_F_INDEX_MASK | BPF_F_CTXLEN_MASK)) !== 0n) return errno(EINVAL);
  const index = flags & BPF_F_INDEX_MASK;
  const cpu = index === BPF_F_CURRENT_CPU ? BigInt(kernel.cpu) : index;
  if (cpu >= BigInt(target.maxEntries)) return errno(E2BIG);
  // User space listens on each CPU; a record of another CPU's buffer is refused.
  if (cpu !== BigInt(kernel.cpu)) return errno(cpu < BigInt(kernel.cpus) ? EOPNOTSUPP : ENOENT);
  const bytes = size(call, 4);
  const record = readBytes(kernel.memory, readable(call, 3, bytes), bytes);
  const packetBytes = Number((flags & BPF_F_CTXLEN_MASK) >> 32n);
  const packet = packetBytes === 0 ? new Uint8Array() : kernel.contexts.packetBytes(arg(call, 0), packetBytes);
  if (packet === undefined) return errno(EFAULT);
  const whole = new Uint8Array(record.length + packet.length);
  whole.set(record);
  whole.set(packet, record.length);
  kernel.maps.emit(target, whole, 'perf');
  return 0n;
};

const perfRead: Behaviour = (call) =>
  u32(call, 1) === 0xffffffff || u32(call, 1) < map(call, 0).maxEntries ? errno(ENOENT) : errno(E2BIG);

const perfReadValue: Behaviour = (call) => {
  const bytes = u32(call, 3);
  if (bytes !== 24) return errno(EINVAL);
  writeBytes(call.kernel.memory, writable(call, 2, bytes), new Uint8Array(bytes));
  return errno(ENOENT);
};

export const dynptrHelpers: Readonly<Record<string, Behaviour>> = {
  dynptr_from_mem: fromMem,
  dynptr_read: read,
  dynptr_write: write,
  dynptr_data: data,
  ringbuf_reserve: reserve,
  ringbuf_submit: finish(false),
  ringbuf_discard: finish(true),
  ringbuf_output: output,
  ringbuf_query: query,
  ringbuf_reserve_dynptr: reserveDynptr,
  ringbuf_submit_dynptr: finishDynptr(false),
  ringbuf_discard_dynptr: finishDynptr(true),
  perf_event_output: perfOutput,
  skb_output: perfOutput,
  xdp_output: perfOutput,
  perf_event_read: perfRead,
  perf_event_read_value: perfReadValue,
};
