import { describe, expect, test } from 'vitest';
import type { Outcome } from './compare.ts';
import { clusters, compare, figures, messageTemplate, normaliseLine } from './compare.ts';
import { divergenceTemplate, firstDivergence } from './logs.ts';
import { readReference, sample } from './reference.ts';
import type { ReferenceRow } from './reference.ts';

const row = (verdict: 'accepted' | 'rejected', message = ''): ReferenceRow => ({
  object: 'a.bpf.o',
  program: 'p',
  verdict,
  insns: 7,
  states: 1,
  durationUs: 50,
  stackDepth: '8',
  message,
});

const judged = (kind: 'accepted' | 'rejected', message = '', insns = 7): Outcome => ({
  kind,
  message,
  insns,
  states: 1,
  durationUs: 90,
  stackDepth: '8',
});

describe('the reference', () => {
  test('holds the 2,647 programs that the kernel judged', () => {
    const rows = readReference();
    expect(rows.filter(({ verdict }) => verdict === 'accepted')).toHaveLength(1693);
    expect(rows.filter(({ verdict }) => verdict === 'rejected')).toHaveLength(954);
    expect(rows.filter(({ verdict, message }) => verdict === 'rejected' && message === '')).toHaveLength(0);
  });

  test('a sample is the same each time, and a larger one contains a smaller one', () => {
    const rows = readReference();
    const small = sample(rows, 50);
    expect(sample([...rows].reverse(), 50)).toEqual(small);
    expect(sample(rows, 80).slice(0, 50)).toEqual(small);
    expect(new Set(small.map(({ object }) => object)).size).toBeGreaterThan(20);
  });

  test('a table with other columns is refused', () => {
    expect(() => readReference('object\tverdict\n')).toThrow('unexpected columns');
  });
});

describe('lines are compared as they are, except for', () => {
  test('addresses', () => {
    expect(normaliseLine('0: (18) r1 = 0xffff8881043f9d38')).toBe('0: (18) r1 = ADDRESS');
    expect(normaliseLine('0: (18) r1 = 0xffffc90005994004')).toBe('0: (18) r1 = ADDRESS');
  });

  test('but not bounds, which look alike', () => {
    const bounds = 'R1 invalid variable-offset read from stack R2 var_off=(0xfffffffffffffff0; 0x8) off=-16 size=4';
    expect(normaliseLine(bounds)).toBe(bounds);
    const state = 'R0=scalar(umin=0xffff888000000000,var_off=(0xffff888000000000; 0x7))';
    expect(normaliseLine(state)).toBe(state);
  });

  test('numbers of kernel types', () => {
    expect(normaliseLine("func 'task_newtask' arg0 has btf_id 114 type STRUCT 'task_struct'")).toBe(
      "func 'task_newtask' arg0 has btf_id ID type STRUCT 'task_struct'",
    );
    expect(normaliseLine('1: (85) call bpf_throw#65979')).toBe('1: (85) call bpf_throw#ID');
    expect(normaliseLine('1: (85) call bpf_map_lookup_elem#1')).toBe('1: (85) call bpf_map_lookup_elem#1');
  });

  test('file descriptors', () => {
    expect(normaliseLine('fd 4 is not pointing to valid bpf_map')).toBe(
      normaliseLine('fd 11 is not pointing to valid bpf_map'),
    );
  });

  test('statistics that run into a message', () => {
    expect(normaliseLine('insn 3 cannot call exception cb directlyverification time 61 usec')).toBe(
      'insn 3 cannot call exception cb directly',
    );
  });
});

describe('a program', () => {
  test('agrees when verdict and last line are the same', () => {
    expect(compare(row('accepted'), judged('accepted')).category).toBe('agrees');
    expect(compare(row('rejected', 'R1 !read_ok'), judged('rejected', 'R1 !read_ok')).category).toBe('agrees');
  });

  test('rejected for another reason is a category of its own', () => {
    expect(compare(row('rejected', 'R1 !read_ok'), judged('rejected', 'R2 !read_ok')).category).toBe('other-line');
  });

  test('wrong verdicts are told apart', () => {
    expect(compare(row('accepted'), judged('rejected', 'x')).category).toBe('too-strict');
    expect(compare(row('rejected', 'x'), judged('accepted')).category).toBe('too-lenient');
  });

  test('what is no verdict is never counted as a rejection', () => {
    for (const kind of ['unloaded', 'crash', 'timeout'] as const) {
      const comparison = compare(row('rejected', 'x'), { kind, message: 'x' });
      expect(comparison.category).toBe(kind);
      expect(figures([comparison])).toMatchObject({ rejected: 0, rejectedOf: 1, sameLine: 0 });
    }
  });

  test('instructions and states are compared beside the verdict', () => {
    expect(compare(row('accepted'), judged('accepted', '', 8))).toMatchObject({
      category: 'agrees',
      sameInsns: false,
      sameStates: true,
    });
  });
});

test('the three figures count separately', () => {
  const comparisons = [
    compare(row('accepted'), judged('accepted')),
    compare(row('accepted'), judged('rejected', 'a')),
    compare(row('rejected', 'a'), judged('rejected', 'a')),
    compare(row('rejected', 'a'), judged('rejected', 'b')),
    compare(row('rejected', 'a'), judged('accepted')),
  ];
  expect(figures(comparisons)).toMatchObject({ accepted: 1, acceptedOf: 2, rejected: 2, rejectedOf: 3, sameLine: 1 });
});

test('disagreements gather by what was said, whatever the numbers', () => {
  const comparisons = [
    compare(row('rejected', 'R1 !read_ok'), judged('accepted')),
    compare(row('rejected', 'R9 !read_ok'), judged('accepted')),
    compare(row('rejected', 'math between fp pointer and -1 is not allowed'), judged('accepted')),
  ];
  expect(clusters(comparisons, 'too-lenient').map(({ title, members }) => [title, members.length])).toEqual([
    ['R# !read_ok', 2],
    ['math between fp pointer and # is not allowed', 1],
  ]);
  expect(messageTemplate("map '.data.A' has no valid bpf_spin_lock")).toBe("map '…' has no valid bpf_spin_lock");
});

describe('two logs', () => {
  const kernel = [
    '0: R1=ctx() R10=fp0',
    '0: (18) r2 = 0xffff8881043f9d38      ; R2=map_ptr(map=m,ks=4,vs=8)',
    '2: (95) exit',
  ];

  test('are the same when only addresses and times differ', () => {
    const ours = [
      '0: R1=ctx() R10=fp0',
      '0: (18) r2 = 0xffff888000001000      ; R2=map_ptr(map=m,ks=4,vs=8)',
      '2: (95) exit',
    ];
    expect(firstDivergence([...kernel, 'verification time 3 usec'].join('\n'), ours.join('\n'))).toBeUndefined();
  });

  test('part at the first different line', () => {
    const ours = [kernel[0]!, '0: (18) r2 = 0xffff888000001000      ; R2=map_ptr(map=m,ks=4,vs=4)', kernel[2]!];
    const divergence = firstDivergence(kernel.join('\n'), ours.join('\n'))!;
    expect(divergence.line).toBe(2);
    expect(divergence.before).toEqual(['0: R1=ctx() R10=fp0']);
    expect(divergenceTemplate(divergence)).toBe('state: map_ptr(map=m,ks=#,vs=#)  ours: map_ptr(map=m,ks=#,vs=#)');
  });

  test('are compared up to where a long one was cut', () => {
    const long = [kernel[0]!, '0: (18) r2 = 0x', '...TRUNCATED BY THE DUMP...', 'anything'];
    expect(firstDivergence(long.join('\n'), kernel.join('\n'))).toBeUndefined();
    expect(firstDivergence(long.join('\n'), 'other')).toMatchObject({ line: 1, ours: 'other' });
  });
});
