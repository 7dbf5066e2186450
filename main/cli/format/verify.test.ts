import { describe, expect, it } from 'vitest';
import type { Diagnosis } from '../../../core/verifier/diagnosis/diagnosis.ts';
import type { Verification } from '../../../core/verifier/verification.ts';
import { fixtureProgram } from '../testing/fixture.ts';
import { COLOURED, PLAIN } from './style.ts';
import type { Outcome } from './verify.ts';
import { formatAssertions, formatOutcome, profileOfAll, verifyJson, verifySummary } from './verify.ts';

const program = fixtureProgram();

const LOG = `0: R1=ctx() R10=fp0
; void *data = (void *)(long)ctx->data; @ fixture.bpf.c:10
0: (61) r6 = *(u32 *)(r1 +0)          ; R1=ctx() R6_w=pkt(r=0)
1: (bf) r1 = r6                       ; R1_w=pkt(r=0) R6_w=pkt(r=0)
2: (85) call pc+2
5: (25) if r1 > 0x3f goto pc+1
R1 pointer comparison prohibited
verification time 34 usec
stack depth 0+0
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

function verified(changes: Partial<Verification> = {}): Extract<Outcome, { kind: 'verified' }> {
  const verification: Verification = {
    program,
    profile: 'proposal',
    verdict: 'accepted',
    message: '',
    log: '',
    insns: 1234,
    states: 1,
    peakStates: 1,
    stackDepth: [0, 0],
    durationUs: 345.6,
    descriptors: [],
    merges: 0,
    conflicts: [],
    assertions: [],
    seen: new Uint8Array(program.instructions.length),
    probeMem: new Uint8Array(program.instructions.length),
    ...changes,
  };
  return { kind: 'verified', program, verification };
}

const diagnosis: Diagnosis = {
  program: 'main',
  profile: 'proposal',
  code: 'type.comparison',
  category: 'type',
  categoryName: 'Types',
  title: 'Pointers cannot be compared.',
  message: 'R1 pointer comparison prohibited',
  before: [],
  reason: '',
  at: { insn: 5, function: 'check', text: 'if r1 > 0x3f goto pc+1', operand: { start: 3, end: 5 } },
  path: [],
  omitted: 0,
  suggestions: [
    {
      text: 'Compare numbers:',
      code: 'bpf_assert_lt(value, 64);',
      tried: { kind: 'accepted', insns: 12 },
      elsewhere: [],
    },
  ],
  pathLength: 4,
};

const rejected: Outcome = {
  ...verified({ verdict: 'rejected', message: diagnosis.message, log: LOG }),
  diagnosis,
};
const widths = { name: 4, type: 3 };
const show = (outcome: Outcome) => formatOutcome(outcome, widths, PLAIN);

describe('what verify says', () => {
  it('takes one line for what was accepted', () => {
    expect(show(verified())).toEqual(['✓ main  xdp  accepted  proposal · 1,234 insns · 1 state · 0.3 ms']);
  });

  it("shows the kernel's line first, and what it means below", () => {
    expect(show(rejected)).toEqual([
      '✗ main  xdp  rejected  proposal · 1,234 insns · 1 state · 0.3 ms',
      '',
      '  R1 pointer comparison prohibited',
      '  Pointers cannot be compared.',
      '  Types · type.comparison',
      '',
      '  in check',
      '      5: if r1 > 0x3f goto pc+1',
      '            ~~',
      '',
      '  What would do:',
      '    Compare numbers:',
      '        bpf_assert_lt(value, 64);   tried: accepted, 12 insns',
      '',
    ]);
  });

  it('says why a program was not loaded', () => {
    expect(show({ kind: 'unloaded', program, message: 'extern `x` is not found', hint: 'declare it weak' })).toEqual([
      '– main  xdp  unloaded',
      '    extern `x` is not found',
      '    hint: declare it weak',
    ]);
  });

  it('is the same text with colours', () => {
    const plain = show(rejected).join('\n');
    const coloured = formatOutcome(rejected, widths, COLOURED).join('\n');
    expect(coloured).not.toBe(plain);
    // eslint-disable-next-line no-control-regex
    expect(coloured.replace(/\x1b\[[0-9;]*m/g, '')).toBe(plain);
  });

  it('says what each assertion taught it', () => {
    const assertion = { insn: 5, throwInsn: 6, condition: 'r1 > 0x3f', register: 1 };
    const facts = [
      { ...assertion, before: 'scalar()', after: 'scalar(umin=64)' },
      { ...assertion, insn: 6, before: '', after: '' },
    ];
    expect(formatAssertions(program, facts, PLAIN)).toEqual([
      'What assertions proved:',
      '  fixture.bpf.c:4  r1 > 0x3f  scalar() → scalar(umin=64)',
      '  fixture.bpf.c:5  r1 > 0x3f  never reached',
    ]);
    expect(formatAssertions(program, [], PLAIN)).toEqual([]);
  });

  it('counts at the end', () => {
    expect(verifySummary([verified(), rejected], PLAIN)).toBe('2 programs: 1 accepted, 1 rejected');
    expect(verifySummary([], PLAIN)).toBe('0 programs: nothing to verify');
  });
});

describe('the JSON of verify', () => {
  it('has the documented form', () => {
    const descriptors = [
      {
        subprogram: 0,
        insn: 2,
        entries: [
          {
            place: { kind: 'register', register: 6 },
            resource: 'reference',
            typeName: 'struct task_struct',
            release: 'bpf_task_release',
            acquiredAt: [1],
            nullable: false,
          },
        ],
      },
    ] as const;
    const assertions = [
      { insn: 5, throwInsn: 6, condition: 'r1 > 0x3f', register: 1, before: 'scalar()', after: 'scalar(umin=64)' },
    ];
    expect(verifyJson('fixture.bpf.o', [verified({ descriptors, assertions })], undefined, false)).toEqual({
      object: 'fixture.bpf.o',
      profile: 'proposal',
      programs: [
        {
          name: 'main',
          section: 'xdp',
          type: 'xdp',
          profile: 'proposal',
          verdict: 'accepted',
          message: '',
          insns: 1234,
          states: 1,
          duration_us: 346,
          descriptors: [
            {
              subprogram: 'main',
              insn: 2,
              entries: [
                {
                  place: 'r6',
                  resource: 'reference',
                  type: 'struct task_struct',
                  release: 'bpf_task_release',
                  acquired_at: [1],
                  nullable: false,
                },
              ],
            },
          ],
          descriptor_bytes: 16,
          merges: 0,
          conflicts: [],
          assertions: [
            {
              insn: 5,
              throw_insn: 6,
              condition: 'r1 > 0x3f',
              register: 'r1',
              before: 'scalar()',
              after: 'scalar(umin=64)',
            },
          ],
        },
      ],
    });
  });

  it('keeps its form for a program that was not loaded, and has the log when asked', () => {
    const { programs } = verifyJson('f', [{ kind: 'unloaded', program, message: 'no' }], 'linux', true);
    expect(programs[0]).toMatchObject({
      verdict: 'unloaded',
      message: 'no',
      profile: null,
      insns: 0,
      descriptors: [],
      assertions: [],
      log: '',
    });
  });

  it('names the profile of all programs', () => {
    expect(profileOfAll([verified(), verified({ profile: 'linux' })], undefined)).toBe('mixed');
    expect(profileOfAll([verified({ profile: 'linux' })], undefined)).toBe('linux');
    expect(profileOfAll([], 'linux')).toBe('linux');
  });
});
