/**
 * What a throw has to clean up: the 17 situations of docs/exceptions.md ("Known answers"), under profile `proposal`. Sources:
 * cleanup.bpf.c (accepted, run) and reject.bpf.c (rejected).
 */
import { describe, expect, it } from 'vitest';
import { MERGE_FAILED } from '../../core/exceptions/merge.ts';
import { verify } from '../../core/verifier/verify.ts';
import { cookies, load, programOf, releases, run } from './testing/objects.ts';

const cleanup = load('cleanup');
const reject = load('reject');

interface Case {
  readonly name: string;
  readonly cookie: bigint;
  readonly released: readonly string[];
  /** The global that says which way the program goes. */
  readonly which?: number;
}

const cases: readonly Case[] = [
  {
    name: 'one_iterator',
    cookie: 1n,
    released: ['one_iterator: struct bpf_iter_num from fp-8 by bpf_iter_num_destroy'],
  },
  {
    name: 'three_iterators',
    cookie: 2n,
    released: [
      'three_iterators: struct bpf_iter_num from fp-24 by bpf_iter_num_destroy',
      'three_iterators: struct bpf_iter_num from fp-16 by bpf_iter_num_destroy',
      'three_iterators: struct bpf_iter_num from fp-8 by bpf_iter_num_destroy',
    ],
  },
  {
    name: 'dynptr_and_iterator',
    cookie: 3n,
    released: [
      'iterate_and_throw: struct bpf_iter_num from fp-8 by bpf_iter_num_destroy',
      'dynptr_and_iterator: ringbuf dynptr from fp-16 by bpf_ringbuf_discard_dynptr',
    ],
  },
  { name: 'allocated_object', cookie: 4n, released: ['allocated_object: struct node from r6 by bpf_obj_drop'] },
  {
    name: 'percpu_object',
    cookie: 5n,
    released: ['percpu_object: struct small __percpu from r6 by bpf_percpu_obj_drop'],
  },
  { name: 'ringbuf_record', cookie: 6n, released: ['ringbuf_record: ringbuf record from r6 by bpf_ringbuf_discard'] },
  {
    name: 'only_in_register',
    cookie: 7n,
    released: ['only_in_register: struct task_struct from r6 by bpf_task_release'],
  },
  { name: 'object_then_null', which: 0, cookie: 8n, released: [] },
  {
    name: 'object_then_null',
    which: 1,
    cookie: 8n,
    released: ['object_then_null: struct task_struct from r8 by bpf_task_release'],
  },
  { name: 'null_then_object', which: 0, cookie: 9n, released: [] },
  {
    name: 'null_then_object',
    which: 1,
    cookie: 9n,
    released: ['null_then_object: struct task_struct from r8 by bpf_task_release'],
  },
  {
    name: 'callee_saved',
    cookie: 10n,
    released: [
      'callee_saved: struct bpf_cpumask from r9 saved by frame 1 by bpf_cpumask_release',
      'callee_saved: struct bpf_cpumask from r8 saved by frame 1 by bpf_cpumask_release',
      'callee_saved: struct task_struct from r7 saved by frame 1 by bpf_task_release',
      'callee_saved: struct task_struct from r6 saved by frame 1 by bpf_task_release',
    ],
  },
  {
    name: 'four_frames',
    cookie: 11n,
    released: [
      'throwing_global: struct task_struct from r7 by bpf_task_release',
      'middle_global: struct bpf_cpumask from r6 saved by frame 3 by bpf_cpumask_release',
      'static_frame: ringbuf record from r6 saved by frame 2 by bpf_ringbuf_discard',
      'four_frames: struct node from r7 saved by frame 1 by bpf_obj_drop',
    ],
  },
  { name: 'fifty_objects', cookie: 12n, released: ['fifty_objects: struct node from r6 by bpf_obj_drop'] },
];

describe('a throw lets go of', () => {
  it.each(cases)('$name, which = $which', ({ name, cookie, released, which }) => {
    const result = run(cleanup, name, which === undefined ? {} : { globals: { which } });
    expect(result.fault).toBeUndefined();
    expect(result.retval).toBe(0);
    expect(cookies(result)).toEqual([cookie]);
    expect(releases(result)).toEqual(released);
    expect(result.ledger).toEqual({ before: [], after: [] });
  });

  it('nothing where it is dead code: no descriptor is made, and the program runs to its end', () => {
    const program = programOf(cleanup, 'throw_in_dead_code');
    const { descriptors, seen } = verify(program, { profile: 'proposal' });
    expect(descriptors).toEqual([]);
    expect([...seen]).toContain(0);
    const result = run(cleanup, 'throw_in_dead_code');
    expect(result).toMatchObject({ retval: 3, throws: [] });
    expect(result.ledger.after).toEqual([]);
  });

  it('covers every program of cleanup.bpf.c', () => {
    const tested = new Set([...cases.map(({ name }) => name), 'throw_in_dead_code']);
    expect(cleanup.programs.map(({ name }) => name).filter((name) => !tested.has(name))).toEqual([]);
  });
});

describe('a throw is refused', () => {
  const conflicts = [
    ['two_pointer_types', 'struct task_struct', 'struct bpf_cpumask'],
    ['bytes_against_pointer', 'struct task_struct', 'nothing that can be released'],
    ['unwritten_against_pointer', 'struct task_struct', 'nothing that can be released'],
  ] as const;

  it.each(conflicts)('%s: %s meets %s', (name, old, fresh) => {
    const program = programOf(reject, name);
    const { verdict, message, log, conflicts: found } = verify(program, { profile: 'proposal', logLevel: 1 });
    expect(verdict).toBe('rejected');
    expect(message).toBe(MERGE_FAILED);
    expect(found).toHaveLength(1);
    const { insn, place } = found[0]!;
    expect(place).toEqual({ kind: 'slot', offset: -8 });
    expect(log).toContain(`frame_desc: insn ${insn} (subprogram 0) fp-8: old: ${old}`);
    expect(log).toContain(`frame_desc: insn ${insn} (subprogram 0) fp-8: new: ${fresh}`);
  });

  it('overwritten_with_zero: nothing names the task any more', () => {
    const { verdict, message } = verify(programOf(reject, 'overwritten_with_zero'), { profile: 'proposal' });
    expect(verdict).toBe('rejected');
    expect(message).toMatch(/^Unreleased reference id=\d+ alloc_insn=2$/);
  });

  it('lost_flags: the frame in which interrupts were saved has returned', () => {
    const { verdict, message } = verify(programOf(reject, 'lost_flags'), { profile: 'proposal' });
    expect(verdict).toBe('rejected');
    expect(message).toMatch(/^Unreleased reference id=\d+ alloc_insn=\d+$/);
  });

  it('under `linux` whatever is held, since that profile has no descriptors', () => {
    const verdicts = cleanup.programs
      .filter(({ name }) => name !== 'throw_in_dead_code')
      .map((program) => [program.name, verify(program, { profile: 'linux', logLevel: 0 }).message] as const);
    for (const [name, message] of verdicts)
      expect([name, message]).toEqual([name, 'bpf_throw would lead to reference leak']);
  });
});
