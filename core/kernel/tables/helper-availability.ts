/**
 * Which program may call which helper, and with which prototype.
 *
 * Each program type has a list of its own and falls back on shared lists, in this order of precedence: own, socket base, base. Entries are
 * `name` or `name/variant` (helpers.ts). Conditions on the attach type stand in {@link CONDITIONS}. Checked against a running 6.18 kernel
 * for all types and all 211 helpers. Left out for good: helpers that need CONFIG_FUNCTION_ERROR_INJECTION (override_return) or an unlocked
 * kernel (probe_write_user), which the reference kernel does not offer.
 */
import type { Program, ProgramTypeName } from '../../object/program.ts';
import { helperById, helperByKey } from './helpers.ts';
import type { Helper } from './helpers.ts';

/** What the choice depends on. */
export type HelperUser = Pick<Program, 'type' | 'attachType' | 'attachTarget' | 'structOps' | 'sleepable'>;

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/** Every program type that has helpers at all. */
const BASE = words(`
  map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem map_lookup_percpu_elem get_prandom_u32
  get_smp_processor_id/raw get_numa_node_id tail_call ktime_get_ns ktime_get_boot_ns ktime_get_tai_ns ringbuf_output ringbuf_reserve
  ringbuf_submit ringbuf_discard ringbuf_query strncmp strtol strtoul get_current_pid_tgid get_ns_current_pid_tgid get_current_uid_gid
  spin_lock spin_unlock jiffies64 per_cpu_ptr this_cpu_ptr timer_init timer_set_callback timer_start timer_cancel kptr_xchg
  for_each_map_elem loop user_ringbuf_drain ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr dynptr_from_mem
  dynptr_read dynptr_write dynptr_data cgrp_storage_get cgrp_storage_delete get_current_cgroup_id get_current_ancestor_cgroup_id
  current_task_under_cgroup get_cgroup_classid/current task_storage_get task_storage_delete trace_printk get_current_task
  get_current_task_btf probe_read_user probe_read_kernel probe_read_user_str probe_read_kernel_str snprintf_btf snprintf task_pt_regs
  trace_vprintk perf_event_read perf_event_read_value get_current_comm send_signal send_signal_thread get_task_stack copy_from_user
  copy_from_user_task get_branch_snapshot find_vma`);

/** Program types that deal with sockets. */
const SOCKET_BASE = words(`
  skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock skc_to_unix_sock skc_to_mptcp_sock
  ktime_get_coarse_ns`);

const CGROUP = words('get_local_storage get_retval set_retval');

const TRACING_BASE = words('get_smp_processor_id probe_read probe_read_str get_func_ip');

const SOCKET_LOOKUP = words('sk_lookup_tcp sk_lookup_udp skc_lookup_tcp sk_release');

const SOCKET_FILTER = words(
  'skb_load_bytes skb_load_bytes_relative get_socket_cookie get_socket_uid get_netns_cookie perf_event_output',
);

const TRAFFIC_CONTROL = words(`
  skb_store_bytes skb_load_bytes skb_load_bytes_relative skb_pull_data csum_diff csum_update csum_level l3_csum_replace l4_csum_replace
  clone_redirect get_cgroup_classid skb_vlan_push skb_vlan_pop skb_change_proto skb_change_type skb_adjust_room skb_change_tail
  skb_change_head skb_get_tunnel_key skb_set_tunnel_key skb_get_tunnel_opt skb_set_tunnel_opt redirect redirect_neigh redirect_peer
  get_route_realm get_hash_recalc set_hash_invalid set_hash perf_event_output get_smp_processor_id skb_under_cgroup get_socket_cookie
  get_socket_uid get_netns_cookie fib_lookup check_mtu sk_fullsock sk_storage_get sk_storage_delete skb_get_xfrm_state
  skb_cgroup_classid skb_cgroup_id skb_ancestor_cgroup_id tcp_sock get_listener_sock tcp_check_syncookie skb_ecn_set_ce
  tcp_gen_syncookie sk_assign skb_set_tstamp tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 tcp_raw_check_syncookie_ipv4
  tcp_raw_check_syncookie_ipv6`);

const LIGHTWEIGHT_TUNNEL = words(`
  skb_load_bytes skb_pull_data csum_diff get_cgroup_classid get_route_realm get_hash_recalc perf_event_output get_smp_processor_id
  skb_under_cgroup`);

const SKC_CONVERSIONS = SOCKET_BASE.filter((name) => name.startsWith('skc_'));

const RAW_TRACEPOINT = words('perf_event_output get_stackid get_stack get_attach_cookie');

const TRACING = words(`
  skb_output xdp_output sk_storage_get/tracing sk_storage_delete/tracing sock_from_file get_socket_cookie/socket xdp_get_buff_len/tracing
  seq_printf seq_write seq_printf_btf d_path get_func_arg get_func_ret get_func_arg_cnt`);

interface Lists {
  readonly own: readonly (readonly string[])[];
  readonly base: 'socket' | 'plain' | 'none';
}

const TRACING_LISTS: Lists = { own: [TRACING, SKC_CONVERSIONS, RAW_TRACEPOINT, TRACING_BASE], base: 'plain' };

const LISTS: Readonly<Record<ProgramTypeName, Lists>> = {
  unspec: { own: [], base: 'none' },
  ext: { own: [], base: 'none' },
  lirc_mode2: { own: [words('rc_repeat rc_keydown rc_pointer_rel')], base: 'plain' },
  netfilter: { own: [], base: 'plain' },
  socket_filter: { own: [SOCKET_FILTER], base: 'socket' },
  sched_cls: { own: [TRAFFIC_CONTROL, SOCKET_LOOKUP], base: 'socket' },
  sched_act: { own: [TRAFFIC_CONTROL, SOCKET_LOOKUP], base: 'socket' },
  xdp: {
    own: [
      words(`
        perf_event_output get_smp_processor_id csum_diff xdp_adjust_head xdp_adjust_meta redirect redirect_map xdp_adjust_tail
        xdp_get_buff_len xdp_load_bytes xdp_store_bytes fib_lookup check_mtu tcp_check_syncookie tcp_gen_syncookie
        tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 tcp_raw_check_syncookie_ipv4 tcp_raw_check_syncookie_ipv6`),
      SOCKET_LOOKUP,
    ],
    base: 'socket',
  },
  cgroup_skb: {
    own: [
      words(`
        get_local_storage sk_fullsock sk_storage_get sk_storage_delete skb_cgroup_id skb_ancestor_cgroup_id sk_cgroup_id
        sk_ancestor_cgroup_id tcp_sock get_listener_sock skb_ecn_set_ce`),
      CGROUP,
      SOCKET_LOOKUP,
      SOCKET_FILTER,
    ],
    base: 'socket',
  },
  cgroup_sock: {
    own: [
      CGROUP,
      words('get_socket_cookie get_netns_cookie perf_event_output sk_storage_get/cgroup_sock ktime_get_coarse_ns'),
    ],
    base: 'plain',
  },
  cgroup_sock_addr: {
    own: [
      CGROUP,
      words(`
        bind get_socket_cookie get_netns_cookie perf_event_output sk_lookup_tcp/sock_addr sk_lookup_udp/sock_addr
        skc_lookup_tcp/sock_addr sk_release sk_storage_get sk_storage_delete setsockopt getsockopt`),
    ],
    base: 'socket',
  },
  lwt_in: { own: [words('lwt_push_encap'), LIGHTWEIGHT_TUNNEL], base: 'socket' },
  lwt_out: { own: [LIGHTWEIGHT_TUNNEL], base: 'socket' },
  lwt_xmit: {
    own: [
      words(`
        skb_get_tunnel_key skb_set_tunnel_key skb_get_tunnel_opt skb_set_tunnel_opt redirect clone_redirect skb_change_tail
        skb_change_head skb_store_bytes csum_update csum_level l3_csum_replace l4_csum_replace set_hash_invalid lwt_push_encap`),
      LIGHTWEIGHT_TUNNEL,
    ],
    base: 'socket',
  },
  lwt_seg6local: {
    own: [words('lwt_seg6_store_bytes lwt_seg6_action lwt_seg6_adjust_srh'), LIGHTWEIGHT_TUNNEL],
    base: 'socket',
  },
  sock_ops: {
    own: [
      CGROUP,
      words(`
        setsockopt getsockopt sock_ops_cb_flags_set sock_map_update sock_hash_update get_socket_cookie perf_event_output
        sk_storage_get sk_storage_delete get_netns_cookie load_hdr_opt store_hdr_opt reserve_hdr_opt tcp_sock`),
    ],
    base: 'socket',
  },
  sk_skb: {
    own: [
      words(`
        skb_store_bytes skb_load_bytes skb_pull_data skb_change_tail skb_change_head skb_adjust_room get_socket_cookie get_socket_uid
        sk_redirect_map sk_redirect_hash perf_event_output`),
      SOCKET_LOOKUP,
    ],
    base: 'socket',
  },
  sk_msg: {
    own: [
      words(`
        msg_redirect_map msg_redirect_hash msg_apply_bytes msg_cork_bytes msg_pull_data msg_push_data msg_pop_data perf_event_output
        sk_storage_get sk_storage_delete get_netns_cookie`),
    ],
    base: 'socket',
  },
  flow_dissector: { own: [words('skb_load_bytes')], base: 'socket' },
  sk_reuseport: {
    own: [
      words('sk_select_reuseport skb_load_bytes skb_load_bytes_relative get_socket_cookie/socket ktime_get_coarse_ns'),
    ],
    base: 'plain',
  },
  sk_lookup: { own: [words('perf_event_output sk_assign/sk_lookup sk_release')], base: 'socket' },
  cgroup_device: { own: [CGROUP, words('perf_event_output')], base: 'plain' },
  cgroup_sysctl: {
    own: [
      CGROUP,
      words(`
        sysctl_get_name sysctl_get_current_value sysctl_get_new_value sysctl_set_new_value ktime_get_coarse_ns perf_event_output`),
    ],
    base: 'plain',
  },
  cgroup_sockopt: {
    own: [
      CGROUP,
      words(`
        get_netns_cookie sk_storage_get sk_storage_delete setsockopt/socket getsockopt/socket tcp_sock perf_event_output`),
    ],
    base: 'plain',
  },
  kprobe: {
    own: [words('perf_event_output get_stackid get_stack get_func_ip get_attach_cookie'), TRACING_BASE],
    base: 'plain',
  },
  tracepoint: {
    own: [words('perf_event_output get_stackid get_stack get_attach_cookie'), TRACING_BASE],
    base: 'plain',
  },
  perf_event: {
    own: [
      words(`
        perf_event_output get_stackid/perf_event get_stack perf_prog_read_value read_branch_records get_attach_cookie`),
      TRACING_BASE,
    ],
    base: 'plain',
  },
  raw_tracepoint: { own: [RAW_TRACEPOINT, TRACING_BASE], base: 'plain' },
  raw_tracepoint_writable: { own: [RAW_TRACEPOINT, TRACING_BASE], base: 'plain' },
  tracing: TRACING_LISTS,
  syscall: {
    own: [words('sys_bpf btf_find_by_name_kind sys_close kallsyms_lookup_name'), ...TRACING_LISTS.own],
    base: 'plain',
  },
  lsm: {
    own: [
      words(`
        inode_storage_get inode_storage_delete sk_storage_get sk_storage_delete bprm_opts_set ima_inode_hash ima_file_hash
        setsockopt/socket getsockopt/socket`),
      CGROUP,
      ...TRACING_LISTS.own,
    ],
    base: 'plain',
  },
  // By the struct whose member the program is; see STRUCT_OPS.
  struct_ops: { own: [], base: 'none' },
};

/** Helpers of struct_ops programs, by the kernel struct. A struct that is absent has the plain base. */
const STRUCT_OPS: Readonly<Record<string, Lists>> = {
  tcp_congestion_ops: {
    own: [
      words('tcp_send_ack sk_storage_get sk_storage_delete setsockopt/socket getsockopt/socket ktime_get_coarse_ns'),
    ],
    base: 'plain',
  },
  bpf_dummy_ops: { own: [], base: 'none' },
};

const NO_RETVAL = new Set<string>(
  words(`
    cgroup_inet_ingress cgroup_inet_egress cgroup_sock_ops cgroup_udp4_recvmsg cgroup_udp6_recvmsg cgroup_unix_recvmsg
    cgroup_inet4_getpeername cgroup_inet6_getpeername cgroup_unix_getpeername cgroup_inet4_getsockname cgroup_inet6_getsockname
    cgroup_unix_getsockname`),
);

/** Hooks of cgroup LSM programs at which the socket's options may be used, with or without its lock held. */
const LSM_SOCKOPT_HOOKS = new Set<string>(
  words(`
    sock_graft inet_csk_clone inet_conn_established sctp_bind_connect sctp_assoc_request socket_post_create socket_socketpair`),
);

function hasTrampoline(user: HelperUser): boolean {
  switch (user.type) {
    case 'tracing':
      return (
        user.attachType === 'trace_fentry' || user.attachType === 'trace_fexit' || user.attachType === 'modify_return'
      );
    case 'lsm':
      return user.attachType !== 'lsm_cgroup';
    default:
      return false;
  }
}

const TCP_CONNECT = new Set<string>(['cgroup_inet4_connect', 'cgroup_inet6_connect']);
/** A congestion control that is being replaced must not replace itself again. */
const isNotRelease = (user: HelperUser): boolean => user.structOps?.member !== 'release';
const isIterator = (user: HelperUser): boolean => user.attachType === 'trace_iter';

/** Further conditions, by helper and program type (`*` for all types). */
const CONDITIONS: Readonly<Record<string, Readonly<Record<string, (user: HelperUser) => boolean>>>> = {
  get_local_storage: { lsm: (user) => user.attachType === 'lsm_cgroup' },
  get_retval: {
    lsm: (user) => user.attachType === 'lsm_cgroup',
    '*': (user) => !NO_RETVAL.has(user.attachType ?? '') && user.type !== 'sock_ops' && user.type !== 'cgroup_skb',
  },
  set_retval: {
    lsm: (user) => user.attachType === 'lsm_cgroup',
    '*': (user) => !NO_RETVAL.has(user.attachType ?? '') && user.type !== 'sock_ops' && user.type !== 'cgroup_skb',
  },
  bind: { '*': (user) => TCP_CONNECT.has(user.attachType ?? '') },
  setsockopt: {
    cgroup_sockopt: (user) => user.attachType === 'cgroup_setsockopt',
    lsm: (user) => user.attachType === 'lsm_cgroup' && LSM_SOCKOPT_HOOKS.has(user.attachTarget ?? ''),
    struct_ops: isNotRelease,
  },
  getsockopt: {
    cgroup_sockopt: (user) => user.attachType === 'cgroup_setsockopt',
    lsm: (user) => user.attachType === 'lsm_cgroup' && LSM_SOCKOPT_HOOKS.has(user.attachTarget ?? ''),
    struct_ops: isNotRelease,
  },
  seq_printf: { '*': isIterator },
  seq_write: { '*': isIterator },
  seq_printf_btf: { '*': isIterator },
  get_func_arg: { '*': hasTrampoline },
  get_func_ret: { '*': hasTrampoline },
  get_func_arg_cnt: { '*': hasTrampoline },
  get_attach_cookie: {
    tracing: (user) => user.attachType === 'trace_raw_tp' || hasTrampoline(user),
    lsm: hasTrampoline,
    syscall: () => false,
  },
};

/** Socket iterators may set and get options of the socket that they visit. */
const ITERATORS_WITH_SOCKOPT = new Set(['tcp', 'unix']);

function variantFor(user: HelperUser, key: string): string {
  if (user.sleepable && (key === 'get_task_stack' || (key === 'get_stack' && user.type === 'kprobe'))) {
    return `${key}/sleepable`;
  }
  const attach = user.attachType;
  if (key === 'get_func_ip' && (attach === 'trace_kprobe_multi' || attach === 'trace_kprobe_session')) {
    return 'get_func_ip/multi';
  }
  return key === 'get_func_ip' && attach === 'trace_uprobe_multi' ? 'get_func_ip/multi' : key;
}

const resolved = new Map<string, ReadonlyMap<string, string>>();

/** Helper name to key, for one program type (or one struct of struct_ops). */
function keysOf(user: HelperUser): ReadonlyMap<string, string> {
  const structName = user.type === 'struct_ops' ? (user.structOps?.structName ?? '') : '';
  const cacheKey = `${user.type}/${structName}`;
  const known = resolved.get(cacheKey);
  if (known !== undefined) return known;
  const lists = user.type === 'struct_ops' ? (STRUCT_OPS[structName] ?? { own: [], base: 'plain' }) : LISTS[user.type];
  const sources = [...lists.own];
  if (lists.base === 'socket') sources.push(SOCKET_BASE);
  if (lists.base !== 'none') sources.push(BASE);
  const keys = new Map<string, string>();
  for (const source of sources) {
    for (const key of source) {
      const name = key.split('/', 1)[0]!;
      if (!keys.has(name)) keys.set(name, key);
    }
  }
  resolved.set(cacheKey, keys);
  return keys;
}

/** The prototype with which a program may call a helper, or undefined when it may not (or there is no such helper). */
export function helperFor(user: HelperUser, id: number): Helper | undefined {
  const helper = helperById(id);
  if (helper === undefined) return undefined;
  const { name } = helper;
  if (
    user.attachType === 'trace_iter' &&
    (name === 'setsockopt' || name === 'getsockopt') &&
    ITERATORS_WITH_SOCKOPT.has(user.attachTarget ?? '')
  ) {
    return helperByKey(`${name}/socket`);
  }
  const key = keysOf(user).get(name);
  if (key === undefined) return undefined;
  const conditions = CONDITIONS[name];
  const condition = conditions?.[user.type] ?? conditions?.['*'];
  if (condition !== undefined && !condition(user)) return undefined;
  return helperByKey(variantFor(user, key));
}
