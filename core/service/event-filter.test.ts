import { describe, expect, test } from 'vitest';
import { BailoutError } from '../errors.ts';
import type { Filtered } from './event-filter.ts';
import { parseFilter } from './event-filter.ts';

const EVENT: Filtered = {
  kind: 'helper',
  name: 'bpf_task_acquire',
  detail: '',
  insn: 41,
  resource: 3,
  isKfunc: () => true,
  functionName: () => 'sample_task',
  line: () => 66,
  frame: () => 1,
};

describe('the filter of events', () => {
  test.each([
    '',
    'kfunc',
    'kfunc:bpf_task_acquire',
    'kfunc:task_acquire',
    'kfunc:*acquire',
    'KFUNC:BPF_TASK_*',
    'task',
    'fn:sample_*',
    'insn:41 line:66 frame:1',
    'res:#3',
    'res:3',
    '-frame:0 -throw',
    '-helper',
    'kfunc: task',
  ])('%j holds', (filter) => expect(parseFilter(filter)(EVENT)).toBe(true));

  test.each([
    'helper',
    'kfunc:task',
    'throw',
    '-kfunc',
    '-task',
    'frame:0',
    'fn:sample',
    'res:#4',
    'task nothing',
    'helper:*',
  ])('%j does not', (filter) => expect(parseFilter(filter)(EVENT)).toBe(false));

  test('names with signs are taken as they are', () => {
    expect(parseFilter('kfunc:bpf_task_(.*')(EVENT)).toBe(false);
    expect(parseFilter('"task acq"')({ ...EVENT, detail: 'a task acquired' })).toBe(true);
    expect(parseFilter('http://a')({ ...EVENT, detail: 'http://a/b' })).toBe(true);
  });

  test('a number that is none is said', () => {
    expect(() => parseFilter('insn:x')).toThrow(BailoutError);
    expect(() => parseFilter('frame:')).toThrow(BailoutError);
  });
});
