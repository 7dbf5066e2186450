/** Layouts for what people do: each a tree of tabs, in shares of the window, as it was drawn for 1600 by 1000 pixels. */
import type { SerializedDockview } from 'dockview-vue';

export type Preset = 'verify' | 'debug' | 'unwind' | 'trace';

export interface PresetInfo {
  readonly id: Preset;
  readonly title: string;
  readonly about: string;
}

export const PRESETS: readonly PresetInfo[] = [
  { id: 'verify', title: 'Verify', about: 'the verdict, why, and every path' },
  { id: 'debug', title: 'Debug', about: 'registers, stack and frames while stepping' },
  { id: 'unwind', title: 'Unwind', about: 'a throw, frame by frame' },
  { id: 'trace', title: 'Trace', about: 'the timeline and all events' },
];

/** Tabs in one place, the first in front; or parts side by side (`row`), or one above the other (`column`). */
export type Part =
  | { readonly kind: 'tabs'; readonly size: number; readonly ids: readonly string[] }
  | { readonly kind: 'row' | 'column'; readonly size: number; readonly parts: readonly Part[] };

const tabs = (size: number, ...ids: string[]): Part => ({ kind: 'tabs', size, ids });
const row = (size: number, ...parts: Part[]): Part => ({ kind: 'row', size, parts });
const column = (size: number, ...parts: Part[]): Part => ({ kind: 'column', size, parts });

const LAYOUTS: Record<Preset, Part> = {
  unwind: column(
    1600,
    row(
      640,
      tabs(572, 'code', 'maps'),
      tabs(588, 'unwind', 'frames', 'memory'),
      column(440, tabs(284, 'registers', 'stack'), tabs(356, 'resources', 'events')),
    ),
    row(296, tabs(1160, 'timeline', 'output', 'breakpoints'), tabs(440, 'terminal')),
  ),
  verify: column(
    1600,
    row(672, tabs(572, 'code', 'maps', 'programs'), tabs(1028, 'why', 'log', 'known')),
    row(264, tabs(1060, 'exploration', 'timeline'), tabs(540, 'log@2', 'terminal')),
  ),
  debug: column(
    1600,
    row(
      672,
      column(300, tabs(300, 'programs', 'maps'), tabs(372, 'breakpoints', 'runs')),
      tabs(640, 'code'),
      column(
        660,
        tabs(350, 'registers', 'known'),
        row(322, tabs(350, 'frames', 'unwind', 'resources'), tabs(350, 'stack', 'memory')),
      ),
    ),
    row(264, tabs(1000, 'terminal', 'output'), tabs(600, 'timeline', 'events')),
  ),
  trace: column(
    1600,
    tabs(500, 'timeline', 'exploration'),
    row(
      436,
      tabs(620, 'events', 'runs', 'output'),
      tabs(540, 'code'),
      tabs(440, 'resources', 'unwind', 'registers', 'terminal'),
    ),
  ),
};

type Branch = SerializedDockview['grid']['root'];

/** What the docking library restores. Directions alternate from level to level, which the trees above keep to. */
export function layoutOf(preset: Preset, title: (id: string) => string): SerializedDockview {
  const panels: SerializedDockview['panels'] = {};
  let group = 0;
  const build = (part: Part): Branch => {
    if (part.kind !== 'tabs') return { type: 'branch', size: part.size, data: part.parts.map(build) };
    for (const id of part.ids)
      panels[id] = { id, contentComponent: 'DockPanel', tabComponent: 'DockTab', title: title(id) };
    return {
      type: 'leaf',
      size: part.size,
      data: { id: String(++group), views: [...part.ids], activeView: part.ids[0]! },
    };
  };
  const root = build(LAYOUTS[preset]);
  // The library's word for parts one above the other. Its own constant would load it into tests without a page.
  const orientation = 'VERTICAL' as SerializedDockview['grid']['orientation'];
  return { grid: { root, width: 1600, height: 936, orientation }, panels, activeGroup: '1' };
}

/** Ids of the panels of a preset. */
export function panelsOf(preset: Preset): readonly string[] {
  const list = (part: Part): readonly string[] => (part.kind === 'tabs' ? part.ids : part.parts.flatMap(list));
  return list(LAYOUTS[preset]);
}
