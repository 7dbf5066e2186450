/** Memory goes back to what it was, and its hash is the same where it lies and of a copy, whatever was done in between. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newEngine } from './engine/engine.ts';
import { LinearMemory } from './memory.ts';
import { pageTreeHash } from './page-tree.ts';
import type { SetAsideMoment } from './set-aside.ts';

const SIZE = 100_000;

function memoryAndHasher(): { memory: LinearMemory; hash: () => string } {
  const memory = new LinearMemory();
  const nothing = (): number => 0;
  const none = (): void => undefined;
  const engine = newEngine(memory.wasm, { call: nothing, access: nothing, exit: nothing, drain: none, spill: none });
  return { memory, hash: () => memory.hash(engine) };
}

const steps = fc.array(
  fc.tuple(
    fc.constantFrom('allocate', 'free', 'write', 'fill', 'protect', 'hash', 'checkpoint', 'restore', 'aside', 'back'),
    fc.nat(SIZE - 8),
    fc.nat(3),
  ),
  { maxLength: 40 },
);

describe('the hash of memory where it lies', () => {
  it('is that of a checkpoint of it', () => {
    fc.assert(
      fc.property(steps, (done) => {
        const { memory, hash } = memoryAndHasher();
        let live: readonly number[] = [];
        const first = memory.checkpoint();
        const taken = [{ checkpoint: first, live, hash: pageTreeHash(first) }];
        let aside: { readonly moment: SetAsideMoment; readonly live: readonly number[]; hash: string } | undefined;
        for (const [what, n, value] of done) {
          const pick = live[n % Math.max(live.length, 1)];
          if (what === 'allocate') live = [...live, memory.allocate(SIZE - (n % 2) * 90_000)];
          else if (what === 'hash') hash();
          else if (what === 'checkpoint') {
            // As with moments that are set aside.
            const before = value % 2 === 0 ? hash() : undefined;
            const checkpoint = memory.checkpoint();
            const here = pageTreeHash(checkpoint);
            if (before !== undefined) expect(before).toBe(here);
            expect(hash()).toBe(here);
            taken.push({ checkpoint, live, hash: here });
          } else if (what === 'restore') {
            const back = taken[n % taken.length]!;
            memory.restore(back.checkpoint);
            live = back.live;
            expect(hash()).toBe(back.hash);
          } else if (what === 'aside') {
            // Hashing looks at all of memory, and must change nothing: half of the moments are taken without it.
            const here = value % 2 === 0 ? hash() : '';
            aside = { moment: memory.setAside(), live, hash: here };
            if (here === '') aside.hash = hash();
          } else if (what === 'back') {
            if (aside === undefined) continue;
            memory.restore(aside.moment);
            live = aside.live;
            if (value % 2 === 0) expect(hash()).toBe(aside.hash);
          } else if (pick === undefined) continue;
          else if (what === 'free') {
            memory.free(pick);
            live = live.filter((at) => at !== pick);
          } else if (what === 'protect') memory.protect(pick, 8, value === 0 ? 'rw' : 'ro');
          else if (what === 'fill') {
            memory.bytes.fill(value, pick, pick + 10_000);
            memory.touch(pick, 10_000);
          } else if (memory.allocationAt(pick + n)?.offset === pick) memory.writeU64(pick + n, BigInt(value));
        }
        const here = hash();
        expect(pageTreeHash(memory.checkpoint())).toBe(here);
      }),
      { numRuns: 150 },
    );
  });

  it('of a moment that was set aside is good until the next one', () => {
    const { memory, hash } = memoryAndHasher();
    const at = memory.allocate(SIZE);
    memory.writeU8(at, 1);
    const first = memory.setAside();
    const before = hash();
    memory.writeU8(at + 50_000, 2);
    memory.restore(first);
    expect(hash()).toBe(before);
    memory.setAside();
    expect(() => memory.restore(first)).toThrow('Another moment was set aside');
  });

  it('is another when one bit is', () => {
    const { memory, hash } = memoryAndHasher();
    const at = memory.allocate(SIZE);
    memory.bytes.fill(1, at, at + SIZE);
    memory.touch(at, SIZE);
    const before = hash();
    for (const offset of [0, 5000, 70_001, SIZE - 1]) {
      memory.writeU8(at + offset, 3);
      expect(hash()).not.toBe(before);
      memory.writeU8(at + offset, 1);
      expect(hash()).toBe(before);
    }
  });

  it('looks only at what was written since the last time', () => {
    const { memory, hash } = memoryAndHasher();
    const at = memory.allocate(SIZE);
    hash();
    const little = memory.unhashedBytes;
    memory.bytes.fill(1, at, at + SIZE);
    memory.touch(at, SIZE);
    expect(memory.unhashedBytes).toBeGreaterThan(SIZE);
    hash();
    expect(memory.unhashedBytes).toBe(little);
    expect(memory.dirtyBytes).toBeGreaterThan(SIZE);
  });
});
