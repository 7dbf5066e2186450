import { describe, expect, it } from 'vitest';
import { BPF_MAP_TYPE_ARRAY } from '../../kernel/tables/map-types.ts';
import { done, lookUp, map, outcome, Types } from './testing/programs.ts';

const types = new Types();
const locked = types.of('locked', 16, [
  ['lock', types.spinLock, 0],
  ['counter', types.u64, 8],
]);
const guarded = types.of('guarded', 16, [
  ['lock', types.resSpinLock, 0],
  ['counter', types.u64, 8],
]);
const btf = types.open();
const maps = [
  map('locks', BPF_MAP_TYPE_ARRAY, { valueSize: 16, keyTypeId: types.u32, valueTypeId: locked }),
  map('guards', BPF_MAP_TYPE_ARRAY, { valueSize: 16, keyTypeId: types.u32, valueTypeId: guarded, index: 1 }),
  map('plain', BPF_MAP_TYPE_ARRAY, { keyTypeId: types.u32, valueTypeId: types.u64, index: 2 }),
];
const verdict = (source: string): string => outcome(source, { maps, btf });

const lock = (register: string): string => `r1 = ${register}\n call bpf_spin_lock\n`;
const unlock = (register: string): string => `r1 = ${register}\n call bpf_spin_unlock\n`;

describe('bpf_spin_lock', () => {
  const value = `${lookUp('locks')} r6 = r0\n`;

  it('is taken and given back', () => {
    expect(verdict(`${value} ${lock('r6')} *(u64 *)(r6 +8) = 1\n ${unlock('r6')} ${done}`)).toBe('accepted');
  });

  it('is given back before the end', () => {
    expect(verdict(`${value} ${lock('r6')} ${done}`)).toBe(
      'BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region',
    );
  });

  it('is not taken twice, nor given back without', () => {
    expect(verdict(`${value} ${lock('r6')} ${lock('r6')} ${done}`)).toBe(
      'function calls are not allowed while holding a lock',
    );
    expect(verdict(`${value} ${unlock('r6')} ${done}`)).toBe('bpf_spin_unlock without taking a lock');
  });

  it('is given back by the value it was taken by', () => {
    const source = `${value} ${lookUp('locks')} r7 = r0\n ${lock('r6')} ${unlock('r7')} ${done}`;
    expect(verdict(source)).toBe('bpf_spin_unlock of different lock');
  });

  it('lies where the type says', () => {
    expect(verdict(`${value} r6 += 4\n ${lock('r6')} ${done}`)).toBe(
      "off 4 doesn't point to 'struct bpf_spin_lock' that is at 0",
    );
    expect(verdict(`${lookUp('plain')} r6 = r0\n ${lock('r6')} ${done}`)).toBe(
      "map 'plain' has no valid bpf_spin_lock",
    );
  });

  it('is not to be read', () => {
    expect(verdict(`${value} r0 = *(u32 *)(r6 +0)\n exit`)).toBe(
      'bpf_spin_lock cannot be accessed directly by load/store',
    );
  });

  it('lets nothing be called but what is known to be quick', () => {
    expect(verdict(`${value} ${lock('r6')} call bpf_ktime_get_ns\n ${unlock('r6')} ${done}`)).toBe(
      'function calls are not allowed while holding a lock',
    );
  });
});

describe('bpf_res_spin_lock', () => {
  const value = `${lookUp('guards')} r6 = r0\n`;
  const take = `r1 = r6\n call bpf_res_spin_lock\n if r0 != 0 goto out\n`;
  const give = `r1 = r6\n call bpf_res_spin_unlock\n`;

  it('may fail, and is held only when it did not', () => {
    expect(verdict(`${value} ${take} ${give} out: ${done}`)).toBe('accepted');
    expect(verdict(`${value} r1 = r6\n call bpf_res_spin_lock\n ${give} ${done}`)).toBe(
      'bpf_res_spin_unlock without taking a lock',
    );
  });

  it('is not taken twice', () => {
    expect(verdict(`${value} ${take} ${take} ${give} ${give} out: ${done}`)).toBe(
      'Acquiring the same lock again, AA deadlock detected',
    );
  });
});

describe('regions', () => {
  const tracing = (source: string): string => outcome(source, { type: 'raw_tracepoint' });

  it('of RCU end before the program does', () => {
    expect(tracing(`call bpf_rcu_read_lock\n call bpf_rcu_read_unlock ${done}`)).toBe('accepted');
    expect(tracing(`call bpf_rcu_read_lock ${done}`)).toBe(
      'BPF_EXIT instruction in main prog cannot be used inside bpf_rcu_read_lock-ed region',
    );
    expect(tracing(`call bpf_rcu_read_unlock ${done}`)).toBe(
      'unmatched rcu read unlock (kernel function bpf_rcu_read_unlock)',
    );
    expect(tracing(`call bpf_rcu_read_lock\n call bpf_rcu_read_lock ${done}`)).toBe(
      'nested rcu read lock (kernel function bpf_rcu_read_lock)',
    );
  });

  it('without preemption nest', () => {
    const off = 'call bpf_preempt_disable\n';
    const on = 'call bpf_preempt_enable\n';
    expect(tracing(`${off}${off}${on}${on}${done}`)).toBe('accepted');
    expect(tracing(`${off}${off}${on}${done}`)).toMatch(/bpf_preempt_disable-ed region$/);
    expect(tracing(`${on}${done}`)).toBe('unmatched attempt to enable preemption (kernel function bpf_preempt_enable)');
  });

  it('without interrupts end in the opposite order', () => {
    const save = (at: number): string => `r1 = r10\n r1 += ${at}\n call bpf_local_irq_save\n`;
    const restore = (at: number): string => `r1 = r10\n r1 += ${at}\n call bpf_local_irq_restore\n`;
    expect(tracing(`${save(-8)}${save(-16)}${restore(-16)}${restore(-8)}${done}`)).toBe('accepted');
    expect(tracing(`${save(-8)}${save(-16)}${restore(-8)}${restore(-16)}${done}`)).toMatch(
      /^cannot restore irq state out of order, expected id=\d+ acquired at insn_idx=\d+$/,
    );
    expect(tracing(`${save(-8)}${done}`)).toMatch(/bpf_local_irq_save-ed region$/);
    expect(tracing(`${restore(-8)}${done}`)).toBe('expected an initialized irq flag as arg#0');
    expect(tracing(`${save(-8)} *(u64 *)(r10 -8) = 0\n ${restore(-8)}${done}`)).toBe(
      'expected an initialized irq flag as arg#0',
    );
  });
});
