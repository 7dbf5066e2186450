import { describe, expect, test } from 'vitest';
import { assembled } from '../testing/assembled.ts';
import type { SourceAim } from './source.ts';
import { assignedOn, indexOn, sliceOf, sourceAt } from './source.ts';

/** What of a line is marked; `|` in it is the column. */
function marked(line: string, aim: SourceAim): string {
  const column = line.indexOf('|') + 1;
  const text = line.replace('|', '');
  const program = assembled('r0 = 0\nexit', { lineInfo: [{ insn: 0, file: 'a.c', line: 1, column, text }] });
  const source = sourceAt(program, 0, aim)!;
  return source.exact ? sliceOf(source) : '';
}

describe('the part of a line that an instruction came from', () => {
  test.each<[string, SourceAim, string]>([
    ['\ts->row = |table[len];', { kind: 'access' }, 'table[len]'],
    ['\tcounters->packets[class]|++;', { kind: 'access' }, 'counters->packets[class]'],
    ['\treturn |*meta;', { kind: 'access' }, '*meta'],
    ['\tx = a * |b[i];', { kind: 'access' }, 'b[i]'],
    [
      '\tp = |bpf_map_lookup_elem(&map, &key);',
      { kind: 'call', name: 'bpf_map_lookup_elem' },
      'bpf_map_lookup_elem(&map, &key)',
    ],
    ['\tif (|len < 20 && f(x)) {', { kind: 'condition' }, 'if (len < 20 && f(x))'],
    ['\treturn |0;', { kind: 'return' }, 'return 0'],
    ['\tbpf_printk("a[|1] = %d", x);', { kind: 'access' }, ''],
    ['|x', { kind: 'access' }, ''],
  ])('%s', (line, aim, expected) => {
    expect(marked(line, aim)).toBe(expected);
  });
});

test.each([
  ['__u32 len = fl->len;', 'len'],
  ['struct counters *counters = bpf_map_lookup_elem(&classes, &key);', 'counters'],
  ['len += 4;', 'len'],
  ['for (i = 0; i < 6; i++)', 'i'],
  ['if (len == 4)', undefined],
  ['s->len = 4;', undefined],
  ['return x;', undefined],
])('the variable that gets a value: %s', (line, name) => {
  expect(assignedOn(line)).toBe(name);
});

test('the index of a line, when there is one only', () => {
  expect(indexOn('counters->packets[class]++;')).toBe('class');
  expect(indexOn('a[i] = b[j];')).toBeUndefined();
});
