/** All panels: how they are called, and where they open. */

export interface PanelInfo {
  /** The name of its file in small letters, without `Panel`. */
  readonly id: string;
  readonly title: string;
  /** For the list of panels. */
  readonly about: string;
  /** Where it opens when the layout has no place for it: beside which panels, the first that is there. */
  readonly beside: readonly string[];
}

export const PANELS: readonly PanelInfo[] = [
  { id: 'code', title: 'Code', about: 'source and instructions', beside: ['unwind', 'timeline'] },
  { id: 'maps', title: 'Maps', about: 'contents of maps', beside: ['code', 'memory'] },
  { id: 'unwind', title: 'Unwind', about: 'a throw, frame by frame', beside: ['frames', 'registers', 'code'] },
  { id: 'frames', title: 'Frames', about: 'the call stack', beside: ['unwind', 'registers'] },
  { id: 'memory', title: 'Memory', about: 'bytes, and what they are', beside: ['frames', 'stack', 'unwind'] },
  { id: 'registers', title: 'Registers', about: 'values beside claims of the verifier', beside: ['stack', 'frames'] },
  { id: 'stack', title: 'Stack', about: 'the words of a frame', beside: ['registers', 'frames'] },
  { id: 'resources', title: 'Resources', about: 'the ledger', beside: ['events', 'registers'] },
  { id: 'events', title: 'Events', about: 'what happened, as a table', beside: ['resources', 'timeline'] },
  { id: 'timeline', title: 'Timeline', about: 'what happened, as a picture', beside: ['output', 'terminal'] },
  { id: 'output', title: 'Output', about: 'what programs print', beside: ['timeline', 'terminal'] },
  { id: 'breakpoints', title: 'Breakpoints', about: 'where runs stop', beside: ['output', 'timeline', 'registers'] },
  { id: 'runs', title: 'Runs', about: 'all runs, to pick one', beside: ['timeline', 'output'] },
  { id: 'programs', title: 'Programs', about: 'programs of the object', beside: ['maps', 'code'] },
  { id: 'terminal', title: 'Terminal', about: 'every command', beside: ['output', 'timeline'] },
  { id: 'why', title: 'Why', about: 'why a program is rejected', beside: ['log', 'unwind', 'code'] },
  { id: 'log', title: 'Log', about: "the verifier's log", beside: ['why', 'terminal'] },
  { id: 'known', title: 'Known here', about: 'what the verifier knows', beside: ['why', 'registers'] },
  { id: 'exploration', title: 'Exploration', about: 'paths of the verifier', beside: ['timeline', 'why'] },
  { id: 'start', title: 'Start', about: 'examples and files', beside: ['code'] },
];

/** A layout may show a panel twice: `log@2` is another `log`. */
export function kindOf(id: string): string {
  return id.split('@', 1)[0] ?? id;
}

export function titleOf(id: string): string {
  return PANELS.find((panel) => panel.id === kindOf(id))?.title ?? kindOf(id);
}
