import { describe, expect, test } from 'vitest';
import { BailoutError } from '../errors.ts';
import { assemble } from './assemble.ts';
import { MEMORY_ACCESS_KINDS, memoryAccess, operandTable, operandsOf, registersOf } from './operands.ts';

const program = (text: string) => assemble(text).instructions;

function readsAndWrites(text: string): [number[], number[]] {
  const { reads, writes } = operandsOf(program(text), 0);
  return [registersOf(reads), registersOf(writes)];
}

describe('registers read and written', () => {
  test.each([
    ['r1 = 5', [], [1]],
    ['r1 = 5 ll', [], [1]],
    ['r1 = r2', [2], [1]],
    ['r1 = (s8)r2', [2], [1]],
    ['w1 += 5', [1], [1]],
    ['r1 += r2', [1, 2], [1]],
    ['r1 = -r1', [1], [1]],
    ['r1 = be16 r1', [1], [1]],
    ['r1 = *(u64 *)(r2 +0)', [2], [1]],
    ['*(u64 *)(r10 -8) = r1', [1, 10], []],
    ['*(u64 *)(r10 -8) = 1', [10], []],
    ['lock *(u64 *)(r1 +0) += r2', [1, 2], []],
    ['r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)', [1, 2], [2]],
    ['r2 = atomic64_xchg((u64 *)(r1 +0), r2)', [1, 2], [2]],
    ['r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)', [0, 1, 2], [0]],
    ['r1 = load_acquire((u64 *)(r2 +0))', [2], [1]],
    ['store_release((u64 *)(r1 +0), r2)', [1, 2], []],
    ['r0 = *(u8 *)skb[0]', [6], [0, 1, 2, 3, 4, 5]],
    ['r0 = *(u8 *)skb[r7 + 0]', [6, 7], [0, 1, 2, 3, 4, 5]],
    ['if r1 == 5 goto +0', [1], []],
    ['if w1 == w2 goto +0', [1, 2], []],
    ['goto +0', [], []],
    ['may_goto +0', [], []],
    ['exit', [0], []],
    ['call 5', [1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]],
    ['nospec', [], []],
  ])('%s reads %j, writes %j', (text, reads, writes) => {
    expect(readsAndWrites(text)).toEqual([reads, writes]);
  });

  test('a call whose prototype is known reads its arguments only', () => {
    expect(registersOf(operandsOf(program('call 5'), 0, () => 2).reads)).toEqual([1, 2]);
    expect(registersOf(operandsOf(program('call 5'), 0, () => 0).reads)).toEqual([]);
  });

  test('there is nothing outside the program', () => {
    expect(() => operandsOf(program('exit'), 1)).toThrow(BailoutError);
  });
});

describe('memory', () => {
  test.each([
    ['r1 = *(s16 *)(r2 -6)', { kind: 'load', size: 2, base: 2, offset: -6, signed: true }],
    ['*(u8 *)(r10 -1) = 7', { kind: 'store', size: 1, base: 10, offset: -1, signed: false }],
    ['*(u64 *)(r10 -8) = r1', { kind: 'store', size: 8, base: 10, offset: -8, signed: false }],
    ['lock *(u32 *)(r1 +4) += r2', { kind: 'atomic', size: 4, base: 1, offset: 4, signed: false }],
    ['r1 = load_acquire((u32 *)(r2 +4))', { kind: 'load', size: 4, base: 2, offset: 4, signed: false }],
    ['store_release((u32 *)(r1 +4), r2)', { kind: 'store', size: 4, base: 1, offset: 4, signed: false }],
    ['r0 = *(u16 *)skb[12]', { kind: 'packet', size: 2, base: undefined, offset: 12, signed: false }],
    ['r0 = *(u16 *)skb[r3 + 12]', { kind: 'packet', size: 2, base: 3, offset: 12, signed: false }],
    ['r1 = 5 ll', undefined],
    ['r1 += r2', undefined],
    ['call 5', undefined],
    ['nospec', undefined],
  ])('%s', (text, expected) => {
    expect(memoryAccess(program(text), 0)).toEqual(expected);
  });
});

test('the table of a program has a row per slot', () => {
  const table = operandTable(program('r1 = 5 ll\n *(u32 *)(r10 -4) = r1\n exit'));
  expect([...table.reads].map(registersOf)).toEqual([[], [], [1, 10], [0]]);
  expect([...table.writes].map(registersOf)).toEqual([[1], [], [], []]);
  expect([...table.memoryKind].map((kind) => MEMORY_ACCESS_KINDS[kind])).toEqual(['none', 'none', 'store', 'none']);
  expect([...table.memorySize]).toEqual([0, 0, 4, 0]);
});
