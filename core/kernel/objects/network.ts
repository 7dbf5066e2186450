/** Devices and sockets. A socket has two faces: struct sock, and the struct bpf_sock that networking programs see. */
import { utf8, writeBytes } from '../bytes.ts';
import type { SocketScenario } from '../scenario.ts';
import { hexBytes } from '../scenario.ts';
import type { World } from './world.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const TCP_ESTABLISHED = 1;
const TCP_LISTEN = 10;
const DEFAULT_MTU = 1500;
const IFF_UP_RUNNING = 0x43;
const NAME_SIZE = 16;
/** Number of the first network namespace (PROC_NET_INIT_INO). */
const INIT_NET_INUM = 0xf0000098;

/** Offset of a net_device. Devices 1 (`lo`) and 2 (`eth0`) exist without being described. */
export function makeDevice(world: World, ifindex: number): number {
  const described = world.kernel.scenario.devices?.find((device) => device.ifindex === ifindex);
  if (described === undefined && ifindex !== 1 && ifindex !== 2) return 0;
  const { memory, layouts } = world.kernel;
  const device = world.make('net_device', `device:${ifindex}`);
  world.set(device, 'net_device', 'ifindex', ifindex);
  world.set(device, 'net_device', 'mtu', described?.mtu ?? (ifindex === 1 ? 65536 : DEFAULT_MTU));
  world.set(device, 'net_device', 'flags', IFF_UP_RUNNING);
  world.set(device, 'net_device', 'type', ifindex === 1 ? 772 : 1);
  world.point(device, 'net_device', 'nd_net.net', world.find('net:'));
  world.set(device, 'net_device', 'addr_len', 6);
  world.set(device, 'net_device', 'hard_header_len', 14);
  const name = described?.name ?? (ifindex === 1 ? 'lo' : 'eth0');
  writeBytes(memory, device + layouts.struct('net_device').offset('name'), utf8(name).subarray(0, NAME_SIZE - 1));
  const address = memory.allocate(32, { access: 'ro', label: `address of ${name}` });
  const mac =
    described?.mac === undefined
      ? Uint8Array.of(ifindex === 1 ? 0 : 2, 0, 0, 0, 0, ifindex === 1 ? 0 : ifindex & 0xff)
      : hexBytes(described.mac);
  writeBytes(memory, address, mac.subarray(0, 32));
  world.point(device, 'net_device', 'dev_addr', address);
  return device;
}

/** The one network namespace, `net:`. */
export function makeNamespace(world: World): number {
  const net = world.make('net', 'net:');
  world.set(net, 'net', 'ns.inum', INIT_NET_INUM);
  world.set(net, 'net', 'net_cookie', 1);
  world.set(net, 'net', 'ns.count.refs.counter', 1);
  return net;
}

export function deviceMtu(world: World, ifindex: number): number | undefined {
  const device = world.find(`device:${ifindex}`);
  return device === 0 ? undefined : Number(world.get(device, 'net_device', 'mtu'));
}

/** Offset of the struct tcp_sock or udp_sock of a socket that the scenario names, or 0. */
export function makeSocket(world: World, name: string): number {
  const scenario = world.kernel.scenario.sockets?.find((socket) => socket.name === name);
  return scenario === undefined ? 0 : makeSocketFrom(world, scenario, `socket:${name}`);
}

/** A socket that no scenario described, for contexts that always have one. */
export function defaultSocket(world: World): number {
  const known = world.find('socket:');
  const scenario: SocketScenario = {
    name: '',
    protocol: 'tcp',
    local: '192.0.2.2',
    localPort: 80,
    remote: '192.0.2.1',
    remotePort: 1234,
  };
  return known === 0 ? world.belongings.keep(() => makeSocketFrom(world, scenario, 'socket:')) : known;
}

function makeSocketFrom(world: World, scenario: SocketScenario, name: string): number {
  const tcp = scenario.protocol === 'tcp';
  const struct = tcp ? 'tcp_sock' : 'udp_sock';
  const socket = world.make(struct, name);
  const v6 = scenario.family === 'inet6' || scenario.local.includes(':');
  const state = scenario.state ?? (scenario.remote === undefined ? (tcp ? TCP_LISTEN : 7) : TCP_ESTABLISHED);
  const set = (path: string, value: bigint | number): void => world.set(socket, 'sock', path, value);
  set('__sk_common.skc_family', v6 ? AF_INET6 : AF_INET);
  set('__sk_common.skc_state', state);
  set('__sk_common.skc_refcnt.refs.counter', 1);
  set('__sk_common.skc_num', scenario.localPort);
  set('__sk_common.skc_dport', swap16(scenario.remotePort ?? 0));
  set('sk_protocol', tcp ? IPPROTO_TCP : IPPROTO_UDP);
  set('sk_type', tcp ? SOCK_STREAM : SOCK_DGRAM);
  set('sk_mark', scenario.mark ?? 0);
  world.point(socket, 'sock', '__sk_common.skc_net.net', world.find('net:'));
  const local = parseAddress(scenario.local);
  const remote = parseAddress(scenario.remote ?? (v6 ? '::' : '0.0.0.0'));
  const { memory, layouts } = world.kernel;
  const common = layouts.struct('sock');
  writeBytes(memory, socket + common.offset(v6 ? '__sk_common.skc_v6_rcv_saddr' : '__sk_common.skc_rcv_saddr'), local);
  writeBytes(memory, socket + common.offset(v6 ? '__sk_common.skc_v6_daddr' : '__sk_common.skc_daddr'), remote);
  if (scenario.fields !== undefined) world.setFields(socket, struct, scenario.fields);
  return socket;
}

/** The face of a socket that helpers return: struct bpf_sock, in memory of its own. */
export function socketView(world: World, socket: number, struct: 'bpf_sock' | 'bpf_tcp_sock' = 'bpf_sock'): number {
  const { memory, layouts } = world.kernel;
  const label = `${struct} of ${world.at(socket)?.name ?? 'socket'}`;
  const known = world.viewsOf(socket).find((view) => memory.allocationAt(view)?.label === label);
  if (known !== undefined) return known;
  // It goes with the socket.
  const view = world.belongings.keep(() => memory.allocate(layouts.struct(struct).size, { access: 'ro', label }));
  world.addView(view, socket);
  if (struct === 'bpf_sock') fillSocketView(world, socket, view);
  else fillTcpView(world, socket, view);
  return view;
}

/** Where a field of struct bpf_sock is found in struct sock. */
const BPF_SOCK_FIELDS: Readonly<Record<string, string>> = {
  bound_dev_if: '__sk_common.skc_bound_dev_if',
  family: '__sk_common.skc_family',
  type: 'sk_type',
  protocol: 'sk_protocol',
  mark: 'sk_mark',
  priority: 'sk_priority',
  src_port: '__sk_common.skc_num',
  dst_port: '__sk_common.skc_dport',
  state: '__sk_common.skc_state',
  rx_queue_mapping: '__sk_common.skc_rx_queue_mapping',
};

export function fillSocketView(world: World, socket: number, view: number): void {
  for (const [name, path] of Object.entries(BPF_SOCK_FIELDS))
    world.set(view, 'bpf_sock', name, world.get(socket, 'sock', path));
  const { memory, layouts } = world.kernel;
  const sock = layouts.struct('sock');
  const face = layouts.struct('bpf_sock');
  const copy = (to: string, from: string, size: number): void => {
    writeBytes(
      memory,
      view + face.offset(to),
      memory.bytes.slice(socket + sock.offset(from), socket + sock.offset(from) + size),
    );
  };
  if (world.get(socket, 'sock', '__sk_common.skc_family') === BigInt(AF_INET6)) {
    copy('src_ip6', '__sk_common.skc_v6_rcv_saddr', 16);
    copy('dst_ip6', '__sk_common.skc_v6_daddr', 16);
  } else {
    copy('src_ip4', '__sk_common.skc_rcv_saddr', 4);
    copy('dst_ip4', '__sk_common.skc_daddr', 4);
  }
}

function fillTcpView(world: World, socket: number, view: number): void {
  const face = world.kernel.layouts.struct('bpf_tcp_sock');
  const btf = world.kernel.btf;
  for (const member of btf.members(face.typeId)) {
    world.set(view, 'bpf_tcp_sock', member.name, world.get(socket, 'tcp_sock', member.name));
  }
}

/** A socket of the scenario by addresses in network order, as bpf_sk_lookup_tcp finds it: established ones before listeners. */
export function findSocket(
  world: World,
  protocol: 'tcp' | 'udp',
  tuple: {
    readonly source: Uint8Array;
    readonly sourcePort: number;
    readonly destination: Uint8Array;
    readonly destinationPort: number;
  },
): number {
  let listener = 0;
  for (const scenario of world.kernel.scenario.sockets ?? []) {
    if (scenario.protocol !== protocol || scenario.localPort !== tuple.destinationPort) continue;
    const local = parseAddress(scenario.local);
    const any = local.every((byte) => byte === 0);
    if (!any && !sameBytes(local, tuple.destination)) continue;
    if (scenario.remote === undefined) {
      if (listener === 0) listener = world.find(`socket:${scenario.name}`);
    } else if (scenario.remotePort === tuple.sourcePort && sameBytes(parseAddress(scenario.remote), tuple.source)) {
      return world.find(`socket:${scenario.name}`);
    }
  }
  return listener;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >> 8) & 0xff);
}

/** `192.0.2.1` or `2001:db8::1` as bytes in network order. What is no address reads as zeros. */
export function parseAddress(text: string): Uint8Array {
  if (!text.includes(':')) {
    const bytes = new Uint8Array(4);
    text.split('.').forEach((part, i) => {
      if (i < 4) bytes[i] = Number(part) & 0xff;
    });
    return bytes;
  }
  const bytes = new Uint8Array(16);
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const put = (groups: readonly string[], at: number): void => {
    groups.forEach((group, i) => {
      const word = Number.parseInt(group, 16) || 0;
      if (at + 2 * i + 1 < 16 && at + 2 * i >= 0) bytes.set([word >> 8, word & 0xff], at + 2 * i);
    });
  };
  put(left, 0);
  put(right, 16 - 2 * right.length);
  return bytes;
}
