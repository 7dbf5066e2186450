import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Instructions } from '../../isa/instructions.ts';
import { loadObject } from '../../object/object.ts';
import type { Program } from '../../object/program.ts';
import { bundledKernelBtf } from '../../object/testing/kernel-btf.ts';
import type { ProgramParts } from '../testing/assembled.ts';
import { assembled, mapOf } from '../testing/assembled.ts';
import type { VerifyOptions } from '../verification.ts';
import { verify } from '../verify.ts';
import { diagnose } from './diagnose.ts';
import type { DiagnoseOptions, Diagnosis } from './diagnosis.ts';
import { formatDiagnosis, UNPAINTED } from './format.ts';

function diagnosisOf(program: Program, options: VerifyOptions & DiagnoseOptions = {}): Diagnosis {
  const diagnosis = diagnose(program, verify(program, { profile: 'linux', logLevel: 0, ...options }), options);
  if (diagnosis === undefined) throw new Error('The program was accepted.');
  return diagnosis;
}

const explained = (
  source: string,
  parts: ProgramParts = {},
  options: VerifyOptions & DiagnoseOptions = {},
): Diagnosis => diagnosisOf(assembled(source, parts), options);

/** A value of 2,048 bytes in r0, or null. */
const LOOKUP = `
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd[0]
  call 1
`;
const maps = [mapOf(1, 4, 2048, { name: 'value', kernelName: 'value' })];

describe('an index without a bound', () => {
  const source = `
    r6 = *(u32 *)(r1 + 0)
    if r6 < 20 goto out
    ${LOOKUP}
    if r0 == 0 goto out
    r6 <<= 3
    r0 += r6
    r1 = *(u64 *)(r0 + 0)
  out:
    r0 = 0
    exit
  `;
  const diagnosis = explained(source, { maps, type: 'sched_cls' });

  test('is named with the memory and its size, and figures', () => {
    expect(diagnosis).toMatchObject({
      code: 'memory.unbounded',
      categoryName: 'Memory Safety',
      title: 'This read can go past the end of a value of map value (2,048 bytes).',
      reason:
        'The offset r6 may be anything from 160 to 34,359,738,360. For this 8-byte read it must be at most 2,040.',
      message: 'R0 unbounded memory access, make sure to bounds check any such access',
      at: { insn: 11, text: 'r1 = *(u64 *)(r0 +0)', operand: { start: 14, end: 19 } },
    });
  });

  test('is followed back to where it came from', () => {
    expect(diagnosis.path.map(({ kind, insn, change }) => [kind, insn, change])).toEqual([
      ['load', 0, 'r6 = scalar(smin=0,smax=umax=0xffffffff)'],
      ['branch', 1, 'r6: umin 0 → 20'],
      ['result', 7, 'r0 = map_value_or_null(map=value,ks=4,vs=2048)'],
      ['branch', 8, 'r0: map_value_or_null → map_value'],
      ['arithmetic', 9, 'r6: umin 20 → 160, umax 0xffffffff → 0x7fffffff8'],
      ['arithmetic', 10, 'r0: umin 0 → 160, umax 0 → 0x7fffffff8'],
      ['error', 11, 'must be ≤ 2,040'],
    ]);
    expect(diagnosis.path[1]!.taken).toBe(false);
  });

  test('gets an assertion in the units of the value, which was tried at each place', () => {
    const [suggestion] = diagnosis.suggestions;
    expect(suggestion).toMatchObject({ code: 'bpf_assert_lt(r6, 2041);', tried: { kind: 'accepted' } });
    expect(suggestion!.elsewhere.map(({ insn, code }) => [insn, code])).toEqual([
      [9, 'bpf_assert_lt(r6, 256);'],
      [1, 'bpf_assert_lt(r6, 256);'],
    ]);
  });
});

describe('what is wrong', () => {
  test.each([
    [
      'a null pointer',
      `${LOOKUP} r0 = *(u64 *)(r0 + 0)\n exit`,
      'null.access',
      'This read goes through r0, which may be null.',
      ['if (!pointer) return 0;'],
    ],
    [
      'a register that a call has overwritten',
      'r3 = 1\n call 7\n r0 = r3\n exit',
      'uninitialised.register',
      'r3 is used although nothing was put into it on this path.',
      [],
    ],
    [
      'the stack',
      'r0 = *(u64 *)(r10 - 520)\n exit',
      'memory.stack',
      'This read lies below the 512 bytes of the stack.',
      [],
    ],
    ['dead code', 'r0 = 0\n exit\n r0 = 1\n exit', 'structure.unreachable', 'No path leads to this instruction.', []],
    [
      'a loop that never ends',
      'r0 = 0\nagain:\nr0 ^= 0\nif r0 == 0 goto again\nexit',
      'loop.infinite',
      'This loop comes back to where it was with nothing changed: it would never end.',
      [],
    ],
  ])('%s', (_name, source, code, title, codes) => {
    const diagnosis = explained(source, { maps });
    expect(diagnosis).toMatchObject({ code, title });
    expect(diagnosis.at).toBeDefined();
    expect(diagnosis.suggestions.length).toBeGreaterThan(0);
    expect(diagnosis.suggestions.flatMap((one) => (one.code === undefined ? [] : [one.code]))).toEqual(codes);
  });

  test('a task that is not released, and where it stands', () => {
    const diagnosis = explained(
      'call bpf_get_current_task_btf\n r1 = r0\n call bpf_task_acquire\n if r0 == 0 goto out\n r6 = r0\nout:\n r0 = 0\n exit'.replace(
        'call bpf_get_current_task_btf',
        'call 158',
      ),
      { type: 'syscall', sleepable: true },
    );
    expect(diagnosis).toMatchObject({
      code: 'reference.leak',
      title: 'A struct task_struct from bpf_task_acquire() is still held when the program ends.',
    });
    expect(diagnosis.reason).toContain('A pointer to it is in r6.');
    expect(diagnosis.suggestions[0]!.text).toContain('Call bpf_task_release()');
    expect(diagnosis.path.map(({ kind, insn }) => [kind, insn])).toEqual([
      ['acquired', 2],
      ['branch', 3],
      ['copy', 4],
      ['error', 6],
    ]);
  });

  test('an accepted program has no diagnosis', () => {
    const program = assembled('r0 = 0\n exit');
    expect(diagnose(program, verify(program, { profile: 'linux' }))).toBeUndefined();
  });
});

describe('a way through functions and the stack', () => {
  test('is followed through arguments, results, spills and fills', () => {
    const diagnosis = explained(
      `
      r6 = r1
      r1 = *(u32 *)(r6 + 0)
      call scale
      *(u64 *)(r10 - 8) = r0
      r7 = *(u64 *)(r10 - 8)
      ${LOOKUP.replaceAll('- 4', '- 12').replaceAll('-4', '-12')}
      if r0 == 0 goto out
      r0 += r7
      r0 = *(u8 *)(r0 + 0)
    out:
      r0 = 0
      exit
    scale:
      r0 = r1
      r0 *= 2
      exit
    `,
      { maps, type: 'sched_cls' },
    );
    expect(diagnosis.path.map(({ kind }) => kind)).toEqual([
      'load',
      'argument',
      'copy',
      'arithmetic',
      'return',
      'spill',
      'fill',
      'result',
      'branch',
      'arithmetic',
      'error',
    ]);
    expect(diagnosis.path.map(({ frame }) => frame)).toEqual([0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
  });
});

describe('a long way', () => {
  const source = `
    r6 = *(u32 *)(r1 + 0)
    r7 = 0
  again:
    r6 += 1
    r7 += 1
    if r7 < 20000 goto again
    ${LOOKUP}
    if r0 == 0 goto out
    r0 += r6
    r0 = *(u8 *)(r0 + 0)
  out:
    r0 = 0
    exit
  `;

  test('is told with the turns of a loop taken together', () => {
    const diagnosis = explained(source, { maps, type: 'sched_cls' }, { tryOut: false, budgetMs: 60_000 });
    expect(diagnosis.pathLength).toBeGreaterThan(60_000);
    const adding = diagnosis.path.find(({ insn }) => insn === 2);
    expect(adding).toMatchObject({ kind: 'arithmetic', turns: 20_000 });
    expect(diagnosis.path.length).toBeLessThan(10);
  });

  test('is left out when there is no time, and the rest is there', () => {
    const diagnosis = explained(source, { maps, type: 'sched_cls' }, { budgetMs: -1 });
    expect(diagnosis.code).toMatch(/^memory\./);
    expect(diagnosis.path).toEqual([]);
  });
});

describe('with source', () => {
  const path = fileURLToPath(new URL('../../../examples/rejected.bpf.o', import.meta.url));
  const object = loadObject(readFileSync(path), { name: 'rejected.bpf.o', kernelBtf: bundledKernelBtf() });

  test('the line that makes the example pass is found', () => {
    const diagnosis = diagnosisOf(object.programs[0]!, { profile: 'proposal' });
    expect(formatDiagnosis(diagnosis, UNPAINTED)).toEqual([
      'This read can go past the end of a value of map classes (128 bytes).',
      'The offset r1 may be anything from 0 to 34,359,738,360. For this 8-byte read it must be at most 120.',
      'Memory Safety · memory.unbounded',
      '',
      '--> rejected.bpf.c:64:26 in rejected',
      '   │',
      '64 │ counters->packets[class]++;',
      '   │ ^~~~~~~~~~~~~~~~~~~~~~~~',
      '   = 17: r1 = *(u64 *)(r0 +0)',
      '                       ~~~~~',
      '',
      'How it came to be:',
      '  ○ insn 6   line 59  result of bpf_map_lookup_elem()  r0 = map_value(map=classes,ks=4,vs=128)',
      '  ○ insn 13  line 52  *meta                            r1 = scalar(smin=0,smax=umax=0xffffffff)',
      '  ○ insn 15  line 64  r1 <<= 3                         r1: umax 0xffffffff → 0x7fffffff8',
      '  ○ insn 16  line 64  r0 += r1                         r0: umax 0 → 0x7fffffff8',
      '  ● insn 17  line 64  counters->packets[class]         must be ≤ 120',
      '',
      'What would do:',
      '  If class cannot be 16 or more here, say so before line 64:',
      '      bpf_assert_lt(class, 16);   tried: accepted, 25 insns',
      '      Also before line 62; before line 64 as bpf_assert_lt(r1, 121) (instruction 16).',
    ]);
  });
});

describe('whatever is rejected', () => {
  test('gets a diagnosis, and nothing throws', () => {
    const row = fc.record({
      code: fc.constantFrom(
        0x07,
        0x0f,
        0xb7,
        0xbf,
        0x61,
        0x79,
        0x7b,
        0x63,
        0x15,
        0x2d,
        0xa5,
        0x85,
        0x95,
        0x67,
        0xdb,
        0x18,
      ),
      dst: fc.integer({ min: 0, max: 10 }),
      src: fc.integer({ min: 0, max: 10 }),
      off: fc.integer({ min: -16, max: 16 }),
      imm: fc.constantFrom(0, 1, -1, 8, 160, 6, 7, 14),
    });
    const template = assembled('r0 = 0\n exit', { maps, type: 'sched_cls' });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 12 }), (rows) => {
        const instructions = Instructions.of(...rows, { code: 0xb7 }, { code: 0x95 });
        const program: Program = {
          ...template,
          instructions,
          subprograms: [{ ...template.subprograms[0]!, end: instructions.length }],
        };
        const verification = verify(program, { profile: 'linux', logLevel: 0, maxInsns: 2000 });
        const diagnosis = diagnose(program, verification, { maxInsns: 2000 });
        expect(diagnosis === undefined).toBe(verification.verdict === 'accepted');
        if (diagnosis === undefined) return;
        expect(diagnosis.title).not.toBe('');
        expect(formatDiagnosis(diagnosis, UNPAINTED).length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});
