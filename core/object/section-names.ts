/**
 * What a section's name says about the programs in it: program type, attach type, sleepability, as libbpf 1.5 reads it.
 *
 * The first row that matches counts. A pattern that ends in `+` is met by the bare name and by the name with `/something`; every other pattern only by itself.
 */
import type { AttachTypeName, ProgramTypeName } from './program.ts';

export interface SectionRule {
  readonly pattern: string;
  readonly type: ProgramTypeName;
  readonly attachType?: AttachTypeName;
  readonly sleepable?: boolean;
  /** The program is attached to a function, hook or tracepoint of the kernel that BTF describes. */
  readonly attachesToBtf?: boolean;
  /** Works on packets in several buffers. */
  readonly xdpFrags?: boolean;
  /** A USDT probe; loaded for uprobe-multi links, as every kernel since 6.6 has them. */
  readonly usdt?: boolean;
}

const rule = (
  pattern: string,
  type: ProgramTypeName,
  attachType?: AttachTypeName,
  more: Partial<SectionRule> = {},
): SectionRule => (attachType === undefined ? { pattern, type, ...more } : { pattern, type, attachType, ...more });

const SLEEPABLE = { sleepable: true };
const BTF = { attachesToBtf: true };
const SLEEPABLE_BTF = { sleepable: true, attachesToBtf: true };
const FRAGS = { xdpFrags: true };

export const sectionRules: readonly SectionRule[] = [
  rule('socket', 'socket_filter'),
  rule('sk_reuseport/migrate', 'sk_reuseport', 'sk_reuseport_select_or_migrate'),
  rule('sk_reuseport', 'sk_reuseport', 'sk_reuseport_select'),
  rule('kprobe+', 'kprobe'),
  rule('uprobe+', 'kprobe'),
  rule('uprobe.s+', 'kprobe', undefined, SLEEPABLE),
  rule('kretprobe+', 'kprobe'),
  rule('uretprobe+', 'kprobe'),
  rule('uretprobe.s+', 'kprobe', undefined, SLEEPABLE),
  rule('kprobe.multi+', 'kprobe', 'trace_kprobe_multi'),
  rule('kretprobe.multi+', 'kprobe', 'trace_kprobe_multi'),
  rule('kprobe.session+', 'kprobe', 'trace_kprobe_session'),
  rule('uprobe.multi+', 'kprobe', 'trace_uprobe_multi'),
  rule('uretprobe.multi+', 'kprobe', 'trace_uprobe_multi'),
  rule('uprobe.multi.s+', 'kprobe', 'trace_uprobe_multi', SLEEPABLE),
  rule('uretprobe.multi.s+', 'kprobe', 'trace_uprobe_multi', SLEEPABLE),
  rule('ksyscall+', 'kprobe'),
  rule('kretsyscall+', 'kprobe'),
  rule('usdt+', 'kprobe', 'trace_uprobe_multi', { usdt: true }),
  rule('usdt.s+', 'kprobe', 'trace_uprobe_multi', { usdt: true, sleepable: true }),
  rule('tc/ingress', 'sched_cls', 'tcx_ingress'),
  rule('tc/egress', 'sched_cls', 'tcx_egress'),
  rule('tcx/ingress', 'sched_cls', 'tcx_ingress'),
  rule('tcx/egress', 'sched_cls', 'tcx_egress'),
  rule('tc', 'sched_cls'),
  rule('classifier', 'sched_cls'),
  rule('action', 'sched_act'),
  rule('netkit/primary', 'sched_cls', 'netkit_primary'),
  rule('netkit/peer', 'sched_cls', 'netkit_peer'),
  rule('tracepoint+', 'tracepoint'),
  rule('tp+', 'tracepoint'),
  rule('raw_tracepoint+', 'raw_tracepoint'),
  rule('raw_tp+', 'raw_tracepoint'),
  rule('raw_tracepoint.w+', 'raw_tracepoint_writable'),
  rule('raw_tp.w+', 'raw_tracepoint_writable'),
  rule('tp_btf+', 'tracing', 'trace_raw_tp', BTF),
  rule('fentry+', 'tracing', 'trace_fentry', BTF),
  rule('fmod_ret+', 'tracing', 'modify_return', BTF),
  rule('fexit+', 'tracing', 'trace_fexit', BTF),
  rule('fentry.s+', 'tracing', 'trace_fentry', SLEEPABLE_BTF),
  rule('fmod_ret.s+', 'tracing', 'modify_return', SLEEPABLE_BTF),
  rule('fexit.s+', 'tracing', 'trace_fexit', SLEEPABLE_BTF),
  rule('freplace+', 'ext', undefined, BTF),
  rule('lsm+', 'lsm', 'lsm_mac', BTF),
  rule('lsm.s+', 'lsm', 'lsm_mac', SLEEPABLE_BTF),
  rule('lsm_cgroup+', 'lsm', 'lsm_cgroup', BTF),
  rule('iter+', 'tracing', 'trace_iter', BTF),
  rule('iter.s+', 'tracing', 'trace_iter', SLEEPABLE_BTF),
  rule('syscall', 'syscall', undefined, SLEEPABLE),
  rule('xdp.frags/devmap', 'xdp', 'xdp_devmap', FRAGS),
  rule('xdp/devmap', 'xdp', 'xdp_devmap'),
  rule('xdp.frags/cpumap', 'xdp', 'xdp_cpumap', FRAGS),
  rule('xdp/cpumap', 'xdp', 'xdp_cpumap'),
  rule('xdp.frags', 'xdp', 'xdp', FRAGS),
  rule('xdp', 'xdp', 'xdp'),
  rule('perf_event', 'perf_event'),
  rule('lwt_in', 'lwt_in'),
  rule('lwt_out', 'lwt_out'),
  rule('lwt_xmit', 'lwt_xmit'),
  rule('lwt_seg6local', 'lwt_seg6local'),
  rule('sockops', 'sock_ops', 'cgroup_sock_ops'),
  rule('sk_skb/stream_parser', 'sk_skb', 'sk_skb_stream_parser'),
  rule('sk_skb/stream_verdict', 'sk_skb', 'sk_skb_stream_verdict'),
  rule('sk_skb/verdict', 'sk_skb', 'sk_skb_verdict'),
  rule('sk_skb', 'sk_skb'),
  rule('sk_msg', 'sk_msg', 'sk_msg_verdict'),
  rule('lirc_mode2', 'lirc_mode2', 'lirc_mode2'),
  rule('flow_dissector', 'flow_dissector', 'flow_dissector'),
  rule('cgroup_skb/ingress', 'cgroup_skb', 'cgroup_inet_ingress'),
  rule('cgroup_skb/egress', 'cgroup_skb', 'cgroup_inet_egress'),
  rule('cgroup/skb', 'cgroup_skb'),
  rule('cgroup/sock_create', 'cgroup_sock', 'cgroup_inet_sock_create'),
  rule('cgroup/sock_release', 'cgroup_sock', 'cgroup_inet_sock_release'),
  rule('cgroup/sock', 'cgroup_sock', 'cgroup_inet_sock_create'),
  rule('cgroup/post_bind4', 'cgroup_sock', 'cgroup_inet4_post_bind'),
  rule('cgroup/post_bind6', 'cgroup_sock', 'cgroup_inet6_post_bind'),
  rule('cgroup/bind4', 'cgroup_sock_addr', 'cgroup_inet4_bind'),
  rule('cgroup/bind6', 'cgroup_sock_addr', 'cgroup_inet6_bind'),
  rule('cgroup/connect4', 'cgroup_sock_addr', 'cgroup_inet4_connect'),
  rule('cgroup/connect6', 'cgroup_sock_addr', 'cgroup_inet6_connect'),
  rule('cgroup/connect_unix', 'cgroup_sock_addr', 'cgroup_unix_connect'),
  rule('cgroup/sendmsg4', 'cgroup_sock_addr', 'cgroup_udp4_sendmsg'),
  rule('cgroup/sendmsg6', 'cgroup_sock_addr', 'cgroup_udp6_sendmsg'),
  rule('cgroup/sendmsg_unix', 'cgroup_sock_addr', 'cgroup_unix_sendmsg'),
  rule('cgroup/recvmsg4', 'cgroup_sock_addr', 'cgroup_udp4_recvmsg'),
  rule('cgroup/recvmsg6', 'cgroup_sock_addr', 'cgroup_udp6_recvmsg'),
  rule('cgroup/recvmsg_unix', 'cgroup_sock_addr', 'cgroup_unix_recvmsg'),
  rule('cgroup/getpeername4', 'cgroup_sock_addr', 'cgroup_inet4_getpeername'),
  rule('cgroup/getpeername6', 'cgroup_sock_addr', 'cgroup_inet6_getpeername'),
  rule('cgroup/getpeername_unix', 'cgroup_sock_addr', 'cgroup_unix_getpeername'),
  rule('cgroup/getsockname4', 'cgroup_sock_addr', 'cgroup_inet4_getsockname'),
  rule('cgroup/getsockname6', 'cgroup_sock_addr', 'cgroup_inet6_getsockname'),
  rule('cgroup/getsockname_unix', 'cgroup_sock_addr', 'cgroup_unix_getsockname'),
  rule('cgroup/sysctl', 'cgroup_sysctl', 'cgroup_sysctl'),
  rule('cgroup/getsockopt', 'cgroup_sockopt', 'cgroup_getsockopt'),
  rule('cgroup/setsockopt', 'cgroup_sockopt', 'cgroup_setsockopt'),
  rule('cgroup/dev', 'cgroup_device', 'cgroup_device'),
  rule('struct_ops+', 'struct_ops'),
  rule('struct_ops.s+', 'struct_ops', undefined, SLEEPABLE),
  rule('sk_lookup', 'sk_lookup', 'sk_lookup'),
  rule('netfilter', 'netfilter', 'netfilter'),
];

function matches(pattern: string, section: string): boolean {
  if (!pattern.endsWith('+')) return section === pattern;
  const prefix = pattern.slice(0, -1);
  return section.startsWith(prefix) && (section.length === prefix.length || section[prefix.length] === '/');
}

/** The rule for a section name without its leading `?`; undefined when libbpf would not know it either. */
export function findSectionRule(section: string): SectionRule | undefined {
  return sectionRules.find(({ pattern }) => matches(pattern, section));
}

/** What follows the first slash of a section name: `fentry/do_unlinkat` → `do_unlinkat`. */
export function attachTargetOf(section: string): string | undefined {
  const slash = section.indexOf('/');
  return slash < 0 ? undefined : section.slice(slash + 1);
}
