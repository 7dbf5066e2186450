import { describe, expect, it } from 'vitest';
import { nextOf, partsOf } from './parts.ts';

describe('a line of the log', () => {
  it('has its instruction as a link, and what it says of the state apart', () => {
    expect(partsOf({ text: '66: (67) r6 <<= 3         ; frame2: R6=scalar()', kind: 'insn', insn: 66 })).toEqual([
      { text: '66:', kind: 'text', insn: 66 },
      { text: ' (67) r6 <<= 3        ', kind: 'text' },
      { text: ' ; frame2: R6=scalar()', kind: 'state-part' },
    ]);
    expect(partsOf({ text: 'from 3 to 12: R0=1', kind: 'state', insn: 12 }).map(({ text }) => text)).toEqual([
      'from 3 to ',
      '12:',
      ' R0=1',
    ]);
  });

  it('does not take a comment of the source for a state', () => {
    expect(partsOf({ text: '; x; R1 @ a.c:1', kind: 'source' })).toEqual([{ text: '; x; R1 @ a.c:1', kind: 'text' }]);
  });

  it('shows what was searched for, in upper or lower case', () => {
    expect(partsOf({ text: 'R1 unbounded r1', kind: 'error' }, 'r1')).toEqual([
      { text: 'R1', kind: 'found' },
      { text: ' unbounded ', kind: 'text' },
      { text: 'r1', kind: 'found' },
    ]);
  });
});

describe('going from one found line to the next', () => {
  it('goes around at the end', () => {
    expect(nextOf([3, 7, 9], undefined, 1)).toBe(3);
    expect(nextOf([3, 7, 9], 3, 1)).toBe(7);
    expect(nextOf([3, 7, 9], 9, 1)).toBe(3);
    expect(nextOf([3, 7, 9], 3, -1)).toBe(9);
    expect(nextOf([3, 7, 9], undefined, -1)).toBe(9);
    expect(nextOf([3, 7, 9], 5, -1)).toBe(3);
    expect(nextOf([], 5, 1)).toBeUndefined();
  });
});
