/** The docked panels: presets, what is kept of them, and opening a panel from anywhere in the page. */
import type { DockviewApi, SerializedDockview } from 'dockview-vue';
import { computed, reactive, ref, shallowRef } from 'vue';
import type { Preset } from './presets.ts';
import { PRESETS, layoutOf } from './presets.ts';
import { PANELS, kindOf, titleOf } from './panels.ts';
import { read, write } from '../session/kept.ts';

const SAVE_MS = 300;

const api = shallowRef<DockviewApi>();
const preset = ref<Preset>(presetOf(read('preset')) ?? 'unwind');
const opened = ref<readonly string[]>([]);
/** The remark of each panel. */
export const remarks = reactive(new Map<string, string>());
let saving: ReturnType<typeof setTimeout> | undefined;

function presetOf(text: string | undefined): Preset | undefined {
  return PRESETS.find(({ id }) => id === text)?.id;
}

function save(): void {
  clearTimeout(saving);
  saving = setTimeout(() => {
    if (api.value !== undefined) write(`layout.${preset.value}`, JSON.stringify(api.value.toJSON()));
  }, SAVE_MS);
}

/** A kept layout names only panels that there are. Anything else is not restored. */
function keptLayout(of: Preset): SerializedDockview | undefined {
  const text = read(`layout.${of}`);
  if (text === undefined) return undefined;
  try {
    const layout = JSON.parse(text) as SerializedDockview;
    const known = Object.keys(layout.panels).every((id) => PANELS.some((panel) => panel.id === kindOf(id)));
    return known ? layout : undefined;
  } catch {
    return undefined;
  }
}

function restore(layout: SerializedDockview): void {
  api.value?.fromJSON(layout, { reuseExistingPanels: true });
}

function show(of: Preset): void {
  const kept = keptLayout(of);
  if (kept !== undefined) {
    try {
      restore(kept);
      return;
    } catch {
      // A layout that an older version kept: begin from the drawn one.
    }
  }
  restore(layoutOf(of, titleOf));
}

export function attachDock(dock: DockviewApi): void {
  api.value = dock;
  show(preset.value);
  const note = (): void => {
    opened.value = dock.panels.map(({ id }) => id);
  };
  note();
  dock.onDidLayoutChange(() => {
    note();
    save();
  });
}

export function usePreset(next: Preset): void {
  if (next === preset.value) return;
  clearTimeout(saving);
  if (api.value !== undefined) write(`layout.${preset.value}`, JSON.stringify(api.value.toJSON()));
  preset.value = next;
  write('preset', next);
  show(next);
}

/** The preset as it was drawn. */
export function resetLayout(): void {
  restore(layoutOf(preset.value, titleOf));
}

/** Brings a panel to the front; one that was closed opens again. `focus`: the keys go to it, too. */
export function openPanel(id: string, { focus = true } = {}): void {
  const dock = api.value;
  if (dock === undefined) return;
  const before = document.activeElement;
  let panel = dock.getPanel(id) ?? dock.panels.find((other) => kindOf(other.id) === id);
  if (panel === undefined) {
    const beside = PANELS.find((info) => info.id === id)?.beside.find((other) => dock.getPanel(other) !== undefined);
    panel = dock.addPanel({
      id,
      component: 'DockPanel',
      tabComponent: 'DockTab',
      title: titleOf(id),
      ...(beside === undefined ? {} : { position: { referencePanel: beside, direction: 'within' } }),
    });
  }
  panel.api.setActive();
  if (focus) requestAnimationFrame(() => focusPanel(id));
  else if (before instanceof HTMLElement) before.focus({ preventScroll: true });
}

export function closePanel(id: string): void {
  const panel = api.value?.getPanel(id);
  if (panel !== undefined) api.value?.removePanel(panel);
}

/** What in a panel takes the keys: what the panel says, else the first thing that can be focused. */
const FOCUSABLE = '[data-panel-focus], textarea, [tabindex="0"], input, button, select';

export function focusPanel(id: string): void {
  const box = document.querySelector<HTMLElement>(`[data-panel="${CSS.escape(id)}"]`);
  const inside = box?.querySelector<HTMLElement>('[data-panel-focus]') ?? box?.querySelector<HTMLElement>(FOCUSABLE);
  (inside ?? box)?.focus({ preventScroll: true });
}

/** The panel in front of the next group, or of the one before. */
export function cyclePanels(by: 1 | -1): void {
  const dock = api.value;
  if (dock === undefined || dock.groups.length === 0) return;
  const place = (element: HTMLElement): number => {
    const { top, left } = element.getBoundingClientRect();
    return Math.round(left / 8) + Math.round(top / 8) * 10_000;
  };
  const groups = dock.groups.filter((group) => group.activePanel !== undefined);
  groups.sort((a, b) => place(a.element) - place(b.element));
  const at = groups.findIndex((group) => group.element.contains(document.activeElement));
  const next = groups[(at + by + groups.length) % groups.length];
  if (next?.activePanel === undefined) return;
  next.activePanel.api.setActive();
  focusPanel(next.activePanel.id);
}

export function nextTab(by: 1 | -1): void {
  const group = api.value?.activeGroup;
  if (group?.activePanel === undefined) return;
  const at = group.panels.indexOf(group.activePanel);
  const next = group.panels[(at + by + group.panels.length) % group.panels.length];
  if (next === undefined) return;
  next.api.setActive();
  focusPanel(next.id);
}

export function toggleMaximized(): void {
  const panel = api.value?.activePanel;
  if (panel === undefined) return;
  if (panel.api.isMaximized()) panel.api.exitMaximized();
  else panel.api.maximize();
}

export const currentPreset = computed(() => preset.value);
export const openedPanels = computed(() => opened.value);
