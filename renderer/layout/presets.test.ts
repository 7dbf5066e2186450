import { describe, expect, it } from 'vitest';
import { PRESETS, layoutOf, panelsOf } from './presets.ts';

describe('presets', () => {
  it.each(PRESETS.map(({ id }) => id))('%s shows each of its panels once', (preset) => {
    const ids = panelsOf(preset);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(layoutOf(preset, (id) => id).panels).sort()).toEqual([...ids].sort());
  });

  it.each(PRESETS.map(({ id }) => id))('%s has code and the terminal', (preset) => {
    expect(panelsOf(preset)).toEqual(expect.arrayContaining(['code', 'terminal']));
  });

  it('gives panels the titles that it is told', () => {
    expect(layoutOf('unwind', (id) => id.toUpperCase()).panels['unwind']).toMatchObject({
      title: 'UNWIND',
      contentComponent: 'DockPanel',
    });
  });

  it('has the throw in front in the preset for it', () => {
    const leaves: string[] = [];
    const walk = (node: ReturnType<typeof layoutOf>['grid']['root']): void => {
      if (Array.isArray(node.data)) for (const child of node.data) walk(child);
      else leaves.push(node.data.activeView ?? '');
    };
    walk(layoutOf('unwind', (id) => id).grid.root);
    expect(leaves).toEqual(['code', 'unwind', 'registers', 'resources', 'timeline', 'terminal']);
  });
});
