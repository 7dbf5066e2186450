import { describe, expect, test } from 'vitest';
import { attachTargetOf, findSectionRule, sectionRules } from './section-names.ts';

describe('a section name tells the program type', () => {
  test.each([
    ['xdp', 'xdp', 'xdp'],
    ['xdp.frags/cpumap', 'xdp', 'xdp_cpumap'],
    ['tc', 'sched_cls', undefined],
    ['tcx/egress', 'sched_cls', 'tcx_egress'],
    ['kprobe/do_unlinkat', 'kprobe', undefined],
    ['kprobe', 'kprobe', undefined],
    ['kprobe.session/x', 'kprobe', 'trace_kprobe_session'],
    ['usdt//bin/sh:provider:name', 'kprobe', 'trace_uprobe_multi'],
    ['fentry/bpf_fentry_test1', 'tracing', 'trace_fentry'],
    ['iter/task', 'tracing', 'trace_iter'],
    ['lsm_cgroup/socket_bind', 'lsm', 'lsm_cgroup'],
    ['cgroup/connect_unix', 'cgroup_sock_addr', 'cgroup_unix_connect'],
    ['struct_ops/init', 'struct_ops', undefined],
    ['freplace/f', 'ext', undefined],
    ['syscall', 'syscall', undefined],
    ['raw_tp.w/x', 'raw_tracepoint_writable', undefined],
  ])('%s', (section, type, attachType) => {
    expect(findSectionRule(section)).toMatchObject(attachType === undefined ? { type } : { type, attachType });
  });

  test('a name that only begins like a known one is unknown', () => {
    expect(findSectionRule('xdp_drop')).toBeUndefined();
    expect(findSectionRule('xdp/anything')).toBeUndefined();
    expect(findSectionRule('kprobes/x')).toBeUndefined();
    expect(findSectionRule('')).toBeUndefined();
  });

  test('a suffix .s makes it sleepable, and so is every syscall program', () => {
    expect(findSectionRule('fentry.s/x')?.sleepable).toBe(true);
    expect(findSectionRule('lsm.s/x')?.sleepable).toBe(true);
    expect(findSectionRule('iter.s/task')?.sleepable).toBe(true);
    expect(findSectionRule('syscall')?.sleepable).toBe(true);
    expect(findSectionRule('fentry/x')?.sleepable).toBeUndefined();
  });

  test('every pattern finds its own rule first', () => {
    for (const rule of sectionRules)
      expect(findSectionRule(rule.pattern.replace('+', '/x')) ?? findSectionRule(rule.pattern)).toBe(rule);
  });
});

test('what follows the first slash is the target', () => {
  expect(attachTargetOf('fentry/do_unlinkat')).toBe('do_unlinkat');
  expect(attachTargetOf('tp/sched/sched_switch')).toBe('sched/sched_switch');
  expect(attachTargetOf('fentry')).toBeUndefined();
});
