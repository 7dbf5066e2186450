/** kfuncs on dynptrs. */
import type { Behaviour, Call } from '../behaviour.ts';
import { errno } from '../behaviour.ts';
import { copyWithin, fillBytes, latin1, writeBytes } from '../bytes.ts';
import { E2BIG, EFAULT, EINVAL, ERANGE } from '../errno.ts';
import type { Dynptr } from '../helpers/dynptr.ts';
import { dynptrArg, dynptrBase, dynptrPlace, initDynptr, nullDynptr, outside } from '../helpers/dynptr.ts';
import { arg, u32 } from '../helpers/arguments.ts';
import { probeText } from '../helpers/memory.ts';

const fromPacket =
  (type: 'skb' | 'xdp' | 'skb_meta'): Behaviour =>
  (call) => {
    const { kernel } = call;
    const at = dynptrPlace(call, 2);
    if (arg(call, 1) !== 0n) {
      nullDynptr(kernel, at);
      return errno(EINVAL);
    }
    const packet = kernel.contexts.kernelContext(arg(call, 0));
    const offset = kernel.offset(packet);
    const size = type === 'skb_meta' ? kernel.contexts.metaLength(offset) : kernel.contexts.packetLength(offset);
    initDynptr(kernel, at, {
      type,
      data: packet,
      size,
      readOnly: type === 'skb' && kernel.contexts.packetIsReadOnly(),
    });
    return 0n;
  };

/** bpf_dynptr_slice(_rdwr)(dynptr, offset, buffer, size): packets of a scenario are in one piece, so the buffer is not needed. */
const slice =
  (writable: boolean): Behaviour =>
  (call) => {
    const dynptr = dynptrArg(call, 0);
    if (dynptr.data === 0n || (writable && dynptr.readOnly)) return 0n;
    const offset = u32(call, 1);
    if (outside(dynptr, offset, u32(call, 3)) !== 0) return 0n;
    return call.kernel.memory.pointer(dynptrBase(call.kernel, dynptr) + offset);
  };

const adjust: Behaviour = (call) => {
  const { kernel } = call;
  const dynptr = dynptrArg(call, 0);
  const start = u32(call, 1);
  const end = u32(call, 2);
  if (dynptr.data === 0n || start > end) return errno(EINVAL);
  if (start > dynptr.size || end > dynptr.size) return errno(ERANGE);
  initDynptr(kernel, dynptrPlace(call, 0), { ...dynptr, offset: dynptr.offset + start, size: end - start });
  return 0n;
};

const clone: Behaviour = (call) => {
  const dynptr = dynptrArg(call, 0);
  const to = dynptrPlace(call, 1);
  if (dynptr.data === 0n) {
    nullDynptr(call.kernel, to);
    return errno(EINVAL);
  }
  initDynptr(call.kernel, to, dynptr);
  return 0n;
};

const copy: Behaviour = (call) => {
  const { kernel } = call;
  const to = dynptrArg(call, 0);
  const from = dynptrArg(call, 2);
  const size = u32(call, 4);
  if (to.data === 0n || from.data === 0n || to.readOnly) return errno(EINVAL);
  const error = outside(to, u32(call, 1), size) || outside(from, u32(call, 3), size);
  if (error !== 0) return errno(error);
  copyWithin(kernel.memory, dynptrBase(kernel, to) + u32(call, 1), dynptrBase(kernel, from) + u32(call, 3), size);
  return 0n;
};

const memset: Behaviour = (call) => {
  const { kernel } = call;
  const to = dynptrArg(call, 0);
  const size = u32(call, 2);
  if (to.data === 0n || to.readOnly) return errno(EINVAL);
  const error = outside(to, u32(call, 1), size);
  if (error !== 0) return errno(error);
  fillBytes(kernel.memory, dynptrBase(kernel, to) + u32(call, 1), size, u32(call, 3) & 0xff);
  return 0n;
};

function target(call: Call): { readonly dynptr: Dynptr; readonly at: number; readonly size: number } | bigint {
  const dynptr = dynptrArg(call, 0);
  const size = u32(call, 2);
  if (dynptr.data === 0n || dynptr.readOnly) return errno(EINVAL);
  if (outside(dynptr, u32(call, 1), size) !== 0) return errno(E2BIG);
  return { dynptr, at: dynptrBase(call.kernel, dynptr) + u32(call, 1), size };
}

/** bpf_probe_read_*_dynptr(dynptr, offset, size, source) */
const probe: Behaviour = (call) => {
  const { kernel } = call;
  const to = target(call);
  if (typeof to === 'bigint') return to;
  const source = arg(call, 3);
  if (kernel.memory.check(source, to.size, 'read') !== undefined) return errno(EFAULT);
  copyWithin(kernel.memory, to.at, kernel.offset(source), to.size);
  return 0n;
};

const probeString: Behaviour = (call) => {
  const { kernel } = call;
  const to = target(call);
  if (typeof to === 'bigint') return to;
  if (to.size === 0) return 0n;
  const text = probeText(kernel, arg(call, 3), to.size);
  if (text === undefined) return errno(EFAULT);
  const cut = text.slice(0, to.size - 1);
  writeBytes(kernel.memory, to.at, latin1(`${cut}\0`));
  return BigInt(cut.length + 1);
};

export const dynptrKfuncs: Readonly<Record<string, Behaviour>> = {
  bpf_dynptr_from_skb: fromPacket('skb'),
  bpf_dynptr_from_xdp: fromPacket('xdp'),
  bpf_dynptr_from_skb_meta: fromPacket('skb_meta'),
  bpf_dynptr_slice: slice(false),
  bpf_dynptr_slice_rdwr: slice(true),
  bpf_dynptr_adjust: adjust,
  bpf_dynptr_clone: clone,
  bpf_dynptr_copy: copy,
  bpf_dynptr_memset: memset,
  bpf_dynptr_is_null: (call) => (dynptrArg(call, 0).data === 0n ? 1n : 0n),
  bpf_dynptr_is_rdonly: (call) => (dynptrArg(call, 0).readOnly ? 1n : 0n),
  bpf_dynptr_size: (call) => {
    const dynptr = dynptrArg(call, 0);
    return dynptr.data === 0n ? errno(EINVAL) : BigInt(dynptr.size);
  },
  bpf_probe_read_kernel_dynptr: probe,
  bpf_probe_read_user_dynptr: probe,
  bpf_copy_from_user_dynptr: probe,
  bpf_copy_from_user_task_dynptr: probe,
  bpf_probe_read_kernel_str_dynptr: probeString,
  bpf_probe_read_user_str_dynptr: probeString,
  bpf_copy_from_user_str_dynptr: probeString,
  bpf_copy_from_user_task_str_dynptr: probeString,
};
