/**
 * Several verified paths reach one instruction, and each may have left something else in the frame. This table keeps,
 * per instruction, the places that mean one thing on every path, and refuses a program in which those are not enough
 * to let go of everything (docs/exceptions.md, "Merging").
 *
 * A place is *settled* as long as each path had in it the same kind of resource, or a known null. A frame that was seen
 * once has an opinion on every place, so "nothing" counts too: a place that was a plain number on one path can never
 * become settled. Each path needs, for every resource that its frame holds, one settled place; a resource that stands in
 * several needs just one of them.
 */
import type { DescriptorEntry, FrameDescriptor, Place, ResourceType } from './descriptor.ts';
import { comparePlaces, formatPlace } from './descriptor.ts';

/** A resource that one path has in one place. */
export interface Held {
  readonly kind: 'held';
  readonly place: Place;
  readonly resource: ResourceType;
  readonly typeName: string;
  readonly release: string;
  readonly acquiredAt: number;
  /** Tells the path's resources apart: two places with one id hold the same resource. */
  readonly id: number;
  /** `outer`: a frame further out holds it too and lets it go; here it needs no place. */
  readonly owner: 'frame' | 'outer';
  /**
   * What must be equal on two paths beyond type and release: a lock's object, a dynptr's type. Empty where type and
   * release say all.
   */
  readonly identity: string;
  /** The program has not asked yet whether it got the resource at all. */
  readonly mayBeNull: boolean;
}

/** A place that is known to be null on one path. */
export interface KnownNull {
  readonly kind: 'null';
  readonly place: Place;
}

export type PlaceView = Held | KnownNull;

/** Two paths that cannot be served by one descriptor. */
export interface MergeConflict {
  readonly insn: number;
  readonly subprogram: number;
  readonly place: Place;
  /** What the earlier paths had there, in words; the same for this path. */
  readonly old: string;
  readonly new: string;
}

/** The verifier's last line for a conflict, as the kernel patches print it. */
export const MERGE_FAILED = 'frame_desc: merge: failed to merge old and new frame desc entry';

const NOTHING = 'nothing that can be released';

/** A settled place. */
interface Cell {
  readonly place: Place;
  /** Undefined: null on every path so far. */
  readonly held: Held | undefined;
  readonly nullable: boolean;
  readonly acquiredAt: readonly number[];
}

/** The places in which one path has one resource of its own, by key. One of them must stay settled. */
type Need = readonly string[];

interface Row {
  readonly subprogram: number;
  readonly cells: ReadonlyMap<string, Cell>;
  readonly needs: ReadonlyMap<string, Need>;
}

/** The descriptors of one program while it is being verified. */
export class DescriptorTable {
  readonly #rows = new Map<number, Row>();
  #merges = 0;

  /** Nothing throws on any path so far. */
  get isEmpty(): boolean {
    return this.#rows.size === 0;
  }

  /** How often a path met a descriptor that an earlier path had made. */
  get merges(): number {
    return this.#merges;
  }

  /**
   * Adds what one path holds in the frame of `subprogram` at `insn`.
   * @returns the conflict with the paths before, and then the table is as it was.
   */
  add(subprogram: number, insn: number, views: readonly PlaceView[]): MergeConflict | undefined {
    const old = this.#rows.get(insn);
    const fresh = new Map(views.map((view) => [keyOf(view), view]));
    const cells = old === undefined ? new Map([...fresh].map(([key, view]) => [key, cellOf(view)])) : join(old, fresh);
    const needs = new Map([...(old?.needs ?? []), ...needsOf(views)]);
    for (const need of needs.values()) {
      const first = need[0];
      if (first === undefined || need.some((key) => cells.has(key))) continue;
      const view = fresh.get(first);
      const cell = old?.cells.get(first);
      const place = view?.place ?? cell?.place ?? { kind: 'region' };
      return {
        insn,
        subprogram,
        place,
        old: cell === undefined ? NOTHING : describe(cell.held, cell.acquiredAt),
        new: view === undefined ? NOTHING : view.kind === 'null' ? 'null' : describe(view, [view.acquiredAt]),
      };
    }
    if (old !== undefined) this.#merges++;
    this.#rows.set(insn, { subprogram, cells, needs });
    return undefined;
  }

  /** The finished descriptors, by instruction, each with as few entries as serve all its paths. */
  finish(): FrameDescriptor[] {
    return [...this.#rows]
      .sort(([a], [b]) => a - b)
      .map(([insn, row]) => ({ insn, subprogram: row.subprogram, entries: entriesOf(row) }));
  }
}

/** The places that are settled on the earlier paths and on this one. */
function join(old: Row, fresh: ReadonlyMap<string, PlaceView>): Map<string, Cell> {
  const cells = new Map<string, Cell>();
  for (const [key, cell] of old.cells) {
    const view = fresh.get(key);
    const joined = view === undefined ? undefined : joinCell(cell, view);
    if (joined !== undefined) cells.set(key, joined);
  }
  return cells;
}

function cellOf(view: PlaceView): Cell {
  if (view.kind === 'null') return { place: view.place, held: undefined, nullable: true, acquiredAt: [] };
  return { place: view.place, held: view, nullable: view.mayBeNull, acquiredAt: [view.acquiredAt] };
}

function joinCell(cell: Cell, view: PlaceView): Cell | undefined {
  const { held } = cell;
  if (view.kind === 'null')
    return held === undefined || mayStandForNull(held) ? { ...cell, nullable: true } : undefined;
  if (held === undefined) return mayStandForNull(view) ? { ...cellOf(view), nullable: true } : undefined;
  if (!sameResource(held, view)) return undefined;
  const acquiredAt = cell.acquiredAt.includes(view.acquiredAt)
    ? cell.acquiredAt
    : [...cell.acquiredAt, view.acquiredAt].sort((a, b) => a - b);
  return { ...cell, nullable: cell.nullable || view.mayBeNull, acquiredAt };
}

/** Only a pointer can stand where another path has a null: a dynptr, an iterator or a region is there or is not. */
function mayStandForNull(held: Held): boolean {
  switch (held.resource) {
    case 'reference':
    case 'object':
    case 'ringbuf_record':
      return true;
    case 'dynptr':
    case 'iterator':
    case 'spin_lock':
    case 'res_spin_lock':
    case 'rcu':
    case 'preempt':
    case 'irq':
      return false;
  }
}

function sameResource(a: Held, b: Held): boolean {
  return a.resource === b.resource && a.typeName === b.typeName && a.release === b.release && a.identity === b.identity;
}

/** One need per resource of the path, keyed so that equal needs of several paths are one. */
function needsOf(views: readonly PlaceView[]): Map<string, Need> {
  const byId = new Map<number, string[]>();
  for (const view of views) {
    if (view.kind === 'null' || view.owner === 'outer') continue;
    const keys = byId.get(view.id);
    if (keys === undefined) byId.set(view.id, [keyOf(view)]);
    else keys.push(keyOf(view));
  }
  return new Map([...byId.values()].map((keys) => [keys.join(' '), keys]));
}

/** Several regions can hold at once, and all share the place `region`: their kind and identity tell them apart. */
function keyOf(view: PlaceView): string {
  const place = formatPlace(view.place);
  return view.place.kind === 'region' && view.kind === 'held' ? `${place}:${view.resource}:${view.identity}` : place;
}

function describe(held: Held | undefined, acquiredAt: readonly number[]): string {
  if (held === undefined) return 'null';
  return `${held.typeName} released by ${held.release}, acquired at insn ${acquiredAt.join(', ')}`;
}

function entriesOf(row: Row): DescriptorEntry[] {
  const chosen = new Map<string, DescriptorEntry>();
  for (const need of row.needs.values()) {
    if (need.some((key) => chosen.has(key))) continue;
    const key = need.find((candidate) => row.cells.has(candidate));
    const cell = key === undefined ? undefined : row.cells.get(key);
    if (key === undefined || cell?.held === undefined) continue;
    const { place, resource, typeName, release } = cell.held;
    chosen.set(key, { place, resource, typeName, release, acquiredAt: cell.acquiredAt, nullable: cell.nullable });
  }
  return [...chosen.values()].sort((a, b) => comparePlaces(a.place, b.place));
}

/** The lines that the verifier log shows for a conflict; the last one is what tools look for. */
export function conflictLines(conflict: MergeConflict): string[] {
  const where = `frame_desc: insn ${conflict.insn} (subprogram ${conflict.subprogram}) ${formatPlace(conflict.place)}`;
  return [`${where}: old: ${conflict.old}`, `${where}: new: ${conflict.new}`, MERGE_FAILED];
}
