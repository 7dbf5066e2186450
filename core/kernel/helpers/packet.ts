/** Helpers on packets, for sk_buff and XDP frame alike where they do the same. */
import type { Behaviour, Call } from '../behaviour.ts';
import { errno } from '../behaviour.ts';
import { copyWithin, writeBytes } from '../bytes.ts';
import { EFAULT, EINVAL, ENODEV, ENOENT, ENOTSUPP, EOPNOTSUPP } from '../errno.ts';
import { refreshSkb } from '../contexts/packets.ts';
import { ReferenceMap } from '../maps/references.ts';
import { deviceMtu, parseAddress, swap16 } from '../objects/network.ts';
import type { RouteScenario } from '../scenario.ts';
import { hexBytes } from '../scenario.ts';
import { arg, map, readable, s32, u32, writable } from './arguments.ts';

/** The packet's object behind the context in R1. */
function packet(call: Call, index = 0): number {
  return call.kernel.offset(call.kernel.contexts.kernelContext(arg(call, index)));
}

function result(number: number): bigint {
  return number < 0 ? errno(-number) : BigInt(number);
}

/** The context follows what a helper did to the sk_buff. */
function refresh(call: Call, skb: number): void {
  const current = call.kernel.contexts.current;
  if (current?.struct === '__sk_buff' && current.object === skb) refreshSkb(call.kernel, current.offset, skb);
}

// ---- bytes ------------------------------------------------------------------------------------------------------------

/** Where `length` bytes from `offset` lie, or undefined when they are not all in the packet. */
function within(call: Call, object: number, offset: number, length: number): number | undefined {
  const { packets } = call.kernel.contexts;
  return offset + length > packets.length(object) ? undefined : packets.data(object) + offset;
}

const loadBytes: Behaviour = (call) => {
  const length = u32(call, 3);
  const to = writable(call, 2, length);
  const from = within(call, packet(call), u32(call, 1), length);
  if (from === undefined) {
    call.kernel.memory.bytes.fill(0, to, to + length);
    call.kernel.memory.touch(to, length);
    return errno(EFAULT);
  }
  copyWithin(call.kernel.memory, to, from, length);
  return 0n;
};

const loadBytesRelative: Behaviour = (call) => {
  const { world, memory } = call.kernel;
  const length = u32(call, 3);
  const skb = packet(call);
  const to = writable(call, 2, length);
  const head = memory.offset(world.get(skb, 'sk_buff', 'head')) ?? 0;
  const start = u32(call, 4) === 0 ? 'mac_header' : 'network_header';
  const from = head + Number(world.get(skb, 'sk_buff', start)) + u32(call, 1);
  if (from + length > call.kernel.contexts.packets.end(skb) || u32(call, 4) > 1) {
    memory.bytes.fill(0, to, to + length);
    memory.touch(to, length);
    return errno(EFAULT);
  }
  copyWithin(memory, to, from, length);
  return 0n;
};

const storeBytes: Behaviour = (call) => {
  const length = u32(call, 3);
  // BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH
  if ((arg(call, 4) & ~3n) !== 0n) return errno(EINVAL);
  const to = within(call, packet(call), u32(call, 1), length);
  if (to === undefined) return errno(EFAULT);
  copyWithin(call.kernel.memory, to, readable(call, 2, length), length);
  if ((arg(call, 4) & 2n) !== 0n) call.kernel.world.set(packet(call), 'sk_buff', 'hash', 0);
  return 0n;
};

const xdpLoad: Behaviour = (call) => {
  const length = u32(call, 3);
  const to = writable(call, 2, length);
  const from = within(call, packet(call), u32(call, 1), length);
  if (from === undefined) return errno(EINVAL);
  copyWithin(call.kernel.memory, to, from, length);
  return 0n;
};

const xdpStore: Behaviour = (call) => {
  const length = u32(call, 3);
  const to = within(call, packet(call), u32(call, 1), length);
  if (to === undefined) return errno(EINVAL);
  copyWithin(call.kernel.memory, to, readable(call, 2, length), length);
  return 0n;
};

const pullData: Behaviour = (call) => {
  const length = u32(call, 1);
  // Packets of a scenario are in one piece.
  return length > call.kernel.contexts.packets.length(packet(call)) ? errno(12) : 0n;
};

// ---- checksums --------------------------------------------------------------------------------------------------------

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}

/** The ones' complement sum of 16-bit words, little endian as they lie in memory. */
function checksum(bytes: Uint8Array, start: number): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! | ((bytes[i + 1] ?? 0) << 8);
  return sum;
}

const csumDiff: Behaviour = (call) => {
  const { memory } = call.kernel;
  const fromSize = u32(call, 1);
  const toSize = u32(call, 3);
  if (((fromSize | toSize) & 3) !== 0) return errno(EINVAL);
  let sum = u32(call, 4);
  if (fromSize > 0) {
    const from = readable(call, 0, fromSize);
    sum = checksum(
      memory.bytes.slice(from, from + fromSize).map((byte) => ~byte & 0xff),
      sum,
    );
  }
  if (toSize > 0) {
    const to = readable(call, 2, toSize);
    sum = checksum(memory.bytes.slice(to, to + toSize), sum);
  }
  return BigInt(fold(sum));
};

/** Replaces part of what a checksum covers: ~(~check + ~from + to). */
function replaceSum(call: Call, at: number, from: number, to: number, size: number): void {
  const { memory } = call.kernel;
  const check = memory.readU16(at);
  const half = (value: number): number => fold((value & 0xffff) + (value >>> 16));
  const old = size === 2 ? from & 0xffff : half(from);
  const now = size === 2 ? to & 0xffff : half(to);
  const sum = fold((~check & 0xffff) + (size === 0 ? 0 : ~old & 0xffff) + now);
  memory.writeU16(at, ~sum & 0xffff);
}

const l3Replace: Behaviour = (call) => {
  const flags = arg(call, 4);
  const size = Number(flags & 0xfn);
  if ((flags & ~0xfn) !== 0n || (u32(call, 1) & 1) !== 0 || ![0, 2, 4].includes(size)) return errno(EINVAL);
  const at = within(call, packet(call), u32(call, 1), 2);
  if (at === undefined) return errno(EFAULT);
  replaceSum(call, at, u32(call, 2), u32(call, 3), size);
  return 0n;
};

const L4_PSEUDO = 0x10n;
const L4_MANGLED_0 = 0x20n;
const L4_FLAGS = 0xfn | L4_PSEUDO | L4_MANGLED_0 | 0x40n | 0x80n;

const l4Replace: Behaviour = (call) => {
  const flags = arg(call, 4);
  const size = Number(flags & 0xfn);
  if ((flags & ~L4_FLAGS) !== 0n || (u32(call, 1) & 1) !== 0 || ![0, 2, 4].includes(size)) return errno(EINVAL);
  const at = within(call, packet(call), u32(call, 1), 2);
  if (at === undefined) return errno(EFAULT);
  // UDP: no checksum stays none.
  if ((flags & L4_MANGLED_0) !== 0n && call.kernel.memory.readU16(at) === 0) return 0n;
  replaceSum(call, at, u32(call, 2), u32(call, 3), size);
  if ((flags & L4_MANGLED_0) !== 0n && call.kernel.memory.readU16(at) === 0) call.kernel.memory.writeU16(at, 0xffff);
  return 0n;
};

// ---- size and shape ---------------------------------------------------------------------------------------------------

const changeTail: Behaviour = (call) => {
  const skb = packet(call);
  if (arg(call, 2) !== 0n) return errno(EINVAL);
  const done = call.kernel.contexts.packets.adjustTail(skb, u32(call, 1) - call.kernel.contexts.packets.length(skb));
  refresh(call, skb);
  return result(done);
};

const changeHead: Behaviour = (call) => {
  const skb = packet(call);
  if (arg(call, 2) !== 0n) return errno(EINVAL);
  const done = call.kernel.contexts.packets.adjustHead(skb, -u32(call, 1));
  refresh(call, skb);
  return result(done);
};

/** BPF_ADJ_ROOM_NET (0): behind the network header; BPF_ADJ_ROOM_MAC (1): behind the Ethernet header. */
const adjustRoom: Behaviour = (call) => {
  const skb = packet(call);
  const mode = u32(call, 2);
  if (mode > 1) return errno(ENOTSUPP);
  const ipv6 = call.kernel.world.get(skb, 'sk_buff', 'protocol') === 0xdd86n;
  const at = mode === 1 ? 14 : 14 + (ipv6 ? 40 : 20);
  const done = call.kernel.contexts.packets.resizeAt(skb, at, s32(call, 1));
  refresh(call, skb);
  return result(done);
};

const changeType: Behaviour = (call) => {
  const type = u32(call, 1);
  if (type > 3) return errno(EINVAL);
  call.kernel.world.set(packet(call), 'sk_buff', 'pkt_type', type);
  refresh(call, packet(call));
  return 0n;
};

/** Exchanges IPv4 and IPv6 headers: the sizes and the protocol change, the new header is the program's to write. */
const changeProto: Behaviour = (call) => {
  const { kernel } = call;
  const skb = packet(call);
  const wanted = Number(arg(call, 1) & 0xffffn);
  const has = Number(kernel.world.get(skb, 'sk_buff', 'protocol'));
  if (arg(call, 2) !== 0n) return errno(EINVAL);
  const IPV4 = 0x0008;
  const IPV6 = 0xdd86;
  if (!((has === IPV4 && wanted === IPV6) || (has === IPV6 && wanted === IPV4))) return errno(ENOTSUPP);
  const done = kernel.contexts.packets.resizeAt(skb, 14, wanted === IPV6 ? 20 : -20);
  if (done === 0) kernel.world.set(skb, 'sk_buff', 'protocol', wanted);
  refresh(call, skb);
  return result(done);
};

const vlanPush: Behaviour = (call) => {
  const { world } = call.kernel;
  const skb = packet(call);
  const proto = u32(call, 1) & 0xffff;
  world.set(skb, 'sk_buff', 'vlan_proto', proto === 0 ? swap16(0x8100) : proto);
  world.set(skb, 'sk_buff', 'vlan_tci', u32(call, 2) & 0xffff);
  refresh(call, skb);
  return 0n;
};

const vlanPop: Behaviour = (call) => {
  const skb = packet(call);
  call.kernel.world.set(skb, 'sk_buff', 'vlan_all', 0);
  refresh(call, skb);
  return 0n;
};

const xdpAdjust =
  (what: 'head' | 'tail' | 'meta'): Behaviour =>
  (call) => {
    const { packets } = call.kernel.contexts;
    const delta = s32(call, 1);
    const xdp = packet(call);
    if (what === 'head') return result(packets.adjustHead(xdp, delta));
    return result(what === 'tail' ? packets.adjustTail(xdp, delta) : packets.adjustMeta(xdp, delta));
  };

// ---- where it goes ----------------------------------------------------------------------------------------------------

const XDP_REDIRECT = 4n;
const XDP_ABORTED = 0n;
const TC_ACT_REDIRECT = 7n;
const TC_ACT_SHOT = 2n;

function redirected(call: Call, to: string): void {
  call.kernel.print({ kind: 'trace', text: `redirect to ${to}`, at: call.kernel.position(call) });
}

const redirect: Behaviour = (call) => {
  const xdp = call.program.type === 'xdp';
  const flags = arg(call, 1);
  if (flags > (xdp ? 0n : 1n)) return xdp ? XDP_ABORTED : TC_ACT_SHOT;
  redirected(call, `device ${u32(call, 0)}`);
  return xdp ? XDP_REDIRECT : TC_ACT_REDIRECT;
};

const redirectTo =
  (what: string): Behaviour =>
  (call) => {
    redirected(call, `${what} of device ${u32(call, 0)}`);
    return TC_ACT_REDIRECT;
  };

/** bpf_redirect_map(map, key, flags): what the lower bits of the flags say when the key is not there. */
const redirectMap: Behaviour = (call) => {
  const { kernel } = call;
  const target = map(call, 0);
  const flags = arg(call, 2);
  const key = kernel.scratch(8);
  kernel.memory.writeU32(key, u32(call, 1));
  const broadcast = (flags & 8n) !== 0n;
  const found = target instanceof ReferenceMap && target.lookup(key) !== 0;
  if (!found && !broadcast) return flags & 3n;
  redirected(call, `${target.name}[${broadcast ? '*' : u32(call, 1)}]`);
  return XDP_REDIRECT;
};

const cloneRedirect: Behaviour = (call) => {
  if ((arg(call, 2) & ~1n) !== 0n) return errno(EINVAL);
  if (call.kernel.world.find(`device:${u32(call, 1)}`) === 0) return errno(EINVAL);
  redirected(call, `device ${u32(call, 1)} (a copy)`);
  return 0n;
};

// ---- routes -----------------------------------------------------------------------------------------------------------

const FIB_SUCCESS = 0;
const FIB_NOT_FOUND = 4;
const AF_INET = 2;
const AF_INET6 = 10;

/** The route of the longest prefix that contains an address. */
function route(routes: readonly RouteScenario[], address: Uint8Array): RouteScenario | undefined {
  let best: RouteScenario | undefined;
  let longest = -1;
  for (const candidate of routes) {
    const [prefix = '', bits = ''] = candidate.to.split('/');
    const bytes = parseAddress(prefix);
    const length = Number(bits);
    if (bytes.length !== address.length || length <= longest) continue;
    let same = true;
    for (let bit = 0; bit < length && same; bit++) {
      const mask = 0x80 >> (bit & 7);
      same = ((bytes[bit >> 3]! ^ address[bit >> 3]!) & mask) === 0;
    }
    if (same) {
      best = candidate;
      longest = length;
    }
  }
  return best;
}

const fibLookup: Behaviour = (call) => {
  const { kernel } = call;
  const length = u32(call, 2);
  const layout = kernel.layouts.struct('bpf_fib_lookup');
  if (length < layout.size || (arg(call, 3) & ~0x3fn) !== 0n) return errno(EINVAL);
  const params = writable(call, 1, length);
  const family = kernel.memory.readU8(params);
  if (family !== AF_INET && family !== AF_INET6) return errno(97);
  const size = family === AF_INET ? 4 : 16;
  const destination = layout.offset(family === AF_INET ? 'ipv4_dst' : 'ipv6_dst');
  const address = kernel.memory.bytes.slice(params + destination, params + destination + size);
  const found = route(kernel.scenario.routes ?? [], address);
  if (found === undefined) return BigInt(FIB_NOT_FOUND);
  if (found.result !== undefined && found.result !== FIB_SUCCESS) return BigInt(found.result);
  kernel.memory.writeU32(params + layout.offset('ifindex'), found.ifindex);
  if (found.via !== undefined) writeBytes(kernel.memory, params + destination, parseAddress(found.via));
  const device = kernel.world.find(`device:${found.ifindex}`);
  const own = device === 0 ? undefined : kernel.memory.offset(kernel.world.get(device, 'net_device', 'dev_addr'));
  if (own !== undefined) copyWithin(kernel.memory, params + layout.offset('smac'), own, 6);
  if (found.mac !== undefined)
    writeBytes(kernel.memory, params + layout.offset('dmac'), hexBytes(found.mac).subarray(0, 6));
  kernel.memory.writeU16(
    params + layout.offset('mtu_result'),
    found.mtu ?? deviceMtu(kernel.world, found.ifindex) ?? 1500,
  );
  return BigInt(FIB_SUCCESS);
};

const checkMtu: Behaviour = (call) => {
  const { kernel } = call;
  const out = writable(call, 2, 4);
  const ifindex =
    u32(call, 1) === 0
      ? Number(kernel.contexts.field('ifindex') || kernel.contexts.field('ingress_ifindex'))
      : u32(call, 1);
  const mtu = deviceMtu(kernel.world, ifindex);
  if (mtu === undefined) return errno(ENODEV);
  const asked = kernel.memory.readU32(out);
  kernel.memory.writeU32(out, mtu);
  // What goes on the wire has the Ethernet header on top.
  const length = (asked === 0 ? kernel.contexts.packets.length(packet(call)) : asked + 14) + s32(call, 3);
  return length <= mtu + 14 ? 0n : 1n;
};

const setField =
  (field: string, index: number): Behaviour =>
  (call) => {
    call.kernel.world.set(packet(call), 'sk_buff', field, u32(call, index));
    refresh(call, packet(call));
    return 0n;
  };

const hashRecalc: Behaviour = (call) => {
  const { world, contexts, memory } = call.kernel;
  const skb = packet(call);
  let hash = Number(world.get(skb, 'sk_buff', 'hash'));
  if (hash === 0) {
    const data = contexts.packets.data(skb);
    hash = checksum(memory.bytes.slice(data, contexts.packets.end(skb)), 1);
    world.set(skb, 'sk_buff', 'hash', hash);
  }
  return BigInt(hash >>> 0);
};

const ecnSetCe: Behaviour = (call) => {
  const { world, memory, contexts } = call.kernel;
  const skb = packet(call);
  const at =
    (memory.offset(world.get(skb, 'sk_buff', 'head')) ?? 0) + Number(world.get(skb, 'sk_buff', 'network_header'));
  if (world.get(skb, 'sk_buff', 'protocol') !== 0x0008n || at + 20 > contexts.packets.end(skb)) return 0n;
  const before = memory.readU8(at + 1);
  if ((before & 3) === 0) return 0n;
  memory.writeU8(at + 1, before | 3);
  replaceSum(call, at + 10, before << 8, (before | 3) << 8, 2);
  return 1n;
};

const notSupported: Behaviour = () => errno(EOPNOTSUPP);

/** No tunnel carried a packet of a scenario. */
const noTunnel: Behaviour = () => errno(EINVAL);

export const packetHelpers: Readonly<Record<string, Behaviour>> = {
  skb_load_bytes: loadBytes,
  skb_load_bytes_relative: loadBytesRelative,
  skb_store_bytes: storeBytes,
  skb_pull_data: pullData,
  l3_csum_replace: l3Replace,
  l4_csum_replace: l4Replace,
  csum_diff: csumDiff,
  csum_update: (call) => arg(call, 1),
  csum_level: (call) => (arg(call, 1) > 3n ? errno(EINVAL) : 0n),
  skb_change_tail: changeTail,
  skb_change_head: changeHead,
  skb_change_type: changeType,
  skb_change_proto: changeProto,
  skb_adjust_room: adjustRoom,
  skb_vlan_push: vlanPush,
  skb_vlan_pop: vlanPop,
  skb_set_tstamp: setField('tstamp', 1),
  set_hash: setField('hash', 1),
  set_hash_invalid: (call) => {
    call.kernel.world.set(packet(call), 'sk_buff', 'hash', 0);
    return 0n;
  },
  get_hash_recalc: hashRecalc,
  skb_ecn_set_ce: ecnSetCe,
  get_cgroup_classid: () => 0n,
  skb_cgroup_classid: () => 0n,
  get_route_realm: () => 0n,
  skb_get_tunnel_key: noTunnel,
  skb_set_tunnel_key: () => 0n,
  skb_get_tunnel_opt: noTunnel,
  skb_set_tunnel_opt: () => 0n,
  skb_get_xfrm_state: () => errno(EINVAL),
  xdp_adjust_head: xdpAdjust('head'),
  xdp_adjust_tail: xdpAdjust('tail'),
  xdp_adjust_meta: xdpAdjust('meta'),
  xdp_load_bytes: xdpLoad,
  xdp_store_bytes: xdpStore,
  xdp_get_buff_len: (call) => BigInt(call.kernel.contexts.packets.length(packet(call))),
  redirect,
  redirect_peer: redirectTo('the peer'),
  redirect_neigh: redirectTo('a neighbour'),
  redirect_map: redirectMap,
  clone_redirect: cloneRedirect,
  fib_lookup: fibLookup,
  check_mtu: checkMtu,
  lwt_push_encap: notSupported,
  lwt_seg6_store_bytes: notSupported,
  lwt_seg6_adjust_srh: notSupported,
  lwt_seg6_action: notSupported,
  skb_under_cgroup: (call) => (map(call, 1) instanceof ReferenceMap ? 0n : errno(ENOENT)),
};
