/** Names of return values, where the program's type gives them some. */
import type { Program, ProgramTypeName } from '../object/program.ts';

const TC: Readonly<Record<number, string>> = {
  [-1]: 'TC_ACT_UNSPEC',
  0: 'TC_ACT_OK',
  1: 'TC_ACT_RECLASSIFY',
  2: 'TC_ACT_SHOT',
  3: 'TC_ACT_PIPE',
  4: 'TC_ACT_STOLEN',
  5: 'TC_ACT_QUEUED',
  6: 'TC_ACT_REPEAT',
  7: 'TC_ACT_REDIRECT',
  8: 'TC_ACT_TRAP',
};

/** `enum xdp_action`, `TC_ACT_*`, `enum sk_action` and `enum bpf_ret_code` of include/uapi/linux. */
const NAMES: Readonly<Partial<Record<ProgramTypeName, Readonly<Record<number, string>>>>> = {
  xdp: { 0: 'XDP_ABORTED', 1: 'XDP_DROP', 2: 'XDP_PASS', 3: 'XDP_TX', 4: 'XDP_REDIRECT' },
  sched_cls: TC,
  sched_act: TC,
  sk_skb: { 0: 'SK_DROP', 1: 'SK_PASS' },
  sk_msg: { 0: 'SK_DROP', 1: 'SK_PASS' },
  sk_reuseport: { 0: 'SK_DROP', 1: 'SK_PASS' },
  sk_lookup: { 0: 'SK_DROP', 1: 'SK_PASS' },
  lwt_in: { 0: 'BPF_OK', 2: 'BPF_DROP', 7: 'BPF_REDIRECT', 128: 'BPF_LWT_REROUTE' },
  lwt_out: { 0: 'BPF_OK', 2: 'BPF_DROP', 7: 'BPF_REDIRECT', 128: 'BPF_LWT_REROUTE' },
  lwt_xmit: { 0: 'BPF_OK', 2: 'BPF_DROP', 7: 'BPF_REDIRECT', 128: 'BPF_LWT_REROUTE' },
  netfilter: { 0: 'NF_DROP', 1: 'NF_ACCEPT' },
  flow_dissector: { 0: 'BPF_OK', 2: 'BPF_DROP', 129: 'BPF_FLOW_DISSECTOR_CONTINUE' },
};

/** `XDP_DROP` for 1 of an XDP program. */
export function returnName({ type }: Pick<Program, 'type'>, value: number): string | undefined {
  return NAMES[type]?.[value];
}

/** 1 for `XDP_DROP` of an XDP program: its header has the name, and the types of the kernel often lack it. */
export function returnValue({ type }: Pick<Program, 'type'>, name: string): number | undefined {
  const found = Object.entries(NAMES[type] ?? {}).find(([, candidate]) => candidate === name);
  return found === undefined ? undefined : Number(found[0]);
}
