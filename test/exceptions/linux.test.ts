/**
 * The objects of Linux's own tests of exceptions under profile `linux`: every verdict that a 6.18 kernel gave, every last line
 * of a rejection, and the ranges that their assertions prove (docs/exceptions.md, "Known answers"). Reads the corpus, and
 * says so where it is not there. What the programs return is test/conformance/exceptions.test.ts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ObjectFile } from '../../core/object/program.ts';
import { verify } from '../../core/verifier/verify.ts';
import { normaliseLine } from '../conformance/compare.ts';
import { kernelBtf } from '../conformance/kernel-btf.ts';
import { loadCorpusObject, referenceProgram } from '../conformance/loading.ts';
import { corpusFolder, readReference } from '../conformance/reference.ts';

const corpus = corpusFolder();
if (corpus === undefined)
  console.log('skipped: the objects of Linux’s exceptions tests are not on this machine (test/conformance/README.md)');

const objects = new Map<string, ObjectFile>();
function objectOf(name: string): ObjectFile {
  const known = objects.get(name) ?? loadCorpusObject(name, readFileSync(join(corpus ?? '', name)), kernelBtf());
  objects.set(name, known);
  return known;
}

const rows = readReference().filter(({ object }) => /^exceptions(_assert|_fail|_ext)?\.bpf\.o$/.test(object));

describe.skipIf(corpus === undefined)('verdicts of Linux 6.18', () => {
  it('are known of 83 programs', () => {
    expect(rows).toHaveLength(83);
  });

  it.each(rows)('$object $program: $verdict $message', ({ object, program, verdict, message }) => {
    const found = referenceProgram(objectOf(object), program);
    if (found === undefined) throw new Error(`${object} has no program ${program}`);
    expect(found.loadError).toBeUndefined();
    const result = verify(found, { profile: 'linux', logLevel: 0 });
    expect([result.verdict, normaliseLine(result.message)]).toEqual([verdict, normaliseLine(message)]);
  });
});

/** The tested register behind the assertion, as the log shows it: what the object's own comments expect of it. */
const ranges: readonly (readonly [program: string, after: readonly string[]])[] = [
  ['check_assert_eq_int_min', ['0xffffffff80000000']],
  ['check_assert_eq_int_max', ['0x7fffffff']],
  ['check_assert_eq_zero', ['0']],
  ['check_assert_eq_llong_min', ['0x8000000000000000']],
  ['check_assert_eq_llong_max', ['0x7fffffffffffffff']],
  ['check_assert_lt_pos', ['smax=0x7ffffffe']],
  ['check_assert_lt_zero', ['smax=-1', 'umin=0x8000000000000000']],
  ['check_assert_lt_neg', ['umin=0x8000000000000000', 'umax=0xffffffff7fffffff']],
  ['check_assert_le_pos', ['smax=0x7fffffff']],
  ['check_assert_le_zero', ['smax=0']],
  ['check_assert_gt_pos', ['umin=0x80000000', 'umax=0x7fffffffffffffff']],
  ['check_assert_gt_zero', ['umin=1', 'umax=0x7fffffffffffffff']],
  ['check_assert_ge_pos', ['umin=0x7fffffff', 'umax=0x7fffffffffffffff']],
  ['check_assert_ge_zero', ['smin=0', 'umax=0x7fffffffffffffff']],
];

describe.skipIf(corpus === undefined)('ranges that assertions prove', () => {
  it.each(ranges)('%s: %s', (name, parts) => {
    const program = referenceProgram(objectOf('exceptions_assert.bpf.o'), name);
    if (program === undefined) throw new Error(`no program ${name}`);
    const { assertions } = verify(program, { profile: 'linux', logLevel: 0 });
    expect(assertions).toHaveLength(1);
    for (const part of parts) expect(assertions[0]?.after).toContain(part);
  });

  it('check_assert_range_u64: 4096 to 8192', () => {
    const program = referenceProgram(objectOf('exceptions_assert.bpf.o'), 'check_assert_range_u64');
    if (program === undefined) throw new Error('no such program');
    const { assertions } = verify(program, { profile: 'linux', logLevel: 0 });
    expect(assertions.at(-1)?.after).toContain('smax=umax=smax32=umax32=8192,var_off=(0x0; 0x3fff)');
  });

  it('check_assert_generic: 64 bytes of the packet', () => {
    const program = referenceProgram(objectOf('exceptions_assert.bpf.o'), 'check_assert_generic');
    if (program === undefined) throw new Error('no such program');
    expect(verify(program, { profile: 'linux', logLevel: 2 }).log).toContain('R6=pkt(r=64)');
  });
});
