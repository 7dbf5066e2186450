import { expect, test } from 'vitest';
import { BtfBuilder } from './btf/builder.ts';
import { inspectObject } from './inspect.ts';
import { openKernelBtf } from './kernel-btf.ts';
import { loadObject } from './object.ts';
import { ObjectBuilder } from './testing/object-builder.ts';

const kernelBtf = (() => {
  const types = new BtfBuilder();
  const int = types.int('int', 4, { signed: true });
  types.struct('task_struct', 64, [{ name: 'pid', type: int, bitOffset: 256 }]);
  return openKernelBtf(types.bytes());
})();

function object(): Uint8Array {
  const made = new ObjectBuilder();
  const { types } = made;
  const int = types.int('int', 4, { signed: true });
  const task = types.struct('task_struct', 8, [
    { name: 'pid', type: int, bitOffset: 0 },
    { name: 'gone', type: int, bitOffset: 32 },
  ]);
  const typeId = made.funcType('main');
  types.declTag('exception_callback:handle', typeId);
  const counters = made.map('counters', {
    type: 2,
    max_entries: 4,
    key: { typeId: types.pointer(int) },
    value_size: 8,
  });
  made.describe('.maps', [counters]);
  made.variable('.bss', 'total', 8);
  made.function('.text', 'each', 'r0 = 0; exit', { typeId: made.funcType('each'), isStatic: true });
  made.function('.text', 'handle', 'r0 = 1; exit', { typeId: made.funcType('handle') });
  made.function(
    'syscall',
    'main',
    'r1 = 0 ll; r2 = 0 ll; r3 = 0 ll; r4 = *(u32 *)(r1 +0); r5 = *(u32 *)(r1 +4); exit',
    {
      typeId,
      references: { 0: 'counters', 2: 'total', 4: '.text' },
      core: { 6: [task, '0:0', 0], 7: [task, '0:1', 0] },
    },
  );
  return made.bytes();
}

test('a summary says what is in an object', () => {
  const bytes = object();
  const summary = inspectObject(bytes, loadObject(bytes, { name: 'sample.bpf.o', kernelBtf }));
  expect(summary).toMatchObject({
    name: 'sample.bpf.o',
    license: 'GPL',
    programs: [
      {
        name: 'main',
        type: 'syscall',
        sleepable: true,
        functions: [
          { name: 'main', start: 0, linkage: 'global', declaration: 'int main(void)' },
          { name: 'each', linkage: 'global' },
          { name: 'handle', linkage: 'global' },
        ],
        callbacks: [
          { subprogram: 'each', by: { kind: 'address', insns: [4] } },
          { subprogram: 'handle', by: { kind: 'exception-tag' } },
        ],
        poisoned: [{ insn: 7, kind: 'core' }],
      },
    ],
    maps: [
      { name: 'counters', type: 'array', key: 'int', valueSize: 8 },
      { name: '.bss', type: 'array', origin: 'bss' },
    ],
  });
  const line = ({ function: name, insn, kind, target, what }: (typeof summary.relocations)[number]): string =>
    `${name} ${insn} ${kind} ${target.replace(/\[\d+\] /, '')} ${what}`;
  expect(summary.relocations.map(line)).toEqual([
    'main 0 map counters R_BPF_64_64',
    'main 2 data total R_BPF_64_64',
    'main 4 function each R_BPF_64_64',
    'main 6 core <byte_off> struct task_struct.pid (0:0 @ offset 0) 0 → 32',
    'main 7 core <byte_off> struct task_struct.gone (0:1 @ offset 4) 4 → missing',
  ]);
});

test('a summary is plain data', () => {
  const bytes = object();
  const summary = inspectObject(bytes, loadObject(bytes, { name: 'sample.bpf.o', kernelBtf }));
  expect(structuredClone(summary)).toEqual(summary);
  expect(() => JSON.stringify(summary)).not.toThrow();
});
