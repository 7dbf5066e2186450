import { describe, expect, it } from 'vitest';
import { COLOURED, PLAIN, wantsColour, width } from './style.ts';
import { count, duration, grouped, table } from './table.ts';

describe('columns', () => {
  it('line up, numbers at their right edge, and no line ends in spaces', () => {
    const rows = [
      ['a', '1', 'short'],
      ['long', '100', ''],
    ];
    expect(table(rows, { indent: '  ', right: [1] })).toEqual(['  a       1  short', '  long  100']);
  });

  it('line up also when coloured', () => {
    const rows = [
      [COLOURED.good('a'), 'x'],
      ['long', 'x'],
    ];
    expect(table(rows).map(width)).toEqual([7, 7]);
  });
});

describe('figures', () => {
  it('are written for people', () => {
    expect(count(1, 'insn')).toBe('1 insn');
    expect(count(2, 'entry', 'entries')).toBe('2 entries');
    expect([999, 1000, 1234567].map(grouped)).toEqual(['999', '1,000', '1,234,567']);
    expect([300, 12_300, 3_100_000].map(duration)).toEqual(['0.3 ms', '12 ms', '3.1 s']);
  });
});

describe('colours', () => {
  it('change nothing but colours', () => {
    expect(PLAIN.bad('no')).toBe('no');
    expect(COLOURED.bad('no')).toBe('\x1b[31mno\x1b[39m');
    expect(width(COLOURED.bold(COLOURED.bad('no')))).toBe(2);
  });

  it('are off in a pipe, and as the user says', () => {
    expect(wantsColour({}, true)).toBe(true);
    expect(wantsColour({}, false)).toBe(false);
    expect(wantsColour({ NO_COLOR: '1' }, true)).toBe(false);
    expect(wantsColour({ FORCE_COLOR: '1' }, false)).toBe(true);
    expect(wantsColour({ TERM: 'dumb' }, true)).toBe(false);
  });
});
