/** Exports hold all that happened, of a part as of the whole, however little a recording keeps. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import type { EventKind, TraceEvent } from './events.ts';
import { folded } from './export-text.ts';
import { perfettoJson } from './export-perfetto.ts';
import { EXPORT_FORMATS, exportBytes } from './exports.ts';
import type { History, Range } from './history.ts';
import { historyOf } from './history.ts';
import type { RecordingSource } from './recording.ts';
import { Replay } from './replay.ts';
import { readFolded, readTrace } from './testing/readers.ts';
import { attachedSource, fileSource, loopSource, recordingOf, timersSource } from './testing/recordings.ts';
import type { Timeline } from './timeline.ts';

const kernelBtf = bundledKernelBtf();
const UNLIMITED = { limits: { flow: Infinity, calls: Infinity, rest: Infinity } };

/** What is recorded, in few words: programs and functions that they are attached to, or the name of another source. */
type Attachments = readonly (readonly [string, string])[];
const attached: fc.Arbitrary<Attachments> = fc
  .tuple(
    fc.constantFrom<Attachments>([['replacement', 'global_part']], [['throwing_replacement', 'global_part']], []),
    fc.array(
      fc.tuple(
        fc.constantFrom('on_entry', 'on_exit', 'throwing_entry', 'throwing_exit'),
        fc.constantFrom('static_part', 'target'),
      ),
      { maxLength: 3 },
    ),
  )
  .map(([first, rest]) => [...first, ...rest]);
const OTHERS = {
  cleanup: fileSource('cleanup', ['four_frames', 'callee_saved', 'four_frames']),
  timers: timersSource(9),
  // The target throws in two of them.
  'tail calls': {
    ...fileSource('resources', ['tail_call', 'tail_target', 'tail_call']),
    scenario: { maps: { targets: { slots: { '0': 'tail_target' } } } },
  },
  loop: loopSource(3),
};
const what = fc.oneof(attached, fc.constantFrom(...(Object.keys(OTHERS) as (keyof typeof OTHERS)[])));

function sourceOf(of: Attachments | keyof typeof OTHERS): RecordingSource {
  return typeof of === 'string' ? OTHERS[of] : attachedSource(of);
}

function written(history: History): string[] {
  return EXPORT_FORMATS.map((format) => Buffer.concat([...exportBytes(format, history)]).toString());
}

function bytes(timeline: Timeline, range: Range = {}): string[] {
  return written(historyOf(timeline, range));
}

function stacks(timeline: Timeline, range: Range): Map<string, number> {
  return readFolded([...folded(historyOf(timeline, range))].join(''));
}

describe('exports', () => {
  it('are the same to the last byte, whether events were kept or only counted', () => {
    const limits = fc.record({ flow: fc.nat(50), calls: fc.nat(20), rest: fc.nat(40) });
    fc.assert(
      fc.property(what, limits, fc.nat(), fc.nat(), (of, some, a, b) => {
        const whole = recordingOf(sourceOf(of), UNLIMITED);
        const [long, short] = [whole, recordingOf(sourceOf(of), { limits: some })].map(
          (one) => new Replay(one, { kernelBtf }),
        );
        expect(bytes(short!)).toEqual(bytes(long!));
        // Nothing is between what was recorded and what is written.
        const { objectName, parts } = historyOf(long!);
        const pieces = (kinds?: readonly EventKind[]): TraceEvent[][] => [
          [...whole.events.events(kinds === undefined ? {} : { kinds })],
        ];
        expect(bytes(long!)).toEqual(written({ objectName, parts, pieces }));
        const run = a % whole.runs.length;
        const { firstStep, lastStep } = whole.runs[run]!;
        const from = firstStep + (b % (lastStep - firstStep));
        for (const range of [{ run }, { run, from }, { run, from, to: from + 40 }])
          expect(bytes(short!, range)).toEqual(bytes(long!, range));
      }),
      { numRuns: 15 },
    );
  });

  it('of the parts of a run add up to that of the run: each instruction has its stack', () => {
    fc.assert(
      fc.property(what, fc.infiniteStream(fc.integer({ min: 1, max: 60 })), (of, widths) => {
        const replay = new Replay(recordingOf(sourceOf(of), UNLIMITED), { kernelBtf });
        for (const [run, { first, last }] of replay.runs.entries()) {
          const sums = new Map<string, number>();
          for (let from = first.step; from < last!.step;) {
            const to = from + Math.max(widths.next().value ?? 1, Math.ceil((last!.step - first.step) / 60));
            for (const [stack, steps] of stacks(replay, { run, from, to }))
              sums.set(stack, (sums.get(stack) ?? 0) + steps);
            from = to;
          }
          expect(new Map([...sums].sort())).toEqual(new Map([...stacks(replay, { run })].sort()));
        }
      }),
      { numRuns: 15 },
    );
  });

  it('of a part are a trace in which begins what is under way and held', () => {
    fc.assert(
      fc.property(what, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 100 }), (of, a, b, width) => {
        const replay = new Replay(recordingOf(sourceOf(of), UNLIMITED), { kernelBtf });
        const run = a % replay.runs.length;
        const { first, last } = replay.runs[run]!;
        const from = first.step + (b % (last!.step - first.step));
        const to = from + width;
        const history = historyOf(replay, { run, from, to });
        const trace = readTrace([...perfettoJson(history)].join(''));
        const { origin, stack, held } = history.parts[0]!;
        expect([...trace.threads.keys()]).toEqual([run + 1]);
        const slices = trace.slices.get(run + 1) ?? [];
        const begin = slices.filter((slice) => slice.from === origin + from).map(({ name }) => name);
        expect(begin.slice(0, stack.length)).toEqual(stack);
        for (const { from: at, to: end } of slices) {
          expect(at).toBeGreaterThanOrEqual(origin + from);
          expect(end).toBeLessThanOrEqual(origin + (to > last!.step ? last!.step + 1 : to));
        }
        const spans = trace.spans.filter((span) => span.from === origin + from).map(({ name }) => name);
        expect(spans).toEqual(expect.arrayContaining(held.map(({ name }) => name)));
      }),
      { numRuns: 30 },
    );
  });

  it('have the target of a tail call in the place of its caller', () => {
    const replay = new Replay(recordingOf(OTHERS['tail calls'], UNLIMITED), { kernelBtf });
    const whole = stacks(replay, { run: 0 });
    expect([...whole.keys()]).toEqual(['tail_call', 'tail_call;jump', 'tail_call;tail_target']);
    const throws = [...replay.events.events({ kinds: ['throw'], to: { run: 1, step: 0, phase: 0 } })];
    expect(throws).toHaveLength(1);
    for (const { step } of throws.map(({ position }) => position))
      expect([...stacks(replay, { run: 0, from: step, to: step + 1 }).keys()]).toEqual(['tail_call;tail_target']);
  });

  it('have what is held in the midst of a run', () => {
    const replay = new Replay(recordingOf(fileSource('cleanup', ['four_frames'])), { kernelBtf });
    const at = [...replay.events.events({ kinds: ['throw'] })][0]!.position.step;
    const { held, stack } = historyOf(replay, { from: at }).parts[0]!;
    expect(held.length).toBeGreaterThan(2);
    expect(stack.length).toBeGreaterThan(3);
    const acquired = [...replay.events.events({ kinds: ['acquire'] })].map(({ resource }) => resource);
    expect(acquired).toEqual(expect.arrayContaining(held.map(({ id }) => id)));
  });

  it('are of ranges that there are', () => {
    const replay = new Replay(recordingOf(fileSource('cleanup', ['four_frames', 'callee_saved'])), { kernelBtf });
    const refused = (range: Range, words: RegExp): void => expect(() => historyOf(replay, range)).toThrow(words);
    refused({ from: 3 }, /Steps are those of one run, and there are 2: say which/);
    refused({ run: 2 }, /There is no run 2: there are 2, counted from 0/);
    refused({ run: 1, from: 1e6 }, /Run 1 goes from step 0 to \d+: there is no step 1000000/);
    refused({ run: 1, from: 7, to: 7 }, /Step 7 does not come after 7/);
    expect(historyOf(replay, { run: 1, to: 1e6 }).parts).toEqual(historyOf(replay, { run: 1 }).parts);
  });
});
