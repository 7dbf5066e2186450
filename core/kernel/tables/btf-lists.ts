/**
 * Facts about kernel types that BTF does not say and that the kernel keeps in lists: which fields may be trusted, which objects RCU protects, how
 * objects are destroyed, which tracepoint arguments can be null, which hooks may sleep.
 *
 * Source: BTF_TYPE_SAFE_*, rcu_protected_types, the registered destructors, the lists of kernel/bpf/bpf_lsm.c and btf.c.
 */

function table(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const rows = new Map<string, Set<string>>();
  for (const line of text.trim().split('\n')) {
    const [struct, ...fields] = line.trim().split(/\s+/);
    if (struct !== undefined) rows.set(struct, new Set(fields));
  }
  return rows;
}

function names(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** Fields that are valid inside an RCU read-side section and never null. */
export const SAFE_RCU = table(`
  task_struct cpus_ptr cgroups real_parent group_leader
  cgroup kn
  css_set dfl_cgrp
  cgroup_subsys_state cgroup`);

/** As SAFE_RCU, but may be null. */
export const SAFE_RCU_OR_NULL = table(`
  mm_struct exe_file
  sk_buff sk
  request_sock sk`);

/** Fields of a trusted pointer that are trusted too. */
export const SAFE_TRUSTED = table(`
  bpf_iter_meta seq
  bpf_iter__task meta task
  linux_binprm file
  file f_inode`);

/** As SAFE_TRUSTED, but may be null. */
export const SAFE_TRUSTED_OR_NULL = table(`
  socket sk
  dentry d_inode
  vm_area_struct vm_mm vm_file`);

/** Kernel objects whose memory RCU protects, so that a kptr to one can be read in an RCU section. */
export const RCU_PROTECTED = names('prog_test_ref_kfunc cgroup bpf_cpumask task_struct bpf_crypto_ctx');

/** The function that lets go of an object stored in a map, by the object's struct: what makes a `__kptr` field possible. */
export const DESTRUCTORS: ReadonlyMap<string, string> = new Map([
  ['task_struct', 'bpf_task_release_dtor'],
  ['cgroup', 'bpf_cgroup_release_dtor'],
  ['bpf_cpumask', 'bpf_cpumask_release_dtor'],
  ['bpf_crypto_ctx', 'bpf_crypto_ctx_release_dtor'],
  ['prog_test_ref_kfunc', 'bpf_kfunc_call_test_release_dtor'],
  ['prog_test_member', 'bpf_kfunc_call_memb_release_dtor'],
]);

/** Tracepoint arguments that can be null (1) or an error pointer (2): one hexadecimal digit per argument, the first one lowest. */
export const TRACEPOINT_NULL_ARGS: ReadonlyMap<string, bigint> = new Map(
  `sched_pi_setprio 10, sched_process_wait 1, sched_stick_numa 100, sched_swap_numa 100, afs_make_fs_call 10, afs_make_fs_calli 10,
  afs_make_fs_call1 10, afs_make_fs_call2 10, afs_protocol_error 1, afs_flock_ev 10, cachefiles_lookup 201, cachefiles_unlink 1,
  cachefiles_rename 1, cachefiles_prep_read 1, cachefiles_mark_active 1, cachefiles_mark_failed 1, cachefiles_mark_inactive 1,
  cachefiles_vfs_error 1, cachefiles_io_error 1, cachefiles_ondemand_open 1, cachefiles_ondemand_copen 1, cachefiles_ondemand_close 1,
  cachefiles_ondemand_read 1, cachefiles_ondemand_cread 1, cachefiles_ondemand_fd_write 1, cachefiles_ondemand_fd_release 1,
  ext4_mballoc_discard 10, ext4_mballoc_free 10, fib_table_lookup 100, posix_lock_inode 10, fcntl_setlk 10, locks_remove_posix 10,
  flock_lock_inode 10, break_lease_noblock 10, break_lease_block 10, break_lease_unblock 10, generic_delete_lease 10,
  time_out_leases 10, host1x_cdma_push_gather 10000, mm_khugepaged_scan_pmd 10, mm_collapse_huge_page_isolate 1,
  mm_khugepaged_scan_file 10, mm_khugepaged_collapse_file 10, mm_page_alloc 1, mm_page_pcpu_drain 1, mm_page_alloc_zone_locked 1,
  netfs_failure 10, device_pm_callback_start 10, qdisc_dequeue 1000, rxrpc_recvdata 1, rxrpc_resend 10, rxrpc_tq 10,
  rxrpc_client 1, signal_generate 20, signal_deliver 20, kfree_skb 1000, xs_stream_read_data 1, xprt_reserve_cong 10,
  xprt_release_cong 10, xprt_get_cong 10, xprt_put_cong 10, tcp_send_reset 11, tegra_dma_tx_status 100, tmigr_update_events 1,
  writeback_dirty_folio 10, folio_wait_writeback 10, mr_integ_alloc 2000, bpf_testmod_test_read 0`
    .split(',')
    .map((entry) => {
      const [name, mask] = entry.trim().split(/\s+/);
      return [name!, BigInt(`0x${mask!}`)] as const;
    }),
);

/** LSM hooks (without `bpf_lsm_`) at which a program may sleep. */
export const SLEEPABLE_LSM_HOOKS = names(`
  bpf bpf_map bpf_map_create bpf_map_free bpf_prog bpf_prog_load bpf_token_create bpf_token_free bpf_token_cmd bpf_token_capable
  bprm_check_security bprm_committed_creds bprm_committing_creds bprm_creds_for_exec bprm_creds_from_file capget capset cred_prepare
  file_ioctl file_lock file_open file_post_open file_receive inode_create inode_free_security inode_getattr inode_getxattr inode_mknod
  inode_need_killpriv inode_post_setxattr inode_post_removexattr inode_readlink inode_removexattr inode_rename inode_rmdir inode_setattr
  inode_setxattr inode_symlink inode_unlink kernel_module_request kernel_read_file kernfs_init_security key_free path_unlink path_mkdir
  path_rmdir path_truncate path_symlink path_link path_rename path_chmod path_chown mmap_file netlink_send path_notify release_secctx
  sb_alloc_security sb_eat_lsm_opts sb_kern_mount sb_mount sb_remount sb_set_mnt_opts sb_show_options sb_statfs sb_umount settime
  socket_accept socket_bind socket_connect socket_create socket_getpeername socket_getpeersec_dgram socket_getsockname socket_getsockopt
  socket_listen socket_post_create socket_recvmsg socket_sendmsg socket_shutdown socket_socketpair syslog task_alloc task_prctl
  task_setscheduler task_to_inode userns_create`);

/** LSM hooks whose pointer arguments are not trusted: the object is being made or taken apart. */
export const UNTRUSTED_LSM_HOOKS = names(`
  bpf_map_free bpf_prog_free file_alloc_security file_free_security sk_alloc_security sk_free_security task_free`);

/** LSM hooks that no program may attach to. */
export const DISABLED_LSM_HOOKS = names(`
  vm_enough_memory inode_need_killpriv inode_getsecurity inode_listsecurity inode_copy_up_xattr getselfattr getprocattr setprocattr
  key_getsecurity audit_rule_match xfrm_decode_session ismaclabel`);

/** LSM hooks that return a truth value and not an error. */
export const BOOLEAN_LSM_HOOKS = names('xfrm_state_pol_flow_match audit_rule_known inode_xattr_skipcap');

/** Kernel functions where d_path may be used (bpf_d_path's allow list). */
export const D_PATH_ALLOWED = names(`
  security_file_permission security_inode_getattr security_file_open security_path_truncate vfs_truncate vfs_fallocate dentry_open
  vfs_getattr filp_close`);
