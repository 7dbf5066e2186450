/** What a value is, in words: the resource, map value, packet or stack slot that it points to. */
import { symbolOf } from '../debugger/inspect.ts';
import type { LedgerEntry, ResourceKind } from '../kernel/ledger.ts';
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
  return mapValueName(machine, offset) ?? packetName(machine, offset) ?? symbolOf(machine, value);
}

/** The resource that a word names: by a pointer to it or into it, or by the address of the slot that it is. */
export function resourceOf({ kernel, memory }: Machine, value: bigint): number | undefined {
  if (memory.offset(value) === undefined) return undefined;
  const known = kernel.resourceValue(value);
  return kernel.ledger.held().findLast((entry) => entry.value === known)?.id;
}

/** Fields before the key of an element of a hash table (core/kernel/maps/table.ts). */
const ELEMENT_HEADER = 16;
const aligned = (size: number): number => (size + 7) & ~7;

/** `map_value flows+16`, `map_value counters[3]+8`. */
function mapValueName({ kernel, memory }: Machine, offset: number): string | undefined {
  const allocation = memory.allocationAt(offset);
  const [, kind, name = ''] = /^(values|elements) of (.+)$/.exec(allocation?.label ?? '') ?? [];
  const map = kind === undefined ? undefined : kernel.maps.byName(name);
  if (allocation === undefined || map === undefined || map.valueSize === 0) return undefined;
  const distance = offset - allocation.offset;
  if (kind === 'values') {
    const stride = aligned(map.valueSize);
    const index = map.maxEntries > 1 ? `[${Math.floor(distance / stride)}]` : '';
    return withDistance(`map_value ${name}${index}`, distance % stride);
  }
  const before = ELEMENT_HEADER + aligned(map.keySize);
  const within = distance % (before + aligned(map.valueSize));
  return within >= before ? withDistance(`map_value ${name}`, within - before) : `map_key ${name}`;
}

/** `packet+14`: counted from the first byte of the packet, which has room before it. */
function packetName({ kernel, memory }: Machine, offset: number): string | undefined {
  const allocation = memory.allocationAt(offset);
  if (allocation?.label !== 'packet') return undefined;
  const { current, packets } = kernel.contexts;
  if (current === undefined || current.object === 0 || !['xdp_md', '__sk_buff'].includes(current.struct))
    return undefined;
  return withDistance('packet', offset - packets.data(current.object));
}

/** Whether a resource is named by a pointer to it. A dynptr, an iterator and a saved flag are their slots: there the frame is what counts. */
function isPointed({ type }: LedgerEntry): boolean {
  return type === 'reference' || type === 'object' || type === 'ringbuf_record';
}

function withDistance(name: string, distance: number): string {
  return distance === 0 ? name : `${name}${distance > 0 ? '+' : ''}${distance}`;
}

/** What kind of resource a name means: events have the name only. */
export function kindOfName(typeName: string, acquiredBy: string): ResourceKind {
  switch (typeName) {
    case 'ringbuf record':
      return 'ringbuf_record';
    case 'ringbuf dynptr':
      return 'dynptr';
    case 'RCU read section':
      return 'rcu';
    case 'preemption disabled':
      return 'preempt';
    case 'interrupts disabled':
      return 'irq';
    case 'struct bpf_spin_lock':
      return 'spin_lock';
    case 'struct bpf_res_spin_lock':
    case 'interrupts disabled by a lock':
      return 'res_spin_lock';
    default:
      if (typeName.startsWith('struct bpf_iter_')) return 'iterator';
      return acquiredBy.includes('obj_new') || acquiredBy.includes('kptr_xchg') ? 'object' : 'reference';
  }
}
