import { describe, expect, it } from 'vitest';
import { formatPlace } from '../../exceptions/descriptor.ts';
import { assembled } from '../testing/assembled.ts';
import { verify } from '../verify.ts';

/** The descriptors of a program under `proposal`, a line each, or why it was rejected. */
function descriptors(source: string): string[] {
  const {
    verdict,
    message,
    descriptors: found,
  } = verify(assembled(source, { type: 'syscall', sleepable: true }), { profile: 'proposal' });
  if (verdict === 'rejected') return [message];
  return found.map(
    ({ insn, entries }) =>
      `${insn}: ${entries.map((entry) => `${formatPlace(entry.place)} ${entry.release} @${entry.acquiredAt.join(',')}`).join('; ')}`,
  );
}

describe('frame descriptors', () => {
  it('count nested sections by frame: a function is called inside a section of its caller, and outside', () => {
    // Found by generated programs: the callee's own section was the first one on one path and the second on the other.
    const source = `
      call inner
      call bpf_preempt_disable
      call inner
      call bpf_preempt_enable
      r0 = 0
      exit
    inner:
      call bpf_preempt_disable
      call 7
      if r0 != 0 goto done
      r1 = 1
      call bpf_throw
    done:
      call bpf_preempt_enable
      r0 = 0
      exit`;
    expect(descriptors(source)).toEqual(['0: ', '2: region bpf_preempt_enable @1', '10: region bpf_preempt_enable @6']);
  });

  it('leave a borrowed copy to the caller that holds the resource', () => {
    const source = `
      call 158
      r1 = r0
      call bpf_task_acquire
      if r0 == 0 goto out
      r7 = r0
      r1 = r7
      call borrow
      r1 = r7
      call bpf_task_release
    out:
      r0 = 0
      exit
    borrow:
      r6 = r1
      call 7
      if r0 != 0 goto done
      r1 = 1
      call bpf_throw
    done:
      r0 = 0
      exit`;
    expect(descriptors(source)).toEqual(['6: r7 bpf_task_release @2', '15: ']);
  });

  it('refuse a place that holds a task on one path and a number on the other', () => {
    const source = `
      r6 = 5
      call 7
      if r0 == 0 goto throw
      call 158
      r1 = r0
      call bpf_task_acquire
      if r0 == 0 goto throw
      r6 = r0
    throw:
      r1 = 1
      call bpf_throw
      r0 = 0
      exit`;
    expect(descriptors(source)).toEqual(['frame_desc: merge: failed to merge old and new frame desc entry']);
  });
});
