import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Btf } from './btf.ts';
import { BtfBuilder } from './builder.ts';
import { addIndex } from './parse.ts';

function sample(): Uint8Array {
  const types = new BtfBuilder();
  const int = types.int('int', 4);
  for (let i = 0; i < 200; i++)
    types.struct(`s${i % 150}${i % 7 === 0 ? '___old' : ''}`, 4, [{ name: 'a', type: int, bitOffset: 0 }]);
  // Longer than a byte can tell.
  types.enum('many', Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`E${i}`, i])));
  types.pointer(int);
  return types.bytes();
}

const plain = sample();
const indexed = addIndex(plain);

test('a BTF with an index is still a BTF', () => {
  expect(indexed.subarray(0, plain.length)).toEqual(plain);
  expect(indexed.length).toBeGreaterThan(plain.length);
});

test('an index changes no answer', () => {
  const without = Btf.open(plain);
  const btf = Btf.open(indexed, { validate: false });
  expect(btf.typeCount).toBe(without.typeCount);
  for (let id = 0; id < btf.typeCount; id++) {
    const name = without.name(id);
    expect(btf.name(id)).toBe(name);
    expect(btf.findByName(name)).toBe(without.findByName(name));
    expect(btf.findFlavours(name)).toEqual(without.findFlavours(name));
  }
  expect(btf.count(btf.findByName('many'))).toBe(300);
});

describe('an index that is damaged', () => {
  test('and cut off is not used', () => {
    for (let length = plain.length; length < indexed.length; length += 5)
      expect(Btf.open(indexed.subarray(0, length), { validate: false }).findByName('s3')).toBe(
        Btf.open(plain).findByName('s3'),
      );
  });

  test('in any other way gives wrong answers at worst', () => {
    const change = fc.record({
      at: fc.integer({ min: plain.length, max: indexed.length - 1 }),
      value: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = indexed.slice();
        for (const { at, value } of changes) bytes[at] = value;
        const btf = Btf.open(bytes, { validate: false });
        for (let id = 0; id < btf.typeCount; id++) {
          btf.members(id);
          btf.enumerators(id);
          btf.findByName(`s${id}`);
        }
      }),
      { numRuns: 200 },
    );
  });
});
