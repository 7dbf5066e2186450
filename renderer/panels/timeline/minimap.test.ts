import { describe, expect, it } from 'vitest';
import { columnsOf, dragged, gripAt, windowOf } from './minimap.ts';

const AXIS = { from: 0, to: 1000 };

describe('the strip with the whole run', () => {
  it('is tallest where most happened, and shows what little there is', () => {
    const columns = columnsOf({ from: 0, to: 1000, density: [0, 100, 1, 0] }, AXIS, 8);
    expect(columns).toEqual([
      { x: 2, share: 1 },
      { x: 4, share: 0.1 },
    ]);
  });

  it('adds up stretches that share a column', () => {
    const columns = columnsOf({ from: 0, to: 1000, density: Array.from({ length: 1000 }, () => 1) }, AXIS, 10);
    expect(columns.map(({ share }) => share)).toEqual([1, 1, 1, 1, 1]);
  });

  it('has a window that can be taken hold of, however narrow', () => {
    expect(windowOf({ from: 100, to: 300 }, AXIS, 0, 1000)).toEqual({ x: 100, right: 300 });
    expect(windowOf({ from: 500, to: 501 }, AXIS, 0, 1000)).toEqual({ x: 496.5, right: 504.5 });
  });

  it('is taken by an edge, or as a whole', () => {
    const window = { x: 100, right: 300 };
    expect([90, 97, 102, 200, 298, 304, 320].map((x) => gripAt(x, window))).toEqual([
      'none',
      'from',
      'from',
      'all',
      'to',
      'to',
      'none',
    ]);
  });

  it('moves the view, or one end of it', () => {
    const view = { from: 100, to: 300 };
    expect(dragged('all', view, 50, AXIS)).toEqual({ from: 150, to: 350 });
    expect(dragged('all', view, 5000, AXIS)).toEqual({ from: 800, to: 1000 });
    expect(dragged('from', view, -500, AXIS)).toEqual({ from: 0, to: 300 });
    expect(dragged('to', view, 100, AXIS)).toEqual({ from: 100, to: 400 });
  });
});
