/** What benchmarks measure, and the page that they write. */
import { readFileSync, writeFileSync } from 'node:fs';

export interface Row {
  readonly name: string;
  readonly what: string;
  readonly value: number;
  /** The value with its unit. */
  readonly text: string;
  /** What the project promises. */
  readonly limit?: Limit;
}

export interface Limit {
  readonly kind: 'at most' | 'at least';
  readonly value: number;
  /** The value with its unit. */
  readonly text: string;
}

export function isMissed({ value, limit }: Row): boolean {
  if (limit === undefined) return false;
  return limit.kind === 'at most' ? !(value <= limit.value) : !(value >= limit.value);
}

export function limitText({ limit }: Row): string {
  return limit === undefined ? '' : `${limit.kind} ${limit.text}`;
}

export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;
}

export function percentile(times: readonly number[], part: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? 0;
}

export function percentiles(times: readonly number[]): string {
  return `p50 ${percentile(times, 0.5).toFixed(1)} ms, p99 ${percentile(times, 0.99).toFixed(1)} ms`;
}

/** Milliseconds of the fastest of several rounds: what the code can do when nothing else wants the processor. */
export function best(rounds: number, run: () => unknown): number {
  let least = Infinity;
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

export function table(rows: readonly Row[]): string {
  const hasLimits = rows.some(({ limit }) => limit !== undefined);
  const line = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  if (!hasLimits) {
    const lines = rows.map(({ name, text, what }) => line(name, text, what));
    return ['| | measured | what |', '| --- | --- | --- |', ...lines].join('\n');
  }
  const lines = rows.map((row) => line(row.name, row.text, limitText(row), row.what));
  return ['| | measured | limit | what |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

/** Puts a section between its two marks in a page, or at its end when it has none yet. */
export function writeSection(path: string, title: string, body: string): void {
  const [open, close] = [`<!-- bench:${title} -->`, `<!-- /bench:${title} -->`];
  const section = `${open}\n\n## ${title}\n\n${body}\n\n${close}`;
  const page = read(path);
  const from = page.indexOf(open);
  const to = page.indexOf(close);
  const text =
    from >= 0 && to > from
      ? page.slice(0, from) + section + page.slice(to + close.length)
      : `${page.trimEnd()}\n\n${section}\n`;
  writeFileSync(path, text);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '# Performance\n\nWritten by `npm run bench`, which measures again and replaces the figures. A section each; the processor is named beside it.\n';
  }
}
