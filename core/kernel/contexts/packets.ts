/** Contexts of programs on packets: struct xdp_md over an xdp_buff, struct __sk_buff over a sk_buff. */
import type { Program } from '../../object/program.ts';
import type { Kernel } from '../kernel.ts';
import { writeInteger } from '../layout.ts';
import { defaultSocket, fillSocketView, socketView } from '../objects/network.ts';
import type { ContextScenario } from '../scenario.ts';
import { integer } from '../scenario.ts';
import type { CurrentContext } from './context.ts';
import { Packets } from './packet.ts';

/** A trapped region of a UAPI struct. */
export function makeRegion(kernel: Kernel, struct: string, extra = 0): number {
  return kernel.memory.allocate(kernel.layouts.struct(struct).size + extra, {
    access: 'trap',
    label: `struct ${struct}`,
  });
}

export function setRegion(kernel: Kernel, region: number, struct: string, name: string, value: bigint | number): void {
  const field = kernel.layouts.struct(struct).find(name);
  if (field !== undefined) writeInteger(kernel.memory, region + field.offset, Math.min(field.size, 8), BigInt(value));
}

/** What the scenario says about the fields of the UAPI struct itself. */
export function setScenarioFields(kernel: Kernel, region: number, struct: string, scenario: ContextScenario): void {
  for (const [name, value] of Object.entries(scenario.fields ?? {}))
    setRegion(kernel, region, struct, name, integer(value));
}

export function contextOf(
  program: Program,
  parts: Partial<CurrentContext> & { readonly offset: number },
): CurrentContext {
  return {
    struct: '',
    object: 0,
    extra: 0,
    arguments: 0,
    hasResult: false,
    type: program.type,
    target: program.attachTarget ?? '',
    attach: program.attachType ?? '',
    ...parts,
  };
}

export function buildXdp(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const packet = scenario.packet ?? {};
  const xdp = new Packets(kernel).makeXdp(packet);
  const region = makeRegion(kernel, 'xdp_md');
  const set = (name: string, value: number): void => setRegion(kernel, region, 'xdp_md', name, value);
  set('ingress_ifindex', packet.ingressIfindex ?? packet.ifindex ?? 1);
  set('rx_queue_index', packet.rxQueue ?? 0);
  set('egress_ifindex', packet.ifindex ?? 0);
  setScenarioFields(kernel, region, 'xdp_md', scenario);
  return contextOf(program, { offset: region, struct: 'xdp_md', object: xdp });
}

/** Field of __sk_buff to the field of sk_buff that holds it. */
const SKB_FIELDS: Readonly<Record<string, string>> = {
  pkt_type: 'pkt_type',
  mark: 'mark',
  queue_mapping: 'queue_mapping',
  protocol: 'protocol',
  vlan_tci: 'vlan_tci',
  vlan_proto: 'vlan_proto',
  priority: 'priority',
  ingress_ifindex: 'skb_iif',
  tc_index: 'tc_index',
  hash: 'hash',
  tstamp: 'tstamp',
};

/** Of these types the packet begins with the Ethernet header; the others see it from the network header on. */
const LINK_LAYER: readonly Program['type'][] = ['sched_cls', 'sched_act', 'ext', 'flow_dissector', 'sk_skb'];

export function buildSkb(kernel: Kernel, program: Program, scenario: ContextScenario): CurrentContext {
  const packet = scenario.packet ?? {};
  const packets = new Packets(kernel);
  const skb = packets.makeSkb(packet, !LINK_LAYER.includes(program.type));
  const region = makeRegion(kernel, '__sk_buff');
  const { world, memory } = kernel;
  if (world.get(skb, 'sk_buff', 'sk') === 0n && program.type === 'cgroup_skb')
    world.point(skb, 'sk_buff', 'sk', defaultSocket(world));
  refreshSkb(kernel, region, skb);
  const set = (name: string, value: bigint | number): void => setRegion(kernel, region, '__sk_buff', name, value);
  set('ifindex', packet.ifindex ?? 1);
  set('wire_len', packets.length(skb));
  set('gso_segs', 0);
  if (program.type === 'flow_dissector') set('flow_keys', memory.pointer(makeFlowKeys(kernel, skb)));
  setScenarioFields(kernel, region, '__sk_buff', scenario);
  return contextOf(program, { offset: region, struct: '__sk_buff', object: skb });
}

/** Copies what sk_buff says into the context, after something changed it. */
export function refreshSkb(kernel: Kernel, region: number, skb: number): void {
  const { world } = kernel;
  for (const [name, path] of Object.entries(SKB_FIELDS))
    setRegion(kernel, region, '__sk_buff', name, world.get(skb, 'sk_buff', path));
  setRegion(kernel, region, '__sk_buff', 'vlan_present', world.get(skb, 'sk_buff', 'vlan_all') === 0n ? 0 : 1);
  const socket = kernel.memory.offset(world.get(skb, 'sk_buff', 'sk'));
  if (socket === undefined) return;
  const view = socketView(world, socket);
  setRegion(kernel, region, '__sk_buff', 'sk', kernel.memory.pointer(view));
  copySocket(kernel, region, view);
}

/** family to local_port: the socket's addresses, remote and local. */
function copySocket(kernel: Kernel, region: number, view: number): void {
  const { world } = kernel;
  fillSocketView(world, world.at(view)?.offset ?? view, view);
  const pairs: readonly (readonly [string, string])[] = [
    ['family', 'family'],
    ['remote_ip4', 'dst_ip4'],
    ['local_ip4', 'src_ip4'],
    ['remote_port', 'dst_port'],
    ['local_port', 'src_port'],
  ];
  for (const [to, from] of pairs) setRegion(kernel, region, '__sk_buff', to, world.get(view, 'bpf_sock', from));
}

/** A program stored to a field: the sk_buff follows. */
export function skbStored(kernel: Kernel, current: CurrentContext, name: string, value: bigint): void {
  const path = Object.hasOwn(SKB_FIELDS, name) ? SKB_FIELDS[name] : undefined;
  if (path !== undefined) kernel.world.set(current.object, 'sk_buff', path, value);
}

/** struct bpf_flow_keys, filled with what is known before the dissection begins. */
function makeFlowKeys(kernel: Kernel, skb: number): number {
  const keys = kernel.memory.allocate(kernel.layouts.struct('bpf_flow_keys').size, { label: 'struct bpf_flow_keys' });
  const set = (name: string, value: bigint | number): void => kernel.world.set(keys, 'bpf_flow_keys', name, value);
  set('nhoff', 14);
  set('thoff', 14);
  set('n_proto', kernel.world.get(skb, 'sk_buff', 'protocol'));
  return keys;
}
