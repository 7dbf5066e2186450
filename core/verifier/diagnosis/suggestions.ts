/** What a developer can do, best first. */
import type { VerifyOptions } from '../verification.ts';
import type { Captured } from './capture.ts';
import type { Case, Explanation, Rule } from './case.ts';
import type { Suggestion } from './diagnosis.ts';
import type { Writer } from './steps.ts';
import type { Found } from './trace-values.ts';

export interface Material {
  readonly subject: Case;
  readonly rule: Rule;
  readonly explanation: Explanation;
  readonly found: readonly Found[];
  readonly captured: Captured | undefined;
  readonly writer: Writer;
}

export interface Trying {
  readonly tryOut: boolean;
  readonly isLate: () => boolean;
  readonly verifyOptions: VerifyOptions;
}

export function suggestionsFor({ rule, explanation }: Material, _trying: Trying): Suggestion[] {
  const suggestions: Suggestion[] = [];
  for (const advice of explanation.advice ?? []) {
    if (advice.kind !== 'text') continue;
    suggestions.push({
      text: advice.text,
      ...(advice.code === undefined ? {} : { code: advice.code }),
      tried: { kind: 'untried' },
      elsewhere: [],
    });
  }
  if (suggestions.length === 0 && rule.hint !== undefined)
    suggestions.push({ text: rule.hint, tried: { kind: 'untried' }, elsewhere: [] });
  return suggestions;
}
