/** What a Linux 6.18 kernel said of each program of the corpus (README.md), and where the corpus is. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ReferenceRow {
  readonly object: string;
  readonly program: string;
  readonly verdict: 'accepted' | 'rejected';
  readonly insns: number;
  readonly states: number;
  readonly durationUs: number;
  readonly stackDepth: string;
  /** Last line before the log's statistics; empty when accepted. */
  readonly message: string;
}

const table = fileURLToPath(new URL('kernel-6.18-selftests-6.12.tsv', import.meta.url));
const columns = ['object', 'program', 'verdict', 'insns', 'states', 'duration_us', 'stack_depth', 'message'];

/** The programs that the kernel's verifier judged, in the order of the table; `unloaded` ones are left out. */
export function readReference(text: string = readFileSync(table, 'utf8')): ReferenceRow[] {
  const [header, ...lines] = text.trimEnd().split('\n');
  if (header !== columns.join('\t')) throw new Error(`The reference has unexpected columns: ${header ?? 'none'}.`);
  const rows: ReferenceRow[] = [];
  for (const line of lines) {
    const [object = '', program = '', verdict = '', insns, states, durationUs, stackDepth = '', message = ''] =
      line.split('\t');
    if (verdict !== 'accepted' && verdict !== 'rejected') continue;
    rows.push({
      object,
      program,
      verdict,
      insns: Number(insns),
      states: Number(states),
      durationUs: Number(durationUs),
      stackDepth,
      message,
    });
  }
  return rows;
}

/** The folder of the compiled selftests; `undefined` when they have not been built on this machine. */
export function corpusFolder(): string | undefined {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = process.env['BAILOUT_CORPUS'] ?? join(cache, 'bailout/selftests');
  return existsSync(join(folder, 'exceptions.bpf.o')) ? folder : undefined;
}

/**
 * A sample that is always the same: programs are ordered by a hash of their names, so that it is spread over all objects
 * and grows by adding.
 */
export function sample(rows: readonly ReferenceRow[], size: number): ReferenceRow[] {
  const hash = (text: string): number => {
    let value = 0x811c9dc5; // FNV-1a
    for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
    return value;
  };
  return rows
    .map((row) => ({ row, key: hash(`${row.object}:${row.program}`) }))
    .sort((a, b) => a.key - b.key)
    .slice(0, size)
    .map(({ row }) => row);
}
