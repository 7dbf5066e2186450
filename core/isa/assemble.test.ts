import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssemblyError, assemble } from './assemble.ts';
import type { AssemblyNames } from './assembly-builder.ts';
import { disassembleInsn, disassembleLine, disassembleToSource } from './disassemble.ts';
import type { Encoding, FieldRule } from './encodings.ts';
import { ENCODINGS } from './encodings.ts';
import { Instructions } from './instructions.ts';

const names: AssemblyNames = {
  helper: (name) => ({ bpf_map_lookup_elem: 1, bpf_ktime_get_ns: 5 })[name],
  kfunc: (name) => ({ bpf_throw: { btfId: 71234 }, in_module: { btfId: 130000, off: 2 } })[name],
  map: (name) => ({ counters: 3 })[name],
};

/** One instruction's slots as hexadecimal bytes in the order of the file. */
function bytes(text: string): string {
  return Buffer.from(assemble(text, names).instructions.toBytes())
    .toString('hex')
    .replace(/(.{16})(?!$)/g, '$1 ');
}

function error(text: string): AssemblyError {
  try {
    assemble(text, names);
  } catch (caught) {
    if (caught instanceof AssemblyError) return caught;
    throw caught;
  }
  throw new Error('it assembled');
}

describe('the two syntaxes mean the same', () => {
  test.each([
    // arithmetic
    ['r0 += r1', 'add r0, r1', '0f10000000000000'],
    ['r0 += -5', 'add r0, -5', '07000000fbffffff'],
    ['w0 -= w1', 'sub32 r0, r1', '1c10000000000000'],
    ['r3 *= 7', 'mul r3, 7', '2703000007000000'],
    ['r3 /= r4', 'div r3, r4', '3f43000000000000'],
    ['r3 s/= r4', 'sdiv r3, r4', '3f43010000000000'],
    ['w3 s%= 3', 'smod32 r3, 3', '9403010003000000'],
    ['r1 <<= 32', 'lsh r1, 32', '6701000020000000'],
    ['r1 s>>= r2', 'arsh r1, r2', 'cf21000000000000'],
    ['w1 |= 0xffffffff', 'or32 r1, -1', '44010000ffffffff'],
    ['r2 = -r2', 'neg r2', '8702000000000000'],
    ['r1 = r2', 'mov r1, r2', 'bf21000000000000'],
    ['w1 = -1', 'mov32 r1, 0xffffffff', 'b4010000ffffffff'],
    ['r1 = (s8)r2', 'movsx864 r1, r2', 'bf21080000000000'],
    ['w1 = (s16)w2', 'movsx1632 r1, r2', 'bc21100000000000'],
    ['r4 = be16 r4', 'be16 r4', 'dc04000010000000'],
    ['r4 = le64 r4', 'le64 r4', 'd404000040000000'],
    ['r4 = bswap32 r4', 'swap32 r4', 'd704000020000000'],
    ['r1 = addr_space_cast(r2, 0, 1)', 'addr_space_cast r1, r2, 0, 1', 'bf21010001000000'],
    // memory
    ['r2 = *(u32 *)(r1 +4)', 'ldxw r2, [r1+4]', '6112040000000000'],
    ['r2 = *(s16 *)(r1 -4)', 'ldxsh r2, [r1-4]', '8912fcff00000000'],
    ['*(u64 *)(r10 -8) = r1', 'stxdw [r10-8], r1', '7b1af8ff00000000'],
    ['*(u8 *)(r1 +0) = 7', 'stb [r1], 7', '7201000007000000'],
    ['r0 = *(u16 *)skb[12]', 'ldabsh 12', '280000000c000000'],
    ['r0 = *(u8 *)skb[r7 + 1]', 'ldindb r7, 1', '5070000001000000'],
    // 64-bit immediates
    ['r1 = 0x123456789a ll', 'lddw r1, 0x123456789a', '180100009a785634 0000000012000000'],
    ['r1 = map_fd[3]', 'lddw r1, map_fd[3]', '1811000003000000 0000000000000000'],
    ['r1 = map_value[3] + 16', 'lddw r1, map_value[3] + 16', '1821000003000000 0000000010000000'],
    // atomics
    ['lock *(u64 *)(r1 +0) += r2', 'lock add [r1], r2', 'db21000000000000'],
    ['lock *(u32 *)(r1 +4) ^= r2', 'lock xor32 [r1+4], r2', 'c3210400a0000000'],
    ['r2 = atomic64_fetch_or((u64 *)(r1 +0), r2)', 'lock fetch or [r1], r2', 'db21000041000000'],
    ['r2 = atomic_xchg((u32 *)(r1 +0), r2)', 'lock xchg32 [r1], r2', 'c3210000e1000000'],
    ['r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)', 'lock cmpxchg [r1], r2', 'db210000f1000000'],
    ['r2 = load_acquire((u8 *)(r1 +0))', 'load_acquire_b r2, [r1]', 'd312000000010000'],
    ['store_release((u64 *)(r1 +8), r2)', 'store_release_dw [r1+8], r2', 'db21080010010000'],
    // control
    ['goto +2', 'ja +2', '0500020000000000'],
    ['gotol pc-70000', 'ja32 -70000', '0600000090eefeff'],
    ['may_goto pc+3', 'may_goto +3', 'e500030000000000'],
    ['if r1 s> 7 goto -1', 'jsgt r1, 7, -1', '6501ffff07000000'],
    ['if w1 & w2 goto +1', 'jset32 r1, r2, +1', '4e21010000000000'],
    ['call 5', 'call helper 5', '8500000005000000'],
    ['call pc+7', 'call local +7', '8510000007000000'],
    ['call kfunc#71234', 'call runtime 71234', '8520000042160100'],
    ['exit', 'exit', '9500000000000000'],
  ])('%s — %s', (kernel, mnemonic, expected) => {
    expect(bytes(kernel)).toBe(expected);
    expect(bytes(mnemonic)).toBe(expected);
  });
});

describe('what other tools write is understood', () => {
  test('LLVM: hexadecimal offsets apart from their sign, lower halves in loads and stores, its names of exchanges', () => {
    expect(bytes('*(u64 *)(r10 - 0x8) = r1')).toBe(bytes('*(u64 *)(r10 -8) = r1'));
    expect(bytes('w2 = *(u32 *)(r1 + 0x4)')).toBe(bytes('r2 = *(u32 *)(r1 +4)'));
    expect(bytes('*(u8 *)(r1 + 0x0) = w2')).toBe(bytes('*(u8 *)(r1 +0) = r2'));
    expect(bytes('w2 = atomic_fetch_add((u32 *)(r1 + 0x0), w2)')).toBe(bytes('lock fetch add32 [r1], r2'));
    expect(bytes('w0 = cmpxchg32_32(r1 + 0x0, w0, w2)')).toBe(bytes('lock cmpxchg32 [r1], r2'));
    expect(bytes('r2 = xchg_64(r1 + 0x0, r2)')).toBe(bytes('lock xchg [r1], r2'));
    expect(bytes('if r1 == 0x0 goto +0x2 <LBB0_2>')).toBe(bytes('if r1 == 0 goto +2'));
    expect(bytes('call -0x1')).toBe('85100000ffffffff');
  });

  test('bpftool: maps by id and index, subprograms by distance', () => {
    expect(bytes('r1 = map[id:812]')).toBe(bytes('r1 = map_fd[812]'));
    expect(bytes('r1 = map[id:812][0]+8')).toBe(bytes('r1 = map_value[812] + 8'));
    expect(bytes('r1 = map[idx:0]+4')).toBe(bytes('r1 = map_idx_value[0] + 4'));
    expect(bytes('r2 = subprog[+9]')).toBe(bytes('r2 = func[pc+9]'));
  });

  test('a piece of the verifier log, numbers, opcodes and states included', () => {
    const { instructions } = assemble(`
      0: (b7) r0 = 0                        ; R0_w=0
      1: (18) r1 = 0x5                      ; R1_w=5
      3: (55) if r1 != 0xfffffffe goto pc+1 ; R1_w=5
      4: (85) call bpf_ktime_get_ns#5       ; R0_w=scalar()
      5: (95) exit
    `);
    expect(instructions.length).toBe(6);
    expect(instructions.isLdImm64(1)).toBe(true);
    expect(instructions.imm[3]).toBe(-2);
  });

  test('the opcode in front of a log line is checked against the text', () => {
    expect(error('7: (b4) r0 = 0')).toMatchObject({ code: 'ASM_OPCODE_MISMATCH', line: 1, column: 4 });
  });

  test('registers with a percent sign, fp for r10', () => {
    expect(bytes('mov %r1, fp')).toBe(bytes('r1 = r10'));
  });

  test('comments, and the directives of compilers', () => {
    expect(
      assemble('.text\n.globl main\n# all of it\nexit # done\nexit ; done\nexit // done\n/* x */ exit').instructions
        .length,
    ).toBe(4);
  });
});

describe('names', () => {
  test('labels mark slots, which a 64-bit load takes two of', () => {
    const { instructions, labels, lines } = assemble(`
      main:
        r1 = 0x7 ll
        if r1 == 7 goto out
        goto main
      out: exit
    `);
    expect(Object.fromEntries(labels)).toEqual({ main: 0, out: 4 });
    expect(instructions.at(2).off).toBe(1);
    expect(instructions.at(3).off).toBe(-4);
    expect([...lines]).toEqual([3, 3, 4, 5, 6]);
  });

  test('a call by name is a subprogram of the source, else a helper, else a kfunc', () => {
    const { instructions } = assemble(
      'call sub\n call bpf_ktime_get_ns\n call bpf_throw\n call kfunc:in_module\n exit\n sub: exit',
      names,
    );
    expect(instructions.at(0)).toMatchObject({ src: 1, imm: 4 });
    expect(instructions.at(1)).toMatchObject({ src: 0, imm: 5 });
    expect(instructions.at(2)).toMatchObject({ src: 2, imm: 71234, off: 0 });
    expect(instructions.at(3)).toMatchObject({ src: 2, imm: 130000, off: 2 });
  });

  test('the address of a subprogram, for a callback', () => {
    const { instructions } = assemble('r2 = func[callback]\n exit\n callback: exit');
    expect(instructions.at(0)).toMatchObject({ code: 0x18, dst: 2, src: 4, imm: 2 });
  });

  test('maps', () => {
    expect(bytes('r1 = map[counters]')).toBe(bytes('r1 = map_fd[3]'));
    expect(bytes('r1 = map[counters] + 8')).toBe(bytes('r1 = map_value[3] + 8'));
  });
});

describe('a constant is what the register gets', () => {
  test('a number that a move can hold is a move; a larger one is a 64-bit load; ll asks for one', () => {
    expect(assemble('r1 = 0x7fffffff').instructions.length).toBe(1);
    expect(assemble('r1 = 0x80000000').instructions.imm64(0)).toBe(0x80000000n);
    expect(assemble('r1 = -0x80000000').instructions.length).toBe(1);
    expect(assemble('r1 = -1 ll').instructions.imm64(0)).toBe(0xffff_ffff_ffff_ffffn);
  });

  test('an immediate of a 64-bit operation that its sign would change is refused', () => {
    expect(error('r1 &= 0xffffffff')).toMatchObject({ code: 'ASM_OUT_OF_RANGE' });
    expect(error('r1 &= 0xffffffff').hint).toContain('sign');
  });
});

describe('errors say what and where', () => {
  test.each([
    ['r1 = r11', 'ASM_BAD_REGISTER', 6, 'There is no register r11 (line 1, column 6)'],
    ['r1 = w2', 'ASM_MIXED_WIDTH', 6, 'Both registers'],
    ['r1 = -r2', 'ASM_NOT_SAME_REGISTER', 7, 'in place'],
    ['r1 => 5', 'ASM_SYNTAX', 5, 'Expected a value, but found ">"'],
    ['r1 = 5 5', 'ASM_SYNTAX', 8, 'Expected the end of the line, but found "5"'],
    ['r1 +=', 'ASM_SYNTAX', 6, 'but the line ends'],
    ['w1 = (s32)w2', 'ASM_SYNTAX', 7, 'extended from s8, s16'],
    ['w1 = *(u64 *)(r1 +0)', 'ASM_MIXED_WIDTH', 1, '64-bit access'],
    ['r1 = *(u64 *)(r1 +40000)', 'ASM_OUT_OF_RANGE', 18, '16-bit offset'],
    ['goto nowhere', 'ASM_UNKNOWN_LABEL', 6, 'There is no label nowhere'],
    ['goto +40000', 'ASM_OUT_OF_RANGE', 6, 'too far'],
    ['call nobody', 'ASM_UNKNOWN_FUNCTION', 6, 'Nothing called nobody is known'],
    ['r1 = map[nothing]', 'ASM_UNKNOWN_MAP', 10, 'There is no map called nothing'],
    ['frobnicate r1', 'ASM_UNKNOWN_INSTRUCTION', 1, 'No instruction begins with "frobnicate"'],
    ['.macro x', 'ASM_UNKNOWN_DIRECTIVE', 1, 'There is no directive .macro'],
    ['a: a: exit', 'ASM_DUPLICATE_LABEL', 4, 'defined twice'],
    ['r1 = ?', 'ASM_BAD_CHARACTER', 6, '"?"'],
    ['r1 = 0x1ffffffffffffffff ll', 'ASM_OUT_OF_RANGE', 6, '64 bits'],
    ['lock *(u8 *)(r1 +0) += r2', 'ASM_MIXED_WIDTH', 7, 'u32 and u64'],
    ['r2 = atomic64_fetch_add((u32 *)(r1 +0), r2)', 'ASM_MIXED_WIDTH', 25, 'works on u64'],
  ])('%s', (text, code, column, message) => {
    const caught = error(text);
    expect(caught.code).toBe(code);
    expect(caught.message).toContain(message);
    expect([caught.line, caught.column]).toEqual([1, column]);
  });

  test('no text makes it fail in any other way', () => {
    const scraps = fc.constantFrom(
      ...'r1 w2 = += ( ) * u64 u8 5 -8 0x goto if call pc + # lock skb [ ] , : ll ; map_fd (18) atomic_xchg'.split(' '),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(scraps).map((parts) => parts.join(' ')),
        ),
        (text) => {
          try {
            assemble(text);
          } catch (caught) {
            expect(caught).toBeInstanceOf(AssemblyError);
          }
        },
      ),
    );
  });
});

/** Any instance of an encoding. */
function instanceOf(row: Encoding): fc.Arbitrary<Instructions> {
  const field = (rule: FieldRule, any: fc.Arbitrary<number>): fc.Arbitrary<number> =>
    rule === 'any' ? any : rule === 'register' ? fc.nat(10) : fc.constantFrom(...rule);
  const int32 = fc.oneof(fc.integer(), fc.integer({ min: -3, max: 3 }));
  return fc
    .record({
      code: fc.constant(row.code),
      dst: field(row.dst, fc.nat(15)),
      src: field(row.src, fc.nat(15)),
      off: field(row.off, fc.oneof(fc.integer({ min: -32768, max: 32767 }), fc.integer({ min: -2, max: 2 }))),
      imm: field(row.imm, int32),
    })
    .chain((insn) =>
      row.code === 0x18 ? int32.map((imm) => Instructions.of(insn, { imm })) : fc.constant(Instructions.of(insn)),
    );
}

describe('round trip', () => {
  test.each(ENCODINGS.map((row) => [`${row.mnemonic} (${row.code.toString(16).padStart(2, '0')})`, row] as const))(
    '%s: the source of an instruction assembles to its bytes',
    (_, row) => {
      fc.assert(
        fc.property(instanceOf(row), (insns) => {
          expect(assemble(disassembleToSource(insns)).instructions.toBytes()).toEqual(insns.toBytes());
        }),
        { numRuns: 40 },
      );
    },
  );

  test.each(
    ENCODINGS.filter((row) => !/^(?:lddw_|call_kfunc)/.test(row.mnemonic)).map(
      (row) => [`${row.mnemonic} (${row.code.toString(16).padStart(2, '0')})`, row] as const,
    ),
  )('%s: a line as the kernel prints it assembles to its bytes', (_, row) => {
    fc.assert(
      fc.property(instanceOf(row), (insns) => {
        const line = disassembleLine(insns, 0);
        expect(assemble(line).instructions.toBytes(), line).toEqual(insns.toBytes());
      }),
      { numRuns: 40 },
    );
  });

  test('a kfunc call with a name assembles back', () => {
    const insns = Instructions.of({ code: 0x85, src: 2, imm: 71234 });
    const text = disassembleInsn(insns, 0, { kfunc: () => 'bpf_throw' });
    expect(text).toBe('call bpf_throw#71234');
    expect(assemble(text, names).instructions.toBytes()).toEqual(insns.toBytes());
    expect(assemble(text).instructions.toBytes()).toEqual(insns.toBytes());
  });

  test('whole programs, with labels and named subprograms', () => {
    const anyInstruction = fc.oneof(...ENCODINGS.map(instanceOf));
    const nearJump = fc
      .record({ code: fc.constantFrom(0x05, 0x15, 0x2d, 0xe5, 0x66), off: fc.integer({ min: -12, max: 12 }) })
      .map((row) => Instructions.of({ ...row, src: row.code === 0x2d ? 1 : 0 }));
    const nearCall = fc
      .record({ dst: fc.constant(0), imm: fc.integer({ min: -12, max: 12 }), isPointer: fc.boolean() })
      .map(({ imm, isPointer }) =>
        isPointer ? Instructions.of({ code: 0x18, src: 4, imm }, {}) : Instructions.of({ code: 0x85, src: 1, imm }),
      );
    const program = fc
      .array(fc.oneof(anyInstruction, nearJump, nearCall), { maxLength: 24 })
      .map((parts) => Instructions.concat(...parts));
    const subprogramNames = ['main', 'helper', 'L3', 'r1', 'has space', 'L3'];
    fc.assert(
      fc.property(program, (insns) => {
        const source = disassembleToSource(insns, { subprogramAt: (start) => subprogramNames[start % 6] });
        expect(assemble(source).instructions.toBytes(), source).toEqual(insns.toBytes());
      }),
      { numRuns: 300 },
    );
  });

  test('even bytes that are no program', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
        const insns = Instructions.fromBytes(raw.slice(0, raw.length - (raw.length % 8)));
        expect(assemble(disassembleToSource(insns)).instructions.toBytes()).toEqual(insns.toBytes());
      }),
      { numRuns: 300 },
    );
  });
});
