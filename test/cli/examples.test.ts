/** What the examples' comments promise, run through the built command line. */
import { describe, expect, it } from 'vitest';
import { runJson, verifyJson } from './bailout.ts';

const verdicts = (...words: string[]) =>
  verifyJson(...words).programs.map(({ name, verdict, message }) => ({ name, verdict, message }));

describe('packet-parser', () => {
  const object = 'examples/packet-parser.bpf.o';

  it('passes the verifier under both profiles', () => {
    for (const profile of ['proposal', 'linux']) {
      expect(verifyJson(object, '--profile', profile)).toMatchObject({ status: 0, profile });
    }
  });

  it('passes a DNS query on', () => {
    const run = runJson(object, '--scenario', 'examples/packet-parser.json');
    expect(run).toMatchObject({ status: 0, retval: 2, thrown: false, unwound: [], error: null });
  });

  it('bails out of a packet that no sender in its senses makes', () => {
    const run = runJson(object, '--scenario', 'examples/packet-parser-malformed.json');
    expect(run).toMatchObject({ status: 0, retval: 0, thrown: true, cookie: 0, callback: null });
    expect(run.unwound).toEqual([{ subprogram: 'parse_udp', insn: expect.any(Number) as number, released: [] }]);
  });
});

describe('deep-throw', () => {
  const object = 'examples/deep-throw.bpf.o';
  const scenario = ['--scenario', 'examples/deep-throw.json'];

  it('gives back everything that four frames hold, innermost frame and newest first', () => {
    const run = runJson(object, ...scenario);
    expect(run).toMatchObject({ status: 0, profile: 'proposal', retval: 0, thrown: true, cookie: 3, callback: null });
    expect(run.unwound.map(({ subprogram, released }) => [subprogram, ...released.map(({ by }) => by)])).toEqual([
      ['check'],
      ['write_sample', 'bpf_ringbuf_discard', 'bpf_cpumask_release'],
      ['sample_task', 'bpf_task_release'],
      ['deep_throw', 'bpf_iter_num_destroy'],
    ]);
    expect(run.unwound.flatMap(({ released }) => released.map(({ type }) => type))).toEqual([
      'ringbuf record',
      'struct bpf_cpumask',
      'struct task_struct',
      'struct bpf_iter_num',
    ]);
    expect(run.ledger).toEqual({ before: [], after: [] });
  });

  it('sends the records of the tasks before, and never the one that was thrown away', () => {
    const records = runJson(object, ...scenario).output.filter(({ kind }) => kind === 'ringbuf');
    expect(records.map(({ map }) => map)).toEqual(['samples', 'samples']);
  });

  it('counts the samples when nothing is thrown', () => {
    const run = runJson(object, ...scenario, '--global', 'lowest_priority=500');
    expect(run).toMatchObject({ status: 0, retval: 4, thrown: false, ledger: { before: [], after: [] } });
  });

  it('is rejected under the profile of Linux, which cannot clean up', () => {
    expect(verdicts(object, '--profile', 'linux')).toEqual([
      { name: 'deep_throw', verdict: 'rejected', message: 'bpf_throw would lead to reference leak' },
    ]);
  });
});

describe.each([
  ['callback-by-call', 'by_call', 'proposal'],
  ['callback-by-tag', 'by_tag', 'linux'],
])('%s', (name, program, profile) => {
  const run = (...words: string[]) => runJson(`examples/${name}.bpf.o`, '--program', program, ...words);

  it(`chooses the profile ${profile}`, () => {
    expect(verifyJson(`examples/${name}.bpf.o`)).toMatchObject({ status: 0, profile });
  });

  it('turns each cookie into a return value', () => {
    const looped = run('--scenario', 'examples/callback.json');
    expect(looped).toMatchObject({ status: 0, retval: 3, thrown: true, cookie: 2, callback: 'on_exception' });
    expect(run('--packet', '02000000')).toMatchObject({ retval: 1, thrown: true, cookie: 1, callback: 'on_exception' });
  });

  it('is not asked when nothing is thrown', () => {
    const passed = run('--packet', '0200000000010200000000020800');
    expect(passed).toMatchObject({ retval: 2, thrown: false, cookie: null, callback: null });
  });
});

describe('rejected', () => {
  const object = 'examples/rejected.bpf.o';

  it('is rejected without the assertion and accepted with it', () => {
    expect(verdicts(object)).toEqual([
      {
        name: 'rejected',
        verdict: 'rejected',
        message: 'R0 unbounded memory access, make sure to bounds check any such access',
      },
      { name: 'accepted', verdict: 'accepted', message: '' },
    ]);
    expect(verifyJson(object).status).toBe(1);
  });

  it('runs with the class that was promised, and ends where the promise is broken', () => {
    const run = (scenario: string) =>
      runJson(object, '--program', 'accepted', '--scenario', `examples/${scenario}.json`);
    expect(run('rejected')).toMatchObject({ retval: 2, thrown: false });
    expect(run('rejected-broken-promise')).toMatchObject({ retval: 0, thrown: true });
  });

  it('is not run', () => {
    const run = runJson(object, '--program', 'rejected');
    expect(run).toMatchObject({ status: 1, verdict: 'rejected', retval: null, steps: 0 });
    expect(run.error?.code).toBe('PROGRAM_REJECTED');
  });
});
