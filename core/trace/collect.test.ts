/** What a recording does not keep it counts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENT_KINDS, Overflow } from './events.ts';
import { fileSource, loopSource, recordingOf } from './testing/recordings.ts';

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
