import { describe, expect, it } from 'vitest';
import type { Held, PlaceView } from './merge.ts';
import { DescriptorTable, MERGE_FAILED, conflictLines } from './merge.ts';
import type { Place } from './descriptor.ts';
import { descriptorBytes } from './descriptor.ts';
import { REGIONS, RINGBUF_DYNPTR, iteratorRelease, objectRelease, referenceRelease } from './releases.ts';

const r6: Place = { kind: 'register', register: 6 };
const fp8: Place = { kind: 'slot', offset: -8 };
const task = referenceRelease('task_struct');
const cgroup = referenceRelease('cgroup');
if (task === undefined || cgroup === undefined) throw new Error('the release table has lost its rows');

function held(place: Place, rule: typeof task, acquiredAt: number, more: Partial<Held> = {}): Held {
  if (rule === undefined) throw new Error('no rule');
  return {
    kind: 'held',
    place,
    ...rule,
    acquiredAt,
    id: acquiredAt,
    owner: 'frame',
    identity: '',
    mayBeNull: false,
    ...more,
  };
}
const nothing: PlaceView[] = [];
const nullAt = (place: Place): PlaceView => ({ kind: 'null', place });

/** Adds the paths in order; the conflict of the last one, or the finished entries as text. */
function merge(...paths: PlaceView[][]): string[] | { conflict: string[] } {
  const table = new DescriptorTable();
  for (const path of paths) {
    const conflict = table.add(1, 40, path);
    if (conflict !== undefined) return { conflict: conflictLines(conflict) };
  }
  return (table.finish()[0]?.entries ?? []).map(
    (entry) => `${entry.place.kind} ${entry.release} @${entry.acquiredAt.join(',')}${entry.nullable ? ' or null' : ''}`,
  );
}
const conflicts = (...paths: PlaceView[][]) => !Array.isArray(merge(...paths));

describe('merging what several paths hold at one instruction', () => {
  it('joins equal entries, and keeps where each was acquired', () => {
    expect(merge([held(r6, task, 9)], [held(r6, task, 4)])).toEqual(['register bpf_task_release @4,9']);
  });

  it('joins an entry with a known null, in both orders', () => {
    expect(merge([held(r6, task, 4)], [nullAt(r6)])).toEqual(['register bpf_task_release @4 or null']);
    expect(merge([nullAt(r6)], [held(r6, task, 4)])).toEqual(['register bpf_task_release @4 or null']);
  });

  it('refuses two different pointer types in one place', () => {
    expect(merge([held(fp8, task, 4)], [held(fp8, cgroup, 7)])).toEqual({
      conflict: [
        'frame_desc: insn 40 (subprogram 1) fp-8: old: struct task_struct released by bpf_task_release, acquired at insn 4',
        'frame_desc: insn 40 (subprogram 1) fp-8: new: struct cgroup released by bpf_cgroup_release, acquired at insn 7',
        MERGE_FAILED,
      ],
    });
  });

  it('refuses an entry against bytes that are no pointer, in both orders', () => {
    expect(conflicts([held(fp8, task, 4)], nothing)).toBe(true);
    expect(conflicts(nothing, [held(fp8, task, 4)])).toBe(true);
  });

  it('does not take a place that was once neither null nor held for null later', () => {
    expect(conflicts(nothing, [nullAt(r6)], [held(r6, task, 4)])).toBe(true);
    expect(conflicts([nullAt(r6)], nothing, [held(r6, task, 4)])).toBe(true);
  });

  it('wants iterators, dynptrs and regions to be there on every path', () => {
    expect(conflicts([held(fp8, iteratorRelease('bpf_iter_num'), 2)], [nullAt(fp8)])).toBe(true);
    expect(
      conflicts(
        [held(fp8, RINGBUF_DYNPTR, 2, { identity: 'ringbuf' })],
        [held(fp8, RINGBUF_DYNPTR, 2, { identity: 'other' })],
      ),
    ).toBe(true);
    expect(conflicts([held({ kind: 'region' }, REGIONS.rcu, 2)], nothing)).toBe(true);
    expect(
      merge(
        [held({ kind: 'region' }, REGIONS.rcu, 2), held({ kind: 'region' }, REGIONS.preempt, 3)],
        [held({ kind: 'region' }, REGIONS.rcu, 5), held({ kind: 'region' }, REGIONS.preempt, 3)],
      ),
    ).toEqual(['region bpf_rcu_read_unlock @2,5', 'region bpf_preempt_enable @3']);
  });

  it('leaves a resource to the outer frame that holds it too', () => {
    const borrowed = held(r6, task, 4, { owner: 'outer' });
    expect(merge([borrowed])).toEqual([]);
    expect(merge([borrowed], nothing)).toEqual([]);
    expect(merge([borrowed], [held(r6, task, 9)])).toEqual(['register bpf_task_release @4,9']);
    expect(conflicts([borrowed], nothing, [held(r6, task, 9)])).toBe(true);
  });

  it('needs one settled place for a resource that stands in several', () => {
    const twice = [held(r6, task, 4), held(fp8, task, 4)];
    expect(merge(twice)).toEqual(['register bpf_task_release @4']);
    // The other path has it on the stack alone, so that is the place for both.
    expect(merge(twice, [held(fp8, task, 4)])).toEqual(['slot bpf_task_release @4']);
    expect(merge([held(fp8, task, 4)], twice)).toEqual(['slot bpf_task_release @4']);
    expect(conflicts(twice, [held(fp8, task, 4)], [held(r6, task, 4)])).toBe(true);
  });

  it('tells two resources of one type apart', () => {
    const both = [held(r6, task, 4), held(fp8, task, 5)];
    expect(merge(both)).toEqual(['register bpf_task_release @4', 'slot bpf_task_release @5']);
    expect(conflicts(both, [held(r6, task, 4)])).toBe(true);
    expect(merge(both, [held(r6, task, 4), nullAt(fp8)])).toEqual([
      'register bpf_task_release @4',
      'slot bpf_task_release @5 or null',
    ]);
  });

  it('keeps the table as it was when a path is refused', () => {
    const table = new DescriptorTable();
    table.add(0, 3, [held(r6, task, 1)]);
    expect(table.add(0, 3, [])).toBeDefined();
    expect(table.finish()[0]?.entries).toHaveLength(1);
  });

  it('costs nothing where a frame holds nothing', () => {
    const table = new DescriptorTable();
    table.add(0, 3, []);
    table.add(0, 9, [held(r6, objectRelease('node', false), 1), held(fp8, task, 2)]);
    expect(table.finish().map(descriptorBytes)).toEqual([0, 24]);
  });
});
