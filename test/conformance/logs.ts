/** Compares our level 2 log with the kernel's, line by line, to find where two verifications part. */
import { normaliseLine } from './compare.ts';

export interface Divergence {
  /** Line in the kernel's log, from 1. */
  readonly line: number;
  readonly kernel: string;
  readonly ours: string;
  /** Lines before it, on which both agree. */
  readonly before: readonly string[];
}

/** Where a log that was too long to keep was cut. */
const cut = '...TRUNCATED';

/** What both logs end with and nobody compares: times, and the summary that the tool which made the log adds. */
const trailer = /^(verification time |SUMMARY |stack depth |processed \d+ insns)/;

/** Source lines and the blank ones before them say nothing about the verification. */
const insignificant = (line: string): boolean => line.trim() === '' || /^;\s/.test(line);

interface NumberedLine {
  readonly number: number;
  readonly text: string;
}

function significantLines(log: string): NumberedLine[] {
  const lines: NumberedLine[] = [];
  const all = log.split('\n');
  for (const [index, line] of all.entries()) {
    if (line.startsWith(cut)) {
      // The line before may be the first half of one.
      lines.pop();
      lines.push({ number: index + 1, text: cut });
      break;
    }
    if (insignificant(line) || trailer.test(line)) continue;
    lines.push({ number: index + 1, text: normaliseLine(line) });
  }
  return lines;
}

/** The first line on which the logs differ; `undefined` when they say the same. */
export function firstDivergence(kernelLog: string, ourLog: string): Divergence | undefined {
  const kernel = significantLines(kernelLog);
  const ours = significantLines(ourLog);
  for (let i = 0; i < Math.max(kernel.length, ours.length); i++) {
    const theirs = kernel[i];
    if (theirs?.text === cut) return undefined;
    const our = ours[i];
    if (theirs?.text === our?.text) continue;
    return {
      line: theirs?.number ?? kernelLog.split('\n').length,
      kernel: theirs?.text ?? '(end of the log)',
      ours: our?.text ?? '(end of the log)',
      before: kernel.slice(Math.max(0, i - 3), i).map(({ text }) => text),
    };
  }
  return undefined;
}

/**
 * A short name for a divergence, so that those with one cause come together: what kind of line the kernel has where we
 * have another, and for a state the first register that differs.
 */
export function divergenceTemplate({ kernel, ours }: Divergence): string {
  const states = [kernel, ours].map(registers);
  if (states[0] !== undefined && states[1] !== undefined && sameInstruction(kernel, ours)) {
    const [theirs, our] = states as [Map<string, string>, Map<string, string>];
    for (const name of new Set([...theirs.keys(), ...our.keys()])) {
      const a = theirs.get(name) ?? '(absent)';
      const b = our.get(name) ?? '(absent)';
      if (a !== b) return `state: ${withoutNumbers(a)}  ours: ${withoutNumbers(b)}`;
    }
  }
  return `${withoutNumbers(kernel)}  ours: ${withoutNumbers(ours)}`.slice(0, 200);
}

const withoutNumbers = (text: string): string =>
  text
    .replace(/0x[0-9a-f]+/g, '#')
    .replace(/-?\b\d+\b/g, '#')
    .replace(/\bR\d+/g, 'R#')
    .slice(0, 160);

const instructionPart = (line: string): string => line.split(';')[0]!.trimEnd();

const sameInstruction = (a: string, b: string): boolean =>
  instructionPart(a).split(': R')[0] === instructionPart(b).split(': R')[0];

/** `R1=ctx() R10=fp0 fp-8=…` as names and values; brackets may hold spaces. */
function registers(line: string): Map<string, string> | undefined {
  const start = line.search(/(?:^|[ ;])(?:R\d+(?:_\w+)?|fp-\d+)=/);
  if (start < 0) return undefined;
  const values = new Map<string, string>();
  const text = line.slice(start);
  const pattern = /(R\d+(?:_\w+)?|fp-\d+|refs|cb|async_cb)=((?:[^ ()]|\((?:[^()]|\([^()]*\))*\))*)/g;
  for (const [, name, value] of text.matchAll(pattern)) values.set(name!, value!);
  return values;
}
