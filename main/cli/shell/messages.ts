/** What the terminal and the thread that runs the commands tell each other. */

/** How the thread is begun. */
export interface ShellStart {
  readonly role: 'shell';
  /** Shared: 1 when the present command is to end. */
  readonly cancel: Int32Array;
  /** Loaded before anything else. */
  readonly object?: string;
  readonly json: boolean;
  readonly colour: boolean;
}

export type ToShell =
  { readonly kind: 'execute'; readonly line: string } | { readonly kind: 'complete'; readonly line: string };

export type FromShell =
  /** Ready for the first command. */
  | { readonly kind: 'ready' }
  /** The last command is done: what it says, on which stream, and whether the conversation is over. */
  | { readonly kind: 'done'; readonly text: string; readonly failed: boolean; readonly quit: boolean }
  | { readonly kind: 'words'; readonly word: string; readonly words: readonly string[] }
  | { readonly kind: 'progress'; readonly done: number; readonly total?: number };

export function isShellStart(value: unknown): value is ShellStart {
  return typeof value === 'object' && value !== null && 'role' in value && value.role === 'shell';
}
