/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What callback-by-call.bpf.c and callback-by-tag.bpf.c have in common: a check that throws, and the decision about what
 * becomes of a packet for each reason to throw.
 */
#ifndef EXAMPLES_CALLBACK_H
#define EXAMPLES_CALLBACK_H

#include <bailout/bpf.h>
#include <bailout/exceptions.bpf.h>

char LICENSE[] SEC("license") = "GPL";

/* The cookies. */
enum reason {
	REASON_SHORT = 1,
	REASON_LOOP = 2,
	REASONS = 3,
};

/* How often each was thrown. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, __u64);
} thrown SEC(".maps");

/* A frame that came back to its own sender is returned; everything else that threw is dropped. */
static __always_inline int verdict(__u64 cookie)
{
	__u32 reason = cookie;
	__u64 *count = bpf_map_lookup_elem(&thrown, &reason);

	if (count)
		__sync_fetch_and_add(count, 1);
	return reason == REASON_LOOP ? XDP_TX : XDP_DROP;
}

/* Throws unless the frame is long enough and goes to somebody else. */
static __noinline int check_frame(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u64 different = 0;
	int i;

	bpf_assert_with(data + sizeof(*eth) <= data_end, REASON_SHORT);
	for (i = 0; i < 6; i++)
		different |= eth->h_source[i] ^ eth->h_dest[i];
	bpf_assert_ne_with(different, 0, REASON_LOOP);
	return XDP_PASS;
}

#endif
