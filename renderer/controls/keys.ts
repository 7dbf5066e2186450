/**
 * Which key does what: one table, that the handler, the tooltips, the list of commands and the sheet of keys all read. As in
 * VS Code; with Alt a step goes backwards.
 */

export interface KeyBinding {
  /** Modifiers in the order Ctrl, Alt, Shift, then the key: `Ctrl+Shift+P`. On a Mac, Ctrl is the command key, too. */
  readonly keys: string;
  readonly command: string;
  /** Also while somebody types. Function keys always are. */
  readonly typing?: true;
}

export const KEYS: readonly KeyBinding[] = [
  { keys: 'F5', command: 'run.continue' },
  { keys: 'Alt+F5', command: 'run.rcontinue' },
  { keys: 'Ctrl+Shift+F5', command: 'run.run' },
  { keys: 'Shift+F5', command: 'run.reset' },
  { keys: 'F6', command: 'view.nextPanel' },
  { keys: 'Shift+F6', command: 'view.previousPanel' },
  { keys: 'Ctrl+F6', command: 'view.nextTab' },
  { keys: 'Ctrl+Shift+F6', command: 'view.previousTab' },
  { keys: 'F8', command: 'run.throw' },
  { keys: 'Alt+F8', command: 'run.rthrow' },
  { keys: 'F9', command: 'breakpoint.toggle' },
  { keys: 'F10', command: 'run.over' },
  { keys: 'Alt+F10', command: 'run.rover' },
  { keys: 'Ctrl+F10', command: 'run.toHere' },
  { keys: 'Ctrl+Alt+F10', command: 'run.rtoHere' },
  { keys: 'F11', command: 'run.into' },
  { keys: 'Alt+F11', command: 'run.rinto' },
  { keys: 'Shift+F11', command: 'run.out' },
  { keys: 'Alt+Shift+F11', command: 'run.rout' },
  { keys: 'Ctrl+F11', command: 'run.insn' },
  { keys: 'Ctrl+Alt+F11', command: 'run.rinsn' },
  { keys: 'Ctrl+Home', command: 'run.start' },
  { keys: 'Ctrl+End', command: 'run.end' },
  { keys: 'Ctrl+G', command: 'go.to' },
  { keys: 'Ctrl+O', command: 'file.open', typing: true },
  { keys: 'Ctrl+S', command: 'file.save', typing: true },
  { keys: 'Ctrl+Shift+P', command: 'view.palette', typing: true },
  { keys: 'F1', command: 'view.palette' },
  { keys: '?', command: 'view.keys' },
  { keys: 'Ctrl+B', command: 'bookmark.add' },
  { keys: 'Ctrl+`', command: 'panel.terminal', typing: true },
  { keys: 'Alt+1', command: 'view.verify', typing: true },
  { keys: 'Alt+2', command: 'view.debug', typing: true },
  { keys: 'Alt+3', command: 'view.unwind', typing: true },
  { keys: 'Alt+4', command: 'view.trace', typing: true },
];

/** What of a keyboard event decides. */
export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** The key press as the table writes it. */
export function chordOf({ key, code, ctrlKey, metaKey, altKey, shiftKey }: KeyPress): string {
  const control = ctrlKey || metaKey;
  // With Alt, some layouts give another letter than the key has.
  const digit = /^Digit(\d)$/.exec(code)?.[1];
  const name = altKey && digit !== undefined ? digit : code === 'Backquote' && control ? '`' : key;
  const letter = name.length === 1;
  // Shift is part of a sign such as `?`; of a letter it is a modifier.
  const sign = letter && !/[a-z0-9`]/i.test(name);
  const parts = [control ? 'Ctrl' : '', altKey ? 'Alt' : '', shiftKey && !sign ? 'Shift' : ''];
  return [...parts.filter((part) => part !== ''), letter ? name.toUpperCase() : name].join('+');
}

const byChord = new Map(KEYS.map((binding) => [binding.keys, binding]));
const FUNCTION_KEY = /(^|\+)F\d+$/;

/** The command of a key press, or undefined when the key is for whatever has the focus. */
export function commandFor(press: KeyPress, typing: boolean): string | undefined {
  const binding = byChord.get(chordOf(press));
  if (binding === undefined) return undefined;
  return typing && binding.typing !== true && !FUNCTION_KEY.test(binding.keys) ? undefined : binding.command;
}

/** The keys of a command, as they are shown: `Shift+F11`. */
export function keysOf(command: string): readonly string[] {
  return KEYS.filter((binding) => binding.command === command).map(({ keys }) => keys);
}

/** `Step over (F10)`. */
export function withKeys(title: string, command: string): string {
  const [keys] = keysOf(command);
  return keys === undefined ? title : `${title} (${keys})`;
}
