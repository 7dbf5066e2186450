/** Accesses to memory: which memory a register points to decides what may be done there. */
import { BPF_W } from '../../isa/opcodes.ts';
import { BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, BPF_MAP_TYPE_ARRAY } from '../../kernel/tables/map-types.ts';
import { PROGRAM_TYPES, flowKeysAccess, mayAccessPacket, socketAccess } from '../../kernel/tables/program-types.ts';
import { checkBtfPointerAccess, checkMapPointerAccess } from './btf-access.ts';
import { checkMapKptrAccess } from '../calls/kptrs.ts';
import { KPTR_KINDS, findField, mapRecord } from '../calls/records.ts';
import { checkContextAccess } from './context-access.ts';
import type { Env } from '../context.ts';
import { checkPtrOffReg } from './pointer-offset.ts';
import { tnumLogText } from '../print-state.ts';
import { coerceToSize, coerceToSizeSigned } from '../state/registers.ts';
import { type Access, type MemoryMeta, checkStackRangeInitialized, checkStackRead, checkStackWrite } from './stack.ts';
import {
  AUX0,
  ID,
  OFF,
  ROW,
  SMIN,
  TYPE,
  UMAX,
  VALUE,
  isConst,
  isNull,
  s64Number,
  setKnownScalar,
  setUnknownScalar,
  u64Number,
} from '../state/state.ts';
import { tnumAdd, tnumIsAligned } from '../values/tnum.ts';
import {
  BASE_TYPE_MASK,
  BPF_MAX_VAR_OFF,
  CONST_PTR_TO_MAP,
  MEM_RDONLY,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_TP_BUFFER,
  PTR_TO_XDP_SOCK,
  PTR_UNTRUSTED,
  SCALAR_VALUE,
  regTypeName,
  typeIsPacketPointer,
  typeIsReadOnlyMemory,
  typeIsSocketPointer,
} from '../state/types.ts';

export type { Access, MemoryMeta } from './stack.ts';

const BPF_F_STRICT_ALIGNMENT = 1;
const aligned = new Int32Array(8);

/** Bytes of a BPF_B, H, W or DW access. */
export function sizeInBytes(bpfSize: number): number {
  return bpfSize === 0x10 ? 1 : bpfSize === 0x08 ? 2 : bpfSize === BPF_W ? 4 : 8;
}

function misaligned(w: Int32Array, base: number, off: number, size: number): boolean {
  for (let k = 0; k < 4; k++) aligned[k] = w[base + VALUE + k]!;
  aligned[4] = off;
  aligned[5] = off >> 31;
  aligned[6] = 0;
  aligned[7] = 0;
  tnumAdd(aligned, 0, aligned, 4);
  return !tnumIsAligned(aligned, 0, size);
}

const ALIGNMENT_NAMES = new Map([
  [PTR_TO_FLOW_KEYS, 'flow keys '],
  [PTR_TO_MAP_KEY, 'key '],
  [PTR_TO_MAP_VALUE, 'value '],
  [PTR_TO_CTX, 'context '],
  [PTR_TO_STACK, 'stack '],
  [PTR_TO_SOCKET, 'sock '],
  [PTR_TO_SOCK_COMMON, 'sock_common '],
  [PTR_TO_TCP_SOCK, 'tcp_sock '],
  [PTR_TO_XDP_SOCK, 'xdp_sock '],
]);

/** Alignment matters on the stack (slots are tracked by it), for atomics, and when the loader asked for it. */
export function checkAlignment(env: Env, register: number, off: number, size: number, strictOnce: boolean): void {
  const w = env.frame.w;
  const base = register * ROW;
  const type = w[base + TYPE]!;
  const strict = strictOnce || (env.program.flags & BPF_F_STRICT_ALIGNMENT) !== 0 || type === PTR_TO_STACK;
  if (!strict || size === 1 || type === PTR_TO_ARENA) return;
  const fixed = w[base + OFF]!;
  if (typeIsPacketPointer(type) && (type & ~BASE_TYPE_MASK) === 0) {
    const ipAlign = 2;
    if (misaligned(w, base, ipAlign + fixed + off, size))
      env.fail(`misaligned packet access off ${ipAlign}+${tnumLogText(w, base + VALUE)}+${fixed}+${off} size ${size}`);
    return;
  }
  if (misaligned(w, base, fixed + off, size))
    env.fail(
      `misaligned ${ALIGNMENT_NAMES.get(type) ?? ''}access off ${tnumLogText(w, base + VALUE)}+${fixed}+${off} size ${size}`,
    );
}

/** Whether an access lies in memory of a known size; writes why not to the log. */
function insideMemory(
  env: Env,
  register: number,
  off: number,
  size: number,
  memorySize: number,
  zeroSizeAllowed: boolean,
): boolean {
  if (off >= 0 && (size > 0 || (size === 0 && zeroSizeAllowed)) && off + size <= memorySize) return true;
  const w = env.frame.w;
  const base = register * ROW;
  switch (w[base + TYPE]) {
    case PTR_TO_MAP_KEY:
      env.verbose(`invalid access to map key, key_size=${memorySize} off=${off} size=${size}\n`);
      break;
    case PTR_TO_MAP_VALUE:
      env.verbose(`invalid access to map value, value_size=${memorySize} off=${off} size=${size}\n`);
      break;
    case PTR_TO_PACKET:
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET_END:
      env.verbose(
        `invalid access to packet, off=${off} size=${size}, R${register}(id=${w[base + ID]},off=${off},r=${memorySize})\n`,
      );
      break;
    default:
      env.verbose(`invalid access to memory, mem_size=${memorySize} off=${off} size=${size}\n`);
  }
  return false;
}

/** An access to memory of a known size through a pointer whose offset may vary. */
export function checkMemRegionAccess(
  env: Env,
  register: number,
  off: number,
  size: number,
  memorySize: number,
  zeroSizeAllowed: boolean,
): void {
  const w = env.frame.w;
  const base = register * ROW;
  const smin = s64Number(w, base + SMIN);
  const low = smin + off;
  if (smin < 0 && (low !== (low | 0) || low < 0))
    env.fail(`R${register} min value is negative, either use unsigned index or do a if (index >=0) check.`);
  if (!insideMemory(env, register, low | 0, size, memorySize, zeroSizeAllowed))
    env.fail(`R${register} min value is outside of the allowed memory range`);
  const umax = u64Number(w, base + UMAX);
  if (umax >= BPF_MAX_VAR_OFF)
    env.fail(`R${register} unbounded memory access, make sure to bounds check any such access`);
  if (!insideMemory(env, register, (umax + off) | 0, size, memorySize, zeroSizeAllowed))
    env.fail(`R${register} max value is outside of the allowed memory range`);
}

/** A map's value may be forbidden to programs for reading or writing. */
export function checkMapAccessType(env: Env, register: number, off: number, size: number, access: Access): void {
  const map = env.maps[env.frame.w[register * ROW + AUX0]!]!;
  if (access === 'write' && (map.flags & BPF_F_RDONLY_PROG) !== 0)
    env.fail(`write into map forbidden, value_size=${map.valueSize} off=${off} size=${size}`);
  if (access === 'read' && (map.flags & BPF_F_WRONLY_PROG) !== 0)
    env.fail(`read from map forbidden, value_size=${map.valueSize} off=${off} size=${size}`);
}

/** An access to a map's value: inside it, and not touching fields that only the kernel may. */
export function checkMapAccess(
  env: Env,
  register: number,
  off: number,
  size: number,
  zeroSizeAllowed: boolean,
  byHelper: boolean,
): void {
  const w = env.frame.w;
  const base = register * ROW;
  const map = env.maps[w[base + AUX0]!]!;
  checkMemRegionAccess(env, register, off, size, map.valueSize, zeroSizeAllowed);
  const record = mapRecord(env, map);
  if (record === undefined) return;
  const first = s64Number(w, base + SMIN) + off;
  const last = u64Number(w, base + UMAX) + off + size;
  for (const field of record.fields) {
    if (first >= field.offset + field.size || field.offset >= last) continue;
    if (!KPTR_KINDS.has(field.kind)) env.fail(`${fieldName(field.kind)} cannot be accessed directly by load/store`);
    const name = fieldName(field.kind);
    if (byHelper) env.fail(`${name} cannot be accessed indirectly by helper`);
    if (!isConst(w, base)) env.fail(`${name} access cannot have variable offset`);
    const at = off + s64Number(w, base + VALUE);
    if (field.offset !== at) env.fail(`${name} access misaligned expected=${field.offset} off=${at}`);
    if (size !== 8) env.fail(`${name} access size must be BPF_DW`);
  }
}

/** What messages call a special field. */
function fieldName(kind: string): string {
  return kind === 'kptr_untrusted' ? 'kptr' : kind;
}

/** An access to packet data: within the range that a comparison with the end has proved. */
export function checkPacketAccess(
  env: Env,
  register: number,
  off: number,
  size: number,
  zeroSizeAllowed: boolean,
): void {
  const w = env.frame.w;
  const base = register * ROW;
  if (w[base + SMIN + 1]! < 0)
    env.fail(`R${register} min value is negative, either use unsigned index or do a if (index >=0) check.`);
  const range = w[base + AUX0]!;
  if (range < 0 || !insideMemory(env, register, off, size, range, zeroSizeAllowed))
    env.fail(`R${register} offset is outside of the packet`);
}

function checkBufferOffset(env: Env, what: string, register: number, off: number, size: number): void {
  const w = env.frame.w;
  const base = register * ROW;
  if (off < 0) env.fail(`R${register} invalid ${what} buffer access: off=${off}, size=${size}`);
  if (!isConst(w, base) || (w[base + VALUE]! | w[base + VALUE + 1]!) !== 0)
    env.fail(`R${register} invalid variable buffer offset: off=${off}, var_off=${tnumLogText(w, base + VALUE)}`);
}

const SOCKET_NAMES = new Map<number, 'sock' | 'sock_common' | 'tcp_sock' | 'xdp_sock'>([
  [PTR_TO_SOCKET, 'sock'],
  [PTR_TO_SOCK_COMMON, 'sock_common'],
  [PTR_TO_TCP_SOCK, 'tcp_sock'],
  [PTR_TO_XDP_SOCK, 'xdp_sock'],
]);

function checkSocketAccess(env: Env, register: number, off: number, size: number): void {
  const w = env.frame.w;
  const base = register * ROW;
  if (w[base + SMIN + 1]! < 0)
    env.fail(`R${register} min value is negative, either use unsigned index or do a if (index >=0) check.`);
  const name = SOCKET_NAMES.get(w[base + TYPE]!);
  if (name === undefined || socketAccess(name, off, size) === undefined)
    env.fail(`R${register} invalid ${regTypeName(w[base + TYPE]!)} access off=${off} size=${size}`);
}

/** Global data that can no longer change is read while verifying. */
function readConstantMap(
  env: Env,
  register: number,
  off: number,
  size: number,
  signed: boolean,
  into: number,
): boolean {
  const w = env.frame.w;
  const base = register * ROW;
  const map = env.maps[w[base + AUX0]!]!;
  if (!isConst(w, base) || (map.flags & BPF_F_RDONLY_PROG) === 0 || !map.frozen) return false;
  if (map.type !== BPF_MAP_TYPE_ARRAY || map.maxEntries !== 1) return false;
  const at = off + s64Number(w, base + VALUE);
  const bytes = new DataView(new ArrayBuffer(8));
  const data = map.initialData;
  for (let i = 0; i < size; i++) bytes.setUint8(i, data?.[at + i] ?? 0);
  let low = bytes.getInt32(0, true);
  let high = bytes.getInt32(4, true);
  if (signed && size < 8) {
    const shift = 32 - size * 8;
    low = shift > 0 ? (low << shift) >> shift : low;
    high = low >> 31;
  }
  setKnownScalar(w, into * ROW, low, high);
  return true;
}

function readMapValue(
  env: Env,
  insn: number,
  register: number,
  off: number,
  size: number,
  access: Access,
  value: number,
  signed: boolean,
): void {
  const w = env.frame.w;
  const base = register * ROW;
  checkMapAccessType(env, register, off, size, access);
  checkMapAccess(env, register, off, size, false, false);
  const record = mapRecord(env, env.maps[w[base + AUX0]!]!);
  if (record !== undefined && isConst(w, base)) {
    const field = findField(record, off + s64Number(w, base + VALUE), KPTR_KINDS);
    if (field !== undefined) {
      checkMapKptrAccess(env, register, value, insn, field);
      return;
    }
  }
  if (access === 'write' || value < 0) return;
  if (!readConstantMap(env, register, off, size, signed, value)) setUnknownScalar(w, value * ROW);
}

/**
 * Checks that memory at register + off may be read or written.
 * @param value for a read, the register that gets the value; for a write, the one that has it; -1 for none
 */
export function checkMemAccess(
  env: Env,
  insn: number,
  register: number,
  off: number,
  bpfSize: number,
  access: Access,
  value: number,
  strictOnce: boolean,
  signed: boolean,
): void {
  const size = sizeInBytes(bpfSize);
  const w = env.frame.w;
  const base = register * ROW;
  checkAlignment(env, register, off, size, strictOnce);
  off += w[base + OFF]!;
  const type = w[base + TYPE]!;
  const reads = access === 'read' && value >= 0;
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_STACK:
      if (type !== PTR_TO_STACK) break;
      if (access === 'read') checkStackRead(env, register, off, size, value);
      else checkStackWrite(env, register, off, size, value, insn);
      finishLoad(env, size, access, value, signed);
      return;
    case PTR_TO_MAP_KEY:
      if (type !== PTR_TO_MAP_KEY) break;
      if (access === 'write') env.fail(`write to change key R${register} not allowed`);
      checkMemRegionAccess(env, register, off, size, env.maps[w[base + AUX0]!]!.keySize, false);
      if (reads) setUnknownScalar(w, value * ROW);
      finishLoad(env, size, access, value, signed);
      return;
    case PTR_TO_MAP_VALUE:
      if (type !== PTR_TO_MAP_VALUE) break;
      readMapValue(env, insn, register, off, size, access, value, signed);
      finishLoad(env, size, access, value, signed);
      return;
    case PTR_TO_MEM: {
      if ((type & PTR_MAYBE_NULL) !== 0) break;
      const readOnly = typeIsReadOnlyMemory(type);
      if (access === 'write' && readOnly) env.fail(`R${register} cannot write into ${regTypeName(type)}`);
      // Untrusted read-only memory is read with a fault handler: anything goes.
      if (!(readOnly && (type & PTR_UNTRUSTED) !== 0))
        checkMemRegionAccess(env, register, off, size, w[base + AUX0]! >>> 0, false);
      if (value >= 0 && (access === 'read' || readOnly)) setUnknownScalar(w, value * ROW);
      finishLoad(env, size, access, value, signed);
      return;
    }
    case PTR_TO_CTX:
      if (type !== PTR_TO_CTX) break;
      checkPtrOffReg(env, register);
      checkContextAccess(env, insn, off, size, access, value, signed);
      finishLoad(env, size, access, value, signed);
      return;
    case PTR_TO_PACKET:
    case PTR_TO_PACKET_META:
      if ((type & ~BASE_TYPE_MASK) !== 0) break;
      if (access === 'write') {
        if (!mayAccessPacket(env.program.type, 'write')) env.fail('cannot write into packet');
        env.seenDirectWrite = true;
      }
      checkPacketAccess(env, register, off, size, false);
      if (reads) setUnknownScalar(w, value * ROW);
      finishLoad(env, size, access, value, signed);
      return;
    case PTR_TO_FLOW_KEYS:
      if (type !== PTR_TO_FLOW_KEYS) break;
      if (!flowKeysAccess(off, size)) env.fail(`invalid access to flow keys off=${off} size=${size}`);
      if (reads) setUnknownScalar(w, value * ROW);
      finishLoad(env, size, access, value, signed);
      return;
    case PTR_TO_TP_BUFFER:
      if (type !== PTR_TO_TP_BUFFER) break;
      checkBufferOffset(env, 'tracepoint', register, off, size);
      if (reads) setUnknownScalar(w, value * ROW);
      finishLoad(env, size, access, value, signed);
      return;
    case PTR_TO_BTF_ID:
      if ((type & PTR_MAYBE_NULL) !== 0) break;
      checkBtfPointerAccess(env, register, off, size, access, value);
      finishLoad(env, size, access, value, signed);
      return;
    case CONST_PTR_TO_MAP:
      if (type !== CONST_PTR_TO_MAP) break;
      checkMapPointerAccess(env, register, off, size, access, value);
      finishLoad(env, size, access, value, signed);
      return;
    case PTR_TO_BUF: {
      if ((type & PTR_MAYBE_NULL) !== 0) break;
      const readOnly = (type & MEM_RDONLY) !== 0;
      if (readOnly && access === 'write') env.fail(`R${register} cannot write into ${regTypeName(type)}`);
      checkBufferOffset(env, readOnly ? 'rdonly' : 'rdwr', register, off, size);
      if (value >= 0 && (readOnly || access === 'read')) setUnknownScalar(w, value * ROW);
      finishLoad(env, size, access, value, signed);
      return;
    }
    case PTR_TO_ARENA:
      if (type !== PTR_TO_ARENA) break;
      if (reads) setUnknownScalar(w, value * ROW);
      finishLoad(env, size, access, value, signed);
      return;
    default:
      if (!typeIsSocketPointer(type)) break;
      if (access === 'write') env.fail(`R${register} cannot write into ${regTypeName(type)}`);
      checkSocketAccess(env, register, off, size);
      if (value >= 0) setUnknownScalar(w, value * ROW);
      finishLoad(env, size, access, value, signed);
      return;
  }
  env.fail(`R${register} invalid mem access '${regTypeName(type)}'`);
}

/** A narrow load leaves zeros, or copies of the sign, above. */
function finishLoad(env: Env, size: number, access: Access, value: number, signed: boolean): void {
  if (size === 8 || value < 0 || access === 'write') return;
  const w = env.frame.w;
  const base = value * ROW;
  if (w[base + TYPE] !== SCALAR_VALUE) return;
  if (signed) coerceToSizeSigned(w, base, size);
  else coerceToSize(w, base, size);
}

/** Memory that a helper or kfunc reads or writes: `size` bytes at a register. */
export function checkHelperMemAccess(
  env: Env,
  register: number,
  size: number,
  access: Access,
  zeroSizeAllowed: boolean,
  meta: MemoryMeta | undefined,
): void {
  const w = env.frame.w;
  const base = register * ROW;
  const type = w[base + TYPE]!;
  const off = w[base + OFF]!;
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_PACKET:
    case PTR_TO_PACKET_META:
      checkPacketAccess(env, register, off, size, zeroSizeAllowed);
      return;
    case PTR_TO_MAP_KEY:
      if (access === 'write') env.fail(`R${register} cannot write into ${regTypeName(type)}`);
      checkMemRegionAccess(env, register, off, size, env.maps[w[base + AUX0]!]!.keySize, false);
      return;
    case PTR_TO_MAP_VALUE:
      checkMapAccessType(env, register, off, size, access);
      checkMapAccess(env, register, off, size, zeroSizeAllowed, true);
      return;
    case PTR_TO_MEM:
      if (typeIsReadOnlyMemory(type) && access === 'write')
        env.fail(`R${register} cannot write into ${regTypeName(type)}`);
      checkMemRegionAccess(env, register, off, size, w[base + AUX0]! >>> 0, zeroSizeAllowed);
      return;
    case PTR_TO_BUF:
      if (typeIsReadOnlyMemory(type) && access === 'write')
        env.fail(`R${register} cannot write into ${regTypeName(type)}`);
      checkBufferOffset(env, typeIsReadOnlyMemory(type) ? 'rdonly' : 'rdwr', register, off, size);
      return;
    case PTR_TO_STACK:
      checkStackRangeInitialized(env, register, off, size, zeroSizeAllowed, access, meta);
      return;
    case PTR_TO_BTF_ID:
      checkBtfPointerAccess(env, register, off, size, 'read', -1);
      return;
    case PTR_TO_CTX:
      // Where the kernel does not rewrite accesses (syscall programs) the size is checked when it is called.
      if (!rewritesContext(env)) {
        if (size === 0) {
          if (!zeroSizeAllowed) env.reject();
          return;
        }
        checkMemAccess(env, env.insn, register, size - 1, 0x10, access, -1, false, false);
        return;
      }
  }
  if (zeroSizeAllowed && size === 0 && isNull(w, base)) return;
  env.verbose(`R${register} type=${regTypeName(type)} `);
  env.fail(`expected=${regTypeName(PTR_TO_STACK)}`);
}

const PLAIN_CONTEXTS: ReadonlySet<string> = new Set([
  'btf',
  'syscall',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  'tracepoint',
  'pt_regs',
  'netfilter',
  'none',
  'bpf_cgroup_dev_ctx',
]);

/** Whether the context that programs see is not the kernel's own structure, so that accesses are rewritten. */
function rewritesContext(env: Env): boolean {
  return !PLAIN_CONTEXTS.has(PROGRAM_TYPES[env.program.type].layout);
}
