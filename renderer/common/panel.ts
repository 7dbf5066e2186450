/** What a panel and the box that it stands in tell each other. */
import type { InjectionKey, MaybeRefOrGetter } from 'vue';
import { inject, onScopeDispose, toValue, watchEffect } from 'vue';

/** Takes the remark of one panel; the box provides it. Empty takes the remark away. */
export const PANEL_REMARK: InjectionKey<(text: string) => void> = Symbol('panel remark');

/**
 * The short line at the right of the panel's tabs: `source from BTF · 3 subprograms`. It follows `text`, and is shown while
 * the panel is the one in front.
 */
export function usePanelRemark(text: MaybeRefOrGetter<string | undefined>): void {
  const set = inject(PANEL_REMARK, undefined);
  if (set === undefined) return;
  watchEffect(() => set(toValue(text) ?? ''));
  onScopeDispose(() => set(''));
}

/** Brings a panel to the front, opening it where it is closed; the layout provides it. Names as in `panels/`: `resources`. */
export const OPEN_PANEL: InjectionKey<(name: string) => void> = Symbol('open panel');

export function useOpenPanel(): (name: string) => void {
  return inject(OPEN_PANEL, () => undefined);
}
