/**
 * The components of all panels. They come with the page: forty small files would arrive one after the other. Only the terminal is
 * larger than all others together; it is loaded when the page has nothing else to do, so that nobody waits for it to see the rest.
 */
import type { Component } from 'vue';
import { defineAsyncComponent } from 'vue';
import { kindOf } from './panels.ts';

/** After so long the terminal is loaded even though the page is busy. */
const LATEST_MS = 2000;

const FILES = import.meta.glob<Component>(['../panels/*/*Panel.vue', '!../panels/terminal/*'], {
  eager: true,
  import: 'default',
});

const terminal = defineAsyncComponent({
  loader: async () => {
    await new Promise((resolve) => requestIdleCallback(resolve, { timeout: LATEST_MS }));
    return (await import('../panels/terminal/TerminalPanel.vue')).default;
  },
  delay: 0,
});

const components = new Map<string, Component>([
  ...Object.entries(FILES).map(([path, component]) => [nameOf(path), component] as const),
  ['terminal', terminal],
]);

/** `code` for `../panels/code/CodePanel.vue`. */
function nameOf(path: string): string {
  return /(\w+)Panel\.vue$/.exec(path)?.[1]?.toLowerCase() ?? path;
}

/** Undefined for a panel that there is not. */
export function componentOf(id: string): Component | undefined {
  return components.get(kindOf(id));
}
