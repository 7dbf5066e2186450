/**
 * What lets a resource go. One row per type of the kernel that a program can hold a counted reference to; the
 * rest follows from how the resource was made. Read by the verifier when it writes a descriptor.
 */
import type { ResourceType } from './descriptor.ts';

/** How a thing is let go while a frame is unwound, and how users read its type. */
export interface ReleaseRule {
  readonly resource: ResourceType;
  readonly typeName: string;
  readonly release: string;
}

/**
 * Destructors of the kernel's own types, by the name of the struct: the kfunc or helper that takes the one argument.
 * Socket types that only look different (full, request, time-wait, MPTCP…) end in the same helper.
 */
const DESTRUCTORS: Readonly<Record<string, string>> = {
  task_struct: 'bpf_task_release',
  cgroup: 'bpf_cgroup_release',
  bpf_cpumask: 'bpf_cpumask_release',
  cpumask: 'bpf_cpumask_release',
  bpf_key: 'bpf_key_put',
  file: 'bpf_put_file',
  bpf_crypto_ctx: 'bpf_crypto_ctx_release',
  nf_conn: 'bpf_ct_release',
  nf_conn___init: 'bpf_ct_release',
  xfrm_state: 'bpf_xdp_xfrm_state_release',
  hid_bpf_ctx: 'hid_bpf_release_context',
  sk_buff: 'bpf_kfree_skb',
  mem_cgroup: 'bpf_put_mem_cgroup',
  sock: 'bpf_sk_release',
  bpf_sock: 'bpf_sk_release',
  bpf_tcp_sock: 'bpf_sk_release',
  sock_common: 'bpf_sk_release',
  tcp_sock: 'bpf_sk_release',
  tcp6_sock: 'bpf_sk_release',
  udp6_sock: 'bpf_sk_release',
  tcp_request_sock: 'bpf_sk_release',
  tcp_timewait_sock: 'bpf_sk_release',
  inet_timewait_sock: 'bpf_sk_release',
  unix_sock: 'bpf_sk_release',
  mptcp_sock: 'bpf_sk_release',
  bpf_testmod_ops: 'bpf_kfunc_call_test_release',
  prog_test_ref_kfunc: 'bpf_kfunc_call_test_release',
  prog_test_member: 'bpf_kfunc_call_memb_release',
};

/** The rule for a reference to a kernel type, or undefined where no function takes one back. */
export function referenceRelease(structName: string): ReleaseRule | undefined {
  const release = DESTRUCTORS[structName];
  return release === undefined ? undefined : { resource: 'reference', typeName: `struct ${structName}`, release };
}

/** An object from `bpf_obj_new` (a refcounted one loses one count), or from `bpf_percpu_obj_new`. */
export function objectRelease(structName: string, perCpu: boolean): ReleaseRule {
  return {
    resource: 'object',
    typeName: perCpu ? `struct ${structName} __percpu` : `struct ${structName}`,
    release: perCpu ? 'bpf_percpu_obj_drop' : 'bpf_obj_drop',
  };
}

/** A record that was reserved but neither submitted nor discarded: nobody may see it. */
export const RINGBUF_RECORD: ReleaseRule = {
  resource: 'ringbuf_record',
  typeName: 'ringbuf record',
  release: 'bpf_ringbuf_discard',
};

export const RINGBUF_DYNPTR: ReleaseRule = {
  resource: 'dynptr',
  typeName: 'ringbuf dynptr',
  release: 'bpf_ringbuf_discard_dynptr',
};

/** An open iterator, by its struct (`bpf_iter_num`). Constructors, next and destroy share the struct's name (kernel: kfuncs.rst). */
export function iteratorRelease(structName: string): ReleaseRule {
  return { resource: 'iterator', typeName: `struct ${structName}`, release: `${structName}_destroy` };
}

export const REGIONS: Readonly<
  Record<'rcu' | 'preempt' | 'irq' | 'spin_lock' | 'res_spin_lock' | 'res_spin_lock_irq' | 'irq_res_lock', ReleaseRule>
> = {
  rcu: { resource: 'rcu', typeName: 'RCU read section', release: 'bpf_rcu_read_unlock' },
  preempt: { resource: 'preempt', typeName: 'preemption disabled', release: 'bpf_preempt_enable' },
  irq: { resource: 'irq', typeName: 'interrupts disabled', release: 'bpf_local_irq_restore' },
  spin_lock: { resource: 'spin_lock', typeName: 'struct bpf_spin_lock', release: 'bpf_spin_unlock' },
  res_spin_lock: { resource: 'res_spin_lock', typeName: 'struct bpf_res_spin_lock', release: 'bpf_res_spin_unlock' },
  res_spin_lock_irq: {
    resource: 'res_spin_lock',
    typeName: 'struct bpf_res_spin_lock',
    release: 'bpf_res_spin_unlock_irqrestore',
  },
  irq_res_lock: {
    resource: 'irq',
    typeName: 'interrupts disabled by a lock',
    release: 'bpf_res_spin_unlock_irqrestore',
  },
};
