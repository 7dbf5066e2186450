/** The ledger as cards: order, filter, and what is said of each resource. */
import type { ResourceView, ResourcesView } from '../../../core/protocol/views.ts';

export type Shown = 'all' | 'held';

/** Still counted by the kernel. */
export function isHeld({ state }: ResourceView): boolean {
  return state === 'held' || state === 'releasing' || state === 'leaked';
}

/** In the order of acquisition, as the ledger numbers them: a card never moves when its resource is let go. */
export function listed(view: ResourcesView, shown: Shown): readonly ResourceView[] {
  const rows = shown === 'all' ? view.resources : view.resources.filter(isHeld);
  return [...rows].sort((a, b) => a.id - b.id);
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
export function remarkOf({ resources }: ResourcesView): string {
  return resources.length === 0 ? '' : `${resources.filter(isHeld).length} held of ${resources.length}`;
}
