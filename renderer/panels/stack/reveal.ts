/** A slot that a link led to: Stack brings it into sight. */
import type { Ref } from 'vue';
import { ref } from 'vue';

const slot = ref<{ readonly offset: number; readonly stamp: number }>();

export function revealSlot(offset: number): void {
  slot.value = { offset, stamp: (slot.value?.stamp ?? 0) + 1 };
}

export function useRevealedSlot(): Readonly<Ref<{ readonly offset: number; readonly stamp: number } | undefined>> {
  return slot;
}
