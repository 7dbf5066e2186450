// SPDX-License-Identifier: Apache-2.0
/*
 * A program that is rejected, and the one-line assertion that makes it pass.
 *
 * Both programs count packets by a class that the previous program in the chain left in the packet's metadata. That program
 * only ever writes 0 to 15, and the developer knows it. The verifier cannot: it sees four bytes read from memory, any of
 * four billion values, used as an index into an array of sixteen counters:
 *
 *     bailout verify examples/rejected.bpf.o --program rejected
 *
 *         R0 unbounded memory access, make sure to bounds check any such access
 *
 * `accepted` is the same code with one line more:
 *
 *     bpf_assert_lt(class, CLASSES);
 *
 * Behind it the verifier knows class < 16, so every counter that can be reached is inside the map's value. No error path
 * had to be written, no return value invented for it. Should the other program ever break its promise, this one ends with
 * XDP_ABORTED instead of counting in somebody else's memory.
 *
 * To find where an assertion belongs: verify with --log 2, look up which register the last line blames, and go back to
 * the instruction at which it got its value; Bailout prints the source line with the message. The assertion goes between
 * the two, on the variable, before it takes part in the pointer arithmetic.
 *
 *     bailout run examples/rejected.bpf.o --program accepted --scenario examples/rejected.json
 */
#include <bailout/bpf.h>
#include <bailout/exceptions.bpf.h>

char LICENSE[] SEC("license") = "GPL";

#define CLASSES 16

struct counters {
	__u64 packets[CLASSES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} classes SEC(".maps");

/* The class that stands before the packet, or 0 when there is no metadata. */
static __always_inline __u64 packet_class(struct xdp_md *ctx)
{
	__u32 *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return 0;
	return *meta;
}

SEC("xdp")
int rejected(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct counters *counters = bpf_map_lookup_elem(&classes, &key);
	__u64 class = packet_class(ctx);

	if (!counters)
		return XDP_PASS;
	counters->packets[class]++;
	return XDP_PASS;
}

SEC("xdp")
int accepted(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct counters *counters = bpf_map_lookup_elem(&classes, &key);
	__u64 class = packet_class(ctx);

	if (!counters)
		return XDP_PASS;
	bpf_assert_lt(class, CLASSES);
	counters->packets[class]++;
	return XDP_PASS;
}
