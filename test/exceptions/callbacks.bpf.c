/* SPDX-License-Identifier: Apache-2.0 */
/* How exception callbacks may be named, and what they may be (docs/exceptions.md, section 4). */
#include "bailout/bpf.h"
#include "bailout/exceptions.bpf.h"

char _license[] SEC("license") = "GPL";

__u64 which;

static __noinline int keep(__u64 cookie)
{
	return cookie + 1;
}

static __noinline int other(__u64 cookie)
{
	return 0;
}

__noinline int global_callback(__u64 cookie)
{
	return cookie;
}

__noinline int tagged(__u64 cookie)
{
	return cookie + 2;
}

/* Throws before the call that names the callback: it is the program's all the same. */
SEC("tc") int throws_before(struct __sk_buff *ctx)
{
	if (!which)
		bpf_throw(41);
	bpf_set_exception_callback((void *)keep);
	return 1;
}

SEC("tc") int never_throws(struct __sk_buff *ctx)
{
	bpf_set_exception_callback((void *)keep);
	return 1;
}

SEC("tc") int twice(struct __sk_buff *ctx)
{
	bpf_set_exception_callback((void *)keep);
	bpf_set_exception_callback((void *)other);
	return 1;
}

static __noinline int name_it(void)
{
	bpf_set_exception_callback((void *)keep);
	return which;
}

SEC("tc") int from_subprogram(struct __sk_buff *ctx)
{
	return name_it();
}

SEC("tc") int not_static(struct __sk_buff *ctx)
{
	bpf_set_exception_callback((void *)global_callback);
	return 1;
}

static __noinline int asserts(__u64 cookie)
{
	bpf_assert_lt(cookie, 10);
	return cookie;
}

SEC("tc") int throwing_callback(struct __sk_buff *ctx)
{
	bpf_set_exception_callback((void *)asserts);
	return 1;
}

/* The tag makes the program one for Linux; --profile proposal takes it as well. */
__exception_cb(tagged) SEC("tc") int by_tag(struct __sk_buff *ctx)
{
	bpf_throw(40);
	return 1;
}

__exception_cb(tagged) SEC("tc") int by_both(struct __sk_buff *ctx)
{
	bpf_set_exception_callback((void *)keep);
	return 1;
}

/* The default callback returns 0, which this hook may not. */
SEC("cgroup/getpeername4") int may_not_return_zero(void *ctx)
{
	bpf_assert_eq(which, 1);
	return 1;
}
