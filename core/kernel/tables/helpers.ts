/**
 * Every helper of Linux 6.18 with its prototype, as `struct bpf_func_proto` has it: one row per helper, and further rows (`variant`) for
 * helpers whose prototype depends on the program type. Which program may call which is in helper-availability.ts.
 *
 * Source: the BPF helper list of include/uapi/linux/bpf.h and the prototypes of kernel/bpf, kernel/trace and net/core, checked row by row
 * against a running 6.18 kernel.
 */
import {
  ARG_ANYTHING,
  ARG_CONST_ALLOC_SIZE_OR_ZERO,
  ARG_CONST_MAP_PTR,
  ARG_CONST_SIZE,
  ARG_CONST_SIZE_OR_ZERO,
  ARG_KPTR_XCHG_DEST,
  ARG_PTR_TO_BTF_ID,
  ARG_PTR_TO_BTF_ID_SOCK_COMMON,
  ARG_PTR_TO_CONST_STR,
  ARG_PTR_TO_CTX,
  ARG_PTR_TO_DYNPTR,
  ARG_PTR_TO_FUNC,
  ARG_PTR_TO_MAP_KEY,
  ARG_PTR_TO_MAP_VALUE,
  ARG_PTR_TO_MEM,
  ARG_PTR_TO_PERCPU_BTF_ID,
  ARG_PTR_TO_RINGBUF_MEM,
  ARG_PTR_TO_SOCKET,
  ARG_PTR_TO_SOCK_COMMON,
  ARG_PTR_TO_SPIN_LOCK,
  ARG_PTR_TO_STACK,
  ARG_PTR_TO_TIMER,
  DYNPTR_TYPE_LOCAL,
  DYNPTR_TYPE_RINGBUF,
  MEM_ALIGNED,
  MEM_FIXED_SIZE,
  MEM_RDONLY,
  MEM_RINGBUF,
  MEM_UNINIT,
  MEM_WRITE,
  OBJ_RELEASE,
  PTR_MAYBE_NULL,
  PTR_TRUSTED,
  RET_INTEGER,
  RET_PTR_TO_BTF_ID,
  RET_PTR_TO_MAP_VALUE,
  RET_PTR_TO_MEM,
  RET_PTR_TO_MEM_OR_BTF_ID,
  RET_PTR_TO_SOCKET,
  RET_PTR_TO_SOCK_COMMON,
  RET_PTR_TO_TCP_SOCK,
  RET_VOID,
} from './type-flags.ts';

/** One argument of a helper. */
export interface HelperArgument {
  /** ARG_* with flags. */
  readonly type: number;
  /** Size in bytes of MEM_FIXED_SIZE memory, else 0. */
  readonly size: number;
  /** Kernel struct that a BTF pointer must point to, or '' when the argument's rule decides. */
  readonly struct: string;
}

/** A helper's prototype. */
export interface Helper {
  readonly id: number;
  /** Without the `bpf_` prefix. */
  readonly name: string;
  /** Distinguishes prototypes of one helper; '' for the common one. */
  readonly variant: string;
  /** RET_* with flags. */
  readonly ret: number;
  /** Kernel struct that a returned BTF pointer points to, or ''. */
  readonly retStruct: string;
  /** Five, unused ones being ARG_DONTCARE. */
  readonly args: readonly HelperArgument[];
  readonly gplOnly: boolean;
  /** Packet pointers may be passed as memory. */
  readonly pktAccess: boolean;
  readonly mightSleep: boolean;
  /** Keeps all registers but its arguments and R0 (the `bpf_fastcall` contract). */
  readonly allowFastcall: boolean;
  /** Only allowed at some attach targets (helper-availability.ts). */
  readonly restricted: boolean;
}

interface Extras {
  readonly variant?: string;
  readonly gplOnly?: boolean;
  readonly pktAccess?: boolean;
  readonly mightSleep?: boolean;
  readonly allowFastcall?: boolean;
  readonly retStruct?: string;
  readonly restricted?: boolean;
}

const UNUSED: HelperArgument = { type: 0, size: 0, struct: '' };

function struct(name: string, type: number): HelperArgument {
  return { type, size: 0, struct: name };
}

function sized(size: number, type: number): HelperArgument {
  return { type, size, struct: '' };
}

function helper(
  id: number,
  name: string,
  ret: number,
  args: readonly (number | HelperArgument)[],
  extras: Extras = {},
): Helper {
  const five = [UNUSED, UNUSED, UNUSED, UNUSED, UNUSED];
  args.forEach((arg, i) => {
    five[i] = typeof arg === 'number' ? { type: arg, size: 0, struct: '' } : arg;
  });
  return {
    id,
    name,
    variant: extras.variant ?? '',
    ret,
    retStruct: extras.retStruct ?? '',
    args: five,
    gplOnly: extras.gplOnly ?? false,
    pktAccess: extras.pktAccess ?? false,
    mightSleep: extras.mightSleep ?? false,
    allowFastcall: extras.allowFastcall ?? false,
    restricted: extras.restricted ?? false,
  };
}

// prettier-ignore
export const HELPERS: readonly Helper[] = [
  helper(1, 'map_lookup_elem', RET_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, [ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_KEY], { pktAccess: true }),
  helper(2, 'map_update_elem', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_KEY, ARG_PTR_TO_MAP_VALUE, ARG_ANYTHING], { pktAccess: true }),
  helper(3, 'map_delete_elem', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_KEY], { pktAccess: true }),
  helper(4, 'probe_read', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { gplOnly: true }),
  helper(5, 'ktime_get_ns', RET_INTEGER, []),
  helper(6, 'trace_printk', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE], { gplOnly: true }),
  helper(7, 'get_prandom_u32', RET_INTEGER, []),
  helper(8, 'get_smp_processor_id', RET_INTEGER, [], { allowFastcall: true }),
  helper(8, 'get_smp_processor_id', RET_INTEGER, [], { variant: 'raw' }),
  helper(9, 'skb_store_bytes', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_ANYTHING]),
  helper(10, 'l3_csum_replace', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING, ARG_ANYTHING, ARG_ANYTHING]),
  helper(11, 'l4_csum_replace', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING, ARG_ANYTHING, ARG_ANYTHING]),
  helper(12, 'tail_call', RET_VOID, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_ANYTHING]),
  helper(13, 'clone_redirect', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING]),
  helper(14, 'get_current_pid_tgid', RET_INTEGER, []),
  helper(15, 'get_current_uid_gid', RET_INTEGER, []),
  helper(16, 'get_current_comm', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE]),
  helper(17, 'get_cgroup_classid', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(17, 'get_cgroup_classid', RET_INTEGER, [], { variant: 'current' }),
  helper(18, 'skb_vlan_push', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING]),
  helper(19, 'skb_vlan_pop', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(20, 'skb_get_tunnel_key', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE, ARG_ANYTHING]),
  helper(21, 'skb_set_tunnel_key', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_ANYTHING]),
  helper(22, 'perf_event_read', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_ANYTHING], { gplOnly: true }),
  helper(23, 'redirect', RET_INTEGER, [ARG_ANYTHING, ARG_ANYTHING]),
  helper(24, 'get_route_realm', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(25, 'perf_event_output', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO], { gplOnly: true }),
  helper(26, 'skb_load_bytes', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE]),
  helper(27, 'get_stackid', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_ANYTHING], { gplOnly: true }),
  helper(27, 'get_stackid', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_ANYTHING], { variant: 'perf_event' }),
  helper(28, 'csum_diff', RET_INTEGER, [ARG_PTR_TO_MEM | PTR_MAYBE_NULL | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_PTR_TO_MEM | PTR_MAYBE_NULL | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { pktAccess: true }),
  helper(29, 'skb_get_tunnel_opt', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE]),
  helper(30, 'skb_set_tunnel_opt', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE]),
  helper(31, 'skb_change_proto', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING]),
  helper(32, 'skb_change_type', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(33, 'skb_under_cgroup', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_ANYTHING]),
  helper(34, 'get_hash_recalc', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(35, 'get_current_task', RET_INTEGER, [], { gplOnly: true }),
  helper(36, 'probe_write_user', RET_INTEGER, [ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE], { gplOnly: true }),
  helper(37, 'current_task_under_cgroup', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_ANYTHING]),
  helper(38, 'skb_change_tail', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING]),
  helper(39, 'skb_pull_data', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(40, 'csum_update', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(41, 'set_hash_invalid', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(42, 'get_numa_node_id', RET_INTEGER, []),
  helper(43, 'skb_change_head', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING]),
  helper(44, 'xdp_adjust_head', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(45, 'probe_read_str', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { gplOnly: true }),
  helper(46, 'get_socket_cookie', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(46, 'get_socket_cookie', RET_INTEGER, [ARG_PTR_TO_BTF_ID_SOCK_COMMON | PTR_MAYBE_NULL], { variant: 'socket' }),
  helper(47, 'get_socket_uid', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(48, 'set_hash', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(49, 'setsockopt', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE]),
  helper(49, 'setsockopt', RET_INTEGER, [ARG_PTR_TO_BTF_ID_SOCK_COMMON, ARG_ANYTHING, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE], { variant: 'socket' }),
  helper(50, 'skb_adjust_room', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING, ARG_ANYTHING]),
  helper(51, 'redirect_map', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_ANYTHING, ARG_ANYTHING]),
  helper(52, 'sk_redirect_map', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_ANYTHING, ARG_ANYTHING]),
  helper(53, 'sock_map_update', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_KEY, ARG_ANYTHING], { pktAccess: true }),
  helper(54, 'xdp_adjust_meta', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(55, 'perf_event_read_value', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE], { gplOnly: true }),
  helper(56, 'perf_prog_read_value', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE], { gplOnly: true }),
  helper(57, 'getsockopt', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE]),
  helper(57, 'getsockopt', RET_INTEGER, [ARG_PTR_TO_BTF_ID_SOCK_COMMON, ARG_ANYTHING, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE], { variant: 'socket' }),
  helper(58, 'override_return', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING], { gplOnly: true }),
  helper(59, 'sock_ops_cb_flags_set', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(60, 'msg_redirect_map', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_ANYTHING, ARG_ANYTHING]),
  helper(61, 'msg_apply_bytes', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(62, 'msg_cork_bytes', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(63, 'msg_pull_data', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING, ARG_ANYTHING]),
  helper(64, 'bind', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE]),
  helper(65, 'xdp_adjust_tail', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(66, 'skb_get_xfrm_state', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE, ARG_ANYTHING]),
  helper(67, 'get_stack', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { gplOnly: true }),
  helper(67, 'get_stack', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { variant: 'sleepable', gplOnly: true, mightSleep: true }),
  helper(68, 'skb_load_bytes_relative', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE, ARG_ANYTHING]),
  helper(69, 'fib_lookup', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_WRITE, ARG_CONST_SIZE, ARG_ANYTHING], { gplOnly: true }),
  helper(70, 'sock_hash_update', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_KEY, ARG_ANYTHING], { pktAccess: true }),
  helper(71, 'msg_redirect_hash', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_KEY, ARG_ANYTHING]),
  helper(72, 'sk_redirect_hash', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_KEY, ARG_ANYTHING]),
  helper(73, 'lwt_push_encap', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE]),
  helper(74, 'lwt_seg6_store_bytes', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE]),
  helper(75, 'lwt_seg6_adjust_srh', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING]),
  helper(76, 'lwt_seg6_action', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE]),
  helper(77, 'rc_repeat', RET_INTEGER, [ARG_PTR_TO_CTX], { gplOnly: true }),
  helper(78, 'rc_keydown', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING, ARG_ANYTHING], { gplOnly: true }),
  helper(79, 'skb_cgroup_id', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(80, 'get_current_cgroup_id', RET_INTEGER, []),
  helper(81, 'get_local_storage', RET_PTR_TO_MAP_VALUE, [ARG_CONST_MAP_PTR, ARG_ANYTHING]),
  helper(82, 'sk_select_reuseport', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_KEY, ARG_ANYTHING]),
  helper(83, 'skb_ancestor_cgroup_id', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(84, 'sk_lookup_tcp', RET_PTR_TO_SOCKET | PTR_MAYBE_NULL, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING, ARG_ANYTHING], { pktAccess: true }),
  helper(84, 'sk_lookup_tcp', RET_PTR_TO_SOCKET | PTR_MAYBE_NULL, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING, ARG_ANYTHING], { variant: 'sock_addr' }),
  helper(85, 'sk_lookup_udp', RET_PTR_TO_SOCKET | PTR_MAYBE_NULL, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING, ARG_ANYTHING], { pktAccess: true }),
  helper(85, 'sk_lookup_udp', RET_PTR_TO_SOCKET | PTR_MAYBE_NULL, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING, ARG_ANYTHING], { variant: 'sock_addr' }),
  helper(86, 'sk_release', RET_INTEGER, [ARG_PTR_TO_BTF_ID_SOCK_COMMON | OBJ_RELEASE]),
  helper(87, 'map_push_elem', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_VALUE, ARG_ANYTHING], { pktAccess: true }),
  helper(88, 'map_pop_elem', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_VALUE | MEM_UNINIT | MEM_WRITE]),
  helper(89, 'map_peek_elem', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_VALUE | MEM_UNINIT | MEM_WRITE]),
  helper(90, 'msg_push_data', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING, ARG_ANYTHING]),
  helper(91, 'msg_pop_data', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING, ARG_ANYTHING]),
  helper(92, 'rc_pointer_rel', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING], { gplOnly: true }),
  helper(93, 'spin_lock', RET_VOID, [ARG_PTR_TO_SPIN_LOCK]),
  helper(94, 'spin_unlock', RET_VOID, [ARG_PTR_TO_SPIN_LOCK]),
  helper(95, 'sk_fullsock', RET_PTR_TO_SOCKET | PTR_MAYBE_NULL, [ARG_PTR_TO_SOCK_COMMON]),
  helper(96, 'tcp_sock', RET_PTR_TO_TCP_SOCK | PTR_MAYBE_NULL, [ARG_PTR_TO_SOCK_COMMON]),
  helper(97, 'skb_ecn_set_ce', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(98, 'get_listener_sock', RET_PTR_TO_SOCKET | PTR_MAYBE_NULL, [ARG_PTR_TO_SOCK_COMMON]),
  helper(99, 'skc_lookup_tcp', RET_PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING, ARG_ANYTHING], { pktAccess: true }),
  helper(99, 'skc_lookup_tcp', RET_PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING, ARG_ANYTHING], { variant: 'sock_addr' }),
  helper(100, 'tcp_check_syncookie', RET_INTEGER, [ARG_PTR_TO_BTF_ID_SOCK_COMMON, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE], { gplOnly: true, pktAccess: true }),
  helper(101, 'sysctl_get_name', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_WRITE, ARG_CONST_SIZE, ARG_ANYTHING]),
  helper(102, 'sysctl_get_current_value', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE]),
  helper(103, 'sysctl_get_new_value', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE]),
  helper(104, 'sysctl_set_new_value', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE]),
  helper(105, 'strtol', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_ANYTHING, sized(8, ARG_PTR_TO_MEM | MEM_FIXED_SIZE | MEM_UNINIT | MEM_WRITE | MEM_ALIGNED)]),
  helper(106, 'strtoul', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_ANYTHING, sized(8, ARG_PTR_TO_MEM | MEM_FIXED_SIZE | MEM_UNINIT | MEM_WRITE | MEM_ALIGNED)]),
  helper(107, 'sk_storage_get', RET_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, [ARG_CONST_MAP_PTR, ARG_PTR_TO_BTF_ID_SOCK_COMMON, ARG_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, ARG_ANYTHING]),
  helper(107, 'sk_storage_get', RET_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, [ARG_CONST_MAP_PTR, ARG_PTR_TO_CTX, ARG_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, ARG_ANYTHING], { variant: 'cgroup_sock' }),
  helper(107, 'sk_storage_get', RET_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, [ARG_CONST_MAP_PTR, struct('sock_common', ARG_PTR_TO_BTF_ID | PTR_MAYBE_NULL), ARG_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, ARG_ANYTHING], { variant: 'tracing', restricted: true }),
  helper(108, 'sk_storage_delete', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_PTR_TO_BTF_ID_SOCK_COMMON]),
  helper(108, 'sk_storage_delete', RET_INTEGER, [ARG_CONST_MAP_PTR, struct('sock_common', ARG_PTR_TO_BTF_ID | PTR_MAYBE_NULL)], { variant: 'tracing', restricted: true }),
  helper(109, 'send_signal', RET_INTEGER, [ARG_ANYTHING]),
  helper(110, 'tcp_gen_syncookie', RET_INTEGER, [ARG_PTR_TO_BTF_ID_SOCK_COMMON, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE], { gplOnly: true, pktAccess: true }),
  helper(111, 'skb_output', RET_INTEGER, [struct('sk_buff', ARG_PTR_TO_BTF_ID), ARG_CONST_MAP_PTR, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO], { gplOnly: true }),
  helper(112, 'probe_read_user', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { gplOnly: true }),
  helper(113, 'probe_read_kernel', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { gplOnly: true }),
  helper(114, 'probe_read_user_str', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { gplOnly: true }),
  helper(115, 'probe_read_kernel_str', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { gplOnly: true }),
  helper(116, 'tcp_send_ack', RET_INTEGER, [struct('tcp_sock', ARG_PTR_TO_BTF_ID), ARG_ANYTHING]),
  helper(117, 'send_signal_thread', RET_INTEGER, [ARG_ANYTHING]),
  helper(118, 'jiffies64', RET_INTEGER, []),
  helper(119, 'read_branch_records', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | PTR_MAYBE_NULL | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { gplOnly: true }),
  helper(120, 'get_ns_current_pid_tgid', RET_INTEGER, [ARG_ANYTHING, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE]),
  helper(121, 'xdp_output', RET_INTEGER, [struct('xdp_buff', ARG_PTR_TO_BTF_ID), ARG_CONST_MAP_PTR, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO], { gplOnly: true }),
  helper(122, 'get_netns_cookie', RET_INTEGER, [ARG_PTR_TO_CTX | PTR_MAYBE_NULL]),
  helper(123, 'get_current_ancestor_cgroup_id', RET_INTEGER, [ARG_ANYTHING]),
  helper(124, 'sk_assign', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_BTF_ID_SOCK_COMMON, ARG_ANYTHING]),
  helper(124, 'sk_assign', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_SOCKET | PTR_MAYBE_NULL, ARG_ANYTHING], { variant: 'sk_lookup' }),
  helper(125, 'ktime_get_boot_ns', RET_INTEGER, []),
  helper(126, 'seq_printf', RET_INTEGER, [struct('seq_file', ARG_PTR_TO_BTF_ID), ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_PTR_TO_MEM | PTR_MAYBE_NULL | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO], { gplOnly: true }),
  helper(127, 'seq_write', RET_INTEGER, [struct('seq_file', ARG_PTR_TO_BTF_ID), ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO], { gplOnly: true }),
  helper(128, 'sk_cgroup_id', RET_INTEGER, [ARG_PTR_TO_BTF_ID_SOCK_COMMON]),
  helper(129, 'sk_ancestor_cgroup_id', RET_INTEGER, [ARG_PTR_TO_BTF_ID_SOCK_COMMON, ARG_ANYTHING]),
  helper(130, 'ringbuf_output', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING]),
  helper(131, 'ringbuf_reserve', RET_PTR_TO_MEM | MEM_RINGBUF | PTR_MAYBE_NULL, [ARG_CONST_MAP_PTR, ARG_CONST_ALLOC_SIZE_OR_ZERO, ARG_ANYTHING]),
  helper(132, 'ringbuf_submit', RET_VOID, [ARG_PTR_TO_RINGBUF_MEM | OBJ_RELEASE, ARG_ANYTHING]),
  helper(133, 'ringbuf_discard', RET_VOID, [ARG_PTR_TO_RINGBUF_MEM | OBJ_RELEASE, ARG_ANYTHING]),
  helper(134, 'ringbuf_query', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_ANYTHING]),
  helper(135, 'csum_level', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING]),
  helper(136, 'skc_to_tcp6_sock', RET_PTR_TO_BTF_ID | PTR_MAYBE_NULL, [ARG_PTR_TO_BTF_ID_SOCK_COMMON], { retStruct: 'tcp6_sock' }),
  helper(137, 'skc_to_tcp_sock', RET_PTR_TO_BTF_ID | PTR_MAYBE_NULL, [ARG_PTR_TO_BTF_ID_SOCK_COMMON], { retStruct: 'tcp_sock' }),
  helper(138, 'skc_to_tcp_timewait_sock', RET_PTR_TO_BTF_ID | PTR_MAYBE_NULL, [ARG_PTR_TO_BTF_ID_SOCK_COMMON], { retStruct: 'tcp_timewait_sock' }),
  helper(139, 'skc_to_tcp_request_sock', RET_PTR_TO_BTF_ID | PTR_MAYBE_NULL, [ARG_PTR_TO_BTF_ID_SOCK_COMMON], { retStruct: 'tcp_request_sock' }),
  helper(140, 'skc_to_udp6_sock', RET_PTR_TO_BTF_ID | PTR_MAYBE_NULL, [ARG_PTR_TO_BTF_ID_SOCK_COMMON], { retStruct: 'udp6_sock' }),
  helper(141, 'get_task_stack', RET_INTEGER, [struct('task_struct', ARG_PTR_TO_BTF_ID), ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING]),
  helper(141, 'get_task_stack', RET_INTEGER, [struct('task_struct', ARG_PTR_TO_BTF_ID), ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { variant: 'sleepable', mightSleep: true }),
  helper(142, 'load_hdr_opt', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_WRITE, ARG_CONST_SIZE, ARG_ANYTHING]),
  helper(143, 'store_hdr_opt', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_ANYTHING]),
  helper(144, 'reserve_hdr_opt', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING]),
  helper(145, 'inode_storage_get', RET_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, [ARG_CONST_MAP_PTR, struct('inode', ARG_PTR_TO_BTF_ID | PTR_MAYBE_NULL), ARG_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, ARG_ANYTHING]),
  helper(146, 'inode_storage_delete', RET_INTEGER, [ARG_CONST_MAP_PTR, struct('inode', ARG_PTR_TO_BTF_ID | PTR_MAYBE_NULL)]),
  helper(147, 'd_path', RET_INTEGER, [struct('path', ARG_PTR_TO_BTF_ID), ARG_PTR_TO_MEM | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO], { restricted: true }),
  helper(148, 'copy_from_user', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { mightSleep: true }),
  helper(149, 'snprintf_btf', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_WRITE, ARG_CONST_SIZE, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_ANYTHING]),
  helper(150, 'seq_printf_btf', RET_INTEGER, [struct('seq_file', ARG_PTR_TO_BTF_ID), ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING], { gplOnly: true }),
  helper(151, 'skb_cgroup_classid', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(152, 'redirect_neigh', RET_INTEGER, [ARG_ANYTHING, ARG_PTR_TO_MEM | PTR_MAYBE_NULL | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING]),
  helper(153, 'per_cpu_ptr', RET_PTR_TO_MEM_OR_BTF_ID | PTR_MAYBE_NULL | MEM_RDONLY, [ARG_PTR_TO_PERCPU_BTF_ID, ARG_ANYTHING]),
  helper(154, 'this_cpu_ptr', RET_PTR_TO_MEM_OR_BTF_ID | MEM_RDONLY, [ARG_PTR_TO_PERCPU_BTF_ID]),
  helper(155, 'redirect_peer', RET_INTEGER, [ARG_ANYTHING, ARG_ANYTHING]),
  helper(156, 'task_storage_get', RET_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, [ARG_CONST_MAP_PTR, struct('task_struct', ARG_PTR_TO_BTF_ID | PTR_MAYBE_NULL), ARG_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, ARG_ANYTHING]),
  helper(157, 'task_storage_delete', RET_INTEGER, [ARG_CONST_MAP_PTR, struct('task_struct', ARG_PTR_TO_BTF_ID | PTR_MAYBE_NULL)]),
  helper(158, 'get_current_task_btf', RET_PTR_TO_BTF_ID | PTR_TRUSTED, [], { gplOnly: true, retStruct: 'task_struct' }),
  helper(159, 'bprm_opts_set', RET_INTEGER, [struct('linux_binprm', ARG_PTR_TO_BTF_ID), ARG_ANYTHING]),
  helper(160, 'ktime_get_coarse_ns', RET_INTEGER, []),
  helper(161, 'ima_inode_hash', RET_INTEGER, [struct('inode', ARG_PTR_TO_BTF_ID), ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE], { mightSleep: true, restricted: true }),
  helper(162, 'sock_from_file', RET_PTR_TO_BTF_ID | PTR_MAYBE_NULL, [struct('file', ARG_PTR_TO_BTF_ID)], { retStruct: 'socket' }),
  helper(163, 'check_mtu', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, sized(4, ARG_PTR_TO_MEM | MEM_FIXED_SIZE | MEM_WRITE | MEM_ALIGNED), ARG_ANYTHING, ARG_ANYTHING], { gplOnly: true }),
  helper(164, 'for_each_map_elem', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_PTR_TO_FUNC, ARG_PTR_TO_STACK | PTR_MAYBE_NULL, ARG_ANYTHING]),
  helper(165, 'snprintf', RET_INTEGER, [ARG_PTR_TO_MEM | PTR_MAYBE_NULL | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_PTR_TO_CONST_STR, ARG_PTR_TO_MEM | PTR_MAYBE_NULL | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO], { gplOnly: true }),
  helper(166, 'sys_bpf', RET_INTEGER, [ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE], { mightSleep: true }),
  helper(167, 'btf_find_by_name_kind', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_ANYTHING, ARG_ANYTHING], { mightSleep: true }),
  helper(168, 'sys_close', RET_INTEGER, [ARG_ANYTHING], { mightSleep: true }),
  helper(169, 'timer_init', RET_INTEGER, [ARG_PTR_TO_TIMER, ARG_CONST_MAP_PTR, ARG_ANYTHING], { gplOnly: true }),
  helper(170, 'timer_set_callback', RET_INTEGER, [ARG_PTR_TO_TIMER, ARG_PTR_TO_FUNC], { gplOnly: true }),
  helper(171, 'timer_start', RET_INTEGER, [ARG_PTR_TO_TIMER, ARG_ANYTHING, ARG_ANYTHING], { gplOnly: true }),
  helper(172, 'timer_cancel', RET_INTEGER, [ARG_PTR_TO_TIMER], { gplOnly: true }),
  helper(173, 'get_func_ip', RET_INTEGER, [ARG_PTR_TO_CTX], { gplOnly: true }),
  helper(173, 'get_func_ip', RET_INTEGER, [ARG_PTR_TO_CTX], { variant: 'multi' }),
  helper(174, 'get_attach_cookie', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(175, 'task_pt_regs', RET_PTR_TO_BTF_ID, [struct('task_struct', ARG_PTR_TO_BTF_ID)], { gplOnly: true, retStruct: 'pt_regs' }),
  helper(176, 'get_branch_snapshot', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO], { gplOnly: true }),
  helper(177, 'trace_vprintk', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_PTR_TO_MEM | PTR_MAYBE_NULL | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO], { gplOnly: true }),
  helper(178, 'skc_to_unix_sock', RET_PTR_TO_BTF_ID | PTR_MAYBE_NULL, [ARG_PTR_TO_BTF_ID_SOCK_COMMON], { retStruct: 'unix_sock' }),
  helper(179, 'kallsyms_lookup_name', RET_INTEGER, [ARG_PTR_TO_MEM, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING, sized(8, ARG_PTR_TO_MEM | MEM_FIXED_SIZE | MEM_UNINIT | MEM_WRITE | MEM_ALIGNED)]),
  helper(180, 'find_vma', RET_INTEGER, [struct('task_struct', ARG_PTR_TO_BTF_ID), ARG_ANYTHING, ARG_PTR_TO_FUNC, ARG_PTR_TO_STACK | PTR_MAYBE_NULL, ARG_ANYTHING]),
  helper(181, 'loop', RET_INTEGER, [ARG_ANYTHING, ARG_PTR_TO_FUNC, ARG_PTR_TO_STACK | PTR_MAYBE_NULL, ARG_ANYTHING]),
  helper(182, 'strncmp', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE, ARG_PTR_TO_CONST_STR]),
  helper(183, 'get_func_arg', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, sized(8, ARG_PTR_TO_MEM | MEM_FIXED_SIZE | MEM_UNINIT | MEM_WRITE | MEM_ALIGNED)]),
  helper(184, 'get_func_ret', RET_INTEGER, [ARG_PTR_TO_CTX, sized(8, ARG_PTR_TO_MEM | MEM_FIXED_SIZE | MEM_UNINIT | MEM_WRITE | MEM_ALIGNED)]),
  helper(185, 'get_func_arg_cnt', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(186, 'get_retval', RET_INTEGER, []),
  helper(187, 'set_retval', RET_INTEGER, [ARG_ANYTHING]),
  helper(188, 'xdp_get_buff_len', RET_INTEGER, [ARG_PTR_TO_CTX]),
  helper(188, 'xdp_get_buff_len', RET_INTEGER, [struct('xdp_buff', ARG_PTR_TO_BTF_ID)], { variant: 'tracing' }),
  helper(189, 'xdp_load_bytes', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE]),
  helper(190, 'xdp_store_bytes', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE]),
  helper(191, 'copy_from_user_task', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING, struct('task_struct', ARG_PTR_TO_BTF_ID), ARG_ANYTHING], { gplOnly: true, mightSleep: true }),
  helper(192, 'skb_set_tstamp', RET_INTEGER, [ARG_PTR_TO_CTX, ARG_ANYTHING, ARG_ANYTHING]),
  helper(193, 'ima_file_hash', RET_INTEGER, [struct('file', ARG_PTR_TO_BTF_ID), ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE], { mightSleep: true, restricted: true }),
  helper(194, 'kptr_xchg', RET_PTR_TO_BTF_ID | PTR_MAYBE_NULL, [ARG_KPTR_XCHG_DEST, ARG_PTR_TO_BTF_ID | PTR_MAYBE_NULL | OBJ_RELEASE]),
  helper(195, 'map_lookup_percpu_elem', RET_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, [ARG_CONST_MAP_PTR, ARG_PTR_TO_MAP_KEY, ARG_ANYTHING], { pktAccess: true }),
  helper(196, 'skc_to_mptcp_sock', RET_PTR_TO_BTF_ID | PTR_MAYBE_NULL, [ARG_PTR_TO_SOCK_COMMON], { retStruct: 'mptcp_sock' }),
  helper(197, 'dynptr_from_mem', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING, ARG_PTR_TO_DYNPTR | DYNPTR_TYPE_LOCAL | MEM_UNINIT | MEM_WRITE]),
  helper(198, 'ringbuf_reserve_dynptr', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_ANYTHING, ARG_ANYTHING, ARG_PTR_TO_DYNPTR | DYNPTR_TYPE_RINGBUF | MEM_UNINIT | MEM_WRITE]),
  helper(199, 'ringbuf_submit_dynptr', RET_VOID, [ARG_PTR_TO_DYNPTR | DYNPTR_TYPE_RINGBUF | OBJ_RELEASE, ARG_ANYTHING]),
  helper(200, 'ringbuf_discard_dynptr', RET_VOID, [ARG_PTR_TO_DYNPTR | DYNPTR_TYPE_RINGBUF | OBJ_RELEASE, ARG_ANYTHING]),
  helper(201, 'dynptr_read', RET_INTEGER, [ARG_PTR_TO_MEM | MEM_UNINIT | MEM_WRITE, ARG_CONST_SIZE_OR_ZERO, ARG_PTR_TO_DYNPTR | MEM_RDONLY, ARG_ANYTHING, ARG_ANYTHING]),
  helper(202, 'dynptr_write', RET_INTEGER, [ARG_PTR_TO_DYNPTR | MEM_RDONLY, ARG_ANYTHING, ARG_PTR_TO_MEM | MEM_RDONLY, ARG_CONST_SIZE_OR_ZERO, ARG_ANYTHING]),
  helper(203, 'dynptr_data', RET_PTR_TO_MEM | PTR_MAYBE_NULL, [ARG_PTR_TO_DYNPTR | MEM_RDONLY, ARG_ANYTHING, ARG_CONST_ALLOC_SIZE_OR_ZERO]),
  helper(204, 'tcp_raw_gen_syncookie_ipv4', RET_INTEGER, [sized(20, ARG_PTR_TO_MEM | MEM_FIXED_SIZE), ARG_PTR_TO_MEM, ARG_CONST_SIZE_OR_ZERO], { gplOnly: true, pktAccess: true }),
  helper(205, 'tcp_raw_gen_syncookie_ipv6', RET_INTEGER, [sized(40, ARG_PTR_TO_MEM | MEM_FIXED_SIZE), ARG_PTR_TO_MEM, ARG_CONST_SIZE_OR_ZERO], { gplOnly: true, pktAccess: true }),
  helper(206, 'tcp_raw_check_syncookie_ipv4', RET_INTEGER, [sized(20, ARG_PTR_TO_MEM | MEM_FIXED_SIZE), sized(20, ARG_PTR_TO_MEM | MEM_FIXED_SIZE)], { gplOnly: true, pktAccess: true }),
  helper(207, 'tcp_raw_check_syncookie_ipv6', RET_INTEGER, [sized(40, ARG_PTR_TO_MEM | MEM_FIXED_SIZE), sized(20, ARG_PTR_TO_MEM | MEM_FIXED_SIZE)], { gplOnly: true, pktAccess: true }),
  helper(208, 'ktime_get_tai_ns', RET_INTEGER, []),
  helper(209, 'user_ringbuf_drain', RET_INTEGER, [ARG_CONST_MAP_PTR, ARG_PTR_TO_FUNC, ARG_PTR_TO_STACK | PTR_MAYBE_NULL, ARG_ANYTHING]),
  helper(210, 'cgrp_storage_get', RET_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, [ARG_CONST_MAP_PTR, struct('cgroup', ARG_PTR_TO_BTF_ID | PTR_MAYBE_NULL), ARG_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, ARG_ANYTHING]),
  helper(211, 'cgrp_storage_delete', RET_INTEGER, [ARG_CONST_MAP_PTR, struct('cgroup', ARG_PTR_TO_BTF_ID | PTR_MAYBE_NULL)]),
];

/** The highest helper id. */
export const HELPER_MAX_ID = 211;

const byId: (Helper | undefined)[] = [];
const byKey = new Map<string, Helper>();
for (const row of HELPERS) {
  if (row.variant === '') byId[row.id] = row;
  byKey.set(row.variant === '' ? row.name : `${row.name}/${row.variant}`, row);
}

/** The common prototype of a helper, whatever the program type; undefined for an id that is none. */
export function helperById(id: number): Helper | undefined {
  return byId[id];
}

/** A prototype by `name` or `name/variant`. */
export function helperByKey(key: string): Helper | undefined {
  return byKey.get(key);
}
