/** The table of what the verifier says, in the order in which it is looked up. */
import type { Case, Explanation, Rule } from './case.ts';
import { CALLS } from './rules/calls.ts';
import { MEMORY } from './rules/memory.ts';
import { POINTERS } from './rules/pointers.ts';
import { RESOURCES } from './rules/resources.ts';
import { STRUCTURE } from './rules/structure.ts';

const RULES: readonly Rule[] = [...STRUCTURE, ...POINTERS, ...MEMORY, ...RESOURCES, ...CALLS];

/** For words that no row knows: they are still the best title. */
const UNKNOWN: Rule = {
  code: 'verifier.other',
  category: 'verifier',
  message: /^/,
  explain: (c: Case): Explanation => ({
    title: c.message === '' ? 'The program was rejected.' : c.message,
    places: [...new Set([...c.message.matchAll(/\bR(\d+)\b/g)].map((match) => Number(match[1])))]
      .filter((register) => register <= 10)
      .map((register) => c.place(register)),
  }),
};

/** The rule for a case. The last line decides; where no rule knows it, the lines before are asked, too. */
export function ruleFor(subject: Case): Rule {
  const rule =
    RULES.find((candidate) => subject.matches(candidate, 'message')) ??
    RULES.find((candidate) => subject.matches(candidate, 'lines'));
  if (rule !== undefined) return rule;
  subject.matches(UNKNOWN, 'message');
  return UNKNOWN;
}

/** The general advice for a message, for those who have nothing but the message. */
export function hintFor(message: string): string | undefined {
  return RULES.find((rule) => rule.message.test(message))?.hint;
}
