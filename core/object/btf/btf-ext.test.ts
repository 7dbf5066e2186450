import { describe, expect, test } from 'vitest';
import { readBtfExt } from './btf-ext.ts';

/** A `.BTF.ext` section of words: the header, then the tables' words. */
function section(tables: readonly (readonly number[])[], little = true): Uint8Array {
  const words = tables.flat();
  const bytes = new Uint8Array(8 + tables.length * 8 + words.length * 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, little);
  view.setUint8(2, 1);
  view.setUint32(4, 8 + tables.length * 8, little);
  let offset = 0;
  tables.forEach((table, i) => {
    view.setUint32(8 + i * 8, offset, little);
    view.setUint32(12 + i * 8, table.length * 4, little);
    offset += table.length * 4;
  });
  words.forEach((word, i) => view.setUint32(8 + tables.length * 8 + i * 4, word, little));
  return bytes;
}

describe('records', () => {
  test('are read whatever their size: what a newer compiler appends is skipped', () => {
    const ext = readBtfExt(section([[12, 100, 2, 0, 7, 999, 16, 8, 999], [], []]));
    expect(ext.funcInfo).toEqual([{ nameOffset: 100, count: 2, stride: 2, words: Uint32Array.of(0, 7, 16, 8) }]);
  });

  test('of several sections follow each other', () => {
    const ext = readBtfExt(section([[], [16, 1, 1, 0, 2, 3, 4, 5, 1, 8, 6, 7, 9], []]));
    expect(ext.lineInfo.map(({ nameOffset, words }) => [nameOffset, ...words])).toEqual([
      [1, 0, 2, 3, 4],
      [5, 8, 6, 7, 9],
    ]);
  });

  test('of CO-RE may be missing from the header, as before there was CO-RE', () => {
    expect(readBtfExt(section([[8, 1, 1, 0, 1], []])).coreRelocations).toEqual([]);
  });

  test('may be big-endian', () => {
    expect(readBtfExt(section([[8, 1, 1, 24, 5], [], []], false)).funcInfo[0]?.words).toEqual(Uint32Array.of(24, 5));
  });
});

describe('what libbpf would not take is refused', () => {
  test.each<[string, Uint8Array]>([
    ['an empty section', new Uint8Array(0)],
    ['no data after the header', section([[], [], []])],
    ['records that are too short', section([[4, 1, 1, 0], [], []])],
    ['records that are no whole words', section([[9, 1, 1, 0, 0], [], []])],
    ['a table without records', section([[8], [], []])],
    ['a section without records', section([[8, 1, 0], [], []])],
    ['more records than fit', section([[8, 1, 0x40000000, 0, 0], [], []])],
    ['a section head that is cut off', section([[8, 1], [], []])],
    ['a table beyond the end', section([[8, 1, 1, 0, 1], [], []]).subarray(0, 40)],
  ])('%s', (_, bytes) => {
    expect(() => readBtfExt(bytes)).toThrow(expect.objectContaining({ code: 'BTF_EXT' }));
  });
});
