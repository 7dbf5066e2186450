import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { mutate, randomSource } from './mutate.ts';

const original = Buffer.from(Uint8Array.from({ length: 4096 }, (_, i) => i & 255));

const digest = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

test('the same seed damages the same bytes', () => {
  const run = (seed: number): Uint8Array[] => {
    const random = randomSource(seed);
    return Array.from({ length: 50 }, () => mutate(original, [], random));
  };
  expect(run(7).map(digest)).toEqual(run(7).map(digest));
  expect(run(7).map(digest)).not.toEqual(run(8).map(digest));
});

test('the original stays as it was, and most copies do not', () => {
  const before = Uint8Array.from(original);
  const random = randomSource(1);
  const copies = Array.from({ length: 200 }, () => mutate(original, [{ start: 0, end: 64 }], random));
  expect(Uint8Array.from(original)).toEqual(before);
  expect(copies.filter((copy) => Buffer.compare(copy, original) !== 0).length).toBeGreaterThan(180);
  expect(copies.some(({ length }) => length < original.length)).toBe(true);
  expect(copies.every(({ length }) => length <= original.length)).toBe(true);
});
