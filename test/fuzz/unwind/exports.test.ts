/** Exports of what generated programs did, read by readers that know the formats and not the writers. */
import { describe, expect, it } from 'vitest';
import { EVERYTHING } from '../../../core/trace/collect.ts';
import type { CollectorLimits } from '../../../core/trace/collect.ts';
import { perfettoJson } from '../../../core/trace/export-perfetto.ts';
import { csv, folded } from '../../../core/trace/export-text.ts';
import { EXPORT_FORMATS, exportBytes } from '../../../core/trace/exports.ts';
import { historyOf } from '../../../core/trace/history.ts';
import { readCsv, readFolded, readTrace } from '../../../core/trace/testing/readers.ts';
import type { Timeline } from '../../../core/trace/timeline.ts';
import { generatedTimeline } from './timelines.ts';

const GROUPS = Array.from({ length: 30 }, (_, group) => [1, 2, 3, 4].map((i) => group * 4 + i));
/** So few that most events are counted only. */
const FEW: CollectorLimits = { flow: 5, calls: 7, rest: 6 };

/** How far each run has come: those that are cut off end where the timeline does. */
function spansOf({ runs, frontier }: Timeline): { readonly name: string; readonly steps: number }[] {
  return runs.map(({ program, first, last = frontier }) => ({ name: program.name, steps: last.step - first.step }));
}

describe.each([
  ['are kept', EVERYTHING],
  ['were only counted', FEW],
] as const)('exports of runs whose events %s', (_what, limits) => {
  const timelines = GROUPS.map((seeds) => ({
    timeline: generatedTimeline(seeds, limits),
    all: [...generatedTimeline(seeds, EVERYTHING).events.events()],
  }));

  it('are traces that Perfetto takes', () => {
    let throws = 0;
    for (const { timeline, all } of timelines) {
      const trace = readTrace([...perfettoJson(historyOf(timeline))].join(''));
      const spans = spansOf(timeline);
      expect([...trace.processes.values()]).toEqual(['world.bpf.o']);
      expect([...trace.threads.values()]).toEqual(spans.map(({ name }, i) => `run ${i}: ${name}`));
      // Each run is a slice that all others of its thread lie in, as long as it has steps, and one more for its end.
      let end = 0;
      for (const [i, { name, steps }] of spans.entries()) {
        const [outermost] = trace.slices.get(i + 1) ?? [];
        expect(outermost).toMatchObject({ name, from: end, to: end + steps + 1 });
        end = outermost!.to;
      }
      const count = (kind: string): number => all.filter((event) => event.kind === kind).length;
      expect(trace.instants.filter(({ name }) => name === 'throw')).toHaveLength(count('throw'));
      expect(trace.instants.filter(({ name }) => name.startsWith('unwind: '))).toHaveLength(count('phase'));
      expect(trace.spans).toHaveLength(count('acquire'));
      for (const { values } of trace.counters) for (const value of values) expect(value).toBeGreaterThanOrEqual(0);
      throws += count('throw');
    }
    expect(throws).toBeGreaterThan(GROUPS.length);
  });

  it('are tables with a row for each event', () => {
    for (const { timeline, all } of timelines) {
      const [head, ...rows] = readCsv([...csv(historyOf(timeline))].join(''));
      expect(head).toEqual('run,step,phase,kind,program,insn,name,detail,value,resource,r1,r2,r3,r4,r5'.split(','));
      expect(rows).toEqual(
        all.map(({ position, kind, program, insn, name, detail, value, resource, args }) =>
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
    for (const { timeline } of timelines) {
      const stacks = readFolded([...folded(historyOf(timeline))].join(''));
      const spans = spansOf(timeline);
      const sum = (all: Iterable<number>): number => [...all].reduce((total, steps) => total + steps, 0);
      expect(sum(stacks.values())).toBe(sum(spans.map(({ steps }) => steps)));
      const names = new Set(spans.map(({ name }) => name));
      for (const stack of stacks.keys()) expect(names).toContain(stack.split(';')[0]);
    }
  });
});

describe('exports of a timeline', () => {
  const text = (timeline: Timeline, range = {}): string[] =>
    EXPORT_FORMATS.map((format) => Buffer.concat([...exportBytes(format, historyOf(timeline, range))]).toString());

  it('are the same to the last byte, whether events were kept or only counted', () => {
    for (const seeds of GROUPS) {
      const [all, few] = [generatedTimeline(seeds, EVERYTHING), generatedTimeline(seeds, FEW)];
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
    const stacksOf = (timeline: Timeline, range: object): Map<string, number> =>
      readFolded([...folded(historyOf(timeline, range))].join(''));
    for (const seeds of GROUPS) {
      const timeline = generatedTimeline(seeds, FEW);
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
