import { describe, expect, it } from 'vitest';
import type { ResourceView } from '../../../core/protocol/views.ts';
import { holderText, listed, remarkOf, stateText } from './ledger.ts';

function resource(id: number, more: Partial<ResourceView> = {}): ResourceView {
  return {
    id,
    typeName: 'struct bpf_cpumask',
    kind: 'kptr',
    value: '0xffff888000000000',
    state: 'held',
    acquiredBy: 'bpf_cpumask_create',
    acquiredAt: { program: 'main', function: 'inspect', insn: 88 },
    place: 'r6',
    frame: 'inspect',
    unwound: false,
    before: false,
    ...more,
  };
}

const view = {
  before: 0,
  now: 2,
  resources: [resource(3, { state: 'released' }), resource(2, { state: 'releasing' }), resource(1)],
};

describe('the ledger', () => {
  it('lists by number, so that no card moves when something is let go', () => {
    expect(listed(view, 'all').rows.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(listed(view, 'held').rows.map(({ id }) => id)).toEqual([1, 2]);
  });

  it('folds what the program gave back long ago, and never what an unwinding let go', () => {
    const gone = [2, 3, 4, 5].map((id) => resource(id, { state: 'released' }));
    const unwound = [6, 7, 8].map((id) => resource(id, { state: 'released', unwound: true }));
    const { rows, earlier } = listed({ ...view, resources: [...gone, ...unwound, resource(1)] }, 'all');
    expect(rows.map(({ id }) => id)).toEqual([1, 6, 7, 8]);
    expect(earlier.map(({ id }) => id)).toEqual([2, 3, 4, 5]);
    const running = { ...view, resources: [...gone, resource(1)] };
    expect(listed(running, 'all').rows.map(({ id }) => id)).toEqual([1, 4, 5]);
    expect(listed(running, 'all', true).rows.map(({ id }) => id)).toEqual([1]);
  });

  it('counts what is about to be released as held', () => {
    expect(remarkOf(view)).toBe('2 held of 3');
    expect(remarkOf({ ...view, earlier: 2731 })).toBe('2 held of 2,734');
    expect(remarkOf({ ...view, resources: [] })).toBe('');
  });

  it('says who holds it and where', () => {
    expect(holderText(resource(1))).toBe('inspect r6');
    expect(holderText(resource(1, { place: '' }))).toBe('inspect');
    expect(holderText(resource(1, { state: 'stored', place: 'map flows', frame: '' }))).toBe('map flows');
  });

  it('says what let it go, and in which phase when that was an unwinding', () => {
    const released = { state: 'released', releasedBy: 'bpf_cpumask_release' } as const;
    const releasedAt = { run: 0, step: 164, phase: 6 };
    expect(stateText(resource(1, released))).toBe('bpf_cpumask_release');
    expect(stateText(resource(1, { ...released, releasedAt, unwound: true }))).toBe('bpf_cpumask_release · phase 6');
    expect(stateText(resource(1))).toBe('held');
  });
});
