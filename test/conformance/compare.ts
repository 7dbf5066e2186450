/** Does our result agree with the kernel's? One program at a time, without counting anything. */
import type { ReferenceRow } from './reference.ts';

/** What became of a program here. Only the first two are verdicts. */
export type Outcome =
  | {
      readonly kind: 'accepted' | 'rejected';
      readonly message: string;
      readonly insns: number;
      readonly states: number;
      readonly durationUs: number;
      readonly stackDepth: string;
    }
  /** Our loader refused it: the verifier was not asked. */
  | { readonly kind: 'unloaded'; readonly message: string }
  /** An exception that is no verdict. */
  | { readonly kind: 'crash'; readonly message: string }
  | { readonly kind: 'timeout'; readonly message: string };

/**
 * - `agrees`: same verdict and, when rejected, same last line
 * - `other-line`: both reject, for differently worded reasons
 * - `too-strict`: the kernel accepts it
 * - `too-lenient`: the kernel rejects it
 */
export type Category = 'agrees' | 'other-line' | 'too-strict' | 'too-lenient' | 'unloaded' | 'crash' | 'timeout';

export interface Comparison {
  readonly reference: ReferenceRow;
  readonly outcome: Outcome;
  readonly category: Category;
  readonly sameInsns: boolean;
  readonly sameStates: boolean;
}

/** What differs from machine to machine and boot to boot, and what stands for it. Everything else must be equal. */
const incidental: readonly (readonly [RegExp, string])[] = [
  // One message of the kernel has no newline, so that the statistics follow in the same line.
  [/verification time \d+ usec.*$/, ''],
  // What a 64-bit load of a map, a value or a kernel variable is shown with: direct map, vmalloc or kernel image (x86-64).
  [/(\(18\) r\d+ = )0xffff(?:88|c9|ea|ffff[89a-f])[0-9a-f]+/g, '$1ADDRESS'],
  [/\b(btf_id|BTF ID|BTF id|type_id|vmlinux BTF ID) ?[=#]?\d+/g, '$1 ID'],
  // The kernel's BTF numbers its functions above every helper's number.
  [/#\d{4,}\b/g, '#ID'],
  [/\bfd \d+\b/g, 'fd N'],
];

/** A line of the log without what cannot be equal between two machines. */
export function normaliseLine(line: string): string {
  let text = line.trimEnd();
  for (const [pattern, replacement] of incidental) text = text.replace(pattern, replacement);
  return text;
}

export function compare(reference: ReferenceRow, outcome: Outcome): Comparison {
  const judged = outcome.kind === 'accepted' || outcome.kind === 'rejected';
  return {
    reference,
    outcome,
    category: categorise(reference, outcome),
    sameInsns: judged && outcome.insns === reference.insns,
    sameStates: judged && outcome.states === reference.states,
  };
}

function categorise(reference: ReferenceRow, outcome: Outcome): Category {
  switch (outcome.kind) {
    case 'accepted':
      return reference.verdict === 'accepted' ? 'agrees' : 'too-lenient';
    case 'rejected':
      if (reference.verdict === 'accepted') return 'too-strict';
      return normaliseLine(outcome.message) === normaliseLine(reference.message) ? 'agrees' : 'other-line';
    default:
      return outcome.kind;
  }
}

/** The message with its numbers and names taken out: what messages of one kind have in common. */
export function messageTemplate(message: string): string {
  return normaliseLine(message)
    .replace(/'[^']*'/g, "'…'")
    .replace(/\bR\d+\b/g, 'R#')
    .replace(/0x[0-9a-f]+/g, '#')
    .replace(/-?\b\d+\b/g, '#')
    .replace(/\b(func|function) [\w.]+/g, '$1 …')
    .trim();
}

export interface Figures {
  readonly accepted: number;
  readonly acceptedOf: number;
  readonly rejected: number;
  readonly rejectedOf: number;
  readonly sameLine: number;
  readonly sameInsns: number;
  readonly sameStates: number;
  readonly of: number;
}

/** The figures that count separately: a verifier that accepted everything would agree on 64 % of the verdicts. */
export function figures(comparisons: readonly Comparison[]): Figures {
  const count = (test: (comparison: Comparison) => boolean): number => comparisons.filter(test).length;
  return {
    accepted: count(({ reference, outcome }) => reference.verdict === 'accepted' && outcome.kind === 'accepted'),
    acceptedOf: count(({ reference }) => reference.verdict === 'accepted'),
    rejected: count(({ reference, outcome }) => reference.verdict === 'rejected' && outcome.kind === 'rejected'),
    rejectedOf: count(({ reference }) => reference.verdict === 'rejected'),
    sameLine: count(({ reference, category }) => reference.verdict === 'rejected' && category === 'agrees'),
    sameInsns: count(({ sameInsns }) => sameInsns),
    sameStates: count(({ sameStates }) => sameStates),
    of: comparisons.length,
  };
}

export interface Cluster {
  readonly title: string;
  readonly members: readonly Comparison[];
}

/** Disagreements of one category, gathered by what was said; the largest first. */
export function clusters(comparisons: readonly Comparison[], category: Category): Cluster[] {
  const groups = new Map<string, Comparison[]>();
  for (const comparison of comparisons) {
    if (comparison.category !== category) continue;
    const { outcome, reference } = comparison;
    const ours = outcome.kind === 'accepted' ? '' : messageTemplate(outcome.message);
    const kernels = messageTemplate(reference.message);
    const title =
      category === 'other-line' ? `${ours} | kernel: ${kernels}` : category === 'too-lenient' ? kernels : ours;
    const group = groups.get(title);
    if (group === undefined) groups.set(title, [comparison]);
    else group.push(comparison);
  }
  return [...groups]
    .map(([title, members]) => ({ title, members }))
    .sort((a, b) => b.members.length - a.members.length || (a.title < b.title ? -1 : 1));
}
