import { describe, expect, it } from 'vitest';
import { bytes, count, duration, plural, positionText } from './format.ts';

describe('numbers as people read them', () => {
  it('groups thousands', () => {
    expect(count(1204)).toBe('1,204');
    expect(plural(1, 'map')).toBe('1 map');
    expect(plural(0, 'map')).toBe('0 maps');
    expect(plural(2, 'entry', 'entries')).toBe('2 entries');
  });

  it('gives sizes two digits', () => {
    expect([0, 999, 1000, 14_200, 999_600, 268_435_456].map(bytes)).toEqual([
      '0 B',
      '999 B',
      '1 KB',
      '14 KB',
      '1 MB',
      '268 MB',
    ]);
  });

  it('gives times in milliseconds, and long ones in seconds', () => {
    expect([40, 412, 123_456, 2_500_000].map(duration)).toEqual(['0.0 ms', '0.4 ms', '123 ms', '2.5 s']);
  });

  it('names a phase only inside an unwinding', () => {
    expect(positionText({ run: 0, step: 1204, phase: 0 })).toBe('run 0 · step 1,204');
    expect(positionText({ run: 2, step: 7, phase: 3 })).toBe('run 2 · step 7 · phase 3');
  });
});
