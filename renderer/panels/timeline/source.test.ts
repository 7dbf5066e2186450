import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TimelineView } from '../../../core/protocol/timeline.ts';
import { axisOf, clamped } from './scale.ts';
import type { Ask } from './source.ts';
import { TimelineSource, askFor, serves } from './source.ts';

/** A session whose answers come when the test says so. */
class Answers {
  readonly asked: Ask[] = [];
  last = 100_000;
  depth = 1;
  readonly #waiting: ((view: TimelineView | undefined) => void)[] = [];

  readonly ask = (ask: Ask): Promise<TimelineView | undefined> => {
    this.asked.push(ask);
    return new Promise((resolve) => this.#waiting.push(resolve));
  };

  /** Answers the oldest question that is open. */
  async answer(isWell = true): Promise<void> {
    const ask = this.asked[this.asked.length - this.#waiting.length];
    const { last } = this;
    const resolve = this.#waiting.shift();
    if (ask === undefined || resolve === undefined) throw new Error('nothing was asked');
    const view = {
      run: 0,
      from: Math.max(0, ask.from),
      to: Math.min(last, ask.to),
      first: 0,
      last,
      depth: this.depth,
      resourceRows: 0,
    };
    resolve(isWell ? { ...view, calls: [], points: [], resources: [], throws: [], marks: [], density: [] } : undefined);
    await new Promise((done) => setTimeout(done));
  }
}

async function opened(): Promise<{ answers: Answers; source: TimelineSource; changes: () => number }> {
  const answers = new Answers();
  let changes = 0;
  const source = new TimelineSource(answers.ask, () => changes++);
  source.want(undefined, 1000);
  await answers.answer();
  return { answers, source, changes: () => changes };
}

describe('parts of a run', () => {
  it('begin with the whole, which tells how long it is', async () => {
    const { answers, source } = await opened();
    expect(answers.asked).toEqual([{ from: 0, to: Number.MAX_SAFE_INTEGER, pixels: 2000 }]);
    expect(source.whole?.view.last).toBe(100_000);
  });

  it('make room for the deepest that was seen, and say whether better ones are on their way', async () => {
    const { answers, source } = await opened();
    const view = { from: 50_000, to: 51_000 };
    source.want(view, 1000);
    expect(source.isServed(view, 1000)).toBe(false);
    answers.depth = 4;
    await answers.answer();
    expect(source.isServed(view, 1000)).toBe(true);
    expect(source.rows).toEqual({ depth: 4, resources: 1 });
    source.clear();
    expect(source.rows).toEqual({ depth: 1, resources: 1 });
  });

  it('are asked for when they come into sight, with room around them', async () => {
    const { answers, source } = await opened();
    source.want({ from: 50_000, to: 51_000 }, 1000);
    expect(answers.asked.at(-1)).toEqual({ from: 49_664, to: 51_200, pixels: 2122 });
    await answers.answer();
    expect(source.pictures({ from: 50_000, to: 51_000 }, 1000).map(({ view }) => view.from)).toEqual([0, 49_664]);
    source.want({ from: 50_150, to: 51_150 }, 1000);
    expect(answers.asked).toHaveLength(2);
  });

  it('are asked for one at a time, and the newest wins', async () => {
    const { answers, source } = await opened();
    for (let from = 0; from < 50_000; from += 1000) source.want({ from, to: from + 500 }, 1000);
    expect(answers.asked).toHaveLength(2);
    await answers.answer();
    expect(answers.asked).toHaveLength(3);
    expect(answers.asked.at(-1)?.to).toBeGreaterThanOrEqual(49_500);
  });

  it('leave something to draw while finer ones are on their way', async () => {
    const { source } = await opened();
    source.want({ from: 10, to: 20 }, 1000);
    expect(source.pictures({ from: 10, to: 20 }, 1000)).toEqual([source.whole]);
  });

  it('are asked for again when the run has grown; until then the old ones are drawn', async () => {
    const { answers, source, changes } = await opened();
    answers.last = 200_000;
    source.refresh();
    expect(source.whole?.view.last).toBe(100_000);
    await answers.answer();
    expect(source.whole?.view.last).toBe(200_000);
    expect(changes()).toBe(2);
  });

  it('of another run are not kept, nor is an answer that comes too late', async () => {
    const { answers, source } = await opened();
    source.want({ from: 10, to: 20 }, 1000);
    source.clear();
    expect(source.whole).toBeUndefined();
    await answers.answer();
    expect(source.whole).toBeUndefined();
    expect(answers.asked.at(-1)?.to).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('are not asked for over and over when the session cannot answer', async () => {
    const { answers, source } = await opened();
    source.want({ from: 10, to: 20 }, 1000);
    await answers.answer(false);
    expect(answers.asked).toHaveLength(2);
    source.want({ from: 10, to: 20 }, 1000);
    expect(answers.asked).toHaveLength(3);
  });
});

describe('a question', () => {
  it('always covers the view, in at least its resolution, and is not much larger', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 1_000_000_000 }), share, share, (last, a, b) => {
        const axis = axisOf(0, last);
        const view = clamped({ from: axis.to * Math.min(a, b), to: axis.to * Math.max(a, b) }, axis);
        const ask = askFor(view, { from: 0, to: last }, 1000);
        expect(ask.from).toBeLessThanOrEqual(view.from);
        expect(ask.to).toBeGreaterThanOrEqual(Math.min(view.to, last));
        expect(ask.to - ask.from).toBeLessThanOrEqual(4 * (view.to - view.from) + 4);
        // Else it would be asked for again and again.
        expect(serves(ask, view, { from: 0, to: last }, 1000)).toBe(true);
        expect(ask.pixels).toBeLessThanOrEqual(4001);
      }),
    );
  });
});
