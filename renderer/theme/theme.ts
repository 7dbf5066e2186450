/** Light or dark: chosen, or as the system has it. */
import { computed, ref, watchEffect } from 'vue';
import { read, write } from '../session/kept.ts';

export type ThemeChoice = 'system' | 'light' | 'dark';

const kept = read('theme');
export const themeChoice = ref<ThemeChoice>(kept === 'light' || kept === 'dark' ? kept : 'system');

const system = window.matchMedia('(prefers-color-scheme: light)');
const systemIsLight = ref(system.matches);
system.addEventListener('change', ({ matches }) => (systemIsLight.value = matches));

export const theme = computed<'light' | 'dark'>(() =>
  themeChoice.value === 'system' ? (systemIsLight.value ? 'light' : 'dark') : themeChoice.value,
);

/** Before anything is drawn, so that no wrong colour is seen. */
export function followTheme(): void {
  watchEffect(() => {
    document.documentElement.dataset['theme'] = theme.value;
  });
}

export function chooseTheme(choice: ThemeChoice): void {
  themeChoice.value = choice;
  write('theme', choice);
}
