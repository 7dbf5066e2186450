import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallSpan, ResourceSpan, TimelineView } from '../../../core/protocol/timeline.ts';
import { itemAt, tellingOf, tickOf } from './hit.ts';
import { AXIS_HEIGHT, LEFT, lanesOf, pictureOf } from './picture.ts';
import type { Rects, SceneOptions } from './scene.ts';
import { MOST_RECTS, partsOf, sceneOf, shortened } from './scene.ts';

function call(from: number, to: number, depth: number, name = 'f', count = 1): CallSpan {
  return { from, to, depth, name, kind: depth === 0 ? 'program' : 'subprogram', count };
}

function resource(id: number, from: number, to: number | undefined, unwound = false): ResourceSpan {
  const end = to === undefined ? {} : { to };
  return {
    from,
    ...end,
    id,
    row: id - 1,
    name: `bpf_cpumask #${id}`,
    unwound,
    releasedBy: to === undefined ? '' : 'bpf_cpumask_release',
    count: 1,
  };
}

function viewOf(more: Partial<TimelineView> = {}): TimelineView {
  return {
    run: 0,
    from: 0,
    to: 1000,
    first: 0,
    last: 1000,
    calls: [],
    depth: 3,
    points: [],
    resources: [],
    resourceRows: 2,
    throws: [],
    marks: [],
    density: [],
    ...more,
  };
}

const LANES = lanesOf({ depth: 3, resourceRows: 2, isCounted: false });

/** A pixel is a tick: 1,000 ticks in 1,000 pixels. */
const OPTIONS: SceneOptions = {
  view: { from: 0, to: 1000 },
  width: 1000 + LEFT + 12,
  height: 400,
  scrolled: 0,
  now: undefined,
  highlighted: undefined,
  glyph: 6,
  isFinal: true,
};

const rowsOf = (rects: Rects | undefined): number[][] =>
  Array.from({ length: rects?.length ?? 0 }, (_, i) => [...(rects?.data.subarray(i * 4, i * 4 + 4) ?? [])]);

describe('calls', () => {
  it('are bars, a row for each depth', () => {
    const scene = sceneOf(
      [pictureOf(viewOf({ calls: [call(0, 1000, 0, 'classify'), call(100, 300, 1, 'inspect')] }))],
      LANES,
      OPTIONS,
    );
    expect(rowsOf(scene.rects.get('call-0'))).toEqual([[LEFT, 2, 999, 16]]);
    expect(rowsOf(scene.rects.get('call-1'))).toEqual([[LEFT + 100, 20, 199, 16]]);
    expect(scene.labels).toEqual([
      { x: LEFT + 500, y: 10, text: 'classify', on: 'call-0' },
      { x: LEFT + 200, y: 28, text: 'inspect', on: 'call-1' },
    ]);
  });

  it('keep their label in the middle of what is in sight', () => {
    const picture = pictureOf(viewOf({ calls: [call(0, 600, 0, 'classify')] }));
    const scene = sceneOf([picture], LANES, { ...OPTIONS, view: { from: 400, to: 1400 } });
    expect(scene.labels).toEqual([{ x: LEFT + 100, y: 10, text: 'classify', on: 'call-0' }]);
  });

  it('have as much of their label as there is room for', () => {
    const picture = pictureOf(viewOf({ calls: [call(0, 44, 0, 'classify'), call(50, 70, 0, 'classify')] }));
    expect(sceneOf([picture], LANES, OPTIONS).labels.map(({ text }) => text)).toEqual(['class…']);
    expect(shortened('classify', 2)).toBe('');
  });

  it('are joined when they are narrower than a pixel, and gaps between them too', () => {
    const calls = Array.from({ length: 500 }, (_, i) => call(i * 20, i * 20 + 10, 1));
    const scene = sceneOf([pictureOf(viewOf({ calls, to: 10_000, last: 10_000 }))], LANES, {
      ...OPTIONS,
      view: { from: 0, to: 100_000 },
    });
    expect(rowsOf(scene.rects.get('call-1'))).toEqual([[LEFT, 20, 99, 16]]);
  });

  it('never become more rectangles than a frame may have', () => {
    // Bars of a pixel with a pixel between them, in more rows than there are frames.
    const depth = 64;
    const calls = Array.from({ length: depth * 500 }, (_, i) =>
      call((i % 500) * 2, (i % 500) * 2 + 1, Math.floor(i / 500)),
    );
    const lanes = lanesOf({ depth, resourceRows: 0, isCounted: false });
    const scene = sceneOf([pictureOf(viewOf({ calls }))], lanes, { ...OPTIONS, height: 2000 });
    expect(scene.count).toBeLessThanOrEqual(MOST_RECTS);
    expect(scene.count).toBeGreaterThan(0);
  });

  it('cover every pixel of a bar, whatever is joined', () => {
    const gaps = fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 30 })), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 200, max: 5000 }), (parts, span) => {
        let at = 0;
        const calls = parts.map(([before, length]) => {
          const from = at + before;
          at = from + length;
          return call(from, at, 0);
        });
        const scene = sceneOf([pictureOf(viewOf({ calls, to: at, last: at }))], LANES, {
          ...OPTIONS,
          view: { from: 0, to: span },
        });
        const rects = rowsOf(scene.rects.get('call-0'));
        for (const { from, to } of calls) {
          const x = LEFT + (from / span) * 1000;
          const right = LEFT + (to / span) * 1000;
          if (x >= LEFT + 1000) continue;
          const middle = Math.min((x + right) / 2, LEFT + 1000 - 0.5);
          expect(rects.some(([left = 0, , width = 0]) => left - 1 <= middle && middle <= left + width + 1)).toBe(true);
        }
      }),
    );
  });
});

describe('resources', () => {
  const resources = [resource(1, 100, 900, true), resource(2, 500, 700)];
  const paints = (now: number): string[] =>
    [...sceneOf([pictureOf(viewOf({ resources }))], LANES, { ...OPTIONS, now }).rects.keys()].sort();

  it('are filled while they are held, and outlined once they are let go', () => {
    expect(paints(600)).toEqual(['cap', 'held']);
    expect(paints(700)).toEqual(['cap', 'held', 'released']);
    expect(paints(900)).toEqual(['cap', 'released', 'unwound']);
    expect(paints(200)).toEqual(['cap', 'held', 'later']);
  });

  it('say that they are released, where there is room', () => {
    const picture = pictureOf(viewOf({ resources: [resource(1, 0, 200), resource(2, 0, 100)] }));
    expect(sceneOf([picture], LANES, { ...OPTIONS, now: 500 }).labels.map(({ text }) => text)).toEqual([
      'bpf_cpumask #1 · released',
      'bpf_cpumask #2',
    ]);
  });

  it('that are never let go last to the edge', () => {
    const scene = sceneOf([pictureOf(viewOf({ resources: [resource(1, 100, undefined)] }))], LANES, {
      ...OPTIONS,
      now: 200,
    });
    expect(rowsOf(scene.rects.get('held'))).toEqual([[LEFT + 100, LANES.resources.top, 899, 16]]);
  });

  it('are marked when the pointer is on them elsewhere', () => {
    expect(
      sceneOf([pictureOf(viewOf({ resources }))], LANES, { ...OPTIONS, highlighted: 2 }).rects.get('highlight')?.length,
    ).toBe(1);
  });
});

describe('pictures that know parts only', () => {
  it('are drawn where they know something, with the coarse one around them', () => {
    const whole = pictureOf(viewOf());
    const part = pictureOf(viewOf({ from: 200, to: 400 }));
    expect(
      partsOf([whole, part], { from: 100, to: 600 }).map(({ picture, range }) => [
        picture === part,
        range.from,
        range.to,
      ]),
    ).toEqual([
      [false, 100, 200],
      [true, 200, 400],
      [false, 400, 600],
    ]);
    expect(partsOf([whole, part], { from: 250, to: 350 })).toHaveLength(1);
    expect(partsOf([whole, part], { from: 500, to: 600 }).map(({ picture }) => picture)).toEqual([whole]);
  });
});

describe('what is under the pointer', () => {
  const picture = pictureOf(
    viewOf({
      calls: [call(0, 1000, 0, 'classify'), call(100, 300, 1, 'inspect')],
      points: [{ tick: 150, name: 'bpf_cpumask_create', kind: 'kfunc', count: 1, acquires: true }],
      resources: [resource(1, 150, 900, true)],
      throws: [{ from: 890, to: 920, cookie: '0', count: 1 }],
      marks: [{ tick: 500, kind: 'bookmark', label: 'before the loop' }],
    }),
  );
  const at = (tick: number, y: number): string | undefined => {
    const item = itemAt(picture, LANES, 0, { tick, y: y + AXIS_HEIGHT, near: 3 });
    return item === undefined ? undefined : tellingOf(item, 600).title;
  };

  it('is found by lane and tick', () => {
    expect(at(500, 5)).toBe('classify');
    expect(at(200, 25)).toBe('inspect');
    expect(at(400, 25)).toBeUndefined();
    expect(at(153, LANES.points.top + 5)).toBe('bpf_cpumask_create');
    expect(at(300, LANES.resources.top + 5)).toBe('bpf_cpumask #1');
    expect(at(505, -AXIS_HEIGHT + 10)).toBe('before the loop');
    expect(at(900, LANES.resources.top + 25)).toBe('bpf_throw(0)');
  });

  it('may be missed by a little', () => {
    expect(at(98, 25)).toBe('inspect');
    expect(at(302, 25)).toBe('inspect');
  });

  it('moves with the lanes', () => {
    expect(itemAt(picture, LANES, 18, { tick: 200, y: AXIS_HEIGHT + 7, near: 3 })?.kind).toBe('call');
    expect(itemAt(picture, LANES, 18, { tick: 400, y: AXIS_HEIGHT + 7, near: 3 })).toBeUndefined();
  });

  it('tells what it is, how long, and who let it go', () => {
    const item = itemAt(picture, LANES, 0, { tick: 300, y: AXIS_HEIGHT + LANES.resources.top + 5, near: 3 });
    expect(item === undefined ? undefined : tellingOf(item, 600).lines).toEqual([
      'held now · let go by bpf_cpumask_release while unwinding',
      '750 steps · 150 – 900',
    ]);
  });

  it('is gone to at its edge when that is near, else at the place itself', () => {
    const item = { kind: 'call', span: call(100, 300, 1) } as const;
    expect(tickOf(item, { tick: 102.4, y: 0, near: 3 })).toBe(100);
    expect(tickOf(item, { tick: 298, y: 0, near: 3 })).toBe(300);
    expect(tickOf(item, { tick: 200.4, y: 0, near: 3 })).toBe(200);
    expect(tickOf(undefined, { tick: 7.6, y: 0, near: 3 })).toBe(8);
  });
});

describe('lanes', () => {
  it('are higher where there is room, up to a limit', () => {
    const size = { depth: 3, resourceRows: 2, isCounted: false };
    const natural = lanesOf({ ...size, height: 10 });
    expect(lanesOf(size)).toEqual(natural);
    expect(lanesOf({ ...size, height: natural.height * 1.2 }).height).toBeLessThanOrEqual(natural.height * 1.2);
    expect(lanesOf({ ...size, height: 5000 }).height).toBeLessThanOrEqual(natural.height * 1.35);
    expect(lanesOf({ ...size, height: 5000 }).calls.rowHeight).toBe(24);
  });
});

describe('what was only counted', () => {
  const counted = lanesOf({ depth: 3, resourceRows: 2, isCounted: true });
  const whole = pictureOf(viewOf({ countedFrom: 400, density: [4, 0, 0, 16] }));
  const closer = pictureOf(viewOf({ from: 600, to: 800, density: [1], calls: [call(600, 800, 1, 'inspect')] }));

  it('is a zone that says how to see more, and bars of how much happened', () => {
    const scene = sceneOf([whole], counted, OPTIONS);
    expect(scene.zones).toEqual([
      { x: LEFT + 400, width: 600, text: 'single calls were only counted here · zoom in to see them' },
    ]);
    const { top, rowHeight } = counted.counted;
    expect(rowsOf(scene.rects.get('counted'))).toEqual([
      [LEFT, top + rowHeight / 2, 250, rowHeight / 2],
      [LEFT + 750, top, 250, rowHeight],
    ]);
  });

  it('has no zone where a closer picture knows better', () => {
    const scene = sceneOf([whole, closer], counted, OPTIONS);
    expect(scene.zones.map(({ x, width }) => [x - LEFT, width])).toEqual([
      [400, 200],
      [800, 200],
    ]);
    expect(scene.labels.map(({ text }) => text)).toContain('inspect');
  });

  it('does not say that one should zoom in while a better picture is on its way', () => {
    const [zone] = sceneOf([whole], counted, { ...OPTIONS, isFinal: false }).zones;
    expect(zone?.text).toBe('looking closer …');
  });

  it('says of what goes on beyond only how far it was seen', () => {
    const span: CallSpan = { ...call(600, 800, 1, 'inspect'), startsBefore: true, endsAfter: true };
    expect(tellingOf({ kind: 'call', span }, undefined)).toEqual({
      title: 'inspect',
      lines: ['function', 'since before 600 – beyond 800'],
    });
    const held: ResourceSpan = { ...resource(1, 600, 800), endsAfter: true };
    expect(tellingOf({ kind: 'resource', span: held }, 900).lines).toEqual(['held beyond', '600 – beyond 800']);
  });
});
