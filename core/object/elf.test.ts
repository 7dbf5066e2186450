import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BailoutError } from '../errors.ts';
import { ElfFile, SHT_NOBITS, STB_WEAK, STT_FUNC } from './elf.ts';
import { ElfBuilder } from './testing/elf-builder.ts';

function build(bigEndian = false): Uint8Array {
  const elf = new ElfBuilder({ bigEndian });
  const text = elf.section('.text', { data: Uint8Array.from({ length: 16 }, (_, i) => i) });
  elf.section('.bss', { type: SHT_NOBITS, size: 4096 });
  const symbol = elf.symbol('work', {
    section: text,
    value: 8,
    size: 8,
    type: STT_FUNC,
    binding: STB_WEAK,
    visibility: 2,
  });
  elf.relocate(text, 8, symbol, 10);
  return elf.bytes();
}

/** The code of the error that reading ends in. */
function refusal(bytes: Uint8Array): string {
  try {
    new ElfFile(bytes);
  } catch (error) {
    if (error instanceof BailoutError) return error.code;
    throw error;
  }
  return 'none';
}

describe.each([
  ['little-endian', false],
  ['big-endian', true],
])('a %s file', (_, bigEndian) => {
  const elf = new ElfFile(build(bigEndian));

  test('has its sections by name, with their bytes', () => {
    expect(elf.bigEndian).toBe(bigEndian);
    expect([...(elf.section('.text')?.data ?? [])].slice(0, 4)).toEqual([0, 1, 2, 3]);
  });

  test('has sections without bytes, which have a size all the same', () => {
    expect(elf.section('.bss')).toMatchObject({ size: 4096, data: new Uint8Array(0) });
  });

  test('has symbols with name, place, binding and visibility', () => {
    expect(elf.symbols[1]).toMatchObject({
      name: 'work',
      section: 1,
      value: 8,
      size: 8,
      type: STT_FUNC,
      binding: STB_WEAK,
      visibility: 2,
    });
  });

  test('has relocations', () => {
    expect(elf.relocations(elf.section('.rel.text')!)).toEqual([{ offset: 8, symbol: 1, type: 10 }]);
  });
});

describe('what is no BPF object is refused', () => {
  test.each<[string, string, (bytes: Uint8Array, view: DataView) => Uint8Array]>([
    ['an empty file', 'ELF_FORMAT', () => new Uint8Array(0)],
    ['another format', 'ELF_FORMAT', (bytes) => bytes.fill(0, 0, 4)],
    ['a header that is cut off', 'ELF_TRUNCATED', (bytes) => bytes.slice(0, 40)],
    ['32 bits', 'ELF_FORMAT', (bytes) => bytes.fill(1, 4, 5)],
    ['a byte order that does not exist', 'ELF_FORMAT', (bytes) => bytes.fill(3, 5, 6)],
    ['an object for another machine', 'ELF_NOT_BPF', (bytes) => bytes.fill(62, 18, 19)],
    ['an executable', 'ELF_NOT_BPF', (bytes) => bytes.fill(2, 16, 17)],
    ['no section table', 'ELF_SECTIONS', (bytes) => bytes.fill(0, 40, 48)],
    ['a section table beyond the end', 'ELF_TRUNCATED', (bytes) => bytes.fill(0xff, 40, 46)],
    ['more sections than fit', 'ELF_TRUNCATED', (bytes) => bytes.fill(0xf0, 60, 62)],
    ['names in a section that does not exist', 'ELF_SECTIONS', (bytes) => bytes.fill(0x70, 62, 63)],
    ['a file that is cut off', 'ELF_TRUNCATED', (bytes) => bytes.slice(0, bytes.length - 1)],
  ])('%s', (_, code, damage) => {
    const bytes = build();
    expect(refusal(damage(bytes, new DataView(bytes.buffer)))).toBe(code);
  });

  test('a section that reaches beyond the end, and the error says where it is told', () => {
    const bytes = build();
    const table = Number(new DataView(bytes.buffer).getBigUint64(40, true));
    new DataView(bytes.buffer).setBigUint64(table + 64 + 32, 1n << 40n, true);
    expect(() => new ElfFile(bytes)).toThrow(/Section \.text takes bytes 64 to .*beyond the file's end/);
  });
});

test('whatever is changed in a file, reading it succeeds or ends in a BailoutError', () => {
  const original = build();
  const change = fc.record({ at: fc.nat(original.length - 1), value: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), fc.nat(original.length), (changes, length) => {
      const bytes = original.slice();
      for (const { at, value } of changes) bytes[at] = value;
      const input = changes.length % 3 === 0 ? bytes.subarray(0, length) : bytes;
      try {
        const elf = new ElfFile(input);
        for (const section of elf.sections) if (section.name.startsWith('.rel')) elf.relocations(section);
      } catch (error) {
        expect(error).toBeInstanceOf(BailoutError);
      }
    }),
    { numRuns: 500 },
  );
});
