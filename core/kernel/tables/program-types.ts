/**
 * Program types: context, packet access, return values, sleeping.
 *
 * Source: include/linux/bpf_types.h for the context structs, the `is_valid_access` callbacks for accesses (context-fields.ts), the return value
 * check of the verifier; compared with a running 6.18 kernel.
 */
import type { AttachTypeName, Program, ProgramTypeName } from '../../object/program.ts';
import {
  BPF_FLOW_KEYS_SIZE,
  BPF_SOCK,
  BPF_SOCK_COMMON,
  BPF_TCP_SOCK,
  BPF_XDP_SOCK,
  CONTEXT_FIELDS,
} from './context-fields.ts';
import type { ContextField, ContextLayout, ContextValue } from './context-fields.ts';

export type { ContextValue } from './context-fields.ts';

export interface ProgramTypeRow {
  /** Struct that R1 points to, as C source names it ('' where BTF of the attach target decides). */
  readonly contextStruct: string;
  /** The kernel's own type behind it, which `bpf_cast_to_kern_ctx` gives. */
  readonly kernelStruct: string;
  /** Rows of context-fields.ts; 'btf' where the arguments of the attach target are the context. */
  readonly layout: ContextLayout | 'btf';
  /** Direct packet access: none, read only, or both. */
  readonly packet: 'none' | 'read' | 'write';
}

function row(
  contextStruct: string,
  kernelStruct: string,
  layout: ContextLayout | 'btf',
  packet: ProgramTypeRow['packet'] = 'none',
): ProgramTypeRow {
  return { contextStruct, kernelStruct, layout, packet };
}

export const PROGRAM_TYPES: Readonly<Record<ProgramTypeName, ProgramTypeRow>> = {
  unspec: row('', '', 'none'),
  socket_filter: row('__sk_buff', 'sk_buff', 'sk_buff_filter'),
  kprobe: row('bpf_user_pt_regs_t', 'pt_regs', 'pt_regs'),
  sched_cls: row('__sk_buff', 'sk_buff', 'sk_buff_tc', 'write'),
  sched_act: row('__sk_buff', 'sk_buff', 'sk_buff_tc', 'write'),
  tracepoint: row('__u64', 'u64', 'tracepoint'),
  xdp: row('xdp_md', 'xdp_buff', 'xdp_md', 'write'),
  perf_event: row('bpf_perf_event_data', 'bpf_perf_event_data_kern', 'perf_event'),
  cgroup_skb: row('__sk_buff', 'sk_buff', 'sk_buff_cgroup', 'read'),
  cgroup_sock: row('bpf_sock', 'sock', 'bpf_sock'),
  lwt_in: row('__sk_buff', 'sk_buff', 'sk_buff_lwt', 'read'),
  lwt_out: row('__sk_buff', 'sk_buff', 'sk_buff_lwt', 'read'),
  lwt_xmit: row('__sk_buff', 'sk_buff', 'sk_buff_lwt', 'write'),
  sock_ops: row('bpf_sock_ops', 'bpf_sock_ops_kern', 'bpf_sock_ops'),
  sk_skb: row('__sk_buff', 'sk_buff', 'sk_buff_stream', 'write'),
  cgroup_device: row('bpf_cgroup_dev_ctx', 'bpf_cgroup_dev_ctx', 'bpf_cgroup_dev_ctx'),
  sk_msg: row('sk_msg_md', 'sk_msg', 'sk_msg_md', 'write'),
  raw_tracepoint: row('bpf_raw_tracepoint_args', 'u64', 'raw_tracepoint'),
  cgroup_sock_addr: row('bpf_sock_addr', 'bpf_sock_addr_kern', 'bpf_sock_addr'),
  lwt_seg6local: row('__sk_buff', 'sk_buff', 'sk_buff_lwt', 'read'),
  lirc_mode2: row('__u32', 'u32', 'none'),
  sk_reuseport: row('sk_reuseport_md', 'sk_reuseport_kern', 'sk_reuseport_md', 'read'),
  flow_dissector: row('__sk_buff', 'bpf_flow_dissector', 'sk_buff_flow_dissector', 'read'),
  cgroup_sysctl: row('bpf_sysctl', 'bpf_sysctl_kern', 'bpf_sysctl'),
  raw_tracepoint_writable: row('bpf_raw_tracepoint_args', 'u64', 'raw_tracepoint_writable'),
  cgroup_sockopt: row('bpf_sockopt', 'bpf_sockopt_kern', 'bpf_sockopt', 'write'),
  tracing: row('', '', 'btf'),
  struct_ops: row('', '', 'btf'),
  ext: row('', '', 'btf'),
  lsm: row('', '', 'btf'),
  sk_lookup: row('bpf_sk_lookup', 'bpf_sk_lookup_kern', 'bpf_sk_lookup'),
  syscall: row('', '', 'syscall'),
  netfilter: row('bpf_nf_ctx', 'bpf_nf_ctx', 'netfilter'),
};

/** A permitted access. */
export interface ContextAccess {
  readonly value: ContextValue;
  /** Size of the field when a narrow load of it is permitted, else 0. */
  readonly fieldSize: number;
  /** Kernel struct of a 'btf' value. */
  readonly struct: string;
}

const SCALAR: ContextAccess = { value: 'scalar', fieldSize: 0, struct: '' };

function permits(field: ContextField, off: number, size: number, write: boolean): boolean {
  const start = off - field.offset;
  if (start < 0 || start + size > field.size) return false;
  for (const access of field.access) {
    if (access === 'any' || (access === 'rany' && !write)) return true;
    const kind = access.charCodeAt(0);
    const fieldSize = access.charCodeAt(1) - 48;
    if (write) {
      if (kind === 119 /* w */ && start === 0 && size === fieldSize) return true;
      continue;
    }
    if (size === fieldSize && start === 0 && kind !== 119) return true;
    if (kind === 110 /* n */ && size < fieldSize) return true;
    if (kind === 115 /* s */ && size < fieldSize && start === 0) return true;
    if (kind === 104 /* h */ && size >= 2 && size < fieldSize) return true;
  }
  return false;
}

function find(
  fields: readonly ContextField[],
  attachType: AttachTypeName | undefined,
  off: number,
  size: number,
  write: boolean,
): ContextAccess | undefined {
  if (off < 0 || off % size !== 0) return undefined;
  for (const field of fields) {
    if (field.attach !== undefined && (attachType === undefined || !field.attach.has(attachType))) continue;
    if (!permits(field, off, size, write)) continue;
    const narrow = /^[nsh]/.test(field.access[0]!) ? field.size : 0;
    if (field.value === 'scalar' && narrow === 0) return SCALAR;
    return { value: field.value, fieldSize: narrow, struct: field.struct ?? '' };
  }
  return undefined;
}

/** What an access to the context gives, or undefined when it is "invalid bpf_context access". Not for types whose layout is 'btf'. */
export function contextAccess(
  type: ProgramTypeName,
  attachType: AttachTypeName | undefined,
  off: number,
  size: number,
  access: 'read' | 'write',
): ContextAccess | undefined {
  const { layout } = PROGRAM_TYPES[type];
  if (layout === 'btf') return undefined;
  // Linux compares the offset without its sign here, and so lets a tracepoint read what lies before its record.
  if (type === 'tracepoint' && off < 0 && off % size === 0 && access === 'read') return SCALAR;
  return find(CONTEXT_FIELDS[layout], attachType, off, size, access === 'write');
}

const SOCKET_FIELDS = {
  sock: BPF_SOCK,
  sock_common: BPF_SOCK_COMMON,
  tcp_sock: BPF_TCP_SOCK,
  xdp_sock: BPF_XDP_SOCK,
} as const;

/** Whether a read through a socket pointer is permitted; writes never are. */
export function socketAccess(
  pointer: keyof typeof SOCKET_FIELDS,
  off: number,
  size: number,
): ContextAccess | undefined {
  return find(SOCKET_FIELDS[pointer], undefined, off, size, false);
}

/** Whether an access to a flow dissector's keys is inside them. */
export function flowKeysAccess(off: number, size: number): boolean {
  return off >= 0 && off + size <= BPF_FLOW_KEYS_SIZE;
}

/** Direct access to packet data by type. A cgroup_sockopt program's "packet" is the option's value. */
export function mayAccessPacket(type: ProgramTypeName, access: 'read' | 'write'): boolean {
  const { packet } = PROGRAM_TYPES[type];
  return packet === 'write' || (packet === 'read' && access === 'read');
}

/** Bounds of a program's return value, 'any' when it is free, 'void' when there is none to check. */
export type ReturnRange = { readonly min: number; readonly max: number } | 'any' | 'void' | 'unsupported';

const BOOLEAN: ReturnRange = { min: 0, max: 1 };
const ZERO: ReturnRange = { min: 0, max: 0 };
const ONE: ReturnRange = { min: 1, max: 1 };
const TWO_BITS: ReturnRange = { min: 0, max: 3 };

const MUST_RETURN_ONE = new Set<string>([
  'cgroup_udp4_recvmsg',
  'cgroup_udp6_recvmsg',
  'cgroup_unix_recvmsg',
  'cgroup_inet4_getpeername',
  'cgroup_inet6_getpeername',
  'cgroup_unix_getpeername',
  'cgroup_inet4_getsockname',
  'cgroup_inet6_getsockname',
  'cgroup_unix_getsockname',
]);

/**
 * Which values the main program may return. For lsm and struct_ops the hook's prototype decides further (see lsm-hooks.ts and the verifier):
 * they are 'any' here.
 */
export function returnRange(program: Pick<Program, 'type' | 'attachType' | 'attachBtfId'>): ReturnRange {
  const attach = program.attachType;
  switch (program.type) {
    case 'cgroup_sock_addr':
      if (attach !== undefined && MUST_RETURN_ONE.has(attach)) return ONE;
      return attach === 'cgroup_inet4_bind' || attach === 'cgroup_inet6_bind' ? TWO_BITS : BOOLEAN;
    case 'cgroup_skb':
      return attach === 'cgroup_inet_egress' ? TWO_BITS : BOOLEAN;
    case 'cgroup_sock':
    case 'sock_ops':
    case 'cgroup_device':
    case 'cgroup_sysctl':
    case 'cgroup_sockopt':
    case 'sk_lookup':
    case 'netfilter':
      return BOOLEAN;
    case 'raw_tracepoint':
      return program.attachBtfId ? ZERO : 'any';
    case 'tracing':
      switch (attach) {
        case 'trace_fentry':
        case 'trace_fexit':
          return ZERO;
        case 'trace_raw_tp':
        case 'modify_return':
          return 'any';
        case 'trace_iter':
          return BOOLEAN;
        default:
          return 'unsupported';
      }
    case 'kprobe':
      return attach === 'trace_kprobe_session' || (attach as string | undefined) === 'trace_uprobe_session'
        ? BOOLEAN
        : 'any';
    case 'lsm':
      return attach === 'lsm_cgroup' ? BOOLEAN : 'any';
    default:
      return 'any';
  }
}

/** Whether programs of this kind may be loaded as sleepable. */
export function canBeSleepable(program: Pick<Program, 'type' | 'attachType'>): boolean {
  switch (program.type) {
    case 'tracing':
      return (
        program.attachType === 'trace_fentry' ||
        program.attachType === 'trace_fexit' ||
        program.attachType === 'modify_return' ||
        program.attachType === 'trace_iter'
      );
    case 'lsm':
      return program.attachType !== 'lsm_cgroup';
    case 'kprobe':
    case 'struct_ops':
    case 'syscall':
      return true;
    default:
      return false;
  }
}
