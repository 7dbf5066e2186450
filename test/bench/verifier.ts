/** How fast the verifier is on the large programs of the corpus, beside the kernel's own time for the same ones. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verify } from '../../core/verifier/verify.ts';
import { loadCorpusObject, referenceProgram } from '../conformance/loading.ts';
import type { ReferenceRow } from '../conformance/reference.ts';
import { corpusFolder, readReference } from '../conformance/reference.ts';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import type { Row } from './report.ts';

/** Instructions processed from which a program counts as large. */
const LARGE = 1000;
/** How many of the largest programs have a row of their own. */
const SHOWN = 12;

interface Timed {
  readonly row: ReferenceRow;
  readonly insns: number;
  readonly durationUs: number;
}

/** Undefined where the corpus is not on this machine. */
export function benchVerifier(): Row[] | undefined {
  const folder = corpusFolder();
  if (folder === undefined) return undefined;
  const rows = readReference().filter(({ insns }) => insns > LARGE);
  const timed = rows.flatMap((row): Timed[] => {
    const object = loadCorpusObject(row.object, readFileSync(join(folder, row.object)), bundledKernelBtf());
    const program = referenceProgram(object, row.program);
    if (program === undefined) return [];
    const { insns, durationUs } = verify(program, { profile: 'linux' });
    return [{ row, insns, durationUs }];
  });
  const sum = (of: (entry: Timed) => number): number => timed.reduce((total, entry) => total + of(entry), 0);
  const ours = sum(({ insns }) => insns) / sum(({ durationUs }) => durationUs);
  const kernel = sum(({ row }) => row.insns) / sum(({ row }) => row.durationUs);
  const largest = timed.sort((a, b) => b.insns - a.insns).slice(0, SHOWN);
  return [
    {
      name: `all ${timed.length} programs over ${LARGE} instructions`,
      what: 'instructions by time, both summed; profile `linux`',
      value: ours,
      text: speeds(ours, kernel),
    },
    ...largest.map(({ row, insns, durationUs }) => ({
      name: row.program,
      what: `${row.object}, ${insns} instructions`,
      value: insns / durationUs,
      text: speeds(insns / durationUs, row.insns / row.durationUs),
    })),
  ];
}

function speeds(ours: number, kernel: number): string {
  return `${ours.toFixed(2)} insn/µs, Linux ${kernel.toFixed(2)}`;
}
