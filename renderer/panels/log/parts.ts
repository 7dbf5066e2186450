/** A line of the log cut into what is shown differently: the number of its instruction, what it says of the state, what was found. */
import type { LogLine } from '../../../core/protocol/verifier.ts';

export interface Part {
  readonly text: string;
  readonly kind: 'text' | 'state-part' | 'found';
  /** A link to this instruction. */
  readonly insn?: number;
}

/** `12: (b7) r1 = 7                 ; R1=7` */
const STATE = /\s; (?:frame\d+: ?)?(?:R\d|fp-)/;

export function partsOf({ text, kind, insn }: LogLine, search = ''): Part[] {
  const parts: Part[] = [];
  let rest = text;
  if (insn !== undefined) {
    const label = `${insn}:`;
    const at = rest.indexOf(label);
    if (at >= 0) {
      parts.push(...searched(rest.slice(0, at), 'text', search), { text: label, kind: 'text', insn });
      rest = rest.slice(at + label.length);
    }
  }
  const state = kind === 'insn' ? rest.search(STATE) : -1;
  if (state < 0) return [...parts, ...searched(rest, 'text', search)];
  return [
    ...parts,
    ...searched(rest.slice(0, state), 'text', search),
    ...searched(rest.slice(state), 'state-part', search),
  ];
}

/** As the search does it: without regard to upper and lower case. */
function searched(text: string, kind: 'text' | 'state-part', search: string): Part[] {
  if (text === '') return [];
  const wanted = search.toLowerCase();
  const lower = text.toLowerCase();
  // Where lower case is longer than upper case places cannot be told.
  if (wanted === '' || lower.length !== text.length) return [{ text, kind }];
  const parts: Part[] = [];
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    if (at > from) parts.push({ text: text.slice(from, at), kind });
    from = at + wanted.length;
    parts.push({ text: text.slice(at, from), kind: 'found' });
  }
  if (from < text.length) parts.push({ text: text.slice(from), kind });
  return parts;
}

/** The next of sorted lines after or before one; around the end, at the first again. */
export function nextOf(lines: readonly number[], from: number | undefined, by: 1 | -1): number | undefined {
  if (lines.length === 0) return undefined;
  const at = from ?? (by > 0 ? -1 : Infinity);
  const next = by > 0 ? lines.find((line) => line > at) : lines.findLast((line) => line < at);
  return next ?? (by > 0 ? lines[0] : lines.at(-1));
}
