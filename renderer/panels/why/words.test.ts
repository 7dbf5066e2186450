import { describe, expect, it } from 'vitest';
import type { CausalStepView } from '../../../core/protocol/verifier.ts';
import { claimChange, fileLine, marked, stepPlace, trialText, whereText } from './words.ts';

const STEP: CausalStepView = {
  insn: 59,
  frame: 1,
  function: 'parse',
  line: 45,
  text: 'if (len < 20)',
  change: 'umin 0 → 20',
  failed: false,
};

describe('a source line', () => {
  it('has a caret below what is meant', () => {
    expect(marked('s->row = table[len];', { from: 9, to: 19 })).toEqual({
      before: 's->row = ',
      meant: 'table[len]',
      after: ';',
      caret: '         ^~~~~~~~~~',
    });
  });

  it('has none where nothing is known, or the columns are wrong', () => {
    expect(marked('return 0;')).toEqual({ before: '', meant: '', after: 'return 0;', caret: '' });
    expect(marked('x', { from: 5, to: 9 }).caret).toBe('');
    expect(marked('xy', { from: 1, to: 900 }).caret).toBe(' ^');
  });
});

describe('a step of the causal path', () => {
  it('names its function when that is another one', () => {
    expect(stepPlace(STEP, undefined)).toBe('parse, line 45');
    expect(stepPlace(STEP, STEP)).toBe('line 45');
    expect(stepPlace({ ...STEP, function: 'inspect' }, STEP)).toBe('inspect, line 45');
  });
});

describe('a suggestion', () => {
  it('says where it goes, and what came of trying it', () => {
    expect(whereText({ insn: 66, file: 'a.c', line: 47 })).toBe('before a.c:47');
    expect(whereText({ insn: 66 })).toBe('before insn 66');
    expect(fileLine({ line: 4 })).toBe('');
    expect(fileLine({ file: './a.c', line: 4 })).toBe('a.c:4');
    expect(trialText({ verdict: 'accepted', insns: 412, message: '' })).toBe('tried: accepted, 412 insns');
    expect(trialText({ verdict: 'rejected', insns: 5, message: 'R1 is bad' })).toBe('tried: still rejected, R1 is bad');
    expect(trialText(undefined)).toBe('');
  });
});

describe('what an assertion bought', () => {
  it('is what differs', () => {
    expect(
      claimChange('scalar(smin=0,smax=60,var_off=(0x0; 0x3c))', 'scalar(smin=umin=20,smax=60,var_off=(0x0; 0x3c))'),
    ).toEqual({
      before: 'smin=0',
      after: 'smin=umin=20',
    });
    expect(claimChange('pkt(id=2,off=22,r=0)', 'pkt(id=2,off=22,r=22)')).toEqual({ before: 'r=0', after: 'r=22' });
  });

  it('is all of it when it became something else', () => {
    expect(claimChange('scalar()', '7')).toEqual({ before: 'scalar()', after: '7' });
    expect(claimChange('scalar()', 'scalar(umax=3)')).toEqual({ before: 'anything', after: 'umax=3' });
  });

  it('is nothing when it was known before', () => {
    expect(claimChange('scalar(umax=3)', 'scalar(umax=3)')).toBeUndefined();
  });
});
