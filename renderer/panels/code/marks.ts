/** What is marked beside rows of code: breakpoints, where the session stands, notes, and the way of a jump. */
import type { CodeNote, CodeNotes, CodeRow } from '../../../core/protocol/code.ts';
import type { BreakpointView } from '../../../core/protocol/state.ts';

export interface BreakpointMark {
  readonly ids: readonly number[];
  readonly enabled: boolean;
  readonly condition?: string;
}

/** Breakpoints of a program by instruction. One that a condition guards looks different, and so does one that is off. */
export function breakpointMarks(
  breakpoints: readonly BreakpointView[],
  program: string,
): ReadonlyMap<number, BreakpointMark> {
  const marks = new Map<number, BreakpointMark>();
  for (const { id, enabled, condition, places, kind } of breakpoints) {
    if (kind !== 'breakpoint') continue;
    for (const place of places) {
      if (place.program !== program) continue;
      const before = marks.get(place.insn);
      const guard = condition ?? before?.condition;
      marks.set(place.insn, {
        ids: [...(before?.ids ?? []), id],
        enabled: enabled || (before?.enabled ?? false),
        ...(guard === undefined || guard === '' ? {} : { condition: guard }),
      });
    }
  }
  return marks;
}

export interface RowNotes {
  /** Executions; -1 when nobody has counted. */
  readonly hits: number;
  readonly notes: readonly CodeNote[];
}

/**
 * Notes by instruction, of an answer that begins at `from`. What is as it was `before` is the same object, so that only rows that
 * changed are drawn again.
 */
export function notesByInsn(
  { hits, notes }: CodeNotes,
  from: number,
  before: ReadonlyMap<number, RowNotes> = new Map(),
): ReadonlyMap<number, RowNotes> {
  const by = new Map<number, { hits: number; notes: CodeNote[] }>();
  for (const [i, count] of hits.entries()) by.set(from + i, { hits: count, notes: [] });
  for (const note of notes) {
    const row = by.get(note.insn);
    if (row === undefined) by.set(note.insn, { hits: -1, notes: [note] });
    else row.notes.push(note);
  }
  return new Map(Array.from(by, ([insn, now]) => [insn, sameNotes(before.get(insn), now) ?? now]));
}

/** The older of two that say the same. */
function sameNotes(before: RowNotes | undefined, now: RowNotes): RowNotes | undefined {
  if (before?.hits !== now.hits || before.notes.length !== now.notes.length) return undefined;
  const isSame = before.notes.every((note, i) => {
    const other = now.notes[i];
    return note.kind === other?.kind && note.text === other.text;
  });
  return isSame ? before : undefined;
}

/** Instructions `from` up to `to` that rows speak of; undefined when there is none among them. */
export function insnsOf(
  rows: readonly (CodeRow | undefined)[],
): { readonly from: number; readonly to: number } | undefined {
  let from = Infinity;
  let to = -1;
  for (const row of rows) {
    if (row?.kind !== 'insn') continue;
    from = Math.min(from, row.insn);
    to = Math.max(to, row.insn + 1);
  }
  return to < 0 ? undefined : { from, to };
}

/** The instruction that a row stands for: its own, or the first one below a source line or a function's name. */
export function insnAt(row: number, at: (row: number) => CodeRow | undefined, count: number): number | undefined {
  for (let i = row; i < count; i++) {
    const found = at(i);
    if (found === undefined) return undefined;
    if (found.kind === 'insn' || found.kind === 'function') return found.insn;
  }
  return undefined;
}

export type ArrowPart = 'start-down' | 'start-up' | 'through' | 'end-down' | 'end-up';

/** The piece of a jump's arrow that a row draws. `down`: the jump goes to a later row. */
export function arrowPart(row: number, from: number, to: number): ArrowPart | undefined {
  if (from === to) return undefined;
  const isDown = to > from;
  if (row === from) return isDown ? 'start-down' : 'start-up';
  if (row === to) return isDown ? 'end-down' : 'end-up';
  return row > Math.min(from, to) && row < Math.max(from, to) ? 'through' : undefined;
}

/** The next of a sorted list of rows after `row`, or before it, going round at the ends. */
export function nextRow(rows: readonly number[], row: number, by: 1 | -1): number | undefined {
  if (rows.length === 0) return undefined;
  if (by > 0) return rows.find((each) => each > row) ?? rows[0];
  return rows.findLast((each) => each < row) ?? rows.at(-1);
}
