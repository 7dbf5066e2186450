/** The instruction that panels beside Code are about: the one that was pointed at last, or where the session stands. */
import type { ComputedRef } from 'vue';
import { computed, shallowRef, watch } from 'vue';
import { useSession } from '../../session/store.ts';

export interface ChosenInsn {
  readonly program: string;
  readonly insn: number;
}

export function chosenInsn(): ComputedRef<ChosenInsn | undefined> {
  const session = useSession();
  const newest = shallowRef<ChosenInsn>();
  watch(
    () => session.reveal,
    (reveal) => {
      if (reveal !== undefined) newest.value = { program: reveal.program, insn: reveal.insn };
    },
    { immediate: true },
  );
  watch(
    () => session.state.position,
    () => {
      const { place } = session.state;
      if (place !== undefined) newest.value = { program: place.program, insn: place.insn };
    },
    { immediate: session.reveal === undefined },
  );
  return computed(() => {
    const { object, program } = session.state;
    const chosen = newest.value;
    // Of another object that is not open any more there is nothing to be known.
    return chosen !== undefined && chosen.program === program && object !== undefined ? chosen : undefined;
  });
}
