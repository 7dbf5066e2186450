/**
 * Several verified paths reach one instruction, and each may have left something else in the frame. This
 * table keeps, per instruction, what all paths so far agreed on, and refuses what cannot be decided at run
 * time (docs/exceptions.md, "Merging").
 *
 * A path's view of a place is one of:
 *  - `entry`: it holds a resource that this place has to let go;
 *  - `copy`: it holds a resource that another place lets go (released once although reachable twice);
 *  - `null`: it is known to be null;
 *  - nothing: anything else (a number, bytes, never written).
 * A frame that was seen once has an opinion on every place, so "nothing" is an opinion too: a later path that
 * finds a resource there is in conflict with it, in whichever order the two come.
 */
import type { DescriptorEntry, FrameDescriptor, Place, ResourceType } from './descriptor.ts';
import { comparePlaces, formatPlace } from './descriptor.ts';

/** What one path has in one place. */
export interface Held {
  readonly kind: 'entry' | 'copy';
  readonly place: Place;
  readonly resource: ResourceType;
  readonly typeName: string;
  readonly release: string;
  readonly acquiredAt: number;
  /**
   * What must be equal for two paths to agree beyond type and release: the identity of a lock's map value,
   * a dynptr's type, an iterator's. Empty where type and release say all.
   */
  readonly identity: string;
}

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

interface Cell {
  readonly place: Place;
  readonly held: Held | undefined; // undefined: known null on every path so far
  readonly copyOnly: boolean;
  readonly nullable: boolean;
  readonly acquiredAt: readonly number[];
}

interface Row {
  readonly subprogram: number;
  cells: Map<string, Cell>;
}

/** The descriptors of one program while it is being verified. */
export class DescriptorTable {
  readonly #rows = new Map<number, Row>();
  #merges = 0;

  /** How often a path met a descriptor that an earlier path had made. */
  get merges(): number {
    return this.#merges;
  }

  /**
   * Adds what one path holds in the frame of `subprogram` at `insn`.
   * @returns the conflict with the paths before, and then the table is as it was.
   */
  add(subprogram: number, insn: number, views: readonly PlaceView[]): MergeConflict | undefined {
    const row = this.#rows.get(insn);
    if (row === undefined) {
      const cells = new Map(views.map((view) => [formatKey(view), firstCell(view)]));
      this.#rows.set(insn, { subprogram, cells });
      return undefined;
    }
    const merged = new Map<string, Cell>();
    const seen = new Set<string>();
    for (const view of views) {
      const key = formatKey(view);
      seen.add(key);
      const cell = row.cells.get(key);
      if (cell === undefined) {
        // The earlier paths had nothing there. A copy is let go elsewhere and a null needs nothing: no opinion is lost.
        if (view.kind === 'entry')
          return { insn, subprogram, place: view.place, old: 'nothing that can be released', new: describeView(view) };
        continue;
      }
      const joined = joinCell(cell, view);
      if (joined === 'conflict')
        return { insn, subprogram, place: view.place, old: describeCell(cell), new: describeView(view) };
      if (joined !== 'nothing') merged.set(key, joined);
    }
    for (const [key, cell] of row.cells) {
      if (seen.has(key) || cell.held === undefined || cell.copyOnly) continue;
      return { insn, subprogram, place: cell.place, old: describeCell(cell), new: 'nothing that can be released' };
    }
    row.cells = merged;
    this.#merges++;
    return undefined;
  }

  /** The finished descriptors, by instruction. */
  finish(): FrameDescriptor[] {
    return [...this.#rows]
      .sort(([a], [b]) => a - b)
      .map(([insn, row]) => ({ insn, subprogram: row.subprogram, entries: entriesOf(row) }));
  }
}

function firstCell(view: PlaceView): Cell {
  if (view.kind === 'null')
    return { place: view.place, held: undefined, copyOnly: false, nullable: true, acquiredAt: [] };
  return {
    place: view.place,
    held: view,
    copyOnly: view.kind === 'copy',
    nullable: false,
    acquiredAt: [view.acquiredAt],
  };
}

function joinCell(cell: Cell, view: PlaceView): Cell | 'nothing' | 'conflict' {
  if (view.kind === 'null') return mayBeNull(cell) ? { ...cell, nullable: true } : 'conflict';
  if (cell.held === undefined) {
    const first = firstCell(view);
    return mayBeNull(first) ? { ...first, nullable: true } : 'conflict';
  }
  if (!sameResource(cell.held, view)) {
    // Two copies of different things need no decision here: their own places let them go.
    return cell.copyOnly && view.kind === 'copy' ? 'nothing' : 'conflict';
  }
  return {
    place: cell.place,
    held: cell.copyOnly ? view : cell.held,
    copyOnly: cell.copyOnly && view.kind === 'copy',
    nullable: cell.nullable,
    acquiredAt: addSorted(cell.acquiredAt, view.acquiredAt),
  };
}

/** Only a pointer can stand where another path has a null: a dynptr, an iterator or a region is there or is not. */
function mayBeNull(cell: Cell): boolean {
  if (cell.held === undefined) return true;
  switch (cell.held.resource) {
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

function addSorted(list: readonly number[], insn: number): readonly number[] {
  return list.includes(insn) ? list : [...list, insn].sort((a, b) => a - b);
}

/** Several regions can hold at once, and all share the place `region`: their kind and identity tell them apart. */
function formatKey(view: PlaceView): string {
  const place = formatPlace(view.place);
  return view.place.kind === 'region' && view.kind !== 'null' ? `${place} ${view.resource} ${view.identity}` : place;
}

function describeView(view: PlaceView): string {
  return view.kind === 'null' ? 'null' : describeHeld(view, [view.acquiredAt]);
}

function describeCell(cell: Cell): string {
  return cell.held === undefined ? 'null' : describeHeld(cell.held, cell.acquiredAt);
}

function describeHeld(held: Held, acquiredAt: readonly number[]): string {
  return `${held.typeName} released by ${held.release}, acquired at insn ${acquiredAt.join(', ')}`;
}

function entriesOf(row: Row): DescriptorEntry[] {
  const entries: DescriptorEntry[] = [];
  for (const cell of row.cells.values()) {
    if (cell.held === undefined || cell.copyOnly) continue;
    const { place, resource, typeName, release } = cell.held;
    entries.push({ place, resource, typeName, release, acquiredAt: cell.acquiredAt, nullable: cell.nullable });
  }
  return entries.sort((a, b) => comparePlaces(a.place, b.place));
}

/** The lines that the verifier log shows for a conflict; the last one is what tools look for. */
export function conflictLines(conflict: MergeConflict): string[] {
  const where = `frame_desc: insn ${conflict.insn} (subprogram ${conflict.subprogram}) ${formatPlace(conflict.place)}`;
  return [`${where}: old: ${conflict.old}`, `${where}: new: ${conflict.new}`, MERGE_FAILED];
}
