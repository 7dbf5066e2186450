import { describe, expect, test } from 'vitest';
import { disassembleInsn } from '../../isa/disassemble.ts';
import { assemble } from '../../isa/assemble.ts';
import type { Instructions } from '../../isa/instructions.ts';
import { Btf } from '../btf/btf.ts';
import { BtfBuilder } from '../btf/builder.ts';
import {
  BPF_CORE_ENUMVAL_EXISTS,
  BPF_CORE_ENUMVAL_VALUE,
  BPF_CORE_FIELD_BYTE_OFFSET,
  BPF_CORE_FIELD_BYTE_SIZE,
  BPF_CORE_FIELD_EXISTS,
  BPF_CORE_FIELD_LSHIFT_U64,
  BPF_CORE_FIELD_RSHIFT_U64,
  BPF_CORE_FIELD_SIGNED,
  BPF_CORE_TYPE_EXISTS,
  BPF_CORE_TYPE_ID_LOCAL,
  BPF_CORE_TYPE_ID_TARGET,
  BPF_CORE_TYPE_MATCHES,
  BPF_CORE_TYPE_SIZE,
} from './kinds.ts';
import { CoreRelocator, POISON_CORE } from './relocate.ts';

type Fill = (types: BtfBuilder, int: number) => number;

/** Two sets of types, the object's and the kernel's; what `fill` returns is the id that relocations are about. */
function between(local: Fill, kernel: Fill) {
  const ours = new BtfBuilder();
  const typeId = local(ours, ours.int('int', 4, { signed: true }));
  const theirs = new BtfBuilder();
  // The kernel's ids are others than the object's.
  theirs.float('double', 8);
  kernel(theirs, theirs.int('int', 4, { signed: true }));
  const relocator = new CoreRelocator(Btf.open(ours.bytes()), Btf.open(theirs.bytes()));
  return (text: string, access: string, kind: number) => {
    const { instructions } = assemble(text);
    const poisoned = relocator.relocate(instructions, 0, { typeId, access, kind });
    return { instructions, poisoned };
  };
}

const line = (instructions: Instructions): string => disassembleInsn(instructions, 0);

/** struct thing { int a; int b; } with `b` somewhere else in the kernel. */
const ours: Fill = (types, int) =>
  types.struct('thing', 8, [
    { name: 'a', type: int, bitOffset: 0 },
    { name: 'b', type: int, bitOffset: 32 },
  ]);
const theirs: Fill = (types, int) =>
  types.struct('thing', 24, [
    { name: 'before', type: int, bitOffset: 0 },
    { name: 'b', type: int, bitOffset: 128 },
  ]);

describe('a field', () => {
  const relocate = between(ours, theirs);

  test('has another offset: in a load', () => {
    expect(line(relocate('r1 = *(u32 *)(r2 +4)', '0:1', BPF_CORE_FIELD_BYTE_OFFSET).instructions)).toBe(
      'r1 = *(u32 *)(r2 +16)',
    );
  });
  test('has another offset: in a store', () => {
    expect(line(relocate('*(u32 *)(r2 +4) = r1', '0:1', BPF_CORE_FIELD_BYTE_OFFSET).instructions)).toBe(
      '*(u32 *)(r2 +16) = r1',
    );
  });
  test('has another offset: as a constant', () => {
    expect(line(relocate('r1 = 4', '0:1', BPF_CORE_FIELD_BYTE_OFFSET).instructions)).toBe('r1 = 16');
  });
  test('has another offset: as a 64-bit constant', () => {
    expect(relocate('r1 = 4 ll', '0:1', BPF_CORE_FIELD_BYTE_OFFSET).instructions.imm64(0)).toBe(16n);
  });
  test('is there', () => {
    expect(line(relocate('r1 = 1', '0:1', BPF_CORE_FIELD_EXISTS).instructions)).toBe('r1 = 1');
  });
  test('is not there', () => {
    expect(line(relocate('r1 = 1', '0:0', BPF_CORE_FIELD_EXISTS).instructions)).toBe('r1 = 0');
  });
  test('has a size and a sign', () => {
    expect(line(relocate('r1 = 4', '0:1', BPF_CORE_FIELD_BYTE_SIZE).instructions)).toBe('r1 = 4');
    expect(line(relocate('r1 = 1', '0:1', BPF_CORE_FIELD_SIGNED).instructions)).toBe('r1 = 1');
  });
  test('of an array of the struct counts the structs before it', () => {
    expect(line(relocate('r1 = 12', '1:1', BPF_CORE_FIELD_BYTE_OFFSET).instructions)).toBe(`r1 = ${24 + 16}`);
  });
  test('that is missing poisons the instruction, and says what is missing', () => {
    const { instructions, poisoned } = relocate('r1 = *(u32 *)(r2 +0)', '0:0', BPF_CORE_FIELD_BYTE_OFFSET);
    expect(line(instructions)).toBe(`call unknown#${POISON_CORE}`);
    expect(poisoned).toBe('<byte_off> [2] struct thing.a (0:0 @ offset 0)');
  });
  test('that is missing poisons both slots of a 64-bit load', () => {
    const { instructions } = relocate('r1 = 0 ll', '0:0', BPF_CORE_FIELD_BYTE_OFFSET);
    expect([instructions.imm[0], instructions.imm[1]]).toEqual([POISON_CORE, POISON_CORE]);
  });
  test('must be where the object says, before it is changed', () => {
    expect(() => relocate('r1 = *(u32 *)(r2 +9)', '0:1', BPF_CORE_FIELD_BYTE_OFFSET)).toThrow(
      /holds 9, where the object's types say 4/,
    );
  });
});

describe('a field is found', () => {
  test('in an anonymous union of the kernel', () => {
    const relocate = between(ours, (types, int) => {
      const union = types.struct('', 4, [{ name: 'b', type: int, bitOffset: 0 }], 'union');
      return types.struct('thing', 16, [{ name: '', type: union, bitOffset: 64 }]);
    });
    expect(line(relocate('r1 = *(u32 *)(r2 +4)', '0:1', BPF_CORE_FIELD_BYTE_OFFSET).instructions)).toBe(
      'r1 = *(u32 *)(r2 +8)',
    );
  });
  test('through a flavour of either side', () => {
    const named =
      (name: string, at: number): Fill =>
      (types, int) =>
        types.struct(name, 8, [{ name: 'b', type: int, bitOffset: at }]);
    const relocate = between(named('thing___mine', 0), named('thing___theirs', 32));
    expect(line(relocate('r1 = *(u32 *)(r2 +0)', '0:0', BPF_CORE_FIELD_BYTE_OFFSET).instructions)).toBe(
      'r1 = *(u32 *)(r2 +4)',
    );
  });
  test('as an element of an array, whose bounds count', () => {
    const withArray =
      (length: number, at: number): Fill =>
      (types, int) =>
        types.struct('thing', 64, [{ name: 'list', type: types.array(int, length, int), bitOffset: at }]);
    const relocate = between(withArray(8, 0), withArray(4, 32));
    expect(line(relocate('r1 = 12', '0:0:3', BPF_CORE_FIELD_BYTE_OFFSET).instructions)).toBe('r1 = 16');
    expect(relocate('r1 = 16', '0:0:4', BPF_CORE_FIELD_BYTE_OFFSET).poisoned).toBeDefined();
  });
  test('only when its type is compatible', () => {
    const relocate = between(ours, (types, int) =>
      types.struct('thing', 8, [{ name: 'b', type: types.pointer(int), bitOffset: 0 }]),
    );
    expect(relocate('r1 = *(u32 *)(r2 +4)', '0:1', BPF_CORE_FIELD_BYTE_OFFSET).poisoned).toBeDefined();
  });
});

describe('a width that differs', () => {
  const unsigned =
    (size: number): Fill =>
    (types) =>
      types.struct('thing', 8, [{ name: 'n', type: types.int('number', size), bitOffset: 0 }]);
  const signed =
    (size: number): Fill =>
    (types) =>
      types.struct('thing', 8, [{ name: 'n', type: types.int('number', size, { signed: true }), bitOffset: 0 }]);

  test('changes a load of an unsigned integer', () => {
    const relocate = between(unsigned(4), unsigned(8));
    expect(line(relocate('r1 = *(u32 *)(r2 +0)', '0:0', BPF_CORE_FIELD_BYTE_OFFSET).instructions)).toBe(
      'r1 = *(u64 *)(r2 +0)',
    );
  });
  test('poisons a load of a signed one', () => {
    const relocate = between(signed(4), signed(8));
    expect(relocate('r1 = *(u32 *)(r2 +0)', '0:0', BPF_CORE_FIELD_BYTE_OFFSET).poisoned).toBeDefined();
  });
  test('is no trouble for a constant', () => {
    const relocate = between(signed(4), signed(8));
    expect(line(relocate('r1 = 0', '0:0', BPF_CORE_FIELD_BYTE_OFFSET).instructions)).toBe('r1 = 0');
  });
});

describe('a bitfield', () => {
  const relocate = between(
    (types, int) => types.struct('thing', 4, [{ name: 'bits', type: int, bitOffset: 2, bitSize: 5 }]),
    (types, int) => types.struct('thing', 8, [{ name: 'bits', type: int, bitOffset: 35, bitSize: 7 }]),
  );

  test.each([
    ['byte offset', BPF_CORE_FIELD_BYTE_OFFSET, 4],
    ['byte size', BPF_CORE_FIELD_BYTE_SIZE, 4],
    ['left shift', BPF_CORE_FIELD_LSHIFT_U64, 64 - (3 + 7)],
  ])('has a %s that the compiler may have seen differently', (_, kind, value) => {
    expect(line(relocate('r1 = 77', '0:0', kind).instructions)).toBe(`r1 = ${value}`);
  });
  test('has a right shift by which it is extended', () => {
    expect(line(relocate('r1 = 59', '0:0', BPF_CORE_FIELD_RSHIFT_U64).instructions)).toBe(`r1 = ${64 - 7}`);
  });
});

describe('a type', () => {
  const relocate = between(ours, theirs);

  test('is there, has a size and an id', () => {
    expect(line(relocate('r1 = 1', '0', BPF_CORE_TYPE_EXISTS).instructions)).toBe('r1 = 1');
    expect(line(relocate('r1 = 8', '0', BPF_CORE_TYPE_SIZE).instructions)).toBe('r1 = 24');
    expect(line(relocate('r1 = 2', '0', BPF_CORE_TYPE_ID_TARGET).instructions)).toBe('r1 = 3');
    expect(line(relocate('r1 = 0', '0', BPF_CORE_TYPE_ID_LOCAL).instructions)).toBe('r1 = 2');
  });
  test('matches only when the kernel has all that the object declares', () => {
    expect(line(relocate('r1 = 1', '0', BPF_CORE_TYPE_MATCHES).instructions)).toBe('r1 = 0');
    expect(line(between(ours, ours)('r1 = 1', '0', BPF_CORE_TYPE_MATCHES).instructions)).toBe('r1 = 1');
  });
  test('that is missing answers every question with zero', () => {
    const missing = between(ours, (types) => types.struct('another', 0, []));
    expect(line(missing('r1 = 8', '0', BPF_CORE_TYPE_SIZE).instructions)).toBe('r1 = 0');
    expect(line(missing('r1 = 1', '0', BPF_CORE_TYPE_EXISTS).instructions)).toBe('r1 = 0');
  });
});

describe('an enumerator', () => {
  const relocate = between(
    (types) => types.enum('level', { LOW: 1, HIGH___mine: 2, GONE: 3 }),
    (types) => types.enum64('level', { HIGH: 0x1_0000_0005n, LOW: 7n }),
  );

  test('has another value', () => {
    expect(line(relocate('r1 = 1', '0', BPF_CORE_ENUMVAL_VALUE).instructions)).toBe('r1 = 7');
    expect(relocate('r1 = 2 ll', '1', BPF_CORE_ENUMVAL_VALUE).instructions.imm64(0)).toBe(0x1_0000_0005n);
  });
  test('may be missing', () => {
    expect(line(relocate('r1 = 1', '2', BPF_CORE_ENUMVAL_EXISTS).instructions)).toBe('r1 = 0');
    expect(relocate('r1 = 3', '2', BPF_CORE_ENUMVAL_VALUE).poisoned).toBe('<enumval_value> [2] enum level::GONE = 3');
  });
});

describe('candidates', () => {
  const two =
    (first: number, second: number): Fill =>
    (types, int) => {
      types.struct('thing', 8, [{ name: 'b', type: int, bitOffset: first }]);
      return types.struct('thing___v2', 8, [{ name: 'b', type: int, bitOffset: second }]);
    };

  test('may be several, when they agree', () => {
    expect(line(between(ours, two(32, 32))('r1 = 4', '0:1', BPF_CORE_FIELD_BYTE_OFFSET).instructions)).toBe('r1 = 4');
  });
  test('that do not agree are an error', () => {
    expect(() => between(ours, two(32, 0))('r1 = 4', '0:1', BPF_CORE_FIELD_BYTE_OFFSET)).toThrow(
      /at bit 32 in one type of the kernel and at 0 in another/,
    );
  });
});

describe('what makes no sense is refused', () => {
  const relocate = between(ours, theirs);
  test.each([
    ['a member that the object does not have', '0:7', BPF_CORE_FIELD_BYTE_OFFSET],
    ['an access into an integer', '0:1:0', BPF_CORE_FIELD_BYTE_OFFSET],
    ['no access at all', '', BPF_CORE_FIELD_BYTE_OFFSET],
    ['letters', '0:x', BPF_CORE_FIELD_BYTE_OFFSET],
    ['an enumerator of a struct', '0', BPF_CORE_ENUMVAL_VALUE],
    ['a kind that does not exist', '0:1', 13],
    ['a path in a question about a type', '0:1', BPF_CORE_TYPE_SIZE],
  ])('%s', (_, access, kind) => {
    expect(() => relocate('r1 = 4', access, kind)).toThrow(expect.objectContaining({ code: 'CORE_RELOCATION' }));
  });
  test('an instruction without a constant', () => {
    expect(() => relocate('r1 = r2', '0:1', BPF_CORE_FIELD_BYTE_OFFSET)).toThrow(/has no constant/);
    expect(() => relocate('exit', '0:1', BPF_CORE_FIELD_BYTE_OFFSET)).toThrow(/cannot be relocated/);
  });
});
