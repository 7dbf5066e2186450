import { describe, expect, it } from 'vitest';
import type { UnwindEntryView, UnwindFrameView, UnwindView } from '../../../core/protocol/views.ts';
import { cardsOf, openCards, phasePosition, progressOf } from './rail.ts';

function entry(place: string, phase: number, state: UnwindEntryView['state'] = 'held'): UnwindEntryView {
  return {
    place,
    typeName: 'struct task_struct',
    resource: phase,
    release: 'bpf_task_release',
    found: 'live register at the throw',
    phase,
    state,
  };
}

function frame(name: string, enter: number, entries: readonly UnwindEntryView[]): UnwindFrameView {
  return {
    function: name,
    linkage: 'static',
    insn: 0,
    note: 'throws here',
    entries,
    enter,
    leave: enter + entries.length + 1,
    state: 'waiting',
  };
}

/** 1 throw, 2-4 inner with one entry, 5-8 outer with two, 9 callback. */
function view(phase: number, more: Partial<UnwindView> = {}): UnwindView {
  return {
    cookie: '3',
    program: 'main',
    thrown: { position: { run: 1, step: 164, phase: 0 }, function: 'inner', insn: 78 },
    why: '',
    phase,
    phases: 9,
    frames: [frame('inner', 2, [entry('r7', 3)]), frame('outer', 5, [entry('r6', 6), entry('fp-8', 7)])],
    callback: { kind: 'default', name: '', state: 'waiting' },
    ...more,
  };
}

const states = (phase: number, more: Partial<UnwindView> = {}): string =>
  cardsOf(view(phase, more))
    .map((card) => card.state)
    .join(' ');

describe('cards of an unwinding', () => {
  it('has exactly one present card at each phase', () => {
    expect(states(0)).toBe('now waiting waiting waiting waiting');
    expect(states(1)).toBe('done now waiting waiting waiting');
    expect(states(3)).toBe('done now waiting waiting waiting');
    expect(states(4)).toBe('done done now waiting waiting');
    expect(states(7)).toBe('done done now waiting waiting');
    expect(states(8)).toBe('done done done now waiting');
    expect(states(9, { returned: { value: 0, state: 'now' } })).toBe('done done done done now');
  });

  it('keeps the callback present while it runs', () => {
    const callback = { kind: 'program', name: 'on_throw', state: 'now' } as const;
    expect(states(9, { callback })).toBe('done done done now waiting');
    expect(states(9, { callback: { ...callback, state: 'gone' }, returned: { value: 2, state: 'now' } })).toBe(
      'done done done done now',
    );
  });

  it('lets an entry go when its phase is done, and says so one phase before', () => {
    const state = (phase: number): string | undefined => {
      const card = cardsOf(view(phase)).find((each) => each.key === 'frame-1');
      return card?.kind === 'frame' ? card.entries.map((each) => each.state).join(' ') : undefined;
    };
    expect(state(4)).toBe('held held');
    expect(state(5)).toBe('releasing held');
    expect(state(6)).toBe('released releasing');
    expect(state(7)).toBe('released released');
  });

  it('goes where an entry is let go next, and never past the last phase', () => {
    const inner = cardsOf(view(0)).find((card) => card.key === 'frame-2');
    expect(inner?.kind === 'frame' ? inner.entries[0]?.phase : undefined).toBe(2);
    expect(phasePosition(view(0), 2)).toEqual({ run: 1, step: 164, phase: 2 });
    expect(phasePosition(view(0), 10).phase).toBe(9);
    expect(phasePosition(view(0), -1).phase).toBe(0);
  });

  it('does not count what is skipped', () => {
    const frames = [frame('only', 2, [entry('r6', 3, 'skipped'), entry('r7', 4)])];
    expect(progressOf(view(4, { frames }))).toEqual({ released: 1, total: 1 });
  });
});

describe('folding', () => {
  it('opens all frames when there is room', () => {
    expect([...openCards(cardsOf(view(2)), 800, new Map())]).toEqual(['frame-2', 'frame-1']);
  });

  it('opens the present frame when there is not, and what fits of the next', () => {
    expect([...openCards(cardsOf(view(2)), 200, new Map())]).toEqual(['frame-2']);
    expect([...openCards(cardsOf(view(5)), 200, new Map())]).toEqual(['frame-1']);
    // Five heads of 45 pixels, less a gap; 48 pixels more for one entry, 88 for two.
    expect([...openCards(cardsOf(view(0)), 217 + 48, new Map())]).toEqual(['frame-2']);
    expect([...openCards(cardsOf(view(0)), 217 + 48 + 88, new Map())]).toEqual(['frame-2', 'frame-1']);
    expect([...openCards(cardsOf(view(8)), 217 + 88, new Map())]).toEqual(['frame-1']);
  });

  it('leaves alone what was folded or opened by hand', () => {
    const byHand = new Map([
      ['frame-2', false],
      ['frame-1', true],
    ]);
    expect([...openCards(cardsOf(view(2)), 200, byHand)]).toEqual(['frame-1']);
  });
});
