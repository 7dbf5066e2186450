/** The columns of the table of events, and what stands in them. */
import type { Direction } from '../../../core/protocol/state.ts';
import type { EventPart, EventQuery, EventRow, TickRange } from '../../../core/protocol/timeline.ts';
import { count, plural } from '../../common/format.ts';

export type Sort = EventQuery['sort'];

export interface Column {
  readonly id: 'time' | 'kind' | 'name' | 'detail' | 'where' | 'insn';
  readonly title: string;
  /** Absent: the table cannot be sorted by it. */
  readonly sort?: Sort;
}

export const COLUMNS: readonly Column[] = [
  { id: 'time', title: 'step', sort: 'time' },
  { id: 'kind', title: 'kind', sort: 'kind' },
  { id: 'name', title: 'name', sort: 'name' },
  { id: 'detail', title: 'arguments and result' },
  { id: 'where', title: 'where' },
  { id: 'insn', title: 'insn', sort: 'insn' },
];

/** `164`, and phases of an unwinding as `164.3`, as `goto` takes it. */
export function stepText({ position: { step, phase } }: EventRow): string {
  return phase === 0 ? count(step) : `${count(step)}.${phase}`;
}

/** `(0x10, 7) = 0  stored in flows`. */
export function detailText({ args, value, detail }: EventRow): string {
  const call = args === undefined ? '' : `(${args.join(', ')})`;
  const result = value === undefined ? '' : args === undefined ? value : ` = ${value}`;
  return [`${call}${result}`, detail].filter((part) => part !== '').join('  ');
}

export function whereText({ function: name, line }: EventRow): string {
  return `${name}${line === undefined ? '' : `:${line}`}`;
}

/** Kinds that a throw is made of: they have its colour, and a sign. */
const THROWN: ReadonlySet<string> = new Set(['throw', 'phase', 'exception-callback', 'fault']);

export type Tone = 'throw' | 'acquire' | 'release' | 'plain';

export function toneOf(kind: string): Tone {
  if (THROWN.has(kind)) return 'throw';
  return kind === 'acquire' || kind === 'release' ? kind : 'plain';
}

/** A sign for each tone, since colours alone do not tell. */
export const SIGNS: Readonly<Record<Tone, string>> = { throw: '!', acquire: '◆', release: '◇', plain: '' };

/** A click on a column's head: sorts by it, and the other way round when it is so already. */
export function sortedBy(
  now: { readonly sort: Sort; readonly descending: boolean },
  sort: Sort,
): { sort: Sort; descending: boolean } {
  return { sort, descending: now.sort === sort && !now.descending };
}

export interface Example {
  readonly filter: string;
  readonly about: string;
}

export const EXAMPLES: readonly Example[] = [
  { filter: 'kfunc:bpf_cpumask_release', about: 'calls of one kfunc' },
  { filter: 'acquire release', about: 'resources taken and let go' },
  { filter: 'throw phase', about: 'what an unwinding did' },
  { filter: 'helper -frame:0', about: 'helper calls outside of the innermost frame' },
  { filter: 'map:flows', about: 'changes of one map' },
];

/** Of which events of a run a table is, when they are not all. */
export interface Listed {
  /** All that happened in these steps; undefined when it is what was kept. */
  readonly part: EventPart | undefined;
  /** From this step on not all events were kept; undefined when all were. */
  readonly keptTo: number | undefined;
  /** All events of the run. */
  readonly all: number;
  /** It is of what is selected in the timeline. */
  readonly range?: TickRange | undefined;
}

/** `Steps 8,192 – 24,575, all that happened there · 2,972,001 events in the run`. */
export function listedText({ part, keptTo = 0, all, range }: Listed): string {
  const rest = `${plural(all, 'event')} in the run`;
  const steps = part === undefined ? '' : `${count(part.from)} – ${count(part.to)}`;
  if (range !== undefined) {
    return part === undefined
      ? `Selected in the timeline, too much to list all: what was kept of it · ${rest}`
      : `Selected in the timeline: steps ${steps} · ${rest}`;
  }
  return part === undefined
    ? `Steps before ${count(keptTo)}, and of later ones what was kept · ${rest}`
    : `Steps ${steps}, all that happened there · ${rest}`;
}

/** Why there is no row. */
export function emptyText(filter: string, listed: Listed | undefined): string {
  if (listed?.part === undefined && listed?.range !== undefined)
    return 'Nothing of this was kept, and it is too much to be listed: select less';
  if (filter.trim() !== '') return 'No event matches';
  return listed?.part === undefined ? 'Nothing has happened yet' : 'Nothing happened in these steps';
}

/** Whether two lists are of the same events of a run. */
export function sameList(a: Listed | undefined, b: Listed | undefined): boolean {
  return samePart(a?.part, b?.part) && a?.range === b?.range;
}

export function samePart(a: EventPart | undefined, b: EventPart | undefined): boolean {
  return a?.from === b?.from && a?.to === b?.to;
}

/** The step about which to list what comes before or after; undefined when there is nothing. */
export function stepBeside({ part, keptTo, range }: Listed, direction: Direction, last: number): number | undefined {
  if (range !== undefined || keptTo === undefined) return undefined;
  if (direction === 'backwards') return part === undefined || part.from <= 0 ? undefined : part.from - 1;
  const step = part === undefined ? keptTo : part.to + 1;
  return step > last ? undefined : step;
}

/** Where the cursor goes with a key; undefined for keys that mean something elsewhere. */
export function cursorAfter(key: string, at: number, total: number, page: number): number | undefined {
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: total - 1 }[
    key
  ];
  return to === undefined ? undefined : Math.max(0, Math.min(to, total - 1));
}
