// SPDX-License-Identifier: Apache-2.0
/*
 * A callback that turns the cookie into a return value, named by a tag.
 *
 * The same program as callback-by-call.bpf.c (read that first), in the form that Linux 6.7 and later understand: the main
 * program carries the declaration tag `exception_callback:on_exception` in its BTF, and the verifier looks for a function
 * of that name before it starts.
 *
 *   - The callback is a global function: its name must be in the object's BTF, and it is verified by itself anyway.
 *   - Nothing is called, so there is no instruction for it: `bailout inspect` shows the callback beside the program.
 *   - Bailout chooses the profile `linux` for a program with the tag. What it then holds at a throw it must have released
 *     by itself; this one holds nothing, and is accepted by a real kernel too.
 *   - Without a callback the two profiles differ: `proposal` returns 0, `linux` returns the cookie. With one, as here, they
 *     agree, so `--profile proposal` gives the same answers.
 *
 *     bailout run examples/callback-by-tag.bpf.o --program by_tag --scenario examples/callback.json
 *     bailout run examples/callback-by-tag.bpf.o --program by_tag --packet 0200000000010200000000020800
 *     bailout run examples/callback-by-tag.bpf.o --program by_tag --packet 02000000
 *
 * These return XDP_TX (3), XDP_PASS (2) and XDP_DROP (1), as the other form does.
 */
#include "callback.h"

__noinline int on_exception(__u64 cookie)
{
	return verdict(cookie);
}

__exception_cb(on_exception)
SEC("xdp")
int by_tag(struct xdp_md *ctx)
{
	return check_frame(ctx);
}
