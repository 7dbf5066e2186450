/**
 * The ledger: every resource that the simulated kernel hands to a program is an entry here until it is given back.
 *
 * It is the invariant of the whole project: when a program has ended, in whichever way, what is held must be what was
 * held before, apart from what the program moved into maps. Nothing here guesses: releasing what is not held, or
 * holding on to what should be gone, is an error that names the resource (docs/exceptions.md, "The ledger").
 */
import { BailoutError } from '../errors.ts';

/** The same set as `ResourceType` of core/exceptions: what an unwinding may have to let go. */
export type ResourceKind =
  | 'reference'
  | 'object'
  | 'ringbuf_record'
  | 'dynptr'
  | 'iterator'
  | 'spin_lock'
  | 'res_spin_lock'
  | 'rcu'
  | 'preempt'
  | 'irq';

/** Who asked for something: the program's position at the call. */
export interface Position {
  /** Name of the program whose code runs. */
  readonly program: string;
  readonly insn: number;
  /** Depth of the frame, 0 = the main program's. */
  readonly frame: number;
}

/** The call that handed something out. */
export interface AcquiringCall extends Position {
  /** Instructions of the run before it. */
  readonly step: number;
}

export interface LedgerEntry {
  /** Ascending in the order of acquisition, never used twice. */
  readonly id: number;
  readonly type: ResourceKind;
  /** As C names it: `struct task_struct`, `ringbuf record`. */
  readonly typeName: string;
  /** The value by which the program names it: a pointer, the address of the slot, or 0 for a region without one. */
  readonly value: bigint;
  /** The helper or kfunc that handed it out. */
  readonly by: string;
  /** The helper or kfunc that takes it back. */
  readonly release: string;
  readonly at: AcquiringCall;
  /** In force before the present run began. */
  readonly before: boolean;
}

/** What a program moved out of its own hands into a map, list or tree, from where somebody else can take it. */
export interface StoredEntry {
  readonly id: number;
  readonly type: ResourceKind;
  readonly typeName: string;
  readonly value: bigint;
  readonly release: string;
  /** `kptr of map NAME`, `list`, `rbtree`. */
  readonly where: string;
}

/** What to enter. */
export interface Acquisition {
  readonly type: ResourceKind;
  readonly typeName: string;
  readonly value: bigint;
  readonly by: string;
  readonly release: string;
  readonly at: AcquiringCall;
}

/** Hears of each change, in order. */
export interface LedgerObserver {
  readonly acquired?: (entry: LedgerEntry) => void;
  readonly released?: (entry: LedgerEntry, by: string) => void;
  /** The program gave the entry to a map or a collection. */
  readonly stored?: (entry: LedgerEntry, where: string) => void;
}

export interface LedgerCheckpoint {
  readonly held: readonly LedgerEntry[];
  readonly stored: readonly StoredEntry[];
  readonly next: number;
  readonly firstOfRun: number;
}

export class Ledger {
  observer: LedgerObserver = {};
  /** In the order of acquisition, which is that of their numbers. A program holds few things, and takes and gives back many. */
  #held: LedgerEntry[] = [];
  /** By value: what lies in maps and collections. */
  #stored = new Map<bigint, StoredEntry[]>();
  #next = 1;
  #firstOfRun = 1;
  #checkpoint: LedgerCheckpoint | undefined;

  acquire(acquisition: Acquisition): LedgerEntry {
    const { type, typeName, value, by, release, at } = acquisition;
    const entry: LedgerEntry = { id: this.#next++, type, typeName, value, by, release, at, before: false };
    this.#held.push(entry);
    this.#checkpoint = undefined;
    this.observer.acquired?.(entry);
    return entry;
  }

  /** Ends the newest entry of a kind and value. `by` is the function that took it back. */
  release(type: ResourceKind, value: bigint, by: string): LedgerEntry {
    const entry = this.find(type, value);
    if (entry === undefined) throw this.#notHeld(type, value, by);
    return this.releaseEntry(entry.id, by);
  }

  releaseEntry(id: number, by: string): LedgerEntry {
    const entry = this.entry(id);
    if (entry === undefined) {
      throw new BailoutError('LEDGER_NOT_HELD', `${by} releases resource #${id}, which is not held.`);
    }
    this.#remove(entry);
    this.observer.released?.(entry, by);
    return entry;
  }

  /** The program gives a resource to a map or a collection: no longer its to release. */
  store(type: ResourceKind, value: bigint, where: string, by: string): void {
    const entry = this.find(type, value);
    if (entry === undefined) throw this.#notHeld(type, value, by);
    this.#remove(entry);
    this.enterStored({ id: entry.id, type, typeName: entry.typeName, value, release: entry.release, where });
    this.observer.stored?.(entry, where);
  }

  /** Enters something that lies in a map without ever having been a program's (set up by a scenario). */
  enterStored(entry: Omit<StoredEntry, 'id'> & { readonly id?: number }): void {
    const stored: StoredEntry = { ...entry, id: entry.id ?? this.#next++ };
    const list = this.#stored.get(stored.value);
    if (list === undefined) this.#stored.set(stored.value, [stored]);
    else list.push(stored);
    this.#checkpoint = undefined;
  }

  /** Something leaves a map or collection, to be freed by the kernel or handed to a program ({@link acquire}). */
  takeStored(value: bigint): StoredEntry | undefined {
    const list = this.#stored.get(value);
    const entry = list?.pop();
    if (list?.length === 0) this.#stored.delete(value);
    if (entry !== undefined) this.#checkpoint = undefined;
    return entry;
  }

  /** Whether something with this value is held, or lies in a map or collection. */
  knows(value: bigint): boolean {
    if (this.#stored.has(value)) return true;
    return this.#held.some((entry) => entry.value === value);
  }

  /** The newest entry of a kind and value. */
  find(type: ResourceKind, value: bigint): LedgerEntry | undefined {
    for (let i = this.#held.length - 1; i >= 0; i--) {
      const entry = this.#held[i]!;
      if (entry.type === type && entry.value === value) return entry;
    }
    return undefined;
  }

  /** The newest entry of a kind. */
  newest(type: ResourceKind): LedgerEntry | undefined {
    for (let i = this.#held.length - 1; i >= 0; i--) if (this.#held[i]!.type === type) return this.#held[i];
    return undefined;
  }

  entry(id: number): LedgerEntry | undefined {
    for (let i = this.#held.length - 1; i >= 0; i--) if (this.#held[i]!.id === id) return this.#held[i];
    return undefined;
  }

  count(type: ResourceKind): number {
    let count = 0;
    for (const entry of this.#held) if (entry.type === type) count++;
    return count;
  }

  /** Of the next acquisition. */
  get nextId(): number {
    return this.#next;
  }

  /** How much the run has acquired, whether it is still held or not. */
  get acquired(): number {
    return this.#next - this.#firstOfRun;
  }

  /** In the order of acquisition. */
  held(): readonly LedgerEntry[] {
    return [...this.#held];
  }

  stored(): readonly StoredEntry[] {
    return [...this.#stored.values()].flat();
  }

  /** A run begins: what is held now is not the program's to release. */
  begin(): void {
    this.#held = this.#held.map((entry) => (entry.before ? entry : { ...entry, before: true }));
    this.#firstOfRun = this.#next;
    this.#checkpoint = undefined;
  }

  /** What the program acquired since {@link begin} and still holds. */
  outstanding(): readonly LedgerEntry[] {
    return this.held().filter((entry) => !entry.before);
  }

  checkpoint(): LedgerCheckpoint {
    this.#checkpoint ??= {
      held: this.held(),
      stored: this.stored(),
      next: this.#next,
      firstOfRun: this.#firstOfRun,
    };
    return this.#checkpoint;
  }

  restore(checkpoint: LedgerCheckpoint): void {
    this.#held = [...checkpoint.held];
    this.#stored = new Map();
    for (const entry of checkpoint.stored) this.enterStored(entry);
    this.#next = checkpoint.next;
    this.#firstOfRun = checkpoint.firstOfRun;
    this.#checkpoint = checkpoint;
  }

  #remove(entry: LedgerEntry): void {
    this.#held.splice(this.#held.lastIndexOf(entry), 1);
    this.#checkpoint = undefined;
  }

  #notHeld(type: ResourceKind, value: bigint, by: string): BailoutError {
    const stored = this.#stored.get(value)?.[0];
    const held = this.held().find((entry) => entry.value === value);
    let why = 'nothing at this address is held';
    if (held !== undefined) why = `what is held there is ${held.typeName} (${held.type})`;
    else if (stored !== undefined) why = `${stored.typeName} there was moved into a ${stored.where}`;
    return new BailoutError(
      'LEDGER_NOT_HELD',
      `${by} releases ${article(type)} at 0x${value.toString(16)}, but ${why}.`,
    );
  }
}

function article(type: ResourceKind): string {
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** `task #3 (struct task_struct, acquired by bpf_task_acquire at insn 7)`, for messages about what was left behind. */
export function describeEntry(entry: LedgerEntry): string {
  return `${entry.typeName} #${entry.id} (acquired by ${entry.by} at insn ${entry.at.insn})`;
}
