import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Line } from './line.ts';
import { EMPTY_LINE, completed, drawn, edit, lineOf, promptOf, remember } from './line.ts';

const HISTORY = ['load a.o', 'break throw', 'run', 'break 46'];

function press(line: Line, ...keys: string[]): Line {
  return keys.reduce((now, key) => edit(now, key, HISTORY).line, line);
}

describe('the line behind the prompt', () => {
  it('takes text where the cursor is', () => {
    expect(press(EMPTY_LINE, 'r', 'n', '\x1b[D', 'u')).toMatchObject({ text: 'run', cursor: 2 });
  });

  it('moves to both ends, and by words', () => {
    const line = lineOf('break check if x');
    expect(press(line, '\x01').cursor).toBe(0);
    expect(press(line, '\x01', '\x05').cursor).toBe(16);
    expect(press(line, '\x1bb').cursor).toBe(15);
    expect(press(line, '\x1bb', '\x1bb', '\x1bb').cursor).toBe(6);
    expect(press(line, '\x01', '\x1bf').cursor).toBe(5);
  });

  it('cuts to an end or a word, and puts it back', () => {
    const line = press(lineOf('break check'), '\x17');
    expect(line).toMatchObject({ text: 'break ', cut: 'check' });
    expect(press(line, '\x19').text).toBe('break check');
    expect(press(lineOf('abc'), '\x1b[D', '\x0b')).toMatchObject({ text: 'ab', cut: 'c' });
    expect(press(lineOf('abc'), '\x1b[D', '\x15')).toMatchObject({ text: 'c', cursor: 0, cut: 'ab' });
  });

  it('deletes on both sides, and rings at the ends', () => {
    expect(press(lineOf('ab'), '\x7f').text).toBe('a');
    expect(press(lineOf('ab'), '\x01', '\x1b[3~').text).toBe('b');
    expect(edit(EMPTY_LINE, '\x7f', []).action).toBe('bell');
  });

  it('goes through the history, and back to what was being written', () => {
    const line = press(lineOf('ru'), '\x1b[A', '\x1b[A');
    expect(line.text).toBe('run');
    expect(press(line, '\x1b[B', '\x1b[B')).toMatchObject({ text: 'ru', back: -1 });
    expect(edit(press(EMPTY_LINE, ...Array.from({ length: 4 }, () => '\x1b[A')), '\x1b[A', HISTORY).action).toBe(
      'bell',
    );
  });

  it('searches the history backwards, each Ctrl-R further', () => {
    const found = press(EMPTY_LINE, '\x12', 'b', 'r');
    expect(found.text).toBe('break 46');
    expect(promptOf(found)).toBe("search 'br': ");
    expect(press(found, '\x12').text).toBe('break throw');
    expect(edit(press(found, '\x12'), '\x12', HISTORY).action).toBe('bell');
  });

  it('takes what was found with any other key, and gives it up with Escape', () => {
    expect(edit(press(lineOf('draft'), '\x12', 'run'), '\r', HISTORY)).toMatchObject({
      action: 'submit',
      line: { text: 'run' },
    });
    expect(press(lineOf('draft'), '\x12', 'run', '\x1b')).toMatchObject({ text: 'draft' });
    expect(press(lineOf('draft'), '\x12', 'run', '\x1b').search).toBeUndefined();
  });

  it('takes no sequence for text', () => {
    expect(press(lineOf('a'), '\x1b[15~', '\x1b[1;2P').text).toBe('a');
  });

  it('remembers a line once in a row, and no empty one', () => {
    expect(remember(['run'], ' run ')).toEqual(['run']);
    expect(remember(['run'], '  ')).toEqual(['run']);
    expect(remember(['run'], 'bt')).toEqual(['run', 'bt']);
  });

  it('keeps its cursor in the text, whatever is pressed', () => {
    const keys = fc.constantFrom(
      'a',
      ' ',
      '\x01',
      '\x05',
      '\x1b[D',
      '\x1b[C',
      '\x7f',
      '\x0b',
      '\x15',
      '\x17',
      '\x19',
      '\x12',
      '\x1b[A',
      '\x1b[B',
      '\x1b',
      '\x1b[3~',
      '\x1bd',
    );
    fc.assert(
      fc.property(fc.array(keys, { maxLength: 40 }), (pressed) => {
        const line = press(EMPTY_LINE, ...pressed);
        expect(line.cursor).toBeGreaterThanOrEqual(0);
        expect(line.cursor).toBeLessThanOrEqual(line.text.length);
      }),
    );
  });
});

describe('completion', () => {
  it('writes the only word, and a space', () => {
    expect(completed(lineOf('br'), 'br', ['break'])).toMatchObject({ line: { text: 'break ', cursor: 6 }, list: [] });
  });

  it('writes what all words have in common, then lists them', () => {
    const first = completed(lineOf('info re'), 're', ['registers', 'resources']);
    expect(first).toMatchObject({ line: { text: 'info re' }, list: ['registers', 'resources'] });
    expect(completed(lineOf('info r'), 'r', ['registers', 'resources'])).toMatchObject({
      line: { text: 'info re' },
      list: [],
    });
  });

  it('does nothing when nothing fits', () => {
    expect(completed(lineOf('xyz'), 'xyz', [])).toMatchObject({ line: { text: 'xyz' }, list: [] });
  });

  it('leaves a folder open', () => {
    expect(completed(lineOf('load ex'), 'ex', ['examples/']).line.text).toBe('load examples/');
  });
});

const ESCAPE = String.fromCharCode(27);
const SEQUENCE = new RegExp(`^${ESCAPE}\\[(\\d*)([A-Z])$`);
const PARTS = new RegExp(`${ESCAPE}\\[\\d*[A-Z]|[^]`, 'g');

describe('drawing the line', () => {
  /** A terminal small enough to read: what is on it, and where the cursor stands. */
  function screen(
    data: string,
    columns: number,
  ): { readonly text: string; readonly row: number; readonly column: number } {
    const cells: string[][] = [];
    let row = 0;
    let column = 0;
    for (const [part] of data.matchAll(PARTS)) {
      const [, count, letter] = SEQUENCE.exec(part) ?? [];
      const times = Number(count === '' || count === undefined ? 1 : count);
      if (letter === 'A') row -= times;
      else if (letter === 'C') column += times;
      else if (letter === 'J') {
        cells.length = row + 1;
        (cells[row] ??= []).length = column;
      } else if (part === '\r') column = 0;
      else if (part === '\n') row++;
      else {
        if (column === columns) {
          column = 0;
          row++;
        }
        (cells[row] ??= [])[column++] = part;
      }
    }
    return { text: cells.map((line) => (line ?? []).join('')).join('\n'), row, column };
  }

  it('puts the cursor where it is in the text, over as many rows as it takes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 12, max: 30 }),
        fc.integer({ min: 0, max: 80 }),
        fc.nat(),
        (columns, length, at) => {
          const line: Line = { ...lineOf('x'.repeat(length)), cursor: at % (length + 1) };
          const first = drawn(lineOf('x'.repeat(length)), '> ', 2, columns, 0);
          const second = drawn(line, '> ', 2, columns, first.row);
          const shown = screen(first.data + second.data, columns);
          expect(shown.text.replaceAll('\n', '')).toBe(`> ${line.text}`);
          expect(shown.row * columns + shown.column).toBe(2 + line.cursor);
          expect(shown.row).toBe(second.row);
        },
      ),
    );
  });
});
