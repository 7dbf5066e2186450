/** The present moment in words, for who cannot see the picture. */
import type { ResourceSpan } from '../../../core/protocol/timeline.ts';
import { count, plural } from '../../common/format.ts';
import { resourceState } from './hit.ts';
import type { Picture } from './picture.ts';
import { endOf, lowerBound } from './picture.ts';

/** More are counted. */
const NAMED = 3;

function spanAt<Span extends { readonly from: number; readonly to?: number }>(
  row: readonly Span[],
  tick: number,
): Span | undefined {
  const at = row[lowerBound(row, ({ from }) => from > tick) - 1];
  return at !== undefined && endOf(at) >= tick ? at : undefined;
}

export function momentText(picture: Picture, tick: number): string {
  const innermost = picture.calls.map((row) => spanAt(row, tick)).findLast((span) => span !== undefined);
  const held = picture.resources
    .map((row) => spanAt(row, tick))
    .filter((span): span is ResourceSpan => span !== undefined && resourceState(span, tick) === 'held');
  const thrown = spanAt(picture.throws, tick);
  const marks = picture.marks.filter((mark) => mark.tick === tick).map(({ label }) => label);
  const points = picture.points.filter((point) => point.tick === tick).map(({ name }) => name);
  const names = held.slice(0, NAMED).map(({ name }) => name);
  const more = held.length > NAMED ? ` and ${plural(held.length - NAMED, 'other')}` : '';
  return [
    `Step ${count(tick)} of ${count(picture.view.last)}`,
    innermost === undefined ? '' : `in ${innermost.name}`,
    thrown === undefined ? '' : `unwinding bpf_throw(${thrown.cookie})`,
    ...points,
    ...marks,
    held.length === 0 ? 'nothing held' : `holds ${names.join(', ')}${more}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}
