import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StateMap } from './state.ts';

type Action =
  | { readonly kind: 'set'; readonly key: number; readonly value: number }
  | { readonly kind: 'delete'; readonly key: number }
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'restore'; readonly index: number };

const key = fc.integer({ min: 0, max: 120 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), key, value: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restore' as const), index: fc.nat() }) },
);

describe('a table of the kernel', () => {
  it('is what it was at each checkpoint, in whatever order one goes to them', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
        const table = new StateMap<number, number>();
        let model = new Map<number, number>();
        const kept = [{ checkpoint: table.checkpoint(), model: new Map(model) }];
        for (const step of actions) {
          if (step.kind === 'set') {
            table.set(step.key, step.value);
            model.set(step.key, step.value);
          } else if (step.kind === 'delete') {
            expect(table.delete(step.key)).toBe(model.delete(step.key));
          } else if (step.kind === 'checkpoint') {
            kept.push({ checkpoint: table.checkpoint(), model: new Map(model) });
          } else {
            const place = kept[step.index % kept.length]!;
            table.restore(place.checkpoint);
            model = new Map(place.model);
          }
          expect(table.size).toBe(model.size);
        }
        for (const place of kept) {
          table.restore(place.checkpoint);
          expect(table.entries()).toEqual([...place.model].sort(([a], [b]) => a - b));
          // Another machine with the same history can go there, too.
          const other = new StateMap<number, number>();
          other.set(7, 7);
          other.restore(place.checkpoint);
          expect(other.entries()).toEqual(table.entries());
        }
      }),
    );
  });

  it('writes down what changed and not all of it', () => {
    const table = new StateMap<number, number>();
    for (let i = 0; i < 10_000; i++) table.set(i, i);
    table.checkpoint();
    let written = 0;
    for (let i = 0; i < 1000; i++) {
      table.set(i, -i);
      written += table.checkpoint().changes.length;
    }
    // All of it once more, and each change.
    expect(written).toBeLessThan(12_000);
  });
});
