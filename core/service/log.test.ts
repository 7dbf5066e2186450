import { expect, test } from 'vitest';
import type { Verification } from '../verifier/verification.ts';
import { serviceWith } from './testing/host.ts';
import { Log } from './log.ts';

const log = (text: string, message = ''): Log =>
  new Log({ log: text, verdict: message === '' ? 'accepted' : 'rejected', message } as Verification);

test('lines are counted whether or not the last one ends', () => {
  expect(log('').length).toBe(0);
  expect(log('a\nb').lines(0, 9)).toEqual(log('a\nb\n').lines(0, 9));
  expect(
    log('a\n\nb\n')
      .lines(0, 9)
      .map(({ text }) => text),
  ).toEqual(['a', '', 'b']);
});

test('each line has its kind', () => {
  const text = [
    'func#0 @0',
    '0: R1=ctx() R10=fp0',
    '; int x = 1; @ a.c:3',
    '0: (b7) r0 = 0                        ; R0_w=0',
    'from 4 to 7: R0=1 R10=fp0',
    'R1 invalid mem access',
    'processed 4 insns (limit 1000000)',
  ].join('\n');
  const lines = log(text, 'R1 invalid mem access').lines(0, 10);
  expect(lines.map(({ kind }) => kind)).toEqual(['other', 'state', 'source', 'insn', 'state', 'error', 'other']);
  expect(lines.map(({ insn }) => insn)).toEqual([undefined, 0, undefined, 0, 7, undefined, undefined]);
  expect(log(text, 'R1 invalid mem access').summary()).toEqual({ lines: 7, errorLine: 5 });
});

test('a long log is searched and shown anywhere', () => {
  const many = Array.from({ length: 100_000 }, (_, i) => `${i}: (b7) r0 = ${i % 7}`).join('\n');
  const long = log(many);
  expect(long.length).toBe(100_000);
  expect(long.lines(99_999, 200_000)).toEqual([{ text: '99999: (b7) r0 = 4', kind: 'insn', insn: 99_999 }]);
  expect(long.search('r0 = 3').total).toBe(14_286);
  expect(long.search('no such thing')).toEqual({ rows: [], total: 0 });
  expect(long.linesOf(77)).toEqual({ rows: [77], total: 1 });
});

test('of an accepted program there is no line of an error', () => {
  const service = serviceWith('deep-throw');
  expect(service.log('deep_throw', 1).errorLine).toBeUndefined();
});
