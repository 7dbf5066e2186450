/**
 * One resource is shown in many places: as an entry of an unwinding, a card of the ledger, a register, a bar of the timeline.
 * The one under the pointer, or with the focus, is marked in all of them.
 */
import type { Ref } from 'vue';
import { ref } from 'vue';

/** Its number in the ledger. */
const resource = ref<number>();
const revealed = ref<{ readonly id: number; readonly stamp: number }>();

export interface Highlight {
  readonly resource: Ref<number | undefined>;
  /** The resource that a link led to: Resources brings it into sight. */
  readonly revealed: Readonly<Ref<{ readonly id: number; readonly stamp: number } | undefined>>;
  enter(id: number | undefined): void;
  /** The pointer is gone from it; another one may be under it already. */
  leave(id: number | undefined): void;
  reveal(id: number): void;
}

export function useHighlight(): Highlight {
  return {
    resource,
    revealed,
    enter: (id) => (resource.value = id),
    leave: (id) => {
      if (resource.value === id) resource.value = undefined;
    },
    reveal: (id) => (revealed.value = { id, stamp: (revealed.value?.stamp ?? 0) + 1 }),
  };
}
