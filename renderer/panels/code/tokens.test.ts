import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { markFound, tokenizeInsn, tokenizeSource } from './tokens.ts';

const kinds = (text: string): string[] =>
  tokenizeSource(text)
    .filter(({ kind }) => kind !== 'plain')
    .map(({ kind, text: word }) => `${kind} ${word}`);

describe('words of a source line', () => {
  it('tells keywords, types, functions and numbers', () => {
    expect(kinds('static __noinline int parse_options(struct flow *fl, __u32 len)')).toEqual([
      'keyword static',
      'keyword __noinline',
      'keyword int',
      'function parse_options',
      'keyword struct',
      'type flow',
      'name fl',
      'type __u32',
      'name len',
    ]);
    expect(kinds('x = 0xffUL + 12;')).toEqual(['name x', 'number 0xffUL', 'number 12']);
  });

  it('tells comments and strings, whole or cut off', () => {
    expect(kinds('f(len); /* has 256 rows */ g')).toEqual([
      'function f',
      'name len',
      'comment /* has 256 rows */',
      'name g',
    ]);
    expect(kinds('/* begins here')).toEqual(['comment /* begins here']);
    expect(kinds('SEC("xdp") \'a\'')).toEqual(['function SEC', 'string "xdp"', "string 'a'"]);
    expect(kinds('"a \\" b')).toEqual(['string "a \\" b']);
  });

  it('asks for a member with what it is a member of', () => {
    const asked = (text: string, word: string): string | undefined =>
      tokenizeSource(text).find((token) => token.text === word)?.expression;
    expect(asked('r = fl->key.len + 1', 'len')).toBe('fl->key.len');
    expect(asked('r = fl->key.len + 1', 'key')).toBe('fl->key');
    expect(asked('r = rows[2].next->size', 'size')).toBe('rows[2].next->size');
    expect(asked('return priority;', 'priority')).toBe('priority');
  });

  it('loses no character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
        expect(
          tokenizeSource(text)
            .map((token) => token.text)
            .join(''),
        ).toBe(text);
        expect(
          tokenizeInsn(text, true)
            .map((token) => token.text)
            .join(''),
        ).toBe(text);
      }),
    );
  });
});

describe('words of an instruction', () => {
  const words = (text: string, hasTarget = false): string[] =>
    tokenizeInsn(text, hasTarget)
      .filter(({ kind }) => kind !== 'plain')
      .map(({ kind, text: word }) => `${kind} ${word}`);

  it('tells registers, which can be asked for with all their bits', () => {
    expect(words('w6 += w10')).toEqual(['register w6', 'register w10']);
    expect(tokenizeInsn('w6 += 1', false)[0]?.expression).toBe('r6');
    expect(words('r1 = *(u32 *)(r10 -8)')).toEqual(['register r1', 'keyword u32', 'register r10', 'number -8']);
  });

  it('marks where a jump or call goes', () => {
    expect(words('if r0 == 0x0 goto pc+9', true)).toEqual([
      'keyword if',
      'register r0',
      'number 0x0',
      'keyword goto',
      'target pc+9',
    ]);
    expect(words('call pc+12#sample_task', true)).toEqual(['keyword call', 'target pc+12#sample_task']);
    expect(words('call bpf_iter_num_new#64242')).toEqual(['keyword call', 'name bpf_iter_num_new#64242']);
  });
});

describe('what a search found', () => {
  const found = (text: string, wanted: string): string =>
    markFound(tokenizeSource(text), wanted)
      .map((token) => (token.isFound ? `<${token.text}>` : token.text))
      .join('');

  it('is marked within words and across them, in large letters and small', () => {
    expect(found('bpf_assert(len, LEN)', 'len')).toBe('bpf_assert(<len>, <LEN>)');
    expect(found('a->b = lens;', 'b = le')).toBe('a-><b>< = ><le>ns;');
    expect(found('x = 1;', 'y')).toBe('x = 1;');
  });

  it('marks all of it and nothing else, whatever is looked for', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab (]{0,20}$/), fc.stringMatching(/^[ab (]{1,3}$/), (text, wanted) => {
        const marked = markFound(tokenizeSource(text), wanted);
        expect(marked.map((token) => token.text).join('')).toBe(text);
        const isFound = marked.flatMap((token) => Array.from(token.text, () => token.isFound === true));
        const expected = Array.from(text, () => false);
        for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length))
          expected.fill(true, at, at + wanted.length);
        expect(isFound).toEqual(expected);
      }),
    );
  });
});
