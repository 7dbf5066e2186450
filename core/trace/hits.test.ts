/** Each instruction is counted as if somebody had gone step by step. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { randomInstructions } from '../machine/testing/random-programs.ts';
import { programOf } from '../machine/testing/programs.ts';
import type { Program } from '../object/program.ts';
import type { Hits } from './hits.ts';
import { countHits } from './hits.ts';
import { Replay } from './replay.ts';
import { stateHash } from './state-hash.ts';
import { fileSource, loopSource, recordingOf } from './testing/recordings.ts';
import { programTimeline } from './testing/timelines.ts';
import type { Search, Timeline } from './timeline.ts';

const kernelBtf = bundledKernelBtf();
const everyStep: Search = {
  phases: true,
  stops: (program) => new Uint8Array(program.instructions.length).fill(1),
  begin: () => 'step',
  test: () => 'hit',
};

/** Goes through a run one instruction at a time, and counts. */
function countedByStepping(timeline: Timeline, run: number): Map<Program, Float64Array> {
  const programs = new Map<Program, Float64Array>();
  timeline.seek({ run, step: timeline.runs[run]!.first.step, phase: 0 });
  for (;;) {
    const at = timeline.machine.location;
    const before = timeline.position;
    const found = timeline.searchForward(everyStep);
    const { position } = timeline;
    if (position.run !== run) return programs;
    if (position.step > before.step && at !== undefined) {
      const counts = programs.get(at.program) ?? new Float64Array(at.program.instructions.length);
      programs.set(at.program, counts);
      counts[at.insn]!++;
    }
    if (found === 'end') return programs;
  }
}

function plain({ programs }: Pick<Hits, 'programs'>): Record<string, number[]> {
  return Object.fromEntries([...programs].map(([program, counts]) => [program.name, [...counts]]));
}

describe('counting instructions', () => {
  it('gives what one counts step by step, through calls, throws and callbacks', () => {
    const programs = ['four_frames', 'callee_saved', 'four_frames'];
    const replay = new Replay(recordingOf(fileSource('cleanup', programs)), { kernelBtf });
    for (let run = 0; run < 3; run++) {
      const hits = countHits(replay, run);
      const { first, last } = replay.runs[run]!;
      expect(hits.total).toBe(last!.step - first.step);
      expect(plain(hits)).toEqual(plain({ programs: countedByStepping(replay, run) }));
    }
  });

  it('gives what one counts step by step in random programs, whatever way they end', () => {
    fc.assert(
      fc.property(randomInstructions, fc.nat(300), (instructions, step) => {
        const timeline = programTimeline(programOf(instructions), { spacing: 1000 });
        timeline.seek({ run: 0, step, phase: 0 });
        const here = [timeline.position, stateHash(timeline.machine.checkpoint())];
        const hits = countHits(timeline, 0);
        expect([timeline.position, stateHash(timeline.machine.checkpoint())]).toEqual(here);
        expect(plain(hits)).toEqual(plain({ programs: countedByStepping(timeline, 0) }));
      }),
      { numRuns: 60 },
    );
  });

  it('keeps apart instructions that share a place in the table', () => {
    // A loop of 40,000 instructions, more than the table has slots, gone through three times.
    const length = 40_000;
    const text = `r2 = 3\n${'r1 += 1\n'.repeat(length)}r2 += -1\nif r2 == 0 goto pc+1\ngotol pc-${length + 3}\nexit`;
    const counts = [
      ...countHits(programTimeline(programOf(text), { maxSteps: 1_000_000, spacing: 1000 }), 0).programs.values(),
    ][0]!;
    expect(counts[0]).toBe(1);
    expect([...counts.subarray(1, length + 3)].every((count) => count === 3)).toBe(true);
    expect([...counts.subarray(length + 3)]).toEqual([2, 1]);
  });

  it('tells how far it is, and can be left off', () => {
    const replay = new Replay(recordingOf(loopSource(400), { spacing: 50_000 }), { kernelBtf });
    const { lastStep } = replay.recording.runs[0]!;
    replay.seek({ run: 0, step: 1234, phase: 0 });
    const seen: [number, number | undefined][] = [];
    countHits(replay, 0, { onProgress: (done, total) => seen.push([done, total]) });
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.at(-1)).toEqual([lastStep, lastStep]);
    let asked = 0;
    expect(() => countHits(replay, 0, { isCancelled: () => ++asked > 3 })).toThrow(
      expect.objectContaining({ code: 'CANCELLED' }),
    );
    expect(replay.position).toEqual({ run: 0, step: 1234, phase: 0 });
    expect(replay.machine.observer).toEqual({});
  });
});
