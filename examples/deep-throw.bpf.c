// SPDX-License-Identifier: Apache-2.0
/*
 * A throw three frames deep, and everything that is given back on the way out.
 *
 * The program takes samples of tasks. Four functions call each other, and each holds something while the next one runs:
 *
 *     deep_throw            an open number iterator                          (on its stack)
 *     └─ sample_task        a reference to a task                            (in a callee-saved register)
 *        └─ write_sample    a CPU mask, and a record reserved in a ring buffer
 *           └─ check        nothing; finds that the priority is none, and throws
 *
 * Without exceptions `check` would return an error, `write_sample` would discard the record, release the mask and return
 * an error, `sample_task` would release the task and return an error, and `deep_throw` would destroy the iterator: four
 * cleanup paths for something that never happens. With an exception there are none. bpf_throw() stops the program;
 * the unwinder walks the frames from the innermost to the main one, looks up for each the descriptor that the verifier made
 * for the call in which that frame stands, and releases what it lists, newest first:
 *
 *     check          nothing
 *     write_sample   the ring buffer record (discarded: no reader ever sees it), then the CPU mask
 *     sample_task    the task
 *     deep_throw     the iterator
 *
 * Where a value sits in a register of an outer frame, the register has long been overwritten. But R6 to R9 are
 * callee-saved: whoever overwrote them saved them first, and the unwinder finds them there. Then the exception callback
 * runs on the main program's frame and turns the cookie into the return value; here there is none, so the program returns 0.
 *
 *     bailout run examples/deep-throw.bpf.o --program deep_throw --scenario examples/deep-throw.json
 *     bailout run examples/deep-throw.bpf.o --program deep_throw --scenario examples/deep-throw.json --global lowest_priority=500
 *     bailout verify examples/deep-throw.bpf.o --profile linux
 *
 * The first run throws for the third task of the scenario, whose priority is 400. The second allows that, so nothing is
 * thrown and the program returns the number of samples, 4. The third shows what a kernel since 6.7 says about the same
 * program, `bpf_throw would lead to reference leak`: it knows how to throw, but not how to clean up.
 */
#include <bailout/bpf.h>
#include <bailout/exceptions.bpf.h>

char LICENSE[] SEC("license") = "GPL";

/* A task as far as this program looks into it; the places of the fields are looked up when it is loaded. */
struct task_struct___sample {
	int prio;
} __core;

struct sample {
	__u64 time;
	__u32 pid;
	__u32 priority;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} samples SEC(".maps");

/* Which tasks are looked at, and what is taken for a priority; can be set before the program runs (--global). */
int first_pid = 1;
int last_pid = 4;
__u32 lowest_priority = 139;

/* The innermost frame. It holds nothing, so its descriptor is empty. */
static __noinline int check(struct sample *sample)
{
	__u32 priority = sample->priority;

	bpf_assert_le_with(priority, lowest_priority, sample->pid);
	return priority;
}

static __noinline int write_sample(struct task_struct *task)
{
	struct bpf_cpumask *cpus;
	struct sample *sample;
	int priority;

	cpus = bpf_cpumask_create();
	if (!cpus)
		return -12;
	bpf_cpumask_set_cpu(0, cpus);
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample) {
		bpf_cpumask_release(cpus);
		return -12;
	}
	sample->time = bpf_ktime_get_ns();
	sample->pid = task->pid;
	sample->priority = ((struct task_struct___sample *)task)->prio;

	priority = check(sample);

	bpf_ringbuf_submit(sample, 0);
	bpf_cpumask_release(cpus);
	return priority;
}

static __noinline int sample_task(int pid)
{
	struct task_struct *task = bpf_task_from_pid(pid);
	int priority;

	if (!task)
		return -3;
	priority = write_sample(task);
	bpf_task_release(task);
	return priority;
}

SEC("syscall")
int deep_throw(void *ctx)
{
	struct bpf_iter_num pids;
	int *pid, taken = 0;

	bpf_iter_num_new(&pids, first_pid, last_pid + 1);
	while ((pid = bpf_iter_num_next(&pids))) {
		if (sample_task(*pid) >= 0)
			taken++;
	}
	bpf_iter_num_destroy(&pids);
	return taken;
}
