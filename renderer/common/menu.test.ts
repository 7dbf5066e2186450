import { describe, expect, it } from 'vitest';
import { placeMenu } from './menu.ts';

const window = { width: 800, height: 600 };
const menu = { width: 200, height: 150 };

describe('where a menu opens', () => {
  it('opens at the pointer when there is room', () => {
    expect(placeMenu({ x: 100, y: 100 }, menu, window)).toEqual({ x: 100, y: 100 });
  });

  it('opens upwards near the lower edge, and stays inside at the right', () => {
    expect(placeMenu({ x: 790, y: 590 }, menu, window)).toEqual({ x: 596, y: 440 });
  });

  it('stays inside of a window that is hardly larger', () => {
    expect(placeMenu({ x: 10, y: 80 }, menu, { width: 210, height: 160 })).toEqual({ x: 6, y: 6 });
  });
});
