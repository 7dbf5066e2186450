// SPDX-License-Identifier: Apache-2.0
/*
 * An assertion that lets a packet parser pass.
 *
 * The program finds the UDP header of an IPv4 packet, whose own header says how long it is: the low half of `version_ihl`
 * holds its length in units of four bytes, 5 to 15. It counts the packets by the number of option words in that header,
 * and passes DNS on to the stack.
 *
 * The parser is right for every packet that a sender in its senses makes, and yet rejected without the assertions (1), (2):
 *
 *   (1) The header's length is read from the packet: four bits times four, so for all the verifier can tell 0 to 60. Below
 *       20 the index of the counter, `(header - 20) / 4`, is negative: `R1 min value is outside of the allowed memory
 *       range`. The usual way out is an `if` with an error code that the callers pass on. The
 *       assertion is one line, and what follows is verified with a header of 20 to 60 bytes: an index of 0 to 10.
 *
 *   (2) The UDP header stands at an offset that is only known at run time, and nothing says yet that the packet is that
 *       long: `invalid access to packet`. The assertion compares with data_end, from where on the verifier lets the
 *       program read eight bytes there.
 *
 * When an assertion does not hold the program ends there and then. It names no exception callback, so under the profile
 * `proposal` it returns 0, which for XDP is XDP_ABORTED: the packet is dropped and counted as an exception, exactly what
 * should become of a packet that the program's author thought impossible.
 *
 *   bailout verify examples/packet-parser.bpf.o --log 2
 *   bailout run examples/packet-parser.bpf.o --program parse_udp --scenario examples/packet-parser.json
 *   bailout run examples/packet-parser.bpf.o --program parse_udp --scenario examples/packet-parser-malformed.json
 *
 * The first packet is a DNS query: the run returns XDP_PASS (2). The second claims a header of four words: assertion (1)
 * throws, and the run returns XDP_ABORTED (0).
 *
 * Look at the level 2 log to see what an assertion proves: before the jump of (1) the length is a scalar with umax=60,
 * behind it umin=20 has joined.
 */
#include <bailout/bpf.h>
#include <bailout/exceptions.bpf.h>

char LICENSE[] SEC("license") = "GPL";

#define ETH_P_IP 0x0800
#define IPPROTO_UDP 17
#define DNS_PORT 53

struct iphdr {
	__u8 version_ihl;
	__u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag_off;
	__u8 ttl;
	__u8 protocol;
	__u16 check;
	__be32 saddr;
	__be32 daddr;
};

struct udphdr {
	__be16 source;
	__be16 dest;
	__be16 len;
	__u16 check;
};

/* How many packets had 0, 1, … 10 words of options. */
struct option_counters {
	__u64 packets[11];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct option_counters);
} options SEC(".maps");

SEC("xdp")
int parse_udp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct option_counters *counters;
	struct ethhdr *eth = data;
	struct udphdr *udp;
	struct iphdr *ip;
	__u64 header;
	__u32 key = 0;

	if (data + sizeof(*eth) + sizeof(*ip) > data_end || eth->h_proto != __builtin_bswap16(ETH_P_IP))
		return XDP_PASS;
	ip = data + sizeof(*eth);
	if (ip->protocol != IPPROTO_UDP)
		return XDP_PASS;

	header = (ip->version_ihl & 0x0f) * 4;
	bpf_assert_ge(header, sizeof(*ip)); /* (1) */

	counters = bpf_map_lookup_elem(&options, &key);
	if (counters)
		counters->packets[(header - sizeof(*ip)) / 4]++;

	udp = (void *)ip + header;
	bpf_assert((void *)(udp + 1) <= data_end); /* (2) */
	return bpf_ntohs(udp->dest) == DNS_PORT ? XDP_PASS : XDP_DROP;
}
