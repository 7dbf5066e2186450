import { describe, expect, test } from 'vitest';
import { load, only } from './testing/loading.ts';
import { ObjectBuilder } from './testing/object-builder.ts';
import { smallKernel as kernelBtf } from './testing/small-kernel.ts';

describe('struct_ops', () => {
  /** struct my_ops as the object knows it: its members in another order than in the kernel. */
  function object(section: string, extra: { name: string; bytes: number[] }[] = []): ObjectBuilder {
    const made = new ObjectBuilder();
    const { types } = made;
    const int = types.int('int', 4, { signed: true });
    const operation = types.pointer(types.funcProto(int, []));
    const members = [
      { name: 'start', type: operation, bitOffset: 0 },
      { name: 'flags', type: int, bitOffset: 64 },
      ...extra.map(({ name }, i) => ({ name, type: int, bitOffset: 96 + 32 * i })),
    ];
    const struct = types.struct('my_ops___mine', 12 + 4 * extra.length, members);
    const bytes = [0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, ...extra.flatMap((member) => member.bytes)];
    made.variable(section, 'ops', bytes, { references: { 0: 'begin' } });
    made.describe(section, [types.variable('ops', struct)]);
    return made.function('struct_ops/begin', 'begin', 'r0 = 0; exit');
  }

  test('programs get to know which member they implement', () => {
    expect(only(object('.struct_ops'))).toMatchObject({
      type: 'struct_ops',
      attachBtfId: kernelBtf.findByName('my_ops'),
      structOps: { structName: 'my_ops', member: 'start', memberIndex: 2 },
    });
  });

  test('values are laid out as in the kernel', () => {
    const { maps } = load(object('.struct_ops.link'));
    expect(maps[0]).toMatchObject({
      name: 'ops',
      type: 26,
      valueSize: 96,
      flags: 1 << 13,
      structOps: { structName: 'my_ops', link: true },
    });
    expect(maps[0]?.structOps?.programs.get('start')).toBe('begin');
    // flags is at 24 in struct my_ops, which is at 64 in the value.
    expect(maps[0]?.initialData?.[64 + 24]).toBe(5);
  });

  test('members that the kernel does not have must be zero', () => {
    expect(load(object('.struct_ops', [{ name: 'fresh', bytes: [0, 0, 0, 0] }])).loadError).toBeUndefined();
    expect(load(object('.struct_ops', [{ name: 'fresh', bytes: [1, 0, 0, 0] }])).loadError?.message).toContain(
      "member fresh is not in the kernel's struct",
    );
  });

  test('maps with a question mark are not created, nor their programs loaded', () => {
    const { maps, programs } = load(object('?.struct_ops'));
    expect(maps[0]).toMatchObject({ autocreate: false, section: '.struct_ops' });
    expect(programs[0]).toMatchObject({ autoload: false });
  });
});
