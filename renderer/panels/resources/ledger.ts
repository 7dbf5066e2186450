/** The ledger as cards: order, filter, and what is said of each resource. */
import type { ResourceView, ResourcesView } from '../../../core/protocol/views.ts';
import { count } from '../../common/format.ts';

export type Shown = 'all' | 'held';

/** Still counted by the kernel. */
export function isHeld({ state }: ResourceView): boolean {
  return state === 'held' || state === 'releasing' || state === 'leaked';
}

export interface Listed {
  /** In the order of acquisition, as the ledger numbers them. */
  readonly rows: readonly ResourceView[];
  /** What the program itself gave back: before the others, once it is asked for. */
  readonly earlier: readonly ResourceView[];
}

/**
 * Of what was given back by the program the newest stay in sight: what a step just released does not vanish under one's eyes. In an
 * unwinding nothing of it matters any more.
 */
const NEWEST = 2;

/**
 * What counts now is in sight however much came and went before: what is held, and what an unwinding let go. While it unwinds, no card
 * moves.
 */
export function listed({ resources }: ResourcesView, shown: Shown, isUnwinding = false): Listed {
  const all = [...resources].sort((a, b) => a.id - b.id);
  if (shown === 'held') return { rows: all.filter(isHeld), earlier: [] };
  const given = all.filter((resource) => resource.state === 'released' && !resource.unwound);
  const kept = new Set(isUnwinding || all.some(({ unwound }) => unwound) ? [] : given.slice(-NEWEST));
  const isEarlier = (resource: ResourceView): boolean =>
    resource.state === 'released' && !resource.unwound && !kept.has(resource);
  return { rows: all.filter((resource) => !isEarlier(resource)), earlier: all.filter(isEarlier) };
}

/** `write_sample r6`. */
export function holderText({ frame, place, state }: ResourceView): string {
  if (state === 'stored') return place === '' ? 'stored in a map' : place;
  if (frame === '') return place;
  return place === '' ? frame : `${frame} ${place}`;
}

/** At the right of a card. */
export function stateText({ state, releasedBy, releasedAt, unwound }: ResourceView): string {
  switch (state) {
    case 'held':
      return 'held';
    case 'releasing':
      return 'releasing';
    case 'stored':
      return 'stored';
    case 'leaked':
      return 'leaked';
    case 'released': {
      const by = releasedBy ?? 'released';
      return unwound && releasedAt !== undefined && releasedAt.phase > 0 ? `${by} · phase ${releasedAt.phase}` : by;
    }
  }
}

/** `3 held of 5`. */
export function remarkOf({ resources, earlier = 0 }: ResourcesView): string {
  const all = resources.length + earlier;
  return all === 0 ? '' : `${count(resources.filter(isHeld).length)} held of ${count(all)}`;
}
