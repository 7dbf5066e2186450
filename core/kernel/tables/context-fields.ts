/**
 * What a program may read and write in its context, and through the socket pointers that it finds there: one row per field.
 *
 * Access strings: `r4` a read of exactly four bytes, `n4` a read of four bytes or of an aligned part of them ("narrow load"), `s4` the same
 * but a part must start where the field starts, `h4` the same as `n4` but at least two bytes, `w4` a write of four bytes, `any` reads and
 * writes of 1 to 8 bytes inside the field, `rany` such reads only. Accesses are always aligned to their size.
 * Source: the `is_valid_access` callbacks of net/core/filter.c and kernel/bpf/cgroup.c; every row was compared with what a running 6.18 kernel
 * accepts, for every offset, size and attach type.
 */
import type { AttachTypeName } from '../../object/program.ts';

/** What a read of the field gives. */
export type ContextValue =
  | 'scalar'
  | 'packet'
  | 'packet_meta'
  | 'packet_end'
  | 'sock'
  | 'sock_or_null'
  | 'sock_common_or_null'
  | 'flow_keys'
  | 'tp_buffer'
  | 'btf';

export interface ContextField {
  readonly offset: number;
  readonly size: number;
  readonly access: readonly string[];
  readonly value: ContextValue;
  /** Attach types in which the field exists; absent for all. */
  readonly attach?: ReadonlySet<AttachTypeName>;
  /** Kernel struct of a 'btf' value. */
  readonly struct?: string;
}

function field(
  offset: number,
  size: number,
  access: string,
  value: ContextValue = 'scalar',
  attach?: readonly AttachTypeName[],
): ContextField {
  const row = { offset, size, access: access.split(' '), value };
  return attach === undefined ? row : { ...row, attach: new Set(attach) };
}

/** Several neighbouring fields of four bytes with the same rule. */
function run(from: number, to: number, access: string, attach?: readonly AttachTypeName[]): ContextField[] {
  const fields: ContextField[] = [];
  for (let offset = from; offset < to; offset += 4) fields.push(field(offset, 4, access, 'scalar', attach));
  return fields;
}

/** struct __sk_buff: what all programs on packets share. */
function skBuff(writable: readonly number[], readOnlyControlBlock = false): ContextField[] {
  const fields: ContextField[] = [];
  for (let offset = 0; offset < 48; offset += 4) {
    fields.push(field(offset, 4, writable.includes(offset) ? 'n4 w4' : 'n4'));
  }
  fields.push(field(48, 20, readOnlyControlBlock ? 'rany' : 'any'));
  fields.push(field(68, 4, 'n4'));
  fields.push(field(84, 4, 'n4'));
  fields.push(field(164, 4, 'n4'));
  fields.push(field(168, 8, 'r8', 'sock_common_or_null'));
  fields.push(field(176, 4, 'n4'));
  return fields;
}

const SK_BUFF_DATA = [field(76, 4, 'r4', 'packet'), field(80, 4, 'r4', 'packet_end')];

/** family to local_port of __sk_buff: where a socket belongs to the packet. */
const SK_BUFF_ADDRESSES = [field(88, 4, 'n4'), ...run(92, 132, 'r4'), field(132, 4, 'n4'), field(136, 4, 'n4')];

const TRAFFIC_CONTROL = [
  ...skBuff([8, 12, 32, 44]),
  ...SK_BUFF_DATA,
  field(72, 4, 'n4 w4'),
  field(140, 4, 'r4', 'packet_meta'),
  field(152, 8, 'r8 w8'),
  field(160, 4, 'n4'),
  field(180, 1, 'r1'),
  field(184, 8, 'r8'),
];

const LIGHTWEIGHT_TUNNEL = [...skBuff([8, 32]), ...SK_BUFF_DATA];

const INET4 = [
  'cgroup_inet4_bind',
  'cgroup_inet4_connect',
  'cgroup_inet4_getpeername',
  'cgroup_inet4_getsockname',
  'cgroup_udp4_sendmsg',
  'cgroup_udp4_recvmsg',
] as const;

const INET6 = [
  'cgroup_inet6_bind',
  'cgroup_inet6_connect',
  'cgroup_inet6_getpeername',
  'cgroup_inet6_getsockname',
  'cgroup_udp6_sendmsg',
  'cgroup_udp6_recvmsg',
] as const;

const SOCK_CREATE = ['cgroup_inet_sock_create', 'cgroup_inet_sock_release'] as const;
const POST_BIND4 = ['cgroup_inet4_post_bind'] as const;
const POST_BIND6 = ['cgroup_inet6_post_bind'] as const;
const POST_BIND = ['cgroup_inet4_post_bind', 'cgroup_inet6_post_bind'] as const;

/** The whole of struct bpf_sock, as seen through a socket pointer. */
export const BPF_SOCK: readonly ContextField[] = [
  field(0, 4, 'r4'),
  ...run(4, 16, 's4'),
  field(16, 4, 'r4'),
  field(20, 4, 'r4'),
  ...run(24, 44, 'n4'),
  field(44, 4, 's4'),
  field(48, 4, 'r4'),
  field(48, 2, 'n2'),
  ...run(52, 72, 'n4'),
  ...run(72, 80, 's4'),
];

/** Through a pointer to a socket of any state: the fields that only a full socket has are missing. */
export const BPF_SOCK_COMMON: readonly ContextField[] = BPF_SOCK.filter(
  (row) => row.offset !== 8 && row.offset !== 12 && row.offset !== 16 && row.offset !== 20,
);

/** struct bpf_tcp_sock: 64-bit counters at the end. */
export const BPF_TCP_SOCK: readonly ContextField[] = [
  ...run(0, 80, 'r4'),
  field(80, 8, 'r8'),
  field(88, 8, 'r8'),
  ...run(96, 116, 'r4'),
];

export const BPF_XDP_SOCK: readonly ContextField[] = [field(0, 4, 'r4')];

/** sizeof(struct bpf_flow_keys). Its fields are read and written as memory. */
export const BPF_FLOW_KEYS_SIZE = 56;

const SOCK_FILTER = [
  field(0, 4, 'r4 w4', 'scalar', SOCK_CREATE),
  ...run(4, 16, 's4'),
  field(16, 4, 'r4 w4', 'scalar', SOCK_CREATE),
  field(20, 4, 'r4 w4', 'scalar', SOCK_CREATE),
  field(24, 4, 'n4', 'scalar', POST_BIND4),
  ...run(28, 44, 'n4', POST_BIND6),
  field(44, 4, 's4', 'scalar', POST_BIND),
  field(48, 4, 'r4'),
  field(48, 2, 'n2'),
  ...run(52, 72, 'n4'),
  ...run(72, 80, 's4'),
];

function btf(offset: number, struct: string): ContextField {
  return { offset, size: 8, access: ['r8'], value: 'btf', struct };
}

function wordsOf(count: number): ContextField[] {
  return [field(0, count * 8, 'rany')];
}

/** Rows by context layout; program-types.ts says which type has which. */
export const CONTEXT_FIELDS = {
  sk_buff_filter: skBuff([]),
  sk_buff_tc: TRAFFIC_CONTROL,
  sk_buff_lwt: LIGHTWEIGHT_TUNNEL,
  sk_buff_cgroup: [
    ...skBuff([8, 32]),
    ...SK_BUFF_DATA,
    ...SK_BUFF_ADDRESSES,
    field(152, 8, 'r8 w8'),
    field(184, 8, 'r8'),
  ],
  sk_buff_stream: [...skBuff([32, 44], true).filter((row) => row.offset !== 8), ...SK_BUFF_DATA, ...SK_BUFF_ADDRESSES],
  sk_buff_flow_dissector: [...SK_BUFF_DATA, field(144, 8, 'r8', 'flow_keys')],
  xdp_md: [
    field(0, 4, 'r4', 'packet'),
    field(4, 4, 'r4', 'packet_end'),
    field(8, 4, 'r4', 'packet_meta'),
    ...run(12, 20, 'r4'),
    field(20, 4, 'r4', 'scalar', ['xdp_devmap']),
  ],
  bpf_sock: SOCK_FILTER,
  bpf_sock_addr: [
    field(0, 4, 'r4'),
    field(4, 4, 'n4 w4', 'scalar', INET4),
    ...run(8, 24, 'n4 w4', INET6),
    field(8, 8, 'r8 w8', 'scalar', INET6),
    field(16, 8, 'r8 w8', 'scalar', INET6),
    field(24, 4, 'n4 w4'),
    ...run(28, 40, 'r4'),
    field(40, 4, 'n4 w4', 'scalar', ['cgroup_udp4_sendmsg']),
    ...run(44, 60, 'n4 w4', ['cgroup_udp6_sendmsg']),
    field(48, 8, 'r8 w8', 'scalar', ['cgroup_udp6_sendmsg']),
    field(64, 8, 'r8', 'sock'),
  ],
  bpf_sock_ops: [
    field(0, 4, 'r4'),
    field(4, 4, 'r4 w4'),
    ...run(8, 164, 'r4'),
    field(164, 4, 'r4 w4'),
    field(168, 8, 'r8'),
    field(176, 8, 'r8'),
    field(184, 8, 'r8', 'sock_or_null'),
    field(192, 8, 'r8', 'packet'),
    field(200, 8, 'r8', 'packet_end'),
    field(208, 4, 'r4'),
    field(212, 4, 's4'),
    field(216, 8, 'r8'),
  ],
  sk_msg_md: [
    field(0, 8, 'r8', 'packet'),
    field(8, 8, 'r8', 'packet_end'),
    ...run(16, 72, 'r4'),
    field(72, 8, 'r8', 'sock'),
  ],
  sk_reuseport_md: [
    field(0, 8, 'r8', 'packet'),
    field(8, 8, 'r8', 'packet_end'),
    field(16, 4, 'n4'),
    field(20, 4, 'h4'),
    field(24, 4, 'n4'),
    field(28, 4, 'n4'),
    field(32, 4, 'r4'),
    field(40, 8, 'r8', 'sock'),
    field(48, 8, 'r8', 'sock_common_or_null'),
  ],
  bpf_cgroup_dev_ctx: [field(0, 4, 'n4'), field(4, 4, 'r4'), field(8, 4, 'r4')],
  bpf_sysctl: [field(0, 4, 'n4'), field(4, 4, 'n4 w4')],
  bpf_sockopt: [
    field(0, 8, 'r8', 'sock'),
    field(8, 8, 'r8', 'packet'),
    field(16, 8, 'r8', 'packet_end'),
    ...run(24, 32, 'r4'),
    field(24, 4, 'w4', 'scalar', ['cgroup_setsockopt']),
    field(28, 4, 'w4', 'scalar', ['cgroup_setsockopt']),
    field(32, 4, 'r4 w4'),
    field(36, 4, 'r4 w4', 'scalar', ['cgroup_getsockopt']),
  ],
  bpf_sk_lookup: [field(0, 8, 'r8', 'sock_or_null'), ...run(8, 36, 'n4'), field(36, 4, 'n4'), ...run(40, 68, 'n4')],
  pt_regs: wordsOf(21),
  raw_tracepoint: wordsOf(12),
  raw_tracepoint_writable: [field(0, 8, 'r8', 'tp_buffer'), field(1, 95, 'rany')],
  // A tracepoint's first eight bytes are the event's common fields, which a program may not see.
  tracepoint: [field(8, 8192 - 8, 'rany')],
  perf_event: [...Array.from({ length: 21 }, (_, i) => field(i * 8, 8, 'r8')), field(168, 16, 'rany')],
  // A syscall program's context is memory of the caller's size, up to 64 KiB.
  syscall: [field(0, 65536, 'any')],
  netfilter: [btf(0, 'nf_hook_state'), btf(8, 'sk_buff')],
  none: [],
} satisfies Record<string, readonly ContextField[]>;

export type ContextLayout = keyof typeof CONTEXT_FIELDS;
