/** Both forms of naming an exception callback, under both profiles, with every rule of docs/exceptions.md, section 4. */
import { describe, expect, it } from 'vitest';
import type { Profile } from '../../core/exceptions/profile.ts';
import { verify } from '../../core/verifier/verify.ts';
import { load, programOf, run } from './testing/objects.ts';

const object = load('callbacks');
const judge = (name: string, profile?: Profile) =>
  verify(programOf(object, name), { logLevel: 0, ...(profile === undefined ? {} : { profile }) });

describe('a callback that is named by a call', () => {
  it('is the program’s wherever the throw stands', () => {
    expect(run(object, 'throws_before').retval).toBe(42);
    expect(run(object, 'throws_before', { globals: { which: 1 } }).retval).toBe(1);
  });

  it('is verified and known also when nothing throws', () => {
    const { verdict, profile, exceptionCallback } = judge('never_throws');
    expect({ verdict, profile, how: exceptionCallback?.how }).toEqual({
      verdict: 'accepted',
      profile: 'proposal',
      how: 'call',
    });
  });

  it.each([
    ['twice', 'can only be called once to set exception callback'],
    ['from_subprogram', 'can only be called from main prog'],
    ['not_static', 'callback function not static'],
  ])('%s: %s', (name, message) => {
    expect(judge(name).message).toBe(message);
  });

  it('may not throw, nor assert', () => {
    expect(judge('throwing_callback').message).toMatch(
      /^bpf_throw kfunc \(insn \d+\) cannot be called from callback subprog \d+$/,
    );
  });

  it('does not exist under `linux`', () => {
    expect(judge('never_throws', 'linux').message).toBe(
      'calling kernel function bpf_set_exception_callback is not allowed',
    );
  });
});

describe('a callback that is named by a tag', () => {
  it('chooses the profile `linux`, and works under both', () => {
    expect(judge('by_tag').profile).toBe('linux');
    for (const profile of ['linux', 'proposal'] as const)
      expect(run(object, 'by_tag', { profile })).toMatchObject({
        retval: 42,
        callback: { name: 'tagged', how: 'tag' },
      });
  });

  it('leaves no room for another one', () => {
    expect(judge('by_both').message).toBe('can only be called once to set exception callback');
  });
});

describe('no callback', () => {
  it('is refused under `proposal` where the program may not return 0', () => {
    expect(judge('may_not_return_zero', 'proposal').message).toBe(
      'At program exit the register R0 has smin=0 smax=0 should have been in [1, 1]',
    );
    expect(judge('may_not_return_zero', 'linux').message).toBe(
      'At program exit the register R1 has smin=0 smax=0 should have been in [1, 1]',
    );
  });
});
