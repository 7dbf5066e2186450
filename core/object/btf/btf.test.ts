import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BailoutError } from '../../errors.ts';
import { Btf } from './btf.ts';
import { BtfBuilder } from './builder.ts';
import {
  BTF_FUNC_EXTERN,
  BTF_FUNC_STATIC,
  BTF_INT_BOOL,
  BTF_INT_SIGNED,
  BTF_KIND_CONST,
  BTF_KIND_FUNC,
  BTF_KIND_STRUCT,
  BTF_KIND_TYPEDEF,
  BTF_VAR_GLOBAL_EXTERN,
  BTF_VAR_STATIC,
} from './kinds.ts';

/** One of each kind. */
function allKinds() {
  const types = new BtfBuilder();
  const int = types.int('int', 4, { signed: true });
  const flag = types.int('_Bool', 1, { bool: true });
  const pointer = types.pointer(int);
  const array = types.array(int, 10, int);
  const struct = types.struct('point', 8, [
    { name: 'x', type: int, bitOffset: 0 },
    { name: 'y', type: int, bitOffset: 32 },
  ]);
  const bits = types.struct('bits', 4, [
    { name: 'low', type: int, bitOffset: 0, bitSize: 3 },
    { name: 'high', type: int, bitOffset: 3, bitSize: 29 },
  ]);
  const union = types.struct('either', 8, [{ name: 'p', type: pointer, bitOffset: 0 }], 'union');
  const colour = types.enum('colour', { RED: 0, BLUE: -1 }, true);
  const wide = types.enum64('wide', { SMALL: 1n, LARGE: 0xffff_ffff_0000_0000n });
  const forward = types.forward('later', true);
  const alias = types.typedef('number', int);
  const constant = types.modifier('const', alias);
  const tagged = types.typeTag('user', constant);
  const proto = types.funcProto(int, [
    { name: 'a', type: pointer },
    { name: '', type: 0 },
  ]);
  const func = types.func('work', proto, BTF_FUNC_STATIC);
  const variable = types.variable('state', struct, BTF_VAR_STATIC);
  const section = types.section('.data', 8, [{ type: variable, offset: 0, size: 8 }]);
  const float = types.float('double', 8);
  const tag = types.declTag('exception_callback:cb', func);
  const parameterTag = types.declTag('arg:nonnull', func, 0);
  const ids = {
    int,
    flag,
    pointer,
    array,
    struct,
    bits,
    union,
    colour,
    wide,
    forward,
    alias,
    constant,
    tagged,
    proto,
    func,
  };
  return { types, ids: { ...ids, variable, section, float, tag, parameterTag } };
}

describe.each([
  ['little-endian', false],
  ['big-endian', true],
])('every kind, %s', (_, bigEndian) => {
  const { types, ids } = allKinds();
  const btf = Btf.open(types.bytes({ bigEndian }));

  test('type 0 is void, and so is every id that does not exist', () => {
    for (const id of [0, btf.typeCount, 1e9, -1]) {
      expect(btf.kindName(id)).toBe('void');
      expect(btf.name(id)).toBe('');
      expect(btf.members(id)).toEqual([]);
      expect(btf.typeId(id)).toBe(0);
    }
  });

  test('names and kinds', () => {
    expect(
      Object.values(ids)
        .map((id) => btf.kindName(id))
        .join(' '),
    ).toBe(
      'int int ptr array struct struct union enum enum64 fwd typedef const type_tag func_proto func var datasec float decl_tag decl_tag',
    );
    expect(btf.name(ids.alias)).toBe('number');
    expect(btf.name(ids.pointer)).toBe('');
  });

  test('integers have a size, bits and an encoding', () => {
    expect([btf.size(ids.int), btf.intBits(ids.int), btf.intEncoding(ids.int)]).toEqual([4, 32, BTF_INT_SIGNED]);
    expect(btf.intEncoding(ids.flag)).toBe(BTF_INT_BOOL);
  });

  test('structs have members; those of a bitfield have a width', () => {
    expect(btf.members(ids.struct)).toEqual([
      { name: 'x', typeId: ids.int, bitOffset: 0, bitSize: 0 },
      { name: 'y', typeId: ids.int, bitOffset: 32, bitSize: 0 },
    ]);
    expect(btf.members(ids.bits)[1]).toEqual({ name: 'high', typeId: ids.int, bitOffset: 3, bitSize: 29 });
  });

  test('enumerators are signed when their enum is, and 64 bits wide when it is', () => {
    expect(btf.enumerators(ids.colour)).toEqual([
      { name: 'RED', value: 0n },
      { name: 'BLUE', value: -1n },
    ]);
    expect(btf.enumeratorValue(ids.wide, 1)).toBe(0xffff_ffff_0000_0000n);
  });

  test('functions have parameters and linkage; a nameless one of type void is "..."', () => {
    expect(btf.params(btf.typeId(ids.func))).toEqual([
      { name: 'a', typeId: ids.pointer },
      { name: '', typeId: 0 },
    ]);
    expect(btf.funcLinkage(ids.func)).toBe(BTF_FUNC_STATIC);
    expect(btf.varLinkage(ids.variable)).toBe(BTF_VAR_STATIC);
  });

  test('declaration tags are found by what they stand on', () => {
    expect(btf.declTags(ids.func)).toEqual([
      { id: ids.tag, text: 'exception_callback:cb', component: -1 },
      { id: ids.parameterTag, text: 'arg:nonnull', component: 0 },
    ]);
    expect(btf.declTags(ids.int)).toEqual([]);
  });

  test('sections list their variables', () => {
    expect(btf.sectionVariables(ids.section)).toEqual([{ typeId: ids.variable, offset: 0, size: 8 }]);
  });

  test('modifiers can be skipped with and without typedefs', () => {
    expect(btf.skipModifiers(ids.tagged)).toBe(ids.alias);
    expect(btf.resolve(ids.tagged)).toBe(ids.int);
  });

  test('sizes of values', () => {
    expect(btf.resolveSize(ids.array)).toBe(40);
    expect(btf.resolveSize(ids.variable)).toBe(8);
    expect(btf.resolveSize(ids.pointer)).toBe(8);
    expect(btf.resolveSize(ids.func)).toBeUndefined();
    expect(btf.resolveSize(ids.forward)).toBeUndefined();
    expect(btf.resolveSize(0)).toBeUndefined();
  });

  test('types are found by name, and by kind when several have it', () => {
    expect(btf.findByName('point')).toBe(ids.struct);
    expect(btf.findByName('work', BTF_KIND_FUNC)).toBe(ids.func);
    expect(btf.findByName('work', BTF_KIND_STRUCT)).toBe(0);
    expect(btf.findByName('')).toBe(0);
  });
});

describe('alignment', () => {
  const types = new BtfBuilder();
  const int = types.int('int', 4);
  const long = types.int('long', 8);
  const plain = types.struct('plain', 16, [
    { name: 'a', type: int, bitOffset: 0 },
    { name: 'b', type: long, bitOffset: 64 },
  ]);
  const packed = types.struct('packed', 12, [
    { name: 'a', type: int, bitOffset: 0 },
    { name: 'b', type: long, bitOffset: 32 },
  ]);
  const btf = Btf.open(types.bytes());

  test('is that of the widest member', () => expect(btf.alignOf(plain)).toBe(8));
  test('is 1 for a struct that breaks it', () => expect(btf.alignOf(packed)).toBe(1));
  test('is 0 where there is none', () => expect(btf.alignOf(0)).toBe(0));
});

describe('flavours', () => {
  const types = new BtfBuilder();
  const [plain, old, other] = ['task', 'task___old', 'task_struct'].map((name) => types.struct(name, 0, []));
  const odd = types.struct('task____', 0, []);
  const btf = Btf.open(types.bytes());

  test('share the name before the last three underscores', () =>
    expect(btf.findFlavours('task')).toEqual([plain, old]));
  test('do not change which type a full name means', () => {
    expect(btf.findByName('task___old')).toBe(old);
    expect(btf.findByName('task_struct')).toBe(other);
    expect(btf.findByName('task____')).toBe(odd);
  });
});

describe('a split BTF', () => {
  const below = new BtfBuilder();
  const int = below.int('int', 4);
  const base = Btf.open(below.bytes());
  const above = new BtfBuilder({ firstId: base.typeCount, firstString: base.stringEnd });
  const pointer = above.pointer(int);
  const struct = above.struct('extra', 8, [{ name: 'p', type: pointer, bitOffset: 0 }]);
  const again = above.int('int', 4);
  const btf = Btf.open(above.bytes(), { base });

  test('continues the ids and strings of its base', () => {
    expect(struct).toBe(3);
    expect(btf.name(int)).toBe('int');
    expect(btf.members(struct)[0]).toMatchObject({ name: 'p', typeId: pointer });
    expect(btf.typeId(pointer)).toBe(int);
  });

  test('is asked for a name after its base', () => {
    expect(btf.findByName('int')).toBe(int);
    expect(btf.findByName('extra')).toBe(struct);
    expect(btf.findFlavours('int')).toEqual([int]);
    expect(again).not.toBe(int);
  });
});

describe('what is damaged is refused, with where', () => {
  const open = (bytes: Uint8Array): string => {
    try {
      Btf.open(bytes);
    } catch (error) {
      if (error instanceof BailoutError) return error.code;
      throw error;
    }
    return 'none';
  };
  const small = (): Uint8Array => {
    const types = new BtfBuilder();
    types.pointer(types.int('int', 4));
    return types.bytes();
  };

  test.each<[string, string, (bytes: Uint8Array, view: DataView) => Uint8Array | undefined]>([
    ['nothing at all', 'BTF_HEADER', () => new Uint8Array(0)],
    ['another magic number', 'BTF_HEADER', (_, view) => void view.setUint16(0, 0x1234)],
    ['a header beyond the end', 'BTF_HEADER', (_, view) => void view.setUint32(4, 0xfffffff0, true)],
    ['strings beyond the end', 'BTF_HEADER', (_, view) => void view.setUint32(20, 1000, true)],
    ['types that run into the strings', 'BTF_HEADER', (_, view) => void view.setUint32(12, 32, true)],
    ['strings without an end', 'BTF_STRINGS', (bytes) => bytes.fill(65, bytes.length - 1)],
    ['a kind that does not exist', 'BTF_TYPE', (_, view) => void view.setUint32(24 + 4, 31 << 24, true)],
    [
      'a struct with more members than there is room',
      'BTF_TYPE',
      (_, view) => void view.setUint32(24 + 4, (4 << 24) | 0xffff, true),
    ],
    [
      'a reference to a type that does not exist',
      'BTF_REFERENCE',
      (_, view) => void view.setUint32(24 + 16 + 8, 77, true),
    ],
    ['a name outside the strings', 'BTF_REFERENCE', (_, view) => void view.setUint32(24, 1 << 20, true)],
  ])('%s', (_, code, damage) => {
    const bytes = small();
    expect(open(damage(bytes, new DataView(bytes.buffer)) ?? bytes)).toBe(code);
  });

  test('a FUNC whose type is no prototype', () => {
    const types = new BtfBuilder();
    types.func('f', types.int('int', 4), BTF_FUNC_EXTERN);
    expect(open(types.bytes())).toBe('BTF_REFERENCE');
  });
});

describe('circles end', () => {
  const types = new BtfBuilder();
  // Each refers to the one after it, and the last to the first.
  types.typedef('a', 2);
  types.modifier('const', 3);
  types.typedef('c', 1);
  types.array(5, 2, 5);
  types.struct('self', 8, [{ name: 'again', type: 5, bitOffset: 0 }]);
  types.variable('v', 1, BTF_VAR_GLOBAL_EXTERN);
  const btf = Btf.open(types.bytes());

  test('as void', () => {
    expect([btf.kind(1), btf.kind(2)]).toEqual([BTF_KIND_TYPEDEF, BTF_KIND_CONST]);
    expect(btf.resolve(1)).toBe(0);
    expect(btf.resolveSize(6)).toBeUndefined();
    expect(btf.alignOf(5)).toBe(0);
  });
});

test('whatever is changed in a BTF, it can be opened and walked, or is refused with a BailoutError', () => {
  const original = allKinds().types.bytes();
  const change = fc.record({ at: fc.nat(original.length - 1), value: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), fc.boolean(), (changes, validate) => {
      const bytes = original.slice();
      for (const { at, value } of changes) bytes[at] = value;
      try {
        const btf = Btf.open(bytes, { validate });
        for (let id = 0; id < btf.typeCount; id++) {
          btf.members(id);
          btf.params(id);
          btf.enumerators(id);
          btf.sectionVariables(id);
          btf.resolveSize(id);
          btf.alignOf(id);
          expect(btf.findByName(btf.name(id))).toBeLessThanOrEqual(id);
        }
      } catch (error) {
        if (!(error instanceof BailoutError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
