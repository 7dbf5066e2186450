/** Pieces of the verifier's explanation as they stand on the page. */
import type { CausalStepView, SuggestionView, TrialView, VerificationView } from '../../../core/protocol/verifier.ts';
import { count, duration, plural } from '../../common/format.ts';

/** A text before, in and after what is meant; and a caret below it. */
export interface Marked {
  readonly before: string;
  readonly meant: string;
  readonly after: string;
  /** `   ^~~~`, empty when nothing is meant. */
  readonly caret: string;
}

/** `range`: columns, the end exclusive. */
export function marked(text: string, range?: { readonly from: number; readonly to: number }): Marked {
  const from = Math.max(0, Math.min(range?.from ?? 0, text.length));
  const to = Math.max(from, Math.min(range?.to ?? 0, text.length));
  const caret = to > from ? `${' '.repeat(from)}^${'~'.repeat(to - from - 1)}` : '';
  return { before: text.slice(0, from), meant: text.slice(from, to), after: text.slice(to), caret };
}

/** `frame 1, line 57`: what differs from the step before it is what a reader has to know. */
export function stepPlace(step: CausalStepView, before: CausalStepView | undefined): string {
  const isElsewhere = before !== undefined && (before.function !== step.function || before.frame !== step.frame);
  const place = step.line === undefined ? '' : `line ${step.line}`;
  return [isElsewhere || before === undefined ? step.function : '', place].filter((part) => part !== '').join(', ');
}

/** `flow_guard.bpf.c:47`. */
export function fileLine({ file, line }: { readonly file?: string; readonly line?: number }): string {
  if (file === undefined) return '';
  // As compilers write it that were called in the folder of the file.
  const name = file.replace(/^\.\//, '');
  return line === undefined ? name : `${name}:${line}`;
}

export function trialText(tried: TrialView | undefined): string {
  if (tried === undefined) return '';
  return tried.verdict === 'accepted'
    ? `tried: accepted, ${plural(tried.insns, 'insn')}`
    : `tried: still rejected, ${tried.message}`;
}

/** `before line 47`. */
export function whereText(where: SuggestionView['where']): string {
  if (where === undefined) return '';
  return where.line === undefined ? `before insn ${where.insn}` : `before ${fileLine(where)}`;
}

export interface Figure {
  readonly name: string;
  readonly value: string;
}

export function figuresOf(verification: VerificationView): Figure[] {
  const { insns, states, peakStates, durationUs, profile, descriptors, assertions } = verification;
  return [
    { name: 'instructions', value: count(insns) },
    { name: 'states', value: count(states) },
    { name: 'peak states', value: count(peakStates) },
    { name: 'time', value: duration(durationUs) },
    { name: 'profile', value: profile },
    { name: 'descriptors', value: count(descriptors.length) },
    { name: 'assertions', value: count(assertions.length) },
  ];
}

/** Of the kernel's limit on a program's stack, with all frames of the deepest chain of calls: include/linux/filter.h. */
export const STACK_LIMIT = 512;

/** What an assertion told: only the parts of a claim that differ. */
export interface ClaimChange {
  readonly before: string;
  readonly after: string;
}

/** `scalar(smin=0,umax=60)` → `['smin=0', 'umax=60']`; commas inside of brackets do not count. */
function partsOf(claim: string): string[] {
  const open = claim.indexOf('(');
  const inside = open < 0 || !claim.endsWith(')') ? claim : claim.slice(open + 1, -1);
  return inside.split(/,(?![^(]*\))/);
}

/** Undefined when both say the same. */
export function claimChange(before: string, after: string): ClaimChange | undefined {
  if (before === after) return undefined;
  const head = (claim: string): string => claim.split('(', 1)[0] ?? '';
  if (head(before) !== head(after)) return { before, after };
  const [old, now] = [partsOf(before), partsOf(after)];
  return {
    before: old.filter((part) => !now.includes(part)).join(', ') || 'anything',
    after: now.filter((part) => !old.includes(part)).join(', ') || 'anything',
  };
}
