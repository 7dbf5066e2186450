/** One answer of the session that a panel shows, asked for again when what it depends on changes. */
import type { Ref, ShallowRef } from 'vue';
import { shallowRef, watch } from 'vue';

/**
 * `key`: all that the answer depends on; undefined when there is nothing to ask. The old answer stays until the new one is
 * there, so that nothing flickers. While the panel is not seen nothing is asked.
 */
export function useAnswer<T>(
  key: () => readonly unknown[] | undefined,
  ask: () => Promise<T | undefined>,
  visible: Readonly<Ref<boolean>>,
): Readonly<ShallowRef<T | undefined>> {
  const answer: ShallowRef<T | undefined> = shallowRef();
  let asked: string | undefined = '';
  let turn = 0;
  watch(
    [() => JSON.stringify(key()), visible] as const,
    async ([text, isVisible]) => {
      if (!isVisible || text === asked) return;
      asked = text;
      const mine = ++turn;
      const value = text === undefined ? undefined : await ask();
      // Newer questions win.
      if (mine === turn) answer.value = value;
    },
    { immediate: true },
  );
  return answer;
}
