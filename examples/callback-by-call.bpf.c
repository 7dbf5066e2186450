// SPDX-License-Identifier: Apache-2.0
/*
 * A callback that turns the cookie into a return value, named by a call.
 *
 * bpf_throw(cookie) takes a number along. Once the stack is unwound and everything is given back, the exception callback
 * gets it, and what the callback returns is what the program returns. So the cookie is the reason, and the callback
 * decides, in one place, what becomes of a packet for each reason; it may also count, as here (include/callback.h).
 *
 * There are two ways of naming the callback. This program calls bpf_set_exception_callback(): the proposal of July 2023.
 *
 *   - The callback is a function pointer as of any other callback, so the function may be static.
 *   - The call acts while the program is verified: once, in the main program, and for all of the program, also for a throw
 *     that stands before it. When the program runs, the call does nothing.
 *   - Bailout chooses the profile `proposal` for a program that does this. Kernels do not have the function: there a loader
 *     says that `extern (func ksym) 'bpf_set_exception_callback'` is not found. callback-by-tag.bpf.c is the same for them.
 *
 * What the callback returns must be something that the program itself might return: the verifier checks it on its own, as
 * it checks global functions, also in a program that never throws. A throw in the callback is an error; so is calling it
 * directly.
 *
 *     bailout run examples/callback-by-call.bpf.o --program by_call --scenario examples/callback.json
 *     bailout run examples/callback-by-call.bpf.o --program by_call --packet 0200000000010200000000020800
 *     bailout run examples/callback-by-call.bpf.o --program by_call --packet 02000000
 *
 * The scenario's frame has the same address twice: the second assertion of check_frame throws REASON_LOOP (2), and the
 * callback answers XDP_TX (3). The second frame is fine and passes: XDP_PASS (2), nothing thrown. The third is too short:
 * REASON_SHORT (1), and XDP_DROP (1).
 */
#include "callback.h"

static __noinline int on_exception(__u64 cookie)
{
	return verdict(cookie);
}

SEC("xdp")
int by_call(struct xdp_md *ctx)
{
	bpf_set_exception_callback((int (*)(unsigned long long))on_exception);
	return check_frame(ctx);
}
