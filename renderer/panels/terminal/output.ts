/** What commands say, coloured by what it means; and what in it can be clicked. */
import type { Position } from '../../../core/protocol/state.ts';

/** Colours of the terminal by their meaning; {@link terminalTheme} gives each its colour of the theme. */
const SGR = { text: 37, throw: 31, held: 36, here: 34, claim: 35, warn: 33, ok: 32, faint: 90 } as const;
type Tone = keyof typeof SGR;

export function paint(tone: Tone, text: string): string {
  return `\x1b[${SGR[tone]}m${text}\x1b[0m`;
}

/** The first rule that fits a line colours what it matches. */
const RULES: readonly { readonly when: RegExp; readonly tone: Tone }[] = [
  { when: /^(Breakpoint|Watchpoint) \d+.*/, tone: 'throw' },
  { when: /^ +unwinding \d+\/\d+: .*/, tone: 'throw' },
  { when: /\brejected\b.*/, tone: 'throw' },
  { when: /\baccepted\b/, tone: 'ok' },
  { when: /^=>.*/, tone: 'text' },
  { when: /^\*?#\d+/, tone: 'here' },
  { when: /^ *#\d+/, tone: 'held' },
  { when: /^\S+ returned .*/, tone: 'text' },
  { when: /^hint: .*/, tone: 'faint' },
  { when: /^;.*/, tone: 'faint' },
];

/** Control characters of the output cannot move the cursor or change colours. */
function plain(text: string): string {
  return [...text].map((letter) => (letter < ' ' && letter !== '\n' && letter !== '\t' ? '\u00b7' : letter)).join('');
}

/** With line ends as a terminal has them. */
export function coloured(text: string, failed: boolean): string {
  return plain(text)
    .split('\n')
    .map((line, index) => {
      if (failed) return index === 0 ? paint('throw', line) : line;
      const rule = RULES.find(({ when }) => when.test(line));
      return rule === undefined ? line : line.replace(rule.when, (part) => paint(rule.tone, part));
    })
    .join('\r\n');
}

export type OutputLink = { readonly start: number; readonly length: number } & (
  { readonly kind: 'insn'; readonly insn: number } | { readonly kind: 'position'; readonly position: Position }
);

const INSN = /\binsn (\d+)\b/g;
const POSITION = /(?:\brun (\d+) · )?\bstep ([\d,]+)(?: · phase (\d+))?/g;

/** `run`: what `step 12` without a run is about. */
export function linksIn(line: string, run: number): readonly OutputLink[] {
  const links: OutputLink[] = [];
  for (const match of line.matchAll(INSN))
    links.push({ kind: 'insn', start: match.index, length: match[0].length, insn: Number(match[1]) });
  for (const match of line.matchAll(POSITION)) {
    const [text, of, step = '', phase] = match;
    const position = {
      run: of === undefined ? run : Number(of),
      step: Number(step.replaceAll(',', '')),
      phase: Number(phase ?? 0),
    };
    links.push({ kind: 'position', start: match.index, length: text.length, position });
  }
  return links.sort((a, b) => a.start - b.start);
}

/** Words side by side in as many columns as fit. */
export function columnsOf(words: readonly string[], width: number): string {
  const wide = Math.max(...words.map((word) => word.length)) + 2;
  const columns = Math.max(1, Math.floor(width / wide));
  const rows = Math.ceil(words.length / columns);
  return Array.from({ length: rows }, (_, row) =>
    words
      .filter((_word, index) => index % rows === row)
      .map((word) => word.padEnd(wide))
      .join('')
      .trimEnd(),
  ).join('\r\n');
}
