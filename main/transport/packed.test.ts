import { Packr } from 'msgpackr/pack';
import { describe, expect, test } from 'vitest';
import { BailoutError } from '../../core/errors.ts';
import { packToPage, unpackToHost } from './packed.ts';

const packr = new Packr({ structuredClone: true });

describe('messages of pages', () => {
  test('are read as they were sent, numbers of any size among them', () => {
    const message = {
      t: 'q',
      m: 'at',
      a: [{ run: 0, step: 2 ** 40, phase: 0 }, 2n ** 63n, undefined, new Uint8Array(3)],
    };
    expect(unpackToHost(packr.pack({ kind: 'rpc', message }))).toEqual({ kind: 'rpc', message });
    expect(unpackToHost(packr.pack({ kind: 'cancel' }))).toEqual({ kind: 'cancel' });
  });

  test.each([
    ['nothing', new Uint8Array(0)],
    ['noise', Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 0xff)],
    ['a number', packr.pack(7)],
    ['another kind', packr.pack({ kind: 'shutdown' })],
    ['a call without a message', packr.pack({ kind: 'rpc' })],
  ])('%s is none', (_what, bytes) => {
    expect(() => unpackToHost(bytes)).toThrow(BailoutError);
  });

  test('messages to pages are packed', () => {
    expect(packr.unpack(packToPage({ kind: 'gone', reason: 'why' }))).toEqual({ kind: 'gone', reason: 'why' });
  });
});
