/**
 * Kernel functions that programs may call: what each does to references and contexts, and which programs may call it. Prototypes are not here:
 * they come from the kernel's BTF.
 *
 * Source: the BTF_ID_FLAGS sets of Linux 6.18; who may call what was compared with a running 6.18 kernel for all functions and program types.
 */
import type { Program, ProgramTypeName } from '../../object/program.ts';

/** The caller owns the result and must release it. */
export const KF_ACQUIRE = 1 << 0;
/** Lets go of its (only referenced) argument. */
export const KF_RELEASE = 1 << 1;
export const KF_RET_NULL = 1 << 2;
/** Pointers must be trusted and not null. */
export const KF_TRUSTED_ARGS = 1 << 3;
export const KF_SLEEPABLE = 1 << 4;
export const KF_DESTRUCTIVE = 1 << 5;
/** As trusted, or protected by RCU. */
export const KF_RCU = 1 << 6;
export const KF_ITER_NEW = 1 << 7;
export const KF_ITER_NEXT = 1 << 8;
export const KF_ITER_DESTROY = 1 << 9;
/** The caller must be in an RCU read-side section as long as the result is used. */
export const KF_RCU_PROTECTED = 1 << 10;
/** Keeps all registers but its arguments and R0. */
export const KF_FASTCALL = 1 << 11;

/** Groups of program types that share what they may call. */
export type KfuncHook =
  | 'common'
  | 'xdp'
  | 'tc'
  | 'struct_ops'
  | 'tracing'
  | 'syscall'
  | 'cgroup'
  | 'sched_act'
  | 'sk_skb'
  | 'socket_filter'
  | 'lwt'
  | 'netfilter'
  | 'kprobe';

const HOOK_OF_TYPE: Readonly<Partial<Record<ProgramTypeName, KfuncHook>>> = {
  xdp: 'xdp',
  sched_cls: 'tc',
  struct_ops: 'struct_ops',
  tracing: 'tracing',
  tracepoint: 'tracing',
  perf_event: 'tracing',
  lsm: 'tracing',
  syscall: 'syscall',
  cgroup_skb: 'cgroup',
  cgroup_sock: 'cgroup',
  cgroup_device: 'cgroup',
  cgroup_sock_addr: 'cgroup',
  cgroup_sockopt: 'cgroup',
  cgroup_sysctl: 'cgroup',
  sock_ops: 'cgroup',
  sched_act: 'sched_act',
  sk_skb: 'sk_skb',
  socket_filter: 'socket_filter',
  lwt_out: 'lwt',
  lwt_in: 'lwt',
  lwt_xmit: 'lwt',
  lwt_seg6local: 'lwt',
  netfilter: 'netfilter',
  kprobe: 'kprobe',
};

/** Who may call within the hook: further conditions of a few functions. */
export type KfuncFilter = 'none' | 'iterator' | 'lsm' | 'kprobe_session' | 'nobody';

export interface Kfunc {
  readonly name: string;
  /** KF_* bits. */
  readonly flags: number;
  readonly hooks: readonly KfuncHook[];
  readonly filter: KfuncFilter;
}

const LETTERS: Readonly<Record<string, number>> = {
  acquire: KF_ACQUIRE,
  release: KF_RELEASE,
  null: KF_RET_NULL,
  trusted: KF_TRUSTED_ARGS,
  sleeps: KF_SLEEPABLE,
  destructive: KF_DESTRUCTIVE,
  rcu: KF_RCU,
  new: KF_ITER_NEW,
  next: KF_ITER_NEXT | KF_RET_NULL,
  destroy: KF_ITER_DESTROY,
  protected: KF_RCU_PROTECTED,
  fastcall: KF_FASTCALL,
};

/** Rows of one set: a function's name, then its flags in words. */
function set(hooks: readonly KfuncHook[], text: string, filter: KfuncFilter = 'none'): Kfunc[] {
  const rows: Kfunc[] = [];
  for (const line of text.split('\n')) {
    for (const entry of line.split(',')) {
      const [name, ...flagWords] = entry.trim().split(/\s+/);
      if (name === undefined || name === '') continue;
      let flags = 0;
      for (const word of flagWords) flags |= LETTERS[word] ?? 0;
      rows.push({ name, flags, hooks, filter });
    }
  }
  return rows;
}

const GENERIC_HOOKS = ['tracing', 'tc', 'xdp', 'struct_ops', 'syscall', 'cgroup'] as const;
const PACKET_HOOKS = ['tc', 'sched_act', 'sk_skb', 'socket_filter', 'cgroup', 'lwt', 'netfilter', 'tracing'] as const;

export const KFUNCS: readonly Kfunc[] = [
  ...set(
    ['common'],
    `__bpf_trap
    bpf_cast_to_kern_ctx fastcall, bpf_rdonly_cast fastcall
    bpf_rcu_read_lock, bpf_rcu_read_unlock, bpf_preempt_disable, bpf_preempt_enable
    bpf_local_irq_save, bpf_local_irq_restore
    bpf_res_spin_lock null, bpf_res_spin_unlock, bpf_res_spin_lock_irqsave null, bpf_res_spin_unlock_irqrestore
    bpf_dynptr_slice null, bpf_dynptr_slice_rdwr null, bpf_dynptr_adjust, bpf_dynptr_is_null, bpf_dynptr_is_rdonly
    bpf_dynptr_size, bpf_dynptr_clone, bpf_dynptr_copy, bpf_dynptr_memset
    bpf_probe_read_user_dynptr, bpf_probe_read_kernel_dynptr, bpf_probe_read_user_str_dynptr, bpf_probe_read_kernel_str_dynptr
    bpf_copy_from_user_dynptr sleeps, bpf_copy_from_user_str_dynptr sleeps
    bpf_copy_from_user_task_dynptr sleeps trusted, bpf_copy_from_user_task_str_dynptr sleeps trusted
    bpf_copy_from_user_str sleeps, bpf_copy_from_user_task_str sleeps
    bpf_iter_num_new new, bpf_iter_num_next next, bpf_iter_num_destroy destroy
    bpf_iter_bits_new new, bpf_iter_bits_next next, bpf_iter_bits_destroy destroy
    bpf_iter_task_vma_new new rcu, bpf_iter_task_vma_next next, bpf_iter_task_vma_destroy destroy
    bpf_iter_css_task_new new trusted, bpf_iter_css_task_next next, bpf_iter_css_task_destroy destroy
    bpf_iter_css_new new trusted protected, bpf_iter_css_next next, bpf_iter_css_destroy destroy
    bpf_iter_task_new new trusted protected, bpf_iter_task_next next, bpf_iter_task_destroy destroy
    bpf_iter_kmem_cache_new new sleeps, bpf_iter_kmem_cache_next next sleeps, bpf_iter_kmem_cache_destroy destroy sleeps
    bpf_iter_dmabuf_new new sleeps, bpf_iter_dmabuf_next next sleeps, bpf_iter_dmabuf_destroy destroy sleeps
    bpf_get_kmem_cache
    bpf_wq_init, bpf_wq_set_callback_impl, bpf_wq_start
    bpf_task_work_schedule_signal_impl trusted, bpf_task_work_schedule_resume_impl trusted
    bpf_stream_vprintk_impl trusted
    bpf_strcmp, bpf_strcasecmp, bpf_strchr, bpf_strchrnul, bpf_strnchr, bpf_strrchr, bpf_strlen, bpf_strnlen, bpf_strspn
    bpf_strcspn, bpf_strstr, bpf_strnstr
    bpf_map_sum_elem_count trusted, bpf_modify_return_test_tp, bpf_cgroup_read_xattr rcu
    bpf_arena_alloc_pages trusted sleeps, bpf_arena_free_pages trusted sleeps, bpf_arena_reserve_pages trusted
    bpf_xdp_metadata_rx_timestamp trusted, bpf_xdp_metadata_rx_hash trusted, bpf_xdp_metadata_rx_vlan_tag trusted`,
  ),
  ...set(
    GENERIC_HOOKS,
    `bpf_obj_new_impl acquire null, bpf_percpu_obj_new_impl acquire null, bpf_obj_drop_impl release
    bpf_percpu_obj_drop_impl release, bpf_refcount_acquire_impl acquire null rcu
    bpf_list_push_front_impl, bpf_list_push_back_impl, bpf_list_pop_front acquire null, bpf_list_pop_back acquire null
    bpf_list_front null, bpf_list_back null
    bpf_rbtree_remove acquire null, bpf_rbtree_add_impl, bpf_rbtree_first null, bpf_rbtree_root null, bpf_rbtree_left null
    bpf_rbtree_right null
    bpf_task_acquire acquire rcu null, bpf_task_release release, bpf_task_from_pid acquire null, bpf_task_from_vpid acquire null
    bpf_task_under_cgroup rcu, bpf_task_get_cgroup1 acquire rcu null
    bpf_cgroup_acquire acquire rcu null, bpf_cgroup_release release, bpf_cgroup_ancestor acquire rcu null
    bpf_cgroup_from_id acquire null
    bpf_lookup_user_key acquire null sleeps, bpf_lookup_system_key acquire null, bpf_key_put release
    bpf_verify_pkcs7_signature sleeps, bpf_send_signal_task trusted, bpf_throw, crash_kexec destructive`,
  ),
  // Proposed in 2023 together with bpf_throw; Linux took a declaration tag in its place (docs/exceptions.md, section 2).
  ...set(GENERIC_HOOKS, 'bpf_set_exception_callback'),
  ...set(
    ['tracing', 'struct_ops', 'syscall'],
    `bpf_cpumask_create acquire null, bpf_cpumask_release release, bpf_cpumask_acquire acquire trusted
    bpf_cpumask_first rcu, bpf_cpumask_first_zero rcu, bpf_cpumask_first_and rcu, bpf_cpumask_set_cpu rcu
    bpf_cpumask_clear_cpu rcu, bpf_cpumask_test_cpu rcu, bpf_cpumask_test_and_set_cpu rcu, bpf_cpumask_test_and_clear_cpu rcu
    bpf_cpumask_setall rcu, bpf_cpumask_clear rcu, bpf_cpumask_and rcu, bpf_cpumask_or rcu, bpf_cpumask_xor rcu
    bpf_cpumask_equal rcu, bpf_cpumask_intersects rcu, bpf_cpumask_subset rcu, bpf_cpumask_empty rcu, bpf_cpumask_full rcu
    bpf_cpumask_copy rcu, bpf_cpumask_any_distribute rcu, bpf_cpumask_any_and_distribute rcu, bpf_cpumask_weight rcu
    bpf_cpumask_populate rcu`,
  ),
  ...set(['tracing'], 'css_rstat_updated, css_rstat_flush sleeps'),
  ...set(['tracing'], 'bpf_sock_destroy trusted', 'iterator'),
  ...set(
    ['tracing'],
    `bpf_get_task_exe_file acquire trusted null, bpf_put_file release, bpf_path_d_path trusted
    bpf_get_dentry_xattr sleeps trusted, bpf_get_file_xattr sleeps trusted
    bpf_set_dentry_xattr sleeps trusted, bpf_remove_dentry_xattr sleeps trusted`,
    'lsm',
  ),
  ...set(['tracing', 'tc', 'syscall'], 'bpf_kfunc_call_test_release release, bpf_kfunc_call_memb_release release'),
  ...set(['kprobe'], 'bpf_session_is_return, bpf_session_cookie', 'kprobe_session'),
  ...set(
    ['syscall'],
    'bpf_crypto_ctx_create acquire null sleeps, bpf_crypto_ctx_release release, bpf_crypto_ctx_acquire acquire rcu null',
  ),
  ...set(['tc', 'sched_act', 'xdp'], 'bpf_crypto_decrypt rcu, bpf_crypto_encrypt rcu'),
  ...set(
    ['tc', 'xdp'],
    `bpf_xdp_ct_alloc acquire null, bpf_xdp_ct_lookup acquire null, bpf_skb_ct_alloc acquire null, bpf_skb_ct_lookup acquire null
    bpf_ct_insert_entry acquire null release, bpf_ct_release release, bpf_ct_set_timeout trusted, bpf_ct_change_timeout trusted
    bpf_ct_set_status trusted, bpf_ct_change_status trusted, bpf_ct_set_nat_info trusted`,
  ),
  ...set(['tc'], 'bpf_skb_get_xfrm_info, bpf_skb_set_xfrm_info, bpf_sk_assign_tcp_reqsk trusted'),
  ...set(['tc'], `bpf_skb_get_fou_encap, bpf_skb_set_fou_encap`),
  ...set(PACKET_HOOKS, 'bpf_dynptr_from_skb trusted'),
  ...set(['tc', 'sched_act'], 'bpf_dynptr_from_skb_meta trusted'),
  ...set(
    ['xdp'],
    `bpf_dynptr_from_xdp, bpf_xdp_pull_data, bpf_xdp_get_xfrm_state null acquire, bpf_xdp_xfrm_state_release release
    bpf_xdp_flow_lookup trusted null`,
  ),
  ...set(['cgroup'], 'bpf_sock_addr_set_sun_path, bpf_sock_ops_enable_tx_tstamp trusted'),
  ...set(
    ['struct_ops'],
    `tcp_reno_ssthresh, tcp_reno_cong_avoid, tcp_reno_undo_cwnd, tcp_slow_start, tcp_cong_avoid_ai
    bbr_init, bbr_main, bbr_sndbuf_expand, bbr_undo_cwnd, bbr_cwnd_event, bbr_ssthresh, bbr_min_tso_segs, bbr_set_state
    cubictcp_init, cubictcp_recalc_ssthresh, cubictcp_cong_avoid, cubictcp_state, cubictcp_cwnd_event, cubictcp_acked
    dctcp_init, dctcp_update_alpha, dctcp_cwnd_event, dctcp_ssthresh, dctcp_cwnd_undo, dctcp_state`,
  ),
  // Functions that only are attach targets.
  ...set([], 'bpf_modify_return_test, bpf_modify_return_test2, bpf_fentry_test1 sleeps', 'nobody'),
];

const byName = new Map(KFUNCS.map((kfunc) => [kfunc.name, kfunc]));

/** A kernel function by its BTF name. */
export function kfuncByName(name: string): Kfunc | undefined {
  return byName.get(name);
}

/** Whether a program may call a kernel function at all ("calling kernel function %s is not allowed"). */
export function kfuncAllowed(program: Pick<Program, 'type' | 'attachType'>, kfunc: Kfunc): boolean {
  const hook = HOOK_OF_TYPE[program.type];
  if (!kfunc.hooks.includes('common') && (hook === undefined || !kfunc.hooks.includes(hook))) return false;
  switch (kfunc.filter) {
    case 'none':
      return true;
    case 'iterator':
      return program.attachType === 'trace_iter';
    case 'lsm':
      return program.type === 'lsm';
    case 'kprobe_session':
      return program.attachType === 'trace_kprobe_session';
    case 'nobody':
      return false;
  }
}
