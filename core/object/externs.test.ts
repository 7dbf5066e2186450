import { describe, expect, test } from 'vitest';
import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_KFUNC_CALL, BPF_PSEUDO_MAP_VALUE } from '../isa/opcodes.ts';
import type { BtfBuilder } from './btf/builder.ts';
import { BTF_FUNC_EXTERN, BTF_KIND_FUNC, BTF_VAR_GLOBAL_EXTERN } from './btf/kinds.ts';
import type { ObjectFile } from './program.ts';
import { code, load, only } from './testing/loading.ts';
import { ObjectBuilder } from './testing/object-builder.ts';
import { smallKernel as kernelBtf } from './testing/small-kernel.ts';

describe('what the object takes from the kernel', () => {
  /** An object with one extern of section `.kconfig` or `.ksyms`, referred to by a 64-bit load, or called. */
  function withExtern(
    section: string,
    name: string,
    make: (types: BtfBuilder) => number,
    options: { weak?: boolean; call?: boolean } = {},
  ): ObjectBuilder {
    const object = new ObjectBuilder();
    const declaration = make(object.types);
    object.extern(name, options.weak);
    object.types.section(section, 0, [{ type: declaration, offset: 0, size: 0 }]);
    return object.function('xdp', 'main', options.call ? 'call pc-1; exit' : 'r1 = 0 ll; exit', {
      references: { 0: name },
    });
  }
  const configuration = (name: string, type: (types: BtfBuilder) => number) => (types: BtfBuilder) =>
    types.variable(name, type(types), BTF_VAR_GLOBAL_EXTERN);
  const kfunc = (name: string, parameters: number) => (types: BtfBuilder) => {
    const u64 = types.int('u64', 8);
    return types.func(
      name,
      types.funcProto(
        0,
        Array.from({ length: parameters }, () => ({ name: '', type: u64 })),
      ),
      BTF_FUNC_EXTERN,
    );
  };

  test.each<[string, string, number, (types: BtfBuilder) => number, number[]]>([
    ['a number', 'CONFIG_HZ', 4, (types) => types.int('unsigned int', 4), [250, 0, 0, 0]],
    ['a boolean', 'CONFIG_BPF', 1, (types) => types.int('bool', 1, { bool: true }), [1]],
    ['a tristate', 'CONFIG_M', 4, (types) => types.enum('libbpf_tristate', { NO: 0, YES: 1, MODULE: 2 }), [2, 0, 0, 0]],
    ['a character', 'CONFIG_M', 1, (types) => types.int('char', 1, { char: true }), [109]],
    [
      'a string, cut to its room',
      'CONFIG_NAME',
      4,
      (types) => types.array(types.int('char', 1), 4, types.int('int', 4)),
      [97, 98, 99, 0],
    ],
    ['its version', 'LINUX_KERNEL_VERSION', 4, (types) => types.int('int', 4, { signed: true }), [0, 18, 6, 0]],
  ])('may be configuration: %s', (_, name, size, type, bytes) => {
    const { maps, programs, loadError } = load(
      withExtern('.kconfig', name, configuration(name, type)),
      'CONFIG_HZ=250\nCONFIG_BPF=y\nCONFIG_M=m\nCONFIG_NAME="abcdef"\n',
    );
    expect(loadError).toBeUndefined();
    expect(maps[0]).toMatchObject({ name: '.kconfig', origin: 'kconfig', valueSize: size, frozen: true });
    expect([...(maps[0]?.initialData ?? [])]).toEqual(bytes);
    expect(programs[0]?.instructions.src[0]).toBe(BPF_PSEUDO_MAP_VALUE);
  });

  test('may be configuration that is not set: zero when weak, refused when strong', () => {
    const unset = (weak: boolean): ObjectFile =>
      load(
        withExtern(
          '.kconfig',
          'CONFIG_NOT_THERE',
          configuration('CONFIG_NOT_THERE', (types) => types.int('int', 4)),
          { weak },
        ),
      );
    expect(unset(true).loadError).toBeUndefined();
    expect(unset(true).maps[0]?.initialData).toEqual(new Uint8Array(4));
    expect(unset(false).loadError?.code).toBe('KCONFIG_NOT_FOUND');
  });

  test('may be a kfunc, found by name whatever its flavour', () => {
    for (const name of ['bpf_throw', 'bpf_throw___v2']) {
      const { instructions } = only(withExtern('.ksyms', name, kfunc(name, 1), { call: true }));
      expect([instructions.src[0], instructions.imm[0], instructions.off[0]]).toEqual([
        BPF_PSEUDO_KFUNC_CALL,
        kernelBtf.findByName('bpf_throw', BTF_KIND_FUNC),
        0,
      ]);
    }
  });

  test('may be a kfunc of the 2023 proposal, which no kernel has', () => {
    const object = withExtern(
      '.ksyms',
      'bpf_set_exception_callback',
      (types) => {
        const int = types.int('int', 4, { signed: true });
        const callback = types.pointer(types.funcProto(int, [{ name: 'cookie', type: types.int('u64', 8) }]));
        return types.func(
          'bpf_set_exception_callback',
          types.funcProto(0, [{ name: 'cb', type: callback }]),
          BTF_FUNC_EXTERN,
        );
      },
      { call: true },
    );
    expect(kernelBtf.name(only(object).instructions.imm[0]!)).toBe('bpf_set_exception_callback');
  });

  test('may be a kfunc that is missing: refused when strong, poisoned when weak', () => {
    const strong = withExtern('.ksyms', 'bpf_gone', kfunc('bpf_gone', 1), { call: true });
    expect(load(strong).loadError?.code).toBe('KFUNC_NOT_FOUND');
    const program = only(withExtern('.ksyms', 'bpf_gone', kfunc('bpf_gone', 1), { call: true, weak: true }));
    expect(code(program)[0]).toBe('call unknown#2002000000');
    expect(program.poisoned).toEqual([{ insn: 0, kind: 'kfunc', what: 'bpf_gone' }]);
  });

  test('may be a kfunc with other parameters, which is refused', () => {
    expect(load(withExtern('.ksyms', 'bpf_throw', kfunc('bpf_throw', 2), { call: true })).loadError?.code).toBe(
      'KFUNC_TYPE',
    );
  });

  test('may be a variable with a type', () => {
    const { instructions } = only(
      withExtern('.ksyms', 'runqueues', (types) =>
        types.variable('runqueues', types.struct('task_struct', 64, []), BTF_VAR_GLOBAL_EXTERN),
      ),
    );
    expect([instructions.src[0], instructions.imm[0], instructions.imm[1]]).toEqual([
      BPF_PSEUDO_BTF_ID,
      kernelBtf.findByName('runqueues'),
      0,
    ]);
  });

  test('may be an address without a type, which is the same in every run', () => {
    const make = (name: string, weak = false): ObjectBuilder =>
      withExtern('.ksyms', name, (types) => types.variable(name, types.modifier('const', 0), BTF_VAR_GLOBAL_EXTERN), {
        weak,
      });
    expect(only(make('init_task')).instructions.imm64(0)).toBe(0xffffffff8300f940n);
    expect(only(make('do_exit')).instructions.imm64(0)).toBeGreaterThan(0xffffffff81000000n);
    expect(only(make('gone', true)).instructions.imm64(0)).toBe(0n);
    expect(load(make('gone')).loadError?.code).toBe('KSYM_NOT_FOUND');
  });

  test('must be declared in BTF', () => {
    const object = new ObjectBuilder()
      .extern('nowhere')
      .function('xdp', 'main', 'r1 = 0 ll; exit', { references: { 0: 'nowhere' } });
    expect(load(object).loadError?.code).toBe('EXTERN_NO_BTF');
  });
});
