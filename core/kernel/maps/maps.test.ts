import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOSPC } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { newKernel, newMap } from '../testing/kernel.ts';
import { HashMap } from './hash.ts';
import type { BpfMap } from './map.ts';
import { BPF_ANY, BPF_EXIST, BPF_NOEXIST } from './map.ts';
import { RingBufferMap } from './ringbuf.ts';
import { MapType } from './store.ts';

/** Writes a key and a value where a map operation finds them. */
class Hand {
  readonly kernel: Kernel;
  readonly map: BpfMap;
  readonly key: number;
  readonly value: number;

  constructor(kernel: Kernel, map: BpfMap) {
    this.kernel = kernel;
    this.map = map;
    this.key = kernel.memory.allocate(16);
    this.value = kernel.memory.allocate(16);
  }

  at(key: number): number {
    this.kernel.memory.writeU32(this.key, key);
    return this.key;
  }

  put(key: number, value: number, flags = BPF_ANY): number {
    this.kernel.memory.writeU64(this.value, BigInt(value));
    return this.map.update(this.at(key), this.value, flags);
  }

  get(key: number): number | undefined {
    const found = this.map.lookup(this.at(key));
    return found === 0 ? undefined : Number(this.kernel.memory.readU64(found));
  }

  remove(key: number): number {
    return this.map.delete(this.at(key));
  }

  entries(): [number, number][] {
    const { memory } = this.kernel;
    const entries: [number, number][] = [];
    for (const { key, value } of this.map.elements())
      entries.push([memory.readU32(key), Number(memory.readU64(value))]);
    return entries;
  }
}

function hand(type: number, maxEntries: number): Hand {
  const kernel = newKernel();
  return new Hand(kernel, newMap(kernel, { type, maxEntries }));
}

const operation = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    key: fc.nat(12),
    value: fc.nat(1000),
    flags: fc.constantFrom(BPF_ANY, BPF_NOEXIST, BPF_EXIST),
  }),
  fc.record({ kind: fc.constant('remove' as const), key: fc.nat(12) }),
  fc.record({ kind: fc.constant('get' as const), key: fc.nat(12) }),
);

describe('hash tables', () => {
  it('behave as a Map that knows the flags and has an end', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const table = hand(MapType.hash, 8);
        const model = new Map<number, number>();
        for (const op of operations) {
          if (op.kind === 'get') expect(table.get(op.key)).toBe(model.get(op.key));
          else if (op.kind === 'remove') expect(table.remove(op.key)).toBe(model.delete(op.key) ? 0 : -ENOENT);
          else {
            const exists = model.has(op.key);
            let expected = 0;
            if (exists && op.flags === BPF_NOEXIST) expected = -EEXIST;
            else if (!exists && op.flags === BPF_EXIST) expected = -ENOENT;
            else if (!exists && model.size >= 8) expected = -E2BIG;
            expect(table.put(op.key, op.value, op.flags)).toBe(expected);
            if (expected === 0) model.set(op.key, op.value);
          }
        }
        // The order of iteration is the order of insertion, as a Map's is.
        expect(table.entries()).toEqual([...model]);
        expect(table.map.count).toBe(model.size);
      }),
      { numRuns: 150 },
    );
  });

  it('show an old value to who holds a pointer to it, also after an update', () => {
    const table = hand(MapType.hash, 8);
    table.put(1, 10);
    const pointer = table.map.lookup(table.at(1));
    table.put(1, 11);
    expect(table.kernel.memory.readU64(pointer)).toBe(10n);
    expect(table.get(1)).toBe(11);
  });

  it('refuse unknown flags', () => {
    expect(hand(MapType.hash, 8).put(1, 1, 3n)).toBe(-EINVAL);
    expect(hand(MapType.hash, 8).put(1, 1, 4n)).toBe(-EINVAL);
  });

  it('keep a value per CPU where they are per-CPU', () => {
    const table = hand(MapType.perCpuHash, 8);
    table.put(1, 10);
    table.kernel.cpu = 1;
    expect(table.get(1)).toBe(0);
    table.put(1, 20);
    table.kernel.cpu = 0;
    expect(table.get(1)).toBe(10);
    expect(table.kernel.memory.readU64(table.map.lookupCpu(table.at(1), 1))).toBe(20n);
  });
});

describe('LRU hash tables', () => {
  it('evict what was not used for longest', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const table = hand(MapType.lruHash, 5);
        const model = new Map<number, number>();
        const use = (key: number, value: number): void => {
          model.delete(key);
          model.set(key, value);
        };
        for (const op of operations) {
          const known = model.get(op.key);
          if (op.kind === 'get') {
            expect(table.get(op.key)).toBe(known);
            if (known !== undefined) use(op.key, known);
          } else if (op.kind === 'remove') {
            table.remove(op.key);
            model.delete(op.key);
          } else if (table.put(op.key, op.value, op.flags) === 0) {
            if (known === undefined && model.size === 5) model.delete([...model.keys()][0]!);
            use(op.key, op.value);
          }
        }
        expect(table.entries()).toEqual([...model]);
      }),
      { numRuns: 150 },
    );
  });
});

describe('arrays', () => {
  it('have all their elements from the start', () => {
    const array = hand(MapType.array, 4);
    expect(array.get(3)).toBe(0);
    expect(array.get(4)).toBeUndefined();
    expect(array.put(3, 7)).toBe(0);
    expect(array.entries()).toEqual([[0, 0], [1, 0], [2, 0], [3, 7]]); // prettier-ignore
    expect(array.put(4, 7)).toBe(-E2BIG);
    expect(array.put(0, 7, BPF_NOEXIST)).toBe(-EEXIST);
    expect(array.remove(0)).toBe(-EINVAL);
  });

  it('do not let a program run over the end of an element', () => {
    const kernel = newKernel();
    const map = newMap(kernel, { type: MapType.array, valueSize: 5, maxEntries: 2 });
    const key = kernel.memory.allocate(4);
    const pointer = kernel.memory.pointer(map.lookup(key));
    expect(kernel.memory.check(pointer, 5, 'write')).toBeUndefined();
    expect(kernel.memory.check(pointer, 6, 'read')?.kind).toBe('unmapped');
  });
});

describe('queues and stacks', () => {
  it.each([
    ['queue', MapType.queue],
    ['stack', MapType.stack],
  ])('a %s gives values out in its order', (name, type) => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(1000), fc.constantFrom('pop' as const, 'force' as const)), { maxLength: 40 }),
        (operations) => {
          const kernel = newKernel();
          const map = newMap(kernel, { type, keySize: 0, maxEntries: 3 });
          const value = kernel.memory.allocate(8);
          const model: number[] = [];
          for (const op of operations) {
            if (op === 'pop') {
              const expected = name === 'queue' ? model.shift() : model.pop();
              expect(map.peek(value, true)).toBe(expected === undefined ? -ENOENT : 0);
              if (expected !== undefined) expect(kernel.memory.readU64(value)).toBe(BigInt(expected));
              continue;
            }
            const flags = op === 'force' ? BPF_EXIST : BPF_ANY;
            const number = op === 'force' ? 5 : op;
            kernel.memory.writeU64(value, BigInt(number));
            const full = model.length === 3;
            expect(map.push(value, flags)).toBe(full && flags === BPF_ANY ? -E2BIG : 0);
            if (full && flags === BPF_EXIST) model.shift();
            if (!full || flags === BPF_EXIST) model.push(number);
          }
          expect(map.count).toBe(model.length);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('a bloom filter never misses what was pushed', () => {
    const kernel = newKernel();
    const map = newMap(kernel, { type: MapType.bloomFilter, keySize: 0, maxEntries: 100, extra: 3n });
    const value = kernel.memory.allocate(8);
    for (let i = 0; i < 100; i++) {
      kernel.memory.writeU64(value, BigInt(i * 7919));
      expect(map.push(value, BPF_ANY)).toBe(0);
    }
    let wrong = 0;
    for (let i = 0; i < 1000; i++) {
      kernel.memory.writeU64(value, BigInt(i * 7919));
      const found = map.peek(value, false) === 0;
      if (i < 100) expect(found).toBe(true);
      else if (found) wrong++;
    }
    expect(wrong).toBeLessThan(100);
  });
});

describe('LPM tries', () => {
  it('find the longest prefix, and walk as the kernel does', () => {
    const bits = fc.record({ length: fc.nat(8), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 12 }), fc.nat(255), (prefixes, address) => {
        const kernel = newKernel();
        const map = newMap(kernel, { type: MapType.lpmTrie, keySize: 5, valueSize: 8, maxEntries: 100 });
        const key = kernel.memory.allocate(8);
        const value = kernel.memory.allocate(8);
        const set = (length: number, byte: number): number => {
          kernel.memory.writeU32(key, length);
          kernel.memory.writeU8(key + 4, byte);
          return key;
        };
        const model = new Map<string, number>();
        const binary = (byte: number): string => byte.toString(2).padStart(8, '0');
        prefixes.forEach(({ length, byte }, i) => {
          kernel.memory.writeU64(value, BigInt(i));
          expect(map.update(set(length, byte), value, BPF_ANY)).toBe(0);
          model.set(binary(byte).slice(0, length), i);
        });
        const matching = [...model.keys()].filter((prefix) => binary(address).startsWith(prefix));
        const best = matching.sort((a, b) => b.length - a.length)[0];
        const found = map.lookup(set(8, address));
        expect(found === 0 ? undefined : Number(kernel.memory.readU64(found))).toBe(
          best === undefined ? undefined : model.get(best),
        );
        const walked = [...map.elements()].map((element) =>
          binary(kernel.memory.readU8(element.key + 4)).slice(0, kernel.memory.readU32(element.key)),
        );
        // Postorder: children before their parent, the 0 side before the 1 side.
        const postorder = (prefix: string): string[] =>
          prefix.length > 8
            ? []
            : [...postorder(`${prefix}0`), ...postorder(`${prefix}1`), ...(model.has(prefix) ? [prefix] : [])];
        expect(walked).toEqual(postorder(''));
      }),
      { numRuns: 60 },
    );
  });

  it('refuse prefixes that are too long, and end', () => {
    const kernel = newKernel();
    const map = newMap(kernel, { type: MapType.lpmTrie, keySize: 5, maxEntries: 1 });
    const key = kernel.memory.allocate(8);
    const value = kernel.memory.allocate(8);
    kernel.memory.writeU32(key, 9);
    expect(map.update(key, value, BPF_ANY)).toBe(-EINVAL);
    kernel.memory.writeU32(key, 8);
    expect(map.update(key, value, BPF_ANY)).toBe(0);
    kernel.memory.writeU32(key, 0);
    expect(map.update(key, value, BPF_ANY)).toBe(-ENOSPC);
  });
});

describe('ring buffers', () => {
  function ring(): { kernel: Kernel; map: RingBufferMap } {
    const kernel = newKernel();
    const map = newMap(kernel, { type: MapType.ringBuffer, keySize: 0, valueSize: 0, maxEntries: 4096 });
    if (!(map instanceof RingBufferMap)) throw new Error('no ring buffer');
    return { kernel, map };
  }

  it('let a program touch a record only between reserving and submitting it', () => {
    const { kernel, map } = ring();
    const record = map.reserve(16);
    const pointer = kernel.memory.pointer(record);
    expect(kernel.memory.check(pointer, 16, 'write')).toBeUndefined();
    expect(kernel.memory.check(pointer, 17, 'write')?.kind).toBe('unmapped');
    map.commit(record, false);
    expect(kernel.memory.check(pointer, 1, 'read')?.kind).toBe('unmapped');
  });

  it('hand records to user space in the order of reservation, and drop discarded ones', () => {
    const { kernel, map } = ring();
    const records = [1, 2, 3].map((n) => {
      const record = map.reserve(8);
      kernel.memory.writeU64(record, BigInt(n));
      return record;
    });
    map.commit(records[2]!, false);
    expect(kernel.output.total).toBe(0);
    map.commit(records[0]!, false);
    map.commit(records[1]!, true);
    expect(kernel.output.newest().lines.map((line) => line.bytes?.[0])).toEqual([1, 3]);
  });

  it('are full at size minus one, until user space reads', () => {
    const { kernel, map } = ring();
    let count = 0;
    for (let record = map.reserve(504); record !== 0; record = map.reserve(504)) {
      map.commit(record, false);
      count++;
    }
    expect(count).toBe(7);
    expect(map.query(0n)).toBe(3584n);
    kernel.end();
    expect(map.query(0n)).toBe(0n);
    // The record crosses the end of the ring and is still in one piece.
    const record = map.reserve(2000);
    expect(kernel.memory.check(kernel.memory.pointer(record), 2000, 'write')).toBeUndefined();
  });
});

describe('checkpoints', () => {
  it('bring maps back with the memory', () => {
    const table = hand(MapType.hash, 100);
    for (let i = 0; i < 20; i++) table.put(i, i);
    const checkpoint = table.kernel.checkpoint();
    for (let i = 0; i < 60; i++) table.put(i, 2 * i);
    for (let i = 0; i < 10; i++) table.remove(i);
    table.kernel.restore(checkpoint);
    expect(table.entries()).toEqual(Array.from({ length: 20 }, (_, i) => [i, i]));
    expect(table.map instanceof HashMap && table.map.table.count).toBe(20);
  });
});
