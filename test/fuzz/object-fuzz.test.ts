/** The short form of `npm run fuzz:object`, on the objects that are in the repository. */
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { damagedObject, fuzzObject } from './object-fuzz.ts';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
const objects = readdirSync(examples).filter((name) => name.endsWith('.bpf.o'));

test.each(objects)('damaged copies of %s load or are refused', (name) => {
  const summary = fuzzObject(name, readFileSync(examples + name), bundledKernelBtf(), 200);
  expect(summary.findings).toEqual([]);
  expect(summary.loaded + summary.refused).toBe(200);
});

test('a seed shows the same damage again', () => {
  const original = readFileSync(examples + objects[0]!);
  expect(damagedObject(original, 3)).toEqual(damagedObject(original, 3));
});
