/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a throw has to clean up, one situation a program (docs/exceptions.md, "Known answers"). All are for the profile
 * `proposal`, all are accepted, all return 0 when they throw, and all leave the ledger as they found it. Those with CPU
 * masks are system call programs, since classifiers may not make any.
 */
#include "bailout/bpf.h"
#include "bailout/exceptions.bpf.h"

char _license[] SEC("license") = "GPL";

struct node {
	struct bpf_list_node link;
	__u64 key;
};

struct small {
	__u64 value;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* Set by the test before a run: which way a program goes. */
__u64 which;

static struct task_struct *current(void)
{
	return bpf_task_acquire(bpf_get_current_task_btf());
}

/* An iterator is open, and destroyed. */
SEC("tc") int one_iterator(struct __sk_buff *ctx)
{
	struct bpf_iter_num it;

	bpf_iter_num_new(&it, 0, 10);
	bpf_throw(1);
	bpf_iter_num_destroy(&it);
	return 1;
}

/* Three iterators are open inside one another when the innermost loop throws. */
SEC("tc") int three_iterators(struct __sk_buff *ctx)
{
	struct bpf_iter_num a, b, c;
	int *i, *j, *k;

	bpf_iter_num_new(&a, 0, 4);
	while ((i = bpf_iter_num_next(&a))) {
		bpf_iter_num_new(&b, 0, 4);
		while ((j = bpf_iter_num_next(&b))) {
			bpf_iter_num_new(&c, 0, 4);
			while ((k = bpf_iter_num_next(&c))) {
				if (*i + *j + *k == 5)
					bpf_throw(2);
			}
			bpf_iter_num_destroy(&c);
		}
		bpf_iter_num_destroy(&b);
	}
	bpf_iter_num_destroy(&a);
	return 1;
}

static __noinline int iterate_and_throw(struct __sk_buff *ctx)
{
	struct bpf_iter_num it;
	int *i;
	int sum = 0;

	bpf_iter_num_new(&it, 0, 10);
	while ((i = bpf_iter_num_next(&it))) {
		sum += *i;
		if (sum > 3)
			bpf_throw(3);
	}
	bpf_iter_num_destroy(&it);
	return sum;
}

/* A reserved dynptr in the main frame, an iterator in the frame that throws. */
SEC("tc") int dynptr_and_iterator(struct __sk_buff *ctx)
{
	struct bpf_dynptr record;
	int sum;

	bpf_ringbuf_reserve_dynptr(&events, 64, 0, &record);
	sum = iterate_and_throw(ctx);
	bpf_ringbuf_discard_dynptr(&record, 0);
	return sum;
}

/* An object that the program allocated. */
SEC("tc") int allocated_object(struct __sk_buff *ctx)
{
	struct node *n = bpf_obj_new(struct node);

	if (!n)
		return 1;
	n->key = ctx->len;
	bpf_assert_eq_with(which, 1, 4);
	bpf_obj_drop(n);
	return 1;
}

SEC("tc") int percpu_object(struct __sk_buff *ctx)
{
	struct small *p = bpf_percpu_obj_new(struct small);

	if (!p)
		return 1;
	bpf_assert_eq_with(which, 1, 5);
	bpf_percpu_obj_drop(p);
	return 1;
}

SEC("tc") int ringbuf_record(struct __sk_buff *ctx)
{
	__u64 *record = bpf_ringbuf_reserve(&events, 8, 0);

	if (!record)
		return 1;
	*record = ctx->len;
	bpf_assert_eq_with(which, 1, 6);
	bpf_ringbuf_submit(record, 0);
	return 1;
}

/* The resource is in R6 and nowhere else. */
SEC("tc") __naked int only_in_register(void)
{
	asm volatile("call 158\n"
		     "r1 = r0\n"
		     "call bpf_task_acquire\n"
		     "if r0 == 0 goto 1f\n"
		     "r6 = r0\n"
		     "r0 = 0\n"
		     "r1 = 7\n"
		     "call bpf_throw\n"
		     "1: r0 = 1\n"
		     "exit\n" ::: "memory");
}

/*
 * One path brings an object, the other null, and both reach the same throw. The two programs differ in the order in
 * which the verifier sees the paths: it takes the path that falls through first.
 */
SEC("tc") __naked int object_then_null(void)
{
	asm volatile("r8 = 0\n"
		     "r1 = %[which] ll\n"
		     "r7 = *(u64 *)(r1 + 0)\n"
		     "if r7 == 0 goto 1f\n"
		     "call 158\n"
		     "r1 = r0\n"
		     "call bpf_task_acquire\n"
		     "if r0 == 0 goto 2f\n"
		     "r8 = r0\n"
		     "1: r1 = 8\n"
		     "call bpf_throw\n"
		     "2: r0 = 1\n"
		     "exit\n" ::[which] "i"(&which)
		     : "memory");
}

SEC("tc") __naked int null_then_object(void)
{
	asm volatile("r8 = 0\n"
		     "r1 = %[which] ll\n"
		     "r7 = *(u64 *)(r1 + 0)\n"
		     "if r7 != 0 goto 3f\n"
		     "1: r1 = 9\n"
		     "call bpf_throw\n"
		     "3: call 158\n"
		     "r1 = r0\n"
		     "call bpf_task_acquire\n"
		     "if r0 == 0 goto 2f\n"
		     "r8 = r0\n"
		     "goto 1b\n"
		     "2: r0 = 1\n"
		     "exit\n" ::[which] "i"(&which)
		     : "memory");
}

/* Uses all four callee-saved registers itself, so that what the caller had in them is found in this frame. */
static __naked __noinline __attribute__((used)) int clobber_and_throw(void)
{
	asm volatile("r6 = 1\n"
		     "r7 = 2\n"
		     "r8 = 3\n"
		     "r9 = 4\n"
		     "r1 = 10\n"
		     "call bpf_throw\n"
		     "r0 = 0\n"
		     "exit\n" ::: "memory");
}

/* Four references in R6 to R9, all saved by a callee. */
SEC("syscall") __naked int callee_saved(void)
{
	asm volatile("call 158\n"
		     "r1 = r0\n"
		     "call bpf_task_acquire\n"
		     "if r0 == 0 goto 1f\n"
		     "r6 = r0\n"
		     "call 158\n"
		     "r1 = r0\n"
		     "call bpf_task_acquire\n"
		     "r7 = r0\n"
		     "call bpf_cpumask_create\n"
		     "r8 = r0\n"
		     "call bpf_cpumask_create\n"
		     "r9 = r0\n"
		     "call clobber_and_throw\n"
		     "2: r0 = 2\n"
		     "exit\n"
		     "1: r0 = 1\n"
		     "exit\n" ::: "memory");
}

/* main -> static -> global -> throwing global: four frames, a resource in each. */
__noinline int throwing_global(__u64 depth)
{
	struct task_struct *task = current();

	if (!task)
		return 1;
	bpf_assert_lt_with(depth, 3, 11);
	depth += task->pid;
	bpf_task_release(task);
	return depth;
}

__noinline int middle_global(__u64 depth)
{
	struct bpf_cpumask *mask = bpf_cpumask_create();
	int ret;

	if (!mask)
		return 1;
	ret = throwing_global(depth + 1);
	bpf_cpumask_release(mask);
	return ret;
}

static __noinline int static_frame(__u64 depth)
{
	__u64 *record = bpf_ringbuf_reserve(&events, 8, 0);
	int ret;

	if (!record)
		return 1;
	ret = middle_global(depth + 1);
	*record = ret;
	bpf_ringbuf_submit(record, 0);
	return ret;
}

SEC("syscall") int four_frames(void *ctx)
{
	struct node *n = bpf_obj_new(struct node);
	int ret;

	if (!n)
		return 1;
	ret = static_frame(1);
	n->key = ret;
	bpf_obj_drop(n);
	return ret;
}

/* Fifty objects are made and dropped one after the other; the last one is held when the loop throws. */
SEC("tc") int fifty_objects(struct __sk_buff *ctx)
{
	struct node *n;
	int i;

	for (i = 0; i < 50; i++) {
		n = bpf_obj_new(struct node);
		if (!n)
			return 1;
		n->key = i;
		if (i == 49)
			bpf_throw(12);
		bpf_obj_drop(n);
	}
	return 1;
}

/* The throw can never be reached: the verifier knows that, and no descriptor is needed. */
SEC("tc") __naked int throw_in_dead_code(void)
{
	asm volatile("call 158\n"
		     "r1 = r0\n"
		     "call bpf_task_acquire\n"
		     "if r0 == 0 goto 1f\n"
		     "r1 = r0\n"
		     "r7 = 5\n"
		     "if r7 == 5 goto 2f\n"
		     "r1 = 13\n"
		     "call bpf_throw\n"
		     "2: call bpf_task_release\n"
		     "1: r0 = 3\n"
		     "exit\n" ::: "memory");
}

/* Gives the kfuncs that only assembly calls their types. */
__weak int types_of_kfuncs(void)
{
	bpf_task_release(current());
	bpf_cpumask_release(bpf_cpumask_create());
	bpf_throw(0);
	return 0;
}
