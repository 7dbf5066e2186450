/** Columns are the same when they are read again, in few bytes where rows resemble each other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BailoutError } from '../errors.ts';
import { ColumnWriter, PackedReader } from './columns.ts';

const U32 = 0xffffffff;

function packed(values: Uint32Array | Float64Array): Uint8Array {
  const writer = new ColumnWriter();
  writer.column(values, 0, values.length);
  return writer.bytes;
}

function reader(bytes: Uint8Array): PackedReader {
  return new PackedReader({ type: 'TEST', bytes, offset: 7 });
}

describe('a column', () => {
  it('of numbers of any kind is the same when it is read', () => {
    const words = fc.array(fc.integer({ min: 0, max: U32 }), { maxLength: 40 });
    const steps = fc.array(fc.integer({ min: 0, max: 2 ** 50 }), { maxLength: 40 });
    fc.assert(
      fc.property(words, steps, (a, b) => {
        const writer = new ColumnWriter();
        writer.column(Uint32Array.from(a), 0, a.length);
        writer.column(Float64Array.from(b), 0, b.length);
        writer.number(-5);
        const from = reader(writer.bytes.slice());
        const [words, steps] = [new Uint32Array(a.length), new Float64Array(b.length)];
        from.column(words, 0, a.length, 0, U32);
        from.column(steps, 0, b.length, 0, Number.MAX_SAFE_INTEGER);
        expect(from.number(-10, 10)).toBe(-5);
        from.end();
        expect([...words]).toEqual(a);
        expect([...steps]).toEqual(b);
      }),
    );
  });

  it('of which every third number counts leaves the others alone', () => {
    const writer = new ColumnWriter();
    writer.column(Uint32Array.of(9, 1, 9, 9, 70_000, 9, 9, 3, 9), 1, 3, 3);
    const into = new Uint32Array(9);
    reader(writer.bytes).column(into, 1, 3, 0, U32, 3);
    expect([...into]).toEqual([0, 1, 0, 0, 70_000, 0, 0, 3, 0]);
  });

  it('is short where rows resemble each other, and no longer than its words where they do not', () => {
    expect(packed(new Uint32Array(1000).fill(123_456))).toHaveLength(4);
    expect(packed(Float64Array.from({ length: 1000 }, (_, i) => 1e9 + i * 13)).length).toBeLessThan(1010);
    let random = 1;
    const noise = Uint32Array.from({ length: 1000 }, () => (random = (Math.imul(random, 1103515245) + 12345) >>> 0));
    expect(packed(noise).length).toBeLessThanOrEqual(4001);
  });

  it('that was altered is an error', () => {
    const bytes = packed(Uint32Array.of(1, 300, 5));
    const wrong: [string, Uint8Array, number][] = [
      ['cut off', bytes.subarray(0, 2), 3],
      ['out of its range', bytes, 3],
      ['packed in way 9', Uint8Array.of(9, 9), 3],
      ['too long', Uint8Array.of(1, 255, 255, 255, 255, 255, 255, 255, 255, 255), 1],
    ];
    for (const [why, altered, count] of wrong) {
      const read = (): void => reader(altered).column(new Uint32Array(3), 0, count, 0, 200);
      expect(read).toThrow(BailoutError);
      expect(read).toThrow(why);
    }
    expect(() => reader(Uint8Array.of(1)).end()).toThrow('1 bytes are left over');
  });
});
