import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BailoutError } from '../errors.ts';
import { Instructions } from './instructions.ts';

describe('an instruction is eight bytes', () => {
  test('opcode, two register nibbles, 16-bit offset, 32-bit immediate', () => {
    const insns = Instructions.fromBytes(Uint8Array.of(0x7b, 0x1a, 0xf8, 0xff, 0x78, 0x56, 0x34, 0x12));
    expect(insns.at(0)).toEqual({ code: 0x7b, dst: 10, src: 1, off: -8, imm: 0x12345678 });
  });

  test('big-endian programs have big-endian fields and the nibbles the other way round', () => {
    const insns = Instructions.fromBytes(Uint8Array.of(0x7b, 0xa1, 0xff, 0xf8, 0x12, 0x34, 0x56, 0x78), {
      bigEndian: true,
    });
    expect(insns.at(0)).toEqual({ code: 0x7b, dst: 10, src: 1, off: -8, imm: 0x12345678 });
  });

  test('a 64-bit immediate load takes two slots, the upper half in the second', () => {
    const insns = Instructions.of({ code: 0x18, dst: 1, imm: -1 }, { imm: 0x7fff_ffff });
    expect(insns.isLdImm64(0)).toBe(true);
    expect(insns.slots(0)).toBe(2);
    expect(insns.imm64(0)).toBe(0x7fff_ffff_ffff_ffffn);
  });

  test('code that is cut off is an error with the place', () => {
    const decode = () => Instructions.fromBytes(new Uint8Array(19));
    expect(decode).toThrow(BailoutError);
    expect(decode).toThrow(expect.objectContaining({ code: 'ISA_TRUNCATED', offset: 16 }));
  });

  test('any bytes decode, and encode to the same bytes, in either byte order', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), fc.boolean(), (raw, bigEndian) => {
        const bytes = raw.slice(0, raw.length - (raw.length % 8));
        expect(Instructions.fromBytes(bytes, { bigEndian }).toBytes({ bigEndian })).toEqual(bytes);
      }),
    );
  });

  test('sequences are cut and joined by slots', () => {
    const insns = Instructions.of({ imm: 1 }, { imm: 2 }, { imm: 3 }, { imm: 4 });
    const parts = Instructions.concat(insns.slice(2), insns.slice(0, 2));
    expect([...parts.imm]).toEqual([3, 4, 1, 2]);
    expect(insns.slice(3, 99).length).toBe(1);
    expect(insns.slice(5).length).toBe(0);
  });
});
