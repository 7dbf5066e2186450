import { describe, expect, test } from 'vitest';
import { assemble } from './assemble.ts';
import type { CpuVersion } from './encodings.ts';
import { ENCODINGS, encodingAt, encodingsOf, illegalEncodingAt, illegalEncodings } from './encodings.ts';
import type { Instruction } from './instructions.ts';
import { Instructions } from './instructions.ts';

const problem = (row: Partial<Instruction>, version?: CpuVersion) =>
  illegalEncodingAt(Instructions.of(row), 0, version);

describe('the instruction set', () => {
  test('no slot is an instance of two encodings', () => {
    for (const a of ENCODINGS)
      for (const b of encodingsOf(a.code)) {
        if (a === b) continue;
        const distinguishes = (['src', 'off', 'imm'] as const).some((field) => {
          const [one, other] = [a[field], b[field]];
          return typeof one !== 'string' && typeof other !== 'string' && !one.some((value) => other.includes(value));
        });
        expect(distinguishes, `${a.mnemonic} and ${b.mnemonic}`).toBe(true);
      }
  });

  test('the groups of RFC 9669 are all there', () => {
    expect(new Set(ENCODINGS.map((row) => row.group))).toEqual(
      new Set(['base32', 'base64', 'atomic32', 'atomic64', 'divmul32', 'divmul64', 'packet', 'linux']),
    );
  });

  test.each([
    ['r0 += r1', 'add', 1],
    ['w0 s/= w1', 'sdiv32', 4],
    ['r0 = (s16)r1', 'movsx1664', 4],
    ['r0 = bswap32 r0', 'bswap32', 4],
    ['r0 = be32 r0', 'be32', 1],
    ['if r1 < r2 goto +1', 'jlt', 2],
    ['if w1 == 5 goto +1', 'jeq32', 3],
    ['gotol +1', 'ja32', 4],
    ['may_goto +1', 'may_goto', 1],
    ['r0 = *(s8 *)(r1 +0)', 'ldxsb', 4],
    ['lock *(u64 *)(r1 +0) += r2', 'atomic_add', 1],
    ['r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)', 'atomic_fetch_add', 3],
    ['r2 = load_acquire((u16 *)(r1 +0))', 'load_acquire_h', 4],
    ['r1 = addr_space_cast(r2, 0, 1)', 'addr_space_cast', 1],
    ['r1 = map_value[2] + 4', 'lddw_map_value', 1],
    ['r0 = *(u8 *)skb[14]', 'ldabsb', 1],
  ])('%s is %s, in cpu v%i and later', (text, mnemonic, since) => {
    const { instructions } = assemble(text);
    expect(encodingAt(instructions, 0)?.mnemonic).toBe(mnemonic);
    for (const version of [1, 2, 3, 4] as const)
      expect(illegalEncodingAt(instructions, 0, version)?.code).toBe(
        version < since ? 'ISA_NEEDS_NEWER_CPU' : undefined,
      );
  });
});

describe('what is no instruction', () => {
  test('opcodes that nothing has', () => {
    expect(problem({ code: 0xff })).toMatchObject({
      code: 'ISA_UNKNOWN_OPCODE',
      message: 'No instruction has the opcode 0xff.',
    });
    expect(problem({ code: 0x8d })?.code).toBe('ISA_UNKNOWN_OPCODE');
  });

  test('fields that must be zero', () => {
    expect(problem({ code: 0x95, imm: 3 })).toMatchObject({
      code: 'ISA_RESERVED_FIELD',
      message: 'The immediate of an instruction with opcode 0x95 cannot be 3.',
    });
    expect(problem({ code: 0x07, off: 1 })?.message).toContain('offset');
    expect(problem({ code: 0x07, src: 2 })?.message).toContain('source register');
    expect(problem({ code: 0xbf, off: 7 })?.code).toBe('ISA_RESERVED_FIELD');
  });

  test('registers beyond r10', () => {
    expect(problem({ code: 0xb7, dst: 11 })).toMatchObject({
      code: 'ISA_BAD_REGISTER',
      message: 'There is no register r11.',
    });
  });

  test('half a 64-bit immediate load', () => {
    expect(problem({ code: 0x18, dst: 1 })?.code).toBe('ISA_HALF_IMM64');
    expect(illegalEncodingAt(Instructions.of({ code: 0x18 }, { code: 0x95 }), 0)?.code).toBe('ISA_HALF_IMM64');
  });

  test('a program is checked as a whole', () => {
    const insns = Instructions.concat(
      assemble('r1 = 5 ll').instructions,
      Instructions.of({ code: 0xff }, { code: 0x95, dst: 1 }, { code: 0x95 }),
    );
    expect(illegalEncodings(insns).map((each) => [each.insn, each.code])).toEqual([
      [2, 'ISA_UNKNOWN_OPCODE'],
      [3, 'ISA_RESERVED_FIELD'],
    ]);
  });
});
