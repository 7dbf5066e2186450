/**
 * The assertion header: every macro, for every integer type, with constants and variables on the right, with and without a
 * cookie (assertions.bpf.c). What the verifier knows behind each, what a run makes of values on both sides of the border, and
 * that the compilers of this machine take the header.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Verification } from '../../core/verifier/verification.ts';
import { verify } from '../../core/verifier/verify.ts';
import { headers, warnings } from '../../scripts/compile-objects.mjs';
import { cookies, load, programOf, run } from './testing/objects.ts';

const object = load('assertions');

function facts(name: string): Verification['assertions'] {
  const verification = verify(programOf(object, name), { profile: 'proposal', logLevel: 0 });
  expect([name, verification.verdict]).toEqual([name, 'accepted']);
  return verification.assertions;
}

const types = ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'] as const;
const operations = ['eq', 'ne', 'lt', 'gt', 'le', 'ge'] as const;
type Form = 'const' | 'const_with' | 'var' | 'var_with';

/** A run costs some ten milliseconds: the narrowest and the widest types are run in all forms, the others in those that differ most. */
const formsOf = (type: string): readonly Form[] =>
  /8|64/.test(type) ? ['const', 'const_with', 'var', 'var_with'] : ['const', 'var_with'];
const rangeForms: readonly Form[] = ['const', 'var_with'];

/** The constant of each type in assertions.bpf.c. */
const constants: Readonly<Record<(typeof types)[number], bigint>> = {
  u8: 100n,
  u16: 1000n,
  u32: 100000n,
  u64: 100000n,
  s8: -5n,
  s16: -5n,
  s32: -5n,
  s64: -5n,
};

const holds: Readonly<Record<(typeof operations)[number], (a: bigint, b: bigint) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
};

describe.each(types)('%s', (type) => {
  const constant = constants[type];
  it.each(operations)('%s lets through what C would, in all forms', (operation) => {
    for (const form of formsOf(type)) {
      const name = `${type}_${operation}_${form}`;
      // One value that passes and one that does not, side by side.
      const border = operation === 'lt' || operation === 'ge' ? constant - 1n : constant;
      for (const left of [border, border + 1n]) {
        const globals = { left, right: constant, cookie: 1234 };
        const result = run(object, name, { globals });
        const passes = holds[operation](left, constant);
        const cookie = form === 'const_with' ? 77n : form === 'var_with' ? 1234n : 0n;
        expect([name, left, result.retval, cookies(result)]).toEqual([
          name,
          left,
          passes ? 1 : 0,
          passes ? [] : [cookie],
        ]);
      }
    }
  });

  it('range lets through what lies in it, the ends included', () => {
    for (const form of rangeForms) {
      const name = `${type}_range_${form}`;
      const high =
        constants[type] > 0n
          ? type === 'u64'
            ? 8192n
            : constant
          : type === 's8'
            ? 100n
            : type === 's16'
              ? 1000n
              : 100000n;
      const low = constant > 0n ? (type === 'u64' ? 4096n : 16n) : -5n;
      for (const [left, passes] of [
        [low - 1n, false],
        [low, true],
        [high, true],
        [high + 1n, false],
      ] as const) {
        const result = run(object, name, { globals: { left, right: low, highest: high, cookie: 1234 } });
        expect([name, left, result.retval]).toEqual([name, left, passes ? 1 : 0]);
      }
    }
  });
});

/** The tested register behind the assertion, as the log prints it. */
const proved: readonly (readonly [program: string, condition: RegExp, ...parts: string[]])[] = [
  ['u8_lt_const', /^r\d < 0x64$/, 'umax32=99', 'var_off=(0x0; 0x7f)'],
  ['u16_le_const', /^r\d <= 0x3e8$/, '=1000', 'var_off=(0x0; 0x3ff)'],
  ['u32_gt_const', /^r\d > 0x186a0$/, 'umin32=0x186a1', 'umax=0xffffffff'],
  ['u64_eq_const', /^r\d == 0x186a0$/, '0x186a0'],
  ['s64_lt_zero', /^r\d s< 0x0$/, 'smax=-1', 'umin=0x8000000000000000'],
  ['s64_gt_zero', /^r\d s> 0x0$/, 'smin=umin=1', 'umax=0x7fffffffffffffff'],
  ['s64_ge_zero', /^r\d s>= 0x0$/, 'smin=0', 'umax=0x7fffffffffffffff'],
  ['s64_le_int_max', /^r\d s<= 0x7fffffff$/, 'smax=0x7fffffff'],
  ['s64_eq_int_min', /^r\d == -0x80000000$/, '0xffffffff80000000'],
  ['s8_ge_const', /^r\d s>= -0x5$/, 'smin=smin32=-5', 'smax=smax32=127'],
  ['s32_le_const', /^r\d s<= -0x5$/, 'smax32=-5'],
  ['u64_lt_big_cookie', /^r\d < 0x100$/, '=255', 'var_off=(0x0; 0xff)'],
];

describe('what the verifier knows behind an assertion', () => {
  it.each(proved.map(([name, condition, ...parts]) => ({ name, condition, parts })))(
    '$name',
    ({ name, condition, parts }) => {
      const [fact] = facts(name);
      expect(fact?.condition).toMatch(condition);
      for (const part of parts) expect(fact?.after).toContain(part);
      expect(fact?.before).not.toBe(fact?.after);
    },
  );

  it('a range is two assertions, and the second narrows what the first left', () => {
    const [low, high] = facts('u64_range_const');
    expect(low?.condition).toMatch(/>= 0x1000$/);
    expect(high?.condition).toMatch(/<= 0x2000$/);
    expect(high?.before).toBe(low?.after);
    expect(high?.after).toContain('umin32=4096');
    expect(high?.after).toContain('=8192,var_off=(0x0; 0x3fff)');
  });

  it('an index that was proved needs no other test', () => {
    expect(facts('index_by_proof')).toHaveLength(1);
  });

  it('constants that no instruction holds are compared in a register', () => {
    for (const name of ['u32_lt_big', 'u64_lt_big', 'u64_ge_big', 's64_gt_big'])
      expect(facts(name)[0]?.condition).toMatch(/^r\d s?(<|>|>=) r\d$/);
    const result = run(object, 'u64_lt_big_cookie', { globals: { left: 256 } });
    expect(cookies(result)).toEqual([0x123456789abcdefn]);
  });

  it('is there for every program of the object', () => {
    for (const { name } of object.programs) expect([name, facts(name).length > 0]).toEqual([name, true]);
  });
});

/** Compilers that can be on a machine, with the processors that they know. */
const clangs = ['clang', ...[14, 15, 16, 17, 18, 19, 20, 21, 22].map((version) => `clang-${version}`)];
const there = (command: string): boolean => spawnSync(command, ['--version']).status === 0;
const compilers = [...clangs, 'bpf-gcc', 'bpf-unknown-none-gcc'].filter(there);
if (compilers.length === 0) console.warn('skipped: the header is not compiled, no clang or bpf-gcc is installed');

describe.skipIf(compilers.length === 0)('the header compiles with', () => {
  const out = mkdtempSync(join(tmpdir(), 'bailout-header-'));
  afterAll(() => rmSync(out, { recursive: true, force: true }));
  const source = fileURLToPath(new URL('assertions.bpf.c', import.meta.url));

  it.each(compilers)('%s', (compiler) => {
    const target = compiler.startsWith('clang') ? ['-target', 'bpf'] : [];
    for (const cpu of ['v1', 'v3']) {
      const args = [
        '-O2',
        '-g',
        ...target,
        `-mcpu=${cpu}`,
        ...warnings,
        `-I${headers}`,
        '-c',
        source,
        '-o',
        join(out, 'x.o'),
      ];
      const { status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' });
      expect([compiler, cpu, stderr, status]).toEqual([compiler, cpu, '', 0]);
    }
  });
});
