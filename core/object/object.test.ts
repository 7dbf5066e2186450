import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BailoutError } from '../errors.ts';
import { BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../isa/opcodes.ts';
import { Btf } from './btf/btf.ts';
import { BTF_VAR_STATIC } from './btf/kinds.ts';
import { STB_LOCAL, STV_HIDDEN } from './elf.ts';
import { openKernelBtf } from './kernel-btf.ts';
import { loadObject } from './object.ts';
import type { Program } from './program.ts';
import { code, load, only } from './testing/loading.ts';
import { ObjectBuilder } from './testing/object-builder.ts';
import { smallKernel as kernelBtf } from './testing/small-kernel.ts';

describe('a program', () => {
  test('is a global function of a section whose name tells what it is', () => {
    const program = only(new ObjectBuilder().function('fentry.s/do_exit', 'watch', 'r0 = 0; exit'));
    expect(program).toMatchObject({
      name: 'watch',
      section: 'fentry.s/do_exit',
      type: 'tracing',
      attachType: 'trace_fentry',
      attachTarget: 'do_exit',
      sleepable: true,
      autoload: true,
      license: 'GPL',
      attachBtfId: kernelBtf.findByName('do_exit'),
    });
    expect(program.loadError).toBeUndefined();
  });

  test('with a question mark before its section is not loaded unless asked for', () => {
    expect(only(new ObjectBuilder().function('?xdp', 'main', 'r0 = 2; exit'))).toMatchObject({
      section: 'xdp',
      type: 'xdp',
      autoload: false,
    });
  });

  test.each([
    ['tp_btf/sched_switch', 'btf_trace_sched_switch'],
    ['lsm/file_open', 'bpf_lsm_file_open'],
    ['iter/task', 'bpf_iter_task'],
    ['fexit/vmlinux:do_exit', 'do_exit'],
  ])('%s attaches to %s', (section, type) => {
    expect(only(new ObjectBuilder().function(section, 'main', 'r0 = 0; exit')).attachBtfId).toBe(
      kernelBtf.findByName(type),
    );
  });

  test.each([
    ['fentry/no_such_function', 'ATTACH_TARGET'],
    ['fentry/module:do_exit', 'ATTACH_TARGET'],
    ['fentry', 'ATTACH_TARGET'],
    ['my_section', 'PROGRAM_TYPE'],
    ['struct_ops/start', 'STRUCT_OPS'],
  ])('of section %s is refused', (section, code) => {
    expect(only(new ObjectBuilder().function(section, 'main', 'r0 = 0; exit')).loadError?.code).toBe(code);
  });

  test('has source lines', () => {
    const object = new ObjectBuilder();
    const typeId = object.funcType('main');
    object.function('xdp', 'main', 'r0 = 2; exit', {
      typeId,
      lines: { 0: [12, 3, 'return XDP_PASS;'], 1: [13, 1, '}'] },
    });
    expect(only(object).lineInfo).toEqual([
      { insn: 0, file: 'test.c', line: 12, column: 3, text: 'return XDP_PASS;' },
      { insn: 1, file: 'test.c', line: 13, column: 1, text: '}' },
    ]);
  });

  test('may come from a big-endian object', () => {
    const object = new ObjectBuilder({ bigEndian: true }).function('xdp', 'main', 'r7 = *(u32 *)(r1 +4); r0 = 2; exit');
    expect(code(only(object))).toEqual(['r7 = *(u32 *)(r1 +4)', 'r0 = 2', 'exit']);
  });
});

describe('subprograms', () => {
  test('follow the main program depth first, each where it is first called', () => {
    // main calls a and c; a calls b; the section has them in another order.
    const object = new ObjectBuilder()
      .function('.text', 'c', 'r0 = 3; exit')
      .function('.text', 'b', 'r0 = 2; exit')
      .function('.text', 'a', 'call pc-1; r0 = 1; exit', { references: { 0: 'b' } })
      .function('.text', 'unused', 'r0 = 4; exit')
      .function('xdp', 'main', 'call pc-1; call pc-1; exit', { references: { 0: 'a', 1: 'c' } });
    const program = only(object);
    expect(program.subprograms.map(({ name, start, end }) => [name, start, end])).toEqual([
      ['main', 0, 3],
      ['a', 3, 6],
      ['b', 6, 8],
      ['c', 8, 10],
    ]);
    expect(code(program)).toEqual([
      'call pc+2',
      'call pc+6',
      'exit',
      'call pc+2',
      'r0 = 1',
      'exit',
      'r0 = 2',
      'exit',
      'r0 = 3',
      'exit',
    ]);
  });

  test('that are static are named by their section and a distance', () => {
    const object = new ObjectBuilder()
      .function('.text', 'first', 'r0 = 1; exit', { isStatic: true })
      .function('.text', 'second', 'r0 = 2; exit', { isStatic: true })
      // The second begins two slots into .text, and a call counts from the slot that follows it.
      .function('xdp', 'main', 'call pc+1; exit', { references: { 0: '.text' } });
    expect(only(object).subprograms.map(({ name }) => name)).toEqual(['main', 'second']);
  });

  test('call each other within .text without a relocation', () => {
    const object = new ObjectBuilder()
      .function('.text', 'outer', 'call pc+1; exit')
      .function('.text', 'inner', 'r0 = 1; exit')
      .function('xdp', 'main', 'call pc-1; exit', { references: { 0: 'outer' } });
    expect(only(object).subprograms.map(({ name }) => name)).toEqual(['main', 'outer', 'inner']);
  });

  test('that call themselves end', () => {
    const object = new ObjectBuilder()
      .function('.text', 'forever', 'call pc-1; exit', { references: { 0: 'forever' } })
      .function('xdp', 'main', 'call pc-1; exit', { references: { 0: 'forever' } });
    expect(code(only(object))).toEqual(['call pc+1', 'exit', 'call pc-1', 'exit']);
  });

  test('whose address is taken are linked too', () => {
    const object = new ObjectBuilder()
      .function('.text', 'callback', 'r0 = 0; exit')
      .function('xdp', 'main', 'r2 = 0 ll; exit', { references: { 0: 'callback' } });
    const { instructions } = only(object);
    expect([instructions.src[0], instructions.imm[0]]).toEqual([BPF_PSEUDO_FUNC, 2]);
  });

  test('are global or static as BTF says, and static when hidden', () => {
    const object = new ObjectBuilder();
    const [main, open, hidden] = ['main', 'open', 'hidden'].map((name) => object.funcType(name));
    object
      .function('.text', 'open', 'r0 = 1; exit', { typeId: open! })
      .function('.text', 'hidden', 'r0 = 2; exit', { typeId: hidden!, visibility: STV_HIDDEN })
      .function('xdp', 'main', 'call pc-1; call pc-1; exit', { typeId: main!, references: { 0: 'open', 1: 'hidden' } });
    expect(only(object).subprograms.map(({ name, linkage, funcTypeId }) => [name, linkage, funcTypeId])).toEqual([
      ['main', 'global', main],
      ['open', 'global', open],
      ['hidden', 'static', hidden],
    ]);
  });

  test('must be in .text', () => {
    const object = new ObjectBuilder()
      .function('tc', 'other', 'r0 = 0; exit')
      .function('xdp', 'main', 'call pc-1; exit', { references: { 0: 'other' } });
    expect(load(object).loadError).toMatchObject({
      code: 'RELOCATION',
      message: expect.stringContaining('only those into .text can be linked'),
    });
  });
});

describe('an exception callback', () => {
  function tagged(name: string, functions: (object: ObjectBuilder) => void): Program {
    const object = new ObjectBuilder();
    const typeId = object.funcType('main');
    object.types.declTag(`exception_callback:${name}`, typeId);
    functions(object);
    object.function('tc', 'main', 'r0 = 0; exit', { typeId });
    return only(object);
  }
  const callback = (object: ObjectBuilder): void =>
    void object.function('.text', 'handle', 'r0 = r1; exit', { typeId: object.funcType('handle') });

  test('that a tag names is linked last', () => {
    expect(tagged('handle', callback).subprograms.map(({ name }) => name)).toEqual(['main', 'handle']);
  });
  test('must exist', () => {
    expect(tagged('missing', callback).loadError?.message).toContain('exception callback missing cannot be found');
  });
  test('must be global', () => {
    const program = tagged(
      'handle',
      (object) => void object.function('.text', 'handle', 'r0 = 0; exit', { isStatic: true }),
    );
    expect(program.loadError?.message).toContain('must be a global function');
  });
});

describe('maps', () => {
  test('are defined by types', () => {
    const object = new ObjectBuilder();
    const { types } = object;
    const value = types.int('long', 8);
    const map = object.map('counters', {
      type: 2,
      max_entries: 16,
      key_size: 4,
      value: { typeId: types.pointer(value) },
      map_flags: 1024,
      pinning: 1,
    });
    object.describe('.maps', [map]);
    object.function('xdp', 'main', 'r1 = 0 ll; exit', { references: { 0: 'counters' } });
    const program = only(object);
    expect(program.maps[0]).toMatchObject({
      index: 0,
      name: 'counters',
      type: 2,
      keySize: 4,
      valueSize: 8,
      maxEntries: 16,
      flags: 1024,
      valueTypeId: value,
      pinning: 'by-name',
      origin: 'user',
      frozen: false,
    });
    expect([program.instructions.src[0], program.instructions.imm[0]]).toEqual([BPF_PSEUDO_MAP_FD, 0]);
  });

  test('of maps know the inner one, and what their slots hold', () => {
    const object = new ObjectBuilder();
    const { types } = object;
    const inner = object.map('inner', { type: 2, max_entries: 1, key_size: 4, value_size: 4 });
    const int = types.int('int', 4);
    const template = types.struct('', 16, [
      { name: 'type', type: types.pointer(types.array(int, 2, int)), bitOffset: 0 },
      { name: 'max_entries', type: types.pointer(types.array(int, 1, int)), bitOffset: 64 },
    ]);
    const values = types.array(types.pointer(template), 0, int);
    const outer = object.map(
      'outer',
      { type: 12, max_entries: 4, key_size: 4, values: { typeId: values } },
      { 2: 'inner' },
    );
    object.describe('.maps', [inner, outer]);
    const { maps } = load(object.function('xdp', 'main', 'exit'));
    expect(maps[1]).toMatchObject({
      name: 'outer',
      valueSize: 4,
      inner: { name: 'outer.inner', type: 2, maxEntries: 1 },
      innerValues: [{ slot: 2, kind: 'map', name: 'inner' }],
    });
  });

  test('of programs know which are in their slots', () => {
    const object = new ObjectBuilder();
    const { types } = object;
    const int = types.int('int', 4);
    const values = types.array(types.pointer(types.funcProto(int, [])), 0, int);
    const map = object.map(
      'jump',
      { type: 3, max_entries: 4, key_size: 4, values: { typeId: values } },
      { 1: 'target' },
    );
    object.describe('.maps', [map]);
    object.function('tc', 'target', 'r0 = 0; exit').function('tc', 'main', 'exit');
    expect(load(object).maps[0]?.innerValues).toEqual([{ slot: 1, kind: 'program', name: 'target' }]);
  });

  test.each<[string, RegExp, Parameters<ObjectBuilder['map']>[1]]>([
    ['without a type', /does not say its type/, { max_entries: 1 }],
    ['with a member that nobody knows', /member "colour", which is unknown/, { type: 1, colour: 3 }],
    ['with two key sizes', /key size is said to be 4 and 8/, { type: 1, key_size: 4, key: { typeId: 0 } }],
    ['with a pinning that nobody knows', /pinning 7 is unknown/, { type: 1, pinning: 7 }],
  ])('%s are refused', (_, message, fields) => {
    const object = new ObjectBuilder();
    const pointer = object.types.pointer(object.types.int('long', 8));
    const filled = Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, typeof value === 'number' ? value : { typeId: pointer }]),
    );
    object.describe('.maps', [object.map('bad', filled)]);
    expect(load(object.function('xdp', 'main', 'exit')).loadError?.message).toMatch(message);
  });

  test('of rings get a size that the kernel takes', () => {
    const object = new ObjectBuilder();
    object.describe('.maps', [object.map('ring', { type: 27, max_entries: 5000 })]);
    expect(load(object.function('xdp', 'main', 'exit')).maps[0]?.maxEntries).toBe(8192);
  });

  test('of the kind before BTF are read, with a note', () => {
    const object = new ObjectBuilder().withoutBtf();
    object.variable('maps', 'old', [1, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0]);
    object.function('xdp', 'main', 'r1 = 0 ll; exit', { references: { 0: 'old' } });
    const { maps, notes, programs } = load(object);
    expect(maps[0]).toMatchObject({ name: 'old', type: 1, keySize: 4, valueSize: 8, maxEntries: 64 });
    expect(notes.join()).toContain('libbpf 1.0 and later refuse');
    expect(programs[0]?.instructions.src[0]).toBe(BPF_PSEUDO_MAP_FD);
  });
});

describe('global variables', () => {
  function object(): ObjectBuilder {
    const made = new ObjectBuilder();
    made.variable('.data', 'first', [1, 2, 3, 4]).variable('.data', 'second', [5, 6, 7, 8]);
    made.variable('.rodata', 'limit', [9, 0, 0, 0]).variable('.bss', 'zero', 16).variable('.data.mine', 'own', [7]);
    return made;
  }

  test('stand in a map per section', () => {
    const { maps } = load(object().function('xdp', 'main', 'exit'));
    expect(
      maps.map(({ name, kernelName, origin, valueSize, frozen }) => [name, kernelName, origin, valueSize, frozen]),
    ).toEqual([
      ['.data', 'test.data', 'data', 12, false],
      ['.rodata', 'test.rodata', 'rodata', 4, true],
      ['.bss', 'test.bss', 'bss', 16, false],
      ['.data.mine', '.data.mine', 'data', 1, false],
    ]);
    expect([...(maps[0]?.initialData ?? [])]).toEqual([1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8]);
    expect(maps[2]?.initialData).toBeUndefined();
  });

  test('are referred to by map and offset', () => {
    const { instructions } = load(object().function('xdp', 'main', 'r1 = 0 ll; exit', { references: { 0: 'second' } }))
      .programs[0]!;
    expect([instructions.src[0], instructions.imm[0], instructions.imm[1]]).toEqual([BPF_PSEUDO_MAP_VALUE, 0, 8]);
  });

  test('that are static are referred to by their section, with the offset in the instruction', () => {
    const { instructions } = load(object().function('xdp', 'main', 'r1 = 8 ll; exit', { references: { 0: '.data' } }))
      .programs[0]!;
    expect([instructions.src[0], instructions.imm[0], instructions.imm[1]]).toEqual([BPF_PSEUDO_MAP_VALUE, 0, 8]);
  });

  test('have their offsets filled into BTF, and are static there when hidden', () => {
    const made = new ObjectBuilder();
    const int = made.types.int('int', 4);
    const [a, b] = ['a', 'b'].map((name) => made.types.variable(name, int));
    made.variable('.data', 'a', [1, 0, 0, 0]).variable('.data', 'b', [2, 0, 0, 0], { visibility: STV_HIDDEN });
    // The compiler lists them in an order of its own.
    made.describe('.data', [b!, a!], [4, 4]);
    const { btf, maps } = load(made.function('xdp', 'main', 'exit'));
    const section = btf!.findByName('.data');
    expect(btf!.size(section)).toBe(12);
    expect(btf!.sectionVariables(section)).toEqual([
      { typeId: a, offset: 0, size: 4 },
      { typeId: b, offset: 8, size: 4 },
    ]);
    expect(btf!.varLinkage(b!)).toBe(BTF_VAR_STATIC);
    expect(maps[0]).toMatchObject({ valueTypeId: section, flags: 1024 });
  });

  test('of an arena go to its map', () => {
    const made = new ObjectBuilder();
    const extra = made.types.enum64('', { address: 0x1_0000_0000n });
    made.describe('.maps', [made.map('arena', { type: 33, max_entries: 10, map_extra: { typeId: extra } })]);
    made.variable('.addr_space.1', 'shared', [1, 2, 3]);
    made.function('syscall', 'main', 'r1 = 0 ll; exit', { references: { 0: 'shared' } });
    const { maps, programs } = load(made);
    expect(maps[0]).toMatchObject({ origin: 'arena', extra: 0x1_0000_0000n, initialData: Uint8Array.of(1, 2, 3) });
    expect(programs[0]?.instructions.src[0]).toBe(BPF_PSEUDO_MAP_VALUE);
  });
});

describe('CO-RE', () => {
  function object(access: string, text: string): ObjectBuilder {
    const made = new ObjectBuilder();
    const int = made.types.int('int', 4, { signed: true });
    const task = made.types.struct('task_struct', 8, [
      { name: 'pid', type: int, bitOffset: 0 },
      { name: 'gone', type: int, bitOffset: 32 },
    ]);
    return made
      .function('.text', 'read', text, { core: { 0: [task, access, 0] } })
      .function('xdp', 'main', 'call pc-1; exit', { references: { 0: 'read' } });
  }

  test('changes subprograms wherever they end up', () => {
    expect(code(only(object('0:0', 'r0 = *(u32 *)(r1 +0); exit')))[2]).toBe('r0 = *(u32 *)(r1 +32)');
  });

  test('notes what it poisoned by its place in the program', () => {
    const program = only(object('0:1', 'r0 = *(u32 *)(r1 +4); exit'));
    expect(code(program)[2]).toBe('call unknown#195896080');
    expect(program.poisoned).toEqual([
      { insn: 2, kind: 'core', what: '<byte_off> [2] struct task_struct.gone (0:1 @ offset 4)' },
    ]);
    expect(program.loadError).toBeUndefined();
  });

  test('that goes wrong in a subprogram refuses the object, as it stops a loader', () => {
    expect(load(object('0:9', 'r0 = *(u32 *)(r1 +0); exit')).loadError?.message).toBe(
      'Function read, CO-RE relocation 0: type [2] has no member 9.',
    );
  });
});

describe('the kernel BTF', () => {
  test('of a file that is none is refused', () => {
    expect(() => openKernelBtf(new Uint8Array(100))).toThrow(/kernel BTF: this is not BTF/);
  });
  test('keeps its own ids under the additions', () => {
    expect(kernelBtf.base).toBeInstanceOf(Btf);
    expect(kernelBtf.findByName('bpf_set_exception_callback')).toBeGreaterThanOrEqual(kernelBtf.firstId);
    expect(kernelBtf.findFlavours('int')).toEqual([1]);
  });
});

test('an object without symbols is refused', () => {
  expect(() => loadObject(new Uint8Array(64), { name: 'x', kernelBtf })).toThrow(BailoutError);
});

test('whatever is changed in an object, it loads, is refused, or ends in a BailoutError', () => {
  const object = new ObjectBuilder();
  const typeId = object.funcType('main');
  object.types.declTag('exception_callback:helper', typeId);
  object.describe('.maps', [object.map('counters', { type: 2, max_entries: 16, key_size: 4, value_size: 8 })]);
  object.variable('.data', 'state', [1, 2, 3, 4, 5, 6, 7, 8]).variable('.bss', 'local', 8, { binding: STB_LOCAL });
  object.function('.text', 'helper', 'r0 = 0; exit', { typeId: object.funcType('helper') });
  object.function('xdp', 'main', 'r1 = 0 ll; r2 = 0 ll; call pc-1; exit', {
    typeId,
    references: { 0: 'counters', 2: 'state', 4: 'helper' },
    lines: { 0: [1, 1, 'int main(void)'] },
  });
  const original = object.bytes();
  expect(loadObject(original, { name: 'x', kernelBtf }).loadError).toBeUndefined();
  const change = fc.record({ at: fc.nat(original.length - 1), value: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
      const bytes = original.slice();
      for (const { at, value } of changes) bytes[at] = value;
      try {
        loadObject(bytes, { name: 'x', kernelBtf });
      } catch (error) {
        if (!(error instanceof BailoutError)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
