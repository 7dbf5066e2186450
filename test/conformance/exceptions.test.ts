/**
 * What the programs of the kernel's exceptions selftest return, run under `linux` on a 64-byte Ethernet frame: the known
 * answers of docs/exceptions.md, section 6, which a 6.18 kernel gave. Reads the corpus, and says so where it is not there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Scenario } from '../../core/kernel/scenario.ts';
import { runProgram } from '../../core/machine/run.ts';
import type { ObjectFile } from '../../core/object/program.ts';
import { verify } from '../../core/verifier/verify.ts';
import { kernelBtf } from './kernel-btf.ts';
import { loadCorpusObject } from './loading.ts';
import { corpusFolder } from './reference.ts';

const corpus = corpusFolder();
if (corpus === undefined)
  console.log('skipped: the exceptions selftest is not on this machine (test/conformance/README.md)');

let loaded: ObjectFile | undefined;
function object(): ObjectFile {
  loaded ??= loadCorpusObject('exceptions.bpf.o', readFileSync(join(corpus ?? '', 'exceptions.bpf.o')), kernelBtf());
  return loaded;
}

/** 64 bytes, of which the type is at 12. */
const frame = (type: string): string => `${'00'.repeat(12)}${type}${'00'.repeat(50)}`;
const onFrame = (type: string, more: Scenario = {}): Scenario => ({
  context: { packet: { data: frame(type) } },
  ...more,
});

function run(name: string, scenario: Scenario = onFrame('0800')): number | string | undefined {
  const program = object().programs.find((candidate) => candidate.name === name);
  if (program === undefined) return `no program ${name}`;
  const verification = verify(program, { profile: 'linux' });
  if (verification.verdict !== 'accepted') return verification.message;
  const factsOf = (target: typeof program) => verify(target, { profile: 'linux' });
  const result = runProgram({ object: object(), program, verification, scenario, factsOf });
  return result.fault === undefined ? result.retval : `${result.fault.code}: ${result.fault.message}`;
}

const assertions = ['nz', 'zero', 'neg', 'pos', 'negeq', 'poseq'];
const cookies = [100, 105, 200, 0, 101, 99];

const answers: readonly (readonly [program: string, value: number])[] = [
  ['exception_throw_always_1', 64],
  ['exception_throw_always_2', 32],
  ['exception_throw_unwind_1', 16],
  ['exception_throw_unwind_2', 32],
  ['exception_throw_default', 0],
  ['exception_throw_default_value', 5],
  ['exception_tail_call', 18],
  ['exception_ext', 0],
  ['exception_ext_mod_cb_runtime', 35],
  ['exception_throw_subprog', 1],
  ...assertions.flatMap((name): [string, number][] => [
    [`exception_assert_${name}_gfunc`, 1],
    [`exception_assert_${name}_gfunc_with`, 1],
    [`exception_bad_assert_${name}_gfunc`, 0],
  ]),
  ...assertions.map((name, i): [string, number] => [`exception_bad_assert_${name}_gfunc_with`, cookies[i]!]),
  ['exception_assert_range', 1],
  ['exception_assert_range_with', 1],
  ['exception_bad_assert_range', 0],
  ['exception_bad_assert_range_with', 10],
];

describe.skipIf(corpus === undefined)('programs of the kernel’s exceptions selftest', () => {
  it.each(answers)('%s returns %i', (program, value) => {
    expect(run(program)).toBe(value);
  });

  it('exception_throw_unwind_1 returns 32 on a frame that is not IPv4', () => {
    expect(run('exception_throw_unwind_1', onFrame('86dd'))).toBe(32);
  });

  it('a tail call’s target is its own boundary: 16 from its throw, and 8 by who called it', () => {
    const maps = { jmp_table: { slots: { '0': 'exception_tail_call_target' } } };
    expect(run('exception_tail_call', onFrame('0800', { maps }))).toBe(24);
  });
});
