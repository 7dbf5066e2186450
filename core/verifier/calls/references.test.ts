import { describe, expect, it } from 'vitest';
import { BPF_MAP_TYPE_PROG_ARRAY, BPF_MAP_TYPE_RINGBUF } from '../../kernel/tables/map-types.ts';
import { check, done, map, outcome } from './testing/programs.ts';

const maps = [
  map('ring', BPF_MAP_TYPE_RINGBUF, { keySize: 0, valueSize: 0, maxEntries: 4096 }),
  map('jumps', BPF_MAP_TYPE_PROG_ARRAY, { valueSize: 4, index: 1 }),
];

/** R6 := a record, R7 the context. */
const reserve = `
  r7 = r1
  r1 = map[ring]
  r2 = 8
  r3 = 0
  call bpf_ringbuf_reserve
  if r0 == 0 goto out
  r6 = r0
`;
const submit = `
  r1 = r6
  r2 = 0
  call bpf_ringbuf_submit
`;
const out = `out: ${done}`;

describe('references', () => {
  it('have to be released', () => {
    expect(outcome(`${reserve} ${submit} ${out}`, { maps })).toBe('accepted');
    expect(outcome(`${reserve} ${out}`, { maps })).toBe(
      'BPF_EXIT instruction in main prog would lead to reference leak',
    );
  });

  it('are announced when they leak, with the place where they were got', () => {
    const { log } = check(`${reserve} ${out}`, { maps });
    expect(log).toMatch(/^Unreleased reference id=\d+ alloc_insn=5$/m);
  });

  it('are gone once released', () => {
    expect(outcome(`${reserve} ${submit} ${submit} ${out}`, { maps })).toBe('R1 type=scalar expected=ringbuf_mem');
    expect(outcome(`${reserve} ${submit} *(u64 *)(r6 +0) = 1\n ${out}`, { maps })).toBe(
      "R6 invalid mem access 'scalar'",
    );
  });

  it('are released by the pointer that was got', () => {
    const source = `${reserve}
      r6 += 4
      ${submit} ${out}`;
    expect(outcome(source, { maps })).toBe(
      'R1 must have zero offset when passed to release func or trusted arg to kfunc',
    );
  });

  it('are not left behind by a tail call', () => {
    const source = `${reserve}
      r1 = r7
      r2 = map[jumps]
      r3 = 0
      call bpf_tail_call
      ${submit} ${out}`;
    expect(outcome(source, { maps })).toBe('tail_call would lead to reference leak');
  });

  it('of kernel functions go to the function that takes them', () => {
    const source = (rest: string): string => `
      r1 = 1
      call bpf_task_from_pid
      ${rest} ${done}`;
    expect(
      outcome(source('if r0 == 0 goto +2\n r1 = r0\n call bpf_task_release\n'), { type: 'syscall', sleepable: true }),
    ).toBe('accepted');
    expect(outcome(source('r1 = r0\n call bpf_task_release\n'), { type: 'syscall', sleepable: true })).toBe(
      'Possibly NULL pointer passed to trusted arg0',
    );
    expect(outcome(source(''), { type: 'syscall', sleepable: true })).toMatch(/reference leak/);
    expect(outcome(`r1 = 0\n call bpf_task_release ${done}`, { type: 'syscall', sleepable: true })).toBe(
      'Possibly NULL pointer passed to trusted arg0',
    );
  });
});

describe('kernel functions', () => {
  it('are for some program types only', () => {
    expect(outcome(`call bpf_xdp_pull_data ${done}`)).toBe('calling kernel function bpf_xdp_pull_data is not allowed');
  });

  it('sleep only where the program may', () => {
    const source = `
      r1 = r10
      r1 += -8
      r2 = 8
      r3 = 0
      r4 = 0
      call bpf_copy_from_user_str ${done}`;
    expect(outcome(source, { type: 'kprobe' })).toBe(
      'program must be sleepable to call sleepable kfunc bpf_copy_from_user_str',
    );
    expect(outcome(source, { type: 'syscall', sleepable: true })).toBe('accepted');
  });
});
