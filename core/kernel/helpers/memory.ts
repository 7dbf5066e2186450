/** Helpers that read memory of kernel and user, and that work on text. */
import type { Behaviour, Call } from '../behaviour.ts';
import { errno } from '../behaviour.ts';
import { copyWithin, fillBytes, latin1, writeBytes } from '../bytes.ts';
import { EFAULT, EINVAL, EPERM, ERANGE } from '../errno.ts';
import { FORMAT_BUFFER, format } from '../format.ts';
import type { Kernel } from '../kernel.ts';
import { hexBytes, integer } from '../scenario.ts';
import { arg, cText, formatSource, readable, size, text, u32, words, writable } from './arguments.ts';

// ---- probe reads ------------------------------------------------------------------------------------------------------

/** Bytes at an address of user space that the scenario describes; undefined for what it does not. */
function userBytes(kernel: Kernel, address: bigint, count: number): Uint8Array | undefined {
  for (const region of kernel.scenario.userMemory ?? []) {
    const start = integer(region.address);
    const bytes = hexBytes(region.bytes);
    if (address < start || address >= start + BigInt(bytes.length)) continue;
    const from = Number(address - start);
    return bytes.slice(from, Math.min(from + count, bytes.length));
  }
  return undefined;
}

/** Copies `count` bytes from anywhere; a copy that cannot be made clears the destination. */
function probe(call: Call, to: number, count: number, source: bigint): bigint {
  const { kernel } = call;
  if (count === 0) return 0n;
  if (kernel.memory.check(source, count, 'read') === undefined) {
    copyWithin(kernel.memory, to, kernel.offset(source), count);
    return 0n;
  }
  const bytes = userBytes(kernel, source, count);
  if (bytes?.length === count) {
    writeBytes(kernel.memory, to, bytes);
    return 0n;
  }
  fillBytes(kernel.memory, to, count, 0);
  return errno(EFAULT);
}

const probeRead: Behaviour = (call) => {
  const count = u32(call, 1);
  return probe(call, writable(call, 0, count), count, arg(call, 2));
};

/** Text at an address of kernel or user space, at most `limit` bytes with the NUL. */
export function probeText(kernel: Kernel, source: bigint, limit: number): string | undefined {
  const here = cText(kernel, source, limit);
  if (here !== undefined) return here;
  const bytes = userBytes(kernel, source, limit);
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end));
}

const probeReadText: Behaviour = (call) => {
  const count = u32(call, 1);
  const to = writable(call, 0, count);
  if (count === 0) return 0n;
  const found = probeText(call.kernel, arg(call, 2), count);
  if (found === undefined) {
    fillBytes(call.kernel.memory, to, count, 0);
    return errno(EFAULT);
  }
  const cut = found.slice(0, count - 1);
  writeBytes(call.kernel.memory, to, latin1(`${cut}\0`));
  return BigInt(cut.length + 1);
};

const copyFromUserTask: Behaviour = (call) => {
  if (arg(call, 4) !== 0n) return errno(EINVAL);
  return probeRead(call);
};

/** User memory is the scenario's, and stays as it is: writing to it is refused as it is for a task that may not be written. */
const probeWriteUser: Behaviour = () => errno(EPERM);

// ---- text and numbers -------------------------------------------------------------------------------------------------

/** bpf_strtol and bpf_strtoul: white space, sign, prefix and digits; how many bytes were read, or an errno. */
function parseNumber(call: Call, signed: boolean): bigint {
  const { memory } = call.kernel;
  const length = size(call, 1);
  const at = readable(call, 0, length);
  const flags = arg(call, 2);
  const result = writable(call, 3, 8);
  const base = Number(flags & 0x1fn);
  if (![0, 8, 10, 16].includes(base) || (flags & ~0x1fn) !== 0n || length === 0) return errno(EINVAL);
  let source = '';
  for (let i = 0; i < length; i++) {
    const byte = memory.readU8(at + i);
    if (byte === 0) break;
    source += String.fromCharCode(byte);
  }
  const match = /^(\s*)(-?)(0x(?=[0-9a-f]))?/i.exec(source)!;
  const prefix = match[3] ?? '';
  const body = source.slice(match[0].length);
  const radix = base !== 0 ? base : prefix !== '' ? 16 : body.startsWith('0') && body.length > 1 ? 8 : 10;
  if (prefix !== '' && radix !== 16) return digitsEnd(call, '0', radix, match, signed, result);
  const digits = (radix === 16 ? /^[0-9a-f]*/i : radix === 10 ? /^[0-9]*/ : /^[0-7]*/).exec(body)![0];
  return digitsEnd(call, digits, radix, match, signed, result);
}

function digitsEnd(
  call: Call,
  digits: string,
  radix: number,
  match: RegExpExecArray,
  signed: boolean,
  result: number,
): bigint {
  if (digits === '' || (match[2] === '-' && !signed)) return errno(EINVAL);
  const radixPrefix = radix === 16 ? '0x' : radix === 8 ? '0o' : '';
  const magnitude = BigInt(radixPrefix + digits);
  const value = match[2] === '-' ? -magnitude : magnitude;
  const limit = signed ? 1n << 63n : 1n << 64n;
  if (value >= limit || value < (signed ? -limit : 0n)) return errno(ERANGE);
  call.kernel.memory.writeU64(result, BigInt.asUintN(64, value));
  const prefix = radix === 16 ? (match[3]?.length ?? 0) : 0;
  return BigInt(match[1]!.length + match[2]!.length + prefix + digits.length);
}

const strncmp: Behaviour = (call) => {
  const { memory } = call.kernel;
  const length = u32(call, 1);
  const a = readable(call, 0, length);
  const b = text(call, 2, length);
  for (let i = 0; i < length; i++) {
    const left = memory.readU8(a + i);
    const right = i < b.length ? b.charCodeAt(i) : 0;
    if (left !== right) return BigInt.asUintN(64, BigInt(left < right ? -1 : 1));
    if (left === 0) return 0n;
  }
  return 0n;
};

// ---- formats ----------------------------------------------------------------------------------------------------------

const tracePrintk: Behaviour = (call) => {
  const length = u32(call, 1);
  readable(call, 0, length);
  const pattern = text(call, 0, length);
  // A format without its NUL in the first `length` bytes is refused.
  if (pattern.length >= length) return errno(EINVAL);
  const wanted = (pattern.replaceAll('%%', '').match(/%/g) ?? []).length;
  const args = [arg(call, 2), arg(call, 3), arg(call, 4)].slice(0, Math.max(wanted, 0));
  return print(call, 'trace', pattern, args);
};

function print(
  call: Call,
  kind: 'trace' | 'stdout' | 'stderr' | 'seq',
  pattern: string,
  args: readonly bigint[],
): bigint {
  const formatted = format(pattern, args, formatSource(call.kernel));
  if ('errno' in formatted) return errno(formatted.errno);
  const line = formatted.text.slice(0, FORMAT_BUFFER - 1);
  call.kernel.print({ kind, text: line, at: call.kernel.position(call) });
  return BigInt(line.length);
}

const traceVprintk: Behaviour = (call) => {
  const bytes = u32(call, 3);
  if (bytes % 8 !== 0 || bytes > 96 || (bytes > 0 && arg(call, 2) === 0n)) return errno(EINVAL);
  return print(call, 'trace', text(call, 0, u32(call, 1)), words(call, 2, bytes));
};

/** bpf_stream_vprintk(stream_id, fmt, args, len): standard output (1) or error (2) of the program. */
export const streamPrintk: Behaviour = (call) => {
  const stream = u32(call, 0);
  const bytes = u32(call, 3);
  if (stream !== 1 && stream !== 2) return errno(2);
  if (bytes % 8 !== 0 || bytes > 96) return errno(EINVAL);
  const printed = print(call, stream === 1 ? 'stdout' : 'stderr', text(call, 1), words(call, 2, bytes));
  return BigInt.asIntN(64, printed) < 0n ? printed : 0n;
};

const seqPrintf: Behaviour = (call) => {
  const bytes = u32(call, 4);
  if (bytes % 8 !== 0 || bytes > 96) return errno(EINVAL);
  const printed = print(call, 'seq', text(call, 1, u32(call, 2)), words(call, 3, bytes));
  return BigInt.asIntN(64, printed) < 0n ? printed : 0n;
};

const seqWrite: Behaviour = (call) => {
  const bytes = u32(call, 2);
  const at = readable(call, 1, bytes);
  const written = String.fromCharCode(...call.kernel.memory.bytes.subarray(at, at + bytes));
  call.kernel.print({ kind: 'seq', text: written, at: call.kernel.position(call) });
  return 0n;
};

const snprintf: Behaviour = (call) => {
  const room = u32(call, 1);
  const bytes = u32(call, 4);
  if (bytes % 8 !== 0 || bytes > 96 || (bytes > 0 && arg(call, 3) === 0n)) return errno(EINVAL);
  const formatted = format(text(call, 2), words(call, 3, bytes), formatSource(call.kernel));
  if ('errno' in formatted) return errno(formatted.errno);
  if (room > 0)
    writeBytes(call.kernel.memory, writable(call, 0, room), latin1(`${formatted.text.slice(0, room - 1)}\0`));
  return BigInt(formatted.text.length + 1);
};

/** struct btf_ptr { void *ptr; u32 type_id; u32 flags }: the type's name and its raw bytes, not every field; or an errno. */
function showObject(call: Call, at: number): string | bigint {
  const { memory, btf } = call.kernel;
  const pointer = memory.readU64(at);
  const type = memory.readU32(at + 8);
  const name = btf.name(type);
  if (type <= 0 || name === '') return errno(EINVAL);
  const size_ = btf.resolveSize(type) ?? 0;
  if (memory.check(pointer, size_, 'read') !== undefined) return errno(EFAULT);
  const from = call.kernel.offset(pointer);
  const hex = [...memory.bytes.subarray(from, from + size_)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `(${btf.isComposite(btf.resolve(type)) ? 'struct ' : ''}${name})0x${hex}`;
}

const snprintfBtf: Behaviour = (call) => {
  const { memory } = call.kernel;
  const room = u32(call, 1);
  if (u32(call, 3) !== 16) return errno(EINVAL);
  const shown = showObject(call, readable(call, 2, 16));
  if (typeof shown === 'bigint') return shown;
  if (room > 0) writeBytes(memory, writable(call, 0, room), latin1(`${shown.slice(0, room - 1)}\0`));
  return BigInt(shown.length);
};

const seqPrintfBtf: Behaviour = (call) => {
  if (u32(call, 2) !== 16) return errno(EINVAL);
  const shown = showObject(call, readable(call, 1, 16));
  if (typeof shown === 'bigint') return shown;
  call.kernel.print({ kind: 'seq', text: shown, at: call.kernel.position(call) });
  return 0n;
};

/** bpf_copy_from_user_str(dst, size, user, flags): with BPF_F_PAD_ZEROS the rest is cleared. */
export const copyFromUserText: Behaviour = (call) => {
  const { memory } = call.kernel;
  const count = u32(call, 1);
  const flags = arg(call, 3);
  if ((flags & ~1n) !== 0n) return errno(EINVAL);
  if (count === 0) return 0n;
  const to = writable(call, 0, count);
  const found = probeText(call.kernel, arg(call, 2), count);
  if (found === undefined) {
    if (flags === 1n) fillBytes(memory, to, count, 0);
    return errno(EFAULT);
  }
  const cut = found.slice(0, count - 1);
  if (flags === 1n) fillBytes(memory, to, count, 0);
  writeBytes(memory, to, latin1(`${cut}\0`));
  return BigInt(cut.length + 1);
};

export const memoryHelpers: Readonly<Record<string, Behaviour>> = {
  probe_read: probeRead,
  probe_read_kernel: probeRead,
  probe_read_user: probeRead,
  copy_from_user: probeRead,
  copy_from_user_task: copyFromUserTask,
  probe_read_str: probeReadText,
  probe_read_kernel_str: probeReadText,
  probe_read_user_str: probeReadText,
  probe_write_user: probeWriteUser,
  strtol: (call) => parseNumber(call, true),
  strtoul: (call) => parseNumber(call, false),
  strncmp,
  trace_printk: tracePrintk,
  trace_vprintk: traceVprintk,
  seq_printf: seqPrintf,
  seq_write: seqWrite,
  snprintf,
  snprintf_btf: snprintfBtf,
  seq_printf_btf: seqPrintfBtf,
};
