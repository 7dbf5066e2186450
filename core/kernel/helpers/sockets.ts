/** Helpers on sockets: finding and releasing them, their options, the maps and programs around them. */
import type { Behaviour, Call } from '../behaviour.ts';
import { errno } from '../behaviour.ts';
import { fillBytes, writeBytes } from '../bytes.ts';
import { sysctlText } from '../contexts/network.ts';
import { E2BIG, EAFNOSUPPORT, EINVAL, ENOENT, EOPNOTSUPP, EPERM } from '../errno.ts';
import { ReferenceMap } from '../maps/references.ts';
import { cgroupAncestor, cgroupId, cgroupOfTask } from '../objects/tasks.ts';
import { findSocket, socketView } from '../objects/network.ts';
import { releaseReference } from '../release.ts';
import { arg, mapOf, readable, s32, text, u32, writable } from './arguments.ts';

const IPV4_TUPLE = 12;
const IPV6_TUPLE = 36;

/** bpf_sk_lookup_*: struct bpf_sock_tuple of either family, a network namespace, flags. */
const lookup =
  (protocol: 'tcp' | 'udp'): Behaviour =>
  (call) => {
    const { kernel } = call;
    const length = u32(call, 2);
    if ((length !== IPV4_TUPLE && length !== IPV6_TUPLE) || arg(call, 4) !== 0n) return 0n;
    const at = readable(call, 1, length);
    const bytes = kernel.memory.bytes.slice(at, at + length);
    const size = length === IPV4_TUPLE ? 4 : 16;
    const port = (index: number): number => (bytes[index]! << 8) | bytes[index + 1]!;
    const tuple = {
      source: bytes.slice(0, size),
      destination: bytes.slice(size, 2 * size),
      sourcePort: port(2 * size),
      destinationPort: port(2 * size + 2),
    };
    const socket = findSocket(kernel.world, protocol, tuple);
    return socket === 0 ? 0n : kernel.world.handOutSocket(call, socket);
  };

const release: Behaviour = (call) => {
  releaseReference(call.kernel, 'reference', arg(call, 0), call.name);
  return 0n;
};

/** The other face of a socket; null when the pointer is none, or the socket of another kind. */
const view =
  (struct: 'bpf_sock' | 'bpf_tcp_sock', only?: string): Behaviour =>
  (call) => {
    const { world, memory } = call.kernel;
    const socket = world.behind(arg(call, 0));
    if (socket === undefined || (only !== undefined && socket.struct !== only)) return 0n;
    return memory.pointer(socketView(world, socket.offset, struct));
  };

/** bpf_skc_to_*: the kernel's own struct, when the socket is of that kind. */
const cast =
  (matches: (call: Call, socket: number, struct: string) => boolean): Behaviour =>
  (call) => {
    const socket = call.kernel.world.behind(arg(call, 0));
    if (socket === undefined || !matches(call, socket.offset, socket.struct)) return 0n;
    return call.kernel.memory.pointer(socket.offset);
  };

function isV6(call: Call, socket: number): boolean {
  return call.kernel.world.get(socket, 'sock', '__sk_common.skc_family') === 10n;
}

function stateOf(call: Call, socket: number): bigint {
  return call.kernel.world.get(socket, 'sock', '__sk_common.skc_state');
}

const TCP_TIME_WAIT = 6n;
const TCP_LISTEN = 10n;
const TCP_NEW_SYN_RECV = 12n;

const listener: Behaviour = (call) => {
  const { world, memory } = call.kernel;
  const socket = world.behind(arg(call, 0));
  if (socket === undefined || stateOf(call, socket.offset) !== TCP_LISTEN) return 0n;
  return memory.pointer(socketView(world, socket.offset));
};

const cookie: Behaviour = (call) => {
  const { world } = call.kernel;
  const socket = world.behind(call.kernel.contexts.kernelContext(arg(call, 0)));
  return socket === undefined ? 0n : BigInt(socket.offset >> 3);
};

// ---- options ----------------------------------------------------------------------------------------------------------

const SOL_SOCKET = 1;
/** Options of SOL_SOCKET that have a field in struct sock. */
const SOCKET_OPTIONS: Readonly<Record<number, string>> = {
  7: 'sk_sndbuf',
  8: 'sk_rcvbuf',
  12: 'sk_priority',
  18: 'sk_rcvlowat',
  36: 'sk_mark',
};

function optionSocket(call: Call): number | undefined {
  return call.kernel.world.behind(call.kernel.contexts.kernelContext(arg(call, 0)))?.offset;
}

const setOption: Behaviour = (call) => {
  const { world, memory } = call.kernel;
  const socket = optionSocket(call);
  const length = u32(call, 4);
  const value = readable(call, 3, length);
  if (socket === undefined || length < 4) return errno(EINVAL);
  const field = u32(call, 1) === SOL_SOCKET ? SOCKET_OPTIONS[u32(call, 2)] : undefined;
  if (field !== undefined) world.set(socket, 'sock', field, memory.readU32(value));
  // Options without a field of their own keep their value with the socket.
  else
    world.setText(
      socket,
      JSON.stringify({
        ...options(call, socket),
        [`${u32(call, 1)}:${u32(call, 2)}`]: [...memory.bytes.slice(value, value + length)],
      }),
    );
  return 0n;
};

function options(call: Call, socket: number): Record<string, readonly number[]> {
  const text_ = call.kernel.world.text(socket);
  return text_ === undefined ? {} : (JSON.parse(text_) as Record<string, readonly number[]>);
}

const getOption: Behaviour = (call) => {
  const { world, memory } = call.kernel;
  const socket = optionSocket(call);
  const length = u32(call, 4);
  const value = writable(call, 3, length);
  fillBytes(memory, value, length, 0);
  if (socket === undefined || length < 4) return errno(EINVAL);
  const field = u32(call, 1) === SOL_SOCKET ? SOCKET_OPTIONS[u32(call, 2)] : undefined;
  if (field !== undefined) memory.writeU32(value, Number(world.get(socket, 'sock', field) & 0xffffffffn));
  else
    writeBytes(
      memory,
      value,
      Uint8Array.from(options(call, socket)[`${u32(call, 1)}:${u32(call, 2)}`] ?? []).subarray(0, length),
    );
  return 0n;
};

// ---- maps and programs of sockets -------------------------------------------------------------------------------------

const SK_DROP = 0n;
const SK_PASS = 1n;

const redirectMap: Behaviour = (call) => {
  const target = mapOf(call, 1, ReferenceMap);
  const key = call.kernel.scratch(Math.max(8, target.keySize));
  call.kernel.memory.writeU32(key, u32(call, 2));
  if ((arg(call, 3) & ~1n) !== 0n) return SK_DROP;
  return target.target(key) === 0n ? SK_DROP : SK_PASS;
};

const redirectHash: Behaviour = (call) => {
  const target = mapOf(call, 1, ReferenceMap);
  if ((arg(call, 3) & ~1n) !== 0n) return SK_DROP;
  return target.target(readable(call, 2, target.keySize)) === 0n ? SK_DROP : SK_PASS;
};

const updateSocketMap: Behaviour = (call) => {
  const { kernel } = call;
  const target = mapOf(call, 1, ReferenceMap);
  const socket = optionSocket(call);
  if (socket === undefined) return errno(EINVAL);
  const done = target.setTarget(readable(call, 2, target.keySize), kernel.memory.pointer(socket), arg(call, 3));
  return done < 0 ? errno(-done) : 0n;
};

const selectReuseport: Behaviour = (call) => {
  const target = mapOf(call, 1, ReferenceMap);
  if (arg(call, 3) !== 0n) return errno(EINVAL);
  return target.target(readable(call, 2, target.keySize)) === 0n ? errno(ENOENT) : 0n;
};

/** bpf_sk_assign: the socket that gets the packet. */
const assign: Behaviour = (call) => {
  const { kernel } = call;
  const socket = kernel.world.behind(arg(call, 1));
  const current = kernel.contexts.current;
  if (current?.type === 'sk_lookup') {
    if ((arg(call, 2) & ~3n) !== 0n) return errno(EINVAL);
    kernel.contexts.setField(
      'sk',
      socket === undefined ? 0n : kernel.memory.pointer(socketView(kernel.world, socket.offset)),
    );
    return 0n;
  }
  if (arg(call, 2) !== 0n || socket === undefined) return errno(EINVAL);
  if (current !== undefined && current.object !== 0) kernel.world.point(current.object, 'sk_buff', 'sk', socket.offset);
  return 0n;
};

const bytesOption: Behaviour = (call) => {
  call.kernel.contexts.setField('bpf_sock_ops_cb_flags', BigInt(u32(call, 1) & 0x7f));
  return BigInt(u32(call, 1) & ~0x7f);
};

// ---- messages ---------------------------------------------------------------------------------------------------------

/** Messages of a scenario are in one piece and need no pulling. */
const fine: Behaviour = () => 0n;

const skCgroupId: Behaviour = ({ kernel }) =>
  cgroupId(kernel.world, cgroupOfTask(kernel.world, kernel.world.currentTask));

const skAncestorCgroupId: Behaviour = (call) => {
  const { world } = call.kernel;
  const ancestor = cgroupAncestor(world, cgroupOfTask(world, world.currentTask), s32(call, 1));
  return ancestor === 0 ? 0n : cgroupId(world, ancestor);
};

// ---- sysctl -----------------------------------------------------------------------------------------------------------

/** Copies a text out with its NUL; E2BIG when it was cut. */
const sysctl =
  (what: 'name' | 'value' | 'newValue'): Behaviour =>
  (call) => {
    const { kernel } = call;
    const room = u32(call, 2);
    const full = what === 'name' && (arg(call, 3) & 1n) === 0n;
    const bytes = sysctlText(kernel.scenario.context ?? {}, full ? 'full' : what);
    const to = writable(call, 1, room);
    if (bytes === undefined || room === 0) return errno(EINVAL);
    fillBytes(kernel.memory, to, room, 0);
    writeBytes(kernel.memory, to, bytes.subarray(0, room - 1));
    return bytes.length > room - 1 ? errno(E2BIG) : BigInt(bytes.length);
  };

const setNewValue: Behaviour = (call) => {
  const { kernel } = call;
  if (kernel.scenario.context?.sysctl?.write !== true) return errno(EINVAL);
  const length = u32(call, 2);
  const value = text(call, 1, length);
  kernel.print({ kind: 'trace', text: `new value ${value}`, at: kernel.position(call) });
  return 0n;
};

const bind: Behaviour = (call) => {
  const family = call.kernel.memory.readU16(readable(call, 1, u32(call, 2)));
  return family === 2 || family === 10 ? 0n : errno(EAFNOSUPPORT);
};

const syncookie: Behaviour = () => errno(ENOENT);

export const socketHelpers: Readonly<Record<string, Behaviour>> = {
  sk_lookup_tcp: lookup('tcp'),
  sk_lookup_udp: lookup('udp'),
  skc_lookup_tcp: lookup('tcp'),
  sk_release: release,
  sk_fullsock: view('bpf_sock'),
  tcp_sock: view('bpf_tcp_sock', 'tcp_sock'),
  get_listener_sock: listener,
  skc_to_tcp_sock: cast((_call, _socket, struct) => struct === 'tcp_sock'),
  skc_to_tcp6_sock: cast((call, socket, struct) => struct === 'tcp_sock' && isV6(call, socket)),
  skc_to_udp6_sock: cast((call, socket, struct) => struct === 'udp_sock' && isV6(call, socket)),
  skc_to_tcp_timewait_sock: cast((call, socket) => stateOf(call, socket) === TCP_TIME_WAIT),
  skc_to_tcp_request_sock: cast((call, socket) => stateOf(call, socket) === TCP_NEW_SYN_RECV),
  skc_to_unix_sock: cast((_call, _socket, struct) => struct === 'unix_sock'),
  skc_to_mptcp_sock: () => 0n,
  sock_from_file: () => 0n,
  get_socket_cookie: cookie,
  get_socket_uid: () => 0n,
  get_netns_cookie: () => 1n,
  setsockopt: setOption,
  getsockopt: getOption,
  sk_redirect_map: redirectMap,
  msg_redirect_map: redirectMap,
  sk_redirect_hash: redirectHash,
  msg_redirect_hash: redirectHash,
  sock_map_update: updateSocketMap,
  sock_hash_update: updateSocketMap,
  sk_select_reuseport: selectReuseport,
  sk_assign: assign,
  sock_ops_cb_flags_set: bytesOption,
  msg_apply_bytes: fine,
  msg_cork_bytes: fine,
  msg_pull_data: fine,
  msg_push_data: () => errno(EOPNOTSUPP),
  msg_pop_data: () => errno(EOPNOTSUPP),
  sk_cgroup_id: skCgroupId,
  sk_ancestor_cgroup_id: skAncestorCgroupId,
  skb_cgroup_id: skCgroupId,
  skb_ancestor_cgroup_id: skAncestorCgroupId,
  sysctl_get_name: sysctl('name'),
  sysctl_get_current_value: sysctl('value'),
  sysctl_get_new_value: sysctl('newValue'),
  sysctl_set_new_value: setNewValue,
  bind,
  tcp_check_syncookie: syncookie,
  tcp_gen_syncookie: syncookie,
  tcp_raw_gen_syncookie_ipv4: syncookie,
  tcp_raw_gen_syncookie_ipv6: syncookie,
  tcp_raw_check_syncookie_ipv4: syncookie,
  tcp_raw_check_syncookie_ipv6: syncookie,
  tcp_send_ack: () => errno(EOPNOTSUPP),
  load_hdr_opt: () => errno(ENOENT),
  store_hdr_opt: () => errno(EPERM),
  reserve_hdr_opt: () => errno(EPERM),
  rc_repeat: fine,
  rc_keydown: fine,
  rc_pointer_rel: fine,
};
