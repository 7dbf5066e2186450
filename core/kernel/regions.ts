/** Sections of a program in which something holds: locks, RCU, preemption and interrupts off. Each is an entry of the ledger. */
import { BailoutError } from '../errors.ts';
import type { Call } from './behaviour.ts';
import { KernelFault } from './behaviour.ts';
import type { Kernel } from './kernel.ts';

/** Of the simulated CPU's flags register: interrupts are on, and the bit that is always set. */
export const FLAGS_INTERRUPTS_ON = 0x202n;
export const FLAGS_INTERRUPTS_OFF = 0x2n;

export function spinLock(call: Call, type: 'spin_lock' | 'res_spin_lock', lock: bigint, release: string): void {
  const { kernel } = call;
  const at = kernel.offset(lock);
  // Nobody else runs, so a lock that is taken was taken by this program: it would wait for ever.
  if (kernel.memory.readU32(at) !== 0) {
    throw new KernelFault(
      'DEADLOCK',
      `${call.name} at insn ${call.insn}: the lock at 0x${lock.toString(16)} is already held`,
    );
  }
  kernel.memory.writeU32(at, 1);
  kernel.acquire(call, type, `struct bpf_${type}`, lock, release);
  kernel.observer.locked?.(lock, true);
}

export function spinUnlock(kernel: Kernel, type: 'spin_lock' | 'res_spin_lock', lock: bigint, by: string): void {
  kernel.ledger.release(type, lock, by);
  kernel.memory.writeU32(kernel.offset(lock), 0);
  kernel.observer.locked?.(lock, false);
}

export function rcuLock(call: Call): void {
  call.kernel.acquire(call, 'rcu', 'RCU read section', 0n, 'bpf_rcu_read_unlock');
}

export function rcuUnlock(kernel: Kernel, by: string): void {
  leave(kernel, 'rcu', by);
  if (!kernel.inRcu()) kernel.heap.graceEnds();
}

export function preemptDisable(call: Call): void {
  call.kernel.acquire(call, 'preempt', 'preemption disabled', 0n, 'bpf_preempt_enable');
}

export function preemptEnable(kernel: Kernel, by: string): void {
  leave(kernel, 'preempt', by);
}

/** Interrupts off; the flags before go to the program's slot. `release` differs for locks that do it along the way. */
export function irqSave(call: Call, slot: bigint, release: string, typeName = 'interrupts disabled'): void {
  const { kernel } = call;
  const flags = kernel.ledger.count('irq') === 0 ? FLAGS_INTERRUPTS_ON : FLAGS_INTERRUPTS_OFF;
  kernel.memory.writeU64(kernel.offset(slot), flags);
  kernel.acquire(call, 'irq', typeName, slot, release);
}

export function irqRestore(kernel: Kernel, slot: bigint, by: string): void {
  kernel.ledger.release('irq', slot, by);
  kernel.memory.writeU64(kernel.offset(slot), 0n);
}

function leave(kernel: Kernel, type: 'rcu' | 'preempt', by: string): void {
  const entry = kernel.ledger.newest(type);
  if (entry === undefined)
    throw new BailoutError('LEDGER_NOT_HELD', `${by} leaves a ${type} section that was not entered.`);
  kernel.ledger.releaseEntry(entry.id, by);
}
