/** The arrow from a jump to its target: of the selected row, else of where the session stands. */
import type { Ref } from 'vue';
import { computed, ref, shallowRef, watch } from 'vue';
import type { Code } from './useCode.ts';
import type { CodePlace } from './useCodePlace.ts';

export interface JumpArrow {
  readonly shown: Ref<boolean>;
  /** Rows. */
  readonly ends: Ref<{ readonly from: number; readonly to: number } | undefined>;
}

export function useJumpArrow(code: Code, place: CodePlace): JumpArrow {
  const shown = ref(true);
  const ends = shallowRef<{ readonly from: number; readonly to: number }>();
  const jump = computed(() => {
    const row = code.at(place.selected.value);
    // A call's way leads to another function: its link is enough.
    return shown.value && row?.kind === 'insn' && row.target !== undefined && !row.text.startsWith('call')
      ? { from: place.selected.value, target: row.target }
      : undefined;
  });
  watch(jump, async (wanted) => {
    ends.value = undefined;
    if (wanted === undefined) return;
    const to = await code.rowOf(wanted.target);
    if (to !== undefined && jump.value?.from === wanted.from) ends.value = { from: wanted.from, to };
  });
  return { shown, ends };
}
