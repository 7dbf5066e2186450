/** kfuncs of networking: connection tracking, XDP metadata, security associations, sockets. */
import type { Behaviour, Call } from '../behaviour.ts';
import { errno } from '../behaviour.ts';
import { EINVAL, ENODATA, ENOENT, EOPNOTSUPP } from '../errno.ts';
import { arg, u32, writable } from '../helpers/arguments.ts';
import { parseAddress, swap16 } from '../objects/network.ts';
import type { ConnectionScenario } from '../scenario.ts';
import { handOutNew, releaseArgument } from './kernel.ts';

const IPPROTO: Readonly<Record<ConnectionScenario['protocol'], number>> = { tcp: 6, udp: 17 };

/** struct bpf_ct_opts, whose first word takes the error. */
interface Options {
  readonly at: number;
  readonly protocol: number;
}

function options(call: Call): Options | undefined {
  const { memory } = call.kernel;
  const length = u32(call, 4);
  if (length !== 12 && length !== 16) return undefined;
  const at = writable(call, 3, length);
  return { at, protocol: memory.readU8(at + 8) };
}

function fail(call: Call, found: Options, error: number): bigint {
  call.kernel.memory.writeU32(found.at + 4, -error >>> 0);
  return 0n;
}

/** A connection object; `type` is nf_conn, or nf_conn___init while it is not inserted. */
function makeConnection(call: Call, connection: ConnectionScenario | undefined): bigint {
  const { world } = call.kernel;
  const struct = call.kernel.layouts.find('nf_conn') === undefined ? 'sock_common' : 'nf_conn';
  const at = world.make(struct, '', { temporary: true, writable: true });
  if (struct === 'nf_conn') {
    world.set(at, struct, 'status', connection?.status ?? 0);
    world.set(at, struct, 'timeout', connection?.timeout ?? 0);
  }
  const pointer = handOutNew(call, world.at(at)!);
  return pointer;
}

const lookup: Behaviour = (call) => {
  const { kernel } = call;
  const found = options(call);
  if (found === undefined) return 0n;
  const length = u32(call, 2);
  if (length !== 12 && length !== 36) return fail(call, found, EINVAL);
  const tuple = kernel.range(call, arg(call, 1), length, 'read');
  const bytes = kernel.memory.bytes.slice(tuple, tuple + length);
  const size = length === 12 ? 4 : 16;
  const port = (at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const same = (address: string, at: number): boolean =>
    parseAddress(address).every((byte, i) => byte === bytes[at + i]);
  const connection = (kernel.scenario.connections ?? []).find(
    (candidate) =>
      IPPROTO[candidate.protocol] === found.protocol &&
      same(candidate.source, 0) &&
      same(candidate.destination, size) &&
      candidate.sourcePort === port(2 * size) &&
      candidate.destinationPort === port(2 * size + 2),
  );
  return connection === undefined ? fail(call, found, ENOENT) : makeConnection(call, connection);
};

const allocate: Behaviour = (call) => {
  const found = options(call);
  if (found === undefined) return 0n;
  return found.protocol === 6 || found.protocol === 17 ? makeConnection(call, undefined) : fail(call, found, EINVAL);
};

/** The allocated connection becomes a real one: the reference to the one is exchanged for a reference to the other. */
const insert: Behaviour = (call) => {
  const pointer = arg(call, 0);
  call.kernel.ledger.release('reference', pointer, call.name);
  call.kernel.acquire(call, 'reference', 'struct nf_conn', pointer, 'bpf_ct_release');
  return pointer;
};

const setField =
  (field: string): Behaviour =>
  (call) => {
    call.kernel.world.set(call.kernel.offset(arg(call, 0)), 'nf_conn', field, u32(call, 1));
    return 0n;
  };

// ---- XDP metadata -----------------------------------------------------------------------------------------------------

const rxHash: Behaviour = (call) => {
  const hash = call.kernel.scenario.context?.packet?.hash;
  if (hash === undefined) return errno(ENODATA);
  call.kernel.memory.writeU32(writable(call, 1, 4), hash);
  call.kernel.memory.writeU32(writable(call, 2, 4), 0);
  return 0n;
};

const rxTimestamp: Behaviour = (call) => {
  call.kernel.memory.writeU64(writable(call, 1, 8), call.kernel.realTime);
  return 0n;
};

const rxVlan: Behaviour = (call) => {
  const tci = call.kernel.scenario.context?.packet?.vlanTci;
  if (tci === undefined) return errno(ENODATA);
  call.kernel.memory.writeU16(writable(call, 1, 2), swap16(0x8100));
  call.kernel.memory.writeU16(writable(call, 2, 2), tci);
  return 0n;
};

/** Frames of a scenario are in one piece. */
const pullData: Behaviour = (call) => {
  const object = call.kernel.offset(call.kernel.contexts.kernelContext(arg(call, 0)));
  return u32(call, 1) > call.kernel.contexts.packetLength(object) ? errno(EINVAL) : 0n;
};

const setUnixPath: Behaviour = (call) => {
  const length = u32(call, 2);
  const from = call.kernel.range(call, arg(call, 1), length, 'read');
  const path = call.kernel.memory.bytes.slice(from, from + length);
  call.kernel.print({ kind: 'trace', text: `address ${String.fromCharCode(...path)}`, at: call.kernel.position(call) });
  return 0n;
};

const socketDestroy: Behaviour = (call) => {
  const socket = call.kernel.world.behind(arg(call, 0));
  if (socket === undefined) return errno(EOPNOTSUPP);
  call.kernel.world.set(socket.offset, 'sock', '__sk_common.skc_state', 7);
  return 0n;
};

const xfrmState: Behaviour = (call) => {
  const length = u32(call, 2);
  if (length >= 4) call.kernel.memory.writeU32(writable(call, 1, length), -ENOENT >>> 0);
  return 0n;
};

export const networkKfuncs: Readonly<Record<string, Behaviour>> = {
  bpf_skb_ct_lookup: lookup,
  bpf_xdp_ct_lookup: lookup,
  bpf_skb_ct_alloc: allocate,
  bpf_xdp_ct_alloc: allocate,
  bpf_ct_insert_entry: insert,
  bpf_ct_release: releaseArgument,
  bpf_ct_set_timeout: setField('timeout'),
  bpf_ct_change_timeout: setField('timeout'),
  bpf_ct_set_status: setField('status'),
  bpf_ct_change_status: setField('status'),
  bpf_ct_set_nat_info: () => 0n,
  bpf_xdp_metadata_rx_hash: rxHash,
  bpf_xdp_metadata_rx_timestamp: rxTimestamp,
  bpf_xdp_metadata_rx_vlan_tag: rxVlan,
  bpf_xdp_pull_data: pullData,
  bpf_xdp_get_xfrm_state: xfrmState,
  bpf_xdp_xfrm_state_release: releaseArgument,
  bpf_sock_addr_set_sun_path: setUnixPath,
  bpf_sock_destroy: socketDestroy,
  bpf_sock_ops_enable_tx_tstamp: () => 0n,
  bpf_sk_assign_tcp_reqsk: () => errno(EOPNOTSUPP),
};
