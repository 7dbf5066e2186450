/** Work is shown only when it takes long enough to be noticed: a step that is there at once does not flicker. */
import type { Ref } from 'vue';
import { onScopeDispose, ref, watch } from 'vue';
import { useSession } from '../session/store.ts';

const NOTICED_MS = 200;

export function useSlow(): Readonly<Ref<boolean>> {
  const session = useSession();
  const slow = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(
    () => session.busy,
    (busy) => {
      clearTimeout(timer);
      if (!busy) slow.value = false;
      else timer = setTimeout(() => (slow.value = true), NOTICED_MS);
    },
    { immediate: true },
  );
  onScopeDispose(() => clearTimeout(timer));
  return slow;
}
