import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpanTrackBuilder } from './span-track.ts';

const spans = fc.array(fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: 200 })), { maxLength: 200 });

test('a picture has every span of its stretch once, and no more than its pixels allow', () => {
  fc.assert(
    fc.property(
      spans,
      fc.nat({ max: 5000 }),
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 300 }),
      (list, from, width, pixels) => {
        const builder = new SpanTrackBuilder();
        let at = 0;
        for (const [gap, length] of list) {
          at += gap;
          builder.end(builder.begin(at, 0), at + length);
          // Spans that begin where another ends do not overlap.
          at += length;
        }
        const track = builder.build();
        const to = from + width;
        const pixel = width / pixels;
        const drawn = track.draw(from, to, pixel);
        const wanted = Array.from(track.from.keys()).filter((i) => track.to[i]! >= from && track.from[i]! <= to);
        const covered = drawn.flatMap(({ first, last }) =>
          Array.from({ length: last - first + 1 }, (_, i) => first + i),
        );
        // Of a block that reaches beyond the stretch, spans behind it are joined, too.
        expect(covered.slice(0, wanted.length)).toEqual(wanted);
        expect(drawn.length).toBeLessThanOrEqual(2 * pixels + 4);
        for (const [i, one] of drawn.entries()) {
          expect(one.to).toBeGreaterThanOrEqual(one.from);
          if (i > 0) expect(one.from).toBeGreaterThanOrEqual(drawn[i - 1]!.to);
        }
      },
    ),
  );
});
