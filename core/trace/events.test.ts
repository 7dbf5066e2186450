/** Rows of both tables are gone through in the order in which it all happened. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EventIndex, eventCode } from './events.ts';
import type { EventKind } from './events.ts';
import type { Position } from './timeline.ts';

interface Happened {
  readonly kind: EventKind;
  readonly position: Position;
}

/** What one instruction may do, and before it an unwinding: in this order. */
const instruction = fc.record({
  phases: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) }),
  flow: fc.constantFrom<(EventKind | undefined)[]>('call', 'return', undefined, undefined),
  others: fc.array(fc.constantFrom<EventKind[]>('helper', 'map', 'acquire', 'fentry'), { maxLength: 2 }),
  gap: fc.integer({ min: 1, max: 3 }),
});
const runs = fc.array(fc.record({ insns: fc.array(instruction, { maxLength: 12 }), faults: fc.boolean() }), {
  maxLength: 4,
});
const moment = fc.record({ run: fc.nat(4), step: fc.nat(30), phase: fc.constant(0) });

it('are in the order of time, between any two moments and of any kinds', () => {
  const wanted = fc.option(fc.subarray<EventKind>(['call', 'return', 'helper', 'phase', 'fault', 'exit']), {
    nil: undefined,
  });
  fc.assert(
    fc.property(runs, moment, moment, wanted, (made, from, to, kinds) => {
      const all = made.flatMap(({ insns, faults }, run) => happened(insns, faults, run));
      const index = new EventIndex();
      for (const { kind, position } of all) {
        const table = kind === 'call' || kind === 'return' ? index.flow : index.rest;
        table.add(position.run, position.step, position.phase, eventCode(kind), 0, 0, 0);
      }
      const plain = (query: Parameters<EventIndex['events']>[0]): Happened[] =>
        [...index.events(query)].map(({ kind, position }) => ({ kind, position }));
      const only = kinds === undefined ? {} : { kinds };
      const ofKinds = all.filter(({ kind }) => kinds?.includes(kind) !== false);
      expect(plain(only)).toEqual(ofKinds);
      const isFrom = ({ position: { run, step } }: Happened, at: Position): boolean =>
        run > at.run || (run === at.run && step >= at.step);
      const between = ofKinds.filter((one) => isFrom(one, from) && !isFrom(one, to));
      expect(plain({ ...only, from, to })).toEqual(between);
      expect(plain({ ...only, from, to, limit: 3 })).toEqual(between.slice(0, 3));
    }),
  );
});

/** All that some instructions of a run did. */
function happened(
  insns: readonly {
    readonly phases: number;
    readonly flow: EventKind | undefined;
    readonly others: readonly EventKind[];
    readonly gap: number;
  }[],
  faults: boolean,
  run: number,
): Happened[] {
  const all: Happened[] = [];
  let step = 0;
  for (const [i, { phases, flow, others, gap }] of insns.entries()) {
    const add = (kind: EventKind, phase: number): void => void all.push({ kind, position: { run, step, phase } });
    for (let phase = 1; phase <= phases; phase++) add('phase', phase);
    if (flow !== undefined) add(flow, 0);
    for (const other of others) add(other, 0);
    // The last instruction ends with it, whatever it did before, as a call for which there is no more stack.
    if (faults && i === insns.length - 1) add('fault', phases + 1);
    step += gap;
  }
  return all;
}
