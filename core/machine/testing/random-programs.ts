/** Random programs, for the engine to be compared with the reference interpreter. */
import fc from 'fast-check';
import type { Instruction } from '../../isa/instructions.ts';
import { Instructions } from '../../isa/instructions.ts';

const register = fc.integer({ min: 0, max: 9 });
const interesting = fc.constantFrom(0, 1, -1, 2, 31, 32, 63, 64, 255, 256, -128, 0x7fff, 0x7fffffff, -0x80000000);
const immediate = fc.oneof(interesting, fc.integer({ min: -0x80000000, max: 0x7fffffff }));
const slot = fc.integer({ min: -528, max: 7 });

const arithmetic: fc.Arbitrary<Partial<Instruction>[]> = fc
  .record({
    op: fc.integer({ min: 0, max: 13 }),
    cls: fc.constantFrom(4, 7),
    x: fc.constantFrom(0, 8),
    dst: register,
    src: register,
    imm: immediate,
    sign: fc.boolean(),
    extend: fc.constantFrom(0, 8, 16, 32),
    swap: fc.constantFrom(16, 32, 64),
  })
  .map(({ op, cls, x, dst, src, imm, sign, extend, swap }) => {
    if (op === 13) return [{ code: 0xd0 | cls | (cls === 7 ? 0 : x), dst, imm: swap }];
    if (op === 8) return [{ code: 0x80 | cls, dst }];
    const code = (op << 4) | x | cls;
    let off = 0;
    if ((op === 3 || op === 9) && sign) off = 1;
    if (op === 11 && x === 8 && !(cls === 4 && extend === 32)) off = extend;
    return [x === 8 ? { code, dst, src, off } : { code, dst, off, imm }];
  });

const wide = fc
  .tuple(register, immediate, immediate)
  .map(([dst, low, high]): Partial<Instruction>[] => [{ code: 0x18, dst, imm: low }, { imm: high }]);

const memory: fc.Arbitrary<Partial<Instruction>[]> = fc
  .record({
    size: fc.constantFrom(0, 8, 0x10, 0x18),
    kind: fc.integer({ min: 0, max: 3 }),
    reg: register,
    off: slot,
    imm: immediate,
  })
  .map(({ size, kind, reg, off, imm }) => {
    if (kind === 0) return [{ code: 0x61 | size, dst: reg, src: 10, off }];
    if (kind === 1) return [{ code: (size === 0x18 ? 0x61 : 0x81) | size, dst: reg, src: 10, off }];
    if (kind === 2) return [{ code: 0x62 | size, dst: 10, off, imm }];
    return [{ code: 0x63 | size, dst: 10, src: reg, off }];
  });

const atomic: fc.Arbitrary<Partial<Instruction>[]> = fc
  .record({
    imm: fc.constantFrom(0, 1, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1, 0x100, 0x110),
    size: fc.constantFrom(0, 8, 0x10, 0x18),
    wide: fc.constantFrom(0, 0x18),
    reg: register,
    off: slot,
  })
  .map(({ imm, size, wide, reg, off }) => {
    const code = 0xc3 | (imm < 0x100 ? wide : size);
    return [imm === 0x100 ? { code, dst: reg, src: 10, off, imm } : { code, dst: 10, src: reg, off, imm }];
  });

const pointer = fc.tuple(register, register, slot).map(([dst, src, off]): Partial<Instruction>[] => [
  { code: 0xbf, dst, src: 10 },
  { code: 0x7b, dst, src, off },
]);

const branch: fc.Arbitrary<Partial<Instruction>[]> = fc
  .record({
    op: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 0),
    cls: fc.constantFrom(5, 6),
    x: fc.constantFrom(0, 8),
    dst: register,
    src: register,
    off: fc.integer({ min: -6, max: 6 }),
    imm: immediate,
  })
  .map(({ op, cls, x, dst, src, off, imm }) => {
    if (op === 14) return [{ code: 0xe5, off }];
    if (op === 0) return [cls === 5 ? { code: 0x05, off } : { code: 0x06, imm: off }];
    const code = (op << 4) | x | cls;
    return [x === 8 ? { code, dst, src, off } : { code, dst, off, imm }];
  });

const call = fc.integer({ min: -12, max: 12 }).map((imm): Partial<Instruction>[] => [{ code: 0x85, src: 1, imm }]);
const exit = fc.constant<Partial<Instruction>[]>([{ code: 0x95 }]);

/** Instructions of every kind; jumps and calls go anywhere near, so most programs loop, recurse or fault at some time. */
export const randomInstructions: fc.Arbitrary<Instructions> = fc
  .array(
    fc.oneof(
      { weight: 10, arbitrary: arithmetic },
      { weight: 6, arbitrary: memory },
      { weight: 2, arbitrary: atomic },
      { weight: 1, arbitrary: wide },
      { weight: 1, arbitrary: pointer },
      { weight: 3, arbitrary: branch },
      { weight: 1, arbitrary: call },
      { weight: 1, arbitrary: exit },
    ),
    { minLength: 5, maxLength: 60 },
  )
  .map((groups) => Instructions.of(...groups.flat(), { code: 0xb7, dst: 0, imm: 1 }, { code: 0x95 }));
