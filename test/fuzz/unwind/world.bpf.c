/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of generated programs: maps, types and function signatures. The code here is replaced; what is used are the
 * maps, the BTF of the types that programs allocate, and the prototypes of the global functions g1 to g7.
 */
#include "bailout/bpf.h"
#include "bailout/exceptions.bpf.h"

char _license[] SEC("license") = "GPL";

struct node {
	struct bpf_list_node link;
	__u64 key;
};

struct counted {
	struct bpf_refcount refs;
	__u64 key;
};

struct small {
	__u64 value;
};

struct locked {
	struct bpf_spin_lock lock;
	__u32 counter;
};

struct res_locked {
	struct bpf_res_spin_lock lock;
	__u32 counter;
};

struct kept {
	struct task_struct __kptr *task;
	struct counted __kptr *object;
};

struct list {
	struct bpf_spin_lock lock;
	struct bpf_list_head head __contains(node, link);
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

#define ONE_ENTRY(value_type, name)               \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(max_entries, 1);           \
		__type(key, __u32);               \
		__type(value, value_type);        \
	} name SEC(".maps")

ONE_ENTRY(struct locked, locks);
ONE_ENTRY(struct res_locked, res_locks);
ONE_ENTRY(struct kept, kept);
ONE_ENTRY(struct list, lists);

#define GLOBAL(n)                             \
	__noinline int g##n(__u64 depth)      \
	{                                     \
		__asm__ volatile("" ::: "memory"); \
		return depth;                 \
	}
GLOBAL(1)
GLOBAL(2)
GLOBAL(3)
GLOBAL(4)
GLOBAL(5)
GLOBAL(6)
GLOBAL(7)

/* Types for static functions, which are verified where they are called. */
#define STATIC(n)                                                     \
	static __noinline __attribute__((used)) int s##n(__u64 given) \
	{                                                             \
		__asm__ volatile("" ::: "memory");                    \
		return given;                                         \
	}
STATIC(1)
STATIC(2)
STATIC(3)
STATIC(4)
STATIC(5)
STATIC(6)
STATIC(7)
STATIC(_callback)

/* Names every type and kfunc once, so that BTF has it. */
SEC("syscall") int program(void *ctx)
{
	__u32 zero = 0;
	/* A kptr needs its type whole, and looking into it makes the compiler write it out. */
	int pid = bpf_get_current_task_btf()->pid;
	struct node *n = bpf_obj_new(struct node);
	struct counted *c = bpf_obj_new(struct counted);
	struct small *s = bpf_percpu_obj_new(struct small);
	void *value = bpf_map_lookup_elem(&locks, &zero);

	value = bpf_map_lookup_elem(&res_locks, &zero);
	value = bpf_map_lookup_elem(&kept, &zero);
	value = bpf_map_lookup_elem(&lists, &zero);
	value = bpf_ringbuf_reserve(&events, 8, 0);
	if (n)
		bpf_obj_drop(n);
	if (c)
		bpf_obj_drop(c);
	if (s)
		bpf_percpu_obj_drop(s);
	if (value)
		bpf_ringbuf_discard(value, 0);
	return pid + g1(1) + g2(2) + g3(3) + g4(4) + g5(5) + g6(6) + g7(7) + s1(1) + s2(2) + s3(3) + s4(4) + s5(5) + s6(6) + s7(7) + s_callback(8);
}
