/**
 * Map types: numbers, names, and which helpers may be given which map.
 *
 * Source: enum bpf_map_type of include/uapi/linux/bpf.h; the compatibility rules of the verifier, of which both directions count: a map type may
 * restrict the helpers, and a helper may restrict the map types.
 */

import type { MapTypeName } from '../../object/map-numbers.ts';
import { mapTypeNames } from '../../object/map-numbers.ts';

export * from '../../object/map-numbers.ts';

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
