import { describe, expect, test } from 'vitest';
import { assemble } from './assemble.ts';
import type { DisassemblyNames } from './disassemble.ts';
import { disassembleInsn, disassembleLine, disassembleToSource } from './disassemble.ts';
import type { Instruction } from './instructions.ts';
import { Instructions } from './instructions.ts';

const text = (row: Partial<Instruction>, names?: DisassemblyNames) => disassembleInsn(Instructions.of(row), 0, names);
const line = (row: Partial<Instruction>) => disassembleLine(Instructions.of(row), 0);

describe('instructions as the kernel prints them', () => {
  test.each([
    // Arithmetic writes decimal immediates; the 32-bit class names the lower half, w.
    [{ code: 0x07, dst: 1, imm: -8 }, '(07) r1 += -8'],
    [{ code: 0x0f, dst: 1, src: 2 }, '(0f) r1 += r2'],
    [{ code: 0x0c, dst: 1, src: 2 }, '(0c) w1 += w2'],
    [{ code: 0xb7, dst: 0, imm: 0 }, '(b7) r0 = 0'],
    [{ code: 0xb4, dst: 6, imm: -1 }, '(b4) w6 = -1'],
    [{ code: 0xc7, dst: 3, imm: 63 }, '(c7) r3 s>>= 63'],
    [{ code: 0x37, dst: 3, imm: 7 }, '(37) r3 /= 7'],
    [{ code: 0x37, dst: 3, imm: 7, off: 1 }, '(37) r3 s/= 7'],
    [{ code: 0x9c, dst: 3, src: 4, off: 1 }, '(9c) w3 s%= w4'],
    [{ code: 0x87, dst: 2 }, '(87) r2 = -r2'],
    [{ code: 0x84, dst: 2 }, '(84) w2 = -w2'],
    [{ code: 0xbf, dst: 1, src: 2, off: 8 }, '(bf) r1 = (s8)r2'],
    [{ code: 0xbc, dst: 1, src: 2, off: 16 }, '(bc) w1 = (s16)w2'],
    [{ code: 0xbf, dst: 1, src: 2, off: 32 }, '(bf) r1 = (s32)r2'],
    [{ code: 0xbf, dst: 1, src: 2, off: 1, imm: 0x10000 }, '(bf) r1 = addr_space_cast(r2, 1, 0)'],
    [{ code: 0xbf, dst: 1, src: 2, off: -1 }, '(bf) r1 = &(void __percpu *)(r2)'],
    // Byte swaps always name r.
    [{ code: 0xdc, dst: 4, imm: 16 }, '(dc) r4 = be16 r4'],
    [{ code: 0xd4, dst: 4, imm: 64 }, '(d4) r4 = le64 r4'],
    [{ code: 0xd7, dst: 4, imm: 32 }, '(d7) r4 = bswap32 r4'],
    // Addresses: a space before the sign, none after.
    [{ code: 0x79, dst: 6, src: 1, off: 0 }, '(79) r6 = *(u64 *)(r1 +0)'],
    [{ code: 0x91, dst: 6, src: 1, off: -1 }, '(91) r6 = *(s8 *)(r1 -1)'],
    [{ code: 0x7b, dst: 10, src: 1, off: -8 }, '(7b) *(u64 *)(r10 -8) = r1'],
    [{ code: 0x62, dst: 10, off: -4, imm: 7 }, '(62) *(u32 *)(r10 -4) = 7'],
    [{ code: 0x30, imm: 14 }, '(30) r0 = *(u8 *)skb[14]'],
    [{ code: 0x48, src: 7, imm: 2 }, '(48) r0 = *(u16 *)skb[r7 + 2]'],
    // Atomics; 64-bit ones have 64 in the name.
    [{ code: 0xdb, dst: 1, src: 2 }, '(db) lock *(u64 *)(r1 +0) += r2'],
    [{ code: 0xc3, dst: 1, src: 2, imm: 0x50 }, '(c3) lock *(u32 *)(r1 +0) &= r2'],
    [{ code: 0xdb, dst: 1, src: 2, imm: 0x01 }, '(db) r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)'],
    [{ code: 0xc3, dst: 1, src: 2, imm: 0xa1 }, '(c3) r2 = atomic_fetch_xor((u32 *)(r1 +0), r2)'],
    [{ code: 0xdb, dst: 1, src: 2, imm: 0xe1 }, '(db) r2 = atomic64_xchg((u64 *)(r1 +0), r2)'],
    [{ code: 0xc3, dst: 1, src: 2, imm: 0xf1 }, '(c3) r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)'],
    [{ code: 0xdb, dst: 1, src: 2, off: 8, imm: 0x100 }, '(db) r1 = load_acquire((u64 *)(r2 +8))'],
    [{ code: 0xd3, dst: 1, src: 2, off: 8, imm: 0x110 }, '(d3) store_release((u8 *)(r1 +8), r2)'],
    // Jumps write hexadecimal immediates, without a sign.
    [{ code: 0x05, off: -3 }, '(05) goto pc-3'],
    [{ code: 0x06, imm: 70000 }, '(06) gotol pc+70000'],
    [{ code: 0xe5, off: 2 }, '(e5) may_goto pc+2'],
    [{ code: 0x15, dst: 1, imm: 255, off: 2 }, '(15) if r1 == 0xff goto pc+2'],
    [{ code: 0xc6, dst: 1, imm: -1, off: 2 }, '(c6) if w1 s< 0xffffffff goto pc+2'],
    [{ code: 0x4d, dst: 1, src: 2, off: 0 }, '(4d) if r1 & r2 goto pc+0'],
    [{ code: 0x95 }, '(95) exit'],
    // Calls.
    [{ code: 0x85, imm: 1 }, '(85) call unknown#1'],
    [{ code: 0x85, src: 1, imm: 7 }, '(85) call pc+7'],
    [{ code: 0x85, src: 2, imm: 812 }, '(85) call kernel-function#812'],
    // What the kernel itself puts in, and what it does not know.
    [{ code: 0xc2 }, '(c2) nospec'],
    [{ code: 0xdb, imm: 0x77 }, 'BUG_db'],
    [{ code: 0xa2 }, 'BUG_st_a2'],
    [{ code: 0x21 }, 'BUG_ldx_21'],
    [{ code: 0x00 }, 'BUG_ld_00'],
  ])('%o', (row, expected) => {
    expect(line(row)).toBe(expected);
  });

  test('a 64-bit immediate is one number in hexadecimal', () => {
    const { instructions } = assemble('r1 = 0x123456789abcdef0 ll');
    expect(disassembleLine(instructions, 0)).toBe('(18) r1 = 0x123456789abcdef0');
  });
});

describe('names', () => {
  test('helpers, kfuncs and subprograms', () => {
    const names: DisassemblyNames = {
      helper: (id) => (id === 1 ? 'bpf_map_lookup_elem' : undefined),
      kfunc: (id, off) => `kfunc_${id}_of_module_${off}`,
      subprogram: (insns, i) => `${i + 1 + insns.at(i).imm}`,
    };
    expect(text({ code: 0x85, imm: 1 }, names)).toBe('call bpf_map_lookup_elem#1');
    expect(text({ code: 0x85, imm: 2 }, names)).toBe('call unknown#2');
    expect(text({ code: 0x85, src: 2, imm: 9, off: 1 }, names)).toBe('call kfunc_9_of_module_1#9');
    expect(text({ code: 0x85, src: 1, imm: 9 }, names)).toBe('call pc10');
  });

  test('what a 64-bit immediate stands for is up to the one who knows the maps', () => {
    const { instructions } = assemble('r1 = map_fd[3]');
    expect(disassembleInsn(instructions, 0, { imm64: (insns, i) => `map[id:${insns.at(i).imm}]` })).toBe(
      'r1 = map[id:3]',
    );
  });
});

describe('a program as source', () => {
  test('jump targets and subprograms become labels', () => {
    const { instructions } = assemble(`
      r1 = 0x5 ll
      r2 = func[sub]
      if r1 == 5 goto out
      call sub
    out: exit
    sub:
      r1 = map_value[2] + 8
      goto +100
      exit
    `);
    expect(disassembleToSource(instructions, { subprogramAt: (start) => (start === 0 ? 'main' : 'sub') })).toBe(
      [
        'main:',
        '    r1 = 0x5 ll',
        '    r2 = func[sub]',
        '    if r1 == 0x5 goto L6',
        '    call sub',
        'L6:',
        '    exit',
        'sub:',
        '    r1 = map_value[2] + 8',
        '    goto pc+100',
        '    exit',
        '',
      ].join('\n'),
    );
  });

  test('a slot that is no instruction is written field by field', () => {
    expect(disassembleToSource(Instructions.of({ code: 0xff, dst: 15, imm: -1 }))).toBe(
      '    .insn 0xff, 15, 0, 0, -1\n',
    );
  });

  test('nothing is nothing', () => {
    expect(disassembleToSource(new Instructions(0))).toBe('');
  });
});
