/** A timeline without a recording knows its events: each once, however one wanders about. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { MapType } from '../kernel/maps/store.ts';
import type { Scenario } from '../kernel/scenario.ts';
import { assemble } from '../isa/assemble.ts';
import { randomInstructions } from '../machine/testing/random-programs.ts';
import { programOf } from '../machine/testing/programs.ts';
import { attachToProgram, bpfAttachKind } from '../object/bpf-target.ts';
import { loadObject } from '../object/object.ts';
import type { MapDefinition, ObjectFile, Program } from '../object/program.ts';
import { verify } from '../verifier/verify.ts';
import type { TraceEvent } from './events.ts';
import { LiveTimeline } from './live.ts';
import { Replay } from './replay.ts';
import { stateHash } from './state-hash.ts';
import { fileSource, loopSource, recordingOf } from './testing/recordings.ts';
import { programTimeline } from './testing/timelines.ts';
import type { Search, Timeline } from './timeline.ts';
import { comparePositions } from './timeline.ts';

const kernelBtf = bundledKernelBtf();
const tests = new URL('../../test/exceptions/', import.meta.url);
const everything: Search = {
  phases: true,
  stops: (program) => new Uint8Array(program.instructions.length).fill(1),
  begin: () => 'step',
  test: () => 'hit',
};
const nothing: Search = { phases: false, stops: () => undefined, test: () => 'miss' };

interface Case {
  readonly object: string;
  readonly program: string;
  readonly scenario?: Scenario;
  /** Program and function. */
  readonly attach?: readonly (readonly [string, string])[];
}

const which = (value: number): Scenario => ({ globals: { which: value } });
const cases: readonly Case[] = [
  { object: 'cleanup', program: 'four_frames' },
  { object: 'cleanup', program: 'callee_saved' },
  { object: 'callbacks', program: 'throwing_callback' },
  { object: 'resources', program: 'callback_uses_maps', scenario: which(1) },
  { object: 'resources', program: 'tree_node', scenario: which(1) },
  { object: 'resources', program: 'throws_with_timer_armed' },
  { object: 'resources', program: 'throws_with_work_queued' },
  {
    object: 'resources',
    program: 'tail_call',
    scenario: { ...which(1), maps: { targets: { slots: { '0': 'tail_target' } } } },
  },
  {
    object: 'attach',
    program: 'target',
    scenario: { globals: { limit: 1000 } },
    attach: [
      ['throwing_entry', 'static_part'],
      ['throwing_exit', 'static_part'],
      ['throwing_replacement', 'global_part'],
    ],
  },
  {
    object: 'attach',
    program: 'target',
    scenario: { globals: { limit: 25 } },
    attach: [
      ['on_entry', 'static_part'],
      ['throwing_exit', 'target'],
    ],
  },
];

const objects = new Map<string, ObjectFile>();
function objectOf(name: string): ObjectFile {
  let object = objects.get(name);
  if (object === undefined) {
    object = loadObject(new Uint8Array(readFileSync(new URL(`${name}.bpf.o`, tests))), { name, kernelBtf });
    objects.set(name, object);
  }
  return object;
}

function named(object: ObjectFile, name: string): Program {
  return object.programs.find((program) => program.name === name)!;
}

function timelineOf({ object: name, program: of, scenario = {}, attach = [] }: Case, spacing = 16): LiveTimeline {
  const object = objectOf(name);
  const program = named(object, of);
  const timeline = new LiveTimeline({
    object,
    scenario,
    profile: 'proposal',
    factsOf: (target) => verify(target, { profile: 'proposal' }),
    attach: attach.map(([tracer, func]) => {
      const attached = named(object, tracer);
      return { object, program: attachToProgram(attached, bpfAttachKind(attached)!, program, func) };
    }),
    maxSteps: 100_000,
    spacing,
  });
  timeline.begin(program, {});
  return timeline;
}

function eventsOf(timeline: Timeline): TraceEvent[] {
  return [...timeline.events.events()];
}

function straight(one: Case): LiveTimeline {
  const timeline = timelineOf(one);
  expect(timeline.complete()).toBe('end');
  return timeline;
}

/** Walks at random: seeks, searches, single steps in both directions. The last move sees the whole run. */
const moves = fc.array(
  fc.record({ how: fc.constantFrom('seek', 'forward', 'back', 'step', 'complete', 'stop'), by: fc.nat(60) }),
  { minLength: 4, maxLength: 25 },
);

function walk(timeline: LiveTimeline, how: string, by: number): void {
  const { run, step, phase } = timeline.position;
  switch (how) {
    case 'seek':
      timeline.seek({ run: by % (timeline.runs.length + 1), step: by * 3, phase: by % 7 });
      break;
    case 'forward':
      for (let i = 0; i < by % 10; i++) timeline.searchForward(everything);
      break;
    case 'step':
      timeline.seek({ run, step: step + 1, phase });
      break;
    case 'back':
      for (let i = 0; i < by % 5; i++) timeline.searchBackward(everything);
      break;
    case 'complete': {
      const here = stateHash(timeline.machine.checkpoint());
      timeline.complete();
      expect(timeline.position).toEqual({ run, step, phase });
      expect(stateHash(timeline.machine.checkpoint())).toBe(here);
      break;
    }
    default: {
      const stop = (program: Program): Uint8Array =>
        Uint8Array.from({ length: program.instructions.length }, (_, i) => (i % (by + 2) === 0 ? 1 : 0));
      timeline.searchForward({ phases: by % 2 === 0, stops: stop, test: () => 'hit' });
    }
  }
}

describe.each(cases)('$program of $object', (one) => {
  const whole = straight(one);
  const expected = eventsOf(whole);

  it('has events in the order of time, and an end of each run', () => {
    for (let i = 1; i < expected.length; i++) {
      const [before, after] = [expected[i - 1]!.position, expected[i]!.position];
      expect(comparePositions({ ...before, phase: 0 }, { ...after, phase: 0 })).toBeLessThanOrEqual(0);
    }
    expect(expected.filter(({ kind }) => kind === 'exit' || kind === 'fault')).toHaveLength(whole.runs.length);
  });

  it('is heard once, whatever way one goes through it', () => {
    fc.assert(
      fc.property(moves, (steps) => {
        const timeline = timelineOf(one);
        for (const { how, by } of steps) walk(timeline, how, by);
        timeline.complete();
        expect(eventsOf(timeline)).toEqual(expected);
        expect(timeline.runs.map(({ end, last, throws }) => [end, last, throws])).toEqual(
          whole.runs.map(({ end, last, throws }) => [end, last, throws]),
        );
      }),
      { numRuns: 25 },
    );
  });

  it('is in the same state wherever one comes from, also where programs of others run', () => {
    const moments = [];
    const stepping = timelineOf(one);
    for (let last = ''; ;) {
      const { position } = stepping;
      moments.push({ position, hash: stateHash(stepping.machine.checkpoint()) });
      if (JSON.stringify(position) === last) break;
      last = JSON.stringify(position);
      stepping.searchForward(everything);
    }
    const seeking = timelineOf(one);
    for (let i = 0; i < moments.length; i++) {
      const { position, hash } = moments[(i * 53) % moments.length]!;
      // Of a moment that is the last of its run, either side may be meant.
      if (comparePositions(seeking.seek(position), position) !== 0) continue;
      if (seeking.machine.end === undefined) expect(stateHash(seeking.machine.checkpoint())).toBe(hash);
    }
  });
});

describe('events', () => {
  it('are there as far as one has been', () => {
    const timeline = timelineOf(cases[0]!);
    expect(eventsOf(timeline)).toEqual([]);
    timeline.seek({ run: 0, step: 20, phase: 0 });
    const some = eventsOf(timeline);
    expect(some.length).toBeGreaterThan(0);
    expect(some.every(({ position }) => position.step < 20)).toBe(true);
    timeline.seek(timeline.first);
    expect(eventsOf(timeline)).toEqual(some);
  });

  it('of a straight run are those of a recording, and of its replay', () => {
    const source = fileSource('cleanup', ['four_frames', 'callee_saved']);
    const recording = recordingOf(source);
    const object = objectOf('cleanup');
    const timeline = new LiveTimeline({
      object,
      scenario: {},
      profile: 'proposal',
      factsOf: (program) => verify(program),
      maxSteps: source.maxSteps,
    });
    for (const { program, context } of source.requests) {
      timeline.begin(named(object, program), context);
      timeline.seek({ run: 0, step: 7, phase: 0 });
    }
    timeline.complete();
    expect(eventsOf(timeline)).toEqual([...recording.events.events()]);
    expect(eventsOf(new Replay(recording, { kernelBtf }))).toEqual(eventsOf(timeline));
    expect(timeline.runs.map(({ throws }) => throws)).toEqual([1, 1]);
  });

  it('of random programs that fault are heard once', () => {
    fc.assert(
      fc.property(randomInstructions, moves, (instructions, steps) => {
        const make = (): LiveTimeline => programTimeline(programOf(instructions), { spacing: 16 });
        const whole = make();
        whole.complete();
        const timeline = make();
        for (const { how, by } of steps) walk(timeline, how, by);
        timeline.complete();
        expect(eventsOf(timeline)).toEqual(eventsOf(whole));
      }),
      { numRuns: 40 },
    );
  });
});

describe('a run that faults', () => {
  const make = (): LiveTimeline => programTimeline(programOf('r1 = 1\nr0 = *(u64 *)(r10 +0)\nexit'));

  it('has a moment before its fault and one after, and each can be gone to', () => {
    const timeline = make();
    const before = timeline.seek({ run: 0, step: 1, phase: 0 });
    expect(before).toEqual({ run: 0, step: 1, phase: 0 });
    expect(timeline.machine.end).toBeUndefined();
    expect(timeline.searchForward(everything)).toBe('hit');
    const last = timeline.position;
    expect(last).toEqual({ run: 0, step: 1, phase: 1 });
    expect(timeline.runs[0]).toMatchObject({ last, end: { kind: 'fault' } });
    timeline.seek(before);
    expect(timeline.machine.end).toBeUndefined();
    expect(timeline.seek(last)).toEqual(last);
    expect(timeline.machine.end?.kind).toBe('fault');
    expect(timeline.searchBackward(everything)).toBe('hit');
    expect(timeline.position).toEqual(before);
    expect(make().seek({ run: 0, step: 99, phase: 0 })).toEqual(last);
  });
});

describe('listening', () => {
  it('changes nothing, not even in what order an LRU map would evict', () => {
    const lru: MapDefinition = {
      index: 0,
      name: 'lru',
      kernelName: 'lru',
      autocreate: true,
      type: MapType.lruHash,
      keySize: 4,
      valueSize: 4,
      maxEntries: 4,
      flags: 0,
      extra: 0n,
      numaNode: 0,
      keyTypeId: 0,
      valueTypeId: 0,
      pinning: 'none',
      origin: 'user',
      section: '.maps',
      frozen: false,
    };
    const update = (key: number): string =>
      `*(u32 *)(r10 -4) = ${key}\nr1 = map[lru]\nr2 = r10\nr2 += -4\nr3 = r10\nr3 += -4\nr4 = 0\ncall 2`;
    const text = `${[1, 2, 3].map(update).join('\n')}\n*(u32 *)(r10 -4) = 1\nr1 = map[lru]\nr2 = r10\nr2 += -4\ncall 3\nexit`;
    const program = { ...programOf(assemble(text, { map: () => 0 }).instructions), maps: [lru] };
    const ends = (['none', undefined] as const).map((events) => {
      const timeline = programTimeline(program, events === undefined ? {} : { events });
      timeline.seek({ run: 0, step: 500, phase: 0 });
      expect(timeline.machine.end).toMatchObject({ kind: 'exit', value: 0n });
      return stateHash(timeline.machine.checkpoint());
    });
    expect(ends[0]).toBe(ends[1]);
  });
});

describe('completing', () => {
  const loop = loopSource(100);
  const make = (): LiveTimeline => {
    const object = loadObject(loop.objectBytes, { name: loop.objectName, kernelBtf });
    const timeline = new LiveTimeline({
      object,
      scenario: {},
      profile: 'proposal',
      factsOf: () => undefined,
      maxSteps: 500_000,
      spacing: 10_000,
    });
    timeline.begin(object.programs[0]!, {});
    return timeline;
  };

  it('can be left off and gone on with, and tells how far it is', () => {
    const timeline = make();
    let looks = 0;
    let told = 0;
    const limits = { isCancelled: () => ++looks > 2, onProgress: (done: number) => void (told = done) };
    expect(timeline.complete(limits)).toBe('cancelled');
    expect(told).toBeGreaterThan(10_000);
    expect(timeline.position).toEqual(timeline.first);
    const some = eventsOf(timeline).length;
    expect(timeline.complete()).toBe('limit');
    const all = eventsOf(timeline).length;
    expect(all).toBeGreaterThan(some);
    expect(timeline.complete()).toBe('limit');
    expect(eventsOf(timeline)).toHaveLength(all);
    expect(timeline.searchForward(nothing)).toBe('end');
    expect(timeline.position.step).toBe(500_000);
    expect(eventsOf(timeline)).toHaveLength(all);
  });
});
