/**
 * What the kernel says of BTF-typed contexts beyond the prototypes in its BTF: which arguments of iterators may be null or
 * are buffers, what struct_ops promote, and which fields of kernel objects a program may write.
 *
 * Source: the `bpf_iter_reg`, `bpf_struct_ops` and `btf_struct_access` definitions of Linux 6.18.
 */
import { MEM_RDONLY, PTR_MAYBE_NULL, PTR_TO_BTF_ID, PTR_TO_BUF, PTR_TRUSTED } from './type-flags.ts';

const TRUSTED_OR_NULL = PTR_TO_BTF_ID | PTR_MAYBE_NULL | PTR_TRUSTED;
const OR_NULL = PTR_TO_BTF_ID | PTR_MAYBE_NULL;
const BUFFER = PTR_TO_BUF | PTR_MAYBE_NULL;

/** By iterator (`bpf_iter_` left out), then by position of the argument; those not named are plain trusted pointers. */
export const ITERATOR_ARGUMENTS: ReadonlyMap<string, Readonly<Record<number, number>>> = new Map<
  string,
  Readonly<Record<number, number>>
>([
  ['bpf_link', { 1: OR_NULL }],
  ['bpf_map', { 1: TRUSTED_OR_NULL }],
  ['bpf_map_elem', { 2: BUFFER | MEM_RDONLY, 3: BUFFER }],
  ['bpf_prog', { 1: OR_NULL }],
  ['bpf_sk_storage_map', { 2: OR_NULL, 3: BUFFER }],
  ['cgroup', { 1: TRUSTED_OR_NULL }],
  ['dmabuf', { 1: OR_NULL }],
  ['ipv6_route', { 1: OR_NULL }],
  ['kmem_cache', { 1: TRUSTED_OR_NULL }],
  ['ksym', { 1: OR_NULL }],
  ['netlink', { 1: OR_NULL }],
  ['sockmap', { 2: BUFFER | MEM_RDONLY, 3: OR_NULL }],
  ['task', { 1: TRUSTED_OR_NULL }],
  ['task_file', { 1: OR_NULL, 3: OR_NULL }],
  ['task_vma', { 1: OR_NULL, 2: OR_NULL }],
  ['tcp', { 1: TRUSTED_OR_NULL }],
  ['udp', { 1: TRUSTED_OR_NULL }],
  ['unix', { 1: OR_NULL }],
]);

/** Arguments that a struct_ops gives as a more special type than its prototype says: struct_ops, declared, actual. */
export const STRUCT_OPS_PROMOTIONS: ReadonlyMap<string, readonly [declared: string, actual: string]> = new Map([
  ['tcp_congestion_ops', ['sock', 'tcp_sock']],
]);

/** Members of a struct_ops that programs may not implement. */
export const UNSUPPORTED_MEMBERS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['tcp_congestion_ops', new Set(['get_info'])],
  ['Qdisc_ops', new Set(['peek', 'change', 'change_tx_queue_len', 'change_real_num_tx', 'dump', 'dump_stats'])],
]);

/** Members of a struct_ops in which a program may sleep, where only some are: others may not be sleepable. */
export const SLEEPABLE_MEMBERS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['bpf_dummy_ops', new Set(['test_sleepable'])],
  ['tcp_congestion_ops', new Set<string>()],
]);

/** A field that may be written: the struct that declares it, and its name (dots lead into nested structs). */
export type WritableField = readonly [struct: string, field: string];

export interface WritableObject {
  /** Types that the fields may be written through; the first one is named in messages. */
  readonly structs: readonly string[];
  /** `'all'`: the whole object. */
  readonly fields: readonly WritableField[] | 'all';
  /** Said of an object of another type. */
  readonly otherwise: string;
}

const TCP_SOCK: WritableObject = {
  structs: ['tcp_sock'],
  fields: [
    ['sock', 'sk_pacing_rate'],
    ['sock', 'sk_pacing_status'],
    ['inet_connection_sock', 'icsk_ca_priv'],
    ['inet_connection_sock', 'icsk_ack.pending'],
    ['tcp_sock', 'snd_cwnd'],
    ['tcp_sock', 'snd_cwnd_cnt'],
    ['tcp_sock', 'snd_cwnd_stamp'],
    ['tcp_sock', 'snd_ssthresh'],
    ['tcp_sock', 'ecn_flags'],
    ['tcp_sock', 'app_limited'],
  ],
  otherwise: 'only read is supported',
};

const CONNECTION: WritableObject = {
  structs: ['nf_conn', 'nf_conn___init'],
  fields: [['nf_conn', 'mark']],
  otherwise: 'only read is supported',
};

const DUMMY: WritableObject = {
  structs: ['bpf_dummy_ops_state'],
  fields: 'all',
  otherwise: 'only access to bpf_dummy_ops_state is supported',
};

/** By program type, or by struct for struct_ops programs. */
export const WRITABLE_OBJECTS: ReadonlyMap<string, WritableObject> = new Map([
  ['xdp', CONNECTION],
  ['sched_cls', CONNECTION],
  ['sched_act', CONNECTION],
  ['tcp_congestion_ops', TCP_SOCK],
  ['bpf_dummy_ops', DUMMY],
]);
