/** Why a program was rejected, as pages show it. */
import type { CausalStepView, DiagnosisView, SuggestionView, TrialView } from '../protocol/verifier.ts';
import { diagnose } from '../verifier/diagnosis/diagnose.ts';
import type {
  CausalStep,
  Diagnosis,
  DiagnosisPlace,
  DiagnosisSource,
  Suggestion,
  SuggestionPlace,
  Trial,
} from '../verifier/diagnosis/diagnosis.ts';
import type { Verification } from '../verifier/verification.ts';
import type { Desk } from './desk.ts';

const known = new WeakMap<Verification, Diagnosis>();

/** Made once for each rejection: the program is verified again a few times. Undefined when it was accepted. */
export function diagnosisOf(desk: Desk, verification: Verification): DiagnosisView | undefined {
  if (verification.verdict === 'accepted') return undefined;
  const { work } = desk.host;
  const found =
    known.get(verification) ??
    desk.silently(`explaining why ${verification.program.name} is rejected`, () =>
      diagnose(verification.program, verification, { isCancelled: () => work.isCancelled() }),
    );
  if (found === undefined) return undefined;
  // What was cut off is said this time, and looked for again the next.
  if (!work.isCancelled()) known.set(verification, found);
  return diagnosisView(found);
}

function diagnosisView(diagnosis: Diagnosis): DiagnosisView {
  const { categoryName, title, message, reason, at, path, suggestions } = diagnosis;
  return {
    category: categoryName,
    title,
    message,
    reason,
    ...(at === undefined ? {} : { at: placeView(at) }),
    path: path.map((step, i) => stepView(step, i === path.length - 1)),
    suggestions: suggestions.map(suggestionView),
  };
}

function placeView({ insn, function: name, text, operand, source }: DiagnosisPlace): NonNullable<DiagnosisView['at']> {
  return {
    insn,
    function: name,
    text,
    ...(operand === undefined ? {} : { operand: { from: operand.start, to: operand.end } }),
    ...sourceView(source),
    ...(source === undefined ? {} : { caret: { from: source.range.start, to: source.range.end } }),
  };
}

function sourceView(source: DiagnosisSource | undefined): { file?: string; line?: number; source?: string } {
  return source === undefined ? {} : { file: source.file, line: source.line, source: source.text };
}

function stepView(step: CausalStep, isLast: boolean): CausalStepView {
  const turns = step.turns > 1 ? ` (${step.turns} times)` : '';
  return {
    insn: step.insn,
    frame: step.frame,
    function: step.function,
    ...sourceView(step.source),
    text: `${step.what}${turns}`,
    change: step.change,
    failed: isLast && step.kind === 'error',
  };
}

function suggestionView({ text, code, at, tried, elsewhere }: Suggestion): SuggestionView {
  const trial = trialView(tried);
  return {
    text,
    ...(code === undefined ? {} : { code }),
    ...(at === undefined ? {} : { where: whereView(at) }),
    ...(trial === undefined ? {} : { tried: trial }),
    ...(elsewhere.length === 0 ? {} : { others: elsewhere.map(otherView) }),
  };
}

function whereView({ insn, file, line }: SuggestionPlace): NonNullable<SuggestionView['where']> {
  return { insn, ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }) };
}

function otherView(place: SuggestionPlace): NonNullable<SuggestionView['others']>[number] {
  const tried = trialView(place.tried);
  return {
    ...whereView(place),
    function: place.function,
    code: place.code,
    ...(tried === undefined ? {} : { tried }),
  };
}

function trialView(trial: Trial): TrialView | undefined {
  switch (trial.kind) {
    case 'accepted':
      return { verdict: 'accepted', insns: trial.insns, message: '' };
    case 'rejected':
      return { verdict: 'rejected', insns: trial.insns, message: trial.message };
    case 'untried':
      return undefined;
  }
}
