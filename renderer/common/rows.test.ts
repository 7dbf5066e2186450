import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LONGEST, offsetOf, offsetToShow, rowWindow, scrollTopOf } from './rows.ts';

const lists = fc.record({
  count: fc.integer({ min: 1, max: 50_000_000 }),
  rowHeight: fc.constantFrom(18, 20, 24),
  view: fc.integer({ min: 20, max: 2000 }),
});

describe('rows of a long list', () => {
  it('stands where the scroll bar is as long as the browser can lay it out', () => {
    const list = { count: 1000, rowHeight: 20, view: 300 };
    expect(rowWindow(2000, list, 2)).toEqual({ height: 20_000, first: 98, end: 117, top: 1960 });
  });

  it('draws all rows in sight, and few more', () => {
    fc.assert(
      fc.property(lists, fc.double({ min: 0, max: 1, noNaN: true }), (list, part) => {
        const offset = part * Math.max(0, list.count * list.rowHeight - list.view);
        const { first, end, height, top } = rowWindow(offset, list);
        expect(height).toBeLessThanOrEqual(LONGEST);
        expect(first * list.rowHeight).toBeLessThanOrEqual(offset + 1e-6);
        expect(end * list.rowHeight).toBeGreaterThanOrEqual(
          Math.min(offset + list.view, list.count * list.rowHeight) - 1e-6,
        );
        expect((end - first) * list.rowHeight).toBeLessThan(list.view + 18 * list.rowHeight);
        // The row at the offset is drawn at the upper edge of what is in sight.
        expect(top - scrollTopOf(offset, list)).toBeCloseTo(first * list.rowHeight - offset, 3);
      }),
    );
  });

  it('reaches both ends of a list that no browser could lay out', () => {
    const list = { count: 10_000_000, rowHeight: 20, view: 500 };
    expect(offsetOf(0, list)).toBe(0);
    expect(offsetOf(LONGEST - list.view, list)).toBeCloseTo(list.count * list.rowHeight - list.view, 3);
    expect(rowWindow(offsetOf(LONGEST - list.view, list), list).end).toBe(list.count);
  });

  it('moves no further than a row needs to be seen', () => {
    const list = { count: 100, rowHeight: 20, view: 200 };
    expect(offsetToShow(5, 0, list)).toBe(0);
    expect(offsetToShow(10, 0, list)).toBe(20);
    expect(offsetToShow(2, 100, list)).toBe(40);
    expect(offsetToShow(50, 0, list, 'center')).toBe(910);
    expect(offsetToShow(99, 0, list, 'center')).toBe(1800);
  });
});
