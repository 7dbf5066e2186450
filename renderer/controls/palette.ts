/** The list of all commands: what it holds, and what of it matches. */
import { Fzf } from 'fzf';

export interface PaletteEntry {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  /** Keys of a command of the page, or what a command of the terminal is for. */
  readonly detail: string;
  readonly can: boolean;
}

export interface PaletteMatch {
  readonly entry: PaletteEntry;
  /** The title in pieces, those that match marked. */
  readonly pieces: readonly { readonly text: string; readonly hit: boolean }[];
}

const LISTED = 80;

export function matching(entries: readonly PaletteEntry[], query: string): readonly PaletteMatch[] {
  const words = query.trim();
  if (words === '')
    return entries.slice(0, LISTED).map((entry) => ({ entry, pieces: [{ text: entry.title, hit: false }] }));
  const found = new Fzf(entries, {
    selector: ({ title, group }) => `${title} ${group}`,
    limit: LISTED,
    // What can be done now comes first among equals.
    tiebreakers: [(a, b) => Number(b.item.can) - Number(a.item.can)],
  }).find(words);
  return found.map(({ item, positions }) => ({ entry: item, pieces: pieces(item.title, positions) }));
}

function pieces(title: string, positions: ReadonlySet<number>): PaletteMatch['pieces'] {
  const made: { text: string; hit: boolean }[] = [];
  for (const [index, letter] of [...title].entries()) {
    const hit = positions.has(index);
    const last = made.at(-1);
    if (last?.hit === hit) last.text += letter;
    else made.push({ text: letter, hit });
  }
  return made;
}
