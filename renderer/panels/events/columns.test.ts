import { describe, expect, it } from 'vitest';
import type { EventRow } from '../../../core/protocol/timeline.ts';
import {
  cursorAfter,
  detailText,
  emptyText,
  listedText,
  sameList,
  samePart,
  sortedBy,
  stepBeside,
  stepText,
  toneOf,
  whereText,
} from './columns.ts';

const ROW: EventRow = {
  index: 0,
  position: { run: 0, step: 1204, phase: 0 },
  tick: 1204,
  kind: 'helper',
  program: 'classify',
  function: 'inspect',
  insn: 60,
  frame: 0,
  name: 'map_lookup_elem',
  detail: '',
};

describe('a row of the table', () => {
  it('names its moment as goto takes it', () => {
    expect(stepText(ROW)).toBe('1,204');
    expect(stepText({ ...ROW, position: { run: 0, step: 1204, phase: 3 } })).toBe('1,204.3');
  });

  it('shows arguments, result and what else there is', () => {
    expect(detailText(ROW)).toBe('');
    expect(detailText({ ...ROW, args: ['flows', '0x10'], value: '0' })).toBe('(flows, 0x10) = 0');
    expect(detailText({ ...ROW, value: '7' })).toBe('7');
    expect(detailText({ ...ROW, value: '7', detail: 'in flows' })).toBe('7  in flows');
  });

  it('says where it was', () => {
    expect(whereText(ROW)).toBe('inspect');
    expect(whereText({ ...ROW, line: 46, frame: 2 })).toBe('inspect:46');
  });

  it('has the colour of a throw when it is part of one', () => {
    expect(['throw', 'phase', 'acquire', 'release', 'call'].map(toneOf)).toEqual([
      'throw',
      'throw',
      'acquire',
      'release',
      'plain',
    ]);
  });
});

describe('the table', () => {
  it('is sorted by a column, and the other way round with the second click', () => {
    expect(sortedBy({ sort: 'time', descending: false }, 'name')).toEqual({ sort: 'name', descending: false });
    expect(sortedBy({ sort: 'name', descending: false }, 'name')).toEqual({ sort: 'name', descending: true });
    expect(sortedBy({ sort: 'name', descending: true }, 'name')).toEqual({ sort: 'name', descending: false });
  });

  it('says which events it has, where it has not all, and what lies beside them', () => {
    const kept = { part: undefined, keptTo: 57_344, all: 2_972_001 };
    const part = { ...kept, part: { from: 8192, to: 24_575 } };
    expect(listedText(kept)).toBe('Steps before 57,344, and of later ones what was kept · 2,972,001 events in the run');
    expect(listedText(part)).toBe('Steps 8,192 – 24,575, all that happened there · 2,972,001 events in the run');
    expect(stepBeside(kept, 'forwards', 1e6)).toBe(57_344);
    expect(stepBeside(kept, 'backwards', 1e6)).toBeUndefined();
    expect(stepBeside(part, 'forwards', 1e6)).toBe(24_576);
    expect(stepBeside(part, 'forwards', 24_575)).toBeUndefined();
    expect(stepBeside(part, 'backwards', 1e6)).toBe(8191);
    const range = { from: 10, to: 30_000 };
    expect(listedText({ ...part, range })).toBe(
      'Selected in the timeline: steps 8,192 – 24,575 · 2,972,001 events in the run',
    );
    expect(listedText({ ...kept, range })).toBe(
      'Selected in the timeline, too much to list all: what was kept of it · 2,972,001 events in the run',
    );
    expect(stepBeside({ ...part, range }, 'forwards', 1e6)).toBeUndefined();
    expect(sameList({ ...part, range }, part)).toBe(false);
    expect(emptyText('', undefined)).toBe('Nothing has happened yet');
    expect(emptyText('helper', part)).toBe('No event matches');
    expect(emptyText('', part)).toBe('Nothing happened in these steps');
    expect(emptyText('', { ...kept, range })).toMatch(/select less/);
    expect(samePart(part.part, { from: 8192, to: 24_575 })).toBe(true);
    expect(samePart(part.part, undefined)).toBe(false);
  });

  it('has a cursor that stays inside', () => {
    expect(cursorAfter('ArrowDown', 9, 10, 5)).toBe(9);
    expect(cursorAfter('PageUp', 3, 10, 5)).toBe(0);
    expect(cursorAfter('End', 3, 10, 5)).toBe(9);
    expect(cursorAfter('x', 3, 10, 5)).toBeUndefined();
  });
});
