/**
 * Packets: one buffer with room before and behind, and the struct (sk_buff or xdp_buff) that says which part of it is
 * the packet. Programs may touch the packet (and its metadata) only; the room around it opens when they ask for it.
 */
import { equalBytes, fillBytes, writeBytes } from '../bytes.ts';
import { EINVAL, ENOMEM } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { swap16 } from '../objects/network.ts';
import type { PacketScenario } from '../scenario.ts';
import { defaultPacket, hexBytes } from '../scenario.ts';

/** Room before an XDP frame (XDP_PACKET_HEADROOM), of which the kernel keeps 40 bytes for itself (struct xdp_frame). */
export const HEADROOM = 256;
const FRAME_RESERVED = 40;
/** Behind the packet: room to grow, and struct skb_shared_info. */
const TAILROOM = 128;
const SHARED_INFO = 320;
/** A frame lies in a page of its own. */
const PAGE = 4096;
const ETH_HEADER = 14;
const ETH_P_802_3_MIN = 0x600;
const ETH_P_802_3 = 1;
const ETH_P_802_2 = 4;
/** Metadata is at most so long, in steps of 4. */
const MAX_META = 252;

export type PacketKind = 'skb' | 'xdp';

export class Packets {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  kind(object: number): PacketKind {
    return this.#kernel.world.at(object)?.struct === 'xdp_buff' ? 'xdp' : 'skb';
  }

  // ---- building -------------------------------------------------------------------------------------------------------

  #buffer(
    packet: PacketScenario,
    wholePage: boolean,
  ): {
    readonly head: number;
    readonly data: number;
    readonly length: number;
    readonly meta: number;
    readonly size: number;
  } {
    const { memory } = this.#kernel;
    const bytes = hexBytes(packet.data ?? defaultPacket);
    const meta = packet.meta === undefined ? new Uint8Array() : hexBytes(packet.meta).subarray(0, MAX_META);
    const least = (HEADROOM + bytes.length + TAILROOM + SHARED_INFO + 7) & ~7;
    const size = wholePage ? Math.max(PAGE, least) : least;
    const head = memory.allocate(size, { access: 'none', label: 'packet' });
    memory.protect(head + size - SHARED_INFO, SHARED_INFO, 'ro');
    writeBytes(memory, head + HEADROOM, bytes);
    writeBytes(memory, head + HEADROOM - meta.length, meta);
    return { head, data: head + HEADROOM, length: bytes.length, meta: meta.length, size };
  }

  makeXdp(packet: PacketScenario): number {
    const { world, memory } = this.#kernel;
    const buffer = this.#buffer(packet, true);
    const xdp = world.make('xdp_buff', '', { temporary: true });
    const point = (field: string, to: number): void => world.set(xdp, 'xdp_buff', field, memory.pointer(to));
    point('data_hard_start', buffer.head);
    point('data', buffer.data);
    point('data_end', buffer.data + buffer.length);
    point('data_meta', buffer.data - buffer.meta);
    world.set(xdp, 'xdp_buff', 'frame_sz', buffer.size);
    const queue = world.make('xdp_rxq_info', '');
    world.point(queue, 'xdp_rxq_info', 'dev', world.find(`device:${packet.ifindex ?? packet.ingressIfindex ?? 1}`));
    world.set(queue, 'xdp_rxq_info', 'queue_index', packet.rxQueue ?? 0);
    world.point(xdp, 'xdp_buff', 'rxq', queue);
    this.#open(xdp);
    return xdp;
  }

  /** `fromNetwork`: the packet begins behind the Ethernet header, as protocols above it see it. */
  makeSkb(packet: PacketScenario, fromNetwork: boolean): number {
    const { world, memory } = this.#kernel;
    const buffer = this.#buffer(packet, false);
    const skb = world.make('sk_buff', '', { temporary: true });
    const set = (field: string, value: bigint | number): void => world.set(skb, 'sk_buff', field, value);
    const pulled = fromNetwork ? Math.min(ETH_HEADER, buffer.length) : 0;
    set('head', memory.pointer(buffer.head));
    set('data', memory.pointer(buffer.data + pulled));
    set('len', buffer.length - pulled);
    set('tail', HEADROOM + buffer.length);
    set('end', buffer.size - SHARED_INFO);
    set('truesize', buffer.size);
    set('mac_header', HEADROOM);
    set('mac_len', ETH_HEADER);
    set('network_header', HEADROOM + ETH_HEADER);
    set('transport_header', HEADROOM + ETH_HEADER + 20);
    set('users.refs.counter', 1);
    world.point(skb, 'sk_buff', 'dev', world.find(`device:${packet.ifindex ?? 1}`));
    set('protocol', buffer.length >= ETH_HEADER ? this.#protocol(buffer.data) : 0);
    set('pkt_type', packet.pktType ?? this.#packetType(buffer.data, packet.ifindex ?? 1));
    set('skb_iif', packet.ingressIfindex ?? 0);
    set('mark', packet.mark ?? 0);
    set('priority', packet.priority ?? 0);
    set('hash', packet.hash ?? 0);
    set('queue_mapping', packet.queueMapping ?? 0);
    set('tc_index', packet.tcIndex ?? 0);
    if (packet.vlanTci !== undefined) {
      set('vlan_tci', packet.vlanTci);
      set('vlan_proto', 0x0081);
      set('vlan_all', packet.vlanTci | 0x00810000);
    }
    if (packet.socket !== undefined) world.point(skb, 'sk_buff', 'sk', world.find(`socket:${packet.socket}`));
    this.#setSkbMeta(skb, buffer.data - buffer.meta);
    if (packet.fields !== undefined) world.setFields(skb, 'sk_buff', packet.fields);
    this.#open(skb);
    return skb;
  }

  /** The type of a frame in network order; one below 0x600 is a length, and the frame of the 802 kind (kernel: eth_type_trans). */
  #protocol(frame: number): number {
    const { memory } = this.#kernel;
    const type = memory.readU16(frame + 12);
    if (swap16(type) >= ETH_P_802_3_MIN) return type;
    return swap16(memory.readU16(frame + ETH_HEADER) === 0xffff ? ETH_P_802_3 : ETH_P_802_2);
  }

  /** For this host, broadcast, multicast, or for another host. */
  #packetType(frame: number, ifindex: number): number {
    const { memory, world } = this.#kernel;
    const device = world.find(`device:${ifindex}`);
    const address = device === 0 ? undefined : memory.offset(world.get(device, 'net_device', 'dev_addr'));
    if (address === undefined || equalBytes(memory, frame, address, 6)) return 0;
    if ((memory.readU8(frame) & 1) === 0) return 3;
    return memory.bytes.subarray(frame, frame + 6).every((byte) => byte === 0xff) ? 1 : 2;
  }

  // ---- where it lies --------------------------------------------------------------------------------------------------

  data(object: number): number {
    return this.#pointer(object, 'data');
  }

  length(object: number): number {
    if (this.kind(object) === 'skb') return Number(this.#kernel.world.get(object, 'sk_buff', 'len'));
    return this.#pointer(object, 'data_end') - this.data(object);
  }

  end(object: number): number {
    return this.data(object) + this.length(object);
  }

  meta(object: number): number {
    return this.kind(object) === 'xdp' ? this.#pointer(object, 'data_meta') : this.#skbMeta(object);
  }

  #pointer(object: number, field: string): number {
    const struct = this.kind(object) === 'xdp' ? 'xdp_buff' : 'sk_buff';
    return this.#kernel.memory.offset(this.#kernel.world.get(object, struct, field)) ?? 0;
  }

  #head(object: number): number {
    return this.#pointer(object, this.kind(object) === 'xdp' ? 'data_hard_start' : 'head');
  }

  /** Up to where it may grow. */
  #room(object: number): number {
    const { world } = this.#kernel;
    if (this.kind(object) === 'skb') return Number(world.get(object, 'sk_buff', 'end'));
    return Number(world.get(object, 'xdp_buff', 'frame_sz')) - SHARED_INFO;
  }

  /** Where the kernel itself keeps it: struct bpf_skb_data_end in the control block. */
  #metaPlace(skb: number): number {
    const { layouts } = this.#kernel;
    const within = layouts.find('bpf_skb_data_end')?.find('data_meta')?.offset ?? 32;
    return skb + layouts.struct('sk_buff').offset('cb') + within;
  }

  #skbMeta(skb: number): number {
    return this.#kernel.memory.offset(this.#kernel.memory.readU64(this.#metaPlace(skb))) ?? 0;
  }

  #setSkbMeta(skb: number, meta: number): void {
    this.#kernel.memory.writeU64(this.#metaPlace(skb), this.#kernel.memory.pointer(meta));
  }

  // ---- changing -------------------------------------------------------------------------------------------------------

  /** Moves the start by `delta` (negative: into the headroom). 0 or a negative errno. */
  adjustHead(object: number, delta: number): number {
    const kernel = this.#kernel;
    const data = this.data(object);
    const moved = data + delta;
    const xdp = this.kind(object) === 'xdp';
    const limit = this.#head(object) + (xdp ? FRAME_RESERVED : 0) + (xdp ? data - this.meta(object) : 0);
    if (moved < limit || moved > this.end(object) - ETH_HEADER) return -EINVAL;
    const end = this.end(object);
    const meta = this.meta(object);
    this.#close(object);
    if (xdp) {
      if (meta < data) {
        kernel.memory.bytes.copyWithin(meta + delta, meta, data);
        kernel.memory.touch(meta + delta, data - meta);
      }
      kernel.world.set(object, 'xdp_buff', 'data_meta', kernel.memory.pointer(meta + delta));
      kernel.world.set(object, 'xdp_buff', 'data', kernel.memory.pointer(moved));
    } else {
      kernel.world.set(object, 'sk_buff', 'data', kernel.memory.pointer(moved));
      kernel.world.set(object, 'sk_buff', 'len', end - moved);
      this.#setSkbMeta(object, moved);
    }
    if (delta < 0 && !xdp) fillBytes(kernel.memory, moved, -delta, 0);
    this.#open(object);
    return 0;
  }

  /** Moves the end by `delta`; new bytes are zero. */
  adjustTail(object: number, delta: number): number {
    const kernel = this.#kernel;
    const end = this.end(object);
    const moved = end + delta;
    if (moved > this.#head(object) + this.#room(object)) return -EINVAL;
    if (moved < this.data(object) + ETH_HEADER) return -EINVAL;
    this.#close(object);
    if (delta > 0) fillBytes(kernel.memory, end, delta, 0);
    if (this.kind(object) === 'xdp') kernel.world.set(object, 'xdp_buff', 'data_end', kernel.memory.pointer(moved));
    else {
      kernel.world.set(object, 'sk_buff', 'len', moved - this.data(object));
      kernel.world.set(object, 'sk_buff', 'tail', moved - this.#head(object));
    }
    this.#open(object);
    return 0;
  }

  /** Moves the start of the metadata by `delta`. */
  adjustMeta(xdp: number, delta: number): number {
    const kernel = this.#kernel;
    const data = this.data(xdp);
    const moved = this.meta(xdp) + delta;
    const length = data - moved;
    if (length < 0 || length > MAX_META || (length & 3) !== 0 || moved < this.#head(xdp) + FRAME_RESERVED)
      return -EINVAL;
    this.#close(xdp);
    kernel.world.set(xdp, 'xdp_buff', 'data_meta', kernel.memory.pointer(moved));
    this.#open(xdp);
    return 0;
  }

  /** Makes room for (or removes) `delta` bytes at an offset from the start; what lies before stays before. */
  resizeAt(skb: number, at: number, delta: number): number {
    const kernel = this.#kernel;
    const data = this.data(skb);
    if (at > this.length(skb) || (delta < 0 && at - delta > this.length(skb))) return -EINVAL;
    if (data - delta < this.#head(skb)) return -ENOMEM;
    const before = kernel.memory.bytes.slice(data, data + at);
    const result = this.adjustHead(skb, -delta);
    if (result !== 0) return result;
    writeBytes(kernel.memory, data - delta, before);
    if (delta > 0) fillBytes(kernel.memory, data - delta + at, delta, 0);
    return 0;
  }

  #open(object: number): void {
    const start = Math.min(this.meta(object), this.data(object));
    // Shadow memory speaks in units of 8 bytes from their start: what lies before the packet in its first unit opens with it.
    const aligned = start & ~7;
    this.#kernel.memory.protect(aligned, this.end(object) - aligned, 'rw');
  }

  #close(object: number): void {
    const start = Math.min(this.meta(object), this.data(object)) & ~7;
    this.#kernel.memory.protect(start, ((this.end(object) + 7) & ~7) - start, 'none');
  }
}
