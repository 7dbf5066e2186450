/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that replace a function of another one, or run before and after it, each a boundary for what it throws. The
 * tests attach them; by themselves only the first two are programs that run.
 */
#include "bailout/bpf.h"
#include "bailout/exceptions.bpf.h"

char _license[] SEC("license") = "GPL";

/* Set by the test before a run. */
__u64 limit;
/* What the tracing programs saw. */
__u64 entered;
__u64 left;
__u64 argument;
__u64 result;
__u64 seen_len;

__noinline int global_part(struct __sk_buff *ctx, __u64 x)
{
	__u64 y = x;

	opaque(ctx);
	opaque(y);
	bpf_assert_lt_with(y, limit, 5);
	return y + 1;
}

static __noinline int static_part(__u64 x)
{
	__u64 y = x;

	opaque(y);
	bpf_assert_lt_with(y, limit, 6);
	return y * 2;
}

/* Holds an object while it calls: whatever is attached to the function, that object is given back once. */
SEC("tc") int target(struct __sk_buff *ctx)
{
	struct bpf_iter_num it;
	int a = 0, b = 0;

	bpf_iter_num_new(&it, 0, 3);
	bpf_rcu_read_lock();
	a = global_part(ctx, 20);
	bpf_rcu_read_unlock();
	b = static_part(30);
	bpf_iter_num_destroy(&it);
	return a + b;
}

SEC("?freplace") int replacement(struct __sk_buff *ctx, __u64 x)
{
	return x + 100;
}

/* Throws with a task in hand: the task goes, the iterator and the RCU section of the caller stay. */
SEC("?freplace") int throwing_replacement(struct __sk_buff *ctx, __u64 x)
{
	struct task_struct *task = bpf_task_acquire(bpf_get_current_task_btf());

	if (!task)
		return 0;
	bpf_assert_lt_with(x, 10, 7);
	bpf_task_release(task);
	return x;
}

SEC("?fentry") int on_entry(__u64 *args)
{
	entered++;
	argument = args[0];
	return 0;
}

SEC("?fentry") int on_entry_with_context(__u64 *args)
{
	entered++;
	argument = args[1];
	return 0;
}

SEC("?fexit") int on_exit(__u64 *args)
{
	left++;
	argument = args[0];
	result = args[1];
	return 0;
}

SEC("?fentry") int throwing_entry(__u64 *args)
{
	struct task_struct *task = bpf_task_acquire(bpf_get_current_task_btf());

	if (!task)
		return 0;
	entered++;
	bpf_throw(8);
	bpf_task_release(task);
	return 0;
}

SEC("?fexit") int throwing_exit(__u64 *args)
{
	left++;
	bpf_throw(9);
	return 0;
}
