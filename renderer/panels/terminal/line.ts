/**
 * The line behind the prompt, as it is edited: every key gives a new line, and sometimes something to do. The keys are those
 * of readline.
 */

export interface Line {
  readonly text: string;
  /** 0 to the text's length. */
  readonly cursor: number;
  /** Which line of the history is shown, counted from the newest; -1 for the one that is being written. */
  readonly back: number;
  /** What was being written before the history was shown. */
  readonly draft: string;
  /** Looking backwards in the history for a text. */
  readonly search?: { readonly text: string; readonly back: number };
  /** What was cut last. */
  readonly cut: string;
}

export type LineAction = 'submit' | 'complete' | 'interrupt' | 'clear' | 'bell';

export interface Edited {
  readonly line: Line;
  readonly action?: LineAction;
}

export const EMPTY_LINE: Line = { text: '', cursor: 0, back: -1, draft: '', cut: '' };
export const HISTORY = 1000;

/** Another text, the cursor at its end. */
export function lineOf(text: string, line: Line = EMPTY_LINE): Line {
  return { ...EMPTY_LINE, cut: line.cut, text, cursor: text.length };
}

/** The history with one line more; the same line twice in a row counts once. */
export function remember(history: readonly string[], text: string): readonly string[] {
  const line = text.trim();
  if (line === '' || history.at(-1) === line) return history;
  return [...history, line].slice(-HISTORY);
}

const wordBefore = (text: string, at: number): number => /\S*\s*$/.exec(text.slice(0, at))!.index;
const wordAfter = (text: string, at: number): number => at + /^\s*\S*/.exec(text.slice(at))![0].length;

/** `data`: what the terminal says was pressed: a control character, a sequence, or text. */
export function edit(line: Line, data: string, history: readonly string[]): Edited {
  if (line.search !== undefined) {
    const searched = editSearch(line, line.search, data, history);
    if (searched !== undefined) return searched;
    // Any other key takes the line that was found, and means itself.
    const { search: _search, ...taken } = line;
    return edit(taken, data, history);
  }
  const { text, cursor } = line;
  const move = (to: number): Edited => ({ line: { ...line, cursor: Math.max(0, Math.min(text.length, to)) } });
  const remove = (from: number, to: number, keep: boolean): Edited => ({
    line: {
      ...line,
      text: text.slice(0, from) + text.slice(to),
      cursor: from,
      ...(keep && to > from ? { cut: text.slice(from, to) } : {}),
    },
  });
  switch (data) {
    case '\r':
      return { line, action: 'submit' };
    case '\t':
      return { line, action: 'complete' };
    case '\x03': // Ctrl-C
      return { line, action: 'interrupt' };
    case '\x0c': // Ctrl-L
      return { line, action: 'clear' };
    case '\x01': // Ctrl-A
    case '\x1b[H':
    case '\x1bOH':
      return move(0);
    case '\x05': // Ctrl-E
    case '\x1b[F':
    case '\x1bOF':
      return move(text.length);
    case '\x02': // Ctrl-B
    case '\x1b[D':
    case '\x1bOD':
      return move(cursor - 1);
    case '\x06': // Ctrl-F
    case '\x1b[C':
    case '\x1bOC':
      return move(cursor + 1);
    case '\x1bb':
    case '\x1b[1;5D':
    case '\x1b[1;3D':
      return move(wordBefore(text, cursor));
    case '\x1bf':
    case '\x1b[1;5C':
    case '\x1b[1;3C':
      return move(wordAfter(text, cursor));
    case '\x7f':
    case '\b':
      return cursor === 0 ? { line, action: 'bell' } : remove(cursor - 1, cursor, false);
    case '\x04': // Ctrl-D
    case '\x1b[3~':
      return cursor === text.length ? { line, action: 'bell' } : remove(cursor, cursor + 1, false);
    case '\x0b': // Ctrl-K
      return remove(cursor, text.length, true);
    case '\x15': // Ctrl-U
      return remove(0, cursor, true);
    case '\x17': // Ctrl-W
    case '\x1b\x7f':
      return remove(wordBefore(text, cursor), cursor, true);
    case '\x1bd':
      return remove(cursor, wordAfter(text, cursor), true);
    case '\x19': // Ctrl-Y
      return insert(line, line.cut);
    case '\x10': // Ctrl-P
    case '\x1b[A':
    case '\x1bOA':
      return recall(line, line.back + 1, history);
    case '\x0e': // Ctrl-N
    case '\x1b[B':
    case '\x1bOB':
      return recall(line, line.back - 1, history);
    case '\x12': // Ctrl-R
      return { line: { ...line, draft: line.back === -1 ? text : line.draft, search: { text: '', back: -1 } } };
    default:
      return isText(data) ? insert(line, data) : { line };
  }
}

/** No control character, no sequence of a key that means nothing here. */
function isText(data: string): boolean {
  return [...data].every((letter) => letter >= ' ' && letter !== '\x7f');
}

function insert(line: Line, added: string): Edited {
  const { text, cursor } = line;
  return {
    line: { ...line, text: text.slice(0, cursor) + added + text.slice(cursor), cursor: cursor + added.length },
  };
}

/** A line of the history, `back` counted from the newest. */
function recall(line: Line, back: number, history: readonly string[]): Edited {
  if (back < -1 || back >= history.length) return { line, action: 'bell' };
  const draft = line.back === -1 ? line.text : line.draft;
  const text = back === -1 ? draft : history[history.length - 1 - back]!;
  return { line: { ...line, text, cursor: text.length, back, draft } };
}

/** Undefined for a key that ends the search. */
function editSearch(
  line: Line,
  search: NonNullable<Line['search']>,
  data: string,
  history: readonly string[],
): Edited | undefined {
  const find = (text: string, from: number): Edited => {
    const known: Line = { ...line, search: { text, back: search.back } };
    if (text === '') return { line: known };
    for (let back = Math.max(0, from); back < history.length; back++) {
      const found = history[history.length - 1 - back]!;
      const at = found.indexOf(text);
      if (at >= 0) return { line: { ...line, text: found, cursor: at, back, search: { text, back } } };
    }
    return { line: known, action: 'bell' };
  };
  switch (data) {
    case '\x12':
      return find(search.text, search.back + 1);
    case '\x7f':
    case '\b':
      return find(search.text.slice(0, -1), 0);
    case '\x07': // Ctrl-G
    case '\x1b':
    case '\x03':
      return { line: lineOf(line.draft, line) };
    default:
      return isText(data) ? find(search.text + data, search.back) : undefined;
  }
}

export interface Completion {
  readonly line: Line;
  /** Words to list, when there are several and nothing more can be added. */
  readonly list: readonly string[];
}

/** What a press of Tab makes of the words that fit. `word`: the one that is being written. */
export function completed(line: Line, word: string, words: readonly string[]): Completion {
  if (words.length === 0) return { line, list: [] };
  const common = words.reduce((prefix, other) => {
    let length = 0;
    while (length < prefix.length && prefix[length] === other[length]) length++;
    return prefix.slice(0, length);
  });
  const whole = words.length === 1 && !common.endsWith('/') ? `${common} ` : common;
  if (whole.length <= word.length || !whole.startsWith(word)) return { line, list: words.length === 1 ? [] : words };
  return { line: insert(line, whole.slice(word.length)).line, list: [] };
}

export interface Drawn {
  /** To be written to the terminal. */
  readonly data: string;
  /** The row of the cursor, counted from the one with the prompt. */
  readonly row: number;
}

/** Draws the line again: `row` is where the cursor was, `columns` the terminal's width. `prompt` may hold colours. */
export function drawn(line: Line, prompt: string, promptWidth: number, columns: number, row: number): Drawn {
  const end = promptWidth + line.text.length;
  const at = promptWidth + line.cursor;
  const up = (rows: number): string => (rows > 0 ? `\x1b[${rows}A` : '');
  // After the last column the cursor waits at the edge: a new line puts it where it belongs.
  const wrap = end > 0 && end % columns === 0 ? '\r\n' : '';
  const column = at % columns;
  return {
    data:
      `${up(row)}\r\x1b[J${prompt}${line.text}${wrap}` +
      `${up(Math.floor(end / columns) - Math.floor(at / columns))}\r${column > 0 ? `\x1b[${column}C` : ''}`,
    row: Math.floor(at / columns),
  };
}

/** The prompt while the history is searched. */
export function promptOf(line: Line): string {
  return line.search === undefined ? 'bailout> ' : `search '${line.search.text}': `;
}
