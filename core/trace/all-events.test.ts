/** All events of a timeline are those that a recording without limits keeps, however few this one keeps. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { allEvents, eventPieces } from './all-events.ts';
import type { CollectorLimits } from './collect.ts';
import type { EventKind } from './events.ts';
import { EVENT_KINDS } from './events.ts';
import type { Recording, RecordingSource } from './recording.ts';
import { Replay } from './replay.ts';
import { stateHash } from './state-hash.ts';
import { attachedSource, fileSource, loopSource, recordingOf, timersSource } from './testing/recordings.ts';
import type { Position } from './timeline.ts';
import { comparePositions } from './timeline.ts';

const kernelBtf = bundledKernelBtf();
const UNLIMITED: CollectorLimits = { flow: Infinity, calls: Infinity, rest: Infinity };
const NONE: CollectorLimits = { flow: 0, calls: 0, rest: 0 };

/** Throws; timers and work queues that run by themselves; attached programs that throw; a run of many stretches. */
const SOURCES: readonly RecordingSource[] = [
  fileSource('cleanup', ['four_frames', 'callee_saved', 'four_frames']),
  timersSource(12),
  attachedSource([
    ['throwing_replacement', 'global_part'],
    ['on_entry', 'static_part'],
    ['throwing_exit', 'target'],
  ]),
  loopSource(60),
];
const WHOLE: readonly Recording[] = SOURCES.map((source) => recordingOf(source, { limits: UNLIMITED }));

const limits = fc.record({
  flow: fc.oneof(fc.nat(60), fc.constant(100_000)),
  calls: fc.oneof(fc.nat(20), fc.constant(100_000)),
  rest: fc.oneof(fc.nat(40), fc.constant(100_000)),
});

describe('all events', () => {
  it('are those of a recording that keeps all, between any two moments and of any kinds', () => {
    const some = fc.option(fc.subarray<EventKind>([...EVENT_KINDS], { minLength: 1 }), { nil: undefined });
    const any = fc.nat(9_999);
    fc.assert(
      fc.property(fc.nat(SOURCES.length - 1), limits, some, any, any, any, (which, kept, kinds, a, b, c) => {
        const whole = WHOLE[which]!;
        const replay = new Replay(recordingOf(SOURCES[which]!, { limits: kept }), { kernelBtf });
        const [here, ...ends] = [a, b, c].map((n) => momentIn(whole, n));
        const [from, to] = ends.sort(comparePositions) as [Position, Position];
        replay.seek(here!);
        const before = [replay.position, stateHash(replay.machine.checkpoint())];
        const query = { from, to, ...(kinds === undefined ? {} : { kinds }) };
        const expected = [...whole.events.events(query)];
        expect([...allEvents(replay, query)]).toEqual(expected);
        expect([...allEvents(replay, { ...query, limit: 7 })]).toEqual(expected.slice(0, 7));
        expect([replay.position, stateHash(replay.machine.checkpoint())]).toEqual(before);
        expect([replay.machine.observer, replay.machine.kernel.observer]).toEqual([{}, {}]);
      }),
      { numRuns: 30 },
    );
  });

  it('need nothing to be run where nothing was omitted, and where what was omitted is not asked for', () => {
    const whole = new Replay(WHOLE[0]!, { kernelBtf });
    const nothing = new Replay(recordingOf(SOURCES[0]!, { limits: NONE }), { kernelBtf });
    const glances = [whole, nothing].map((replay) => vi.spyOn(replay, 'glance'));
    expect([...allEvents(whole)]).toEqual([...WHOLE[0]!.events.events()]);
    expect([...allEvents(nothing, { kinds: ['throw', 'exit'] })]).toHaveLength(6);
    for (const glance of glances) expect(glance).not.toHaveBeenCalled();
    expect([...allEvents(nothing, { kinds: ['throw', 'call'] })].length).toBeGreaterThan(6);
    expect(glances[1]).toHaveBeenCalledOnce();
    expect(glances[0]).not.toHaveBeenCalled();
  });

  it('come one after the other, however many runs there are, and the first ones at once', () => {
    const source = timersSource(200);
    const replay = new Replay(recordingOf(source, { limits: { flow: 30, calls: 20, rest: 10 } }), { kernelBtf });
    const glance = vi.spyOn(replay, 'glance');
    const all = [...recordingOf(source, { limits: UNLIMITED }).events.events()];
    expect([...allEvents(replay, { limit: 5 })]).toEqual(all.slice(0, 5));
    expect(glance).not.toHaveBeenCalled();
    expect([...allEvents(replay, { limit: 100 })]).toEqual(all.slice(0, 100));
    expect(glance.mock.calls.length).toBeLessThan(4);
    glance.mockClear();
    expect([...allEvents(replay)]).toEqual(all);
    expect(glance.mock.calls.length).toBeLessThan(replay.runs.length / 5);
  });

  it('of a recording that was cut off end where it ends', () => {
    const source = { ...loopSource(60), maxSteps: 100_000 };
    const cut = recordingOf(source, { limits: { ...NONE, flow: 10 } });
    expect(cut.complete).toBe(false);
    const all = [...recordingOf(source, { limits: UNLIMITED }).events.events()];
    expect([...allEvents(new Replay(cut, { kernelBtf }))]).toEqual(all);
  });

  it('tell how far they are, and can be given up', () => {
    const replay = new Replay(recordingOf(loopSource(200), { limits: NONE }), { kernelBtf });
    replay.seek({ run: 0, step: 77, phase: 0 });
    const seen: [number, number | undefined][] = [];
    const all = [...allEvents(replay, { onProgress: (done, total) => seen.push([done, total]) })];
    const { lastStep } = replay.recording.runs[0]!;
    expect(seen.length).toBeGreaterThan(3);
    expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).sort((a, b) => a - b));
    expect(seen.at(-1)).toEqual([lastStep, lastStep]);
    let asked = 0;
    const part: number[] = [];
    expect(() => {
      for (const piece of eventPieces(replay, { isCancelled: () => ++asked > 9 })) part.push(piece.length);
    }).toThrow(expect.objectContaining({ code: 'CANCELLED' }) as Error);
    expect(part.reduce((sum, count) => sum + count, 0)).toBeLessThan(all.length);
    expect(replay.position).toEqual({ run: 0, step: 77, phase: 0 });
    expect(replay.machine.observer).toEqual({});
  });
});

/** Some moment of a recording: of an event, where a run begins, in the middle of one, or behind all. */
function momentIn({ runs, events }: Recording, n: number): Position {
  const index = n % (runs.length + 1);
  const run = runs[index];
  if (run === undefined) return { run: index, step: 0, phase: 0 };
  if (n % 3 === 0) return { run: index, step: run.firstStep, phase: 0 };
  if (n % 3 === 1) return { run: index, step: Math.floor((run.firstStep + run.lastStep) / 2), phase: 0 };
  const all = [...events.events({ limit: n % 700 })];
  return { ...(all.at(-1)?.position ?? { run: 0, step: 0 }), phase: 0 };
}
