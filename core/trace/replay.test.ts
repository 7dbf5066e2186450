/** A replay is the run that was recorded, wherever one goes in it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { randomInstructions } from '../machine/testing/random-programs.ts';
import { programOf } from '../machine/testing/programs.ts';
import type { Program } from '../object/program.ts';
import { hearPart } from './part.ts';
import { Replay } from './replay.ts';
import { stateHash } from './state-hash.ts';
import { fileSource, loopSource, recordingOf } from './testing/recordings.ts';
import { programTimeline } from './testing/timelines.ts';
import type { Position, Timeline } from './timeline.ts';

const kernelBtf = bundledKernelBtf();
const everything = {
  phases: true,
  stops: (program: Program) => new Uint8Array(program.instructions.length).fill(1),
  begin: () => 'step' as const,
  test: () => 'hit' as const,
};

/** Every position of a timeline with a hash of the state there, from the first to the last. */
function history(timeline: Timeline): { position: Position; hash: string }[] {
  const moments = [{ position: timeline.position, hash: stateHash(timeline.machine.checkpoint()) }];
  for (;;) {
    const found = timeline.searchForward(everything);
    const last = moments.at(-1)!.position;
    const { position } = timeline;
    if (JSON.stringify(position) === JSON.stringify(last)) {
      if (found === 'end') return moments;
      continue;
    }
    moments.push({ position, hash: stateHash(timeline.machine.checkpoint()) });
  }
}

describe('a replay of three programs that throw', () => {
  const recording = recordingOf(fileSource('cleanup', ['four_frames', 'callee_saved', 'four_frames']));

  it('knows all runs and their ends without running them', () => {
    const replay = new Replay(recording, { kernelBtf });
    expect(replay.runs.map(({ program, end }) => [program.name, end?.kind])).toEqual([
      ['four_frames', 'exit'],
      ['callee_saved', 'exit'],
      ['four_frames', 'exit'],
    ]);
    expect(recording.complete).toBe(true);
    expect(recording.runs.every(({ throws }) => throws === 1)).toBe(true);
  });

  it('has the same state at each position, from wherever one comes', () => {
    const moments = history(new Replay(recording, { kernelBtf }));
    expect(moments.some(({ position }) => position.phase > 0)).toBe(true);
    expect(moments.at(-1)!.position.run).toBe(2);
    const replay = new Replay(recording, { kernelBtf });
    for (let i = 0; i < moments.length; i += 1) {
      const moment = moments[(i * 37) % moments.length]!;
      expect(replay.seek(moment.position)).toEqual(moment.position);
      expect(stateHash(replay.machine.checkpoint())).toBe(moment.hash);
    }
  });

  it('goes as many steps back as it went forward', () => {
    const replay = new Replay(recording, { kernelBtf });
    const moments = history(replay);
    for (let i = moments.length - 2; i >= 0; i--) {
      expect(replay.searchBackward(everything)).toBe('hit');
      expect(replay.position).toEqual(moments[i]!.position);
      expect(stateHash(replay.machine.checkpoint())).toBe(moments[i]!.hash);
    }
  });

  it('can go into any run first', () => {
    const replay = new Replay(recording, { kernelBtf });
    expect(replay.seek({ run: 2, step: 5, phase: 0 })).toEqual({ run: 2, step: 5, phase: 0 });
    expect(replay.seek({ run: 9, step: 0, phase: 0 })).toEqual(replay.last);
    expect(replay.seek({ run: -1, step: 0, phase: 0 })).toEqual(replay.first);
  });

  it('is refused at the step where it is another run', () => {
    const hashes = recording.hashes.map((hash) => (hash.run === 1 ? { ...hash, hash: 'f'.repeat(24) } : hash));
    const replay = new Replay({ ...recording, hashes }, { kernelBtf });
    expect(() => replay.seek({ run: 1, step: 3, phase: 0 })).toThrow(
      expect.objectContaining({ code: 'TRACE_DIVERGED', message: expect.stringContaining('run 1, step 0') as string }),
    );
    const runs = recording.runs.map((run) => ({ ...run, lastStep: run.lastStep + 1 }));
    const longer = new Replay({ ...recording, runs }, { kernelBtf });
    expect(() => longer.prepare()).toThrow(expect.objectContaining({ code: 'TRACE_DIVERGED' }));
  });
});

describe('a replay of a long run', () => {
  const recording = recordingOf(loopSource(100), { spacing: 50_000 });
  const { lastStep } = recording.runs[0]!;

  it('keeps to its budget, and never loses the first checkpoint', () => {
    const straight = new Replay(recording, { kernelBtf, spacing: 10_000 });
    const tight = new Replay(recording, { kernelBtf, spacing: 10_000, budgetBytes: 1 });
    expect(tight.prepare()).toBe(true);
    for (const step of [lastStep, 1, 500_000, 0, 12_345, 700_001]) {
      const position = { run: 0, step, phase: 0 };
      expect(tight.seek(position)).toEqual(position);
      straight.seek(position);
      expect(stateHash(tight.machine.checkpoint())).toBe(stateHash(straight.machine.checkpoint()));
    }
  });

  it('can be left off while it is prepared', () => {
    const replay = new Replay(recording, { kernelBtf, spacing: 10_000 });
    expect(replay.prepare({ isCancelled: () => true })).toBe(false);
    expect(replay.position).toEqual(replay.first);
  });

  it('finds again what the recording only counted', () => {
    const short = recordingOf(loopSource(100), { limits: { flow: 10, calls: 10, rest: 10 } });
    expect(short.events.omitted()).toBe(191);
    expect(short.events.totals()).toMatchObject({ call: 100, return: 101 });
    const replay = new Replay(short, { kernelBtf });
    const again = [...hearPart(replay, { run: 0, from: 400_000, to: 500_000 })!.events.events()];
    const whole = recording.events.events({
      from: { run: 0, step: 400_000, phase: 0 },
      to: { run: 0, step: 500_000, phase: 0 },
    });
    expect(again).toEqual([...whole]);
    expect(again.length).toBeGreaterThan(20);
  });

  it('has a picture of every stretch, with as much in it as happened', () => {
    const short = recordingOf(loopSource(100), { limits: { flow: 10, calls: 10, rest: 10 } });
    for (const { events } of [recording, short]) {
      const buckets = events.buckets(0, 0, lastStep + 1, 20);
      expect(buckets).toHaveLength(20);
      expect(buckets.reduce((sum, { counts }) => sum + counts[0]!, 0)).toBe(100);
    }
  });
});

describe('a recording that was cancelled', () => {
  it('ends where it was left, and can be moved in', () => {
    let looks = 0;
    const recording = recordingOf(loopSource(500), { spacing: 10_000, isCancelled: () => ++looks > 20 });
    expect(recording.complete).toBe(false);
    expect(recording.runs.map(({ end }) => end.kind)).toEqual(['unfinished']);
    const replay = new Replay(recording, { kernelBtf });
    expect(replay.seek({ run: 0, step: 1e9, phase: 0 })).toEqual(replay.last);
    expect(replay.searchForward(everything)).toBe('end');
    replay.seek(replay.first);
    expect(replay.searchForward({ phases: false, stops: () => undefined, test: () => 'miss' })).toBe('end');
    expect(replay.position).toEqual(replay.last);
  });
});

describe('random programs', () => {
  it('are in the same state whether one runs there or goes back there', () => {
    fc.assert(
      fc.property(randomInstructions, fc.array(fc.nat(400), { minLength: 3, maxLength: 8 }), (instructions, steps) => {
        const begun = (): Timeline => programTimeline(programOf(instructions), { spacing: 16 });
        const straight = begun();
        const seeking = begun();
        for (const step of steps) {
          const there = seeking.seek({ run: 0, step, phase: 0 });
          const fresh = begun();
          // An instruction that faults is not counted: the end of such a run stands where its last instruction does.
          const atEnd = seeking.machine.end !== undefined;
          expect(fresh.seek(atEnd ? { ...there, step: 1000 } : there)).toEqual(there);
          expect(stateHash(seeking.machine.checkpoint())).toBe(stateHash(fresh.machine.checkpoint()));
        }
        expect(straight.seek(seeking.position)).toEqual(seeking.position);
      }),
      { numRuns: 12 },
    );
  });
});
