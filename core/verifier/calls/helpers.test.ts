import { describe, expect, it } from 'vitest';
import { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PROG_ARRAY } from '../../kernel/tables/map-types.ts';
import { check, done, lookUp, map, outcome } from './testing/programs.ts';

const maps = [map('array', BPF_MAP_TYPE_ARRAY)];

describe('calls of helpers', () => {
  it('refuses numbers that are none', () => {
    expect(outcome(`.insn 0x85, 0, 0, 0, 1000 ${done}`)).toBe('invalid func unknown#1000');
  });

  it('refuses what the program type does not have', () => {
    expect(outcome(`call bpf_xdp_adjust_head ${done}`)).toBe(
      'program of this type cannot use helper bpf_xdp_adjust_head#44',
    );
  });

  it('keeps some helpers for programs under the GPL', () => {
    const source = `
      r1 = r10
      r1 += -8
      r2 = 8
      r3 = 0
      call bpf_probe_read_kernel ${done}`;
    expect(outcome(source, { type: 'kprobe', license: 'Proprietary' })).toBe(
      'cannot call GPL-restricted function from non-GPL compatible program',
    );
    expect(outcome(source, { type: 'kprobe' })).toBe('accepted');
  });

  it('tells which register has the wrong type, and what was expected', () => {
    expect(outcome(`r1 = 0; call bpf_map_lookup_elem ${done}`.replaceAll(';', '\n'), { maps })).toBe(
      'R1 type=scalar expected=map_ptr',
    );
  });

  it('finds registers that were never set', () => {
    expect(outcome(`r1 = map[array]\n call bpf_map_lookup_elem ${done}`, { maps })).toBe('R2 !read_ok');
  });

  it('keeps within the stack', () => {
    const source = (off: number): string => `
      r1 = map[array]
      r2 = r10
      r2 += ${off}
      call bpf_map_lookup_elem ${done}`;
    expect(outcome(source(-4), { maps })).toBe('accepted');
    expect(outcome(source(-2), { maps })).toBe('invalid read from stack R2 off=-2 size=4');
    expect(outcome(source(-516), { maps })).toBe('invalid read from stack R2 off=-516 size=4');
  });

  it('sees a result that may be null', () => {
    const source = `
      *(u32 *)(r10 -4) = 0
      r1 = map[array]
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      r0 = *(u64 *)(r0 +0)
      exit`;
    expect(outcome(source, { maps: [map('array', BPF_MAP_TYPE_HASH)] })).toBe(
      "R0 invalid mem access 'map_value_or_null'",
    );
    expect(outcome(`${lookUp('array')} r0 = *(u64 *)(r0 +0)\n exit`, { maps })).toBe('accepted');
    // A constant index below max_entries finds something for sure.
    expect(outcome(source, { maps })).toBe('accepted');
    expect(outcome(source.replace('= 0', '= 4'), { maps })).toBe("R0 invalid mem access 'map_value_or_null'");
  });

  it('wants sizes to be bounded, and within the object', () => {
    const source = (bound: string): string => `
      r6 = *(u32 *)(r1 +0)
      ${bound}
      ${lookUp('array')}
      r1 = r0
      r2 = r6
      call bpf_get_current_comm ${done}`;
    expect(outcome(source('r6 += 1'), { maps, type: 'kprobe' })).toBe(
      "R2 unbounded memory access, use 'var &= const' or 'if (var < const)'",
    );
    expect(outcome(source('r6 = -1'), { maps, type: 'kprobe' })).toBe(
      "R2 min value is negative, either use unsigned or 'var &= const'",
    );
    expect(outcome(source('r6 &= 15\n r6 += 1'), { maps, type: 'kprobe' })).toBe(
      'R1 min value is outside of the allowed memory range',
    );
    expect(outcome(source('r6 &= 7'), { maps, type: 'kprobe' })).toBe('R2 invalid zero-sized read: u64=[0,7]');
    expect(outcome(source('r6 &= 7\n r6 += 1'), { maps, type: 'kprobe' })).toBe('accepted');
  });

  it('lets maps have only the helpers that go with them', () => {
    const source = `
      *(u32 *)(r10 -4) = 0
      r1 = map[other]
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem ${done}`;
    expect(outcome(source, { maps: [map('other', BPF_MAP_TYPE_PROG_ARRAY, { valueSize: 4 })] })).toBe(
      'cannot pass map_type 3 into func bpf_map_lookup_elem#1',
    );
  });

  it('forgets the registers that a call may change', () => {
    expect(outcome(`call bpf_ktime_get_ns\n r0 = r1\n exit`)).toBe('R1 !read_ok');
    expect(outcome(`r6 = r1\n call bpf_ktime_get_ns\n r0 = r6\n exit`, { type: 'kprobe' })).toBe('accepted');
  });

  it('knows packet pointers to be stale after a helper has moved the data', () => {
    const source = (call: string): string => `
      r6 = r1
      r7 = *(u32 *)(r1 +76)
      r8 = *(u32 *)(r1 +80)
      r2 = r7
      r2 += 8
      if r2 > r8 goto out
      r1 = r6
      r2 = 0
      ${call}
      r0 = *(u8 *)(r7 +0)
      out: ${done}`;
    expect(outcome(source(''))).toBe('accepted');
    expect(outcome(source('call bpf_skb_pull_data'))).toBe("R7 invalid mem access 'scalar'");
  });

  it('shows the call and what it returns', () => {
    const { log } = check(`r1 = map[array]\n call bpf_map_lookup_elem ${done}`, { maps });
    expect(log).toContain('call bpf_map_lookup_elem#1');
  });
});
