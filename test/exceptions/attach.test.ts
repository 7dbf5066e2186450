/**
 * freplace, fentry and fexit of programs that throw, and by programs that throw: what may be attached where, in the kernel's
 * words, and that each is its own boundary (docs/exceptions.md). First with sources of our own (attach.bpf.c, profile
 * `proposal`), then with the objects of Linux's own tests (profile `linux`, skipped where the corpus is not there).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Profile } from '../../core/exceptions/profile.ts';
import type { Scenario } from '../../core/kernel/scenario.ts';
import type { RunResult } from '../../core/machine/run.ts';
import { runProgram } from '../../core/machine/run.ts';
import { attachToProgram, bpfAttachKind } from '../../core/object/bpf-target.ts';
import type { ObjectFile, Program } from '../../core/object/program.ts';
import { verify } from '../../core/verifier/verify.ts';
import { kernelBtf } from '../conformance/kernel-btf.ts';
import { loadCorpusObject } from '../conformance/loading.ts';
import { corpusFolder } from '../conformance/reference.ts';
import { cookies, load, programOf, releases } from './testing/objects.ts';

function attached(object: ObjectFile, name: string, target: Program, func: string): Program {
  const program = programOf(object, name);
  const kind = bpfAttachKind(program);
  if (kind === undefined) throw new Error(`${name} cannot be attached`);
  return attachToProgram(program, kind, target, func);
}

interface Attach {
  readonly object: ObjectFile;
  readonly program: string;
  readonly to: string;
}

function run(
  object: ObjectFile,
  name: string,
  profile: Profile,
  attach: readonly Attach[],
  scenario: Scenario = {},
): RunResult {
  const program = programOf(object, name);
  const factsOf = (target: Program) => {
    const verification = verify(target, { profile, logLevel: 0 });
    expect([target.name, verification.message]).toEqual([target.name, '']);
    return verification;
  };
  return runProgram({
    object,
    program,
    verification: factsOf(program),
    scenario,
    factsOf,
    attach: attach.map((one) => ({ object: one.object, program: attached(one.object, one.program, program, one.to) })),
  });
}

const own = load('attach');
const withLimit = (limit: number): Scenario => ({ globals: { limit } });
const runOwn = (attach: readonly Omit<Attach, 'object'>[], limit = 1000): RunResult => {
  const result = run(
    own,
    'target',
    'proposal',
    attach.map((one) => ({ object: own, ...one })),
    withLimit(limit),
  );
  expect(result.fault).toBeUndefined();
  expect(result.ledger).toEqual({ before: [], after: [] });
  return result;
};

describe('a replaced function', () => {
  it('is another program', () => {
    expect(runOwn([]).retval).toBe(21 + 60);
    expect(runOwn([{ program: 'replacement', to: 'global_part' }]).retval).toBe(120 + 60);
  });

  it('throws no further than to its caller, which keeps what it holds', () => {
    const result = runOwn([{ program: 'throwing_replacement', to: 'global_part' }]);
    expect(result.retval).toBe(0 + 60);
    expect(cookies(result)).toEqual([7n]);
    expect(releases(result)).toEqual(['throwing_replacement: struct task_struct from r7 by bpf_task_release']);
  });

  it('takes a throw of the original away', () => {
    expect(cookies(runOwn([], 10))).toEqual([5n]);
    expect(cookies(runOwn([{ program: 'replacement', to: 'global_part' }], 10))).toEqual([6n]);
  });
});

describe('a traced function', () => {
  it('returns what it would without', () => {
    const attach = [
      { program: 'on_entry', to: 'static_part' },
      { program: 'on_exit', to: 'static_part' },
      { program: 'on_entry_with_context', to: 'global_part' },
    ];
    expect(runOwn(attach).retval).toBe(21 + 60);
  });

  it('is not disturbed by what its tracing programs throw', () => {
    const attach = [
      { program: 'throwing_entry', to: 'static_part' },
      { program: 'throwing_exit', to: 'static_part' },
    ];
    const result = runOwn(attach);
    expect(result.retval).toBe(21 + 60);
    expect(cookies(result)).toEqual([8n, 9n]);
    expect(releases(result)).toEqual(['throwing_entry: struct task_struct from r6 by bpf_task_release']);
  });

  it('returns to nobody when it throws, so nothing is run after it', () => {
    const attach = [
      { program: 'throwing_entry', to: 'static_part' },
      { program: 'throwing_exit', to: 'static_part' },
    ];
    const result = runOwn(attach, 25);
    expect(result.retval).toBe(0);
    expect(cookies(result)).toEqual([8n, 6n]);
  });

  it('is followed by its fexit programs when it is the main program, which returns after all', () => {
    const result = runOwn([{ program: 'throwing_exit', to: 'target' }], 25);
    expect(result.retval).toBe(0);
    expect(cookies(result)).toEqual([6n, 9n]);
  });
});

const corpus = corpusFolder();
if (corpus === undefined)
  console.log('skipped: the objects of Linux’s exceptions tests are not on this machine (test/conformance/README.md)');
const corpusObject = (name: string): ObjectFile =>
  loadCorpusObject(name, readFileSync(join(corpus ?? '', name)), kernelBtf());

describe.skipIf(corpus === undefined)('Linux’s own programs', () => {
  const object = corpus === undefined ? own : corpusObject('exceptions.bpf.o');
  const ext = corpus === undefined ? own : corpusObject('exceptions_ext.bpf.o');

  const verdicts: readonly (readonly [program: string, target: string, func: string, message: string])[] = [
    ...['pfentry', 'throwing_fentry', 'pfexit', 'throwing_fexit'].map(
      (program) =>
        [
          program,
          'exception_ext_mod_cb_runtime',
          'exception_cb_mod',
          'FENTRY/FEXIT programs cannot attach to exception callback',
        ] as const,
    ),
    [
      'throwing_exception_cb_extension',
      'exception_ext_mod_cb_runtime',
      'exception_cb_mod',
      'Extension programs cannot attach to exception callback',
    ],
    ['throwing_exception_cb_extension', 'exception_ext_mod_cb_runtime', 'exception_cb_mod_global', ''],
    ['throwing_extension', 'exception_ext', 'exception_ext_global', ''],
    ...['pfentry', 'throwing_fentry', 'pfexit', 'throwing_fexit'].flatMap((program) =>
      ['subprog', 'throwing_subprog'].map((func) => [program, 'exception_throw_subprog', func, ''] as const),
    ),
    ['pfmod_ret', 'exception_throw_subprog', 'subprog', "can't modify return codes of BPF programs"],
    ['pfmod_ret', 'exception_throw_subprog', 'global_subprog', "can't modify return codes of BPF programs"],
    ['extension', 'exception_throw_subprog', 'subprog', 'subprog() is not a global function'],
    ['extension', 'exception_throw_subprog', 'throwing_subprog', 'throwing_subprog() is not a global function'],
    ...['extension', 'throwing_extension'].flatMap((program) =>
      ['global_subprog', 'throwing_global_subprog', 'exception_throw_subprog'].map(
        (func) => [program, 'exception_throw_subprog', func, ''] as const,
      ),
    ),
    ['extension', 'exception_throw_subprog', 'no_such_function', "Subprog no_such_function doesn't exist"],
  ];

  it.each(verdicts)('%s on %s %s: %s', (name, target, func, message) => {
    const program = attached(ext, name, programOf(object, target), func);
    const verification = verify(program, { profile: 'linux', logLevel: 0 });
    expect([verification.verdict, verification.message]).toEqual([message === '' ? 'accepted' : 'rejected', message]);
  });

  it('a replaced function that throws is a boundary: 128', () => {
    const attach = [{ object: ext, program: 'throwing_extension', to: 'exception_ext_global' }];
    expect(run(object, 'exception_ext', 'linux', attach)).toMatchObject({ retval: 128 });
  });

  it('so is one that the exception callback calls: 131', () => {
    const attach = [{ object: ext, program: 'throwing_exception_cb_extension', to: 'exception_cb_mod_global' }];
    expect(run(object, 'exception_ext_mod_cb_runtime', 'linux', attach)).toMatchObject({ retval: 131 });
  });

  it('tracing programs leave the result as it is, whether they throw or not', () => {
    for (const program of ['pfentry', 'throwing_fentry', 'pfexit', 'throwing_fexit']) {
      for (const to of ['subprog', 'throwing_subprog']) {
        const result = run(object, 'exception_throw_subprog', 'linux', [{ object: ext, program, to }]);
        expect([program, to, result.fault, result.retval]).toEqual([program, to, undefined, 1]);
      }
    }
  });
});
