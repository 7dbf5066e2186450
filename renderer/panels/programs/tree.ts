/** Programs by their sections, as a tree that is walked with the arrow keys. */
import type { ProgramSummary } from '../../../core/protocol/state.ts';

export type TreeRow =
  | { readonly kind: 'section'; readonly section: string; readonly programs: number; readonly open: boolean }
  | { readonly kind: 'program'; readonly section: string; readonly program: ProgramSummary };

/** Sections in the order of the object; those that are closed hide their programs. */
export function treeOf(programs: readonly ProgramSummary[], closed: ReadonlySet<string>): readonly TreeRow[] {
  const sections = new Map<string, ProgramSummary[]>();
  for (const program of programs) {
    const list = sections.get(program.section);
    if (list === undefined) sections.set(program.section, [program]);
    else list.push(program);
  }
  return [...sections].flatMap(([section, list]): TreeRow[] => [
    { kind: 'section', section, programs: list.length, open: !closed.has(section) },
    ...(closed.has(section) ? [] : list.map((program): TreeRow => ({ kind: 'program', section, program }))),
  ]);
}

/** Where an arrow key leads from a row; a change of what is open, or another row. */
export function treeKey(
  rows: readonly TreeRow[],
  at: number,
  key: string,
): { readonly to: number } | { readonly toggle: string } | undefined {
  const row = rows[at];
  const last = rows.length - 1;
  switch (key) {
    case 'ArrowDown':
      return { to: Math.min(last, at + 1) };
    case 'ArrowUp':
      return { to: Math.max(0, at - 1) };
    case 'Home':
      return { to: 0 };
    case 'End':
      return { to: last };
    case 'ArrowRight':
      if (row?.kind !== 'section') return undefined;
      return row.open ? { to: Math.min(last, at + 1) } : { toggle: row.section };
    case 'ArrowLeft':
      if (row?.kind === 'section') return row.open ? { toggle: row.section } : undefined;
      return {
        to: Math.max(
          0,
          rows.findIndex((other) => other.kind === 'section' && other.section === row?.section),
        ),
      };
    default:
      return undefined;
  }
}
