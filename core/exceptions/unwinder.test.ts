import { describe, expect, it } from 'vitest';
import type { DescriptorEntry, FrameDescriptor, Place } from './descriptor.ts';
import type { Profile } from './profile.ts';
import { objectRelease, referenceRelease, REGIONS, iteratorRelease } from './releases.ts';
import type { HeldResource, UnwindFrame, UnwindPort, UnwindStep } from './unwinder.ts';
import { isDefect, unwindStrategy } from './unwinder.ts';

const r6: Place = { kind: 'register', register: 6 };
const r7: Place = { kind: 'register', register: 7 };
const fp8: Place = { kind: 'slot', offset: -8 };
const task = referenceRelease('task_struct');
if (task === undefined) throw new Error('the release table has lost its rows');

function entry(place: Place, rule: typeof task): DescriptorEntry {
  if (rule === undefined) throw new Error('no rule');
  return { place, ...rule, acquiredAt: [1], nullable: false };
}
function resource(id: number, rule: typeof task, value: bigint, before = false): HeldResource {
  if (rule === undefined) throw new Error('no rule');
  return { id, type: rule.resource, typeName: rule.typeName, value, at: { insn: 1, step: 1 }, before };
}

const inner: UnwindFrame = { frame: 1, subprogram: 1, name: 'parse', insn: 30 };
const main: UnwindFrame = { frame: 0, subprogram: 0, name: 'main', insn: 5 };

function port(held: HeldResource[], values: Record<string, bigint>): UnwindPort {
  return {
    frames: () => [inner, main],
    held: () => held,
    readPlace: (frame, place) => {
      const key =
        place.kind === 'register'
          ? `${frame} r${place.register}`
          : place.kind === 'slot'
            ? `${frame} fp${place.offset}`
            : 'region';
      const found =
        place.kind === 'register'
          ? frame === 1
            ? { kind: 'live-register' as const }
            : { kind: 'saved-register' as const, frame: 1, offset: -16 }
          : { kind: place.kind };
      return { value: values[key] ?? 0n, found };
    },
  };
}

function unwind(
  held: HeldResource[],
  values: Record<string, bigint>,
  descriptors: FrameDescriptor[],
  profile: Profile = 'proposal',
  callback?: number,
): string[] {
  const result = unwindStrategy({ profile, descriptors, callback }).plan(port(held, values), 77n);
  return isDefect(result) ? [result.code, result.message] : result.steps.map(describeStep);
}
function describeStep(step: UnwindStep): string {
  switch (step.kind) {
    case 'throw':
      return `throw ${step.cookie}`;
    case 'enter-frame':
      return `enter ${step.frame.name}`;
    case 'leave-frame':
      return `leave ${step.frame.name}`;
    case 'release':
      return `${step.entry.release}(#${step.resource.id}) from ${step.place}, ${step.found.kind}`;
    case 'skip':
      return `skip ${step.place}: ${step.reason}`;
    case 'callback':
      return `callback ${step.subprogram}(${step.cookie})`;
    case 'default-callback':
      return `returns ${step.value}`;
  }
}

describe('unwinding', () => {
  it('walks from the innermost frame to the main one, newest resource first within a frame', () => {
    const descriptors: FrameDescriptor[] = [
      { subprogram: 1, insn: 30, entries: [entry(r6, task), entry(r7, objectRelease('node', false))] },
      { subprogram: 0, insn: 5, entries: [entry(r6, task), entry({ kind: 'region' }, REGIONS.rcu)] },
    ];
    const held = [
      resource(1, REGIONS.rcu, 0n),
      resource(2, task, 0x100n),
      resource(3, task, 0x200n),
      resource(4, objectRelease('node', false), 0x300n),
    ];
    expect(unwind(held, { '1 r6': 0x200n, '1 r7': 0x300n, '0 r6': 0x100n }, descriptors, 'proposal', 2)).toEqual([
      'throw 77',
      'enter parse',
      'bpf_obj_drop(#4) from r7, live-register',
      'bpf_task_release(#3) from r6, live-register',
      'leave parse',
      'enter main',
      'bpf_task_release(#2) from r6, saved-register',
      'bpf_rcu_read_unlock(#1) from region, region',
      'leave main',
      'callback 2(77)',
    ]);
  });

  it('releases once what two frames name, and skips a null', () => {
    const descriptors: FrameDescriptor[] = [
      { subprogram: 1, insn: 30, entries: [entry(r6, task), entry(r7, task)] },
      { subprogram: 0, insn: 5, entries: [entry(r6, task)] },
    ];
    expect(unwind([resource(1, task, 0x100n)], { '1 r6': 0x100n, '0 r6': 0x100n }, descriptors)).toEqual([
      'throw 77',
      'enter parse',
      'skip r7: empty',
      'bpf_task_release(#1) from r6, live-register',
      'leave parse',
      'enter main',
      'skip r6: already-released',
      'leave main',
      'returns 0',
    ]);
  });

  it('tells two references to one object apart by count', () => {
    const descriptors: FrameDescriptor[] = [{ subprogram: 1, insn: 30, entries: [entry(r6, task), entry(r7, task)] }];
    const steps = unwind(
      [resource(1, task, 0x100n), resource(2, task, 0x100n)],
      { '1 r6': 0x100n, '1 r7': 0x100n },
      descriptors,
    );
    expect(steps.filter((step) => step.startsWith('bpf_task_release'))).toHaveLength(2);
  });

  it('names an iterator by its slot, and skips one whose constructor failed', () => {
    const descriptors: FrameDescriptor[] = [
      { subprogram: 1, insn: 30, entries: [entry(fp8, iteratorRelease('bpf_iter_num'))] },
    ];
    expect(unwind([resource(1, iteratorRelease('bpf_iter_num'), 0xf8n)], { '1 fp-8': 0xf8n }, descriptors)[2]).toBe(
      'bpf_iter_num_destroy(#1) from fp-8, slot',
    );
    expect(unwind([], { '1 fp-8': 0xf8n }, descriptors)[2]).toBe('skip fp-8: empty');
  });

  it('under linux returns the cookie and releases nothing', () => {
    expect(unwind([], {}, [{ subprogram: 1, insn: 30, entries: [entry(r6, task)] }], 'linux')).toEqual([
      'throw 77',
      'enter parse',
      'leave parse',
      'enter main',
      'leave main',
      'returns 77',
    ]);
  });

  it('is never silent about a resource that no descriptor names, or one that is not there', () => {
    expect(unwind([resource(1, task, 0x100n)], {}, [])).toEqual([
      'UNWIND_LEFT_BEHIND',
      'after unwinding 2 frame(s) the program still holds struct task_struct #1',
    ]);
    expect(unwind([], { '1 r6': 0x100n }, [{ subprogram: 1, insn: 30, entries: [entry(r6, task)] }])).toEqual([
      'UNWIND_NOT_HELD',
      'the descriptor of insn 30 names struct task_struct in r6 of parse, but 0x100 is not held',
    ]);
    expect(unwind([resource(1, task, 0x100n, true)], {}, [])[0]).toBe('throw 77');
  });
});
