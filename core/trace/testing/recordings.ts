/** Recordings for tests: of the objects of test/exceptions, and of loops written here. */
import { readFileSync } from 'node:fs';
import { bundledKernelBtf } from '../../../main/kernel-btf.ts';
import { BTF_FUNC_STATIC } from '../../object/btf/kinds.ts';
import { ObjectBuilder } from '../../object/testing/object-builder.ts';
import type { RecordOptions, Recording, RecordingSource } from '../recording.ts';
import { record } from '../recording.ts';

export function fileSource(name: string, programs: readonly string[]): RecordingSource {
  const bytes = new Uint8Array(readFileSync(new URL(`../../../test/exceptions/${name}.bpf.o`, import.meta.url)));
  return source(`${name}.bpf.o`, bytes, programs);
}

/** A program that goes `rounds` times through an inner loop of arithmetic and one call, about 8,200 steps each. */
export function loopSource(rounds: number): RecordingSource {
  const object = new ObjectBuilder();
  object.function(
    'xdp',
    'main',
    [
      // The verifier would walk all of the loop; it stops at what nobody wrote, and the machine does not.
      'r0 = r9',
      'r6 = 0',
      'r7 = 0',
      'r8 = 1024',
      'r7 += r6',
      'r7 ^= r8',
      'w1 = w7',
      'r7 <<= 1',
      '*(u64 *)(r10 -8) = r7',
      'r8 += -1',
      'r2 = r8',
      'if r8 != 0 goto pc-8',
      'r1 = r7',
      'call -1',
      'r6 += 1',
      `if r6 < ${rounds} goto pc-13`,
      'r0 = 2',
      'exit',
    ].join('\n'),
    { references: { 13: 'helper' } },
  );
  object.function('.text', 'helper', 'r0 = r1\nr0 >>= 3\nexit');
  return source('loop.bpf.o', object.bytes(), ['main']);
}

/** A program that the verifier accepts, and that runs for as long as anybody waits: two loops of 8 M turns, one in the other. */
export function endlessSource(): RecordingSource {
  const object = new ObjectBuilder();
  // Functions whose address is taken are named by their place in the section, in bytes.
  const loop = (at: number): string => `r1 = 8388608\nr2 = ${at} ll\nr3 = 0\nr4 = 0\ncall 181\nr0 = 0\nexit`;
  object.function('xdp', 'main', loop(0), { references: { 1: '.text' }, typeId: object.funcType('main') });
  object.function('.text', 'outer', loop(64), {
    references: { 1: '.text' },
    isStatic: true,
    typeId: object.funcType('outer', BTF_FUNC_STATIC),
  });
  object.function('.text', 'inner', 'r0 = 0\nexit', {
    isStatic: true,
    typeId: object.funcType('inner', BTF_FUNC_STATIC),
  });
  return source('endless.bpf.o', object.bytes(), ['main']);
}

/** Many runs, all of which throw; a timer and a work queue run by themselves after some of them. */
export function timersSource(runs: number): RecordingSource {
  const programs = ['throws_with_timer_armed', 'tree_node', 'throws_with_work_queued', 'callback_uses_maps'];
  const requests = Array.from({ length: runs }, (_, i) => programs[i % programs.length]!);
  return fileSource('resources', requests);
}

/** Two runs of a program to whose functions others are attached: pairs of a program and a function. */
export function attachedSource(attach: readonly (readonly [string, string])[]): RecordingSource {
  return {
    ...fileSource('attach', ['target', 'target']),
    scenario: { globals: { limit: 1000 } },
    attach: attach.map(([program, name]) => ({ program, target: 'target', function: name })),
    maxSteps: 10_000,
  };
}

function source(objectName: string, objectBytes: Uint8Array, programs: readonly string[]): RecordingSource {
  return {
    objectName,
    objectBytes,
    scenario: {},
    requests: programs.map((program) => ({ program, context: {} })),
    globals: [],
    maxSteps: 200_000_000,
  };
}

export function recordingOf(from: RecordingSource, options: Partial<RecordOptions> = {}): Recording {
  return record(from, { kernelBtf: bundledKernelBtf(), ...options });
}
