import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BailoutError } from '../errors.ts';
import { LinearMemory } from './memory.ts';

const kindOf = (memory: LinearMemory, offset: number, size: number, access: 'read' | 'write') =>
  memory.check(memory.pointer(offset), size, access)?.kind;

describe('pointers', () => {
  it('carry a tag that looks like the kernel’s direct map, so that none is null', () => {
    const memory = new LinearMemory();
    const at = memory.allocate(8);
    expect(memory.pointer(at) >> 32n).toBe(0xffff8880n);
    expect(memory.offset(memory.pointer(at))).toBe(at);
    expect(memory.offset(0x1234n)).toBeUndefined();
    expect(memory.offset(-1n)).toBeUndefined();
  });

  it('are told apart when they are wrong: null, wild, outside, freed', () => {
    const memory = new LinearMemory();
    const at = memory.allocate(12);
    expect(memory.check(8n, 4, 'read')?.kind).toBe('null');
    expect(memory.check(0xdeadbeefn, 4, 'read')?.kind).toBe('wild');
    expect(kindOf(memory, at, 12, 'read')).toBeUndefined();
    expect(kindOf(memory, at + 8, 8, 'read')).toBe('unmapped');
    expect(kindOf(memory, at - 1, 1, 'read')).toBe('unmapped');
    memory.free(at);
    expect(kindOf(memory, at, 1, 'read')).toBe('freed');
  });
});

describe('allocations', () => {
  it('are zeroed and aligned, and known by name also when they are freed', () => {
    const memory = new LinearMemory();
    const at = memory.allocate(20, { label: 'value of map flows' });
    expect(at % 8).toBe(0);
    expect(memory.allocationAt(at + 19)).toEqual({ offset: at, size: 20, label: 'value of map flows', freed: false });
    expect(memory.allocationAt(at + 20)).toBeUndefined();
    memory.free(at);
    expect(memory.allocationAt(at)?.freed).toBe(true);
  });

  it('are not given out again while a use after free should still be caught', () => {
    const memory = new LinearMemory();
    const first = memory.allocate(40);
    memory.writeU64(first, 7n);
    memory.free(first);
    const later: number[] = [];
    for (let i = 0; i < 64; i++) {
      const at = memory.allocate(40);
      later.push(at);
      memory.free(at);
    }
    expect(later).not.toContain(first);
    const again = memory.allocate(40);
    expect(again).toBe(first);
    expect(memory.readU64(again)).toBe(0n);
  });

  it('refuse to be freed twice, and sizes that cannot be', () => {
    const memory = new LinearMemory();
    const at = memory.allocate(8);
    memory.free(at);
    expect(() => memory.free(at)).toThrow(BailoutError);
    expect(() => memory.free(at + 8)).toThrow(BailoutError);
    expect(() => memory.allocate(1 << 30)).toThrow(BailoutError);
    expect(() => memory.allocate(-1)).toThrow(BailoutError);
  });

  it('obey their access', () => {
    const memory = new LinearMemory();
    const ro = memory.allocate(16, { access: 'ro' });
    const trap = memory.allocate(16, { access: 'trap' });
    const none = memory.allocate(16, { access: 'none' });
    expect(kindOf(memory, ro, 16, 'read')).toBeUndefined();
    expect(kindOf(memory, ro, 1, 'write')).toBe('read-only');
    expect(kindOf(memory, trap, 4, 'read')).toBe('trap');
    expect(kindOf(memory, none, 4, 'read')).toBe('unmapped');
    memory.protect(none, 5, 'rw');
    expect(kindOf(memory, none, 5, 'write')).toBeUndefined();
    expect(kindOf(memory, none, 6, 'read')).toBe('unmapped');
  });

  it('never overlap, whatever the order of allocating and freeing', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.boolean()), { maxLength: 200 }), (steps) => {
        const memory = new LinearMemory();
        const live = new Map<number, number>();
        for (const [size, free] of steps) {
          const oldest = live.keys().next().value;
          if (free && oldest !== undefined) {
            memory.free(oldest);
            live.delete(oldest);
          } else live.set(memory.allocate(size), size);
        }
        const sorted = [...live].sort((a, b) => a[0] - b[0]);
        sorted.forEach(([at, size], i) => {
          const next = sorted[i + 1];
          if (next !== undefined) expect(at + size).toBeLessThanOrEqual(next[0] - 16);
        });
      }),
      { numRuns: 20 },
    );
  });
});

describe('checkpoints', () => {
  it('bring back bytes, shadow and the allocator, in any order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('allocate', 'free', 'write', 'checkpoint', 'restore'), fc.nat(60000)), {
          maxLength: 120,
        }),
        (steps) => {
          const memory = new LinearMemory();
          const picture = () => memory.bytes.slice(0x4140000, 0x4240000).join();
          let live: readonly number[] = [];
          const taken = [{ checkpoint: memory.checkpoint(), live, picture: picture() }];
          for (const [what, n] of steps) {
            const pick = live[n % Math.max(live.length, 1)];
            if (what === 'allocate') live = [...live, memory.allocate((n % 3000) + 8)];
            else if (what === 'write' && pick !== undefined) memory.writeU64(pick, BigInt(n));
            else if (what === 'free' && pick !== undefined) {
              memory.free(pick);
              live = live.filter((at) => at !== pick);
            } else if (what === 'checkpoint') {
              if (taken.length < 3) taken.push({ checkpoint: memory.checkpoint(), live, picture: picture() });
            } else if (what === 'restore') {
              const back = taken[n % taken.length]!;
              memory.restore(back.checkpoint);
              live = back.live;
              if (picture() !== back.picture) return false;
              for (const at of live) if (memory.check(memory.pointer(at), 8, 'write') !== undefined) return false;
            }
          }
          return true;
        },
      ),
      { numRuns: 6 },
    );
  });

  it('copy only what changed', () => {
    const memory = new LinearMemory();
    memory.allocate(16 << 20, { label: 'a large map' });
    memory.checkpoint();
    expect(memory.checkpointBytes).toBeLessThan(1 << 20);
    const before = memory.checkpointBytes;
    const at = memory.allocate(8);
    memory.writeU64(at, 1n);
    memory.checkpoint();
    expect(memory.checkpointBytes - before).toBeLessThan(32 << 10);
  });
});
