/**
 * Map types: numbers, names, and which helpers may be given which map.
 *
 * Source: enum bpf_map_type of include/uapi/linux/bpf.h; the compatibility rules of the verifier, of which both directions count: a map type may
 * restrict the helpers, and a helper may restrict the map types.
 */

/** The position in this list is the kernel's number. */
export const mapTypeNames = [
  'unspec',
  'hash',
  'array',
  'prog_array',
  'perf_event_array',
  'percpu_hash',
  'percpu_array',
  'stack_trace',
  'cgroup_array',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'sockmap',
  'cpumap',
  'xskmap',
  'sockhash',
  'cgroup_storage',
  'reuseport_sockarray',
  'percpu_cgroup_storage',
  'queue',
  'stack',
  'sk_storage',
  'devmap_hash',
  'struct_ops',
  'ringbuf',
  'inode_storage',
  'task_storage',
  'bloom_filter',
  'user_ringbuf',
  'cgrp_storage',
  'arena',
] as const;

export type MapTypeName = (typeof mapTypeNames)[number];

export const BPF_MAP_TYPE_HASH = 1;
export const BPF_MAP_TYPE_ARRAY = 2;
export const BPF_MAP_TYPE_PROG_ARRAY = 3;
export const BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4;
export const BPF_MAP_TYPE_PERCPU_HASH = 5;
export const BPF_MAP_TYPE_PERCPU_ARRAY = 6;
export const BPF_MAP_TYPE_STACK_TRACE = 7;
export const BPF_MAP_TYPE_CGROUP_ARRAY = 8;
export const BPF_MAP_TYPE_LRU_HASH = 9;
export const BPF_MAP_TYPE_LRU_PERCPU_HASH = 10;
export const BPF_MAP_TYPE_LPM_TRIE = 11;
export const BPF_MAP_TYPE_ARRAY_OF_MAPS = 12;
export const BPF_MAP_TYPE_HASH_OF_MAPS = 13;
export const BPF_MAP_TYPE_DEVMAP = 14;
export const BPF_MAP_TYPE_SOCKMAP = 15;
export const BPF_MAP_TYPE_CPUMAP = 16;
export const BPF_MAP_TYPE_XSKMAP = 17;
export const BPF_MAP_TYPE_SOCKHASH = 18;
export const BPF_MAP_TYPE_CGROUP_STORAGE = 19;
export const BPF_MAP_TYPE_REUSEPORT_SOCKARRAY = 20;
export const BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE = 21;
export const BPF_MAP_TYPE_QUEUE = 22;
export const BPF_MAP_TYPE_STACK = 23;
export const BPF_MAP_TYPE_SK_STORAGE = 24;
export const BPF_MAP_TYPE_DEVMAP_HASH = 25;
export const BPF_MAP_TYPE_STRUCT_OPS = 26;
export const BPF_MAP_TYPE_RINGBUF = 27;
export const BPF_MAP_TYPE_INODE_STORAGE = 28;
export const BPF_MAP_TYPE_TASK_STORAGE = 29;
export const BPF_MAP_TYPE_BLOOM_FILTER = 30;
export const BPF_MAP_TYPE_USER_RINGBUF = 31;
export const BPF_MAP_TYPE_CGRP_STORAGE = 32;
export const BPF_MAP_TYPE_ARENA = 33;

/** BPF_F_* flags of a map that matter to the verifier. */
export const BPF_F_RDONLY_PROG = 1 << 7;
export const BPF_F_WRONLY_PROG = 1 << 8;

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** Map types that only some helpers accept. A type that is absent goes with every helper that does not object. */
export const HELPERS_OF_MAP: Readonly<Partial<Record<MapTypeName, ReadonlySet<string>>>> = {
  prog_array: words('tail_call'),
  perf_event_array: words('perf_event_read perf_event_output skb_output perf_event_read_value xdp_output'),
  ringbuf: words(
    'ringbuf_output ringbuf_reserve ringbuf_query ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr',
  ),
  user_ringbuf: words('user_ringbuf_drain'),
  stack_trace: words('get_stackid'),
  cgroup_array: words('skb_under_cgroup current_task_under_cgroup'),
  cgroup_storage: words('get_local_storage'),
  percpu_cgroup_storage: words('get_local_storage'),
  devmap: words('redirect_map map_lookup_elem'),
  devmap_hash: words('redirect_map map_lookup_elem'),
  cpumap: words('redirect_map'),
  xskmap: words('redirect_map map_lookup_elem'),
  array_of_maps: words('map_lookup_elem'),
  hash_of_maps: words('map_lookup_elem'),
  sockmap: words('sk_redirect_map sock_map_update msg_redirect_map sk_select_reuseport map_lookup_elem'),
  sockhash: words('sk_redirect_hash sock_hash_update msg_redirect_hash sk_select_reuseport map_lookup_elem'),
  reuseport_sockarray: words('sk_select_reuseport'),
  queue: words('map_peek_elem map_pop_elem map_push_elem'),
  stack: words('map_peek_elem map_pop_elem map_push_elem'),
  sk_storage: words('sk_storage_get sk_storage_delete kptr_xchg'),
  inode_storage: words('inode_storage_get inode_storage_delete kptr_xchg'),
  task_storage: words('task_storage_get task_storage_delete kptr_xchg'),
  cgrp_storage: words('cgrp_storage_get cgrp_storage_delete kptr_xchg'),
  bloom_filter: words('map_peek_elem map_push_elem'),
};

/** Helpers that only accept some map types. */
export const MAPS_OF_HELPER: Readonly<Record<string, ReadonlySet<string>>> = {
  tail_call: words('prog_array'),
  perf_event_read: words('perf_event_array'),
  perf_event_output: words('perf_event_array'),
  perf_event_read_value: words('perf_event_array'),
  skb_output: words('perf_event_array'),
  xdp_output: words('perf_event_array'),
  ringbuf_output: words('ringbuf'),
  ringbuf_reserve: words('ringbuf'),
  ringbuf_query: words('ringbuf'),
  ringbuf_reserve_dynptr: words('ringbuf'),
  ringbuf_submit_dynptr: words('ringbuf'),
  ringbuf_discard_dynptr: words('ringbuf'),
  user_ringbuf_drain: words('user_ringbuf'),
  get_stackid: words('stack_trace'),
  current_task_under_cgroup: words('cgroup_array'),
  skb_under_cgroup: words('cgroup_array'),
  redirect_map: words('devmap devmap_hash cpumap xskmap'),
  sk_redirect_map: words('sockmap'),
  msg_redirect_map: words('sockmap'),
  sock_map_update: words('sockmap'),
  sk_redirect_hash: words('sockhash'),
  msg_redirect_hash: words('sockhash'),
  sock_hash_update: words('sockhash'),
  get_local_storage: words('cgroup_storage percpu_cgroup_storage'),
  sk_select_reuseport: words('reuseport_sockarray sockmap sockhash'),
  map_pop_elem: words('queue stack'),
  map_peek_elem: words('queue stack bloom_filter'),
  map_push_elem: words('queue stack bloom_filter'),
  map_lookup_percpu_elem: words('percpu_array percpu_hash lru_percpu_hash'),
  sk_storage_get: words('sk_storage'),
  sk_storage_delete: words('sk_storage'),
  inode_storage_get: words('inode_storage'),
  inode_storage_delete: words('inode_storage'),
  task_storage_get: words('task_storage'),
  task_storage_delete: words('task_storage'),
  cgrp_storage_get: words('cgrp_storage'),
  cgrp_storage_delete: words('cgrp_storage'),
};

/** Program types that may also update and delete elements of sock maps by the ordinary helpers. */
export const SOCKMAP_UPDATERS = words('socket_filter sched_cls sched_act xdp sk_reuseport flow_dissector sk_lookup');

/** Map types that sleepable programs may use. */
export const SLEEPABLE_MAPS = words(`
  hash lru_hash array percpu_hash percpu_array lru_percpu_hash array_of_maps hash_of_maps ringbuf user_ringbuf inode_storage sk_storage
  task_storage cgrp_storage queue stack arena`);

/** The name of a map type number. */
export function mapTypeName(type: number): MapTypeName {
  return mapTypeNames[type] ?? 'unspec';
}
