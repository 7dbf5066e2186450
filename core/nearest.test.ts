import { expect, it } from 'vitest';
import { nearest } from './nearest.ts';

it('finds the word that was probably meant, and none when nothing is near', () => {
  const commands = ['inspect', 'run', 'verify'];
  expect(nearest('verfy', commands)).toBe('verify');
  expect(nearest('insp', commands)).toBe('inspect');
  expect(nearest('rnu', commands)).toBe('run');
  expect(nearest('Verify', commands)).toBe('verify');
  expect(nearest('zzz', commands)).toBeUndefined();
  expect(nearest('x'.repeat(100_000), commands)).toBeUndefined();
});
