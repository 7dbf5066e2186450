import { describe, expect, it } from 'vitest';
import { endText, stepsOf } from './words.ts';

describe('a run in words', () => {
  it('ends with a value and its name, with a fault, or goes on', () => {
    expect(endText({ kind: 'exit', value: 2, name: 'XDP_PASS' })).toBe('XDP_PASS (2)');
    expect(endText({ kind: 'exit', value: -12 })).toBe('-12');
    expect(endText({ kind: 'fault', code: 'FAULT_WILD', message: '…' })).toBe('FAULT_WILD');
    expect(endText(undefined)).toBe('goes on');
  });

  it('has as many steps as lie between its ends', () => {
    const first = { run: 0, step: 0, phase: 0 };
    const run = { index: 0, program: 'p', what: 'program' as const, first, throws: 0 };
    expect(stepsOf(run)).toBeUndefined();
    expect(stepsOf({ ...run, last: { run: 0, step: 164, phase: 14 } })).toBe(164);
  });
});
