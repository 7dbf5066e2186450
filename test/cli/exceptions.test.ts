/** Descriptors, phases and attached programs on the built command line. */
import { describe, expect, it } from 'vitest';
import { bailout, runJson } from './bailout.ts';

const attach = 'test/exceptions/attach.bpf.o';
const deep = ['examples/deep-throw.bpf.o', '--scenario', 'examples/deep-throw.json'];

describe('verify --descriptors', () => {
  it('shows what each frame holds, what lets it go, and what the table costs', () => {
    const { status, stdout } = bailout('verify', 'examples/deep-throw.bpf.o', '--descriptors');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /sample_task +deep-throw\.bpf\.c:\d+ +r6 +struct task_struct +bpf_task_release acquired at \d+/,
    );
    expect(stdout).toMatch(/4 places to unwind from · 4 entries · 56 bytes · \d+ merges · 0 conflicts/);
  });

  it('shows both sides of a conflict', () => {
    const { status, stdout } = bailout(
      'verify',
      'test/exceptions/reject.bpf.o',
      '-p',
      'two_pointer_types',
      '--descriptors',
    );
    expect(status).toBe(1);
    expect(stdout).toMatch(/one path: +struct task_struct released by bpf_task_release/);
    expect(stdout).toMatch(/another path: +struct bpf_cpumask released by bpf_cpumask_release/);
  });
});

describe('run', () => {
  it('--phases tells each phase with the ledger behind it', () => {
    const { stdout } = bailout('run', ...deep, '--phases');
    expect(stdout).toMatch(/14 phases/);
    expect(stdout).toMatch(/not true: r\d <= r\d at deep-throw\.bpf\.c:\d+/);
    expect(stdout).toMatch(
      /release +struct task_struct #\d+ +bpf_task_release r6 = 0x[0-9a-f]+, saved by frame 2 at fp-520 +holds #1\n/,
    );
    expect(stdout).toMatch(/callback +the default one +returns 0 +ledger even\n/);
  });

  it('says the same as data', () => {
    const run = runJson(...deep);
    expect(run.throws).toHaveLength(1);
    const [thrown] = run.throws;
    expect(thrown?.held.map(({ type }) => type)).toEqual([
      'struct bpf_iter_num',
      'struct task_struct',
      'struct bpf_cpumask',
      'ringbuf record',
    ]);
    expect(thrown?.phases.at(-1)).toMatchObject({ kind: 'default-callback', ledger: [] });
    expect(thrown?.assertion).not.toBeNull();
  });

  it('--attach replaces a function; what the replacement throws stays there', () => {
    const words = [attach, '-p', 'target', '--global', 'limit=1000', '--attach', 'throwing_replacement=global_part'];
    const run = runJson(...words);
    expect(run).toMatchObject({ status: 0, retval: 60, thrown: true, error: null });
    expect(run.throws.map(({ program }) => program)).toEqual(['throwing_replacement']);
  });

  it('--attach is refused in the kernel’s words', () => {
    const { status, stdout } = bailout('run', attach, '-p', 'target', '--attach', 'replacement=static_part');
    expect(status).toBe(1);
    expect(stdout).toContain('static_part() is not a global function');
  });
});
