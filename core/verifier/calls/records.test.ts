import { describe, expect, it } from 'vitest';
import { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH } from '../../kernel/tables/map-types.ts';
import { Env } from '../context.ts';
import { Log } from '../log.ts';
import { State } from '../state/state.ts';
import { mapRecord } from './records.ts';
import { done, lookUp, map, outcome, program, Types } from './testing/programs.ts';

const types = new Types();
const value = types.of('value', 48, [
  ['lock', types.spinLock, 0],
  ['timer', types.timer, 8],
  ['task', types.taskKptr, 24],
  ['plain', types.u64, 32],
]);
const twoLocks = types.of('two_locks', 16, [
  ['a', types.spinLock, 0],
  ['b', types.spinLock, 8],
]);
const outer = types.of('outer', 64, [['inner', value, 8]]);
const btf = types.open();

const withValue = (valueTypeId: number, valueSize: number, type: number = BPF_MAP_TYPE_ARRAY) => [
  map('m', type, { valueSize, keyTypeId: types.u32, valueTypeId }),
];

function fields(valueTypeId: number, valueSize: number): (readonly [string, number])[] | undefined {
  const maps = withValue(valueTypeId, valueSize);
  const env = new Env(program(done, { maps, btf }), 'linux', new Log(0), [], new State());
  return mapRecord(env, maps[0]!)?.fields.map(({ kind, offset }) => [kind, offset] as const);
}

describe('special fields of map values', () => {
  it('are found where the type says', () => {
    expect(fields(value, 48)).toEqual([
      ['bpf_spin_lock', 0],
      ['bpf_timer', 8],
      ['kptr', 24],
    ]);
  });

  it('are found in nested structs', () => {
    expect(fields(outer, 64)).toEqual([
      ['bpf_spin_lock', 8],
      ['bpf_timer', 16],
      ['kptr', 32],
    ]);
  });

  it('are absent from plain values, and from those that break the rules', () => {
    expect(fields(types.u64, 8)).toBeUndefined();
    expect(fields(twoLocks, 16)).toBeUndefined();
  });
});

describe('kernel pointers in maps', () => {
  const parts = { btf, maps: withValue(value, 48, BPF_MAP_TYPE_HASH) };
  const find = `${lookUp('m')} r6 = r0\n`;
  const take = `r1 = r6\n r1 += 24\n r2 = 0\n call bpf_kptr_xchg\n`;

  it('come out by exchange, and are released', () => {
    expect(outcome(`${find} ${take} if r0 == 0 goto out\n r1 = r0\n call bpf_task_release\n out: ${done}`, parts)).toBe(
      'accepted',
    );
    expect(outcome(`${find} ${take} ${done}`, parts)).toBe(
      'BPF_EXIT instruction in main prog would lead to reference leak',
    );
  });

  it('lie at their offsets', () => {
    const source = `${find} ${take.replace('24', '32')} ${done}`;
    expect(outcome(source, parts)).toBe("off=32 doesn't point to kptr");
  });

  it('are not overwritten', () => {
    expect(outcome(`${find} *(u64 *)(r6 +24) = 0\n ${done}`, parts)).toBe('store to referenced kptr disallowed');
    expect(outcome(`${find} *(u64 *)(r6 +28) = 0\n ${done}`, parts)).toBe('kptr access misaligned expected=24 off=28');
    expect(outcome(`${find} *(u64 *)(r6 +32) = 0\n ${done}`, parts)).toBe('accepted');
  });

  it('are untrusted when only read', () => {
    const source = `${find} r1 = *(u64 *)(r6 +24)\n call bpf_task_release ${done}`;
    expect(outcome(source, parts)).toBe('Possibly NULL pointer passed to trusted arg0');
  });
});

describe('objects of a program', () => {
  it('are dropped', () => {
    // The id is one of the program's own types.
    const source = (rest: string): string =>
      `r1 = ${value}\n r2 = 0\n call bpf_obj_new_impl\n if r0 == 0 goto out\n ${rest} out: ${done}`;
    expect(outcome(source('r1 = r0\n r2 = 0\n call bpf_obj_drop_impl\n'), { btf })).toBe('accepted');
    expect(outcome(source(''), { btf })).toBe('BPF_EXIT instruction in main prog would lead to reference leak');
  });

  it('are structs of the program', () => {
    expect(outcome(`r1 = ${types.u64}\n r2 = 0\n call bpf_obj_new_impl ${done}`, { btf })).toBe(
      'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct',
    );
    expect(outcome(`r1 = ${value}\n r2 = 0\n call bpf_obj_new_impl ${done}`)).toBe(
      'bpf_obj_new/bpf_percpu_obj_new requires prog BTF',
    );
  });
});
