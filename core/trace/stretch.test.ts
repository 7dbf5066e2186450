/** What was only counted can be listed again, and each instruction counted, as if somebody had gone step by step. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { randomInstructions } from '../machine/testing/random-programs.ts';
import { programOf } from '../machine/testing/programs.ts';
import type { ObjectFile, Program } from '../object/program.ts';
import type { Hits } from './stretch.ts';
import { countHits, eventsOfStretch } from './stretch.ts';
import { EVENT_KINDS, Overflow } from './events.ts';
import { LiveTimeline } from './live.ts';
import { Replay } from './replay.ts';
import { stateHash } from './state-hash.ts';
import { fileSource, loopSource, recordingOf } from './testing/recordings.ts';
import type { Position, Search, Timeline } from './timeline.ts';
import { comparePositions } from './timeline.ts';

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
        const timeline = randomTimeline(instructions);
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
    const counts = [...countHits(timelineOf(programOf(text), 1_000_000), 0).programs.values()][0]!;
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

describe('a stretch that is run again', () => {
  const programs = ['four_frames', 'callee_saved', 'four_frames'];
  const whole = recordingOf(fileSource('cleanup', programs));
  const nothing = recordingOf(fileSource('cleanup', programs), { limits: { flow: 0, calls: 0, rest: 0 } });
  const replay = new Replay(nothing, { kernelBtf });
  const positions = [...new Set([...whole.events.events()].map(({ position }) => JSON.stringify(position)))].map(
    (text) => JSON.parse(text) as Position,
  );
  const end: Position = { run: 3, step: 0, phase: 0 };

  it('has all that a full recording has, from any moment to any other', () => {
    const anywhere = fc.constantFrom(
      ...positions,
      ...whole.runs.map((run, i) => ({ run: i, step: run.firstStep, phase: 0 })),
      end,
    );
    fc.assert(
      fc.property(anywhere, anywhere, anywhere, (a, b, here) => {
        const [from, to] = comparePositions(a, b) <= 0 ? [a, b] : [b, a];
        replay.seek(here);
        const before = replay.position;
        const found = eventsOfStretch(replay, from, to, { limit: 1e6 });
        expect(found.ended).toBe('complete');
        expect(found.events).toEqual([...whole.events.events({ from, to })]);
        expect(replay.position).toEqual(before);
      }),
      { numRuns: 60 },
    );
  });

  it('has them in a timeline without a recording too, which hears nothing twice', () => {
    const timeline = timelineOf(
      programOf('r6 = 500\ncall pc+3\nr6 += -1\nif r6 != 0 goto pc-3\nexit\nr0 = r6\nexit'),
      1e6,
    );
    const found = eventsOfStretch(timeline, timeline.first, { run: 0, step: 1e6, phase: 0 }, { limit: 1e6 });
    timeline.complete();
    expect(found.events).toEqual([...timeline.events.events()]);
    expect(found.events).toHaveLength(1002);
    expect(timeline.events.totals()).toMatchObject({ call: 500, return: 501, exit: 1 });
  });

  it('is as long as was asked for, of the kinds that were asked for', () => {
    const from = positions[0]!;
    const all = [...whole.events.events({ kinds: ['call', 'throw'] })];
    const found = eventsOfStretch(replay, from, end, { limit: 5, kinds: ['call', 'throw'] });
    expect(found).toMatchObject({ events: all.slice(0, 5), ended: 'limit', until: all[4]!.position });
    expect(eventsOfStretch(replay, from, end, { limit: all.length, kinds: ['call', 'throw'] }).ended).toBe('complete');
  });

  it('can be left off', () => {
    const long = new Replay(recordingOf(loopSource(200)), { kernelBtf });
    long.seek({ run: 0, step: 77, phase: 0 });
    let asked = 0;
    const to = { run: 0, step: 1_500_000, phase: 0 };
    const whole = eventsOfStretch(long, long.first, to, { limit: 1e6 });
    const part = eventsOfStretch(long, long.first, to, { limit: 1e6, isCancelled: () => ++asked > 6 });
    expect(part.ended).toBe('cancelled');
    expect(part.events.length).toBeGreaterThan(10);
    expect(part.events).toEqual(whole.events.slice(0, part.events.length));
    expect(long.position).toEqual({ run: 0, step: 77, phase: 0 });
  });
});

describe('what a recording counts', () => {
  it('is what it does not keep, stretch by stretch', () => {
    const source = fileSource('cleanup', ['four_frames', 'callee_saved']);
    const loop = loopSource(300);
    const limits = fc.record({ flow: fc.nat(300), calls: fc.nat(20), rest: fc.nat(20) });
    const full = [recordingOf(source), recordingOf(loop)];
    fc.assert(
      fc.property(fc.nat(1), limits, (which, some) => {
        const short = recordingOf(which === 0 ? source : loop, { limits: some });
        const { events } = full[which]!;
        expect(short.events.length + short.events.omitted()).toBe(events.length);
        short.runs.forEach((run, index) => {
          // Stretches of a recording are 1024 of one width, which depends on how many steps there are.
          const { shift } = short.events.overflows.find((overflow) => overflow.run === index) ?? { shift: 10 };
          const width = 2 ** shift;
          const count = Math.ceil((run.lastStep + 1) / width);
          expect(count).toBeLessThanOrEqual(Overflow.BUCKETS);
          const perStretch = (of: typeof events): number[][] =>
            of.buckets(index, 0, count * width, count).map(({ counts }) => [...counts.subarray(0, EVENT_KINDS.length)]);
          expect(perStretch(short.events)).toEqual(perStretch(events));
        });
      }),
      { numRuns: 12 },
    );
  });
});

function timelineOf(program: Program, maxSteps: number): LiveTimeline {
  const only = { ...program, kernelBtf };
  const object: ObjectFile = {
    name: 'made up',
    license: 'GPL',
    programs: [only],
    maps: [],
    kernelBtf,
    notes: [],
  } as unknown as ObjectFile;
  const timeline = new LiveTimeline({
    object,
    scenario: {},
    profile: 'proposal',
    factsOf: () => undefined,
    maxSteps,
    spacing: 1000,
  });
  timeline.begin(only, {});
  return timeline;
}

function randomTimeline(instructions: Parameters<typeof programOf>[0]): LiveTimeline {
  return timelineOf(programOf(instructions), 500);
}
