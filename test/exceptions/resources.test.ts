/**
 * Every kind of resource of docs/exceptions.md, section 5, in hand when a program throws under profile `proposal`; who answers
 * for what is held by several frames; callbacks and boundaries. Sources: resources.bpf.c.
 */
import { describe, expect, it } from 'vitest';
import type { Scenario } from '../../core/kernel/scenario.ts';
import { verify } from '../../core/verifier/verify.ts';
import { cookies, load, programOf, releases, run } from './testing/objects.ts';

const resources = load('resources');

const world: Scenario = {
  tasks: [{ pid: 1000, comm: 'bpf', exe: '/usr/bin/bpf' }],
  sockets: [
    { name: 'web', protocol: 'tcp', local: '127.0.0.1', localPort: 80, remote: '127.0.0.1', remotePort: 12345 },
  ],
  maps: {
    guards: { entries: [{ key: 0, value: { hex: '00'.repeat(16) } }] },
    targets: { slots: { '0': 'tail_target' } },
  },
};

/** Program, and what is released: the function, the type, the place, by what. */
const kinds: readonly (readonly [program: string, ...released: string[]])[] = [
  ['cgroup', 'cgroup: struct cgroup from r6 by bpf_cgroup_release'],
  ['socket', 'socket: struct bpf_sock from r6 by bpf_sk_release'],
  ['key', 'key: struct bpf_key from r6 by bpf_key_put'],
  ['file', 'file: struct file from r6 by bpf_put_file'],
  ['refcounted', 'refcounted: struct node from r7 by bpf_obj_drop', 'refcounted: struct node from r6 by bpf_obj_drop'],
  ['kptr_from_map', 'kptr_from_map: struct plain from r6 by bpf_obj_drop'],
  ['task_from_map', 'task_from_map: struct task_struct from r6 by bpf_task_release'],
  ['list_node', 'list_node: struct node from r6 by bpf_obj_drop'],
  ['tree_node', 'tree_node: struct node from r6 by bpf_obj_drop'],
  ['spin_lock', 'spin_lock: struct bpf_spin_lock from region by bpf_spin_unlock'],
  [
    'spin_lock_in_caller',
    'spin_lock_in_caller: struct bpf_spin_lock from region by bpf_spin_unlock',
    'spin_lock_in_caller: struct node from r6 saved by frame 1 by bpf_obj_drop',
  ],
  [
    'res_spin_locks',
    'res_spin_locks: struct bpf_res_spin_lock from region by bpf_res_spin_unlock',
    'res_spin_locks: struct bpf_res_spin_lock from region by bpf_res_spin_unlock',
  ],
  [
    'two_elements',
    'two_elements: struct bpf_res_spin_lock from region by bpf_res_spin_unlock',
    'two_elements: struct bpf_res_spin_lock from region by bpf_res_spin_unlock',
  ],
  [
    'global_spin_lock',
    'global_spin_lock: struct bpf_spin_lock from region by bpf_spin_unlock',
    'global_spin_lock: struct node from r6 by bpf_obj_drop',
  ],
  ['rcu', 'rcu: RCU read section from region by bpf_rcu_read_unlock'],
  [
    'preemption',
    'preemption: preemption disabled from region by bpf_preempt_enable',
    'preemption: preemption disabled from region by bpf_preempt_enable',
  ],
  [
    'interrupts',
    'interrupts: interrupts disabled from fp-16 by bpf_local_irq_restore',
    'interrupts: interrupts disabled from fp-8 by bpf_local_irq_restore',
  ],
  [
    'sections_of_several_frames',
    'fail: preemption disabled from region by bpf_preempt_enable',
    'sections_of_several_frames: RCU read section from region by bpf_rcu_read_unlock',
  ],
];

const holders: typeof kinds = [
  ['reachable_twice', 'reachable_twice: struct task_struct from r6 by bpf_task_release'],
  ['borrowed', 'borrowed: struct task_struct from r6 saved by frame 1 by bpf_task_release'],
  ['given', 'given: struct task_struct from r6 by bpf_task_release'],
  ['failed_iterator', 'failed_iterator: struct bpf_iter_num from fp-8 by bpf_iter_num_destroy'],
];

function throwing(name: string, more: Scenario = {}, globals: Scenario['globals'] = {}) {
  const result = run(resources, name, { scenario: { ...world, ...more }, globals });
  expect(result.fault).toBeUndefined();
  expect(result.ledger).toEqual({ before: [], after: [] });
  return result;
}

describe('a throw lets go of', () => {
  it.each(kinds)('%s: %s', (name, ...released) => {
    const result = throwing(name);
    expect(result.retval).toBe(0);
    expect(result.throws).toHaveLength(1);
    expect(releases(result)).toEqual(released);
  });

  it('a resilient lock that keeps interrupts off, lock and interrupts', () => {
    const result = throwing('res_spin_lock_irq');
    expect(result.retval).toBe(0);
    expect(releases(result).join()).toContain('bpf_res_spin_unlock_irqrestore');
  });
});

describe('who holds what', () => {
  it.each(holders)('%s: %s', (name, ...released) => {
    expect(releases(throwing(name))).toEqual(released);
  });

  it('a pointer that was never tested for null is released when it is not null', () => {
    const found = 'not_yet_tested: struct task_struct from r6 by bpf_task_release';
    expect(releases(throwing('not_yet_tested', {}, { which: 1000 }))).toEqual([found]);
    expect(releases(throwing('not_yet_tested', {}, { which: 7 }))).toEqual([]);
  });

  it('each program that passes its assertion gives back what it holds itself', () => {
    for (const name of ['cgroup', 'refcounted', 'rcu', 'preemption', 'interrupts', 'list_node', 'tree_node']) {
      const result = throwing(name, {}, { which: 1 });
      expect([name, result.throws.length, result.retval]).toEqual([name, 0, 1]);
    }
  });
});

describe('callbacks', () => {
  it('a timer that was armed fires although its program threw', () => {
    const result = throwing('throws_with_timer_armed');
    expect(cookies(result)).toEqual([6n]);
    expect(result.async).toMatchObject([{ kind: 'timer', value: 0n }]);
  });

  it('work that was queued runs although its program threw', () => {
    const result = throwing('throws_with_work_queued');
    expect(cookies(result)).toEqual([7n]);
    expect(result.async).toMatchObject([{ kind: 'workqueue', value: 0n }]);
  });

  it('an exception callback uses maps, helpers, locks and references of its own', () => {
    const result = throwing('callback_uses_maps');
    expect(result).toMatchObject({ retval: 42, callback: { name: 'remember', how: 'call' } });
    expect(releases(result)).toEqual(['callback_uses_maps: struct task_struct from r6 by bpf_task_release']);
  });
});

describe('boundaries', () => {
  it('a throw in a tail call’s target unwinds that program alone; its result goes to the caller of the one before', () => {
    const result = throwing('tail_call');
    expect(result.retval).toBe(8);
    expect(cookies(result)).toEqual([8n]);
    expect(releases(result)).toEqual(['tail_target: struct task_struct from r6 by bpf_task_release']);
    expect(throwing('tail_call', { maps: {} }).retval).toBe(11);
  });
});

describe('descriptors', () => {
  it('cost nothing where nothing is held', () => {
    const { descriptors } = verify(programOf(resources, 'throws_with_timer_armed'), { profile: 'proposal' });
    expect(descriptors.every(({ entries }) => entries.length === 0)).toBe(true);
  });

  it('are not made under `linux`', () => {
    const { descriptors } = verify(programOf(resources, 'throws_with_timer_armed'), { profile: 'linux' });
    expect(descriptors).toEqual([]);
  });
});
