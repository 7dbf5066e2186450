/** How well rejections are explained: every rejected program of the corpus gets a diagnosis, and what it has is counted. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnosis, DiagnoseOptions } from '../../core/verifier/diagnosis/diagnosis.ts';
import { diagnose } from '../../core/verifier/diagnosis/diagnose.ts';
import type { ObjectFile } from '../../core/object/program.ts';
import { verify } from '../../core/verifier/verify.ts';
import { kernelBtf } from './kernel-btf.ts';
import { loadCorpusObject, referenceProgram } from './loading.ts';
import type { ReferenceRow } from './reference.ts';

export interface Explained {
  readonly name: string;
  readonly message: string;
  readonly diagnosis: Diagnosis | undefined;
  readonly milliseconds: number;
  readonly verifyMilliseconds: number;
}

/** Diagnoses of the rejected programs among the rows, one by one. */
export function* explainAll(
  corpus: string,
  rows: readonly ReferenceRow[],
  options: DiagnoseOptions = {},
): Generator<Explained> {
  let opened: { name: string; object: ObjectFile } | undefined;
  for (const row of rows) {
    if (row.verdict !== 'rejected') continue;
    if (opened?.name !== row.object) {
      const object = loadCorpusObject(row.object, readFileSync(join(corpus, row.object)), kernelBtf());
      opened = { name: row.object, object };
    }
    const program = referenceProgram(opened.object, row.program);
    if (program === undefined || program.loadError !== undefined) continue;
    const began = performance.now();
    const verification = verify(program, { profile: 'linux', logLevel: 0 });
    const verified = performance.now();
    const diagnosis = diagnose(program, verification, options);
    yield {
      name: `${row.object}:${row.program}`,
      message: verification.message,
      diagnosis,
      milliseconds: performance.now() - verified,
      verifyMilliseconds: verified - began,
    };
  }
}

export interface Coverage {
  readonly programs: number;
  readonly diagnosed: number;
  /** With a sentence of our own instead of the kernel's words. */
  readonly titled: number;
  /** That stopped at an instruction, and of these how many say at which. */
  readonly atAnInstruction: number;
  readonly placed: number;
  /** Whose message names a register, and of these how many show how it came to be. */
  readonly namesRegister: number;
  readonly traced: number;
  readonly reasoned: number;
  readonly advised: number;
  readonly tried: number;
  readonly accepted: number;
  readonly missing: readonly string[];
}

/** Messages about the program as a whole, where no instruction is at fault. */
const WHOLE =
  /combined stack size|attach to|licen[cs]e|yet$|multiple exception callback|device-bound|Only those are supported|single integer|too deep|for kernel symbol|use static function|not pointing to valid/;

export function coverage(all: Iterable<Explained>): Coverage {
  const counts = {
    programs: 0,
    diagnosed: 0,
    titled: 0,
    atAnInstruction: 0,
    placed: 0,
    namesRegister: 0,
    traced: 0,
    reasoned: 0,
    advised: 0,
    tried: 0,
    accepted: 0,
  };
  const missing: string[] = [];
  for (const { name, message, diagnosis } of all) {
    counts.programs++;
    if (diagnosis === undefined) {
      missing.push(`${name}: no diagnosis`);
      continue;
    }
    counts.diagnosed++;
    if (diagnosis.title !== diagnosis.message && diagnosis.code !== 'verifier.other') counts.titled++;
    else missing.push(`${name}: title (${message})`);
    if (!WHOLE.test(message)) {
      counts.atAnInstruction++;
      if (diagnosis.at !== undefined) counts.placed++;
      else missing.push(`${name}: place (${message})`);
    }
    if (/\bR\d+\b/.test(message) && !message.startsWith('old state')) {
      counts.namesRegister++;
      if (diagnosis.path.length > 1) counts.traced++;
      else missing.push(`${name}: path (${message})`);
    }
    if (diagnosis.reason !== '') counts.reasoned++;
    if (diagnosis.suggestions.length > 0) counts.advised++;
    else missing.push(`${name}: advice (${message})`);
    if (diagnosis.suggestions.some(({ tried }) => tried.kind !== 'untried')) counts.tried++;
    if (diagnosis.suggestions.some(({ tried }) => tried.kind === 'accepted')) counts.accepted++;
  }
  return { ...counts, missing };
}
