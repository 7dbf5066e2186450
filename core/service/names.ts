/** What a value is, in words: the resource, map value, packet or stack slot that it points to. */
import { symbolOf } from '../debugger/inspect.ts';
import type { LedgerEntry } from '../kernel/ledger.ts';
import type { Machine } from '../machine/machine.ts';

/** `struct bpf_cpumask #2` */
export function nameOfEntry({ typeName, id }: Pick<LedgerEntry, 'typeName' | 'id'>): string {
  return `${typeName} #${id}`;
}

/** What a pointer leads to; undefined when the value is none. */
export function nameOfPointer(machine: Machine, value: bigint): string | undefined {
  const offset = machine.memory.offset(value);
  if (offset === undefined) return undefined;
  const { kernel } = machine;
  const known = kernel.resourceValue(value);
  const held = kernel.ledger.held().findLast((entry) => entry.value === known && isPointed(entry));
  if (held !== undefined) return withDistance(nameOfEntry(held), Number(value - known));
  const stored = kernel.ledger.stored().findLast((entry) => entry.value === known);
  if (stored !== undefined) return `${withDistance(nameOfEntry(stored), Number(value - known))} in ${stored.where}`;
  return symbolOf(machine, value);
}

/** Whether a resource is named by a pointer to it. A dynptr, an iterator and a saved flag are their slots: there the frame is what counts. */
function isPointed({ type }: LedgerEntry): boolean {
  return type === 'reference' || type === 'object' || type === 'ringbuf_record';
}

function withDistance(name: string, distance: number): string {
  return distance === 0 ? name : `${name}${distance > 0 ? '+' : ''}${distance}`;
}
