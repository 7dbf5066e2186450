import { describe, expect, it } from 'vitest';
import { verify } from '../verify.ts';
import type { Parts } from './testing/programs.ts';
import { done, program, Types } from './testing/programs.ts';

const types = new Types();
const cookie = [{ name: 'cookie', type: types.u64 }];
const handler = types.func('handler', types.funcProto(types.u32, cookie));
const binary = types.func('binary', types.funcProto(types.u32, [...cookie, { name: 'extra', type: types.u64 }]));
const btf = types.open();

function outcome(source: string, parts: Parts = {}): string {
  const functions = { handler: { typeId: handler }, other: { typeId: handler }, binary: { typeId: binary } };
  const { verdict, message } = verify(program(source, { btf, functions, ...parts }), { logLevel: 1 });
  return verdict === 'accepted' ? verdict : message;
}

const set = (name: string): string => `r1 = func[${name}]\n call bpf_set_exception_callback\n`;
const unary = (name: string): string => `${name}:\n r0 = 0\n exit\n`;

describe('bpf_set_exception_callback', () => {
  it('names the callback', () => {
    expect(outcome(`${set('handler')} r1 = 1\n call bpf_throw ${done} ${unary('handler')}`)).toBe('accepted');
  });

  it('is called once, even for the same callback', () => {
    expect(outcome(`${set('handler')} ${set('handler')} ${done} ${unary('handler')}`)).toBe(
      'can only be called once to set exception callback',
    );
    expect(outcome(`${set('handler')} ${set('other')} ${done} ${unary('handler')} ${unary('other')}`)).toBe(
      'can only be called once to set exception callback',
    );
  });

  it('wants a function that takes the cookie', () => {
    expect(outcome(`r1 = 0\n call bpf_set_exception_callback ${done}`)).toBe('arg0 expected pointer to func');
    expect(outcome(`${set('binary')} ${done} binary:\n r0 = r2\n exit`)).toBe(
      'exception cb only supports single integer argument',
    );
  });
});
