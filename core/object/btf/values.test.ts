import { describe, expect, test } from 'vitest';
import { Btf } from './btf.ts';
import { BtfBuilder } from './builder.ts';
import { declaration, definition, typeName } from './type-names.ts';
import { formatValue, readValue } from './values.ts';

const types = new BtfBuilder();
const int = types.int('int', 4, { signed: true });
const u64 = types.typedef('u64', types.int('unsigned long long', 8));
const char = types.int('char', 1, { signed: true, char: true });
const bool = types.int('_Bool', 1, { bool: true });
const double = types.float('double', 8);
const level = types.enum('level', { LOW: 0, HIGH: -1 }, true);
const comm = types.array(char, 8, int);
const task = types.struct('task', 32, [
  { name: 'pid', type: int, bitOffset: 0 },
  { name: 'comm', type: comm, bitOffset: 32 },
  { name: 'level', type: level, bitOffset: 96 },
  { name: 'next', type: 10, bitOffset: 128 },
  { name: 'on', type: bool, bitOffset: 192 },
]);
const taskPointer = types.pointer(task);
const constTask = types.modifier('const', task);
const constPointer = types.modifier('const', types.pointer(constTask));
const proto = types.funcProto(int, [
  { name: 'task', type: taskPointer },
  { name: 'cookie', type: u64 },
]);
const callback = types.pointer(proto);
const bits = types.struct('bits', 4, [
  { name: 'low', type: int, bitOffset: 0, bitSize: 3 },
  { name: 'high', type: types.int('unsigned int', 4), bitOffset: 3, bitSize: 29 },
]);
const userPointer = types.pointer(types.typeTag('user', char));
const table = types.array(types.pointer(int), 4, int);
const rows = types.pointer(types.array(int, 3, int));
const func = types.func('handle', proto);
const numbers = types.array(int, 1000, int);
const nothing = types.funcProto(0, []);
const anonymous = types.struct('', 4, [{ name: 'a', type: int, bitOffset: 0 }], 'union');
const self = types.array(28, 2, int);
const btf = Btf.open(types.bytes());

describe('names of types', () => {
  test.each([
    [int, 'int'],
    [u64, 'u64'],
    [comm, 'char[8]'],
    [task, 'struct task'],
    [taskPointer, 'struct task *'],
    [constPointer, 'const struct task *const'],
    [callback, 'int (*)(struct task *task, u64 cookie)'],
    [userPointer, 'char __user *'],
    [table, 'int *[4]'],
    [rows, 'int (*)[3]'],
    [func, 'int handle(struct task *task, u64 cookie)'],
    [nothing, 'void (void)'],
    [anonymous, 'union {…}'],
    [0, 'void'],
  ])('type [%i] is %s', (id, name) => expect(typeName(btf, id)).toBe(name));

  test('of a circle end', () => expect(typeName(btf, self)).toContain('…'));

  test.each([
    [comm, 'char x[8]'],
    [callback, 'int (*x)(struct task *task, u64 cookie)'],
    [constPointer, 'const struct task *const x'],
    [rows, 'int (*x)[3]'],
  ])('declare something: type [%i] as %s', (id, text) => expect(declaration(btf, id, 'x')).toBe(text));

  test('definitions have places', () => {
    expect(definition(btf, bits)).toBe(
      'struct bits {\n  int low : 3; /* 0 */\n  unsigned int high : 29; /* 0.3 */\n}; /* 4 bytes */',
    );
    expect(definition(btf, level)).toBe('enum level {\n  LOW = 0,\n  HIGH = -1,\n};');
  });
});

describe('values', () => {
  test('of a struct read as its initialiser', () => {
    const bytes = new Uint8Array(32);
    bytes.set([0xf9, 0xff, 0xff, 0xff, ...new TextEncoder().encode('bash')]);
    bytes.set([0xff, 0xff, 0xff, 0xff], 12);
    bytes[16] = 0x10;
    bytes[24] = 1;
    expect(formatValue(btf, bytes, task)).toBe(
      '{ .pid = -7, .comm = "bash", .level = HIGH, .next = 0x10, .on = true }',
    );
  });

  test('that are not all there say so', () => {
    expect(formatValue(btf, new Uint8Array(4), task)).toBe(
      '{ .pid = 0, .comm = <not there>, .level = <not there>, .next = <not there>, .on = <not there> }',
    );
  });

  test('of bitfields', () => {
    expect(formatValue(btf, Uint8Array.of(0b1111_1110, 0, 0, 0x80), bits)).toBe(
      `{ .low = -2, .high = ${(0x8000_00fe >>> 3) >>> 0} }`,
    );
    expect(readValue(btf, Uint8Array.of(0b1100_0000, 0, 0, 1), bits, { bigEndian: true })).toMatchObject({
      fields: [{ value: { value: -2n } }, { value: { value: 1n } }],
    });
  });

  test('of either byte order', () => {
    expect(formatValue(btf, Uint8Array.of(0, 0, 1, 0), int)).toBe('65536');
    expect(formatValue(btf, Uint8Array.of(0, 0, 1, 0), int, { bigEndian: true })).toBe('256');
  });

  test('of floating point', () => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, 2.5, true);
    expect(formatValue(btf, bytes, double)).toBe('2.5');
  });

  test('of long arrays are cut', () => {
    expect(formatValue(btf, new Uint8Array(4000), numbers, { maxElements: 2 })).toBe('{ 0, 0, … 998 more }');
  });

  test('of an enum that names none of its enumerators are numbers, of a null pointer NULL', () => {
    expect(formatValue(btf, Uint8Array.of(5, 0, 0, 0), level)).toBe('5');
    expect(formatValue(btf, new Uint8Array(8), taskPointer)).toBe('NULL');
  });

  test('of what has none are dots', () => {
    expect(formatValue(btf, new Uint8Array(8), proto)).toBe('…');
    expect(formatValue(btf, new Uint8Array(8), 0)).toBe('…');
  });
});

test('types that nest in very many ways are cut short, and cost little', () => {
  const wide = new BtfBuilder();
  const number = wide.int('int', 4);
  let proto = wide.pointer(wide.funcProto(number, []));
  let struct = wide.struct('s', 4, [{ name: 'a', type: number, bitOffset: 0 }]);
  for (let i = 0; i < 12; i++) {
    const members = Array.from({ length: 20 }, () => ({ name: 'm', type: struct, bitOffset: 0 }));
    proto = wide.pointer(
      wide.funcProto(
        number,
        members.map(() => ({ name: '', type: proto })),
      ),
    );
    struct = wide.struct('s', 4, members);
  }
  const nested = Btf.open(wide.bytes());
  expect(typeName(nested, proto).length).toBeLessThan(100_000);
  expect(formatValue(nested, new Uint8Array(64), struct).length).toBeLessThanOrEqual(100_001);
  expect(nested.alignOf(struct)).toBe(0);
});
