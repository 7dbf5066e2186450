import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Range } from './scale.ts';
import { axisOf, axisTicks, clamped, fitted, panned, revealed, spanOf, tickAt, xOf, zoomed } from './scale.ts';

const AXIS = axisOf(0, 100_000_000);

/** A part of an axis that is in sight. */
const views = fc
  .tuple(
    fc.integer({ min: 1, max: 1_000_000_000 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  .map(([last, a, b]): { axis: Range; view: Range } => {
    const axis = axisOf(0, last);
    const [low, high] = a < b ? [a, b] : [b, a];
    return { axis, view: clamped({ from: axis.to * low, to: axis.to * high }, axis) };
  });

describe('the axis', () => {
  it('has room after the last moment', () => {
    expect(axisOf(0, 1000)).toEqual({ from: 0, to: 1030 });
    expect(axisOf(5, 5)).toEqual({ from: 5, to: 6 });
  });

  it('turns ticks into pixels and back', () => {
    const view = { from: 100, to: 300 };
    expect(xOf(200, view, 92, 1000)).toBe(592);
    expect(tickAt(592, view, 92, 1000)).toBe(200);
  });
});

describe('moving', () => {
  it('never leaves the axis, and shows at least a few ticks', () => {
    fc.assert(
      fc.property(
        views,
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        ({ axis, view }, factor, share) => {
          for (const next of [
            zoomed(view, factor, view.from, axis),
            panned(view, share, axis),
            fitted(view, axis),
            revealed(axis.to, view, axis),
          ]) {
            expect(next.from).toBeGreaterThanOrEqual(axis.from);
            expect(next.to).toBeLessThanOrEqual(axis.to + axis.to * 1e-9);
            expect(spanOf(next)).toBeGreaterThan(Math.min(12, spanOf(axis)) * 0.999);
          }
        },
      ),
    );
  });

  it('zooms around the tick under the pointer', () => {
    const view = { from: 1000, to: 2000 };
    const next = zoomed(view, 0.5, 1250, AXIS);
    expect(next).toEqual({ from: 1125, to: 1625 });
    expect(xOf(1250, next, 0, 1)).toBe(xOf(1250, view, 0, 1));
  });

  it('pans by a share of what is in sight', () => {
    expect(panned({ from: 1000, to: 2000 }, 0.25, AXIS)).toEqual({ from: 1250, to: 2250 });
    expect(panned({ from: 100, to: 200 }, -5, AXIS)).toEqual({ from: 0, to: 100 });
  });

  it('fits a part with room at both sides', () => {
    expect(fitted({ from: 1000, to: 2000 }, AXIS)).toEqual({ from: 960, to: 2040 });
    expect(fitted({ from: 1000, to: 1000 }, AXIS)).toEqual({ from: 994, to: 1006 });
  });

  it('brings a tick into sight, and leaves the view alone when it is there', () => {
    const view = { from: 1000, to: 2000 };
    expect(revealed(1999, view, AXIS)).toBe(view);
    expect(revealed(5000, view, AXIS)).toEqual({ from: 4500, to: 5500 });
  });
});

describe('marks of the axis', () => {
  it('are round numbers', () => {
    expect(axisTicks({ from: 0, to: 1240 }, 1000).map(({ label }) => label)).toEqual([
      '0',
      '100',
      '200',
      '300',
      '400',
      '500',
      '600',
      '700',
      '800',
      '900',
      '1,000',
      '1,100',
      '1,200',
    ]);
    expect(axisTicks({ from: 3, to: 15 }, 400).map(({ tick }) => tick)).toEqual([4, 6, 8, 10, 12, 14]);
  });

  it('leave room for their labels, at any scale', () => {
    fc.assert(
      fc.property(views, fc.integer({ min: 50, max: 4000 }), ({ view }, width) => {
        const ticks = axisTicks(view, width);
        for (const [i, { tick, label }] of ticks.entries()) {
          const next = ticks[i + 1];
          if (next === undefined) break;
          const apart = xOf(next.tick, view, 0, width) - xOf(tick, view, 0, width);
          expect(apart).toBeGreaterThan(label.length * 6.6);
        }
        expect(ticks.length).toBeLessThan(width / 40 + 2);
      }),
    );
  });

  it('are never closer than a tick', () => {
    expect(axisTicks({ from: 0, to: 3 }, 4000).map(({ tick }) => tick)).toEqual([0, 1, 2, 3]);
  });
});
