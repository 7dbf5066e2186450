import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { contrast, luminance, readableOn } from './contrast.ts';

describe('contrast', () => {
  it('goes from the same colour to black on white', () => {
    expect(contrast('#ffffff', '#000000')).toBeCloseTo(21);
    expect(contrast('#5aa9ff', '#5aa9ff')).toBe(1);
    expect(luminance('#fff')).toBe(luminance('#ffffff'));
    expect(luminance('#18f')).toBe(luminance('#1188ff'));
    expect(luminance('red')).toBe(0);
  });

  it('chooses what can be read', () => {
    expect(readableOn('#0a7563', ['#14202c', '#ffffff'])).toBe('#ffffff');
    expect(readableOn('#38bfa7', ['#0e1116', '#13171d'])).toBe('#0e1116');
  });
});

describe('the themes', () => {
  const tokens = readFileSync(new URL('../theme/tokens.css', import.meta.url), 'utf8');
  const [dark = '', light = ''] = tokens.split("data-theme='light'");
  const colourOf = (theme: string, name: string): string =>
    new RegExp(`--${name}: (#[0-9a-f]{6})`).exec(theme)?.[1] ?? '';

  it.each([
    ['dark', dark],
    ['light', light],
  ])('have bars with words that can be read: %s', (_name, theme) => {
    const words = ['on-bar', 'panel'].map((name) => colourOf(theme, name));
    for (const bar of ['call-0', 'call-1', 'call-2', 'held', 'throw']) {
      const background = colourOf(theme, bar);
      expect(contrast(readableOn(background, words), background), bar).toBeGreaterThan(4.5);
    }
  });
});
