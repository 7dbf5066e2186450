import { describe, expect, it } from 'vitest';
import type { RegisterView, StackSlotView } from '../../../core/protocol/views.ts';
import { changedBytes, changedRegisters, otherText, valueText } from './changes.ts';

const register = (name: string, value: bigint, more: Partial<RegisterView> = {}): RegisterView => ({
  name,
  value: `0x${BigInt.asUintN(64, value).toString(16)}`,
  decimal: String(value),
  ...more,
});
const fp = register('fp', 0xfff0n);

describe('how a value is written', () => {
  it('names what it points to, writes small numbers in decimal and large ones in hexadecimal', () => {
    expect(valueText(register('r1', 300n))).toBe('300');
    expect(valueText(register('r1', -3n))).toBe('-3');
    expect(valueText(register('r1', 0xdeadbeefn))).toBe('0xdeadbeef');
    expect(valueText(register('r1', 5n, { pointsTo: 'bpf_cpumask #2' }))).toBe('bpf_cpumask #2');
    expect(valueText({})).toBe('–');
  });

  it('keeps the other way to write it', () => {
    expect(otherText(register('r1', 300n))).toBe('0x12c');
    expect(otherText(register('r1', 5n, { pointsTo: 'bpf_cpumask #2' }))).toBe('0x5 = 5');
    expect(otherText({})).toBe('');
  });
});

describe('what a move changed', () => {
  it('tells what a register was', () => {
    const changed = changedRegisters([register('r9', 3n), fp], [register('r9', 2n), fp]);
    expect([...changed]).toEqual([['r9', '2']]);
  });

  it('says nothing of another frame', () => {
    expect(changedRegisters([register('r9', 3n), fp], [register('r9', 2n), register('fp', 0xff00n)]).size).toBe(0);
    expect(changedRegisters([register('r9', 3n), fp], undefined).size).toBe(0);
  });

  it('marks the bytes of a slot that are others, by address', () => {
    const slot = (bytes: string, address = '0x10'): StackSlotView => ({ offset: -8, address, bytes });
    expect(changedBytes(slot('0011'), [slot('0012')])).toEqual([false, true]);
    expect(changedBytes(slot('0011'), [slot('0012', '0x20')])).toEqual([false, false]);
  });
});
