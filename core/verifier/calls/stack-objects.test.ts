import { describe, expect, it } from 'vitest';
import { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_RINGBUF } from '../../kernel/tables/map-types.ts';
import { check, done, lookUp, map, outcome } from './testing/programs.ts';

const maps = [
  map('ring', BPF_MAP_TYPE_RINGBUF, { keySize: 0, valueSize: 0, maxEntries: 4096 }),
  map('array', BPF_MAP_TYPE_ARRAY, { index: 1, valueSize: 64 }),
];
const verdict = (source: string): string => outcome(source, { maps });

/** Register := an address on the stack. */
const at = (register: string, off: number): string => `${register} = r10\n ${register} += ${off}\n`;

describe('dynptrs', () => {
  const reserve = `
    r1 = map[ring]
    r2 = 8
    r3 = 0
    ${at('r4', -16)}
    call bpf_ringbuf_reserve_dynptr
  `;
  const submit = `${at('r1', -16)} r2 = 0\n call bpf_ringbuf_submit_dynptr\n`;
  const data = `${at('r1', -16)} r2 = 0\n r3 = 8\n call bpf_dynptr_data\n`;
  const fromMemory = `${lookUp('array')} r1 = r0\n r2 = 64\n r3 = 0\n ${at('r4', -16)} call bpf_dynptr_from_mem\n`;

  it('into a ring buffer are given back', () => {
    expect(verdict(`${reserve} ${submit} ${done}`)).toBe('accepted');
    expect(verdict(`${reserve} ${done}`)).toBe('BPF_EXIT instruction in main prog would lead to reference leak');
  });

  it('are made before they are used, once', () => {
    expect(verdict(`${data} ${done}`)).toBe('Expected an initialized dynptr as arg #0');
    expect(verdict(`${reserve} ${reserve} ${submit} ${done}`)).toBe('cannot overwrite referenced dynptr');
    expect(verdict(`${reserve} ${submit} ${submit} ${done}`)).toBe('arg 1 is an unacquired reference');
  });

  it('are of the kind that the helper takes', () => {
    expect(verdict(`${fromMemory} ${submit} ${done}`)).toBe('arg 1 is an unacquired reference');
    const toPacket = `r6 = r1\n r2 = 0\n ${at('r3', -16)} call bpf_dynptr_from_skb\n`;
    expect(verdict(`${toPacket} ${data} ${done}`)).toBe('accepted');
  });

  it('begin where they begin', () => {
    const { message, log } = check(`${fromMemory} ${data.replace('-16', '-12')} ${done}`, { maps });
    expect(message).toBe('Expected an initialized dynptr as arg #0');
    expect(log).toContain('cannot pass in dynptr at an offset=-12\n');
    expect(verdict(`${fromMemory} ${data.replace('-16', '-8')} ${done}`)).toBe(
      'Expected an initialized dynptr as arg #0',
    );
  });

  it('are not read or written but by calls', () => {
    expect(verdict(`${fromMemory} r0 = *(u64 *)(r10 -16)\n exit`)).toBe('invalid read from stack off -16+0 size 8');
    expect(verdict(`${reserve} *(u64 *)(r10 -16) = 0\n ${submit} ${done}`)).toBe('cannot overwrite referenced dynptr');
    expect(verdict(`${fromMemory} *(u64 *)(r10 -16) = 0\n ${data} ${done}`)).toBe(
      'Expected an initialized dynptr as arg #0',
    );
  });

  it('take their slices with them', () => {
    const slice = `${data} if r0 == 0 goto out\n r6 = r0\n *(u64 *)(r6 +0) = 1\n`;
    expect(verdict(`${reserve} ${slice} ${'out:'} ${submit} ${done}`)).toBe('accepted');
    expect(verdict(`${reserve} ${slice} out: ${submit} r0 = *(u64 *)(r6 +0)\n exit`)).toMatch(
      /^R6 (invalid mem access 'scalar'|!read_ok)$/,
    );
  });
});

describe('open-coded iterators', () => {
  const start = `${at('r1', -8)} r2 = 0\n r3 = 10\n call bpf_iter_num_new\n`;
  const next = `${at('r1', -8)} call bpf_iter_num_next\n`;
  const end = `${at('r1', -8)} call bpf_iter_num_destroy\n`;

  it('loop until there is no next element', () => {
    const source = `${start} again: ${next} if r0 == 0 goto out\n r6 = *(u32 *)(r0 +0)\n goto again\n out: ${end} ${done}`;
    const { verdict: outcomeOfLoop, insns } = check(source, { maps });
    expect(outcomeOfLoop).toBe('accepted');
    expect(insns).toBeLessThan(60);
  });

  it('are destroyed', () => {
    expect(verdict(`${start} ${done}`)).toBe('BPF_EXIT instruction in main prog would lead to reference leak');
    expect(verdict(`${start} ${end} ${end} ${done}`)).toBe('expected an initialized iter_num as arg #0');
  });

  it('are made once', () => {
    expect(verdict(`${start} ${start} ${end} ${done}`)).toBe('expected uninitialized iter_num as arg #0');
    expect(verdict(`${next} ${done}`)).toBe('expected an initialized iter_num as arg #0');
  });

  it('are of one kind', () => {
    const source = `${start} ${at('r1', -8)} call bpf_iter_bits_next ${done}`;
    expect(verdict(source)).toBe('expected an initialized iter_bits as arg #0');
  });

  it('are not overwritten', () => {
    expect(verdict(`${start} *(u64 *)(r10 -8) = 0\n ${end} ${done}`)).toBe(
      'expected an initialized iter_num as arg #0',
    );
  });
});
