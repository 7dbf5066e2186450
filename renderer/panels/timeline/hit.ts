/** What is under the pointer, and what is told about it. */
import type { CallSpan, PointMark, ResourceSpan, ThrowSpan, TimelineMark } from '../../../core/protocol/timeline.ts';
import { assertNever } from '../../../core/errors.ts';
import { count, plural } from '../../common/format.ts';
import type { Lanes, Picture } from './picture.ts';
import { AXIS_HEIGHT, endOf, lowerBound, rowAt } from './picture.ts';

export type Item =
  | { readonly kind: 'call'; readonly span: CallSpan }
  | { readonly kind: 'point'; readonly mark: PointMark }
  | { readonly kind: 'resource'; readonly span: ResourceSpan }
  | { readonly kind: 'throw'; readonly span: ThrowSpan }
  | { readonly kind: 'mark'; readonly mark: TimelineMark };

/** Where the pointer is: a tick, a height below the top of the canvas, and what is near: so many ticks to both sides. */
export interface Place {
  readonly tick: number;
  readonly y: number;
  readonly near: number;
}

/** The span of a row at a tick, or the nearest one that is near enough to be meant. */
function spanAt<Span extends { readonly from: number; readonly to?: number }>(
  row: readonly Span[] | undefined,
  { tick, near }: Place,
): Span | undefined {
  if (row === undefined) return undefined;
  const next = lowerBound(row, ({ from }) => from > tick);
  const at = row[next - 1];
  if (at !== undefined && endOf(at) >= tick) return at;
  const before = at === undefined ? Infinity : tick - endOf(at);
  const after = row[next];
  const ahead = after === undefined ? Infinity : after.from - tick;
  if (Math.min(before, ahead) > near) return undefined;
  return before <= ahead ? at : after;
}

function nearestMark<Mark extends { readonly tick: number }>(
  marks: readonly Mark[],
  place: Place,
  near: number,
): Mark | undefined {
  const next = lowerBound(marks, ({ tick }) => tick > place.tick);
  const distance = (mark: Mark | undefined): number =>
    mark === undefined ? Infinity : Math.abs(mark.tick - place.tick);
  const [before, after] = [marks[next - 1], marks[next]];
  const nearest = distance(before) <= distance(after) ? before : after;
  return distance(nearest) <= near ? nearest : undefined;
}

/** `scrolled`: by how many pixels the lanes are scrolled up. */
export function itemAt(picture: Picture, lanes: Lanes, scrolled: number, place: Place): Item | undefined {
  const y = place.y - AXIS_HEIGHT + scrolled;
  if (place.y < AXIS_HEIGHT) {
    const mark = nearestMark(picture.marks, place, place.near * 2);
    return mark === undefined ? undefined : { kind: 'mark', mark };
  }
  const depth = rowAt(lanes.calls, y);
  const call = depth === undefined ? undefined : spanAt(picture.calls[depth], place);
  if (call !== undefined) return { kind: 'call', span: call };
  if (rowAt(lanes.points, y) !== undefined) {
    const point = nearestMark(picture.points, place, place.near * 2);
    if (point !== undefined) return { kind: 'point', mark: point };
  }
  const row = rowAt(lanes.resources, y);
  const resource = row === undefined ? undefined : spanAt(picture.resources[row], place);
  if (resource !== undefined) return { kind: 'resource', span: resource };
  const thrown = spanAt(picture.throws, place);
  return thrown === undefined ? undefined : { kind: 'throw', span: thrown };
}

/** Where a click on it goes: to the point itself; of a bar to where it was clicked, or to its end when that is near. */
export function tickOf(item: Item | undefined, { tick, near }: Place): number {
  const rounded = Math.round(tick);
  if (item === undefined) return rounded;
  switch (item.kind) {
    case 'point':
    case 'mark':
      return item.mark.tick;
    case 'call':
    case 'resource':
    case 'throw': {
      const { from } = item.span;
      const to = endOf(item.span);
      if (to - from <= near * 2 || Math.abs(tick - from) <= near) return from;
      return Math.abs(tick - to) <= near ? to : rounded;
    }
    default:
      return assertNever(item);
  }
}

const CALL_KINDS: Readonly<Record<CallSpan['kind'], string>> = {
  program: 'program',
  subprogram: 'function',
  callback: 'callback',
  exception: 'exception callback',
  attached: 'attached program',
};

const POINT_KINDS: Readonly<Record<PointMark['kind'], string>> = {
  helper: 'helper',
  kfunc: 'kfunc',
  map: 'map operation',
  print: 'output',
  lock: 'lock',
};

export interface Telling {
  readonly title: string;
  readonly lines: readonly string[];
}

/** `now`: the present tick, which decides whether a resource is held. */
export function tellingOf(item: Item, now: number | undefined): Telling {
  switch (item.kind) {
    case 'call': {
      const { name, kind, from, to, count: joined, startsBefore, endsAfter } = item.span;
      if (joined > 1) return { title: `${plural(joined, 'call')}, mostly ${name}`, lines: [stretch(from, to)] };
      // Of what goes on beyond what was looked at nobody knows how long it is.
      if (startsBefore !== undefined || endsAfter !== undefined)
        return { title: name, lines: [CALL_KINDS[kind], openStretch(item.span)] };
      return { title: name, lines: [`${CALL_KINDS[kind]} · ${plural(to - from, 'step')}`, stretch(from, to)] };
    }
    case 'point': {
      const { name, kind, tick, count: joined, acquires } = item.mark;
      const what = joined > 1 ? `${plural(joined, 'call')} in one place` : POINT_KINDS[kind];
      return { title: name, lines: [`${what}${acquires ? ' · acquires' : ''}`, `step ${count(tick)}`] };
    }
    case 'resource':
      return resourceTelling(item.span, now);
    case 'throw': {
      const { from, to, cookie, count: joined } = item.span;
      if (joined > 1) return { title: `${plural(joined, 'throw')}`, lines: [stretch(from, to)] };
      return { title: `bpf_throw(${cookie})`, lines: [`unwinding in ${plural(to - from, 'step')}`, stretch(from, to)] };
    }
    case 'mark':
      return { title: item.mark.label, lines: [`${item.mark.kind} · step ${count(item.mark.tick)}`] };
    default:
      return assertNever(item);
  }
}

export type ResourceState = 'later' | 'held' | 'released';

/** What a resource is at the present moment. Without one, as at the end of the run. */
export function resourceState({ from, to }: ResourceSpan, now: number | undefined): ResourceState {
  if (now === undefined) return to === undefined ? 'held' : 'released';
  if (from > now) return 'later';
  return to !== undefined && to <= now ? 'released' : 'held';
}

function resourceTelling(span: ResourceSpan, now: number | undefined): Telling {
  const { name, from, to, releasedBy, unwound, count: joined, startsBefore, endsAfter } = span;
  if (joined > 1) return { title: `${plural(joined, 'resource')}, mostly ${name}`, lines: [stretch(from, to ?? from)] };
  const state = { later: 'not acquired yet', held: 'held now', released: 'released' }[resourceState(span, now)];
  if (startsBefore !== undefined || endsAfter !== undefined) {
    const by = endsAfter === undefined ? `let go by ${releasedBy}${unwound ? ' while unwinding' : ''}` : 'held beyond';
    return { title: name, lines: [endsAfter === undefined ? `${state} · ${by}` : by, openStretch(span)] };
  }
  const end = to === undefined ? 'never let go' : `let go by ${releasedBy}${unwound ? ' while unwinding' : ''}`;
  return {
    title: name,
    lines: [
      `${state} · ${end}`,
      to === undefined ? `from step ${count(from)}` : `${plural(to - from, 'step')} · ${stretch(from, to)}`,
    ],
  };
}

/** `from before 100 – beyond 200`: as far as anybody has looked. */
function openStretch({
  from,
  to = Infinity,
  startsBefore,
  endsAfter,
}: Pick<CallSpan, 'from' | 'startsBefore' | 'endsAfter'> & { readonly to?: number }): string {
  const start = startsBefore === undefined ? count(from) : `since before ${count(from)}`;
  return endsAfter === undefined ? `${start} – ${count(to)}` : `${start} – beyond ${count(to)}`;
}

function stretch(from: number, to: number): string {
  return `${count(from)} – ${count(to)}`;
}
