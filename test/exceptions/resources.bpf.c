/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A throw with each kind of resource in hand (docs/exceptions.md, section 5), for the profile `proposal`: one kind a program,
 * and the cases in which it is not plain who holds what. All are accepted, all throw, and nothing is left behind.
 */
#include "bailout/bpf.h"
#include "bailout/exceptions.bpf.h"

char _license[] SEC("license") = "GPL";

struct bpf_iter_task_vma {
	__u64 __opaque[1];
} __attribute__((aligned(8)));
struct bpf_sock_tuple {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
};
struct bpf_sock;
struct bpf_key {
	bool has_ref;
} __core;
struct file {
	__u32 f_flags;
} __core;
struct bpf_timer {
	__u64 __opaque[2];
} __attribute__((aligned(8)));
struct bpf_wq {
	__u64 __opaque[2];
} __attribute__((aligned(8)));

static struct bpf_sock *(*const bpf_sk_lookup_tcp)(void *ctx, struct bpf_sock_tuple *tuple, __u32 size, __u64 netns,
						    __u64 flags) = (void *)84;
static long (*const bpf_timer_init)(struct bpf_timer *timer, void *map, __u64 flags) = (void *)169;
static long (*const bpf_timer_set_callback)(struct bpf_timer *timer, void *callback) = (void *)170;
static long (*const bpf_timer_start)(struct bpf_timer *timer, __u64 nsecs, __u64 flags) = (void *)171;

extern struct bpf_key *bpf_lookup_system_key(__u64 id) __ksym;
extern void bpf_key_put(struct bpf_key *key) __ksym;
extern struct file *bpf_get_task_exe_file(struct task_struct *task) __ksym;
extern void bpf_put_file(struct file *file) __ksym;
extern struct cgroup *bpf_cgroup_acquire(struct cgroup *cgrp) __ksym;
extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma *it, struct task_struct *task, __u64 addr) __ksym;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *it) __ksym;
extern int bpf_res_spin_lock_irqsave(struct bpf_res_spin_lock *lock, unsigned long *flags) __ksym;
extern void bpf_res_spin_unlock_irqrestore(struct bpf_res_spin_lock *lock, unsigned long *flags) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
			       bool(less)(struct bpf_rb_node *a, const struct bpf_rb_node *b), void *meta,
			       __u64 off) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int(callback)(void *map, int *key, void *value),
				    unsigned int flags, void *aux) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;

#define container_of(ptr, type, member) ((type *)((void *)(ptr) - __builtin_offsetof(type, member)))

struct node {
	struct bpf_list_node link;
	struct bpf_rb_node branch;
	__u64 key;
	struct bpf_refcount refs;
};

struct plain {
	__u64 value;
};

#define private(name) __attribute__((section(".data." #name), aligned(8)))
private(A) struct bpf_spin_lock lock;
private(A) struct bpf_list_head head __contains(node, link);
private(B) struct bpf_spin_lock tree_lock;
private(B) struct bpf_rb_root root __contains(node, branch);

struct slot {
	struct plain __kptr *object;
	struct task_struct __kptr *task;
	struct bpf_timer timer;
	struct bpf_wq work;
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

struct locked {
	struct bpf_res_spin_lock lock;
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct locked);
} locks SEC(".maps"), more_locks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct locked);
} pairs SEC(".maps");

struct guarded {
	struct bpf_spin_lock lock;
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct guarded);
} guards SEC(".maps");

/* Set by the test before a run. */
__u64 which;
__u64 seen;

static struct task_struct *current(void)
{
	return bpf_task_acquire(bpf_get_current_task_btf());
}

static struct slot *slot(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&slots, &zero);
}

/* --- references to objects of the kernel ------------------------------------------------------------------------- */

SEC("tc") int cgroup(struct __sk_buff *ctx)
{
	struct cgroup *cgrp = bpf_cgroup_from_id(1);

	if (!cgrp)
		return 1;
	bpf_assert_eq(which, 1);
	bpf_cgroup_release(cgrp);
	return 1;
}

SEC("tc") int socket(struct __sk_buff *ctx)
{
	struct bpf_sock_tuple tuple = { 0x0100007f, 0x0100007f, 0x3930, 0x5000 };
	struct bpf_sock *sk = bpf_sk_lookup_tcp(ctx, &tuple, sizeof(tuple), -1, 0);

	if (!sk)
		return 1;
	bpf_assert_eq(which, 1);
	((long (*)(void *))86)(sk);
	return 1;
}

SEC("lsm.s/bpf") int key(void *ctx)
{
	struct bpf_key *key = bpf_lookup_system_key(0);

	if (!key)
		return 0;
	bpf_assert_eq(which, 1);
	bpf_key_put(key);
	return 0;
}

SEC("lsm.s/file_open") int file(void *ctx)
{
	struct file *file = bpf_get_task_exe_file(bpf_get_current_task_btf());

	if (!file)
		return 0;
	bpf_assert_eq(which, 1);
	bpf_put_file(file);
	return 0;
}

/* --- objects of the program's own -------------------------------------------------------------------------------- */

/* Two counts of one object: each is let go once. */
SEC("tc") int refcounted(struct __sk_buff *ctx)
{
	struct node *n = bpf_obj_new(struct node);
	struct node *m;

	if (!n)
		return 1;
	m = bpf_refcount_acquire(n);
	if (!m) {
		bpf_obj_drop(n);
		return 1;
	}
	bpf_assert_eq(which, 1);
	bpf_obj_drop(m);
	bpf_obj_drop(n);
	return 1;
}

/* An object that was put into a map comes out of it again, and another one stays there. */
SEC("tc") int kptr_from_map(struct __sk_buff *ctx)
{
	struct slot *s = slot();
	struct plain *p, *old;

	if (!s)
		return 1;
	p = bpf_obj_new(struct plain);
	if (!p)
		return 1;
	old = bpf_kptr_xchg(&s->object, p);
	if (old)
		bpf_obj_drop(old);
	p = bpf_obj_new(struct plain);
	if (!p)
		return 1;
	old = bpf_kptr_xchg(&s->object, p);
	if (!old)
		return 1;
	bpf_assert_eq(which, 1);
	bpf_obj_drop(old);
	return 1;
}

/* The same with a task. */
SEC("tc") int task_from_map(struct __sk_buff *ctx)
{
	struct slot *s = slot();
	struct task_struct *task;

	if (!s)
		return 1;
	task = current();
	if (!task)
		return 1;
	task = bpf_kptr_xchg(&s->task, task);
	if (task)
		bpf_task_release(task);
	task = bpf_kptr_xchg(&s->task, NULL);
	if (!task)
		return 1;
	bpf_assert_eq(which, 1);
	bpf_task_release(task);
	return 1;
}

/* Out of a list: the pointer is to the node inside the object. */
SEC("tc") int list_node(struct __sk_buff *ctx)
{
	struct node *n = bpf_obj_new(struct node);
	struct bpf_list_node *link;

	if (!n)
		return 1;
	bpf_spin_lock(&lock);
	bpf_list_push_front_impl(&head, &n->link, NULL, 0);
	link = bpf_list_pop_front(&head);
	bpf_spin_unlock(&lock);
	if (!link)
		return 1;
	bpf_assert_eq(which, 1);
	bpf_obj_drop(container_of(link, struct node, link));
	return 1;
}

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct node, branch)->key < container_of(b, struct node, branch)->key;
}

SEC("tc") int tree_node(struct __sk_buff *ctx)
{
	struct node *n = bpf_obj_new(struct node);
	struct bpf_rb_node *branch;

	if (!n)
		return 1;
	bpf_spin_lock(&tree_lock);
	bpf_rbtree_add_impl(&root, &n->branch, less, NULL, 0);
	branch = bpf_rbtree_first(&root);
	if (!branch) {
		bpf_spin_unlock(&tree_lock);
		return 1;
	}
	branch = bpf_rbtree_remove(&root, branch);
	bpf_spin_unlock(&tree_lock);
	if (!branch)
		return 1;
	bpf_assert_eq(which, 1);
	bpf_obj_drop(container_of(branch, struct node, branch));
	return 1;
}

/* --- sections and locks ------------------------------------------------------------------------------------------ */

SEC("tc") int spin_lock(struct __sk_buff *ctx)
{
	__u32 zero = 0;
	struct guarded *g = bpf_map_lookup_elem(&guards, &zero);

	if (!g)
		return 1;
	bpf_spin_lock(&g->lock);
	g->count++;
	if (g->count > which)
		bpf_throw(1);
	bpf_spin_unlock(&g->lock);
	return 1;
}

/* Thrown by a function that the lock's holder calls. */
static __noinline int count_up(struct guarded *g)
{
	if (++g->count > which)
		bpf_throw(2);
	return g->count;
}

SEC("tc") int spin_lock_in_caller(struct __sk_buff *ctx)
{
	struct node *n = bpf_obj_new(struct node);
	__u32 zero = 0;
	struct guarded *g;

	if (!n)
		return 1;
	g = bpf_map_lookup_elem(&guards, &zero);
	if (!g) {
		bpf_obj_drop(n);
		return 1;
	}
	bpf_spin_lock(&g->lock);
	count_up(g);
	bpf_spin_unlock(&g->lock);
	bpf_obj_drop(n);
	return 1;
}

SEC("tc") int res_spin_locks(struct __sk_buff *ctx)
{
	__u32 zero = 0;
	struct locked *l = bpf_map_lookup_elem(&locks, &zero);
	struct locked *m = bpf_map_lookup_elem(&more_locks, &zero);

	if (!l || !m)
		return 1;
	if (bpf_res_spin_lock(&l->lock))
		return 1;
	if (bpf_res_spin_lock(&m->lock)) {
		bpf_res_spin_unlock(&l->lock);
		return 1;
	}
	if (++l->count > which)
		bpf_throw(3);
	bpf_res_spin_unlock(&m->lock);
	bpf_res_spin_unlock(&l->lock);
	return 1;
}

/* A lock in the program's own memory, and nothing else. */
private(C) struct bpf_spin_lock global_lock;

SEC("tc") int global_spin_lock(struct __sk_buff *ctx)
{
	struct node *n = bpf_obj_new(struct node);

	if (!n)
		return 1;
	bpf_spin_lock(&global_lock);
	if (!which)
		bpf_throw(8);
	bpf_spin_unlock(&global_lock);
	bpf_obj_drop(n);
	return 1;
}

/* Two elements of one map: two locks of one kind. */
SEC("tc") int two_elements(struct __sk_buff *ctx)
{
	__u32 zero = 0, one = 1;
	struct locked *l = bpf_map_lookup_elem(&pairs, &zero);
	struct locked *m = bpf_map_lookup_elem(&pairs, &one);

	if (!l || !m)
		return 1;
	if (bpf_res_spin_lock(&l->lock))
		return 1;
	if (bpf_res_spin_lock(&m->lock)) {
		bpf_res_spin_unlock(&l->lock);
		return 1;
	}
	if (!which)
		bpf_throw(9);
	bpf_res_spin_unlock(&m->lock);
	bpf_res_spin_unlock(&l->lock);
	return 1;
}

SEC("tc") int res_spin_lock_irq(struct __sk_buff *ctx)
{
	__u32 zero = 0;
	struct locked *l = bpf_map_lookup_elem(&locks, &zero);
	unsigned long flags;

	if (!l)
		return 1;
	if (bpf_res_spin_lock_irqsave(&l->lock, &flags))
		return 1;
	if (++l->count > which)
		bpf_throw(4);
	bpf_res_spin_unlock_irqrestore(&l->lock, &flags);
	return 1;
}

SEC("tc") int rcu(struct __sk_buff *ctx)
{
	bpf_rcu_read_lock();
	bpf_assert_eq(which, 1);
	bpf_rcu_read_unlock();
	return 1;
}

SEC("tc") int preemption(struct __sk_buff *ctx)
{
	bpf_preempt_disable();
	bpf_preempt_disable();
	bpf_assert_eq(which, 1);
	bpf_preempt_enable();
	bpf_preempt_enable();
	return 1;
}

SEC("tc") int interrupts(struct __sk_buff *ctx)
{
	unsigned long outer, inner;

	bpf_local_irq_save(&outer);
	bpf_local_irq_save(&inner);
	bpf_assert_eq(which, 1);
	bpf_local_irq_restore(&inner);
	bpf_local_irq_restore(&outer);
	return 1;
}

/* A section that a function began for its caller. */
static __noinline int begin(void)
{
	bpf_rcu_read_lock();
	return which;
}

static __noinline int fail(__u64 x)
{
	bpf_preempt_disable();
	bpf_assert_eq(x, 1);
	bpf_preempt_enable();
	return x;
}

SEC("tc") int sections_of_several_frames(struct __sk_buff *ctx)
{
	int x = begin();

	x = fail(x);
	bpf_rcu_read_unlock();
	return x;
}

/* --- who holds what ---------------------------------------------------------------------------------------------- */

/* One task in two registers and a slot: released once. */
SEC("tc") __naked int reachable_twice(void)
{
	asm volatile("call 158\n"
		     "r1 = r0\n"
		     "call bpf_task_acquire\n"
		     "if r0 == 0 goto 1f\n"
		     "r6 = r0\n"
		     "r9 = r0\n"
		     "*(u64 *)(r10 - 16) = r0\n"
		     "r1 = 1\n"
		     "call bpf_throw\n"
		     "1: r0 = 1\n"
		     "exit\n" ::: "memory");
}

/* The caller's task as the callee's argument: the caller's to release, whatever the callee does with its copy. */
static __noinline int borrow(struct task_struct *task)
{
	bpf_assert_ne(which, 0);
	return task->pid;
}

SEC("tc") int borrowed(struct __sk_buff *ctx)
{
	struct task_struct *task = current();
	int pid;

	if (!task)
		return 1;
	pid = borrow(task);
	bpf_task_release(task);
	return pid;
}

/* A reference that a callee acquired and gave to its caller. */
static __noinline struct task_struct *give(void)
{
	return current();
}

SEC("tc") int given(struct __sk_buff *ctx)
{
	struct task_struct *task = give();

	if (!task)
		return 1;
	bpf_assert_ne(which, 0);
	bpf_task_release(task);
	return 1;
}

/* The pointer has not been tested for null: at run time it may be either. */
SEC("tc") int not_yet_tested(struct __sk_buff *ctx)
{
	struct task_struct *task = bpf_task_from_pid(which);
	__u64 len = ctx->len;

	bpf_assert_eq(len, 1);
	if (task)
		bpf_task_release(task);
	return 1;
}

/* An iterator whose constructor failed is open all the same. */
SEC("tc") int failed_iterator(struct __sk_buff *ctx)
{
	struct bpf_iter_num it;

	bpf_iter_num_new(&it, 10, 0);
	bpf_throw(5);
	bpf_iter_num_destroy(&it);
	return 1;
}

/* --- callbacks --------------------------------------------------------------------------------------------------- */

/* A timer's callback runs later, by itself, whatever became of the program that armed the timer. */
static int timer_fires(void *map, int *key, struct slot *s)
{
	s->count += 10;
	return 0;
}

SEC("tc") int throws_with_timer_armed(struct __sk_buff *ctx)
{
	struct slot *s = slot();

	if (!s)
		return 1;
	bpf_timer_init(&s->timer, &slots, 1);
	bpf_timer_set_callback(&s->timer, timer_fires);
	bpf_timer_start(&s->timer, 1000, 0);
	bpf_assert_eq_with(which, 1, 6);
	return 1;
}

static int work_runs(void *map, int *key, void *value)
{
	struct slot *s = value;

	s->count += 100;
	return 0;
}

SEC("tc") int throws_with_work_queued(struct __sk_buff *ctx)
{
	struct slot *s = slot();

	if (!s)
		return 1;
	bpf_wq_init(&s->work, &slots, 0);
	bpf_wq_set_callback_impl(&s->work, work_runs, 0, NULL);
	bpf_wq_start(&s->work, 0);
	bpf_assert_eq_with(which, 1, 7);
	return 1;
}

/* An exception callback is a program of its own: it may use maps and helpers, and hold and give back resources. */
static __noinline int remember(__u64 cookie)
{
	struct slot *s = slot();
	struct task_struct *task = current();
	__u32 key = cookie;
	struct guarded fresh = {}, *g;

	if (task) {
		seen = task->pid;
		bpf_task_release(task);
	}
	if (s)
		s->count = cookie;
	bpf_map_update_elem(&guards, &key, &fresh, 0);
	g = bpf_map_lookup_elem(&guards, &key);
	if (g) {
		bpf_spin_lock(&g->lock);
		g->count = 1;
		bpf_spin_unlock(&g->lock);
	}
	return cookie + 1;
}

SEC("tc") int callback_uses_maps(struct __sk_buff *ctx)
{
	struct task_struct *task;

	bpf_set_exception_callback((void *)remember);
	task = current();
	if (!task)
		return 1;
	bpf_assert_eq_with(which, 1, 41);
	bpf_task_release(task);
	return 1;
}

/* --- boundaries -------------------------------------------------------------------------------------------------- */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 4);
} targets SEC(".maps");

/* Entered by a tail call: a throw ends this program, and its result goes to whoever called the one before it. */
SEC("tc") int tail_target(struct __sk_buff *ctx)
{
	struct task_struct *task = current();

	if (!task)
		return 1;
	bpf_assert_eq_with(which, 1, 8);
	bpf_task_release(task);
	return 1;
}

static __noinline int jump(struct __sk_buff *ctx)
{
	int missed = 3;

	/* Or the compiler would know what the call returns. */
	opaque(missed);
	bpf_tail_call(ctx, &targets, 0);
	return missed;
}

SEC("tc") int tail_call(struct __sk_buff *ctx)
{
	return jump(ctx) + 8;
}

/* Gives the kfuncs that only assembly calls their types. */
__weak int types_of_kfuncs(void)
{
	bpf_task_release(current());
	bpf_throw(0);
	return 0;
}
