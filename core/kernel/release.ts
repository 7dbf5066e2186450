/**
 * What lets go of each kind of resource: one row per function that releases, used by the helpers and kfuncs themselves,
 * by maps that drop what they hold, and by an unwinding, which names the function that ran.
 */
import { BailoutError } from '../errors.ts';
import { finishRecord, finishRecordDynptr } from './helpers/dynptr.ts';
import { destroyIterator } from './iterators.ts';
import type { Kernel } from './kernel.ts';
import type { LedgerEntry } from './ledger.ts';
import { irqRestore, preemptEnable, rcuUnlock, spinUnlock } from './regions.ts';

/** Drops the reference behind a pointer that no ledger entry stands for any more: a task's count, an allocated object… */
export function dropReference(kernel: Kernel, value: bigint): void {
  const offset = kernel.memory.offset(value);
  const heap = offset === undefined ? undefined : kernel.heap.at(offset);
  if (heap !== undefined) {
    kernel.heap.drop(heap);
    return;
  }
  const object = kernel.world.behind(value);
  if (object === undefined) {
    throw new BailoutError('RELEASE_UNKNOWN', `Nothing at 0x${value.toString(16)} can be released.`);
  }
  kernel.world.drop(object);
}

/** Releases a reference or object that a program holds. */
export function releaseReference(kernel: Kernel, type: 'reference' | 'object', value: bigint, by: string): void {
  kernel.ledger.release(type, value, by);
  dropReference(kernel, value);
}

/**
 * Releases what a ledger entry stands for, as the function would that the program did not get to call, and returns
 * that function's name.
 */
export function releaseResource(kernel: Kernel, entry: LedgerEntry): string {
  const by = entry.release;
  switch (entry.type) {
    case 'reference':
    case 'object':
      kernel.ledger.releaseEntry(entry.id, by);
      dropReference(kernel, entry.value);
      return by;
    case 'ringbuf_record':
      finishRecord(kernel, entry.value, true, by);
      return by;
    case 'dynptr':
      finishRecordDynptr(kernel, entry.value, true, by);
      return by;
    case 'iterator':
      destroyIterator(kernel, entry, by);
      return by;
    case 'spin_lock':
    case 'res_spin_lock':
      spinUnlock(kernel, entry.type, entry.value, by);
      return by;
    case 'rcu':
      rcuUnlock(kernel, by);
      return by;
    case 'preempt':
      preemptEnable(kernel, by);
      return by;
    case 'irq':
      irqRestore(kernel, entry.value, by);
      return by;
  }
}
