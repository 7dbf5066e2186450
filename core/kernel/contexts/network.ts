/** Contexts of programs on sockets, cgroups and events: UAPI structs whose fields a program reads and some of which it writes. */
import type { Program } from '../../object/program.ts';
import { utf8, writeBytes } from '../bytes.ts';
import type { Kernel } from '../kernel.ts';
import { defaultSocket, fillSocketView, parseAddress, socketView, swap16 } from '../objects/network.ts';
import type { ContextScenario } from '../scenario.ts';
import { hexBytes, integer } from '../scenario.ts';
import type { CurrentContext } from './context.ts';
import { Packets } from './packet.ts';
import { contextOf, makeRegion, setRegion, setScenarioFields } from './packets.ts';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;

export function buildNetwork(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const context = build(kernel, program, scenario);
  if (context.struct !== '') setScenarioFields(kernel, context.offset, context.struct, scenario);
  return context;
}

function socketOf(kernel: Kernel, scenario: ContextScenario): number {
  return scenario.socket === undefined
    ? defaultSocket(kernel.world)
    : (kernel.memory.offset(kernel.world.reference(`socket:${scenario.socket}`)) ?? 0);
}

function build(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  switch (program.type) {
    case 'cgroup_sock': {
      const socket = socketOf(kernel, scenario);
      const region = makeRegion(kernel, 'bpf_sock');
      fillSocketView(kernel.world, socket, region);
      return contextOf(program, { offset: region, struct: 'bpf_sock', object: socket });
    }
    case 'cgroup_sock_addr':
      return socketAddress(kernel, program, scenario);
    case 'sock_ops':
      return socketOperations(kernel, program, scenario);
    case 'sk_msg':
      return message(kernel, program, scenario);
    case 'sk_reuseport':
      return reuseport(kernel, program, scenario);
    case 'sk_lookup':
      return socketLookup(kernel, program, scenario);
    case 'cgroup_device': {
      const region = makeRegion(kernel, 'bpf_cgroup_dev_ctx');
      return contextOf(program, { offset: region, struct: 'bpf_cgroup_dev_ctx' });
    }
    case 'cgroup_sysctl': {
      const region = makeRegion(kernel, 'bpf_sysctl');
      setRegion(kernel, region, 'bpf_sysctl', 'write', scenario.sysctl?.write === true ? 1 : 0);
      setRegion(kernel, region, 'bpf_sysctl', 'file_pos', scenario.sysctl?.position ?? 0);
      return contextOf(program, { offset: region, struct: 'bpf_sysctl' });
    }
    case 'cgroup_sockopt':
      return socketOption(kernel, program, scenario);
    case 'netfilter': {
      const hook = kernel.world.make('nf_hook_state', '');
      kernel.world.set(hook, 'nf_hook_state', 'pf', 2);
      kernel.world.point(hook, 'nf_hook_state', 'in', kernel.world.find(`device:${scenario.packet?.ifindex ?? 1}`));
      const skb = new Packets(kernel).makeSkb(scenario.packet ?? {}, true);
      const region = kernel.memory.allocate(16, { access: 'ro', label: 'struct bpf_nf_ctx' });
      kernel.memory.writeU64(region, kernel.memory.pointer(hook));
      kernel.memory.writeU64(region + 8, kernel.memory.pointer(skb));
      return contextOf(program, { offset: region });
    }
    case 'perf_event': {
      const region = makeRegion(kernel, 'bpf_perf_event_data');
      setRegion(kernel, region, 'bpf_perf_event_data', 'sample_period', 1);
      for (const [name, value] of Object.entries(scenario.regs ?? {})) {
        setRegion(kernel, region, 'bpf_perf_event_data', `regs.${name}`, integer(value));
      }
      return contextOf(program, { offset: region, struct: 'bpf_perf_event_data' });
    }
    default: {
      // lirc_mode2: one 32-bit sample.
      const region = kernel.memory.allocate(4, { access: 'ro', label: 'sample' });
      return contextOf(program, { offset: region });
    }
  }
}

function socketAddress(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const region = makeRegion(kernel, 'bpf_sock_addr');
  const set = (name: string, value: bigint | number): void => setRegion(kernel, region, 'bpf_sock_addr', name, value);
  const attach = program.attachType ?? '';
  const address = scenario.address ?? {};
  const v6 =
    address.family === undefined ? attach.includes('inet6') || attach.includes('udp6') : address.family === 'inet6';
  const family = address.family === 'unix' || attach.includes('unix') ? AF_UNIX : v6 ? AF_INET6 : AF_INET;
  set('user_family', family);
  set('family', family);
  set('type', attach.includes('udp') ? 2 : SOCK_STREAM);
  set('protocol', attach.includes('udp') ? 17 : IPPROTO_TCP);
  set('user_port', swap16(address.port ?? 80));
  const layout = kernel.layouts.struct('bpf_sock_addr');
  const put = (name: string, text: string): void =>
    writeBytes(kernel.memory, region + layout.offset(name), parseAddress(text));
  if (v6) put('user_ip6', address.address ?? '2001:db8::2');
  else if (family === AF_INET) put('user_ip4', address.address ?? '192.0.2.2');
  if (address.source !== undefined) put(v6 ? 'msg_src_ip6' : 'msg_src_ip4', address.source);
  const socket = socketOf(kernel, scenario);
  set('sk', kernel.memory.pointer(socketView(kernel.world, socket)));
  return contextOf(program, { offset: region, struct: 'bpf_sock_addr', object: socket });
}

function socketOperations(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const region = makeRegion(kernel, 'bpf_sock_ops');
  const socket = socketOf(kernel, scenario);
  const view = socketView(kernel.world, socket);
  const set = (name: string, value: bigint | number): void => setRegion(kernel, region, 'bpf_sock_ops', name, value);
  const copy = (to: string, from: string): void => set(to, kernel.world.get(view, 'bpf_sock', from));
  copy('family', 'family');
  copy('remote_ip4', 'dst_ip4');
  copy('local_ip4', 'src_ip4');
  copy('local_port', 'src_port');
  copy('state', 'state');
  // Here, unlike elsewhere, the remote port is in the upper half of the field.
  set('remote_port', Number(kernel.world.get(view, 'bpf_sock', 'dst_port')) << 16);
  set('is_fullsock', 1);
  set('sk', kernel.memory.pointer(view));
  return contextOf(program, { offset: region, struct: 'bpf_sock_ops', object: socket });
}

function message(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const region = makeRegion(kernel, 'sk_msg_md');
  const bytes = hexBytes(scenario.packet?.data ?? scenario.bytes ?? '');
  const data = kernel.memory.allocate(Math.max(bytes.length, 1), { label: 'message' });
  writeBytes(kernel.memory, data, bytes);
  const socket = socketOf(kernel, scenario);
  const view = socketView(kernel.world, socket);
  const set = (name: string, value: bigint | number): void => setRegion(kernel, region, 'sk_msg_md', name, value);
  set('data', kernel.memory.pointer(data));
  set('data_end', kernel.memory.pointer(data + bytes.length));
  set('size', bytes.length);
  for (const [to, from] of [
    ['family', 'family'],
    ['remote_ip4', 'dst_ip4'],
    ['local_ip4', 'src_ip4'],
    ['remote_port', 'dst_port'],
    ['local_port', 'src_port'],
  ] as const) {
    set(to, kernel.world.get(view, 'bpf_sock', from));
  }
  set('sk', kernel.memory.pointer(view));
  return contextOf(program, { offset: region, struct: 'sk_msg_md', object: socket, extra: data });
}

function reuseport(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const region = makeRegion(kernel, 'sk_reuseport_md');
  const skb = new Packets(kernel).makeSkb(scenario.packet ?? {}, true);
  const packets = new Packets(kernel);
  const socket = socketOf(kernel, scenario);
  const set = (name: string, value: bigint | number): void => setRegion(kernel, region, 'sk_reuseport_md', name, value);
  set('data', kernel.memory.pointer(packets.data(skb)));
  set('data_end', kernel.memory.pointer(packets.end(skb)));
  set('len', packets.length(skb));
  set('eth_protocol', kernel.world.get(skb, 'sk_buff', 'protocol'));
  set('ip_protocol', kernel.memory.readU8(packets.data(skb) + 9));
  set('hash', scenario.packet?.hash ?? 0);
  set('sk', kernel.memory.pointer(socketView(kernel.world, socket)));
  return contextOf(program, { offset: region, struct: 'sk_reuseport_md', object: socket, extra: skb });
}

function socketLookup(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const region = makeRegion(kernel, 'bpf_sk_lookup');
  const set = (name: string, value: bigint | number): void => setRegion(kernel, region, 'bpf_sk_lookup', name, value);
  const layout = kernel.layouts.struct('bpf_sk_lookup');
  const put = (name: string, text: string): void =>
    writeBytes(kernel.memory, region + layout.offset(name), parseAddress(text));
  set('family', AF_INET);
  set('protocol', IPPROTO_TCP);
  put('remote_ip4', scenario.address?.source ?? '192.0.2.1');
  put('local_ip4', scenario.address?.address ?? '192.0.2.2');
  set('remote_port', swap16(1234));
  set('local_port', scenario.address?.port ?? 80);
  set('ingress_ifindex', scenario.packet?.ingressIfindex ?? 1);
  return contextOf(program, { offset: region, struct: 'bpf_sk_lookup' });
}

function socketOption(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const region = makeRegion(kernel, 'bpf_sockopt');
  const option = scenario.sockopt ?? {};
  const value = hexBytes(option.value ?? '00000000');
  const data = kernel.memory.allocate(Math.max(value.length, 1), { label: 'option value' });
  writeBytes(kernel.memory, data, value);
  const set = (name: string, number: bigint | number): void => setRegion(kernel, region, 'bpf_sockopt', name, number);
  set('level', option.level ?? 1);
  set('optname', option.name ?? 0);
  set('optlen', value.length);
  set('retval', BigInt.asUintN(32, BigInt(option.ret ?? 0)));
  set('optval', kernel.memory.pointer(data));
  set('optval_end', kernel.memory.pointer(data + value.length));
  const socket = socketOf(kernel, scenario);
  set('sk', kernel.memory.pointer(socketView(kernel.world, socket)));
  return contextOf(program, { offset: region, struct: 'bpf_sockopt', object: socket, extra: data });
}

/** Fields of struct bpf_sock that a program may write, to the field of struct sock. */
const SOCK_WRITES: Readonly<Record<string, string>> = {
  bound_dev_if: '__sk_common.skc_bound_dev_if',
  mark: 'sk_mark',
  priority: 'sk_priority',
};

/** A program stored to a field: the socket follows. */
export function networkStored(kernel: Kernel, current: CurrentContext, name: string, value: bigint): void {
  if (current.struct !== 'bpf_sock') return;
  const path = Object.hasOwn(SOCK_WRITES, name) ? SOCK_WRITES[name] : undefined;
  if (path !== undefined) kernel.world.set(current.object, 'sock', path, value);
}

/** The name of the sysctl (without `full`, its last part), its current and new values, for the helpers. */
export function sysctlText(
  scenario: ContextScenario,
  what: 'name' | 'full' | 'value' | 'newValue',
): Uint8Array | undefined {
  const name = scenario.sysctl?.name ?? 'net/ipv4/ip_forward';
  switch (what) {
    case 'full':
      return utf8(name);
    case 'name':
      return utf8(name.slice(name.lastIndexOf('/') + 1));
    case 'value':
      return utf8(scenario.sysctl?.value ?? '0\n');
    case 'newValue':
      return scenario.sysctl?.newValue === undefined ? undefined : utf8(scenario.sysctl.newValue);
  }
}
