/** What a run's events, or those of a part of it, tell at a glance, made once: its throws with the axis, and what became of resources. */
import type { LedgerEntry } from '../kernel/ledger.ts';
import { eventCode } from '../trace/events.ts';
import type { EventIndex } from '../trace/events.ts';
import { RunAxis } from './run-axis.ts';

const ACQUIRE = eventCode('acquire');
const RELEASE = eventCode('release');
const STORE = eventCode('store');

/** A resource that was acquired in a run: rows of its events in {@link EventIndex.rest}; -1 where there is none. */
export interface ResourceRows {
  readonly id: number;
  /** -1: before these events begin. */
  readonly acquired: number;
  /** Released, or stored in a map. */
  readonly gone: number;
  readonly typeName: string;
  /** What the ledger says of one that was acquired before these events begin. */
  readonly entry?: LedgerEntry;
}

export class RunIndex extends RunAxis {
  /** What the rows of all this are rows of. */
  readonly events: EventIndex;
  /** In the order of acquisition. */
  readonly resources: readonly ResourceRows[];

  /** `held`: what was acquired before the events begin. */
  constructor(events: EventIndex, { run, first, throws }: RunAxis, held: readonly LedgerEntry[] = []) {
    super(run, first, throws);
    this.events = events;
    const resourceAt = new Map<number, number>();
    const resources: (Omit<ResourceRows, 'gone'> & { gone: number })[] = [];
    const add = (resource: Omit<ResourceRows, 'gone'>): void => {
      resourceAt.set(resource.id, resources.push({ ...resource, gone: -1 }) - 1);
    };
    for (const entry of held) add({ id: entry.id, acquired: -1, typeName: entry.typeName, entry });
    const { rest, names } = events;
    const { columns } = rest;
    const end = rest.firstFrom({ run: run + 1, step: 0, phase: 0 });
    for (let row = rest.firstFrom({ run, step: 0, phase: 0 }); row < end; row++) {
      const kind = columns.kind[row];
      if (kind !== ACQUIRE && kind !== RELEASE && kind !== STORE) continue;
      const id = columns.resource[row] ?? 0;
      if (kind === ACQUIRE) {
        add({ id, acquired: row, typeName: names.text(columns.name[row] ?? 0) });
        continue;
      }
      const known = resources[resourceAt.get(id) ?? -1];
      if (known !== undefined) known.gone = row;
    }
    this.resources = resources;
  }
}
