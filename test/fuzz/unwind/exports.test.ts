/** Exports of what generated programs did, read by readers that know the formats and not the writers. */
import { describe, expect, it } from 'vitest';
import type { CollectorLimits } from '../../../core/trace/collect.ts';
import { perfettoJson } from '../../../core/trace/export-perfetto.ts';
import { csv, folded } from '../../../core/trace/export-text.ts';
import { EXPORT_FORMATS, exportBytes } from '../../../core/trace/exports.ts';
import { historyOf, keptHistory } from '../../../core/trace/history.ts';
import { LiveTimeline } from '../../../core/trace/live.ts';
import type { RecordedRun, Recording } from '../../../core/trace/recording.ts';
import type { TimelineRun } from '../../../core/trace/timeline.ts';
import { readCsv, readFolded, readTrace } from '../../../core/trace/testing/readers.ts';
import type { Program } from '../../../core/object/program.ts';
import { verify } from '../../../core/verifier/verify.ts';
import { generate } from './generate.ts';
import { loadWorld, toProgram } from './world.ts';

const world = loadWorld();
const GROUPS = Array.from({ length: 30 }, (_, group) => [1, 2, 3, 4].map((i) => group * 4 + i));
/** So few that most events are counted only. */
const FEW: CollectorLimits = { flow: 5, calls: 7, rest: 6 };

function timelineOf(seeds: readonly number[], limits?: CollectorLimits): LiveTimeline {
  const programs = seeds.map((seed) => toProgram(world, generate(seed)));
  const facts = new Map(programs.map((program) => [program, verify(program, { profile: 'proposal', logLevel: 0 })]));
  const timeline = new LiveTimeline({
    object: { ...world, programs },
    scenario: { seed: seeds[0] ?? 0 },
    profile: 'proposal',
    factsOf: (program: Program) => facts.get(program),
    maxSteps: 20_000,
    ...(limits === undefined ? {} : { events: limits }),
  });
  for (const program of programs) {
    timeline.begin(program, {});
    // One that runs for too long is the last one, cut off.
    if (timeline.complete() !== 'end') break;
  }
  return timeline;
}

function recordingOf(seeds: readonly number[], limits?: CollectorLimits): Recording {
  const timeline = timelineOf(seeds, limits);
  const source = { objectName: 'world.bpf.o', objectBytes: new Uint8Array(), scenario: {}, requests: [], globals: [] };
  return {
    source: { ...source, maxSteps: 20_000 },
    runs: timeline.runs.map((run) => recorded(run, timeline)),
    hashes: [],
    events: timeline.events,
    complete: true,
  };
}

function recorded({ program, what, first, last, end, throws }: TimelineRun, { frontier }: LiveTimeline): RecordedRun {
  const { step, phase } = last ?? frontier;
  return {
    program: program.name,
    what,
    firstStep: first.step,
    lastStep: step,
    lastPhase: phase,
    end:
      end?.kind === 'exit'
        ? end
        : end === undefined
          ? { kind: 'unfinished' }
          : { kind: 'fault', code: end.fault.code, message: end.fault.message },
    throws: throws ?? 0,
    hash: '',
  };
}

function stepsOf({ runs }: Recording): number {
  return runs.reduce((sum, { firstStep, lastStep }) => sum + lastStep - firstStep, 0);
}

describe.each([
  ['all events', undefined],
  ['few events', FEW],
] as const)('exports with %s', (_what, limits) => {
  const recordings = GROUPS.map((seeds) => recordingOf(seeds, limits));

  it('are traces that Perfetto takes', () => {
    let throws = 0;
    for (const recording of recordings) {
      const { events, runs } = recording;
      const trace = readTrace([...perfettoJson(keptHistory(recording))].join(''));
      expect([...trace.processes.values()]).toEqual(['world.bpf.o']);
      expect([...trace.threads.values()]).toEqual(runs.map(({ program }, i) => `run ${i}: ${program}`));
      // Each run is a slice that all others of its thread lie in, as long as it has steps, and one more for its end.
      let end = 0;
      for (const [i, run] of runs.entries()) {
        const [outermost] = trace.slices.get(i + 1) ?? [];
        expect(outermost).toMatchObject({ name: run.program, from: end, to: end + run.lastStep - run.firstStep + 1 });
        end = outermost!.to;
      }
      const kept = [...events.events()];
      const count = (kind: string): number => kept.filter((event) => event.kind === kind).length;
      expect(trace.instants.filter(({ name }) => name === 'throw')).toHaveLength(count('throw'));
      expect(trace.instants.filter(({ name }) => name.startsWith('unwind: '))).toHaveLength(count('phase'));
      expect(trace.spans).toHaveLength(count('acquire'));
      for (const { values } of trace.counters) for (const value of values) expect(value).toBeGreaterThanOrEqual(0);
      throws += count('throw');
    }
    expect(throws).toBeGreaterThan(GROUPS.length);
  });

  it('are tables with a row for each event', () => {
    for (const recording of recordings) {
      const [head, ...rows] = readCsv([...csv(keptHistory(recording))].join(''));
      expect(head).toEqual('run,step,phase,kind,program,insn,name,detail,value,resource,r1,r2,r3,r4,r5'.split(','));
      const kept = [...recording.events.events()];
      expect(rows).toEqual(
        kept.map(({ position, kind, program, insn, name, detail, value, resource, args }) =>
          [
            ...[position.run, position.step, position.phase, kind, program, insn, name, detail],
            ...[value, resource, ...Array.from({ length: 5 }, (_, i) => args?.[i])],
          ].map((cell) =>
            cell === undefined ? '' : typeof cell === 'bigint' ? `0x${cell.toString(16)}` : String(cell),
          ),
        ),
      );
    }
  });

  it('are stacks whose instructions are those of the runs', () => {
    for (const recording of recordings) {
      const stacks = readFolded([...folded(keptHistory(recording))].join(''));
      expect([...stacks.values()].reduce((sum, steps) => sum + steps, 0)).toBe(stepsOf(recording));
      const names = new Set(recording.runs.map(({ program }) => program));
      for (const stack of stacks.keys()) expect(names).toContain(stack.split(';')[0]);
    }
  });
});

describe('exports of a timeline', () => {
  const text = (timeline: LiveTimeline, range = {}): string[] =>
    EXPORT_FORMATS.map((format) => Buffer.concat([...exportBytes(format, historyOf(timeline, range))]).toString());

  it('are the same to the last byte, whether events were kept or only counted', () => {
    for (const seeds of GROUPS) {
      const [all, few] = [timelineOf(seeds), timelineOf(seeds, FEW)];
      const before = few.position;
      expect(few.events.omitted()).toBeGreaterThan(0);
      expect(text(few)).toEqual(text(all));
      expect(few.position).toEqual(before);
      for (const [run, { first, last }] of all.runs.entries()) {
        const from = Math.floor((first.step + (last?.step ?? first.step)) / 2);
        expect(text(few, { run, from })).toEqual(text(all, { run, from }));
      }
    }
  });

  it('of the two parts of a run add up to its stacks', () => {
    const stacksOf = (timeline: LiveTimeline, range: object): Map<string, number> =>
      readFolded([...folded(historyOf(timeline, range))].join(''));
    for (const seeds of GROUPS) {
      const timeline = timelineOf(seeds, FEW);
      for (const [run, { first, last }] of timeline.runs.entries()) {
        if (last === undefined) continue;
        const whole = stacksOf(timeline, { run });
        for (let part = 1; part < 8; part++) {
          const middle = first.step + Math.floor(((last.step - first.step) * part) / 8);
          if (middle === first.step) continue;
          const sums = stacksOf(timeline, { run, to: middle });
          for (const [stack, steps] of stacksOf(timeline, { run, from: middle }))
            sums.set(stack, (sums.get(stack) ?? 0) + steps);
          expect(new Map([...sums].sort())).toEqual(new Map([...whole].sort()));
        }
      }
    }
  });
});
