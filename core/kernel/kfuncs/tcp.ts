/** kfuncs that congestion control algorithms of struct_ops call: slow start, additive increase, and Reno (net/ipv4/tcp_cong.c). */
import type { Behaviour, Call } from '../behaviour.ts';
import { arg, u32 } from '../helpers/arguments.ts';

function get(call: Call, field: string): number {
  return Number(call.kernel.world.get(call.kernel.offset(arg(call, 0)), 'tcp_sock', field));
}

function set(call: Call, field: string, value: number): void {
  call.kernel.world.set(call.kernel.offset(arg(call, 0)), 'tcp_sock', field, value >>> 0);
}

/** Grows the window by what was acknowledged, up to the threshold; returns the acknowledgements that were left over. */
function slowStart(call: Call, acked: number): number {
  const window = get(call, 'snd_cwnd');
  const grown = Math.min(window + acked, get(call, 'snd_ssthresh'));
  set(call, 'snd_cwnd', Math.min(grown, get(call, 'snd_cwnd_clamp')));
  return acked - (grown - window);
}

/** One more segment for every `rate` acknowledged. */
function additiveIncrease(call: Call, rate: number, acked: number): void {
  let count = get(call, 'snd_cwnd_cnt');
  let window = get(call, 'snd_cwnd');
  const step = Math.max(rate, 1);
  if (count >= step) {
    count = 0;
    window++;
  }
  count += acked;
  if (count >= step) {
    const segments = Math.floor(count / step);
    count -= segments * step;
    window += segments;
  }
  set(call, 'snd_cwnd_cnt', count);
  set(call, 'snd_cwnd', Math.min(window, get(call, 'snd_cwnd_clamp')));
}

const renoCongestionAvoidance: Behaviour = (call) => {
  let acked = u32(call, 2);
  // A sender that does not fill its window does not grow it.
  if (get(call, 'is_cwnd_limited') === 0 && get(call, 'snd_cwnd') >= get(call, 'snd_ssthresh')) return 0n;
  if (get(call, 'snd_cwnd') < get(call, 'snd_ssthresh')) {
    acked = slowStart(call, acked);
    if (acked === 0) return 0n;
  }
  additiveIncrease(call, get(call, 'snd_cwnd'), acked);
  return 0n;
};

export const tcpKfuncs: Readonly<Record<string, Behaviour>> = {
  tcp_slow_start: (call) => BigInt(slowStart(call, u32(call, 1))),
  tcp_cong_avoid_ai: (call) => {
    additiveIncrease(call, u32(call, 1), u32(call, 2));
    return 0n;
  },
  tcp_reno_ssthresh: (call) => BigInt(Math.max(get(call, 'snd_cwnd') >>> 1, 2)),
  tcp_reno_undo_cwnd: (call) => BigInt(Math.max(get(call, 'snd_cwnd'), get(call, 'prior_cwnd'))),
  tcp_reno_cong_avoid: renoCongestionAvoidance,
};
