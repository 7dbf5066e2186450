/** Helpers and kernel functions after which packet pointers are no longer good. */
import type { Env } from '../context.ts';
import { forEachRegister, markRegInvalid } from '../state/registers.ts';
import { TYPE } from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  DYNPTR_TYPE_SKB,
  DYNPTR_TYPE_SKB_META,
  DYNPTR_TYPE_XDP,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
} from '../state/types.ts';

const HELPERS: ReadonlySet<string> = new Set(
  `clone_redirect l3_csum_replace l4_csum_replace lwt_push_encap lwt_seg6_action lwt_seg6_adjust_srh lwt_seg6_store_bytes msg_pop_data
  msg_pull_data msg_push_data skb_adjust_room skb_change_head skb_change_proto skb_change_tail skb_pull_data skb_store_bytes skb_vlan_pop
  skb_vlan_push store_hdr_opt xdp_adjust_head xdp_adjust_meta xdp_adjust_tail tail_call`.split(/\s+/),
);

/** Whether a helper may move or change the packet. */
export function helperChangesPacket(name: string): boolean {
  return HELPERS.has(name);
}

export function kfuncChangesPacket(name: string): boolean {
  return name === 'bpf_xdp_pull_data';
}

const PACKET_SLICE = DYNPTR_TYPE_SKB | DYNPTR_TYPE_XDP | DYNPTR_TYPE_SKB_META;

/** The packet may have moved: pointers into it, and slices of dynptrs over it, are useless. */
export function clearAllPacketPointers(env: Env): void {
  forEachRegister(env.state, (frame, base) => {
    const type = frame.w[base + TYPE]!;
    const kind = type & BASE_TYPE_MASK;
    if (
      kind === PTR_TO_PACKET ||
      kind === PTR_TO_PACKET_META ||
      kind === PTR_TO_PACKET_END ||
      (kind === PTR_TO_MEM && (type & PACKET_SLICE) !== 0)
    ) {
      markRegInvalid(env, frame.w, base);
    }
  });
}
