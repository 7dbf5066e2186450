/** The menu of a row of Code. */
import type { CodeRow } from '../../../core/protocol/code.ts';
import type { MenuEntry } from '../../common/menu.ts';
import type { BreakpointMark } from './marks.ts';

export type CodeAction =
  'toggle' | 'condition' | 'switch' | 'to-here' | 'back-here' | 'follow' | 'back' | 'next-piece' | 'copy';

export interface CodeMenuFacts {
  readonly row: CodeRow;
  readonly breakpoint: BreakpointMark | undefined;
  /** A program has been run. */
  readonly began: boolean;
  readonly canGoBack: boolean;
  readonly pieces: number;
}

export function codeMenu({ row, breakpoint, began, canGoBack, pieces }: CodeMenuFacts): MenuEntry<CodeAction>[] {
  const title = row.kind === 'insn' ? `insn ${row.insn}` : row.kind === 'source' ? `${row.file}:${row.line}` : row.name;
  const entries: MenuEntry<CodeAction>[] = [
    { kind: 'title', text: title },
    {
      kind: 'item',
      id: 'toggle',
      text: breakpoint === undefined ? 'Set a breakpoint' : 'Delete the breakpoint',
      keys: 'F9',
    },
    {
      kind: 'item',
      id: 'condition',
      text: breakpoint?.condition === undefined ? 'Stop here if…' : 'Change the condition…',
      keys: 'Shift+F9',
    },
  ];
  if (breakpoint !== undefined)
    entries.push({ kind: 'item', id: 'switch', text: breakpoint.enabled ? 'Switch it off' : 'Switch it on' });
  entries.push(
    { kind: 'line' },
    { kind: 'item', id: 'to-here', text: 'Run to here', keys: 'Ctrl+F10', disabled: !began },
    { kind: 'item', id: 'back-here', text: 'Go back to here', keys: 'Ctrl+Alt+F10', disabled: !began },
    { kind: 'line' },
  );
  if (row.kind === 'insn' && row.target !== undefined)
    entries.push({ kind: 'item', id: 'follow', text: `Follow to insn ${row.target}`, keys: 'Enter' });
  if (pieces > 1)
    entries.push({ kind: 'item', id: 'next-piece', text: `Next of ${pieces} pieces of this line`, keys: ']' });
  entries.push(
    { kind: 'item', id: 'back', text: 'Where Code was before', keys: 'Alt+Left', disabled: !canGoBack },
    { kind: 'item', id: 'copy', text: 'Copy the text' },
  );
  return entries;
}
