import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import type { Scenario } from '../kernel/scenario.ts';
import { loadObject } from '../object/object.ts';
import type { Verification } from '../verifier/verification.ts';
import { verify } from '../verifier/verify.ts';
import type { RunResult } from './run.ts';
import { runProgram } from './run.ts';

function load(path: string) {
  const bytes = readFileSync(new URL(`../../${path}`, import.meta.url));
  return loadObject(bytes, { name: path, kernelBtf: bundledKernelBtf() });
}

interface How {
  readonly facts?: Partial<Verification>;
  readonly scenario?: Scenario;
  readonly maxSteps?: number;
}

function run(path: string, name: string, how: How = {}): RunResult {
  const object = load(path);
  const program = object.programs.find((candidate) => candidate.name === name)!;
  const verification = { ...verify(program), ...how.facts };
  const { scenario, maxSteps } = how;
  return runProgram({
    object,
    program,
    verification,
    ...(scenario === undefined ? {} : { scenario }),
    ...(maxSteps === undefined ? {} : { maxSteps }),
  });
}

const cleanup = 'test/exceptions/cleanup.bpf.o';

describe('running a program', () => {
  it('tells what a throw released, frame by frame, and that nothing is left', () => {
    const result = run(cleanup, 'four_frames');
    expect(result).toMatchObject({ retval: 0, profile: 'proposal', ledger: { before: [], after: [] } });
    expect(result.fault).toBeUndefined();
    const released = result.throws[0]!.steps.flatMap((step) =>
      step.kind === 'release' ? [`${step.frame} ${step.place} ${step.entry.release}`] : [],
    );
    expect(released).toEqual([
      '3 r7 bpf_task_release',
      '2 r6 bpf_cpumask_release',
      '1 r6 bpf_ringbuf_discard',
      '0 r7 bpf_obj_drop',
    ]);
  });

  it('never passes over a resource that nothing releases', () => {
    expect(run(cleanup, 'four_frames', { facts: { descriptors: [] } }).fault).toMatchObject({
      code: 'UNWIND_LEFT_BEHIND',
    });
  });

  it('runs what the verifier rejected, and says where and why that goes wrong', () => {
    // The metadata says class 255 of 16: the counter would be 2 KB past the array.
    const scenario: Scenario = { context: { packet: { meta: 'ff000000', data: '00'.repeat(64) } } };
    const result = run('examples/rejected.bpf.o', 'rejected', { scenario });
    expect(result.retval).toBeUndefined();
    expect(result.fault).toMatchObject({
      code: 'MACHINE_ACCESS',
      subprogram: 'rejected',
      access: { size: 8, write: false },
    });
    const rejected = load('examples/rejected.bpf.o').programs.find((program) => program.name === 'rejected')!;
    expect(verify(rejected).verdict).toBe('rejected');
  });

  it('ends after as many instructions as it may take', () => {
    const result = run(cleanup, 'three_iterators', { maxSteps: 20 });
    expect(result).toMatchObject({ steps: 20, fault: { code: 'RUN_TOO_LONG' } });
    expect(result.retval).toBeUndefined();
  });
});
