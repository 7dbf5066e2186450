/** The theme's colours for canvases, which know no CSS variables: read again whenever the theme changes. */
import type { ShallowRef } from 'vue';
import { onScopeDispose, shallowRef } from 'vue';

/** CSS variables of theme/tokens.css by name, without the dashes before it. */
export type Palette<Name extends string> = Readonly<Record<Name, string>>;

function read<Name extends string>(names: readonly Name[]): Palette<Name> {
  const style = getComputedStyle(document.documentElement);
  const colours = {} as Record<Name, string>;
  for (const name of names) colours[name] = style.getPropertyValue(`--${name}`).trim();
  return colours;
}

/** `changed` is called after each change of the theme. */
export function usePalette<Name extends string>(
  names: readonly Name[],
  changed: () => void,
): Readonly<ShallowRef<Palette<Name>>> {
  const palette = shallowRef(read(names));
  const again = (): void => {
    palette.value = read(names);
    changed();
  };
  // The theme is an attribute of the root; where none is set it follows the system.
  const observer = new MutationObserver(again);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme', 'class', 'style'] });
  const system = window.matchMedia('(prefers-color-scheme: light)');
  system.addEventListener('change', again);
  onScopeDispose(() => {
    observer.disconnect();
    system.removeEventListener('change', again);
  });
  return palette;
}
