/** A diagnosis as text: the same for the command line and the shell. */
import { baseName } from '../../object/places.ts';
import type { CausalStep, Diagnosis, DiagnosisPlace, Suggestion, SuggestionPlace, Trial } from './diagnosis.ts';
import { grouped, plural } from './words.ts';

/** How a terminal emphasises; each gives its argument back where there are no colours. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
}

const none = (text: string): string => text;
export const UNPAINTED: Paint = { bold: none, dim: none, good: none, bad: none, warn: none };

/** Steps that are shown; all of them are in the data. */
const SHOWN_STEPS = 12;
const SHOWN_SUGGESTIONS = 3;
/** Columns of text, where a sentence is broken. */
const WIDTH = 100;

/** Everything but the kernel's own line, which stands above. */
export function formatDiagnosis(diagnosis: Diagnosis, paint: Paint): string[] {
  const lines = [
    ...wrapped(diagnosis.title === diagnosis.message ? [] : [diagnosis.title]).map((line) => paint.bold(line)),
    ...wrapped(diagnosis.reason === '' ? [] : [diagnosis.reason]),
    paint.dim(`${diagnosis.categoryName} · ${diagnosis.code}`),
  ];
  if (diagnosis.at !== undefined) lines.push('', ...place(diagnosis.at, paint));
  if (diagnosis.path.length > 1) lines.push('', paint.bold('How it came to be:'), ...steps(diagnosis, paint));
  if (diagnosis.suggestions.length > 0)
    lines.push(
      '',
      paint.bold('What would do:'),
      ...diagnosis.suggestions.slice(0, SHOWN_SUGGESTIONS).flatMap((one) => suggestion(one, paint)),
    );
  return lines;
}

function wrapped(paragraphs: readonly string[], width = WIDTH): string[] {
  return paragraphs.flatMap((text) => {
    const lines: string[] = [];
    let line = '';
    for (const word of text.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    return [...lines, line];
  });
}

/** The line with a caret, and the instruction with its operand marked. */
function place(at: DiagnosisPlace, paint: Paint): string[] {
  const { source } = at;
  const head = `${at.insn}: `;
  const code = `${head}${at.text}`;
  const mark =
    at.operand === undefined
      ? []
      : [`${' '.repeat(head.length + at.operand.start)}${paint.bad('~'.repeat(at.operand.end - at.operand.start))}`];
  if (source === undefined)
    return [`${paint.dim('in')} ${at.function}`, `    ${code}`, ...mark.map((line) => `    ${line}`)];
  const number = String(source.line);
  const gutter = ' '.repeat(number.length);
  const column = source.column > 0 ? `:${source.column}` : '';
  const out = [
    `${paint.dim('-->')} ${baseName(source.file)}:${source.line}${column} ${paint.dim(`in ${at.function}`)}`,
  ];
  if (source.text !== '') {
    const { start, end } = source.range;
    out.push(`${paint.dim(`${gutter} │`)}`, `${paint.dim(`${number} │`)} ${source.text}`);
    out.push(
      `${paint.dim(`${gutter} │`)} ${' '.repeat(start)}${paint.bad(`^${'~'.repeat(Math.max(0, end - start - 1))}`)}`,
    );
  }
  out.push(`${paint.dim(`${gutter} =`)} ${code}`, ...mark.map((line) => `${gutter}   ${line}`));
  return out;
}

function steps({ path, omitted }: Diagnosis, paint: Paint): string[] {
  const last = path.at(-1)!;
  const before = path.slice(0, -1);
  const shown = before.length <= SHOWN_STEPS ? before : [...before.slice(0, 2), ...before.slice(2 - SHOWN_STEPS)];
  const hidden = before.length - shown.length + omitted;
  const rows = [...shown, last].map((step) => cells(step, last));
  const width = (column: number): number => Math.min(56, Math.max(0, ...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row, i) => {
    const [where, line, what, change] = row as [string, string, string, string];
    const isLast = i === rows.length - 1;
    const text = `${where.padEnd(width(0))}  ${paint.dim(line.padEnd(width(1)))}  ${what.padEnd(width(2))}  ${isLast ? paint.bad(change) : paint.dim(change)}`;
    return `  ${isLast ? paint.bad('●') : paint.dim('○')} ${text.trimEnd()}`;
  });
  if (hidden > 0) lines.splice(2, 0, `  ${paint.dim(`  … ${plural(hidden, 'step')} more`)}`);
  return lines;
}

function cells(step: CausalStep, last: CausalStep): string[] {
  const { source } = step;
  const inOther = step.function === last.function ? '' : `${step.function}() `;
  const line = source === undefined ? '' : `line ${source.line}`;
  const way = step.taken === undefined ? '' : step.taken ? '  (jumps)' : '  (goes on)';
  const turns = step.turns > 1 ? `  ×${grouped(step.turns)}` : '';
  return [`insn ${step.insn}`, `${inOther}${line}`.trim(), `${cut(step.what)}${way}${turns}`, step.change];
}

/** The longest description of a step; the source of a macro can be long. */
const LONGEST_WHAT = 44;
const cut = (text: string): string => (text.length <= LONGEST_WHAT ? text : `${text.slice(0, LONGEST_WHAT - 1)}…`);

function suggestion(one: Suggestion, paint: Paint): string[] {
  const [first = '', ...rest] = wrapped([one.text], WIDTH - 4);
  const lines = [`  ${first}`, ...rest.map((line) => `  ${line}`)];
  if (one.code !== undefined) lines.push(`      ${paint.good(one.code)}${trial(one.tried, paint)}`);
  if (one.elsewhere.length > 0)
    lines.push(paint.dim(`      Also ${one.elsewhere.map((other) => elsewhere(other, one.code)).join('; ')}.`));
  return lines;
}

function elsewhere(other: SuggestionPlace, code: string | undefined): string {
  const where = other.line === undefined ? `at instruction ${other.insn}` : `before line ${other.line}`;
  if (other.code === code) return where;
  return `${where} as ${other.code.replace(/;$/, '')}${other.line === undefined ? '' : ` (instruction ${other.insn})`}`;
}

function trial(tried: Trial, paint: Paint): string {
  switch (tried.kind) {
    case 'accepted':
      return paint.dim(`   tried: accepted, ${plural(tried.insns, 'insn')}`);
    case 'rejected':
      return paint.dim(`   tried: the next error is "${tried.message}"`);
    case 'untried':
      return '';
  }
}
