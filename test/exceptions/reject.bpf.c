/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throws that no descriptor can serve (docs/exceptions.md, "Merging"): the verifier refuses each of them under the
 * profile `proposal`.
 */
#include "bailout/bpf.h"
#include "bailout/exceptions.bpf.h"

char _license[] SEC("license") = "GPL";

/* R6 = a task from here on, or the program ends. */
#define ACQUIRE_TASK        \
	"call 158\n"        \
	"r1 = r0\n"         \
	"call bpf_task_acquire\n" \
	"if r0 == 0 goto 9f\n"

#define CREATE_CPUMASK \
	"call bpf_cpumask_create\n" \
	"if r0 == 0 goto 9f\n"

#define EITHER_WAY    \
	"call 7\n"    \
	"if r0 == 0 goto 1f\n"

#define THROW_AND_EXIT        \
	"r1 = 1\n"            \
	"call bpf_throw\n"    \
	"9: r0 = 1\n"         \
	"exit\n"

/* A task on one path, a cpumask on the other, in one slot. */
SEC("syscall") __naked int two_pointer_types(void)
{
	asm volatile(EITHER_WAY ACQUIRE_TASK "*(u64 *)(r10 - 8) = r0\n"
					     "goto 2f\n"
					     "1:\n" CREATE_CPUMASK "*(u64 *)(r10 - 8) = r0\n"
					     "2:\n" THROW_AND_EXIT ::
						     : "memory");
}

/* Bytes that are no pointer on one path, a task on the other. */
SEC("tc") __naked int bytes_against_pointer(void)
{
	asm volatile("call 5\n"
		     "*(u64 *)(r10 - 8) = r0\n" EITHER_WAY ACQUIRE_TASK "*(u64 *)(r10 - 8) = r0\n"
		     "1:\n" THROW_AND_EXIT ::
			     : "memory");
}

/* Nothing was ever written to the slot on one path; a task on the other. */
SEC("tc") __naked int unwritten_against_pointer(void)
{
	asm volatile(EITHER_WAY ACQUIRE_TASK "*(u64 *)(r10 - 8) = r0\n"
					     "1:\n" THROW_AND_EXIT ::
						     : "memory");
}

/* The only pointer to the task is overwritten: nobody can release it any more. */
SEC("tc") __naked int overwritten_with_zero(void)
{
	asm volatile(ACQUIRE_TASK "*(u64 *)(r10 - 8) = r0\n"
				  "r0 = 0\n"
				  "*(u64 *)(r10 - 8) = r0\n" THROW_AND_EXIT ::
					  : "memory");
}

static __noinline void save_and_return(void)
{
	unsigned long flags;

	bpf_local_irq_save(&flags);
}

/* The flags were saved in a frame that is gone: nobody can restore them. */
SEC("tc") int lost_flags(struct __sk_buff *ctx)
{
	save_and_return();
	bpf_throw(1);
	return 0;
}

/* Gives the kfuncs that only assembly calls their types. */
__weak int types_of_kfuncs(void)
{
	struct task_struct *task = bpf_task_acquire(bpf_get_current_task_btf());

	if (task)
		bpf_task_release(task);
	bpf_cpumask_release(bpf_cpumask_create());
	bpf_throw(0);
	return 0;
}
