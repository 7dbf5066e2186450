import { describe, expect, it } from 'vitest';
import { BPF_MAP_TYPE_ARRAY } from '../../kernel/tables/map-types.ts';
import { done, lookUp, map, outcome, Types } from './testing/programs.ts';

const types = new Types();
const listHead = types.struct('bpf_list_head', 16, [
  { name: '__opaque', type: types.array(types.u64, 2, types.u32), bitOffset: 0 },
]);
const listNode = types.struct('bpf_list_node', 24, [
  { name: '__opaque', type: types.array(types.u64, 3, types.u32), bitOffset: 0 },
]);
const element = types.of('element', 32, [
  ['value', types.u64, 0],
  ['node', listNode, 8],
]);
const other = types.of('other', 32, [
  ['node', listNode, 0],
  ['value', types.u64, 24],
]);
const queue = types.of('queue', 24, [
  ['lock', types.spinLock, 0],
  ['head', listHead, 8],
]);
types.declTag('contains:element:node', queue, 1);
const btf = types.open();
const parts = {
  btf,
  maps: [map('queues', BPF_MAP_TYPE_ARRAY, { valueSize: 24, keyTypeId: types.u32, valueTypeId: queue })],
};
const verdict = (source: string): string => outcome(source, parts);

/** R6 := the map's value, R7 := a new object. */
const begin = (typeId: number): string => `
  ${lookUp('queues')}
  r6 = r0
  r1 = ${typeId}
  r2 = 0
  call bpf_obj_new_impl
  if r0 == 0 goto out
  r7 = r0
`;
const lock = 'r1 = r6\n call bpf_spin_lock\n';
const unlock = 'r1 = r6\n call bpf_spin_unlock\n';
const push = (nodeOffset: number): string => `
  r1 = r6
  r1 += 8
  r2 = r7
  r2 += ${nodeOffset}
  r3 = 0
  r4 = 0
  call bpf_list_push_front_impl
`;
const drop = 'r1 = r7\n r2 = 0\n call bpf_obj_drop_impl\n';
const out = `out: ${done}`;

describe('lists', () => {
  it('take an object under their lock', () => {
    expect(verdict(`${begin(element)} ${lock} ${push(8)} ${unlock} ${out}`)).toBe('accepted');
    expect(verdict(`${begin(element)} ${push(8)} ${out}`)).toBe(
      'bpf_spin_lock at off=0 must be held for bpf_list_head',
    );
  });

  it('own what was pushed', () => {
    expect(verdict(`${begin(element)} ${lock} ${push(8)} ${unlock} ${drop} ${out}`)).toBe(
      'R1 must be referenced or trusted',
    );
    // Until the lock is given back the object can be read.
    expect(verdict(`${begin(element)} ${lock} ${push(8)} r8 = *(u64 *)(r7 +0)\n ${unlock} ${out}`)).toBe('accepted');
    expect(verdict(`${begin(element)} ${lock} ${push(8)} ${unlock} r8 = *(u64 *)(r7 +0)\n ${out}`)).toBe(
      "R7 invalid mem access 'scalar'",
    );
  });

  it('take objects of their type, by their node', () => {
    expect(verdict(`${begin(element)} ${lock} ${push(0)} ${unlock} ${out}`)).toBe(
      'bpf_list_node not found at offset=0',
    );
    expect(verdict(`${begin(other)} ${lock} ${push(0)} ${unlock} ${drop} ${out}`)).toBe(
      'operation on bpf_list_head expects arg#1 bpf_list_node at offset=8 in struct element, but arg is at offset=0 in struct other',
    );
  });

  it('give back objects that have to be dropped', () => {
    const pop = `r1 = r6\n r1 += 8\n call bpf_list_pop_front\n`;
    const source = (rest: string): string => `
      ${lookUp('queues')}
      r6 = r0
      ${lock} ${pop}
      r7 = r0
      ${unlock}
      if r7 == 0 goto out
      ${rest} ${out}`;
    expect(verdict(source(`r7 += -8\n ${drop}`))).toBe('accepted');
    expect(verdict(source(''))).toBe('BPF_EXIT instruction in main prog would lead to reference leak');
  });
});
